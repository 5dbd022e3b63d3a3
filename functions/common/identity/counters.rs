//! Numbers that count what is stored for one subject.

use std::{fmt, num::NonZeroU32};

/// The sequence number of a lease. It counts the leases of one subject: a later lease has a higher number. A token has the number of
/// the lease under which LiveChat issued it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseSeq(u64);

impl LeaseSeq {
    /// Lower than the number of every lease. No lease has it.
    pub const BEFORE_FIRST: Self = Self(0);

    /// The lease with this number; the first one has 1.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The number of the lease after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number of the last of `count` leases, of which this is the first.
    #[must_use]
    pub fn last_of(self, count: NonZeroU32) -> Self {
        Self(self.0.saturating_add(u64::from(count.get() - 1)))
    }
}

impl fmt::Display for LeaseSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The version of a record: the number of times that it was written. 0 if it was never written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// The version after this many writes.
    pub const fn new(writes: u64) -> Self {
        Self(writes)
    }

    /// The number of writes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}
