//! A logout, as the record remembers it.

use crate::identity::LeaseSeq;

/// The latest logout of a subject: the number of the latest lease at that time, or `None` if there was no logout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LatestLogout(pub Option<LeaseSeq>);

impl LatestLogout {
    /// The logout ended the token that was issued under the lease `seq`.
    pub fn ends(self, seq: LeaseSeq) -> bool {
        seq <= self.0.unwrap_or(LeaseSeq::BEFORE_FIRST)
    }

    /// This logout is later than `earlier`.
    pub fn is_later_than(self, earlier: Self) -> bool {
        self.0 > earlier.0
    }
}
