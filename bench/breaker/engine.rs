//! The simulation: callers, processes and LiveChat, one event after the other. All times in ms.

use crate::designs::{Attempt, Design, Sign, Verdict};
use cip::breaker::Urgency;
use std::{cmp::Reverse, collections::BinaryHeap};

/// One look into the table, or one write.
const TABLE_MS: u64 = 5;
/// The client's time-out.
pub(crate) const TIME_OUT_MS: u64 = 3_000;
/// How long LiveChat takes for an error.
const ERROR_MS: u64 = 5;

/// How visitors come.
#[derive(Clone, Copy)]
pub(crate) enum Visits {
    AtOnce(u64),
    /// So many a second, for so many ms.
    PerSecond(u64, u64),
}

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// LiveChat's, and up to a twentieth more.
    pub(crate) latency_ms: u64,
    pub(crate) visits: Visits,
    pub(crate) urgency: Urgency,
    /// LiveChat swallows what is sent from the first time until the second.
    pub(crate) silent_ms: Option<(u64, u64)>,
    /// Another caller's requests, which get an error at once.
    pub(crate) odd_per_second: u64,
}

#[derive(Default)]
pub(crate) struct Outcome {
    callers: u64,
    tokens: u64,
    /// Of those who came while LiveChat was silent, or of all.
    waited_ms: Vec<u64>,
    pub(crate) most_in_flight: u64,
    pub(crate) most_waiting: u64,
    pub(crate) found_after_ms: Option<u64>,
    writes: u64,
}

impl Outcome {
    pub(crate) fn tokens_percent(&self) -> u64 {
        self.tokens * 100 / self.callers
    }

    /// The median, and the longest of 95 in 100.
    pub(crate) fn waits(&self) -> (u64, u64) {
        let mut waits = self.waited_ms.clone();
        waits.sort_unstable();
        (waits[waits.len() / 2], waits[waits.len() * 95 / 100])
    }

    #[expect(clippy::cast_precision_loss, reason = "for a table")]
    pub(crate) fn writes_per_token(&self) -> f64 {
        self.writes as f64 / self.tokens as f64
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Comes(usize),
    Asks(usize),
    IsLate(usize),
    Ends(usize),
}

#[derive(Clone, Copy)]
struct Caller {
    came_ms: u64,
    is_odd: bool,
    process: usize,
    polls: i32,
    attempt: Attempt,
    sign: Option<Sign>,
}

/// Plays `scenario` with `design`.
pub(crate) fn run(scenario: &Scenario, mut design: Box<dyn Design>) -> Outcome {
    let mut rng = fastrand::Rng::with_seed(7);
    let mut callers = Vec::new();
    let mut come = |came_ms, is_odd| {
        callers.push(Caller { came_ms, is_odd, process: 0, polls: 0, attempt: Attempt::default(), sign: None });
    };
    match scenario.visits {
        Visits::AtOnce(number) => (0..number).for_each(|_| come(0, false)),
        Visits::PerSecond(number, for_ms) => {
            (0..number * for_ms / 1000).for_each(|n| come(n * 1000 / number, false));
            (0..scenario.odd_per_second * for_ms / 1000).for_each(|n| come(n * 1000 / scenario.odd_per_second, true));
        }
    }
    let mut events: BinaryHeap<_> =
        callers.iter().enumerate().map(|(n, caller)| Reverse((caller.came_ms, Event::Comes(n)))).collect();
    let (mut idle, mut processes, mut in_flight, mut waiting) = (Vec::new(), 0, 0_u64, 0_u64);
    let mut outcome = Outcome::default();
    let is_silent = |at_ms| scenario.silent_ms.is_some_and(|(from, until)| (from..until).contains(&at_ms));
    while let Some(Reverse((now_ms, event))) = events.pop() {
        match event {
            Event::Comes(n) => {
                callers[n].process = idle.pop().unwrap_or_else(|| {
                    processes += 1;
                    processes - 1
                });
                events.push(Reverse((now_ms + TABLE_MS, Event::Asks(n))));
            }
            Event::Asks(n) => {
                let caller = &mut callers[n];
                let urgency = if caller.is_odd { Urgency::Required } else { scenario.urgency };
                let verdict = design.ask(now_ms, urgency, caller.process, &mut caller.attempt);
                waiting -= u64::from(caller.polls > 0);
                let is_over = now_ms - caller.came_ms >= design.patience_ms();
                match verdict {
                    Verdict::Send => {
                        in_flight += 1;
                        let takes_ms = scenario.latency_ms + rng.u64(..=scenario.latency_ms / 20);
                        let (sign, takes_ms) = match () {
                            () if caller.is_odd => (Sign::Error, ERROR_MS),
                            () if is_silent(now_ms) || takes_ms > TIME_OUT_MS => (Sign::Silence, TIME_OUT_MS),
                            () => (Sign::Token, takes_ms),
                        };
                        (caller.sign, caller.attempt.sent_ms) = (Some(sign), now_ms);
                        events.push(Reverse((now_ms + takes_ms, Event::Ends(n))));
                        if let Some(late_ms) =
                            design.late_after_ms(caller.process).filter(|late_ms| *late_ms < takes_ms)
                        {
                            events.push(Reverse((now_ms + late_ms, Event::IsLate(n))));
                        }
                    }
                    Verdict::Wait if urgency == Urgency::Required && !is_over => {
                        let slower = f64::min(1.4_f64.powi(caller.polls), design.slowest_poll());
                        caller.polls += 1;
                        waiting += 1;
                        let poll = std::time::Duration::from_millis(rng.u64(40..80)).mul_f64(slower);
                        events.push(Reverse((now_ms + cip::time::millis(poll) + TABLE_MS, Event::Asks(n))));
                    }
                    Verdict::Wait | Verdict::Fail => events.push(Reverse((now_ms, Event::Ends(n)))),
                }
            }
            Event::IsLate(n) => design.late(now_ms, &mut callers[n].attempt),
            Event::Ends(n) => {
                let caller = callers[n];
                idle.push(caller.process);
                if let Some(sign) = caller.sign {
                    in_flight -= 1;
                    design.ended(now_ms, caller.process, caller.attempt, sign);
                }
                let has_token = caller.sign == Some(Sign::Token);
                if let Some((_, until)) = scenario.silent_ms
                    && has_token
                    && caller.attempt.sent_ms >= until
                {
                    outcome.found_after_ms.get_or_insert(now_ms - until);
                }
                if !caller.is_odd {
                    outcome.callers += 1;
                    outcome.tokens += u64::from(has_token);
                    if scenario.silent_ms.is_none() || is_silent(caller.came_ms) {
                        outcome.waited_ms.push(now_ms - caller.came_ms);
                    }
                }
            }
        }
        outcome.most_in_flight = outcome.most_in_flight.max(in_flight);
        outcome.most_waiting = outcome.most_waiting.max(waiting);
    }
    outcome.writes = design.writes();
    outcome
}
