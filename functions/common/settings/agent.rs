//! `LIVECHAT_GRANT` and `LIVECHAT_AGENT_CREDENTIALS`: whether tokens are requested with an agent's token.

use super::{ConfigError, Lookup};
use crate::renewal::Grants;
use secrecy::SecretString;
use serde::Deserialize;

const GRANT: &str = "LIVECHAT_GRANT";
const CREDENTIALS: &str = "LIVECHAT_AGENT_CREDENTIALS";
const CREDENTIALS_ARN: &str = "LIVECHAT_AGENT_CREDENTIALS_ARN";

/// How an agent's token is obtained: the app, and the refresh token that its authorization code was exchanged for.
///
/// Source: <https://platform.text.com/docs/authorization/oauth-authorization>, section *Using the refresh token*.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentCredentials {
    /// The client id of a server-side app.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: SecretString,
    /// The refresh token of an agent's account. LiveChat does not replace it when it is used.
    pub refresh_token: SecretString,
}

impl AgentCredentials {
    /// Reads them from JSON. `variable` is where it came from.
    ///
    /// # Errors
    /// [`ConfigError`] that names the variable, and repeats no value.
    pub fn parse(variable: &str, json: &str) -> Result<Self, ConfigError> {
        serde_json::from_str(json).map_err(|_| {
            let expected = "a JSON object with the strings client_id, client_secret and refresh_token, and no others";
            ConfigError::invalid(variable, expected)
        })
    }
}

/// Where the credentials are.
#[derive(Clone, Debug)]
pub enum AgentCredentialsSource {
    /// In the variable itself.
    Inline(AgentCredentials),
    /// In AWS Secrets Manager, under this ARN. They are read each time that they are needed, so they can be replaced at any time.
    Stored(String),
}

impl AgentCredentialsSource {
    /// The variable with the ARN.
    pub(crate) const ARN: &'static str = CREDENTIALS_ARN;
}

/// The grants that may be used, and the agent's credentials if there are any.
///
/// # Errors
/// [`ConfigError`] for the first variable that is missing or invalid.
pub(super) fn read(lookup: &Lookup) -> Result<(Grants, Option<AgentCredentialsSource>), ConfigError> {
    let source = match (lookup.optional(CREDENTIALS), lookup.optional(CREDENTIALS_ARN)) {
        (None, None) => None,
        (Some(json), None) => Some(AgentCredentialsSource::Inline(AgentCredentials::parse(CREDENTIALS, &json)?)),
        (None, Some(arn)) => Some(AgentCredentialsSource::Stored(arn)),
        (Some(_), Some(_)) => {
            return Err(ConfigError::new(format!(
                "{CREDENTIALS} and {CREDENTIALS_ARN} are both set: set one of them."
            )));
        }
    };
    let grants = match (lookup.optional(GRANT).as_deref(), &source) {
        (None | Some("cookie"), None) => Grants::Cookie,
        (None | Some("cookie"), Some(_)) => Grants::CookieThenAgentToken,
        (Some("agent_token"), Some(_)) => Grants::AgentToken,
        (Some("agent_token"), None) => {
            return Err(ConfigError::new(format!("{GRANT}=agent_token needs {CREDENTIALS_ARN}.")));
        }
        (Some(_), _) => return Err(ConfigError::invalid(GRANT, "cookie or agent_token")),
    };
    Ok((grants, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"client_id": "app", "client_secret": "s3cret", "refresh_token": "r3fresh"}"#;

    fn grants(variables: &[(&str, &str)]) -> Result<Grants, String> {
        let value = |name: &str| variables.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned());
        read(&Lookup::new(value)).map(|(grants, _)| grants).map_err(|error| error.to_string())
    }

    #[test]
    fn the_settings_decide_which_grants_are_tried() {
        assert_eq!(grants(&[]), Ok(Grants::Cookie));
        assert_eq!(grants(&[(GRANT, "cookie")]), Ok(Grants::Cookie));
        assert_eq!(grants(&[(CREDENTIALS, JSON)]), Ok(Grants::CookieThenAgentToken));
        assert_eq!(grants(&[(GRANT, "agent_token"), (CREDENTIALS_ARN, "arn:aws:x")]), Ok(Grants::AgentToken));
    }

    #[test]
    fn an_error_names_the_variable_and_repeats_no_secret() {
        for (variables, named) in [
            (&[(GRANT, "agent_token")][..], CREDENTIALS_ARN),
            (&[(GRANT, "cookies")], GRANT),
            (&[(CREDENTIALS, "{")], CREDENTIALS),
            (&[(CREDENTIALS, r#"{"client_id": "app", "client_secret": "s3cret"}"#)], CREDENTIALS),
            (
                &[(CREDENTIALS, r#"{"client_id": "a", "client_secret": "s3cret", "refresh_token": "r", "x": 1}"#)],
                CREDENTIALS,
            ),
            (&[(CREDENTIALS, JSON), (CREDENTIALS_ARN, "arn:aws:x")], CREDENTIALS_ARN),
        ] {
            let line = grants(variables).expect_err("refused");
            assert!(line.contains(named) && !line.contains("s3cret") && !line.contains('\n'), "{line}");
        }
        let shown = format!("{:?}", AgentCredentials::parse(CREDENTIALS, JSON).expect("credentials"));
        assert!(!shown.contains("s3cret") && !shown.contains("r3fresh"), "{shown}");
    }
}
