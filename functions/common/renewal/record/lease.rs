//! The lease of a subject: who may renew its token.

use crate::identity::{LeaseSeq, UnixMs};

/// The exclusive right to renew one subject's token, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// A unique value, generated for each try to acquire a lease.
    pub owner: String,
    /// Its number.
    pub seq: LeaseSeq,
    /// When others may take it over, by the owner's clock.
    pub until: UnixMs,
}

impl Lease {
    /// How long a lease keeps others out, in ms.
    pub const LENGTH_MS: u64 = 10_000;
    /// The largest difference between the clocks of two processes, in ms: others may see a lease expire that much earlier.
    pub const SKEW_MS: u64 = 2_000;

    /// The expiry of a lease that is acquired now.
    pub fn expiry(now: UnixMs) -> UnixMs {
        now.plus_ms(Self::LENGTH_MS)
    }

    /// The latest expiry that counts: a later one comes from a wrong clock, and must not lock a user out.
    pub fn latest_expiry(now: UnixMs) -> UnixMs {
        now.plus_ms(2 * Self::LENGTH_MS)
    }

    /// The time for which no other call can acquire the lease, whatever its clock says, in ms.
    pub fn safe_for_ms(&self, now: UnixMs) -> u64 {
        self.until.ms_since(now).saturating_sub(Self::SKEW_MS)
    }

    /// Nobody else may take it over yet.
    pub fn is_held(&self, now: UnixMs) -> bool {
        (now..=Self::latest_expiry(now)).contains(&self.until)
    }
}
