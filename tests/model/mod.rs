//! A model of the protocol, explored exhaustively with [stateright](https://docs.rs/stateright): every order in which several calls for
//! one subject can meet, and every moment at which something can go wrong.
//!
//! **The code that is explored is the code that runs.** A caller is a [`Renewal`](crate::renewal::Renewal), the state machine that the
//! functions use, and what it writes are the [`Write`](crate::store::write::Write)s of `store/`, applied to items in memory. Only the
//! surroundings are modelled: DynamoDB's items (`table.rs`), LiveChat (`livechat.rs`), time (`clock.rs`), and what can go wrong
//! (`actions.rs`). One step is one operation of DynamoDB's or one event of LiveChat's, with what the caller does next.
//!
//! # How to run it
//!
//! `cargo test --lib model -- --nocapture` prints what it explores, and shows how each change of a decision is noticed (`seeded.rs`).
//! With `MODEL=deep` it explores more: more callers, more faults at a time, finer clocks.
//!
//! # What it leaves out, and why it may
//!
//! - *Deadlines.* A caller without a lease that runs out of time just stops. To all others, it looks as if it never went on. One that
//!   holds the lease is `Crash`, or has too little time to call LiveChat (`is_short`).
//! - *The quota, the circuit breaker and LiveChat's refusal that is remembered* only refuse. Before the lease that is the same as a
//!   deadline, or `Read::WhileDown` for a `getToken` whose token is live; under it, `Response::Down`. Their attributes are removed from the
//!   items. A call that waits for room releases its lease and acquires another one later: to all others, that is a caller that ends and
//!   another that arrives.
//! - *A group's count* is another item, and only refuses.
//! - *Lifetimes.* A token is usable, stale or expired during the whole run: a run takes seconds, a lifetime hours.
//! - *Arriving and returning.* A call arrives with the effect of its first operation, and returns with that of its last. In truth it
//!   arrives earlier and returns later. That only allows more results, and makes fewer calls count as later ones.
//! - *LiveChat's response* arrives with the effect of the call, or never: no other call can see what the caller does in between.
//! - *What no other call can see* is not a step of its own: a pause, and a look at the circuit breaker that finds room.
//! - *Looks that find nothing new* are not steps, so that every run ends (`is_acyclic`). Nor is a try of a caller
//!   that saw the lease free and then finds it held again: it is as if it had not looked.
//! - *How soon LiveChat is told again to revoke tokens*: in the model, at every opportunity.
//! - *Callers of the same kind* are interchangeable (`State::representative`).
//! - `invalidate` and a logout have no decisions between their operations: `act.rs` makes the store's write, and tells LiveChat.
//! - The item's deletion (two years later), more than five former customers, and a `group`: another item.
//!
//! # What it assumes
//!
//! - That DynamoDB runs a `Write` as `store/write/in_memory.rs` does: a test compares the two on random writes and items, and on
//!   the store's own.
//! - That `operation/renewer/driver.rs` carries out each action, and decides nothing.
//! - With time (`timed.rs`): clocks are no further apart than `Lease::SKEW_MS`, and a write takes effect within `LONGEST_WRITE`
//!   of the look at the clock, or never. Without time (`untimed.rs`, `adoption.rs`): no such assumption. `limits.rs` shows what
//!   happens if the second is not true.
//!
//! # Where to find what
//!
//! | file | what it holds |
//! |---|---|
//! | `state.rs` | a configuration, a state, a caller |
//! | `actions.rs` | what can happen next: steps, and what can go wrong |
//! | `act.rs` | what it does, and what the caller's code makes of it |
//! | `table.rs`, `livechat.rs`, `clock.rs` | the items, LiveChat, time |
//! | `history.rs`, `properties.rs` | what is remembered of a run, and what must hold |
//! | `untimed.rs`, `timed.rs`, `adoption.rs` | the configurations that are explored |
//! | `tamper.rs`, `seeded.rs` | deliberate faults, and tests that the properties notice them |
//! | `limits.rs` | what is not promised |
//! | `secrets.rs` | the secrets of a caller, which `Debug` does not show |
//! | `words.rs` | traces as readable text |

mod act;
mod actions;
mod adoption;
mod clock;
mod history;
mod limits;
mod livechat;
mod properties;
mod secrets;
mod seeded;
mod state;
mod table;
mod tamper;
mod timed;
mod untimed;
mod words;

use actions::Action;
use state::{Protocol, State};
use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};
use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    time::Instant,
};

/// Explores all states that the protocol can reach. Fails if a property is violated.
fn explore(name: &str, protocol: &Protocol, at_least: usize) {
    let started = Instant::now();
    let checker = protocol
        .clone()
        .checker()
        .threads(2)
        .symmetry_fn(State::representative)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_dfs()
        .join();
    for (property, path) in checker.discoveries() {
        let violated = checker.model().property(property).expectation == Expectation::Always;
        assert!(!violated, "{name}: \"{property}\" does not hold:\n{}", words::of(protocol, path));
    }
    checker.assert_properties();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{name}: {states} states, depth {depth}, 0 violations ({:?})", started.elapsed());
    assert!(states >= at_least, "{name}: {states} states only");
}

/// The shortest path to a state in which a property does not hold or, for a property about some state, to one in which it holds.
fn shortest(protocol: &Protocol, property: &'static str) -> Path<State, Action> {
    let search = |depth: usize| {
        let found = HasDiscoveries::AnyOf([property].into());
        let checker = protocol.clone().checker().finish_when(found).target_max_depth(depth).spawn_bfs().join();
        checker.discovery(property)
    };
    let mut path = search(1000).unwrap_or_else(|| panic!("\"{property}\" is not found"));
    // The checker goes on to the end of a block and keeps the last that it finds.
    while let Some(shorter) = search(path.clone().into_actions().len() + 1) {
        path = shorter;
    }
    path
}

/// No path through the states has a cycle: so every path ends, and by `EVERY_CALL_ENDS` all calls have ended then.
fn is_acyclic(name: &str, protocol: &Protocol) {
    // For each state visited: whether it is on the path from the start to the current one.
    let mut on_path = HashMap::new();
    // That path: each state, and its successors that are not visited yet.
    let mut path = vec![(0, protocol.init_states())];
    while let Some((state, next)) = path.last_mut() {
        let Some(next) = next.pop().map(|next| next.representative()) else {
            on_path.insert(*state, false);
            path.pop();
            continue;
        };
        let id = BuildHasherDefault::<DefaultHasher>::default().hash_one(&next);
        match on_path.insert(id, true) {
            Some(true) => panic!("{name}: there is a cycle through {next:?}"),
            Some(false) => drop(on_path.insert(id, false)),
            None => path.push((id, protocol.next_states(&next))),
        }
    }
    println!("{name}: {} states, no cycle", on_path.len() - 1);
}

/// Whether to explore more, for minutes: `MODEL=deep`.
fn is_deep() -> bool {
    std::env::var("MODEL").is_ok_and(|size| size == "deep")
}
