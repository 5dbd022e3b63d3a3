//! Environment variables to typed settings: read once, at init, each function only what it uses. A missing or bad value
//! ends init with one line that names it.

mod groups;
mod names;
pub(crate) mod source;

use crate::auth::Auth;
use reqwest::Url;
use ring::digest::{SHA256, digest};
use serde_json::json;
use source::safe_url;
use uuid::{Uuid, fmt::Hyphenated};

pub use groups::Groups;
pub use names::{NAMES, check as check_names};
pub use source::{ConfigError, SHORTEST_SECRET, Source};

/// What all four functions read.
#[derive(Clone, Debug)]
pub struct Common {
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `AUTH`.
    pub auth: Auth,
    /// `GROUPS`.
    pub groups: Groups,
}

impl Common {
    /// # Errors
    /// [`ConfigError`] for misspelt names, then for the first variable that is missing or bad.
    pub async fn read(source: &Source<'_>) -> Result<Self, ConfigError> {
        // First: otherwise the setting that was meant would be reported as missing, or nothing at all.
        check_names(source)?;
        Ok(Self {
            table_name: source.required("TABLE_NAME", "the name of the DynamoDB table")?,
            auth: Auth::read(source).await?,
            groups: Groups::read(source)?,
        })
    }
}

/// The site's account at LiveChat.
#[derive(Clone, Debug)]
pub struct LiveChat {
    /// `LIVECHAT_CLIENT_ID`, from the app in LiveChat's console.
    pub client_id: String,
    /// Whose customers they are, and so which version of the API is used.
    pub tenant: Tenant,
    /// `LIVECHAT_LICENSE_ID`, which answers carry as `licenseId`.
    pub license_id: Option<u64>,
    /// `LIVECHAT_REDIRECT_URI`: one of the app's whitelisted URIs.
    pub redirect_uri: String,
    /// The redirect URI's origin, as `Origin` has it (RFC 6454).
    pub origin: String,
    /// `LIVECHAT_ACCOUNTS_URL`.
    pub accounts_url: Url,
}

impl LiveChat {
    /// What answers carry of these.
    pub fn account(&self) -> Account {
        let organization_id = match &self.tenant {
            Tenant::Organization(id) => Some(id.clone()),
            Tenant::License(_) => None,
        };
        Account { license_id: self.license_id, organization_id }
    }

    /// Tells these settings from others that LiveChat may answer otherwise: the beginning of a hash of everything that its answer
    /// depends on, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let Account { license_id, organization_id } = self.account();
        // JSON, so that no two values can pass for two others.
        let settings =
            json!([self.client_id, organization_id, license_id, self.redirect_uri, self.accounts_url.as_str()]);
        let mut hash = hex::encode(digest(&SHA256, settings.to_string().as_bytes()));
        hash.truncate(16);
        hash
    }
}

/// What answers carry beside the token: the account that it is for.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// `licenseId`.
    pub license_id: Option<u64>,
    /// `organizationId`.
    pub organization_id: Option<String>,
}

/// An account, by the id that each version of the API knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// v1: `license_id`.
    License(u64),
    /// v2: `organization_id`.
    Organization(String),
}

impl LiveChat {
    const DEFAULT_ACCOUNTS_URL: &'static str = "https://accounts.livechat.com";

    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or bad.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        let client_id = source.required("LIVECHAT_CLIENT_ID", "the client id of your app in LiveChat's console")?;
        if !client_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::bad("LIVECHAT_CLIENT_ID", "the client id of your app, without spaces"));
        }
        let license_id = match source.optional("LIVECHAT_LICENSE_ID") {
            None => None,
            Some(id) => Some(id.parse().map_err(|_| not_a_license(&id))?),
        };
        let redirect = source.required("LIVECHAT_REDIRECT_URI", "one of the redirect URIs of your app")?;
        let origin = origin_of(&redirect)?;
        Ok(Self {
            client_id,
            tenant: read_tenant(source, license_id)?,
            license_id,
            redirect_uri: redirect,
            origin,
            accounts_url: read_accounts_url(source)?,
        })
    }
}

fn read_tenant(source: &Source, license_id: Option<u64>) -> Result<Tenant, ConfigError> {
    if let Some(id) = source.optional("LIVECHAT_ORGANIZATION_ID") {
        return if is_uuid(&id) { Ok(Tenant::Organization(id)) } else { Err(not_an_organization(&id)) };
    }
    license_id.map(Tenant::License).ok_or_else(|| {
        ConfigError::new("Neither LIVECHAT_ORGANIZATION_ID (a UUID) nor LIVECHAT_LICENSE_ID (an integer) is set.")
    })
}

/// The form with hyphens, 8-4-4-4-12 digits, and none of the others that `Uuid` reads. It becomes part of a path.
fn is_uuid(id: &str) -> bool {
    id.len() == Hyphenated::LENGTH && Uuid::try_parse(id).is_ok()
}

fn not_an_organization(id: &str) -> ConfigError {
    if id.bytes().all(|byte| byte.is_ascii_digit()) {
        return ConfigError::new(
            "LIVECHAT_ORGANIZATION_ID is a number, and it must be a UUID, such as 390e44e6-f1e6-4368-8b6d-2b74614508c2. A licence \
             number belongs in LIVECHAT_LICENSE_ID.",
        );
    }
    ConfigError::bad("LIVECHAT_ORGANIZATION_ID", "a UUID, such as 390e44e6-f1e6-4368-8b6d-2b74614508c2")
}

fn not_a_license(id: &str) -> ConfigError {
    if is_uuid(id) {
        return ConfigError::new(
            "LIVECHAT_LICENSE_ID is a UUID, and it must be an integer, such as 12345678. An organization's UUID belongs in \
             LIVECHAT_ORGANIZATION_ID.",
        );
    }
    ConfigError::bad("LIVECHAT_LICENSE_ID", "an integer, such as 12345678")
}

/// LiveChat compares a redirect URI's scheme and host exactly and its path by prefix, and takes no query or fragment.
fn origin_of(redirect: &str) -> Result<String, ConfigError> {
    let url = Url::parse(redirect)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.query().is_none() && url.fragment().is_none());
    url.map(|url| url.origin().ascii_serialization()).ok_or_else(|| {
        ConfigError::bad(
            "LIVECHAT_REDIRECT_URI",
            "an https:// address without query and fragment, as it is in your app's list",
        )
    })
}

fn read_accounts_url(source: &Source) -> Result<Url, ConfigError> {
    const NAME: &str = "LIVECHAT_ACCOUNTS_URL";
    let address = source.optional(NAME).unwrap_or_else(|| LiveChat::DEFAULT_ACCOUNTS_URL.into());
    let url = safe_url(NAME, &address)?;
    if url.query().is_some() {
        return Err(ConfigError::bad(NAME, "an address without a query"));
    }
    Ok(url)
}

/// What to do when LiveChat answers for another customer than the one on record: `ON_IDENTITY_CHANGE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnIdentityChange {
    /// Go on with the new customer, and keep the former one on record.
    #[default]
    Replace,
    /// Refuse, and leave the record alone.
    Reject,
}

impl OnIdentityChange {
    /// # Errors
    /// [`ConfigError`] for an unknown value.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        match source.optional("ON_IDENTITY_CHANGE").as_deref() {
            None | Some("replace") => Ok(Self::Replace),
            Some("reject") => Ok(Self::Reject),
            Some(_) => Err(ConfigError::bad("ON_IDENTITY_CHANGE", "`replace` or `reject`")),
        }
    }
}

/// How many renewals of one user's token may reach LiveChat in a minute, and how many of all the user's groups' together:
/// `RENEWALS_PER_MINUTE`. Ten by default, which no person's browsing comes near to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewalsPerMinute(pub u32);

impl RenewalsPerMinute {
    const DEFAULT: u32 = 10;

    /// # Errors
    /// [`ConfigError`] for anything but a positive integer.
    pub fn read(source: &Source) -> Result<Self, ConfigError> {
        const NAME: &str = "RENEWALS_PER_MINUTE";
        let number = source.optional(NAME).map_or(Ok(Self::DEFAULT), |number| number.parse());
        number
            .ok()
            .filter(|number| *number > 0)
            .map(Self)
            .ok_or_else(|| ConfigError::bad(NAME, "an integer from 1 on, such as 10"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("TABLE_NAME", "cip"),
        ("AUTH", "none"),
        ("LIVECHAT_CLIENT_ID", "bb9e5b2f1ab480e4a715977b7b1b4279"),
        ("LIVECHAT_LICENSE_ID", "12345678"),
        ("LIVECHAT_REDIRECT_URI", "https://shop.example:8443/chat/"),
    ];

    fn with(changes: &[(&str, &str)]) -> Source<'static> {
        let all: std::collections::HashMap<String, String> =
            GOOD.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Source::new(move |name| all.get(name).cloned())
    }

    #[test]
    fn a_licence_means_v1_and_an_organization_wins() {
        let v1 = LiveChat::read(&with(&[])).expect("good settings");
        assert_eq!(v1.tenant, Tenant::License(12_345_678));
        assert_eq!(v1.origin, "https://shop.example:8443");
        assert_eq!(v1.accounts_url.as_str(), "https://accounts.livechat.com/");
        let v2 = LiveChat::read(&with(&[("LIVECHAT_ORGANIZATION_ID", "390e44e6-f1e6-4368-8b6d-2b74614508c2")]))
            .expect("good settings");
        assert_eq!(v2.account().organization_id.as_deref(), Some("390e44e6-f1e6-4368-8b6d-2b74614508c2"));
        assert_eq!(v2.account().license_id, Some(12_345_678));
    }

    #[test]
    fn settings_that_livechat_may_answer_otherwise_have_another_fingerprint() {
        const ORGANIZATION: (&str, &str) = ("LIVECHAT_ORGANIZATION_ID", "390e44e6-f1e6-4368-8b6d-2b74614508c2");
        let fingerprint =
            |changes: &[(&str, &str)]| LiveChat::read(&with(changes)).expect("good settings").fingerprint();
        // printf %s '["bb9e5b2f1ab480e4a715977b7b1b4279",null,12345678,"https://shop.example:8443/chat/","https://accounts.livechat.com/"]' |
        // sha256sum | cut -c 1-16
        assert_eq!(fingerprint(&[]), "92b656c873d0c77a");
        let all = [
            fingerprint(&[]),
            fingerprint(&[("LIVECHAT_CLIENT_ID", "another")]),
            fingerprint(&[("LIVECHAT_LICENSE_ID", "1")]),
            fingerprint(&[ORGANIZATION]),
            fingerprint(&[ORGANIZATION, ("LIVECHAT_LICENSE_ID", "1")]),
            fingerprint(&[("LIVECHAT_REDIRECT_URI", "https://shop.example:8443/")]),
            fingerprint(&[("LIVECHAT_ACCOUNTS_URL", "http://127.0.0.1:3002")]),
        ];
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), all.len(), "{all:?}");
        assert_eq!(fingerprint(&[("ON_IDENTITY_CHANGE", "reject")]), all[0]);
    }

    #[test]
    fn a_bad_value_is_named_in_one_line_and_not_repeated() {
        for (name, value) in [
            ("LIVECHAT_CLIENT_ID", ""),
            ("LIVECHAT_CLIENT_ID", "two words"),
            ("LIVECHAT_LICENSE_ID", ""),
            ("LIVECHAT_LICENSE_ID", "twelve"),
            ("LIVECHAT_LICENSE_ID", "-1"),
            ("LIVECHAT_ORGANIZATION_ID", "../token"),
            ("LIVECHAT_ORGANIZATION_ID", "acme-shop"),
            ("LIVECHAT_ORGANIZATION_ID", "7d2f6c1e93ab4c558f0e0b1c2d3e4f50"),
            ("LIVECHAT_ORGANIZATION_ID", "{7d2f6c1e-93ab-4c55-8f0e-0b1c2d3e4f50}"),
            ("LIVECHAT_ORGANIZATION_ID", "urn:uuid:7d2f6c1e-93ab-4c55-8f0e-0b1c2d3e4f50"),
            ("LIVECHAT_ORGANIZATION_ID", "7d2f6c1e-93ab-4c55-8f0e-0b1c2d3e4f5"),
            ("LIVECHAT_ORGANIZATION_ID", "7d2f6c1e-93ab-4c55-8f0e-0b1c2d3e4g50"),
            ("LIVECHAT_ORGANIZATION_ID", "7d2f6c1e-93ab4-c55-8f0e-0b1c2d3e4f50"),
            ("LIVECHAT_REDIRECT_URI", " "),
            ("LIVECHAT_REDIRECT_URI", "shop.example"),
            ("LIVECHAT_REDIRECT_URI", "https://shop.example/?a=b"),
            ("LIVECHAT_REDIRECT_URI", "https://shop.example/#a"),
            ("LIVECHAT_REDIRECT_URI", "javascript:alert(1)"),
            ("LIVECHAT_ACCOUNTS_URL", "http://accounts.livechat.com"),
            ("LIVECHAT_ACCOUNTS_URL", "http://127.0.0.1.example"),
            ("LIVECHAT_ACCOUNTS_URL", "accounts"),
        ] {
            let line = LiveChat::read(&with(&[(name, value)])).expect_err("a bad value").to_string();
            assert!(line.contains(name) && !line.contains('\n'), "{line}");
            assert!(value.trim().is_empty() || !line.contains(value), "{line}");
        }
    }

    #[test]
    fn each_id_in_the_others_place_is_told_where_it_belongs() {
        let refusal = |name, value| LiveChat::read(&with(&[(name, value)])).expect_err("refused").to_string();
        let line = refusal("LIVECHAT_ORGANIZATION_ID", "19283746");
        assert!(line.contains("belongs in LIVECHAT_LICENSE_ID") && !line.contains("19283746"), "{line}");
        let line = refusal("LIVECHAT_LICENSE_ID", "7d2f6c1e-93ab-4c55-8f0e-0b1c2d3e4f50");
        assert!(line.contains("belongs in LIVECHAT_ORGANIZATION_ID") && !line.contains("7d2f6c1e"), "{line}");
    }

    #[test]
    fn an_organization_may_be_written_in_capitals() {
        const CAPITALS: &str = "390E44E6-F1E6-4368-8B6D-2B74614508C2";
        let livechat = LiveChat::read(&with(&[("LIVECHAT_ORGANIZATION_ID", CAPITALS)])).expect("good settings");
        assert_eq!(livechat.tenant, Tenant::Organization(CAPITALS.into()));
    }

    #[tokio::test]
    async fn a_misspelt_name_comes_before_what_is_missing() {
        let source = Source::new(|name| (name == "LIVECHAT_CLINT_ID").then(|| "x".to_owned()))
            .with_names(|| vec!["LIVECHAT_CLINT_ID".into()]);
        let line = Common::read(&source).await.expect_err("refused").to_string();
        assert!(line.contains("did you mean LIVECHAT_CLIENT_ID?"), "{line}");
    }

    #[test]
    fn an_unencrypted_accounts_url_is_for_this_machine_only() {
        for url in ["http://127.0.0.1:3002", "http://localhost:1", "http://[::1]:1", "http://host.docker.internal:3002"]
        {
            assert!(LiveChat::read(&with(&[("LIVECHAT_ACCOUNTS_URL", url)])).is_ok(), "{url}");
        }
    }

    #[test]
    fn an_identity_change_is_replaced_unless_asked_otherwise() {
        assert_eq!(OnIdentityChange::read(&with(&[])).ok(), Some(OnIdentityChange::Replace));
        assert_eq!(
            OnIdentityChange::read(&with(&[("ON_IDENTITY_CHANGE", "reject")])).ok(),
            Some(OnIdentityChange::Reject)
        );
        assert!(OnIdentityChange::read(&with(&[("ON_IDENTITY_CHANGE", "ignore")])).is_err());
    }

    #[test]
    fn there_is_always_a_limit_to_renewals() {
        let read = |value| RenewalsPerMinute::read(&with(&[("RENEWALS_PER_MINUTE", value)]));
        assert_eq!(read("").ok(), Some(RenewalsPerMinute(10)));
        assert_eq!(read("1").ok(), Some(RenewalsPerMinute(1)));
        for bad in ["0", "-1", "ten", "1.5", "4294967296"] {
            assert!(read(bad).expect_err("refused").to_string().contains("RENEWALS_PER_MINUTE"), "{bad}");
        }
    }
}
