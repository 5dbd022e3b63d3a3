//! The page loads of a day. Always the same ones, from a fixed seed.
//!
//! Each device visits the site twice, between 7:00 and 23:00. The time of a visit is the mean of two times that are uniform in these
//! hours, so most visits are at about 15:00. A visit has one to nine page loads, uniformly, a minute apart.

use fastrand::Rng;

pub(super) const USERS: usize = 10_000;
const DEVICES: usize = 3;
const VISITS: usize = 2;
const MOST_LOADS: u64 = 9;
const MINUTE_MS: u64 = 60_000;
const OPEN_MS: std::ops::Range<u64> = 7 * 60 * MINUTE_MS..23 * 60 * MINUTE_MS;
const SEED: u64 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageLoad {
    /// Since midnight, in ms.
    pub(super) at_ms: u64,
    pub(super) user: usize,
}

/// All page loads, in order.
pub(super) fn day() -> Vec<PageLoad> {
    let mut random = Rng::with_seed(SEED);
    let mut loads = vec![];
    for user in 0..USERS {
        for _ in 0..DEVICES * VISITS {
            let start_ms = u64::midpoint(random.u64(OPEN_MS), random.u64(OPEN_MS));
            let pages = random.u64(1..=MOST_LOADS);
            loads.extend((0..pages).map(|page| PageLoad { at_ms: start_ms + page * MINUTE_MS, user }));
        }
    }
    loads.sort_by_key(|load| (load.at_ms, load.user));
    loads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_always_the_same_and_in_order() {
        let loads = day();
        assert_eq!(loads, day());
        assert!(loads.is_sorted_by_key(|load| load.at_ms));
        // Ten thousand users, six visits, five pages on average.
        assert!((290_000..310_000).contains(&loads.len()), "{}", loads.len());
    }
}
