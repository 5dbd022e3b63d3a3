//! The rule of the circuit breaker, without any I/O.

use crate::identity::UnixMs;
use std::ops::RangeInclusive;

/// How much a call needs LiveChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// There is no live token to return: the call waits for room.
    Required,
    /// The same, for a group that the caller may have made up: the response proves nothing, so the call is never a probe.
    Unproven,
    /// There is a live stored token: the call does not wait.
    Optional,
}

/// What all processes have recorded about calls without a response. If `unanswered` is 0, the times are meaningless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// The number of calls without a response that were late, or were counted before they were sent.
    pub unanswered: u64,
    /// When the latest call was counted or a probe was sent, by its sender's clock.
    pub last_sent: UnixMs,
    /// When the latest call that was not a probe was counted, by its sender's clock.
    pub last_counted: UnixMs,
}

/// What one more call has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send it. The circuit is closed, and nothing has to be counted.
    Send,
    /// Count it, then send it: some calls are without a response, and there is room for more.
    Count,
    /// Note that a probe is sent, then send it: LiveChat is down, and it is time to find out whether it is back.
    Probe,
    /// Do not send it now, but look again soon. Holds the ms for which a call that cannot wait need not look.
    Wait(u64),
    /// Do not send it: LiveChat is down. Holds the ms until the next probe.
    Fail(u64),
}

impl Gate {
    /// The number of calls without a response at which the gate is full.
    pub const MOST_UNANSWERED: u64 = 6;
    /// How long a call to LiveChat waits for its response, in ms. LiveChat is down when the gate is full and the latest call in it
    /// has waited for this long: if LiveChat were only slow, a response to one of them would have arrived by then.
    pub const TIME_OUT_MS: u64 = 3_000;
    /// While LiveChat is down, the interval between probes, in ms.
    pub const PROBE_EVERY_MS: u64 = 800;
    /// The age at which a record no longer says anything about LiveChat, in ms.
    pub const STALE_AFTER_MS: u64 = 10_000;
    /// How far ahead another process's clock can be, in ms. A later time comes from a wrong clock.
    pub const SKEW_MS: u64 = 2_000;

    /// The points in time at which the latest call can have been sent if the gate's content still counts.
    pub fn current_times(now: UnixMs) -> RangeInclusive<UnixMs> {
        now.minus_ms(Self::STALE_AFTER_MS)..=now.plus_ms(Self::SKEW_MS)
    }

    /// The points in time at which the latest call can have been sent if a probe is due.
    pub fn probe_due_times(now: UnixMs) -> RangeInclusive<UnixMs> {
        *Self::current_times(now).start()..=now.minus_ms(Self::PROBE_EVERY_MS)
    }

    /// Whether the gate's content still counts.
    pub fn is_current(self, now: UnixMs) -> bool {
        self.unanswered > 0 && Self::current_times(now).contains(&self.last_sent)
    }

    /// What a call that arrives at `now` has to do.
    pub fn decide(self, urgency: Urgency, now: UnixMs) -> Decision {
        if !self.is_current(now) {
            return Decision::Send;
        }
        let since_sent_ms = now.ms_since(self.last_sent);
        let until_probe_ms = Self::PROBE_EVERY_MS.saturating_sub(since_sent_ms);
        if self.unanswered < Self::MOST_UNANSWERED {
            // Some call must find out that LiveChat is back, even if every user has a token.
            return if urgency != Urgency::Optional || until_probe_ms == 0 {
                Decision::Count
            } else {
                Decision::Wait(until_probe_ms)
            };
        }
        match Self::TIME_OUT_MS.saturating_sub(now.ms_since(self.last_counted)) {
            0 if until_probe_ms == 0 && urgency != Urgency::Unproven => Decision::Probe,
            0 => Decision::Fail(until_probe_ms),
            until_down_ms => Decision::Wait(until_down_ms.min(Self::PROBE_EVERY_MS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{renewal::time_limits::ATTEMPT_TIMEOUT, time::millis};
    use Urgency::{Optional, Required, Unproven};

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    fn gate(unanswered: u64, sent_ms_ago: i64, counted_ms_ago: u64) -> Gate {
        Gate {
            unanswered,
            last_sent: UnixMs::new(NOW.as_u64().saturating_add_signed(-sent_ms_ago)),
            last_counted: NOW.minus_ms(counted_ms_ago),
        }
    }

    #[test]
    fn while_nothing_is_late_every_call_is_sent_and_none_is_counted() {
        for urgency in [Required, Optional] {
            assert_eq!(Gate::default().decide(urgency, NOW), Decision::Send);
            assert_eq!(gate(0, 0, 0).decide(urgency, NOW), Decision::Send);
        }
    }

    #[test]
    fn once_a_call_is_late_other_calls_are_counted() {
        for unanswered in [1, Gate::MOST_UNANSWERED - 1] {
            assert_eq!(gate(unanswered, 0, 0).decide(Required, NOW), Decision::Count);
            assert_eq!(gate(unanswered, 100, 100).decide(Optional, NOW), Decision::Wait(700));
            assert_eq!(gate(unanswered, 799, 799).decide(Optional, NOW), Decision::Wait(1));
            assert_eq!(gate(unanswered, 800, 800).decide(Optional, NOW), Decision::Count);
        }
    }

    #[test]
    fn a_full_gate_opens_the_circuit_only_after_a_full_time_out() {
        let full = |counted_ms_ago| gate(Gate::MOST_UNANSWERED, 0, counted_ms_ago);
        assert_eq!(full(0).decide(Required, NOW), Decision::Wait(800));
        assert_eq!(full(2_999).decide(Required, NOW), Decision::Wait(1));
        assert_eq!(full(2_999).decide(Optional, NOW), Decision::Wait(1));
        assert_eq!(full(3_000).decide(Required, NOW), Decision::Fail(800));
        assert_eq!(gate(60, 0, 3_000).decide(Optional, NOW), Decision::Fail(800));
    }

    #[test]
    fn while_livechat_is_down_a_probe_is_sent_at_intervals() {
        for urgency in [Required, Optional] {
            let down = |sent_ms_ago| gate(Gate::MOST_UNANSWERED, sent_ms_ago, 5_000).decide(urgency, NOW);
            assert_eq!(down(799), Decision::Fail(1));
            assert_eq!(down(800), Decision::Probe);
            assert_eq!(down(10_000), Decision::Probe);
            assert_eq!(down(10_001), Decision::Send, "the record is stale");
        }
        assert_eq!(Gate::probe_due_times(NOW), NOW.minus_ms(10_000)..=NOW.minus_ms(800));
    }

    #[test]
    fn a_gate_with_a_time_in_the_future_stops_no_call() {
        assert_eq!(gate(6, -2_000, 5_000).decide(Required, NOW), Decision::Fail(800));
        assert_eq!(gate(6, -2_001, 5_000).decide(Required, NOW), Decision::Send);
        let counted_ahead = Gate { last_counted: NOW.plus_ms(86_400_000), ..gate(6, 0, 0) };
        assert_eq!(counted_ahead.decide(Required, NOW), Decision::Wait(800), "only `last_sent` makes a gate stale");
    }

    #[test]
    fn the_gates_time_out_is_that_of_the_livechat_client() {
        assert_eq!(Gate::TIME_OUT_MS, millis(ATTEMPT_TIMEOUT));
    }

    #[test]
    fn a_call_for_a_group_that_may_be_made_up_is_never_a_probe() {
        let down = gate(Gate::MOST_UNANSWERED, 800, Gate::TIME_OUT_MS);
        assert_eq!((down.decide(Required, NOW), down.decide(Unproven, NOW)), (Decision::Probe, Decision::Fail(0)));
        assert_eq!(gate(1, 0, 0).decide(Unproven, NOW), Decision::Count);
    }
}
