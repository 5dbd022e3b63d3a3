//! The lease while a call holds it.

use super::{
    Moment,
    record::Lease,
    time_limits::{LONGEST_ATTEMPTS, LONGEST_WRITE, STORE_RESERVE},
};
use crate::identity::LeaseSeq;
use std::time::Duration;

/// The right to call LiveChat for one subject. It cannot be copied: a commit or a release consumes it, even if the lease is lost.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
#[must_use]
pub(crate) struct HeldLease(pub(super) Lease);

impl HeldLease {
    /// The lease that a conditional write has just acquired.
    pub(crate) fn acquired(lease: Lease) -> Self {
        Self(lease)
    }

    /// What fences a write under the lease: its owner and its number.
    pub(crate) fn fence(&self) -> &Lease {
        &self.0
    }

    /// Its number.
    pub(crate) fn seq(&self) -> LeaseSeq {
        self.0.seq
    }

    /// How long LiveChat may take, so that its result can be stored in time and while the lease is certainly still this call's.
    pub(super) fn time_to_call(&self, moment: Moment) -> Duration {
        let safe = Duration::from_millis(self.0.safe_for_ms(moment.now)).saturating_sub(LONGEST_WRITE);
        moment.left.saturating_sub(STORE_RESERVE).min(safe).min(LONGEST_ATTEMPTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_outlives_what_is_done_under_it() {
        let now = crate::identity::UnixMs::new(1_700_000_000_000);
        let work_ms = crate::time::millis(LONGEST_ATTEMPTS + LONGEST_WRITE);
        assert!(work_ms + Lease::SKEW_MS < Lease::LENGTH_MS, "{work_ms}");
        // However long the acquisition took, calls to LiveChat end in time.
        let lease = Lease { owner: "o".into(), seq: LeaseSeq::new(1), until: now.plus_ms(10_000) };
        assert_eq!(lease.safe_for_ms(now), 8_000);
        assert_eq!(lease.safe_for_ms(now.plus_ms(9_000)), 0);
    }
}
