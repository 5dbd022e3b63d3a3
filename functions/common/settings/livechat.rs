//! `LIVECHAT_*`: the site's account at LiveChat.

use super::{AgentCredentialsSource, ConfigError, Lookup, agent, details, lookup::safe_url};
use crate::renewal::Grants;
use reqwest::Url;
use ring::digest::{SHA256, digest};
use serde_json::json;
use uuid::{Uuid, fmt::Hyphenated};

/// The site's account at LiveChat.
#[derive(Clone, Debug)]
pub struct LiveChat {
    /// `LIVECHAT_CLIENT_ID`, from the app in LiveChat's console.
    pub client_id: String,
    /// `LIVECHAT_ORGANIZATION_ID` or, if that is not set, `LIVECHAT_LICENSE_ID`: the account that the customers belong to. It decides which
    /// version of LiveChat's API is used.
    pub tenant: Tenant,
    /// `LIVECHAT_LICENSE_ID`, which token objects have as `licenseId`. Required with the API's version 1.
    pub license_id: Option<u64>,
    /// `LIVECHAT_REDIRECT_URI`: one of the app's redirect URIs.
    pub redirect_uri: String,
    /// The origin of the redirect URI, which requests to LiveChat have as `Origin` (RFC 6454).
    pub origin: String,
    /// `LIVECHAT_ACCOUNTS_URL`: where the Customer Accounts API is. `https://accounts.livechat.com` by default.
    pub accounts_url: Url,
    /// `LIVECHAT_API_URL`: where the Customer Chat API is. `https://api.livechatinc.com` by default.
    pub api_url: Url,
    /// `LIVECHAT_GRANT`, and whether there are an agent's credentials: how tokens may be requested.
    pub grants: Grants,
    /// `LIVECHAT_AGENT_CREDENTIALS` or `LIVECHAT_AGENT_CREDENTIALS_ARN`.
    pub agent: Option<AgentCredentialsSource>,
}

impl LiveChat {
    const DEFAULT_ACCOUNTS_URL: &'static str = "https://accounts.livechat.com";
    const DEFAULT_API_URL: &'static str = "https://api.livechatinc.com";

    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or invalid.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, ConfigError> {
        let client_id = lookup.required("LIVECHAT_CLIENT_ID", "the client id of your app in LiveChat's console")?;
        if !client_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::invalid("LIVECHAT_CLIENT_ID", "the client id of your app, without spaces"));
        }
        let license_id = match lookup.optional("LIVECHAT_LICENSE_ID") {
            None => None,
            Some(id) => Some(id.parse().map_err(|_| not_a_license(&id))?),
        };
        let redirect = lookup.required("LIVECHAT_REDIRECT_URI", "one of the redirect URIs of your app")?;
        let origin = origin_of(&redirect)?;
        let (grants, agent) = agent::read(lookup)?;
        let tenant = read_tenant(lookup, license_id)?;
        details::check_tenant(lookup, &tenant)?;
        Ok(Self {
            client_id,
            tenant,
            license_id,
            redirect_uri: redirect,
            origin,
            accounts_url: read_url(lookup, "LIVECHAT_ACCOUNTS_URL", Self::DEFAULT_ACCOUNTS_URL)?,
            api_url: read_url(lookup, "LIVECHAT_API_URL", Self::DEFAULT_API_URL)?,
            grants,
            agent,
        })
    }

    /// The account, as token objects have it.
    pub fn account(&self) -> Account {
        let organization_id = match &self.tenant {
            Tenant::Organization(id) => Some(id.clone()),
            Tenant::License(_) => None,
        };
        Account { license_id: self.license_id, organization_id }
    }

    /// A hash of the settings that LiveChat's response depends on: 16 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let Account { license_id, organization_id } = self.account();
        // JSON, so that no two lists of values have the same hash.
        let mut settings = vec![
            json!(self.client_id),
            json!(organization_id),
            json!(license_id),
            json!(self.redirect_uri),
            json!(self.accounts_url.as_str()),
        ];
        // Without an agent, the hash is that of earlier versions.
        if let Some(agent) = &self.agent {
            let credentials = match agent {
                AgentCredentialsSource::Inline(agent) => &agent.client_id,
                AgentCredentialsSource::Stored(arn) => arn,
            };
            settings.extend([json!(format!("{:?}", self.grants)), json!(credentials)]);
        }
        let mut hash = hex::encode(digest(&SHA256, json!(settings).to_string().as_bytes()));
        hash.truncate(16);
        hash
    }
}

/// The account that a token is for, as its token object has it.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// `licenseId`.
    pub license_id: Option<u64>,
    /// `organizationId`.
    pub organization_id: Option<String>,
}

/// The id of an account, which depends on the version of LiveChat's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// v1: `license_id`.
    License(u64),
    /// v2: `organization_id`.
    Organization(String),
}

fn read_tenant(lookup: &Lookup, license_id: Option<u64>) -> Result<Tenant, ConfigError> {
    if let Some(id) = lookup.optional("LIVECHAT_ORGANIZATION_ID") {
        return if is_uuid(&id) { Ok(Tenant::Organization(id)) } else { Err(not_an_organization(&id)) };
    }
    license_id.map(Tenant::License).ok_or_else(|| {
        ConfigError::new("Neither LIVECHAT_ORGANIZATION_ID (a UUID) nor LIVECHAT_LICENSE_ID (an integer) is set.")
    })
}

/// Whether this is a UUID with hyphens, of 8-4-4-4-12 digits: `Uuid` reads other formats too. The id becomes part of a path.
fn is_uuid(id: &str) -> bool {
    id.len() == Hyphenated::LENGTH && Uuid::try_parse(id).is_ok()
}

fn not_an_organization(id: &str) -> ConfigError {
    if id.bytes().all(|byte| byte.is_ascii_digit()) {
        return ConfigError::new(
            "LIVECHAT_ORGANIZATION_ID is a number: expected a UUID, such as 390e44e6-f1e6-4368-8b6d-2b74614508c2. A licence \
             number belongs in LIVECHAT_LICENSE_ID.",
        );
    }
    ConfigError::invalid("LIVECHAT_ORGANIZATION_ID", "a UUID, such as 390e44e6-f1e6-4368-8b6d-2b74614508c2")
}

fn not_a_license(id: &str) -> ConfigError {
    if is_uuid(id) {
        return ConfigError::new(
            "LIVECHAT_LICENSE_ID is a UUID: expected an integer, such as 12345678. An organization's UUID belongs in \
             LIVECHAT_ORGANIZATION_ID.",
        );
    }
    ConfigError::invalid("LIVECHAT_LICENSE_ID", "an integer, such as 12345678")
}

/// LiveChat compares a redirect URI's scheme and host exactly and its path by prefix. It accepts no query or fragment.
fn origin_of(redirect: &str) -> Result<String, ConfigError> {
    let url = Url::parse(redirect)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.query().is_none() && url.fragment().is_none());
    url.map(|url| url.origin().ascii_serialization()).ok_or_else(|| {
        ConfigError::invalid(
            "LIVECHAT_REDIRECT_URI",
            "an https:// address without query and fragment, as it is in your app's list",
        )
    })
}

fn read_url(lookup: &Lookup, name: &str, default: &str) -> Result<Url, ConfigError> {
    let address = lookup.optional(name);
    let url = safe_url(name, address.as_deref().unwrap_or(default))?;
    if url.query().is_some() {
        return Err(ConfigError::invalid(name, "an address without a query"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("LIVECHAT_CLIENT_ID", "bb9e5b2f1ab480e4a715977b7b1b4279"),
        ("LIVECHAT_LICENSE_ID", "12345678"),
        ("LIVECHAT_REDIRECT_URI", "https://shop.example:8443/chat/"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<LiveChat, ConfigError> {
        let all: std::collections::HashMap<_, _> = GOOD.iter().chain(changes).copied().collect();
        LiveChat::from_lookup(&Lookup::new(|name| all.get(name).map(|value| (*value).to_owned())))
    }

    #[test]
    fn an_organization_id_has_priority_over_a_licence() {
        let v1 = read(&[]).expect("good settings");
        assert_eq!(v1.tenant, Tenant::License(12_345_678));
        assert_eq!(v1.origin, "https://shop.example:8443");
        assert_eq!(v1.accounts_url.as_str(), "https://accounts.livechat.com/");
        assert_eq!(v1.api_url.as_str(), "https://api.livechatinc.com/");
        let v2 = read(&[("LIVECHAT_ORGANIZATION_ID", "390e44e6-f1e6-4368-8b6d-2b74614508c2")]).expect("good settings");
        assert_eq!(v2.account().organization_id.as_deref(), Some("390e44e6-f1e6-4368-8b6d-2b74614508c2"));
        assert_eq!(v2.account().license_id, Some(12_345_678));
    }

    #[test]
    fn each_setting_that_livechats_response_depends_on_changes_the_fingerprint() {
        const ORGANIZATION: (&str, &str) = ("LIVECHAT_ORGANIZATION_ID", "390e44e6-f1e6-4368-8b6d-2b74614508c2");
        let fingerprint = |changes: &[(&str, &str)]| read(changes).expect("good settings").fingerprint();
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
        assert_eq!(fingerprint(&[("LIVECHAT_API_URL", "http://127.0.0.1:3002")]), all[0], "no token depends on it");
    }

    #[test]
    fn an_error_is_one_line_with_the_variable_and_without_its_value() {
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
            ("LIVECHAT_API_URL", "http://api.livechatinc.com"),
            ("LIVECHAT_API_URL", "https://api.livechatinc.com/?a=b"),
            ("LIVECHAT_ACCOUNTS_URL", "http://127.0.0.1.example"),
            ("LIVECHAT_ACCOUNTS_URL", "accounts"),
        ] {
            let line = read(&[(name, value)]).expect_err("a bad value").to_string();
            assert!(line.contains(name) && !line.contains('\n'), "{line}");
            assert!(value.trim().is_empty() || !line.contains(value), "{line}");
        }
    }

    #[test]
    fn an_id_in_the_wrong_variable_is_refused_with_the_right_one() {
        let refusal = |name, value| read(&[(name, value)]).expect_err("refused").to_string();
        let line = refusal("LIVECHAT_ORGANIZATION_ID", "19283746");
        assert!(line.contains("belongs in LIVECHAT_LICENSE_ID") && !line.contains("19283746"), "{line}");
        let line = refusal("LIVECHAT_LICENSE_ID", "7d2f6c1e-93ab-4c55-8f0e-0b1c2d3e4f50");
        assert!(line.contains("belongs in LIVECHAT_ORGANIZATION_ID") && !line.contains("7d2f6c1e"), "{line}");
    }

    #[test]
    fn details_of_customers_need_an_organization() {
        const DETAILS: (&str, &str) = ("CUSTOMER_DETAILS", "name");
        let line = read(&[DETAILS]).expect_err("refused").to_string();
        assert!(line.starts_with("CUSTOMER_DETAILS needs LIVECHAT_ORGANIZATION_ID") && !line.contains('\n'), "{line}");
        assert!(read(&[("CUSTOMER_DETAILS", " ")]).is_ok());
        assert!(read(&[DETAILS, ("LIVECHAT_ORGANIZATION_ID", "390e44e6-f1e6-4368-8b6d-2b74614508c2")]).is_ok());
    }

    #[test]
    fn an_organization_id_may_have_capitals() {
        const CAPITALS: &str = "390E44E6-F1E6-4368-8B6D-2B74614508C2";
        let livechat = read(&[("LIVECHAT_ORGANIZATION_ID", CAPITALS)]).expect("good settings");
        assert_eq!(livechat.tenant, Tenant::Organization(CAPITALS.into()));
    }

    #[test]
    fn an_unencrypted_url_is_for_this_machine_only() {
        for url in ["http://127.0.0.1:3002", "http://localhost:1", "http://[::1]:1", "http://host.docker.internal:3002"]
        {
            for name in ["LIVECHAT_ACCOUNTS_URL", "LIVECHAT_API_URL"] {
                assert!(read(&[(name, url)]).is_ok(), "{name} {url}");
            }
        }
    }
}
