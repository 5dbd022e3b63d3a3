//! What a token's claims must say: when it is valid, whom it is for, and what else the site requires. Who issued it is in
//! `issuers.rs`.

use crate::auth::{
    LAST_END_S,
    claims::{Ambiguous, ClaimName, Members, has_value},
};
use serde_json::Value;
use std::borrow::Cow;

/// How far clocks may be apart, in s.
pub(in crate::auth) const LEEWAY_S: f64 = 60.0;

/// Claims that do not say for which service a token is: only who issued it, to whom and when.
const NO_SERVICE: [&str; 22] = [
    "iss",
    "tid",
    "idp",
    "sub",
    "oid",
    "uid",
    "username",
    "email",
    "email_verified",
    "is_anonymous",
    "exp",
    "nbf",
    "iat",
    "auth_time",
    "ver",
    "typ",
    "type",
    "token_use",
    "acr",
    "amr",
    "role",
    "jti",
];
/// OAuth's scopes (RFC 8693, section 4.2) name a service only if the site says so, with `JWT_AUDIENCE_CLAIM`.
const SCOPES: [&str; 2] = ["scope", "scp"];

/// `JWT_AUDIENCE` with `JWT_AUDIENCE_CLAIM`, and `JWT_REQUIRED_CLAIMS`.
#[derive(Clone, Debug)]
pub(crate) struct Requirements(Vec<Requirement>);

/// A claim that must be there, with one of these values.
#[derive(Clone, Debug)]
pub(crate) struct Requirement {
    /// Where it comes from.
    setting: &'static str,
    claim: ClaimName,
    values: Vec<String>,
}

impl Requirements {
    /// The audience that a token must be for, if any, and the pairs of name and value in `JWT_REQUIRED_CLAIMS`. A claim that is
    /// listed more than once must have one of the listed values.
    pub(crate) fn new(audience: Option<Requirement>, claims: &[(&str, &str)]) -> Self {
        let mut required: Vec<Requirement> = Vec::new();
        for (name, value) in claims {
            let claim = ClaimName::new(name);
            match required.iter_mut().find(|required| required.claim == claim) {
                Some(required) => required.values.push((*value).to_owned()),
                None => required.push(Requirement { setting: CLAIMS, claim, values: vec![(*value).to_owned()] }),
            }
        }
        Self(audience.into_iter().chain(required).collect())
    }

    /// Whether one of them says for which service a token is.
    pub(crate) fn name_a_service(&self) -> bool {
        self.0.iter().any(Requirement::names_a_service)
    }

    /// The values that `JWT_REQUIRED_CLAIMS` lists for this claim.
    pub(super) fn values(&self, claim: &str) -> &[String] {
        let listed = self.0.iter().find(|required| required.setting == CLAIMS && required.claim.as_str() == claim);
        listed.map(|required| required.values.as_slice()).unwrap_or_default()
    }

    /// # Errors
    /// Which requirement the claims do not meet, for the log.
    pub(super) fn check(&self, claims: &Members, now_ms: u64) -> Result<(), Cow<'static, str>> {
        check_time(claims, now_ms)?;
        match self.0.iter().find(|required| !required.is_met_by(claims)) {
            None => Ok(()),
            Some(Requirement { setting, claim, .. }) => {
                Err(format!("the token's {} is missing or not in {setting}", claim.as_str()).into())
            }
        }
    }
}

/// What a requirement says about a token's claims.
#[cfg(feature = "operator")]
pub(super) struct Explained<'a> {
    pub(super) setting: &'static str,
    pub(super) claim: &'a str,
    /// The values of which the claim must have one.
    pub(super) values: &'a [String],
    pub(super) found: Option<&'a Value>,
    pub(super) is_met: bool,
}

#[cfg(feature = "operator")]
impl Requirements {
    /// All requirements, with what the claims say about each.
    pub(super) fn each<'a>(&'a self, claims: &'a Members) -> impl Iterator<Item = Explained<'a>> {
        self.0.iter().map(|required| Explained {
            setting: required.setting,
            claim: required.claim.as_str(),
            values: &required.values,
            found: required.claim.find(|name| claims.get(name)).ok().flatten(),
            is_met: required.is_met_by(claims),
        })
    }
}

const CLAIMS: &str = "JWT_REQUIRED_CLAIMS";
pub(super) const AUDIENCE: &str = "JWT_AUDIENCE";

impl Requirement {
    /// `JWT_AUDIENCE`: `claim` must be there, with one of these values.
    pub(crate) fn audience(claim: &str, values: Vec<String>) -> Self {
        Self { setting: AUDIENCE, claim: ClaimName::new(claim), values }
    }

    fn names_a_service(&self) -> bool {
        let is_scope = self.setting == CLAIMS && SCOPES.iter().any(|scope| self.claim.is_within(scope));
        !is_scope && !NO_SERVICE.iter().any(|name| self.claim.is_within(name))
    }

    fn is_met_by(&self, claims: &Members) -> bool {
        match self.claim.find(|name| claims.get(name)) {
            Ok(Some(claim)) => {
                self.values.iter().any(|wanted| has_value(claim, wanted) || self.is_scope(claim, wanted))
            }
            Ok(None) | Err(Ambiguous) => false,
        }
    }

    /// Scopes are one string with spaces between.
    fn is_scope(&self, claim: &Value, wanted: &str) -> bool {
        let scopes = claim.as_str().filter(|_| SCOPES.contains(&self.claim.as_str()));
        scopes.is_some_and(|scopes| scopes.split(' ').any(|scope| scope == wanted))
    }
}

/// `exp` is required and `nbf` is optional; Unix time in s, where fractions are allowed (RFC 7519, section 2).
pub(super) fn check_time(claims: &Members, now_ms: u64) -> Result<(), &'static str> {
    #[expect(clippy::cast_precision_loss, reason = "it is exact for some 280,000 years")]
    let (now, latest_s) = (now_ms as f64 / 1000.0, LAST_END_S as f64);
    let exp_s = claims.get("exp").and_then(Value::as_f64).ok_or("the token has no exp, or one that is not a number")?;
    if exp_s > latest_s {
        return Err("the token's exp is in ms, or too far in the future");
    }
    if exp_s + LEEWAY_S < now {
        return Err("the token has expired");
    }
    match claims.get("nbf").map(Value::as_f64) {
        None => Ok(()),
        Some(Some(nbf_s)) if nbf_s >= 0.0 && nbf_s <= now + LEEWAY_S => Ok(()),
        Some(Some(nbf_s)) if nbf_s >= 0.0 => Err("the token is not valid yet"),
        Some(_) => Err("the token's nbf is not a time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(requirements: &Requirements, mut claims: Value) -> Result<(), String> {
        claims["exp"] = json!(1_000);
        let claims: Members = serde_json::from_value(claims).expect("an object");
        requirements.check(&claims, 1_000_000).map_err(Cow::into_owned)
    }

    #[test]
    fn every_claim_must_have_one_of_its_values() {
        let requirements = Requirements::new(
            None,
            &[("token_use", "access"), ("azp", "https://a.example"), ("azp", "https://b.example"), ("data.level", "7")],
        );
        let good = json!({"token_use": "access", "azp": "https://b.example", "data": {"level": 7}});
        assert_eq!(check(&requirements, good.clone()), Ok(()));
        for (name, value) in [
            ("token_use", json!("id")),
            ("token_use", json!("access id")),
            ("token_use", json!(["id"])),
            ("token_use", json!(true)),
            ("azp", json!("https://a.example,https://b.example")),
            ("azp", json!("https://evil.example")),
            ("azp", Value::Null),
            ("data", json!({"level": 77})),
            ("data", json!("7")),
        ] {
            let mut claims = good.clone();
            claims[name] = value;
            let why = check(&requirements, claims).expect_err(name);
            assert!(why.contains("JWT_REQUIRED_CLAIMS") && why.contains(name), "{why}");
        }
    }

    #[test]
    fn the_audience_may_be_in_another_claim() {
        let audience = Requirement::audience("client_id", vec!["chat".into(), "web".into()]);
        let requirements = Requirements::new(Some(audience), &[]);
        assert_eq!(check(&requirements, json!({"client_id": "web"})), Ok(()));
        for claims in [json!({"aud": "web"}), json!({"client_id": "other", "aud": "web"}), json!({})] {
            assert!(
                check(&requirements, claims)
                    .expect_err("refused")
                    .contains("client_id is missing or not in JWT_AUDIENCE")
            );
        }
    }

    #[test]
    fn scopes_are_compared_one_by_one() {
        let requirements = Requirements::new(None, &[("scope", "chat")]);
        for scope in [json!("chat"), json!("openid chat email"), json!(["openid", "chat"])] {
            assert_eq!(check(&requirements, json!({ "scope": scope })), Ok(()));
        }
        for scope in [json!("chats"), json!("openid,chat"), json!(""), json!("no-chat")] {
            assert!(check(&requirements, json!({ "scope": scope })).is_err(), "{scope}");
        }
    }
}
