//! The rule of the circuit breaker, without any I/O.

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

/// What all functions have recorded about calls without a response. All zero while LiveChat responds as usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// The number of calls without a response that were late, or were counted before they were sent.
    pub unanswered: u64,
    /// When the latest call was counted or a probe was sent; Unix time in ms, by its sender's clock.
    pub last_sent_ms: u64,
    /// When the latest call was counted, probes aside; Unix time in ms, by its sender's clock.
    pub last_counted_ms: u64,
}

/// What one more call has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send it. The circuit is closed, and nothing has to be counted.
    Send,
    /// Count it, then send it: some calls are without an answer, and there is room for more.
    Count,
    /// Note that a probe is sent, then send it: LiveChat is down, and it is time to find out whether it is back.
    Probe,
    /// Do not send it now, but look again soon. A call that cannot wait need not look for this time, in ms.
    Wait(u64),
    /// Do not send it: LiveChat is down. Holds the ms until the next probe.
    Fail(u64),
}

impl Gate {
    /// The number of unanswered calls at which the gate is full.
    pub const MOST_UNANSWERED: u64 = 6;
    /// How long a call to LiveChat waits for its answer, in ms. LiveChat is down when the gate is full and the latest call in it
    /// has waited this long: a slow response to any of them would have come by then.
    pub const TIME_OUT_MS: u64 = 3_000;
    /// While LiveChat is down, the interval between probes, in ms.
    pub const PROBE_EVERY_MS: u64 = 800;
    /// The age at which a record no longer says anything about LiveChat, in ms.
    pub const STALE_AFTER_MS: u64 = 10_000;
    /// How far ahead another function's clock can be, in ms. A later time comes from a wrong clock.
    pub const SKEW_MS: u64 = 2_000;

    /// The earliest and the latest time of a note that still counts; Unix time in ms.
    pub fn current_between_ms(now_ms: u64) -> (u64, u64) {
        (now_ms.saturating_sub(Self::STALE_AFTER_MS), now_ms + Self::SKEW_MS)
    }

    /// A probe is due if the last call was sent by this time; Unix time in ms.
    pub fn probe_if_sent_by_ms(now_ms: u64) -> u64 {
        now_ms.saturating_sub(Self::PROBE_EVERY_MS)
    }

    /// Whether anything in here still counts.
    pub fn is_current(self, now_ms: u64) -> bool {
        let (earliest, latest) = Self::current_between_ms(now_ms);
        self.unanswered > 0 && (earliest..=latest).contains(&self.last_sent_ms)
    }

    /// What a call has to do that comes at `now_ms` (Unix time in ms).
    pub fn decide(self, urgency: Urgency, now_ms: u64) -> Decision {
        if !self.is_current(now_ms) {
            return Decision::Send;
        }
        let since_sent_ms = now_ms.saturating_sub(self.last_sent_ms);
        let until_probe_ms = Self::PROBE_EVERY_MS.saturating_sub(since_sent_ms);
        if self.unanswered < Self::MOST_UNANSWERED {
            // Some call must find out that LiveChat is back, even if every user has a token.
            return if urgency != Urgency::Optional || until_probe_ms == 0 {
                Decision::Count
            } else {
                Decision::Wait(until_probe_ms)
            };
        }
        match Self::TIME_OUT_MS.saturating_sub(now_ms.saturating_sub(self.last_counted_ms)) {
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

    const NOW_MS: u64 = 1_700_000_000_000;

    fn gate(unanswered: u64, sent_ms_ago: i64, counted_ms_ago: u64) -> Gate {
        Gate {
            unanswered,
            last_sent_ms: NOW_MS.saturating_add_signed(-sent_ms_ago),
            last_counted_ms: NOW_MS - counted_ms_ago,
        }
    }

    #[test]
    fn while_nothing_is_late_every_call_is_sent_and_none_is_counted() {
        for urgency in [Required, Optional] {
            assert_eq!(Gate::default().decide(urgency, NOW_MS), Decision::Send);
            assert_eq!(gate(0, 0, 0).decide(urgency, NOW_MS), Decision::Send);
        }
    }

    #[test]
    fn once_a_call_is_late_those_that_need_livechat_are_counted() {
        for unanswered in [1, Gate::MOST_UNANSWERED - 1] {
            assert_eq!(gate(unanswered, 0, 0).decide(Required, NOW_MS), Decision::Count);
            assert_eq!(gate(unanswered, 100, 100).decide(Optional, NOW_MS), Decision::Wait(700));
            assert_eq!(gate(unanswered, 799, 799).decide(Optional, NOW_MS), Decision::Wait(1));
            assert_eq!(gate(unanswered, 800, 800).decide(Optional, NOW_MS), Decision::Count);
        }
    }

    #[test]
    fn a_full_gate_is_no_outage_until_a_whole_time_out_has_passed() {
        let full = |counted_ms_ago| gate(Gate::MOST_UNANSWERED, 0, counted_ms_ago);
        assert_eq!(full(0).decide(Required, NOW_MS), Decision::Wait(800));
        assert_eq!(full(2_999).decide(Required, NOW_MS), Decision::Wait(1));
        assert_eq!(full(2_999).decide(Optional, NOW_MS), Decision::Wait(1));
        assert_eq!(full(3_000).decide(Required, NOW_MS), Decision::Fail(800));
        assert_eq!(gate(60, 0, 3_000).decide(Optional, NOW_MS), Decision::Fail(800));
    }

    #[test]
    fn while_livechat_is_down_a_probe_is_sent_every_now_and_then() {
        for urgency in [Required, Optional] {
            let down = |sent_ms_ago| gate(Gate::MOST_UNANSWERED, sent_ms_ago, 5_000).decide(urgency, NOW_MS);
            assert_eq!(down(799), Decision::Fail(1));
            assert_eq!(down(800), Decision::Probe);
            assert_eq!(down(10_000), Decision::Probe);
            assert_eq!(down(10_001), Decision::Send, "that was long ago");
        }
        assert!(Gate::probe_if_sent_by_ms(NOW_MS) == NOW_MS - 800);
    }

    #[test]
    fn a_clock_that_is_ahead_keeps_nobody_out_for_long() {
        assert_eq!(gate(6, -2_000, 5_000).decide(Required, NOW_MS), Decision::Fail(800));
        assert_eq!(gate(6, -2_001, 5_000).decide(Required, NOW_MS), Decision::Send);
        let counted_ahead = Gate { last_counted_ms: NOW_MS + 86_400_000, ..gate(6, 0, 0) };
        assert_eq!(counted_ahead.decide(Required, NOW_MS), Decision::Wait(800), "for as long as anything is noted");
    }

    #[test]
    fn livechat_has_the_time_that_its_client_gives_it() {
        assert_eq!(Gate::TIME_OUT_MS, millis(ATTEMPT_TIMEOUT));
    }

    #[test]
    fn a_call_for_a_group_that_may_be_made_up_is_never_a_probe() {
        let down = gate(Gate::MOST_UNANSWERED, 800, Gate::TIME_OUT_MS);
        assert_eq!(
            (down.decide(Required, NOW_MS), down.decide(Unproven, NOW_MS)),
            (Decision::Probe, Decision::Fail(0))
        );
        assert_eq!(gate(1, 0, 0).decide(Unproven, NOW_MS), Decision::Count);
    }
}
