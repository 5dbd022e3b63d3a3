//! A refresh of the agent token, by the call that has the lease for it.

use super::{AgentTokens, Failure, OpenAgentToken, PAUSE_MS};
use crate::{
    context::Context,
    livechat::oauth::{RefreshError, Refreshed},
    renewal::{
        AGENT_TOKEN_REFUSED, StoreError,
        agent_token::{AgentRecord, AgentSecrets, AgentToken, OTHER_ACCOUNT, StoredAgentToken, Successor, UNAVAILABLE},
        record::{Lease, Refusal},
        time_limits::STORE_RESERVE,
    },
    sealing::is_lasting,
    settings::{AgentCredentials, AgentCredentialsSource},
    store::{agent_binding, agent_token::Reason},
    time::now,
};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tokio::time::sleep;

/// A refresh, under a lease.
pub(super) struct Refresh {
    pub(super) lease: Lease,
    /// What is stored.
    pub(super) before: AgentRecord,
    pub(super) reason: Reason,
    /// The stored token is still live.
    pub(super) is_optional: bool,
}

impl AgentTokens {
    /// Refreshes the token under a lease, and stores it.
    pub(super) async fn refresh(&self, refresh: Refresh, context: &Context) -> Result<OpenAgentToken, Failure> {
        let Refresh { lease, before, reason, is_optional } = refresh;
        // So that the lease can be released in any case.
        let working = context.minus(STORE_RESERVE);
        let (exception, description) = match self.credentials(&working).await {
            Err(why) => (UNAVAILABLE, why),
            Ok(credentials) => match self.refresh_with(&credentials, &lease, before.token.clone(), &working).await {
                Ok((token, stored)) => {
                    context.metrics.agent_tokens_refreshed.increment();
                    self.store(&lease, &stored, reason, context).await;
                    return Ok(token);
                }
                // Other calls may have more time.
                Err(RefreshError::CutShort) if !is_optional => {
                    self.release(&lease, None, context).await;
                    return Err(Failure::OutOfTime);
                }
                Err(RefreshError::CutShort) => (UNAVAILABLE, "no response in time".into()),
                Err(RefreshError::Refused(exception)) => {
                    (AGENT_TOKEN_REFUSED, format!("{exception} for the refresh token"))
                }
                Err(RefreshError::OtherAccount) => (AGENT_TOKEN_REFUSED, OTHER_ACCOUNT.into()),
                Err(RefreshError::Unavailable(cause)) => (UNAVAILABLE, cause),
            },
        };
        context.metrics.agent_token_failures.increment();
        tracing::error!(exception, cause = description, "the agent token could not be refreshed");
        let now = now();
        let refusal = match exception {
            UNAVAILABLE => before.unanswered(&description, now),
            _ => Refusal::first(self.accounts.fingerprint(), exception, &description, now)
                .after(before.refusal.as_ref(), now),
        };
        self.release(&lease, Some(&refusal), context).await;
        Err(Failure::Refused(refusal))
    }

    /// Stores a new token. If it cannot be stored, it works all the same, and the next call gets another one.
    async fn store(&self, lease: &Lease, token: &StoredAgentToken, reason: Reason, context: &Context) {
        while let Err(error) = self.store.commit_agent_token(lease, token, reason, context).await {
            tracing::warn!(cause = %error, "a new agent token could not be stored");
            if !matches!(error, StoreError::Unavailable(_)) || context.left() < STORE_RESERVE {
                return;
            }
            sleep(Duration::from_millis(fastrand::u64(PAUSE_MS))).await;
        }
    }

    async fn release(&self, lease: &Lease, refusal: Option<&Refusal>, context: &Context) {
        if let Err(error) = self.store.release_agent_token(lease, refusal, context).await {
            tracing::warn!(cause = %error, "the lease of the agent token could not be released and will expire");
        }
    }

    /// Gets a new token from LiveChat, in place of the stored one. Returns it as it is used, and as it is stored.
    async fn refresh_with(
        &self,
        credentials: &AgentCredentials,
        lease: &Lease,
        stored: Option<StoredAgentToken>,
        context: &Context,
    ) -> Result<(OpenAgentToken, StoredAgentToken), RefreshError> {
        let of = fingerprint(&credentials.refresh_token);
        // First, so that what LiveChat issues can be stored.
        let seal = self.sealer.seal(context).await.map_err(|error| unavailable(&error))?;
        let secrets = match stored {
            Some(token) => self.open(token, context).await.map(|token| Some(token.secrets)),
            None => Ok(None),
        };
        let secrets = secrets.or_else(|error| if is_lasting(&error) { Ok(None) } else { Err(unavailable(&error)) })?;
        let successor = secrets.and_then(|secrets| secrets.successor).filter(|successor| successor.of == of);
        let refresh_token = successor.as_ref().map_or(&credentials.refresh_token, |successor| &successor.refresh_token);
        let Refreshed { access_token, lifetime, refresh_token } =
            self.accounts.refresh(credentials, refresh_token, context).await?;
        let successor = refresh_token.map(|refresh_token| Successor { of, refresh_token }).or(successor);
        let secrets = AgentSecrets { access_token, successor };
        let token = AgentToken { secrets, client_id: credentials.client_id.clone(), lifetime, seq: lease.seq };
        let sealed = seal.seal(token.secrets.clone(), agent_binding()).map_err(|error| unavailable(&error))?;
        Ok((token.clone(), token.with(sealed)))
    }

    /// The agent's credentials.
    ///
    /// # Errors
    /// Why they cannot be read.
    async fn credentials(&self, context: &Context) -> Result<AgentCredentials, String> {
        let arn = match &self.credentials {
            AgentCredentialsSource::Inline(credentials) => return Ok(credentials.clone()),
            AgentCredentialsSource::Stored(arn) => arn,
        };
        let variable = AgentCredentialsSource::ARN;
        let text = context.deadline.bound(self.secrets_manager.text(arn)).await;
        let text =
            text.unwrap_or_else(|_| Err("cannot be read in time".into())).map_err(|why| format!("{variable} {why}"))?;
        AgentCredentials::parse(variable, text.expose_secret()).map_err(|error| error.to_string())
    }
}

fn unavailable(error: &StoreError) -> RefreshError {
    RefreshError::Unavailable(error.to_string())
}

/// Identifies a refresh token, without giving it away.
fn fingerprint(refresh_token: &SecretString) -> String {
    hex::encode(&digest(&SHA256, refresh_token.expose_secret().as_bytes()).as_ref()[..8])
}
