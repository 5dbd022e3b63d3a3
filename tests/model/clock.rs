//! Time, in the configurations that model it: in ticks, counted from now. The lease is the real code's.

use super::{
    state::{Caller, Clocks, Protocol, Renewing, State},
    table::NOW,
};
use crate::{
    identity::UnixMs,
    renewal::{
        Action, Phase,
        time_limits::{LONGEST_LOOK, LONGEST_WRITE},
    },
    time::millis,
};
use std::time::Duration;

/// From this age on it makes no difference how much longer a write is delayed.
const OLDEST: Duration = Duration::from_secs(15);

/// How long things take, in ticks. A limit that is not a whole number of ticks is rounded up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    tick_ms: u64,
}

impl Clock {
    /// The clock of a protocol that has one.
    pub(super) fn of(protocol: &Protocol) -> Option<Self> {
        match protocol.clocks {
            Clocks::Timed { tick, .. } => Some(Self { tick_ms: millis(tick) }),
            Clocks::Untimed => None,
        }
    }

    pub(super) fn ticks(self, time: Duration) -> i16 {
        i16::try_from(millis(time).div_ceil(self.tick_ms)).unwrap_or(i16::MAX)
    }

    /// The time on a clock that is `ahead` of the true time.
    pub(super) fn now(self, ahead: i16) -> UnixMs {
        let ms = u64::from(ahead.unsigned_abs()) * self.tick_ms;
        if ahead < 0 { NOW.minus_ms(ms) } else { NOW.plus_ms(ms) }
    }

    /// The longest time until a write takes effect.
    pub(super) fn longest_write(self) -> i16 {
        self.ticks(LONGEST_WRITE)
    }

    /// The longest that a holder takes before it calls LiveChat: to count a group's renewal, and to pass the circuit breaker. It waits
    /// for room without the lease.
    pub(super) fn longest_admission(self) -> i16 {
        self.ticks(LONGEST_WRITE + LONGEST_LOOK)
    }

    /// How long the step `next` may take. Further calls to LiveChat share the time of the first.
    pub(super) fn limit(self, next: &Action, before: i16) -> i16 {
        match next {
            Action::EnterCircuit => self.longest_admission(),
            Action::Call(call) if before == 0 => self.ticks(call.time),
            Action::Call(_) => before,
            _ => self.longest_write(),
        }
    }

    /// The caller must act before time goes on.
    pub(super) fn is_due(self, caller: &Caller) -> bool {
        let Some(renewing) = caller.renewing().filter(|_| !caller.paused) else { return false };
        match (&renewing.renewal.phase, &renewing.next) {
            (_, Action::Acquire { .. }) => renewing.age == Some(self.longest_write()),
            (Phase::Holding(_), _) | (_, Action::Commit(_) | Action::Release(_)) => renewing.limit == 0,
            _ => false,
        }
    }

    /// One tick on every clock.
    pub(super) fn tick(self, protocol: &Protocol, state: &mut State) {
        // If a lease expired even longer ago, it makes no difference to any clock or to any write that is on its way.
        let oldest = if protocol.faults.late_acquisitions > 0 { self.ticks(OLDEST) } else { self.longest_write() };
        let earliest = self.now(-oldest - 1);
        for caller in &mut state.callers {
            let paused = caller.paused;
            let Some(renewing) = caller.renewing_mut() else { continue };
            if let Some(age) = &mut renewing.age {
                *age = oldest.min(*age + 1);
            }
            let ends = matches!(renewing.next, Action::Commit(_) | Action::Release(_));
            if matches!(renewing.renewal.phase, Phase::Holding(_)) || ends {
                renewing.limit -= i16::from(!paused);
            }
            if let (Phase::Holding(holding), Action::EnterCircuit) = (&mut renewing.renewal.phase, &renewing.next) {
                let until = &mut holding.lease.0.until;
                *until = earliest.max(until.minus_ms(self.tick_ms));
            }
            caller.note();
        }
        for item in &mut state.items {
            *item = item.shifted(self.tick_ms, earliest);
        }
    }
}

/// Once a holder knows how long it may call LiveChat, only its limits matter. When exactly the lease expires makes no
/// difference any more.
pub(super) fn forget_end_of_lease(renewing: &mut Renewing) {
    match (&mut renewing.renewal.phase, &mut renewing.next) {
        (_, Action::Commit(commit)) => commit.lease.0.until = NOW,
        (_, Action::Release(release)) => release.lease.0.until = NOW,
        (Phase::Holding(holding), Action::Call(_)) => {
            holding.lease.0.until = NOW;
            holding.began = NOW;
            holding.forget_time();
        }
        _ => {}
    }
}
