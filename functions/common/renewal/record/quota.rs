//! The number of renewals that a subject has in a minute.

use super::Lease;

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
