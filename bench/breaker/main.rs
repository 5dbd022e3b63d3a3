//! Compares designs of a circuit breaker for calls of LiveChat, by a deterministic simulation of many function processes that share one
//! item of a table. Our design uses the rule of the service itself, [`cip::renewal::circuit::Gate`].
//!
//! `cargo run -p breaker-designs` prints the tables of docs/reliability.md.

mod designs;
mod engine;

use cip::renewal::circuit::Urgency;
use designs::{Aimd, Design, FormerGate, Gradient, LateCalls, TimeOutsOnly};
use engine::{Outcome, Scenario, Visits};

const NAMES: [&str; 5] = ["former gate", "time-outs only", "AIMD limit", "gradient limit", "late calls (ours)"];

fn designs() -> [Box<dyn Design>; 5] {
    [
        Box::new(FormerGate::default()),
        Box::new(TimeOutsOnly::default()),
        Box::new(Aimd::default()),
        Box::new(Gradient::default()),
        Box::new(LateCalls::default()),
    ]
}

fn slow(name: &'static str, latency_ms: u64, visits: Visits) -> Scenario {
    Scenario { name, latency_ms, visits, urgency: Urgency::Required, silent_ms: None, odd_per_second: 0 }
}

fn silent(name: &'static str, urgency: Urgency) -> Scenario {
    Scenario { urgency, silent_ms: Some((10_000, 30_000)), ..slow(name, 80, Visits::PerSecond(50, 40_000)) }
}

fn table(head: &str, scenarios: &[Scenario], cell: impl Fn(&Outcome) -> String) {
    println!("\n{head}\n\n| | {} |\n|---{}|", NAMES.join(" | "), "|---".repeat(NAMES.len()));
    for scenario in scenarios {
        let cells: Vec<_> = designs().into_iter().map(|design| cell(&engine::run(scenario, design))).collect();
        println!("| {} | {} |", scenario.name, cells.join(" | "));
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", (ms + 50) / 1000, (ms + 50) % 1000 / 100)
}

fn main() {
    let answering = answering();
    answering_table(&answering);
    outages_table();
    table("Writes to the shared item for each renewal", &answering[..1], |outcome| {
        format!("{:.1}", outcome.writes_per_token())
    });
}

/// LiveChat responds to every call.
fn answering() -> [Scenario; 8] {
    [
        slow("80 ms, 50/s", 80, Visits::PerSecond(50, 20_000)),
        slow("1.2 s, 10/s", 1_200, Visits::PerSecond(10, 20_000)),
        slow("1.2 s, 120 at once", 1_200, Visits::AtOnce(120)),
        slow("1.6 s, 15/s", 1_600, Visits::PerSecond(15, 20_000)),
        slow("2.0 s, 10/s", 2_000, Visits::PerSecond(10, 20_000)),
        slow("2.6 s, 10/s", 2_600, Visits::PerSecond(10, 20_000)),
        slow("2.6 s, 20/s", 2_600, Visits::PerSecond(20, 20_000)),
        Scenario {
            odd_per_second: 40,
            ..slow("80 ms, 3/s; one caller gets 40 fast 5xx a second", 80, Visits::PerSecond(3, 10_000))
        },
    ]
}

fn answering_table(answering: &[Scenario]) {
    table(
        "First visits, LiveChat responds to every call: share with a token; wait (median, 95th percentile); most calls in flight",
        answering,
        |outcome| {
            let (median, most) = outcome.waits();
            format!(
                "{} %; {}, {}; {}",
                outcome.tokens_percent(),
                seconds(median),
                seconds(most),
                outcome.most_in_flight
            )
        },
    );
}

fn outages_table() {
    let outages = [
        silent("stored tokens are due, 50/s", Urgency::Optional),
        silent("first visits, 50/s", Urgency::Required),
        Scenario { silent_ms: Some((0, 20_000)), ..slow("first visits, 120 at once", 80, Visits::AtOnce(120)) },
    ];
    table(
        "LiveChat responds to no call for 20 s: most calls in flight; most callers waiting; wait (95th percentile); recovery detected after",
        &outages,
        |outcome| {
            let found = outcome.found_after_ms.map_or("–".into(), seconds);
            format!("{}; {}; {}; {found}", outcome.most_in_flight, outcome.most_waiting, seconds(outcome.waits().1))
        },
    );
}
