//! `JWT_ISSUER`: the issuers whose tokens are accepted, and which of them have the same users.
//!
//! With one issuer, a user is known by the user claim. With several, two people may have the same user claim, one at each issuer. So
//! the users of each issuer after the first are known by issuer and user claim. Those of the first one are known as before: adding an
//! issuer changes nobody's identity.

use super::requirements::Requirements;
use crate::auth::claims::Members;
use serde_json::Value;
use std::sync::Arc;

/// The claim that names the Microsoft Entra tenant of a token, and its placeholders in an issuer. Microsoft's metadata use the second
/// placeholder (*OpenID Connect on the Microsoft identity platform*).
const TENANT: &str = "tid";
const PLACEHOLDERS: [&str; 2] = ["{tid}", "{tenantid}"];

/// The longest name of an issuer, in bytes. It can be part of a key in DynamoDB, which has at most 2,048.
const LONGEST: usize = 512;

/// The issuers whose tokens are accepted.
#[derive(Clone, Debug)]
pub(crate) struct Issuers(Vec<Issuer>);

/// Why a list of issuers cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidIssuers {
    /// It is empty, or an issuer after the first contains `#` or is too long to be part of a key.
    Malformed,
    /// It names an issuer twice.
    Repeated,
    /// It has a placeholder for the token's tenant, but no tenants are listed.
    NoTenants,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Issuer {
    name: String,
    /// What the token's `tid` must be, if the name contains the tenant.
    tenant: Option<String>,
    users: Users,
}

/// The issuer, as part of its users' identity. `None` for the first issuer: its users are known by their ids alone.
pub(super) type Users = Option<Arc<str>>;

impl Issuers {
    /// The issuers that the entries of the list stand for. Their tenants are those that `required` lists.
    ///
    /// # Errors
    /// [`InvalidIssuers`], which says why the list cannot be used.
    pub(crate) fn parse(entries: &[String], required: &Requirements) -> Result<Self, InvalidIssuers> {
        let mut issuers: Vec<Issuer> = Vec::new();
        for entry in entries {
            for tenant in tenants(entry, required)? {
                let names: Vec<_> = names(entry, tenant.as_deref()).collect();
                let users = if issuers.is_empty() { None } else { names.first().map(|name| Arc::from(name.as_str())) };
                issuers.extend(names.into_iter().map(|name| Issuer {
                    name,
                    tenant: tenant.clone(),
                    users: users.clone(),
                }));
            }
        }
        let is_bad =
            |issuer: &Issuer| issuer.users.is_some() && (issuer.name.contains('#') || issuer.name.len() > LONGEST);
        if issuers.is_empty() || issuers.iter().any(is_bad) {
            return Err(InvalidIssuers::Malformed);
        }
        if issuers.iter().enumerate().any(|(nth, issuer)| issuers[..nth].iter().any(|other| other.name == issuer.name))
        {
            return Err(InvalidIssuers::Repeated);
        }
        Ok(Self(issuers))
    }

    /// The issuer, as part of the user's identity, if the token's issuer is accepted.
    ///
    /// # Errors
    /// Why the token is refused, for the log.
    pub(super) fn accept(&self, claims: &Members) -> Result<Users, &'static str> {
        let Some(Value::String(name)) = claims.get("iss") else { return Err("the token's iss is not a string") };
        match self.0.iter().find(|issuer| issuer.name == *name) {
            Some(issuer) => match (&issuer.tenant, claims.get(TENANT).and_then(Value::as_str)) {
                (Some(tenant), claimed) if claimed != Some(tenant) => {
                    Err("the token's tid is not the tenant of its iss")
                }
                _ => Ok(issuer.users.clone()),
            },
            None if self.0.iter().any(|issuer| issuer.name.trim_end_matches('/') == name.trim_end_matches('/')) => {
                Err("the token's iss differs from JWT_ISSUER by a slash at its end")
            }
            None => Err("the token's iss is not in JWT_ISSUER"),
        }
    }
}

#[cfg(feature = "operator")]
impl Issuers {
    /// The names of all issuers.
    pub(in crate::auth) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|issuer| issuer.name.as_str()).collect()
    }
}

/// For which tenants an entry of the list stands: one issuer each.
fn tenants(entry: &str, required: &Requirements) -> Result<Vec<Option<String>>, InvalidIssuers> {
    if !PLACEHOLDERS.iter().any(|placeholder| entry.contains(placeholder)) {
        return Ok(vec![None]);
    }
    let tenants = required.values(TENANT);
    if tenants.is_empty() {
        return Err(InvalidIssuers::NoTenants);
    }
    Ok(tenants.iter().cloned().map(Some).collect())
}

/// The issuers of an entry. They have the same users.
fn names<'a>(entry: &'a str, tenant: Option<&'a str>) -> impl Iterator<Item = String> + 'a {
    let parts = entry.split('|').map(str::trim).filter(|part| !part.is_empty());
    parts.map(move |name| tenant.map_or_else(|| name.to_owned(), |tenant| of_tenant(name, tenant)))
}

/// This tenant's issuer.
fn of_tenant(issuer: &str, tenant: &str) -> String {
    PLACEHOLDERS.iter().fold(issuer.to_owned(), |issuer, placeholder| issuer.replace(placeholder, tenant))
}

/// Whether a key may sign these claims, if its set says that it is for this issuer (*Access tokens in the Microsoft identity platform*,
/// on tokens of several tenants): the token's issuer is the same, or names the same tenant. The two versions of Entra's tokens
/// have different issuers for one tenant.
pub(super) fn vouches_for(issuer: &str, claims: &Members) -> bool {
    let text = |name| claims.get(name).and_then(Value::as_str);
    let Some(iss) = text("iss") else { return false };
    match text(TENANT).filter(|tenant| !tenant.is_empty()) {
        None => issuer == iss,
        Some(tenant) => {
            let issuer = of_tenant(issuer, tenant);
            let names_tenant = |issuer: &str| issuer.split('/').any(|part| part == tenant);
            issuer == iss || (names_tenant(&issuer) && names_tenant(iss))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(list: &str, tenants: &[&str]) -> Result<Issuers, InvalidIssuers> {
        let entries: Vec<_> =
            list.split(',').filter(|entry| !entry.is_empty()).map(|entry| entry.trim().to_owned()).collect();
        let claims: Vec<_> = tenants.iter().map(|tenant| (TENANT, *tenant)).collect();
        Issuers::parse(&entries, &Requirements::new(None, &claims))
    }

    fn accept(issuers: &Issuers, claims: Value) -> Result<Option<String>, &'static str> {
        let claims: Members = serde_json::from_value(claims).expect("an object");
        issuers.accept(&claims).map(|users| users.map(|users| users.to_string()))
    }

    #[test]
    fn only_the_first_issuers_users_are_known_by_their_ids_alone() {
        let issuers = read("https://a.example/, https://b.example|b.example, https://c.example", &[]).expect("a list");
        for (iss, users) in [
            ("https://a.example/", None),
            ("https://b.example", Some("https://b.example")),
            ("b.example", Some("https://b.example")),
            ("https://c.example", Some("https://c.example")),
        ] {
            assert_eq!(accept(&issuers, json!({ "iss": iss })), Ok(users.map(str::to_owned)), "{iss}");
        }
    }

    #[test]
    fn adding_an_issuer_changes_no_existing_users_identity() {
        let before = read("https://a.example", &[]).expect("one issuer");
        let after = read("https://a.example,https://b.example", &[]).expect("two issuers");
        let token = json!({"iss": "https://a.example"});
        assert_eq!(accept(&before, token.clone()), accept(&after, token));
        assert_ne!(accept(&after, json!({"iss": "https://b.example"})), Ok(None));
    }

    #[test]
    fn issuers_are_compared_exactly() {
        let issuers = read("https://a.example/,https://b.example", &[]).expect("a list");
        for iss in
            ["https://a.example", "https://b.example/", "https://A.example/", "https://a.example//", "a.example", ""]
        {
            assert!(accept(&issuers, json!({ "iss": iss })).is_err(), "{iss}");
        }
        for iss in [json!(null), json!(["https://a.example/"]), json!("https://a.example/,https://b.example"), json!(7)]
        {
            assert!(accept(&issuers, json!({ "iss": iss })).is_err(), "{iss}");
        }
        assert!(accept(&issuers, json!({"iss": "https://a.example"})).expect_err("refused").contains("slash"));
    }

    #[test]
    fn a_tenant_must_be_listed_and_equal_the_tokens_tid() {
        const LIST: &str = "https://sts.example/{tid}/|https://login.example/{tenantid}/v2.0";
        let issuers = read(LIST, &["one", "two"]).expect("a list");
        for (iss, tid, users) in [
            ("https://login.example/one/v2.0", "one", None),
            ("https://sts.example/one/", "one", None),
            ("https://login.example/two/v2.0", "two", Some("https://sts.example/two/")),
            ("https://sts.example/two/", "two", Some("https://sts.example/two/")),
        ] {
            assert_eq!(accept(&issuers, json!({"iss": iss, "tid": tid})), Ok(users.map(str::to_owned)), "{iss}");
        }
        for claims in [
            json!({"iss": "https://login.example/one/v2.0", "tid": "two"}),
            json!({"iss": "https://login.example/one/v2.0"}),
            json!({"iss": "https://login.example/three/v2.0", "tid": "three"}),
            json!({"iss": "https://login.example/{tid}/v2.0", "tid": "{tid}"}),
        ] {
            assert!(accept(&issuers, claims.clone()).is_err(), "{claims}");
        }
        assert_eq!(read(LIST, &[]).err(), Some(InvalidIssuers::NoTenants));
    }

    #[test]
    fn a_malformed_list_is_refused() {
        for list in [",", "|", "https://a.example,https://b.example/#x"] {
            assert_eq!(read(list, &[]).err(), Some(InvalidIssuers::Malformed), "{list}");
        }
        assert_eq!(read("https://a.example,https://a.example", &[]).err(), Some(InvalidIssuers::Repeated));
        assert!(read("https://a.example/#x", &[]).is_ok(), "a single one is part of no key");
    }
}
