//! A logout: tokens that the user was given before are revoked and not returned.
//!
//! It is stored first, for the user and for each of the user's groups, so that no token is returned while LiveChat cannot be reached.
//! Then LiveChat is told to revoke all of them.

use super::{
    Call, Reply,
    revocation::{LONGEST_AT_LOGOUT, Revoker},
};
use crate::{
    context::Context,
    error::Error,
    identity::Subject,
    livechat::Accounts,
    renewal::{
        StoreError,
        record::{OutstandingToken, Record},
        time_limits::LONGEST_WRITE,
    },
    store::Store,
    telemetry::steps,
    time::now,
};
use futures_util::future::join_all;

/// The number of groups that are worked on at a time.
const AT_A_TIME: usize = 8;
/// After a logout that could not tell LiveChat, other logouts do not try again for this time, in ms. Else a page in a loop would make a
/// call to LiveChat for each token, each time.
const PAUSE_MS: u64 = 5_000;

/// Logs the caller out: of all groups, unless the call names one.
///
/// # Errors
/// [`Error::Store`] if the table does not respond. The user may be logged out all the same, and LiveChat told.
pub(super) async fn log_out(
    store: &Store,
    accounts: &Accounts,
    call: &Call,
    context: &Context,
) -> Result<Reply, Error> {
    let subject = &call.subject;
    // The subject of the call comes first, so that no failure of another group can prevent its logout.
    let mut logged_out = vec![log_out_of(store, subject.clone(), context).await?];
    let mut failure = None;
    if subject.group.is_none() {
        let groups = steps::store("read groups", store.groups(&subject.principal, context), |_| "done").await;
        let groups = groups.unwrap_or_else(|error| {
            failure = Some(error);
            Vec::new()
        });
        for some in groups.chunks(AT_A_TIME) {
            let some = some.iter().map(|group| Subject { group: Some(*group), ..subject.clone() });
            for result in join_all(some.map(|subject| log_out_of(store, subject, context))).await {
                match result {
                    Ok(done) => logged_out.push(done),
                    Err(error) => failure = Some(error),
                }
            }
        }
    }
    let end = &context.within(LONGEST_AT_LOGOUT + LONGEST_WRITE);
    let mut is_complete = true;
    for some in logged_out.chunks(AT_A_TIME) {
        let told = some.iter().map(async |Pending { subject, tokens, may_be_told, are_others }| {
            let may_be_told = *may_be_told || tokens.is_empty();
            let revoker = Revoker { store, accounts, subject };
            may_be_told && revoker.tell(tokens, LONGEST_AT_LOGOUT, end).await && !are_others
        });
        is_complete &= join_all(told).await.into_iter().all(|told| told);
    }
    failure.map_or(Ok(Reply::LoggedOut { is_complete }), |error| Err(error.into()))
}

/// A subject that is logged out, and the tokens that LiveChat has to revoke.
struct Pending {
    subject: Subject,
    tokens: Vec<OutstandingToken>,
    may_be_told: bool,
    /// The guest became a user: the user's record has those of the guest's tokens that are still to be revoked.
    are_others: bool,
}

async fn log_out_of(store: &Store, subject: Subject, context: &Context) -> Result<Pending, StoreError> {
    let record = steps::store("log out", store.log_out(&subject, context), |_| "logged out").await?;
    let now = now();
    let tokens = record.outstanding.to_revoke(record.latest_logout, now);
    let may_be_told = record.revoke_again.is_none_or(|again| {
        let failed = again.minus_ms(Record::REVOKE_AGAIN_MS);
        !failed.is_recent(PAUSE_MS, now)
    });
    Ok(Pending { subject, tokens, may_be_told, are_others: record.is_adopted })
}
