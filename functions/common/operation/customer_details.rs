//! What agents see of a customer: after a user has got a token, LiveChat is told the user's name, e-mail and session fields, if
//! `CUSTOMER_DETAILS` asks for it and they are not what it was told before.
//!
//! An update never delays a token or makes a call fail: it is sent when the caller has the response. One conditional write claims it before
//! LiveChat is called, so of any number of concurrent calls one sends it, and a process that dies leaves nothing that has to be cleaned up: the
//! claim says when it may be tried again.

use super::{Call, Renewer, Reply};
use crate::{
    context::Context,
    identity::{CustomerDetails, DetailsUpdate, Subject, UnixMs},
    livechat::{Accounts, customer::UpdateError},
    store::Store,
    time::{Deadline, now},
};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The longest time that an update takes, with both writes.
const LONGEST: Duration = Duration::from_secs(3);
/// The time that must be left to begin.
const SHORTEST: Duration = Duration::from_secs(1);
/// What is left of it to record the result.
const RESERVE: Duration = Duration::from_millis(300);

/// What the updates of one process have in common.
#[derive(Clone, Debug)]
pub(super) struct CustomerUpdates {
    hash_key: hmac::Key,
    pause: Pause,
}

impl CustomerUpdates {
    /// With a key, a hash in the table says nothing about details to somebody who does not know the key.
    pub(super) fn new(hash_key: Option<&SecretString>) -> Self {
        let key = hash_key.map_or("", ExposeSecret::expose_secret);
        Self { hash_key: hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), pause: Pause::default() }
    }
}

/// The time of the latest update that failed, unless LiveChat refused what it contained. For a while after it, the process sends no others:
/// while LiveChat does not respond, each would keep the process from its next call for seconds.
#[derive(Clone, Debug, Default)]
struct Pause(Arc<Mutex<Option<UnixMs>>>);

impl Pause {
    const LENGTH_MS: u64 = 60_000;

    fn begin(&self, now: UnixMs) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    fn applies(&self, now: UnixMs) -> bool {
        let failed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|failed| failed.is_recent(Self::LENGTH_MS, now))
    }
}

/// An update that is due.
#[derive(Debug)]
pub struct CustomerUpdate {
    store: Store,
    accounts: Accounts,
    subject: Subject,
    details: CustomerDetails,
    update: DetailsUpdate,
    token: SecretString,
    pause: Pause,
}

/// What became of an update.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// LiveChat has accepted it.
    Accepted,
    /// It failed. The cause is for the log, and contains no detail.
    Failed(String),
    /// LiveChat was not called: another call sends it, or there is no time.
    Not,
}

impl Renewer {
    /// The update that is due after `call` got this reply.
    pub(super) fn customer_update(&self, call: &Call, reply: &Reply) -> Option<CustomerUpdate> {
        let (Reply::Token(obtained), Some(details)) = (reply, &call.details) else { return None };
        let CustomerUpdates { hash_key, pause } = &self.customer_updates;
        let now = now();
        if pause.applies(now) {
            return None;
        }
        let issued = &obtained.issued;
        let hash = details.hash(hash_key, &self.accounts.update_url(), &issued.entity_id);
        let update = DetailsUpdate::due(issued.details.as_ref(), &issued.entity_id, hash, now)?;
        Some(CustomerUpdate {
            store: self.store.clone(),
            accounts: self.accounts.clone(),
            subject: call.subject.clone(),
            details: details.clone(),
            update,
            token: issued.token.access_token.clone(),
            pause: pause.clone(),
        })
    }
}

impl CustomerUpdate {
    /// Whose customer it is.
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Sends it, if no other call does, by `deadline`.
    pub(crate) async fn send(self, deadline: Deadline) -> Sent {
        let Self { store, accounts, subject, details, update, token, pause } = self;
        let context = Context::new(deadline.within(LONGEST));
        if context.left() < SHORTEST {
            return Sent::Not;
        }
        match store.claim_details(&subject, &update, &context).await {
            Ok(true) => {}
            Ok(false) => return Sent::Not,
            Err(error) => {
                pause.begin(now());
                return Sent::Failed(error.to_string());
            }
        }
        let sent = accounts.update_customer(&token, &details, &context.minus(RESERVE)).await;
        let (is_settled, sent) = match sent {
            Ok(()) => (true, Sent::Accepted),
            // LiveChat would refuse the same details again.
            Err(UpdateError::Content(cause)) => (true, Sent::Failed(format!("LiveChat refuses the details: {cause}"))),
            Err(UpdateError::Other(cause)) => {
                pause.begin(now());
                (false, Sent::Failed(cause))
            }
        };
        if is_settled && let Err(error) = store.settle_details(&subject, &update, &context).await {
            tracing::warn!(cause = %error, "the result of an update could not be stored, so LiveChat is told once more later");
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_after_a_minute_or_when_the_clock_is_set_back() {
        const FAILED: UnixMs = UnixMs::new(1_700_000_000_000);
        let pause = Pause::default();
        assert!(!pause.applies(FAILED));
        pause.clone().begin(FAILED);
        assert!(pause.applies(FAILED) && pause.applies(FAILED.plus_ms(59_999)));
        assert!(!pause.applies(FAILED.plus_ms(60_000)) && !pause.applies(FAILED.minus_ms(1)));
    }
}
