//! Time, where the model has it: in ticks, counted from now. The lease itself is the real one.

use crate::state::*;
use cip::{breaker::Breaker, identity::Lease, livechat::Accounts, store::Store, time::millis};
use std::time::Duration;

/// Now, by the true time, in ms: far from 0, so that there are times before it.
const NOW_MS: u64 = 1_000_000;
/// From this age on it makes no difference how much longer a write was held up.
const OLDEST: Duration = Duration::from_secs(15);

/// How long things take, in ticks. Where a limit is no whole number of ticks, the next longer one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    tick_ms: u64,
}

impl Clock {
    /// The clock of a protocol that has one.
    pub(crate) fn of(protocol: &Protocol) -> Option<Self> {
        match protocol.clocks {
            Clocks::Timed { tick, .. } => Some(Self { tick_ms: millis(tick) }),
            Clocks::Untimed => None,
        }
    }

    pub(crate) fn ticks(self, time: Duration) -> i16 {
        i16::try_from(millis(time).div_ceil(self.tick_ms)).expect("a short time")
    }

    fn ms(self, ticks: i16) -> u64 {
        let ms = u64::from(ticks.unsigned_abs()) * self.tick_ms;
        if ticks < 0 { NOW_MS - ms } else { NOW_MS + ms }
    }

    /// The longest that a write is under way.
    pub(crate) fn longest_write(self) -> i16 {
        self.ticks(Store::LONGEST_WRITE)
    }

    /// The longest that a holder takes before it asks: to count a group's renewal, and to pass the breaker. For room it waits
    /// without the lease.
    pub(crate) fn longest_admission(self) -> i16 {
        self.ticks(Store::LONGEST_WRITE + Breaker::LONGEST_LOOK)
    }

    /// The end of a lease that is taken with a write whose time is `ahead` of the true time.
    pub(crate) fn end_of_lease(self, ahead: i16) -> i16 {
        ahead + self.ticks(Duration::from_millis(Lease::LENGTH_MS))
    }

    fn lease(self, until: i16) -> Lease {
        Lease { owner: String::new(), seq: 0, until_ms: self.ms(until) }
    }

    /// Whether a lease is held, to one whose clock is `ahead`.
    pub(crate) fn is_held(self, until: i16, ahead: i16) -> bool {
        self.lease(until).is_held(self.ms(ahead))
    }

    /// How long a holder may ask LiveChat, as `Provider::ask` computes it; `None` if that is too short to begin.
    pub(crate) fn time_to_ask(self, protocol: &Protocol, until: i16, ahead: i16) -> Option<i16> {
        let mut safe_ms = self.lease(until).safe_for_ms(self.ms(ahead));
        if protocol.is(Broken::SkewIgnored) {
            safe_ms += Lease::SKEW_MS;
        }
        let mut safe = Duration::from_millis(safe_ms).saturating_sub(Store::LONGEST_WRITE);
        if protocol.is(Broken::LeaseNotWatched) {
            safe = Duration::MAX;
        }
        let ask_by = safe.min(Accounts::LONGEST);
        (ask_by >= Accounts::SHORTEST_ATTEMPT).then(|| self.ticks(ask_by))
    }

    /// The caller must act before time goes on.
    pub(crate) fn is_due(self, caller: &Caller) -> bool {
        !caller.paused
            && match caller.phase {
                Phase::TakeSent { age, .. } => age == self.longest_write(),
                Phase::Holding(holding) => holding.limit == 0,
                _ => false,
            }
    }

    /// One tick for everybody.
    pub(crate) fn tick(self, protocol: &Protocol, state: &mut State) {
        // An end that is longer ago makes no difference: to everybody's clock, and to each write that is under way.
        let oldest = if protocol.faults.late_takes > 0 { self.ticks(OLDEST) } else { self.longest_write() };
        let long_ago = -oldest - 1;
        for caller in &mut state.callers {
            match &mut caller.phase {
                Phase::TakeSent { age, .. } => *age = oldest.min(*age + 1),
                Phase::Holding(holding) => {
                    holding.limit -= i16::from(!caller.paused);
                    if holding.step == Step::Admit {
                        holding.until = long_ago.max(holding.until - 1);
                    }
                }
                _ => {}
            }
        }
        if let Some(until) = &mut state.item.lease_until {
            *until = long_ago.max(*until - 1);
        }
    }
}
