//! Who may renew a token, how often, and what became of it.

use crate::error::Failure;

/// The exclusive right to renew one subject's token, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// A value that nobody else has, made anew for each lease.
    pub owner: String,
    /// Counts a subject's leases; each is higher than the one before.
    pub seq: u64,
    /// When others may take it over; Unix time in ms, by the owner's clock.
    pub until_ms: u64,
}

impl Lease {
    /// How long a lease keeps others out, in ms.
    pub const LENGTH_MS: u64 = 10_000;
    /// How far apart the clocks of two functions can be, in ms: others may see a lease end that much earlier.
    pub const SKEW_MS: u64 = 2_000;

    /// The expiry of a lease that is acquired now, and the latest expiry that counts: a later one
    /// comes from a wrong clock, and must not lock a user out.
    pub fn bounds_ms(now_ms: u64) -> (u64, u64) {
        (now_ms + Self::LENGTH_MS, now_ms + 2 * Self::LENGTH_MS)
    }

    /// How long nobody can have taken it over yet, whatever their clock, in ms.
    pub fn safe_for_ms(&self, now_ms: u64) -> u64 {
        self.until_ms.saturating_sub(now_ms).saturating_sub(Self::SKEW_MS)
    }

    /// Nobody else may take it over yet.
    pub fn is_held(&self, now_ms: u64) -> bool {
        (now_ms..=Self::bounds_ms(now_ms).1).contains(&self.until_ms)
    }
}

/// How many renewals a subject has left in this minute. Leases are numbered, so the number of the last one that is
/// allowed is all that has to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// When the minute began; Unix time in ms.
    pub since_ms: u64,
    /// The highest number that a lease may have in this minute.
    pub last_seq: u64,
}

impl Quota {
    /// How long a quota counts, in ms.
    pub const WINDOW_MS: u64 = 60_000;
    /// A beginning further in the future comes from a wrong clock and is ignored; in ms.
    const SKEW_MS: u64 = 10_000;

    /// A minute that begins with `lease`.
    pub fn beginning_with(lease: &Lease, now_ms: u64, per_minute: u32) -> Self {
        Self { since_ms: now_ms, last_seq: lease.seq.saturating_sub(1).saturating_add(per_minute.into()) }
    }

    /// The earliest and the latest beginning of the current minute; Unix time in ms.
    pub fn bounds_ms(now_ms: u64) -> (u64, u64) {
        ((now_ms + 1).saturating_sub(Self::WINDOW_MS), now_ms + Self::SKEW_MS)
    }

    /// The minute is not over.
    pub fn is_running(&self, now_ms: u64) -> bool {
        let (earliest, latest) = Self::bounds_ms(now_ms);
        (earliest..=latest).contains(&self.since_ms)
    }
}

/// How the renewal under a lease failed, for those who waited for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRenewal {
    /// The lease's sequence number.
    pub seq: u64,
    /// What happened.
    pub failure: Failure,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_lasts_for_a_minute_and_a_wrong_clock_makes_no_longer_one() {
        let now_ms = 1_000_000;
        for (since_ms, running) in [
            (now_ms - 60_000, false),
            (now_ms - 59_999, true),
            (now_ms, true),
            (now_ms + 10_000, true),
            (now_ms + 10_001, false),
        ] {
            assert_eq!(Quota { since_ms, last_seq: 1 }.is_running(now_ms), running, "{since_ms}");
        }
        assert_eq!(Quota::bounds_ms(0), (0, 10_000));
    }
}
