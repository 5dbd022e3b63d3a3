//! LiveChat's OAuth server: a new agent's token for a refresh token.
//!
//! Source: <https://platform.text.com/docs/authorization/oauth-authorization>, section *Using the refresh token*.

use super::{
    Accounts,
    response::{LONGEST_TOKEN, TWO_YEARS_S, code},
    transport,
};
use crate::{
    clients::https,
    context::Context,
    identity::{Lifetime, UnixMs},
    renewal::time_limits::ATTEMPT_TIMEOUT,
    settings::AgentCredentials,
    time::now,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

/// A new agent's token.
#[derive(Debug)]
pub(crate) struct Refreshed {
    pub(crate) access_token: SecretString,
    pub(crate) lifetime: Lifetime,
    /// The refresh token for the next time, if it is another one.
    pub(crate) refresh_token: Option<SecretString>,
}

/// Why LiveChat issued no token.
#[derive(Debug)]
pub(crate) enum RefreshError {
    /// LiveChat refused: its code.
    Refused(String),
    /// The agent belongs to another account than the site's settings.
    OtherAccount,
    /// LiveChat did not respond, or not as documented.
    Unavailable(String),
    /// LiveChat did not respond in the time that the call had left, which is less than LiveChat may take.
    CutShort,
}

#[derive(Deserialize)]
struct Response {
    access_token: SecretString,
    /// In s.
    expires_in: u64,
    organization_id: Option<String>,
    refresh_token: Option<SecretString>,
}

impl Accounts {
    /// Gets a new agent's token for this refresh token.
    pub(crate) async fn refresh(
        &self,
        credentials: &AgentCredentials,
        refresh_token: &SecretString,
        context: &Context,
    ) -> Result<Refreshed, RefreshError> {
        let called_at = now();
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
            ("client_id", &credentials.client_id),
            ("client_secret", credentials.client_secret.expose_secret()),
        ];
        let base = self.settings.accounts_url.as_str().trim_end_matches('/');
        let time = context.left().min(ATTEMPT_TIMEOUT);
        let is_cut_short = time + Self::NEARLY < ATTEMPT_TIMEOUT;
        let lost = |error: reqwest::Error| {
            if is_cut_short && error.is_timeout() {
                RefreshError::CutShort
            } else {
                RefreshError::Unavailable(transport::cause(error))
            }
        };
        let request = self.http.post(format!("{base}/v2/token")).timeout(time).form(&form);
        let mut response = request.send().await.map_err(lost)?;
        let body = https::body(&mut response, Self::LONGEST_BODY).await.map_err(lost)?.unwrap_or_default();
        let status = response.status().as_u16();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        // LiveChat's other endpoints have `oauth_exception`, and OAuth 2.0 has `error` (RFC 6749, section 5.2).
        let exception =
            ["oauth_exception", "identity_exception", "error"].into_iter().find_map(|name| body[name].as_str());
        match exception {
            Some("server_error" | "temporarily_unavailable") => {
                Err(RefreshError::Unavailable("a temporary error".into()))
            }
            Some(exception) => Err(RefreshError::Refused(code(exception).to_owned())),
            None if status == 200 => {
                let mut refreshed = self.read_refreshed(body, called_at)?;
                let sent = refresh_token.expose_secret();
                refreshed.refresh_token.take_if(|token| token.expose_secret() == sent);
                Ok(refreshed)
            }
            None if (400..500).contains(&status) && !matches!(status, 408 | 425 | 429) => {
                Err(RefreshError::Refused(format!("status {status}")))
            }
            None => Err(RefreshError::Unavailable(format!("status {status}"))),
        }
    }

    fn read_refreshed(&self, body: Value, called_at: UnixMs) -> Result<Refreshed, RefreshError> {
        let malformed = || RefreshError::Unavailable("a malformed response".into());
        let Response { access_token, expires_in, organization_id, refresh_token } =
            serde_json::from_value(body).map_err(|_| malformed())?;
        let fits = |token: &SecretString| (1..=LONGEST_TOKEN).contains(&token.expose_secret().len());
        let is_usable = fits(&access_token) && expires_in > 0;
        if !is_usable {
            return Err(malformed());
        }
        let ours = self.settings.account().organization_id;
        let is_other = organization_id.zip(ours).is_some_and(|(theirs, ours)| !theirs.eq_ignore_ascii_case(&ours));
        if is_other {
            return Err(RefreshError::OtherAccount);
        }
        let expires_in_ms = expires_in.min(TWO_YEARS_S) * 1000;
        let lifetime = Lifetime { created: called_at, expires_in_ms };
        Ok(Refreshed { access_token, lifetime, refresh_token: refresh_token.filter(fits) })
    }
}
