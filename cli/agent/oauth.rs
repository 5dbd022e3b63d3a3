//! LiveChat's OAuth server: exchanges a code or a refresh token, and revokes a token.
//!
//! Source: <https://platform.text.com/docs/authorization/oauth-authorization>. Errors have LiveChat's own names, and scopes have commas between.

use crate::{failure::Failure, http};
use reqwest::{Client, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The scope without which an agent's token gets no customer's token.
pub(crate) const SCOPE: &str = "customers:own";
/// How long LiveChat may take to respond.
const LONGEST: Duration = Duration::from_secs(20);
/// LiveChat's own words are not repeated beyond this number of characters.
const LONGEST_WORDS: usize = 200;

/// The server at one address.
pub(crate) struct Server {
    http: Client,
    base: String,
}

/// What LiveChat has issued.
#[derive(Debug, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: SecretString,
    pub(crate) refresh_token: Option<SecretString>,
    pub(crate) organization_id: Option<String>,
    scope: Option<String>,
}

/// Why there are no tokens.
#[derive(Debug)]
pub(crate) enum Error {
    /// LiveChat refused: its code and its words.
    Refused(String),
    /// LiveChat could not be reached, or its response is not as documented.
    Unavailable(String),
}

impl Tokens {
    /// What the agent's token may do, as far as LiveChat says it.
    pub(crate) fn scopes(&self) -> Option<Vec<&str>> {
        let scope = self.scope.as_deref()?;
        Some(scope.split([',', ' ']).map(str::trim).filter(|scope| !scope.is_empty()).collect())
    }

    /// Whether the scope that is needed is missing.
    pub(crate) fn lacks_scope(&self) -> bool {
        self.scopes().is_some_and(|scopes| !scopes.contains(&SCOPE))
    }

    /// The agent's organization, if it is another one than `ours`.
    pub(crate) fn other_organization(&self, ours: Option<&str>) -> Option<&str> {
        let theirs = self.organization_id.as_deref()?;
        ours.is_some_and(|ours| !ours.eq_ignore_ascii_case(theirs)).then_some(theirs)
    }
}

impl Server {
    /// # Errors
    /// [`Failure::Service`] if the TLS library cannot be used.
    pub(crate) fn at(accounts_url: &str) -> Result<Self, Failure> {
        // A redirect would send the secrets elsewhere.
        let http = http::client(accounts_url).timeout(LONGEST).redirect(Policy::none()).build();
        let http = http.map_err(|error| Failure::Service(error.to_string()))?;
        Ok(Self { http, base: accounts_url.trim_end_matches('/').to_owned() })
    }

    /// Where the browser begins.
    pub(crate) fn authorization_url(&self) -> String {
        format!("{}/", self.base)
    }

    /// `POST /v2/token` with these fields.
    ///
    /// # Errors
    /// [`Error`], which repeats none of the fields.
    pub(crate) async fn tokens(&self, form: &[(&str, &str)]) -> Result<Tokens, Error> {
        let request = self.http.post(format!("{}/v2/token", self.base)).form(form);
        let response = request.send().await.map_err(|error| {
            let why = if error.is_timeout() { "no response in time" } else { "no connection" };
            Error::Unavailable(format!("{} gave no token: {why}", self.base))
        })?;
        let status = response.status();
        let body =
            response.bytes().await.map_err(|_| Error::Unavailable("the response of LiveChat was cut short".into()))?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let exception =
            ["oauth_exception", "identity_exception", "error"].into_iter().find_map(|name| body[name].as_str());
        if let Some(exception) = exception {
            let words = ["exception_description", "exception_details", "error_description"];
            let words = words.into_iter().find_map(|name| body[name].as_str()).unwrap_or_default();
            let said = format!(
                "{}{}",
                shown(exception, form),
                if words.is_empty() { String::new() } else { format!(" ({})", shown(words, form)) }
            );
            let is_temporary = matches!(exception, "server_error" | "temporarily_unavailable");
            return Err(if is_temporary { Error::Unavailable(said) } else { Error::Refused(said) });
        }
        if !status.is_success() {
            let said = format!("status {}", status.as_u16());
            return Err(if status.is_client_error() { Error::Refused(said) } else { Error::Unavailable(said) });
        }
        let malformed = || Error::Unavailable("the response of LiveChat has no token".into());
        serde_json::from_value(body).map_err(|_| malformed())
    }

    /// Revokes an agent's token, and the refresh token that was issued with it. A failure has no consequence: nobody has them.
    pub(crate) async fn revoke(&self, access_token: &SecretString) {
        let request = self.http.delete(format!("{}/v2/token", self.base)).bearer_auth(access_token.expose_secret());
        let _ = request.send().await;
    }
}

/// LiveChat's words on one line, unless they repeat what was sent.
fn shown(words: &str, form: &[(&str, &str)]) -> String {
    let secrets = ["client_secret", "code", "code_verifier", "refresh_token"];
    let repeats = |(name, value): &(&str, &str)| secrets.contains(name) && !value.is_empty() && words.contains(value);
    if form.iter().any(repeats) {
        return "words that are not shown, as they repeat what was sent".into();
    }
    words.chars().filter(|character| !character.is_control()).take(LONGEST_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(scope: Option<&str>) -> Tokens {
        let scope = scope.map(str::to_owned);
        Tokens { access_token: "a".into(), refresh_token: None, organization_id: Some("ab-C".into()), scope }
    }

    #[test]
    fn scopes_are_read_whole_whatever_is_between_them() {
        for (scope, lacks) in [
            (None, false),
            (Some("customers:own"), false),
            (Some("chats--all:ro,customers:own"), false),
            (Some("chats--all:ro, customers:own"), false),
            (Some("chats--all:ro customers:own"), false),
            (Some("customers:ro"), true),
            (Some("customers:own2"), true),
            (Some(""), true),
        ] {
            assert_eq!(tokens(scope).lacks_scope(), lacks, "{scope:?}");
        }
    }

    #[test]
    fn organizations_are_compared_without_regard_to_capitals() {
        assert_eq!(tokens(None).other_organization(Some("AB-c")), None);
        assert_eq!(tokens(None).other_organization(None), None);
        assert_eq!(tokens(None).other_organization(Some("other")), Some("ab-C"));
    }

    #[test]
    fn words_that_repeat_a_secret_are_not_shown() {
        let form = [("client_id", "app"), ("client_secret", "hunter2")];
        assert_eq!(shown("app is\n unknown", &form), "app is unknown");
        assert!(!shown("hunter2 is wrong", &form).contains("hunter2"));
    }
}
