//! What the end of a lease stores in addition to its result.

use super::record::{OutstandingToken, Quota, Record};
use crate::identity::UnixMs;

/// What the end of a lease stores in addition to its result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookkeeping {
    /// The quota, if it has changed.
    pub quota: Option<Quota>,
    /// Keys of outstanding tokens that LiveChat has revoked, or that have expired.
    pub forget: Vec<String>,
    /// When LiveChat is told again to revoke tokens.
    pub revoke_again: RevokeAgain,
}

/// When LiveChat is told again to revoke tokens, as the end of a lease stores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RevokeAgain {
    /// As before: the call did not tell LiveChat to revoke tokens.
    #[default]
    Unchanged,
    /// At the next opportunity, as LiveChat has just revoked all tokens that were due.
    WhenDue,
    /// Not before this time, as LiveChat has just failed to revoke some.
    NotBefore(UnixMs),
}

impl Bookkeeping {
    /// LiveChat was told to revoke the tokens in `due`, and those with the keys in `revoked` do not work any more. The revoked tokens are
    /// forgotten. If others are left, LiveChat is told again later. Returns whether all of them are revoked.
    pub(crate) fn note_revoked(&mut self, due: &[OutstandingToken], revoked: Vec<String>, now: UnixMs) -> bool {
        let is_complete = revoked.len() == due.len();
        self.revoke_again = if is_complete {
            RevokeAgain::WhenDue
        } else {
            RevokeAgain::NotBefore(now.plus_ms(Record::REVOKE_AGAIN_MS))
        };
        self.forget.extend(revoked);
        is_complete
    }
}
