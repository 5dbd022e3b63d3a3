//! The number of renewals that a subject has in a minute.

use super::Lease;
use crate::identity::{LeaseSeq, UnixMs};
use std::{num::NonZeroU32, ops::RangeInclusive};

/// The number of renewals that a subject has left in a minute. Leases are numbered, so only the number of the last lease that is
/// allowed has to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// When the minute began.
    pub since: UnixMs,
    /// The highest number that a lease may have in this minute.
    pub last_seq: LeaseSeq,
}

impl Quota {
    /// How long a quota counts, in ms.
    pub const WINDOW_MS: u64 = 60_000;
    /// A beginning further in the future comes from a wrong clock and is ignored; in ms.
    const SKEW_MS: u64 = 10_000;

    /// A minute that begins with `lease`.
    pub fn beginning_with(lease: &Lease, now: UnixMs, per_minute: NonZeroU32) -> Self {
        Self { since: now, last_seq: lease.seq.last_of(per_minute) }
    }

    /// The points in time at which the current minute can have begun.
    pub fn current_beginnings(now: UnixMs) -> RangeInclusive<UnixMs> {
        now.plus_ms(1).minus_ms(Self::WINDOW_MS)..=now.plus_ms(Self::SKEW_MS)
    }

    /// The minute has not passed.
    pub fn is_running(&self, now: UnixMs) -> bool {
        Self::current_beginnings(now).contains(&self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_lasts_for_a_minute_even_if_a_clock_was_wrong() {
        let now = UnixMs::new(1_000_000);
        for (since, running) in [
            (now.minus_ms(60_000), false),
            (now.minus_ms(59_999), true),
            (now, true),
            (now.plus_ms(10_000), true),
            (now.plus_ms(10_001), false),
        ] {
            assert_eq!(Quota { since, last_seq: LeaseSeq::new(1) }.is_running(now), running, "{since:?}");
        }
        let start = UnixMs::new(0);
        assert_eq!(Quota::current_beginnings(start), start..=start.plus_ms(10_000));
    }
}
