//! Revocation: LiveChat is told that tokens must not work any more, after a logout or an adoption.
//!
//! The tokens to revoke are stored before LiveChat is told and until it has been told: a logout stores a lease number, and every
//! token that was issued under that number or a lower one must be revoked; an adoption stores the guest's tokens with the user's
//! identity. If LiveChat cannot be reached, or the process dies, the next renewal or logout of the same subject tells it, and no token is
//! issued before. A call that needs no token from LiveChat tells it too, at most once a minute.

use crate::{
    context::Context,
    identity::Subject,
    livechat::Accounts,
    renewal::{
        Bookkeeping,
        record::OutstandingToken,
        time_limits::{ATTEMPT_TIMEOUT, LONGEST_WRITE},
    },
    store::Store,
    telemetry::steps,
    time::now,
};
use futures_util::future::join_all;
use std::time::Duration;

/// The longest that a logout waits for LiveChat.
pub(super) const LONGEST_AT_LOGOUT: Duration = Duration::from_secs(4);
/// The longest that any other call waits for LiveChat to revoke tokens: as long as for a token.
pub(super) const LONGEST: Duration = ATTEMPT_TIMEOUT;
/// The number of tokens that LiveChat is told about at a time.
const AT_A_TIME: usize = 10;

/// Tells LiveChat to revoke `tokens`; returns the keys of those that are known not to work any more.
pub(super) async fn revoke(accounts: &Accounts, tokens: &[OutstandingToken], context: &Context) -> Vec<String> {
    let mut revoked = Vec::new();
    for some in tokens.chunks(AT_A_TIME) {
        if context.left().is_zero() {
            break;
        }
        let told = join_all(some.iter().map(async |token| {
            steps::begin("revoke");
            let is_revoked = accounts.revoke(&token.access_token, context).await;
            steps::end("revoke", || if is_revoked { "revoked" } else { "not revoked" }.into());
            is_revoked.then(|| token.key.clone())
        }));
        revoked.extend(told.await.into_iter().flatten());
    }
    revoked
}

/// Where tokens are revoked, and where that is recorded.
#[derive(Clone, Copy)]
pub(super) struct Revoker<'a> {
    pub(super) store: &'a Store,
    pub(super) accounts: &'a Accounts,
    /// Whose tokens they are.
    pub(super) subject: &'a Subject,
}

impl Revoker<'_> {
    /// Tells LiveChat to revoke the tokens in `due`, and records the result. Returns whether all of them are revoked.
    pub(super) async fn tell(self, due: &[OutstandingToken], longest: Duration, context: &Context) -> bool {
        if due.is_empty() {
            return true;
        }
        let revoked = revoke(self.accounts, due, &context.minus(LONGEST_WRITE).within(longest)).await;
        let mut bookkeeping = Bookkeeping::default();
        let is_complete = bookkeeping.note_revoked(due, revoked, now());
        let recorded = self.store.record_revocations(self.subject, &bookkeeping, context);
        if let Err(error) = steps::store("record", recorded, |()| "recorded").await {
            // LiveChat is told once more by the next call, which does no harm.
            tracing::warn!(cause = %error, "revoked tokens could not be recorded");
        }
        is_complete
    }
}
