//! A model of the renewal protocol, explored exhaustively: every order in which several calls for one subject can meet, and
//! every moment at which something can go wrong, with [stateright](https://docs.rs/stateright).
//!
//! `getToken`, `getFreshToken` and `invalidate` are small machines here (`auth.rs`) that share an item in DynamoDB (`item.rs`)
//! and a LiveChat (`livechat.rs`). One step is one operation of DynamoDB's or one event of LiveChat's. Which results a
//! call is content with, and how long a lease is held and safe, is decided by the code itself: [`cip::provider::need::Need`],
//! [`cip::identity::Lease`] and the time limits of [`cip::store::Store`], [`cip::livechat::Accounts`] and
//! [`cip::breaker::Breaker`] are the real ones.
//!
//! # How to run it
//!
//! `cargo test --test model -- --nocapture` says what it explores, and shows how each fault that is built in on purpose is
//! found (`seeded.rs`). With `MODEL=deep` it explores more: more callers, more faults at a time, finer clocks.
//!
//! # What the steps stand for
//!
//! `Provider`'s rules are in `functions/common/provider.rs` and `provider/renewal.rs`, `Store`'s writes in `store.rs`.
//!
//! | step ([`Action`]) | in the code | what decides there |
//! |---|---|---|
//! | `Read` | `Provider::get_token`: `Store::read` | `lifetime.is_usable(now_ms)`, else `Need::usable(Some(stored.token.seq))` or `Need::usable(None)` |
//! | `ReadWhileDown` | the same | `is_live`, and `record.refusal_of(…)` or `self.breaker.knows_no_room()` |
//! | `Send` | `Store::take_lease`, its first lines | `now_ms()`, `Lease::bounds_ms(now_ms)` |
//! | `Take` | `Provider::renew`: `Store::take_lease` | `NOT #until BETWEEN :now AND :latest`, `#owner <> :owner`, `#t.#tseq <= :seen` |
//! | – its answer was lost, and it is sent again | the SDK's retries; `Store::take_lease`, its last lines | `lease.owner == owner` |
//! | `Look`, and the end of a `Take` that was refused | `Provider::wait`, `met_by` | `record.held(now_ms)`, `need.found_taken(seq)`, `need.takes_token(…)`, `need.takes_failure(…)`, `need.pass_over(…)` |
//! | `Admit` | `Provider::ask`, after `Breaker::enter` | `lease.safe_for_ms(now_ms())` less `Store::LONGEST_WRITE`, `Accounts::LONGEST`; `ask_by.left() < Accounts::SHORTEST_ATTEMPT` |
//! | `Ask` | `Provider::grant`: `Accounts::token`, `token_at_once` | `grant.entity_id == known.entity_id`; `OnIdentityChange::Reject` |
//! | – its answer is lost | `Accounts::token` | `miss.may_try_again(known.is_some())` |
//! | – for a new customer in place of a lost one | `Provider::grant`: `Err(Miss::IdentityLost)`, twice | `deadline.left() < Accounts::SHORTEST_ATTEMPT` |
//! | `Finish` | `Provider::keep`: `Store::finish` | `#owner = :owner AND #seq = :seq AND attribute_exists(#until)`; if refused, `stored.seq == token.seq` and the same token |
//! | – refused | `Provider::renew` | `need.found_taken(lease.seq)` |
//! | `GiveUp` | `Provider::give_up`: `Store::give_up` | the same condition; word of it unless `failure == Failure::OutOfTime`; with `Failure::Rejected` the refusal too |
//! | – it took effect after a logout | `Stored::LoggedOut` | `record.logged_out_seq >= token.seq` |
//! | `Drop` | `invalidate`: `Store::drop_token`; of a logout `Store::log_out` | `attribute_exists(#t)`; `attribute_exists(#seq)` |
//! | `Tell` | `revocation::tell`: `Accounts::revoke`, `Store::record_revocations` | `record.outstanding.to_revoke(record.logged_out_seq, …)` |
//! | – before a holder asks for a token, a part of `Ask` | `Provider::revoke_old_tokens`, and the write that ends the lease | the same |
//! | `Despite`, and `Read` after it | `Provider::stored_despite` | `error != Error::IdentityChanged`, `is_live(now_ms())` |
//! | `LateWrite` | the SDK's retries: a first copy that was held up | the condition of that write, with the time that it carries |
//! | `LateRequest`, `Forget` | LiveChat | |
//! | `Crash` | an invocation that is killed; or that ends with an error while it holds the lease | |
//! | `Pause`, `Tick` | clocks | `Lease::is_held`, `Lease::SKEW_MS` |
//!
//! # Why it may leave out what it leaves out
//!
//! - *Deadlines.* Out of time, a caller that holds nothing just stops, which to all others is as if it were slow for ever;
//!   one that holds the lease is `Crash` or `Answer::TooLate`; a `getToken` that found a token is `Despite`.
//! - *Quota, breaker and LiveChat's refusal that is remembered* only refuse. Before the lease that is the same as a deadline, or
//!   `ReadWhileDown` for a `getToken` whose token lives; under it, `Answer::Down`. What is remembered of a refusal, and the condition
//!   about it in `take_lease`, so decide nothing about identities or tokens, and are not in the item here.
//! - *A call that waits for the breaker's room* gives its lease back and takes another one later. To all others that is a caller that
//!   ends with `GiveUp(None)`, and another one that arrives: its `Need` is the same as before, as it found nothing taken.
//! - *`identity_lost`.* LiveChat does nothing then, and neither does its caller but ask again, so these answers are no steps. The
//!   request for a new customer that follows the second is the `Ask` after `Answer::Other`: its cookies prove nobody, either way.
//! - *Life times.* A token is usable, stale or dead from the start to the end of a run: seconds, as against hours.
//! - *Arriving and answering.* A call arrives with the effect of its first operation, and is answered with that of its last. In
//!   truth it arrives earlier and is answered later; that only widens what it may be answered, and what comes after it.
//! - *LiveChat's answer* arrives with the effect of the request, or never: nobody can see what a caller does in between.
//! - *Looks that find nothing new* are no steps, so that every way through the states ends (`is_acyclic`). Nor is the try of a
//!   caller that saw the lease free, and finds it taken again: it could as well not have looked.
//! - *How soon LiveChat is told again, and how many tokens may work*: a logout and a renewal always tell it here. That a `getToken` from the
//!   store and an `invalidate` tell it too only makes that earlier. What LiveChat revokes while it issues no token is told at once.
//! - *Callers with the same operation* are interchangeable (`State::representative`).
//! - The item's deletion (two years later), more than five former customers, and a `group` of its own: another item.
//!
//! # What it takes for granted
//!
//! With time (`timed.rs`): clocks are no further apart than `Lease::SKEW_MS`, and a write takes effect within
//! `Store::LONGEST_WRITE` of the look at the clock, or never. Without time (`untimed.rs`): nothing of the kind.
//! `limits.rs` shows what comes of it if the second is not so.
//!
//! # Where to find what
//!
//! | file | what it holds |
//! |---|---|
//! | `state.rs` | a configuration, a state, what the properties remember |
//! | `actions.rs` | what can happen next: steps, and what can go wrong |
//! | `auth.rs`, `item.rs`, `livechat.rs`, `clock.rs` | what it does |
//! | `properties.rs` | what must hold |
//! | `untimed.rs`, `timed.rs` | the configurations that are explored |
//! | `broken.rs`, `seeded.rs` | faults, and that they are found |
//! | `limits.rs` | what is not promised |
//! | `words.rs` | traces in words |
//! | `adoption.rs`, `adoption/` | a model of its own: how a guest becomes a user, with several items |

mod actions;
mod adoption;
mod broken;
mod caller;
mod clock;
mod item;
mod limits;
mod livechat;
mod properties;
mod seeded;
mod state;
mod timed;
mod untimed;
mod words;

use crate::{actions::Action, state::*};
use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};
use std::{
    collections::HashMap,
    fmt::Debug,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash},
    time::Instant,
};

/// A model that can be explored here: that of the renewal, or that of adoption.
trait Explored: Clone + Send + Sync + 'static
where
    Self: Model<State: Clone + Debug + Hash + PartialEq + Send + Sync, Action: Clone + Debug + PartialEq + Send + Sync>,
{
    /// One state for all that are the same but for which caller is which.
    fn representative(state: &Self::State) -> Self::State;

    /// The steps of `path`, a line each.
    fn in_words(&self, path: Path<Self::State, Self::Action>) -> String;
}

impl Explored for Protocol {
    fn representative(state: &State) -> State {
        state.representative()
    }

    fn in_words(&self, path: Path<State, Action>) -> String {
        words::of(self, path)
    }
}

/// Looks at all states that the protocol can come to, and finds no violation.
fn explore<M: Explored>(name: &str, protocol: &M, at_least: usize) {
    let started = Instant::now();
    let checker = protocol
        .clone()
        .checker()
        .threads(2)
        .symmetry_fn(M::representative)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_dfs()
        .join();
    for (property, path) in checker.discoveries() {
        let violated = checker.model().property(property).expectation == Expectation::Always;
        assert!(!violated, "{name}: \"{property}\" does not hold:\n{}", protocol.in_words(path));
    }
    checker.assert_properties();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!("{name}: {states} states, depth {depth}, 0 violations ({:?})", started.elapsed());
    assert!(states >= at_least, "{name}: {states} states only");
}

/// The shortest way to where a property does not hold, or to where one holds that is about some state.
fn shortest<M: Explored>(protocol: &M, property: &'static str) -> Path<M::State, M::Action> {
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

/// No way through the states leads back to where it came from: so every way ends, and by `EVERYBODY_ANSWERED` it ends well.
fn is_acyclic<M: Explored>(name: &str, protocol: &M) {
    // Whether a state is on the way from the start to where we are, for each that we have come to.
    let mut on_the_way = HashMap::new();
    // That way: each state, and those of the states after it that we have not gone to yet.
    let mut way = vec![(0, protocol.init_states())];
    while let Some((state, next)) = way.last_mut() {
        let Some(next) = next.pop().map(|next| M::representative(&next)) else {
            on_the_way.insert(*state, false);
            way.pop();
            continue;
        };
        let id = BuildHasherDefault::<DefaultHasher>::default().hash_one(&next);
        match on_the_way.insert(id, true) {
            Some(true) => panic!("{name}: a way leads back to {next:?}"),
            Some(false) => drop(on_the_way.insert(id, false)),
            None => way.push((id, protocol.next_states(&next))),
        }
    }
    println!("{name}: {} states, no way leads back", on_the_way.len() - 1);
}

/// Whether to explore more, for minutes: `MODEL=deep`.
fn is_deep() -> bool {
    std::env::var("MODEL").is_ok_and(|size| size == "deep")
}
