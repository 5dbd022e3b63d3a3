//! Settings: the environment variables of the functions as typed values, read once, at init.
//!
//! Reading is pure: it uses no network, and reads nothing but a [`Lookup`]. A secret in AWS Secrets Manager or a key set is fetched
//! afterwards, by [`connect_auth`](crate::connect_auth). Each function reads only what it uses. A missing or invalid value ends init
//! with one line that names the variable.
//!
//! This module uses the value types of [`identity`](crate::identity), [`auth`](crate::auth) and [`renewal`](crate::renewal), and
//! nothing of this project that does I/O.
//!
//! | file | variables |
//! |---|---|
//! | `settings.rs` | `TABLE_NAME` |
//! | `livechat.rs` | `LIVECHAT_*` |
//! | `agent.rs` | `LIVECHAT_GRANT`, `LIVECHAT_AGENT_CREDENTIALS` |
//! | `auth.rs` | `AUTH` and what all its modes share, `AUTHORIZER_CLAIM`, `GUESTS` |
//! | `details.rs` | `CUSTOMER_DETAILS` |
//! | `origins.rs` | `ALLOWED_ORIGINS` |
//! | `jwt.rs`, `algorithms.rs` | the other `JWT_*` |
//! | `public_key.rs` | `JWT_PUBLIC_KEY` |
//! | `secrets.rs` | the variants of `JWT_SECRET` and `HMAC_SECRET` |
//! | `groups.rs` | `GROUPS` |
//! | `renewals.rs` | `RENEWALS_PER_MINUTE`, `ON_IDENTITY_CHANGE` |
//! | `sealing.rs` | `COOKIES_KMS_KEY` |
//! | `telemetry.rs` | `RUST_LOG`, `METRICS_NAMESPACE`, `SUBJECT_KEY`, `RELEASE` |
//! | `user_ids.rs` | `USER_ID_NORMALIZATION`, for the operator's tool |
//! | `names.rs` | all names, and the check for misspelt ones |
//! | `env_file.rs` | any, in a file such as `.env`, which only `cargo local` and the operator's tool read |
//! | `lookup.rs` | where values come from, and the formats that they share |

mod agent;
mod algorithms;
mod auth;
mod details;
#[cfg(feature = "env-file")]
pub mod env_file;
mod groups;
mod jwt;
mod livechat;
mod lookup;
mod names;
mod origins;
mod public_key;
mod renewals;
mod sealing;
mod secrets;
mod telemetry;
#[cfg(feature = "operator")]
mod user_ids;

pub use agent::{AgentCredentials, AgentCredentialsSource};
pub(crate) use auth::AuthMode;
pub use auth::AuthSettings;
pub use groups::Groups;
pub(crate) use jwt::{JwtKeys, JwtSettings};
pub use livechat::{Account, LiveChat, Tenant};
pub use lookup::{ConfigError, Lookup};
pub use names::{NAMES, check as check_names};
pub use origins::allowed_origins;
pub use renewals::Renewals;
pub use sealing::CookiesKey;
pub(crate) use secrets::{SecretSource, StoredSecret};
pub(crate) use telemetry::Telemetry;
#[cfg(feature = "operator")]
pub use user_ids::UserIds;

/// All settings, which `getToken` and `getFreshToken` read. `hasToken` reads [`Common`] alone, `invalidate` also [`LiveChat`].
#[derive(Debug)]
pub struct Settings {
    /// The settings that all four functions read.
    pub common: Common,
    /// `LIVECHAT_*`: the site's account at LiveChat.
    pub livechat: LiveChat,
    /// `RENEWALS_PER_MINUTE`, `ON_IDENTITY_CHANGE`, `COOKIES_KMS_KEY` and `SUBJECT_KEY`.
    pub renewals: Renewals,
}

impl Settings {
    /// # Errors
    /// [`ConfigError`] for misspelt names, otherwise for the first variable that is missing or invalid.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, ConfigError> {
        Ok(Self {
            common: Common::from_lookup(lookup)?,
            livechat: LiveChat::from_lookup(lookup)?,
            renewals: Renewals::from_lookup(lookup)?,
        })
    }
}

/// The settings that all four functions read.
#[derive(Debug)]
pub struct Common {
    /// `TABLE_NAME`: the DynamoDB table.
    pub table_name: String,
    /// `AUTH`, and the settings of its modes.
    pub auth: AuthSettings,
    /// `GROUPS`: the LiveChat groups that callers may name.
    pub groups: Groups,
}

impl Common {
    /// # Errors
    /// [`ConfigError`] for misspelt names, otherwise for the first variable that is missing or invalid.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, ConfigError> {
        // First: otherwise the misspelt setting would be reported as missing, or not at all.
        check_names(lookup)?;
        Ok(Self {
            table_name: lookup.required("TABLE_NAME", "the name of the DynamoDB table")?,
            auth: AuthSettings::from_lookup(lookup)?,
            groups: Groups::from_lookup(lookup)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_reported_before_what_is_missing() {
        let lookup = Lookup::new(|name| (name == "LIVECHAT_CLINT_ID").then(|| "x".to_owned()))
            .with_names(|| vec!["LIVECHAT_CLINT_ID".into()]);
        let line = Settings::from_lookup(&lookup).expect_err("refused").to_string();
        assert!(line.contains("did you mean LIVECHAT_CLIENT_ID?"), "{line}");
    }
}
