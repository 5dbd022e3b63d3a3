//! The agent token, as renewals use it: from memory, from the table, or refreshed. It is decided in `renewal/agent_token.rs`.

use crate::{
    clients::secrets::Manager,
    context::Context,
    identity::{Group, Identity, LeaseSeq},
    livechat::{
        Accounts, AgentCallError,
        oauth::{RefreshError, Refreshed},
    },
    renewal::{
        AGENT_TOKEN_REFUSED, AttemptError, Grant, StoreError,
        agent_token::{AgentRecord, AgentSecrets, AgentToken, Next, StoredAgentToken, Successor, UNAVAILABLE},
        record::{Lease, Refusal},
        time_limits::{SHORTEST_ATTEMPT, STORE_RESERVE},
    },
    sealing::{Sealer, is_lasting},
    settings::{AgentCredentials, AgentCredentialsSource},
    store::{Store, agent_binding, agent_token::Acquisition},
    time::now,
};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// The pauses of a call that waits for another one's refresh, in ms.
const PAUSE_MS: std::ops::Range<u64> = 50..100;

/// The agent token that all processes share.
#[derive(Clone, Debug)]
pub(super) struct AgentTokens {
    store: Store,
    accounts: Accounts,
    sealer: Sealer,
    credentials: AgentCredentialsSource,
    secrets_manager: Arc<Manager>,
    /// The token that this process used last. Shared by the clones of all calls.
    memory: Arc<Mutex<Option<OpenAgentToken>>>,
}

/// An agent token that can be sent.
type OpenAgentToken = AgentToken<AgentSecrets>;

/// An agent token to use.
struct Obtained {
    token: OpenAgentToken,
    /// LiveChat has issued it to this call.
    is_new: bool,
}

/// Why there is no agent token.
enum Failure {
    /// LiveChat refuses to issue one, now or a short time ago.
    Refused(Refusal),
    /// The table, AWS Secrets Manager or LiveChat did not respond.
    Unavailable(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Failure> for AttemptError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(Refusal { exception, description, .. }) if exception == UNAVAILABLE => {
                Self::Unsent(format!("no agent token: {description}"))
            }
            Failure::Refused(Refusal { description, .. }) => {
                Self::Refused { exception: AGENT_TOKEN_REFUSED.into(), description }
            }
            Failure::Unavailable(cause) => Self::Unsent(format!("no agent token: {cause}")),
        }
    }
}

impl AgentTokens {
    /// The agent token of these accounts, if their settings have an agent's credentials.
    pub(super) fn of(store: &Store, accounts: &Accounts, sealer: &Sealer) -> Option<Self> {
        let credentials = accounts.settings().agent.clone()?;
        let (store, accounts, sealer) = (store.clone(), accounts.clone(), sealer.clone());
        Some(Self { store, accounts, sealer, credentials, secrets_manager: Arc::default(), memory: Arc::default() })
    }

    /// One call for a customer's token with the agent token: for the customer `known`, or for a new one. If LiveChat does not accept the
    /// agent token, gets another one and calls once more: LiveChat has done nothing then. The token in memory, the stored one and a new one
    /// may all be tried.
    pub(super) async fn customer_token(
        &self,
        group: Option<Group>,
        known: Option<&Identity>,
        context: &Context,
    ) -> Result<Grant, AttemptError> {
        let mut rejected = None;
        loop {
            let Obtained { token, is_new } = self.get(rejected, context).await?;
            let exception = match self.accounts.token_by_agent(&token, group, known, context).await {
                Ok(grant) => return Ok(grant),
                Err(AgentCallError::Failed(error)) => return Err(error),
                Err(AgentCallError::TokenRejected(exception)) => exception,
            };
            if is_new && rejected.is_some() {
                return Err(self.refuse(&token, &exception, context).await.into());
            }
            tracing::warn!(exception, "LiveChat does not accept the agent token; getting another one");
            if context.left() < SHORTEST_ATTEMPT {
                return Err(AttemptError::CutShort);
            }
            rejected = Some(token.seq);
        }
    }

    /// LiveChat does not accept a token that it has just issued in place of another one. This is remembered for all users, or each of
    /// their calls would get more tokens.
    async fn refuse(&self, token: &OpenAgentToken, exception: &str, context: &Context) -> Failure {
        context.metrics.agent_token_failures.increment();
        let description = format!("{exception} for a new agent token: it needs the scope customers:own");
        let refusal = Refusal::first(self.accounts.fingerprint(), AGENT_TOKEN_REFUSED, &description, now());
        if let Err(error) = self.store.refuse_agent_token(token.seq, &refusal, context).await {
            tracing::warn!(cause = %error, "the refusal of the agent token could not be stored");
        }
        Failure::Refused(refusal)
    }

    /// The agent token, newer than the number of one that was `rejected`.
    async fn get(&self, mut rejected: Option<LeaseSeq>, context: &Context) -> Result<Obtained, Failure> {
        let known = |token| Obtained { token, is_new: false };
        if let Some(token) = self.remembered(rejected) {
            return Ok(known(token));
        }
        let settings = self.accounts.fingerprint();
        let mut record = self.store.read_agent_token(context).await?;
        loop {
            match record.next(rejected, settings, now()) {
                Next::Use(token) => {
                    let seq = token.seq;
                    match self.open(token, context).await {
                        Ok(token) => return Ok(known(self.remember(token))),
                        // Then it is worth no more than one that LiveChat does not accept.
                        Err(error) if is_lasting(&error) => {
                            tracing::warn!(cause = %error, "the stored agent token cannot be opened; getting another one");
                            rejected = Some(seq);
                            record = self.store.read_agent_token(context).await?;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Next::Fail(refusal) => return Err(Failure::Refused(refusal)),
                _ if context.left() < SHORTEST_ATTEMPT => {
                    return Err(Failure::Unavailable("there is too little time to refresh it".into()));
                }
                Next::Wait => {
                    sleep(Duration::from_millis(fastrand::u64(PAUSE_MS))).await;
                    record = self.store.read_agent_token(context).await?;
                }
                Next::Refresh { stored, live } => {
                    // New for each try, so that a write of this try is never mistaken for a write of another.
                    let owner = uuid::Uuid::new_v4().to_string();
                    match self.store.acquire_agent_token(&owner, stored, context).await? {
                        Acquisition::Rejected(stored) => record = *stored,
                        Acquisition::Acquired(lease, before) => {
                            return match (self.refresh(&lease, *before, context).await, live) {
                                (Ok(token), _) => Ok(Obtained { token: self.remember(token), is_new: true }),
                                (Err(_), Some(live)) => Ok(known(self.remember(self.open(live, context).await?))),
                                (Err(failure), None) => Err(failure),
                            };
                        }
                    }
                }
            }
        }
    }

    /// Refreshes the token under this lease, and stores it. `before` is what is stored.
    async fn refresh(&self, lease: &Lease, before: AgentRecord, context: &Context) -> Result<OpenAgentToken, Failure> {
        let (exception, description) = match self.credentials(context).await {
            Err(why) => (UNAVAILABLE, why),
            Ok(credentials) => match self.refresh_with(&credentials, lease, before.token.clone(), context).await {
                Ok((token, stored)) => {
                    context.metrics.agent_tokens_refreshed.increment();
                    // If it cannot be stored, it works all the same, and the next call gets another one.
                    if let Err(error) = self.store.commit_agent_token(lease, &stored, context).await {
                        tracing::warn!(cause = %error, "a new agent token could not be stored");
                    }
                    return Ok(token);
                }
                Err(RefreshError::Refused(exception)) => {
                    (AGENT_TOKEN_REFUSED, format!("{exception} for the refresh token"))
                }
                Err(RefreshError::OtherAccount) => (AGENT_TOKEN_REFUSED, "the agent belongs to another account".into()),
                Err(RefreshError::Unavailable(cause)) => (UNAVAILABLE, cause),
            },
        };
        context.metrics.agent_token_failures.increment();
        tracing::error!(exception, cause = description, "the agent token could not be refreshed");
        let now = now();
        let settings = self.accounts.fingerprint();
        let refusal = match exception {
            UNAVAILABLE => before.unanswered(settings, &description, now),
            _ => Refusal::first(settings, exception, &description, now).after(before.refusal.as_ref(), now),
        };
        if let Err(error) = self.store.release_agent_token(lease, &refusal, context).await {
            tracing::warn!(cause = %error, "the lease of the agent token could not be released and will expire");
        }
        Err(Failure::Refused(refusal))
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
        let context = &context.minus(STORE_RESERVE);
        let Refreshed { access_token, lifetime, refresh_token } =
            self.accounts.refresh(credentials, refresh_token, context).await?;
        let successor = refresh_token.map(|refresh_token| Successor { of, refresh_token }).or(successor);
        let secrets = AgentSecrets { access_token, successor };
        let token = AgentToken { secrets, client_id: credentials.client_id.clone(), lifetime, seq: lease.seq };
        let sealed = seal.seal(token.secrets.clone(), agent_binding()).map_err(|error| unavailable(&error))?;
        Ok((token.clone(), token.with(sealed)))
    }

    /// The stored token, with open secrets.
    async fn open(&self, token: StoredAgentToken, context: &Context) -> Result<OpenAgentToken, StoreError> {
        let secrets = self.sealer.open(&token.secrets, context).await?;
        Ok(token.with(secrets))
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

    /// The token that this process used last, if it is still usable.
    fn remembered(&self, rejected: Option<LeaseSeq>) -> Option<OpenAgentToken> {
        let token = self.memory.lock().unwrap_or_else(PoisonError::into_inner).clone();
        token.filter(|token| token.lifetime.is_usable(now()) && rejected.is_none_or(|seq| token.seq > seq))
    }

    fn remember(&self, token: OpenAgentToken) -> OpenAgentToken {
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        token
    }
}

fn unavailable(error: &StoreError) -> RefreshError {
    RefreshError::Unavailable(error.to_string())
}

/// Identifies a refresh token, without giving it away.
fn fingerprint(refresh_token: &SecretString) -> String {
    hex::encode(&digest(&SHA256, refresh_token.expose_secret().as_bytes()).as_ref()[..8])
}
