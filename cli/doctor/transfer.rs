//! What a leaked token of a customer is worth: whether it can be turned into tokens that outlive it, and a logout.
//!
//! Source: <https://platform.text.com/docs/authorization/customer-authorization>, section *Identity token grant*. SECURITY.md says what is
//! not documented.

use super::{livechat::why, report::Report};
use crate::{agent::proof::Proof, failure::Failure, http, output::confirm};
use cip::{
    context::Context,
    livechat::Accounts,
    settings::{LiveChat, Tenant},
    time::Deadline,
};
use reqwest::{Client, RequestBuilder, StatusCode, header::ORIGIN, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

const CHECK: &str = "transfer";
const QUESTION: &str = "Create a customer without a chat, and try to turn its token into others? LiveChat bills up to four calls. The tokens are \
                        revoked at the end.";
const LONGEST: Duration = Duration::from_secs(20);
const ADVICE: &str = "A leaked token is worth more than eight hours: SECURITY.md (What a leaked token is worth) says what that means. Ask LiveChat's \
                      support whether it can be turned off for your app.";

const LOGOUT: &str =
    "A logout, an adoption and cip user forget revoke what this service has issued, and nothing that was made of it.";

/// The holder of a token, who knows nothing but that and the app's client id, which is no secret.
struct Holder {
    http: Client,
    /// `…/customer` of the API's version.
    base: String,
    client_id: String,
    origin: String,
}

/// An identity transfer token, with its verifier if it has a challenge.
struct Transfer {
    code: SecretString,
    verifier: Option<SecretString>,
    expires_in_s: Option<u64>,
}

#[derive(Deserialize)]
struct Issued {
    access_token: SecretString,
    entity_id: String,
    /// In s.
    expires_in: u64,
}

/// Why a step of the holder's did not succeed.
enum Denied {
    /// LiveChat refused: its code, or the status.
    Refused(String),
    /// LiveChat could not be reached, or failed.
    Unknown(String),
}

/// # Errors
/// [`Failure::Input`] without somebody to ask, [`Failure::Service`] if the TLS library cannot be used.
pub(super) async fn check(report: &mut Report, settings: LiveChat, is_agreed: bool) -> Result<(), Failure> {
    match confirm(QUESTION, is_agreed) {
        Err(Failure::Declined) => {
            report.skipped(CHECK, "No token was created.");
            return Ok(());
        }
        agreed => agreed?,
    }
    let accounts = Accounts::new(settings).map_err(|error| Failure::Service(error.to_string()))?;
    let holder = Holder::of(accounts.settings())?;
    let context = Context::new(Deadline::after(LONGEST));
    let first = match accounts.token(None, None, &context).await {
        Ok(grant) => grant,
        Err(error) => {
            let fix = "cip doctor --call-livechat says what to change.";
            report.wrong(CHECK, format!("LiveChat gave no token to try it with: {}.", why(&error)), fix);
            return Ok(());
        }
    };
    let mut tokens = vec![first.access_token];
    if let Some(second) = holder.turn(report, &tokens[0], &first.entity_id).await {
        // A transfer token from before the logout, which is exchanged after it.
        let kept = holder.transfer(&tokens[0], None).await.ok();
        tokens.push(second);
        if holder.revoke(&tokens[0]).await {
            tokens.extend(holder.after_logout(report, &tokens[1], kept).await);
        } else {
            report.skipped(CHECK, "LiveChat did not revoke the first token, so what a logout ends is not known.");
        }
    }
    for token in &tokens {
        holder.revoke(token).await;
    }
    Ok(())
}

impl Holder {
    fn of(settings: &LiveChat) -> Result<Self, Failure> {
        let http = http::client(settings.accounts_url.as_str()).timeout(LONGEST).redirect(Policy::none()).build();
        let version = if matches!(settings.tenant, Tenant::Organization(_)) { "/v2/customer" } else { "/customer" };
        Ok(Self {
            http: http.map_err(|error| Failure::Service(error.to_string()))?,
            base: format!("{}{version}", settings.accounts_url.as_str().trim_end_matches('/')),
            client_id: settings.client_id.clone(),
            origin: settings.origin.clone(),
        })
    }

    /// Turns a token into another one, with PKCE and then without: LiveChat documents no method for the challenge. Returns the new token.
    async fn turn(&self, report: &mut Report, token: &SecretString, entity_id: &str) -> Option<SecretString> {
        let proof = Proof::new().ok()?;
        let mut denied = None;
        for proof in [Some(&proof), None] {
            let how = if proof.is_some() { "with PKCE" } else { "without PKCE" };
            let turned = match self.transfer(token, proof).await {
                Ok(transfer) => self.exchange(&transfer).await.map(|token| (transfer, token)),
                Err(error) => Err(error),
            };
            match turned {
                Ok((transfer, new)) => {
                    let lifetime = |seconds: u64| format!("{} min", seconds / 60);
                    let code_life =
                        transfer.expires_in_s.map(|seconds| format!(", which is valid for {},", lifetime(seconds)));
                    let whose = if new.entity_id == entity_id { "the same customer" } else { "ANOTHER customer" };
                    let found = format!(
                        "A customer's token can be turned into an identity transfer token{} and that into a token of {whose}, valid for {} ({how}).",
                        code_life.unwrap_or_default(),
                        lifetime(new.expires_in)
                    );
                    report.warning(CHECK, found, ADVICE);
                    return Some(new.access_token);
                }
                Err(error) => denied = Some((how, error)),
            }
        }
        match denied {
            Some((_, Denied::Refused(why))) => {
                report.ok(CHECK, format!("LiveChat refuses to turn a customer's token into another one: {why}."));
            }
            Some((how, Denied::Unknown(why))) => report.skipped(CHECK, format!("It is not known ({how}): {why}.")),
            None => {}
        }
        None
    }

    /// What works after the token that all began with was revoked. Returns the tokens that LiveChat has issued meanwhile.
    async fn after_logout(
        &self,
        report: &mut Report,
        second: &SecretString,
        kept: Option<Transfer>,
    ) -> Option<SecretString> {
        match self.works(second).await {
            Some(true) => report.warning(
                CHECK,
                "After the first token was revoked, as a logout does, the second one still works.",
                LOGOUT,
            ),
            Some(false) => report.ok(CHECK, "With the first token, the second one was revoked."),
            None => report.skipped(CHECK, "Whether the second token works after the first was revoked is not known."),
        }
        match self.exchange(&kept?).await {
            Ok(third) => {
                let found = "An identity transfer token from before the revocation was exchanged after it.";
                report.warning(CHECK, found, LOGOUT);
                Some(third.access_token)
            }
            Err(Denied::Refused(why)) => {
                report.ok(
                    CHECK,
                    format!("An identity transfer token from before the revocation does not work after it: {why}."),
                );
                None
            }
            Err(Denied::Unknown(why)) => {
                report.skipped(CHECK, format!("Whether a transfer token outlives the revocation is not known: {why}."));
                None
            }
        }
    }

    async fn transfer(&self, token: &SecretString, proof: Option<&Proof>) -> Result<Transfer, Denied> {
        let mut body = json!({ "bearer_type": "customer", "client_id": self.client_id });
        if let Some(proof) = proof {
            body["code_challenge"] = json!(proof.challenge());
            body["code_challenge_method"] = json!("S256");
        }
        let request = self.http.post(format!("{}/identity_transfer", self.base)).bearer_auth(token.expose_secret());
        let body = self.send(request, &body).await?;
        let code = body["identity_transfer_token"].as_str().ok_or_else(malformed)?.into();
        Ok(Transfer {
            code,
            verifier: proof.map(|proof| proof.verifier.clone()),
            expires_in_s: body["expires_in"].as_u64(),
        })
    }

    async fn exchange(&self, transfer: &Transfer) -> Result<Issued, Denied> {
        let mut body = json!({
            "grant_type": "identity_token", "response_type": "token", "client_id": self.client_id, "code": transfer.code.expose_secret(),
        });
        if let Some(verifier) = &transfer.verifier {
            body["code_verifier"] = json!(verifier.expose_secret());
        }
        let body = self.send(self.http.post(format!("{}/token", self.base)), &body).await?;
        serde_json::from_value(body).map_err(|_| malformed())
    }

    async fn send(&self, request: RequestBuilder, body: &Value) -> Result<Value, Denied> {
        let request =
            request.header(ORIGIN, &self.origin).header("content-type", "application/json").body(body.to_string());
        let response = request.send().await.map_err(|_| Denied::Unknown("LiveChat did not respond".into()))?;
        let status = response.status();
        let text = response.text().await.map_err(|_| Denied::Unknown("the response was cut short".into()))?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let exception = ["oauth_exception", "identity_exception"].into_iter().find_map(|name| body[name].as_str());
        match exception {
            Some("server_error" | "temporarily_unavailable") => {
                Err(Denied::Unknown("LiveChat has a temporary error".into()))
            }
            Some(code) if code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
                Err(Denied::Refused(code.into()))
            }
            Some(_) => Err(Denied::Refused("an unknown code".into())),
            None if status.is_success() => Ok(body),
            None if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                Err(Denied::Refused(format!("status {}", status.as_u16())))
            }
            None => Err(Denied::Unknown(format!("status {}", status.as_u16()))),
        }
    }

    /// Whether a token works, if that is known.
    async fn works(&self, token: &SecretString) -> Option<bool> {
        let request = self.http.get(format!("{}/info", self.base)).bearer_auth(token.expose_secret());
        let status = request.send().await.ok()?.status();
        match status {
            StatusCode::OK => Some(true),
            StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND => Some(false),
            _ => None,
        }
    }

    /// Revokes a token, as a logout does. Returns whether LiveChat has done it.
    async fn revoke(&self, token: &SecretString) -> bool {
        let request = self.http.delete(format!("{}/token", self.base)).bearer_auth(token.expose_secret());
        request.header(ORIGIN, &self.origin).send().await.is_ok_and(|response| response.status().is_success())
    }
}

fn malformed() -> Denied {
    Denied::Unknown("the response is not as documented".into())
}
