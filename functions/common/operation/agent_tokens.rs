//! The agent token, as renewals use it: from memory, from the table, or refreshed. It is decided in `renewal/agent_token.rs`.

use super::{breaker::Watch, renewer::notes::count_attempt};
use crate::{
    clients::secrets::Manager,
    context::Context,
    identity::{Group, Identity, LeaseSeq},
    livechat::{
        Accounts, AgentCallError,
        oauth::{RefreshError, Refreshed},
    },
    renewal::{
        AGENT_TOKEN_REFUSED, AttemptError, Grant, StoreError, UNEXPLAINED,
        agent_token::{
            AgentRecord, AgentSecrets, AgentToken, Next, OTHER_ACCOUNT, StoredAgentToken, Successor, UNAVAILABLE,
        },
        circuit::Sign,
        record::{Lease, Refusal},
        time_limits::{ATTEMPT_TIMEOUT, SHORTEST_ATTEMPT, STORE_RESERVE},
    },
    sealing::{Sealer, is_lasting},
    settings::{AgentCredentials, AgentCredentialsSource},
    store::{
        Store, agent_binding,
        agent_token::{Acquisition, Reason, Scope},
    },
    time::now,
};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// The pauses of a call that waits for another one's refresh, in ms.
const PAUSE_MS: std::ops::Range<u64> = 50..100;
/// With less time than this, LiveChat would not have the full time to refresh a token.
const FULL_REFRESH: Duration = ATTEMPT_TIMEOUT.saturating_add(STORE_RESERVE);
/// With less time than this, a token is not refreshed: LiveChat could issue one that is never stored.
const SHORTEST_REFRESH: Duration = Duration::from_millis(1_500).saturating_add(STORE_RESERVE);

/// The agent token that all processes share.
#[derive(Clone, Debug)]
pub(super) struct AgentTokens {
    store: Store,
    accounts: Accounts,
    sealer: Sealer,
    credentials: AgentCredentialsSource,
    secrets_manager: Arc<Manager>,
    /// Shared by the clones of all calls.
    memory: Arc<Mutex<Memory>>,
}

/// An agent token that can be sent.
type OpenAgentToken = AgentToken<AgentSecrets>;

/// What a process remembers.
#[derive(Debug, Default)]
struct Memory {
    /// The token that was used last.
    token: Option<OpenAgentToken>,
    /// The number of a token that LiveChat accepts for no customer of this site. Neither that one nor an older one is used.
    useless: Option<LeaseSeq>,
    /// The number of a token that LiveChat issued in place of a rejected one, and has not accepted yet.
    unproven: Option<LeaseSeq>,
}

/// Whose token is requested.
pub(super) struct CustomerRequest<'a> {
    pub(super) group: Option<Group>,
    /// The customer; `None` for a new one.
    pub(super) known: Option<&'a Identity>,
    /// The response says something about LiveChat and the settings: the caller cannot have made up the group.
    pub(super) is_evidence: bool,
}

/// A refresh, under a lease.
struct Refresh {
    lease: Lease,
    /// What is stored.
    before: AgentRecord,
    reason: Reason,
    /// The stored token is still live.
    is_optional: bool,
}

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
    /// This call has too little time left to wait for one. It has nothing to do with other calls.
    OutOfTime,
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
                Self::NoAgentToken(description)
            }
            Failure::Refused(Refusal { description, .. }) => {
                Self::Refused { exception: AGENT_TOKEN_REFUSED.into(), description }
            }
            Failure::Unavailable(cause) => Self::NoAgentToken(cause),
            Failure::OutOfTime => Self::NotReady { was_called: false },
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

    /// One call for a customer's token with the agent token. If LiveChat does not accept the agent token, gets another one and calls once
    /// more: LiveChat has done nothing then. The token in memory, the stored one and a new one may all be tried. `watch` observes the
    /// requests for the customer's token only.
    pub(super) async fn customer_token(
        &self,
        request: CustomerRequest<'_>,
        watch: &mut Watch,
        context: &Context,
    ) -> Result<Grant, AttemptError> {
        let CustomerRequest { group, known, is_evidence } = request;
        let mut rejected: Option<LeaseSeq> = None;
        loop {
            let not_ready = AttemptError::NotReady { was_called: rejected.is_some() };
            let before = context.left();
            let Obtained { token, is_new } = match self.get(rejected, context).await {
                Err(Failure::OutOfTime) => return Err(not_ready),
                obtained => obtained?,
            };
            // It is there for the next attempt, which may take the full time again.
            let has_taken_time = before >= ATTEMPT_TIMEOUT && context.left() < ATTEMPT_TIMEOUT;
            if has_taken_time || context.left() < SHORTEST_ATTEMPT {
                return Err(not_ready);
            }
            let result = watch.observe(self.accounts.token_by_agent(&token, group, known, context), sign).await;
            let error = result.as_ref().err().and_then(AgentCallError::failed);
            count_attempt(error, &context.metrics);
            let rejection = match result {
                Ok(grant) => {
                    self.memory().unproven.take_if(|seq| *seq == token.seq);
                    return Ok(grant);
                }
                Err(AgentCallError::Failed(error)) => return Err(error),
                Err(rejection) => rejection,
            };
            tracing::warn!(cause = ?rejection, "LiveChat does not accept the agent token");
            match rejection {
                // For an agent of another account, the site's customers do not exist. Nothing that it did not find is lost.
                AgentCallError::OtherAccount if !is_new => {
                    self.forget(token.seq);
                    return Err(AttemptError::NotReady { was_called: true });
                }
                // The caller may have made up the group, and LiveChat may not accept the token for that.
                AgentCallError::TokenRejected(exception) if !is_evidence => {
                    return Err(AttemptError::Refused { exception, description: UNEXPLAINED.into() });
                }
                rejection => {
                    let is_unproven = self.memory().unproven == Some(token.seq);
                    let is_other = matches!(rejection, AgentCallError::OtherAccount);
                    if is_other || is_unproven || (is_new && rejected.is_some()) {
                        let names_somebody = known.is_some() || group.is_some();
                        return Err(self.refuse(&token, &rejection, names_somebody, context).await.into());
                    }
                }
            }
            rejected = Some(token.seq);
        }
    }

    /// LiveChat does not accept a token that it has just issued in place of another one. This is remembered for all users, or each of
    /// their calls would get more tokens. A token that LiveChat accepts for nobody is not used again.
    async fn refuse(
        &self,
        token: &OpenAgentToken,
        rejection: &AgentCallError,
        names_somebody: bool,
        context: &Context,
    ) -> Failure {
        context.metrics.agent_token_failures.increment();
        let (scope, description) = match rejection {
            AgentCallError::TokenRejected(exception) if names_somebody => (
                Scope::OneRequest,
                format!(
                    "{exception} for a new agent token: it needs the scope customers:own, and access to this customer"
                ),
            ),
            AgentCallError::TokenRejected(exception) => {
                (Scope::All, format!("{exception} for a new agent token: it needs the scope customers:own"))
            }
            _ => (Scope::All, OTHER_ACCOUNT.to_owned()),
        };
        let now = now();
        let before = self.store.read_agent_token(context).await.ok().and_then(|record| record.refusal);
        let refusal = Refusal::first(self.accounts.fingerprint(), AGENT_TOKEN_REFUSED, &description, now);
        let refusal = refusal.after(before.as_ref(), now);
        if scope == Scope::All {
            self.forget(token.seq);
        }
        if let Err(error) = self.store.refuse_agent_token(token.seq, &refusal, scope, context).await {
            tracing::warn!(cause = %error, "the refusal of the agent token could not be stored");
        }
        Failure::Refused(refusal)
    }

    /// The agent token, newer than the number of one that was `rejected`.
    async fn get(&self, mut rejected: Option<LeaseSeq>, context: &Context) -> Result<Obtained, Failure> {
        let known = |token| Obtained { token, is_new: false };
        let (remembered, useless) = self.remembered();
        rejected = rejected.max(useless);
        let is_accepted = |token: &OpenAgentToken| rejected.is_none_or(|seq| token.seq > seq);
        if let Some(token) = remembered.filter(is_accepted) {
            return Ok(known(token));
        }
        let reason = if rejected.is_some() { Reason::Rejected } else { Reason::Due };
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
                // A call with enough time refreshes it.
                Next::Refresh { live: Some(live), .. } if context.left() < FULL_REFRESH => {
                    return Ok(known(self.remember(self.open(live, context).await?)));
                }
                _ if context.left() < SHORTEST_ATTEMPT => return Err(Failure::OutOfTime),
                Next::Refresh { stored, live } if context.left() >= SHORTEST_REFRESH => {
                    // New for each try, so that a write of this try is never mistaken for a write of another.
                    let owner = uuid::Uuid::new_v4().to_string();
                    match self.store.acquire_agent_token(&owner, stored, context).await? {
                        Acquisition::Rejected => record = self.look_again(context).await?,
                        Acquisition::Acquired(lease, before) => {
                            let refresh = Refresh { lease, before: *before, reason, is_optional: live.is_some() };
                            return match (self.refresh(refresh, context).await, live) {
                                (Ok(token), _) => {
                                    self.memory().unproven = (reason == Reason::Rejected).then_some(token.seq);
                                    Ok(Obtained { token: self.remember(token), is_new: true })
                                }
                                (Err(_), Some(live)) => Ok(known(self.remember(self.open(live, context).await?))),
                                (Err(failure), None) => Err(failure),
                            };
                        }
                    }
                }
                // Another call refreshes it, or has the time to do so.
                Next::Wait | Next::Refresh { .. } => record = self.look_again(context).await?,
            }
        }
    }

    /// What is stored in a moment.
    async fn look_again(&self, context: &Context) -> Result<AgentRecord, Failure> {
        sleep(Duration::from_millis(fastrand::u64(PAUSE_MS))).await;
        Ok(self.store.read_agent_token(context).await?)
    }

    /// Refreshes the token under a lease, and stores it.
    async fn refresh(&self, refresh: Refresh, context: &Context) -> Result<OpenAgentToken, Failure> {
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

    /// The token that this process used last, if it is still usable, and the number of a useless one.
    fn remembered(&self) -> (Option<OpenAgentToken>, Option<LeaseSeq>) {
        let memory = self.memory();
        (memory.token.clone().filter(|token| token.lifetime.is_usable(now())), memory.useless)
    }

    fn remember(&self, token: OpenAgentToken) -> OpenAgentToken {
        let mut memory = self.memory();
        // The table was emptied: the numbers start again.
        memory.useless.take_if(|seq| *seq >= token.seq);
        memory.token = Some(token.clone());
        token
    }

    /// Does not use this token again.
    fn forget(&self, seq: LeaseSeq) {
        let mut memory = self.memory();
        memory.useless = memory.useless.max(Some(seq));
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What LiveChat's response shows. If it does not accept the agent token, it has responded.
fn sign(result: &Result<Grant, AgentCallError>) -> Sign {
    match result {
        Ok(_) => Sign::Token,
        Err(AgentCallError::Failed(error)) => error.sign(),
        Err(AgentCallError::TokenRejected(_) | AgentCallError::OtherAccount) => Sign::Response,
    }
}

fn unavailable(error: &StoreError) -> RefreshError {
    RefreshError::Unavailable(error.to_string())
}

/// Identifies a refresh token, without giving it away.
fn fingerprint(refresh_token: &SecretString) -> String {
    hex::encode(&digest(&SHA256, refresh_token.expose_secret().as_bytes()).as_ref()[..8])
}
