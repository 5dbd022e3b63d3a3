//! What is recorded after LiveChat was told to revoke tokens.

use crate::{
    identity::{OutstandingToken, Record},
    store::Bookkeeping,
};

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
