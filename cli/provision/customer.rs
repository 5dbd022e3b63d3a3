//! One user: a customer by the functions' own `getToken`, and what a failure of it means for the others.

use crate::{failure::Failure, livechat::fix_refusal};
use cip::{
    context::Context,
    error::Error,
    identity::Subject,
    livechat::Accounts,
    operation::{Call, Renewer, Reply},
    renewal::{self, Source, StoreError},
    settings::{Groups, LiveChat, Renewals},
    store::{Store, operator::may_pass},
    time::{Deadline, now},
};
use std::time::Duration;

/// What creates customers.
#[derive(Clone, Debug)]
pub(super) struct Customers {
    store: Store,
    accounts: Accounts,
    renewer: Renewer,
}

/// What became of one try for a user.
pub(super) enum Outcome {
    /// LiveChat has created the customer with this id.
    Created(String),
    /// The user has the customer with this id already, or another call has created it meanwhile.
    Exists(String),
    /// Not now, but after this time, because of this user alone.
    Later(Duration, String),
    /// LiveChat or DynamoDB does not work at the moment, as this says.
    Down(String),
    /// LiveChat refuses the user's group.
    GroupRefused(String),
    /// What is stored for this user cannot be read.
    MalformedItem,
    /// No user can get a customer.
    Stop(Failure),
}

/// Until a call of the functions has ended.
const SOON: Duration = Duration::from_secs(2);

impl Customers {
    /// For the account at LiveChat with these settings, in this table.
    ///
    /// # Errors
    /// [`Failure::Service`] if the TLS library cannot be used.
    pub(super) fn new(
        store: Store,
        livechat: LiveChat,
        (renewals, groups): (Renewals, Groups),
    ) -> Result<Self, Failure> {
        let accounts = Accounts::new(livechat).map_err(|error| Failure::Service(error.to_string()))?;
        let renewer = Renewer::new(store.clone(), accounts.clone(), renewals, groups);
        Ok(Self { store, accounts, renewer })
    }

    /// The account at LiveChat.
    pub(super) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Creates a customer, unless the user has one. The time limits are those of the functions.
    pub(super) async fn create(&self, subject: Subject) -> Outcome {
        let context = Context::new(Deadline::of_invocation(None));
        match self.store.read(&subject, &context).await {
            Ok(Some(record)) => {
                if let Some(identity) = record.identity {
                    return Outcome::Exists(identity.entity_id);
                }
                if record.held(now()).is_some() {
                    return Outcome::Later(SOON, "another call is getting a token for the user".into());
                }
                // Whether LiveChat still refuses, another user shows without this wait.
                if let Some(refusal) = record.refusal_of(self.accounts.fingerprint(), now()) {
                    let left = Duration::from_millis(refusal.until.ms_since(now()));
                    return Outcome::Later(left, format!("LiveChat refused: {}", refusal.exception));
                }
            }
            Ok(None) => {}
            Err(error) => return self.failed(error.into()),
        }
        match self.renewer.get_token(&Call { subject, was_guest: None, details: None, logout: false }, &context).await {
            Ok(Reply::Token(obtained)) => {
                let entity_id = obtained.issued.entity_id;
                match obtained.source {
                    Source::LiveChat { collapsed: false, .. } => Outcome::Created(entity_id),
                    _ => Outcome::Exists(entity_id),
                }
            }
            Ok(_) => Outcome::Stop(Failure::Service("getToken returned no token: a bug.".into())),
            Err(error) => self.failed(error),
        }
    }

    fn failed(&self, error: Error) -> Outcome {
        match error {
            Error::UnknownGroup { refusal } => Outcome::GroupRefused(refusal.unwrap_or_default()),
            Error::Store(StoreError::Internal(_)) => Outcome::MalformedItem,
            Error::Store(error) if may_pass(&error) => Outcome::Down(error.to_string()),
            Error::Renewal(error) => self.not_renewed(error),
            error => Outcome::Stop(Failure::Service(format!("{error}."))),
        }
    }

    fn not_renewed(&self, error: renewal::Error) -> Outcome {
        use renewal::Error;
        match error {
            Error::LiveChatRejected { exception, description, .. } => {
                let fix = fix_refusal(&exception, self.accounts.settings());
                Outcome::Stop(Failure::Service(format!("LiveChat refused: {exception}, {description}.\n{fix}")))
            }
            Error::LiveChatUnavailable(_) | Error::LiveChatNotCalled(_) => Outcome::Down(error.to_string()),
            Error::RateLimited { retry_after_s } => {
                Outcome::Later(Duration::from_secs(retry_after_s.into()), error.to_string())
            }
            // The next try finds what the other call has stored.
            Error::Busy | Error::LoggedOut | Error::IdentityChanged => Outcome::Later(SOON, error.to_string()),
            error => Outcome::Stop(Failure::Service(format!("{error}."))),
        }
    }
}
