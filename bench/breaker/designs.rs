//! The designs. The state that a design shares between processes would be one item of the table. Each counts its writes to this item.

use crate::engine::TIME_OUT_MS;
use cip::{
    identity::UnixMs,
    renewal::circuit::{Decision, Gate, Urgency, latency::Latency},
};
use std::{collections::HashMap, time::Duration};

/// The start of the simulation. It is far from 0, so that there are points in time before the start.
const EPOCH: UnixMs = UnixMs::new(1_000_000);
/// How long a caller of the newer designs waits for permission to call.
const PATIENCE_MS: u64 = 6_000;

/// A design's decision on a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Send,
    Wait,
    Fail,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Token,
    /// An error at once.
    Error,
    /// A time-out.
    Silence,
}

/// The state that a design stores with a call.
#[derive(Clone, Copy, Default)]
pub(crate) struct Attempt {
    pub(crate) sent_ms: u64,
    unanswered: u64,
    is_counted: bool,
    is_late: bool,
}

pub(crate) trait Design {
    /// Decides whether a caller sends its call, now or at a later attempt. A caller that has to wait tries again, or returns a stored
    /// token.
    fn decide(&mut self, now_ms: u64, urgency: Urgency, process: usize, attempt: &mut Attempt) -> Verdict;
    /// A call that was sent has ended.
    fn ended(&mut self, now_ms: u64, process: usize, attempt: Attempt, sign: Sign);
    fn writes(&self) -> u64;
    fn patience_ms(&self) -> u64 {
        PATIENCE_MS
    }
    /// The largest factor by which the pauses of a waiting caller grow.
    fn slowest_poll(&self) -> f64 {
        6.0
    }
    /// The time after which a call of this process counts as late, in ms.
    fn late_after_ms(&self, _process: usize) -> Option<u64> {
        None
    }
    fn late(&mut self, _now_ms: u64, _attempt: &mut Attempt) {}
}

/// At most six calls are in flight, and each is counted before it is sent. If all six are in flight and no call was sent for 1.5 s, LiveChat
/// is down. Then there is a probe every 3 s.
#[derive(Default)]
pub(crate) struct FormerGate {
    unanswered: u64,
    last_sent_ms: u64,
    down_until_ms: HashMap<usize, u64>,
    writes: u64,
}

impl Design for FormerGate {
    fn decide(&mut self, now_ms: u64, _urgency: Urgency, process: usize, attempt: &mut Attempt) -> Verdict {
        let since_ms = now_ms - self.last_sent_ms;
        if self.down_until_ms.get(&process).is_some_and(|until| now_ms < *until) {
            return Verdict::Fail;
        }
        if self.unanswered < 6 || since_ms >= 3_000 {
            self.unanswered += 1;
            self.last_sent_ms = now_ms;
            self.writes += 1;
            attempt.unanswered = self.unanswered;
            return Verdict::Send;
        }
        if since_ms < 1_500 {
            return Verdict::Wait;
        }
        self.down_until_ms.insert(process, self.last_sent_ms + 3_000);
        Verdict::Fail
    }

    fn ended(&mut self, _now_ms: u64, _process: usize, attempt: Attempt, sign: Sign) {
        if sign == Sign::Token && attempt.unanswered >= 3 {
            self.unanswered = 0;
            self.writes += 1;
        }
    }

    fn writes(&self) -> u64 {
        self.writes
    }

    fn patience_ms(&self) -> u64 {
        2_000
    }

    fn slowest_poll(&self) -> f64 {
        1.0
    }
}

/// After six time-outs without a response between them, LiveChat is down. Then there is a probe every 0.8 s. There is no other limit.
#[derive(Default)]
pub(crate) struct TimeOutsOnly {
    time_outs: u64,
    last_probe_ms: u64,
    writes: u64,
}

impl Design for TimeOutsOnly {
    fn decide(&mut self, now_ms: u64, _urgency: Urgency, _process: usize, _attempt: &mut Attempt) -> Verdict {
        if self.time_outs < 6 {
            return Verdict::Send;
        }
        if now_ms - self.last_probe_ms < Gate::PROBE_EVERY_MS {
            return Verdict::Fail;
        }
        self.last_probe_ms = now_ms;
        self.writes += 1;
        Verdict::Send
    }

    fn ended(&mut self, _now_ms: u64, _process: usize, _attempt: Attempt, sign: Sign) {
        if sign == Sign::Silence {
            self.time_outs += 1;
            self.writes += 1;
        } else if self.time_outs > 0 {
            self.time_outs = 0;
            self.writes += 1;
        }
    }

    fn writes(&self) -> u64 {
        self.writes
    }
}

/// A limit on calls in flight that adapts. Each call is counted when it is sent and when it ends.
struct Limit {
    most: f64,
    in_flight: f64,
    writes: u64,
}

impl Default for Limit {
    fn default() -> Self {
        Self { most: 20.0, in_flight: 0.0, writes: 0 }
    }
}

impl Limit {
    const LEAST: f64 = 6.0;
    const MOST: f64 = 200.0;

    fn decide(&mut self) -> Verdict {
        if self.in_flight >= self.most.floor() {
            return Verdict::Wait;
        }
        self.in_flight += 1.0;
        self.writes += 1;
        Verdict::Send
    }

    /// A call has ended. Returns the number of calls that were in flight, with this one.
    fn ended(&mut self) -> f64 {
        self.writes += 1;
        self.in_flight -= 1.0;
        self.in_flight + 1.0
    }

    fn set(&mut self, most: f64) {
        self.most = most.clamp(Self::LEAST, Self::MOST);
    }
}

/// Additive increase, multiplicative decrease: the limit grows by one after each response, if at least half of it is used, and shrinks by
/// a tenth after each time-out.
#[derive(Default)]
pub(crate) struct Aimd(Limit);

impl Design for Aimd {
    fn decide(&mut self, _now_ms: u64, _urgency: Urgency, _process: usize, _attempt: &mut Attempt) -> Verdict {
        self.0.decide()
    }

    fn ended(&mut self, _now_ms: u64, _process: usize, _attempt: Attempt, sign: Sign) {
        let in_flight = self.0.ended();
        if sign == Sign::Silence {
            self.0.set(self.0.most * 0.9);
        } else if in_flight * 2.0 >= self.0.most {
            self.0.set(self.0.most + 1.0);
        }
    }

    fn writes(&self) -> u64 {
        self.0.writes
    }
}

/// The limit follows the ratio of the usual latency to the latest one, like Netflix's `Gradient2Limit`.
#[derive(Default)]
pub(crate) struct Gradient {
    limit: Limit,
    usual_ms: Option<f64>,
}

impl Design for Gradient {
    fn decide(&mut self, _now_ms: u64, _urgency: Urgency, _process: usize, _attempt: &mut Attempt) -> Verdict {
        self.limit.decide()
    }

    #[expect(clippy::cast_precision_loss, reason = "short times")]
    fn ended(&mut self, now_ms: u64, _process: usize, attempt: Attempt, sign: Sign) {
        let in_flight = self.limit.ended();
        if sign == Sign::Error {
            return;
        }
        let took_ms = (now_ms - attempt.sent_ms) as f64;
        let before_ms = self.usual_ms.unwrap_or(took_ms);
        let mut usual_ms = before_ms + (took_ms - before_ms) * 2.0 / 601.0;
        if usual_ms > took_ms * 2.0 {
            usual_ms *= 0.95;
        }
        self.usual_ms = Some(usual_ms);
        if in_flight >= self.limit.most / 2.0 {
            let gradient = (1.5 * usual_ms / took_ms).clamp(0.5, 1.0);
            let wanted = self.limit.most * gradient + 4.0;
            self.limit.set(self.limit.most * 0.8 + wanted * 0.2);
        }
    }

    fn writes(&self) -> u64 {
        self.limit.writes
    }
}

/// Our design: a call is counted when it is late, and from then on calls are counted before they are sent. It uses the rule of the
/// service itself.
#[derive(Default)]
pub(crate) struct LateCalls {
    gate: Gate,
    latency: HashMap<usize, Latency>,
    down_until: HashMap<usize, UnixMs>,
    writes: u64,
}

impl LateCalls {
    fn count(&mut self, now: UnixMs) {
        self.gate.unanswered += 1;
        (self.gate.last_sent, self.gate.last_counted) = (now, now);
        self.writes += 1;
    }
}

impl Design for LateCalls {
    fn decide(&mut self, now_ms: u64, urgency: Urgency, process: usize, attempt: &mut Attempt) -> Verdict {
        let now = EPOCH.plus_ms(now_ms);
        if self.down_until.get(&process).is_some_and(|until| now < *until) {
            return Verdict::Fail;
        }
        match self.gate.decide(urgency, now) {
            Decision::Send => Verdict::Send,
            Decision::Count => {
                self.count(now);
                attempt.is_counted = true;
                Verdict::Send
            }
            Decision::Probe => {
                self.gate.last_sent = now;
                self.writes += 1;
                attempt.is_counted = true;
                Verdict::Send
            }
            Decision::Wait(left_ms) => {
                if urgency == Urgency::Optional {
                    self.down_until.insert(process, now.plus_ms(left_ms));
                }
                Verdict::Wait
            }
            Decision::Fail(left_ms) => {
                self.down_until.insert(process, now.plus_ms(left_ms));
                Verdict::Fail
            }
        }
    }

    fn ended(&mut self, now_ms: u64, process: usize, attempt: Attempt, sign: Sign) {
        if sign == Sign::Token {
            let took = Duration::from_millis(now_ms - attempt.sent_ms);
            self.latency.entry(process).or_default().note(took.min(Duration::from_millis(TIME_OUT_MS)));
        }
        if sign != Sign::Silence && (attempt.is_counted || attempt.is_late) {
            self.gate = Gate::default();
            self.writes += 1;
        }
    }

    fn writes(&self) -> u64 {
        self.writes
    }

    fn late_after_ms(&self, process: usize) -> Option<u64> {
        let latency = self.latency.get(&process).copied().unwrap_or_default();
        Some(cip::time::millis(latency.late_after()))
    }

    fn late(&mut self, now_ms: u64, attempt: &mut Attempt) {
        let now = EPOCH.plus_ms(now_ms);
        attempt.is_late = true;
        if attempt.is_counted {
            return;
        }
        if !self.gate.is_current(now) {
            self.gate = Gate::default();
        }
        if self.gate.unanswered < Gate::MOST_UNANSWERED {
            self.count(now);
            attempt.is_counted = true;
        }
    }
}
