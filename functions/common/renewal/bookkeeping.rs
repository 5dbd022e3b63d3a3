//! What the end of a lease stores in addition to its result.

use super::record::{OutstandingToken, Quota, Record};

/// What the end of a lease stores in addition to its result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookkeeping {
    /// The quota, if it has changed.
    pub quota: Option<Quota>,
    /// Keys of outstanding tokens that LiveChat has revoked, or that have expired.
    pub forget: Vec<String>,
    /// When to tell LiveChat again to revoke the tokens that it could not be told about; Unix time in ms.
    pub revoke_again_ms: Option<u64>,
}

impl Bookkeeping {
    /// LiveChat was told to revoke the tokens that were `due`, and those with the keys in `revoked` do not work any more. Those are
    /// forgotten; if there are others, LiveChat is told again later. Returns whether there are none.
    pub(crate) fn note_revoked(&mut self, due: &[OutstandingToken], revoked: Vec<String>, now_ms: u64) -> bool {
        let is_complete = revoked.len() == due.len();
        self.revoke_again_ms = Some(if is_complete { 0 } else { now_ms + Record::REVOKE_AGAIN_MS });
        self.forget.extend(revoked);
        is_complete
    }
}
