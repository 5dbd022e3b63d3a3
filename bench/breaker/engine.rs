//! The simulation of callers, processes and LiveChat, as a sequence of events. All times are in ms.

use crate::designs::{Attempt, Design, Sign, Verdict};
use cip::renewal::circuit::Urgency;
use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

/// The time for a read or write of the table.
const TABLE_MS: u64 = 5;
/// The client's time-out.
pub(crate) const TIME_OUT_MS: u64 = 3_000;
/// The latency of an error of LiveChat.
const ERROR_MS: u64 = 5;

/// How visitors arrive.
#[derive(Clone, Copy)]
pub(crate) enum Visits {
    /// This number of visitors at the same moment.
    AtOnce(u64),
    /// The number of visitors per second, and the duration in ms.
    PerSecond(u64, u64),
}

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The latency of LiveChat. Up to a twentieth is added at random.
    pub(crate) latency_ms: u64,
    pub(crate) visits: Visits,
    pub(crate) urgency: Urgency,
    /// LiveChat does not respond to calls that are sent between these times.
    pub(crate) silent_ms: Option<(u64, u64)>,
    /// The rate of another caller's requests, which get an error at once.
    pub(crate) odd_per_second: u64,
}

#[derive(Default)]
pub(crate) struct Outcome {
    callers: u64,
    tokens: u64,
    /// The waits of the callers that arrived while LiveChat was silent; if it was never silent, of all callers.
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

    /// The median and the 95th percentile of the waits.
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
    Arrives(usize),
    Decides(usize),
    IsLate(usize),
    Ends(usize),
}

#[derive(Clone, Copy)]
struct Caller {
    arrived_ms: u64,
    is_odd: bool,
    process: usize,
    polls: i32,
    attempt: Attempt,
    sign: Option<Sign>,
}

/// Simulates `scenario` with `design`.
pub(crate) fn run(scenario: &Scenario, design: Box<dyn Design>) -> Outcome {
    let callers = callers(scenario);
    let events =
        callers.iter().enumerate().map(|(n, caller)| Reverse((caller.arrived_ms, Event::Arrives(n)))).collect();
    let mut simulation = Simulation {
        scenario,
        design,
        rng: fastrand::Rng::with_seed(7),
        callers,
        events,
        idle: Vec::new(),
        processes: 0,
        in_flight: 0,
        waiting: 0,
        outcome: Outcome::default(),
    };
    simulation.run();
    simulation.outcome
}

/// The callers, in the order in which they arrive.
fn callers(scenario: &Scenario) -> Vec<Caller> {
    let mut callers = Vec::new();
    let mut arrive = |arrived_ms, is_odd| {
        callers.push(Caller { arrived_ms, is_odd, process: 0, polls: 0, attempt: Attempt::default(), sign: None });
    };
    match scenario.visits {
        Visits::AtOnce(number) => (0..number).for_each(|_| arrive(0, false)),
        Visits::PerSecond(number, for_ms) => {
            (0..number * for_ms / 1000).for_each(|n| arrive(n * 1000 / number, false));
            (0..scenario.odd_per_second * for_ms / 1000).for_each(|n| arrive(n * 1000 / scenario.odd_per_second, true));
        }
    }
    callers
}

struct Simulation<'a> {
    scenario: &'a Scenario,
    design: Box<dyn Design>,
    rng: fastrand::Rng,
    callers: Vec<Caller>,
    /// The events with their times, the next one first.
    events: BinaryHeap<Reverse<(u64, Event)>>,
    /// Processes that serve no caller.
    idle: Vec<usize>,
    processes: usize,
    /// Calls that LiveChat has not answered yet.
    in_flight: u64,
    /// Callers that wait for permission to call.
    waiting: u64,
    outcome: Outcome,
}

impl Simulation<'_> {
    fn run(&mut self) {
        while let Some(Reverse((now_ms, event))) = self.events.pop() {
            match event {
                Event::Arrives(n) => self.arrive(now_ms, n),
                Event::Decides(n) => self.decide(now_ms, n),
                Event::IsLate(n) => self.design.late(now_ms, &mut self.callers[n].attempt),
                Event::Ends(n) => self.end(now_ms, n),
            }
            self.outcome.most_in_flight = self.outcome.most_in_flight.max(self.in_flight);
            self.outcome.most_waiting = self.outcome.most_waiting.max(self.waiting);
        }
        self.outcome.writes = self.design.writes();
    }

    fn at(&mut self, ms: u64, event: Event) {
        self.events.push(Reverse((ms, event)));
    }

    /// A caller gets an idle process, or a new one.
    fn arrive(&mut self, now_ms: u64, n: usize) {
        self.callers[n].process = self.idle.pop().unwrap_or_else(|| {
            self.processes += 1;
            self.processes - 1
        });
        self.at(now_ms + TABLE_MS, Event::Decides(n));
    }

    /// The design decides whether a caller's process may call LiveChat now.
    fn decide(&mut self, now_ms: u64, n: usize) {
        let caller = &mut self.callers[n];
        let urgency = if caller.is_odd { Urgency::Required } else { self.scenario.urgency };
        let verdict = self.design.decide(now_ms, urgency, caller.process, &mut caller.attempt);
        self.waiting -= u64::from(caller.polls > 0);
        let gave_up = now_ms - caller.arrived_ms >= self.design.patience_ms();
        match verdict {
            Verdict::Send => self.send(now_ms, n),
            Verdict::Wait if urgency == Urgency::Required && !gave_up => self.wait(now_ms, n),
            Verdict::Wait | Verdict::Fail => self.at(now_ms, Event::Ends(n)),
        }
    }

    /// Calls LiveChat.
    fn send(&mut self, now_ms: u64, n: usize) {
        self.in_flight += 1;
        let takes_ms = self.scenario.latency_ms + self.rng.u64(..=self.scenario.latency_ms / 20);
        let is_silent = self.is_silent(now_ms);
        let caller = &mut self.callers[n];
        let (sign, takes_ms) = match () {
            () if caller.is_odd => (Sign::Error, ERROR_MS),
            () if is_silent || takes_ms > TIME_OUT_MS => (Sign::Silence, TIME_OUT_MS),
            () => (Sign::Token, takes_ms),
        };
        (caller.sign, caller.attempt.sent_ms) = (Some(sign), now_ms);
        let late_ms = self.design.late_after_ms(caller.process).filter(|late_ms| *late_ms < takes_ms);
        self.at(now_ms + takes_ms, Event::Ends(n));
        if let Some(late_ms) = late_ms {
            self.at(now_ms + late_ms, Event::IsLate(n));
        }
    }

    /// Tries again later, each time after a longer pause.
    fn wait(&mut self, now_ms: u64, n: usize) {
        let caller = &mut self.callers[n];
        let slower = f64::min(1.4_f64.powi(caller.polls), self.design.slowest_poll());
        caller.polls += 1;
        self.waiting += 1;
        let poll = Duration::from_millis(self.rng.u64(40..80)).mul_f64(slower);
        self.at(now_ms + cip::time::millis(poll) + TABLE_MS, Event::Decides(n));
    }

    /// A caller gets a response, with a token or without.
    fn end(&mut self, now_ms: u64, n: usize) {
        let caller = self.callers[n];
        self.idle.push(caller.process);
        if let Some(sign) = caller.sign {
            self.in_flight -= 1;
            self.design.ended(now_ms, caller.process, caller.attempt, sign);
        }
        let has_token = caller.sign == Some(Sign::Token);
        if let Some((_, until)) = self.scenario.silent_ms
            && has_token
            && caller.attempt.sent_ms >= until
        {
            self.outcome.found_after_ms.get_or_insert(now_ms - until);
        }
        if caller.is_odd {
            return;
        }
        self.outcome.callers += 1;
        self.outcome.tokens += u64::from(has_token);
        if self.scenario.silent_ms.is_none() || self.is_silent(caller.arrived_ms) {
            self.outcome.waited_ms.push(now_ms - caller.arrived_ms);
        }
    }

    fn is_silent(&self, at_ms: u64) -> bool {
        self.scenario.silent_ms.is_some_and(|(from, until)| (from..until).contains(&at_ms))
    }
}
