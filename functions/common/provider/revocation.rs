//! Revocation: LiveChat is told that tokens must not work any more, after a logout or an adoption.
//!
//! Which tokens these are is stored before LiveChat is told, and until it has been told: a logout stores its lease's number, and every
//! token that was issued under that number or a lower one must be revoked; an adoption stores the guest's tokens with the user's
//! identity. If LiveChat cannot be reached, or the process dies, the next renewal or logout of the same subject tells it, and no token is
//! issued before. A call that needs no token from LiveChat tells it too, but not more than once a minute.

use crate::{
    identity::{OutstandingToken, Record, Subject},
    livechat::Accounts,
    store::{Bookkeeping, Store},
    time::{Deadline, now_ms},
};
use futures_util::future::join_all;
use std::time::Duration;

/// The longest that a logout waits for LiveChat.
pub(super) const LONGEST_AT_LOGOUT: Duration = Duration::from_secs(4);
/// The longest that any other call waits for LiveChat to revoke tokens. A slow LiveChat needs as long for that as for a token.
pub(super) const LONGEST: Duration = Accounts::ATTEMPT_TIMEOUT;
/// The number of tokens that LiveChat is told about at a time.
const AT_A_TIME: usize = 10;

/// Tells LiveChat to revoke `tokens`; returns the keys of those that are known not to work any more.
pub(super) async fn revoke(accounts: &Accounts, tokens: &[OutstandingToken], deadline: Deadline) -> Vec<String> {
    let mut revoked = Vec::new();
    for some in tokens.chunks(AT_A_TIME) {
        if deadline.left().is_zero() {
            break;
        }
        let told = join_all(
            some.iter()
                .map(async |token| accounts.revoke(&token.access_token, deadline).await.then(|| token.key.clone())),
        );
        revoked.extend(told.await.into_iter().flatten());
    }
    revoked
}

/// Whether LiveChat has revoked all that were `due`, and what is stored then.
pub(super) fn outcome(due: &[OutstandingToken], revoked: Vec<String>) -> (bool, Bookkeeping) {
    let is_complete = revoked.len() == due.len();
    let revoke_again_ms = if is_complete { 0 } else { now_ms() + Record::REVOKE_AGAIN_MS };
    (is_complete, Bookkeeping { forget: revoked, revoke_again_ms: Some(revoke_again_ms), quota: None })
}

/// Tells LiveChat to revoke `due`, and records what became of it; returns whether all of them are revoked.
pub(super) async fn tell(
    store: &Store,
    accounts: &Accounts,
    subject: &Subject,
    due: &[OutstandingToken],
    longest: Duration,
    deadline: Deadline,
) -> bool {
    if due.is_empty() {
        return true;
    }
    let revoked = revoke(accounts, due, deadline.minus(Store::LONGEST_WRITE).within(longest)).await;
    let (is_complete, bookkeeping) = outcome(due, revoked);
    if let Err(error) = store.record_revocations(subject, &bookkeeping, deadline).await {
        // LiveChat is told once more by the next call, which does no harm.
        tracing::warn!(cause = %error, "that tokens are revoked could not be recorded");
    }
    is_complete
}
