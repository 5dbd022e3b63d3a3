//! The agent token, as renewals use it: from memory, from the table, or refreshed. It is decided in `renewal/agent_token.rs`.
//!
//! | file | what it does |
//! |---|---|
//! | here | gets the agent token |
//! | `agent_tokens/customer_token.rs` | requests a customer's token with it |
//! | `agent_tokens/refresh.rs` | gets a new one from LiveChat, under a lease |
//! | `agent_tokens/memory.rs` | what a process remembers |

mod customer_token;
mod memory;
mod refresh;

pub(super) use customer_token::CustomerRequest;

use crate::{
    clients::secrets::Manager,
    context::Context,
    identity::LeaseSeq,
    livechat::Accounts,
    renewal::{
        AGENT_TOKEN_REFUSED, AttemptError, StoreError,
        agent_token::{AgentRecord, AgentSecrets, AgentToken, Next, Stored, StoredAgentToken, UNAVAILABLE},
        record::Refusal,
        time_limits::{ATTEMPT_TIMEOUT, SHORTEST_ATTEMPT, STORE_RESERVE},
    },
    sealing::{Sealer, is_lasting},
    settings::AgentCredentialsSource,
    store::{
        Store,
        agent_token::{Acquisition, Reason},
    },
    time::now,
};
use memory::Memory;
use refresh::Refresh;
use std::{sync::Arc, time::Duration};
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
    memory: Memory,
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
        Some(Self { store, accounts, sealer, credentials, secrets_manager: Arc::default(), memory: Memory::default() })
    }

    /// The agent token, newer than the number of one that was `rejected`.
    async fn get(&self, mut rejected: Option<LeaseSeq>, context: &Context) -> Result<Obtained, Failure> {
        let known = |token| Obtained { token, is_new: false };
        rejected = rejected.max(self.memory.useless());
        if let Some(token) = self.memory.token(rejected, now()) {
            return Ok(known(token));
        }
        let settings = self.accounts.fingerprint();
        let mut record = self.store.read_agent_token(context).await?;
        loop {
            match record.next(rejected, settings, now()) {
                Next::Use(token) => {
                    let seq = token.seq;
                    match self.open(token, context).await {
                        Ok(token) => return Ok(known(self.memory.remember(token))),
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
                    return Ok(known(self.memory.remember(self.open(live, context).await?)));
                }
                _ if context.left() < SHORTEST_ATTEMPT => return Err(Failure::OutOfTime),
                Next::Refresh { stored, live } if context.left() >= SHORTEST_REFRESH => {
                    // New for each try, so that a write of this try is never mistaken for a write of another.
                    let owner = uuid::Uuid::new_v4().to_string();
                    match self.store.acquire_agent_token(&owner, stored, context).await? {
                        Acquisition::Rejected => record = self.look_again(context).await?,
                        Acquisition::Acquired(lease, before) => {
                            let reason = match stored {
                                Stored::Token(seq) if rejected >= Some(seq) => Reason::Rejected,
                                _ => Reason::Due,
                            };
                            let refresh = Refresh { lease, before: *before, reason, is_optional: live.is_some() };
                            return match (self.refresh(refresh, context).await, live) {
                                (Ok(token), _) => {
                                    self.memory.remember_new(&token, reason);
                                    Ok(Obtained { token, is_new: true })
                                }
                                (Err(_), Some(live)) => {
                                    Ok(known(self.memory.remember(self.open(live, context).await?)))
                                }
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

    /// The stored token, with open secrets.
    async fn open(&self, token: StoredAgentToken, context: &Context) -> Result<OpenAgentToken, StoreError> {
        let secrets = self.sealer.open(&token.secrets, context).await?;
        Ok(token.with(secrets))
    }
}
