//! With time: leases expire by the clock of each caller, clocks are up to `Lease::SKEW_MS` apart, and a holder keeps to the
//! time limits in the code. Then requests to LiveChat never overlap, so that even a LiveChat that invalidates the former
//! secret with each call keeps one customer, while no response is lost.

use super::{
    explore, is_acyclic, is_deep,
    state::{Clocks, Faults, Life, Operation, Protocol, Secrets, Stored},
};
use crate::renewal::record::Lease;
use Operation::{GetFreshToken, GetToken, Invalidate};
use std::time::Duration;

/// With a tick of `tick_ms`, and clocks that agree or differ by the most that is allowed.
fn timed(tick_ms: u64, calls: Vec<Vec<Operation>>, stored: &[Stored]) -> Protocol {
    let furthest = i16::try_from(Lease::SKEW_MS / tick_ms).expect("a few ticks");
    let clocks = Clocks::Timed { tick: Duration::from_millis(tick_ms), ahead: vec![0, furthest] };
    Protocol { secrets: Secrets::Strict, clocks, ..Protocol::of(calls, stored) }
}

const SOON_RENEWED: [Stored; 3] = [Stored::Nothing, Stored::NoToken, Stored::Token(Life::Stale)];

#[test]
fn requests_in_time_never_overlap() {
    let two = || Operation::combinations(2);
    explore("no faults, 2 callers, ticks of 0.5 s", &timed(500, two(), &[Stored::Nothing, Stored::NoToken]), 60_000);
    explore(
        "no faults, 3 callers, ticks of 1 s",
        &timed(1000, vec![vec![GetFreshToken; 3]], &[Stored::NoToken]),
        25_000,
    );
    if is_deep() {
        let clocks = Clocks::Timed { tick: Duration::from_millis(500), ahead: (0..=4).collect() };
        explore("no faults, 2 callers, all clocks", &Protocol { clocks, ..timed(500, two(), &Stored::ALL) }, 800_000);
        explore("no faults, 3 callers, ticks of 1 s", &timed(1000, Operation::combinations(3), &SOON_RENEWED), 680_000);
    }
}

#[test]
fn all_holds_when_a_holder_dies() {
    let dies = |protocol| Protocol { faults: Faults { crashes: 1, ..Faults::default() }, ..protocol };
    explore("1 crash, 2 callers", &dies(timed(1000, Operation::combinations(2), &SOON_RENEWED)), 45_000);
    explore("1 crash, 3 callers", &dies(timed(1000, vec![vec![GetToken; 3]], &[Stored::Nothing])), 30_000);
    if is_deep() {
        explore(
            "1 crash, 2 callers, ticks of 0.5 s",
            &dies(timed(500, Operation::combinations(2), &Stored::ALL)),
            240_000,
        );
        explore("1 crash, 3 callers", &dies(timed(1000, Operation::combinations(3), &SOON_RENEWED)), 1_600_000);
    }
}

/// A holder stops at any step and goes on at any later time, as when a machine is paused. Callers that keep to their limits are still
/// alone with LiveChat; and while secrets are lenient, everything holds that holds without time.
#[test]
fn all_holds_when_a_holder_wakes_up_late() {
    let faults = Faults { pauses: 1, ..Faults::default() };
    let wakes = |protocol| Protocol { secrets: Secrets::Lenient, faults, ..protocol };
    let calls = vec![vec![GetFreshToken; 2], vec![GetToken, GetFreshToken]];
    explore("1 pause, 2 callers", &wakes(timed(1000, calls, &[Stored::NoToken])), 60_000);
    if is_deep() {
        let faults = Faults { crashes: 1, pauses: 1, ..Faults::default() };
        let all = Protocol { faults, ..wakes(timed(1000, Operation::combinations(2), &Stored::ALL)) };
        explore("1 crash, 1 pause, 2 callers", &all, 650_000);
        let three = vec![vec![GetFreshToken; 3], vec![GetToken, GetFreshToken, Invalidate]];
        explore("1 pause, 3 callers", &wakes(timed(1000, three, &[Stored::NoToken])), 1_000_000);
    }
}

#[test]
fn runs_have_no_cycles() {
    let faults = Faults { crashes: 1, ..Faults::default() };
    let protocol = timed(1000, vec![vec![GetToken, GetFreshToken]], &[Stored::NoToken]);
    is_acyclic("1 crash, 2 callers, ticks of 1 s", &Protocol { faults, ..protocol });
}
