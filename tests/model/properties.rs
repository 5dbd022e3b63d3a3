//! What must hold in every state, and what must come about in some state, so that a model which explores nothing is noticed.

use crate::{actions::Action, state::*};
use stateright::{Model, Property};

/// All tokens that are answered are one customer's, unless LiveChat itself has made that impossible: by forgetting it, or
/// by killing a secret with a call whose answer was lost. Then it changes once for each, the former one is on record,
/// and nobody who comes after the change is answered the former one.
pub(crate) const ONE_IDENTITY: &str = "one identity";
/// `getFreshToken` answers a token that LiveChat was asked for after it came.
pub(crate) const FRESH_MEANS_FRESH: &str = "fresh means fresh";
/// A `getToken` that comes after a `getFreshToken` was answered is answered no older token.
pub(crate) const NEVER_OLDER: &str = "never older";
/// A `getToken` that comes after an `invalidate` was answered is answered no token that was stored before that came.
pub(crate) const INVALIDATED_MEANS_GONE: &str = "invalidated means gone";
/// What is answered is stored at that moment, and its customer stays on record for good.
pub(crate) const NOTHING_LOST: &str = "nothing lost";
/// Where nothing can happen by itself any more, every caller that lives has its answer: a token or an error. As no way
/// leads back to where it came from (`is_acyclic`), and things go wrong only so often, every caller gets it.
pub(crate) const EVERYBODY_ANSWERED: &str = "everybody is answered";
/// A `getToken` fails only with a failure that was told after it came, a `getFreshToken` only with that of a renewal that
/// began after it came.
pub(crate) const FAILURES_OF_ONES_TIME: &str = "failures of one's own time";
/// A `getToken` that waited for a renewal fails with it, in place of asking a LiveChat that is down once more.
pub(crate) const FAILURES_ARE_SHARED: &str = "failures are shared";
/// A `getToken` is answered a token with too little time left only in place of an error.
pub(crate) const STALE_IS_RENEWED: &str = "stale is renewed";
/// Under one lease, a new customer is asked for once.
pub(crate) const NEW_CUSTOMER_ONCE: &str = "a new customer is asked for once";
/// Requests to LiveChat that keep to their time are never under way two at a time.
pub(crate) const ONE_REQUEST_AT_A_TIME: &str = "one request at a time";
/// Calls that came before the first renewal was over cost one request to LiveChat, or two if they want a fresh token. And
/// a `getFreshToken` that waited for a lease to end makes its own request, if it does, under the very next one.
pub(crate) const CALLS_SHARE: &str = "calls share";
/// While nobody dies, a lease is somebody's who will end it.
pub(crate) const NO_STRAY_LEASE: &str = "no stray lease";
/// No token is answered that was issued before a logout, not even by a renewal that the logout overtook.
pub(crate) const LOGGED_OUT_MEANS_OVER: &str = "logged out means over";
/// When a logout says that LiveChat was told, no token works that had been answered before.
pub(crate) const TOLD_MEANS_REVOKED: &str = "told means revoked";
/// A token that was answered is on the list of those that may work, until LiveChat has revoked it; so a later logout finds it, and so
/// does the next call after a logout that could not tell LiveChat.
pub(crate) const NO_TOKEN_FORGOTTEN: &str = "no token is forgotten";

/// The limit of `NO_STRAY_LEASE`.
pub(crate) const STRAY_LEASE: &str = "a lease that is nobody's, though nobody died";
/// The limit of `ONE_REQUEST_AT_A_TIME`.
pub(crate) const TWO_REQUESTS_AT_A_TIME: &str = "two requests at a time, though both are in time";

pub(crate) fn of(protocol: &Protocol) -> Vec<Property<Protocol>> {
    if protocol.shows_limits {
        return vec![limit(protocol)];
    }
    let mut all = vec![
        Property::always(ONE_IDENTITY, one_identity),
        Property::always(FRESH_MEANS_FRESH, |_, state: &State| !state.history.breaches.has(Breach::NotFresh)),
        Property::always(NEVER_OLDER, |_, state: &State| !state.history.breaches.has(Breach::Older)),
        Property::always(INVALIDATED_MEANS_GONE, |_, state: &State| !state.history.breaches.has(Breach::Invalidated)),
        Property::always(NOTHING_LOST, nothing_is_lost),
        Property::always(EVERYBODY_ANSWERED, everybody_is_answered),
        Property::always(FAILURES_OF_ONES_TIME, |_, state: &State| !state.history.breaches.has(Breach::OldFailure)),
        Property::always(FAILURES_ARE_SHARED, |_, state: &State| !state.history.breaches.has(Breach::FailureNotShared)),
        Property::always(STALE_IS_RENEWED, |_, state: &State| !state.history.breaches.has(Breach::Stale)),
        Property::always(NEW_CUSTOMER_ONCE, |_, state: &State| !state.history.breaches.has(Breach::NewCustomerTwice)),
    ];
    if protocol.logs_out() {
        all.push(Property::always(LOGGED_OUT_MEANS_OVER, |_, state: &State| {
            !state.history.breaches.has(Breach::LoggedOut)
        }));
        all.push(Property::always(TOLD_MEANS_REVOKED, |_, state: &State| {
            !state.history.breaches.has(Breach::NotRevoked)
        }));
        all.push(Property::always(NO_TOKEN_FORGOTTEN, no_token_is_forgotten));
    }
    if protocol.is_timed() {
        all.push(Property::always(ONE_REQUEST_AT_A_TIME, |_, state: &State| requests_in_time(state) <= 1));
    }
    if protocol.is_calm() {
        all.push(Property::always(CALLS_SHARE, calls_share));
    }
    let alone = protocol.calls.iter().all(|operations| operations.len() == 1);
    if protocol.is_calm() || (alone && protocol.faults == Faults { late_writes: 1, ..Faults::default() }) {
        all.push(Property::always(NO_STRAY_LEASE, |_, state: &State| {
            state.item.lease_until.is_none() || state.has_live_holder()
        }));
    }
    all.extend(reached(protocol));
    all
}

fn one_identity(protocol: &Protocol, state: &State) -> bool {
    let History { answered, changes_due, breaches, .. } = &state.history;
    let changes_answered = u32::try_from(answered.len()).unwrap_or(u32::MAX).saturating_sub(1);
    let most = if protocol.rejects || protocol.is_calm() { 0 } else { *changes_due };
    changes_answered.max(state.item.former.count()) <= most && !breaches.has(Breach::FormerCustomer)
}

fn nothing_is_lost(_: &Protocol, state: &State) -> bool {
    let History { answered, breaches, .. } = &state.history;
    let on_record =
        |entity: u8| state.item.identity.is_some_and(|known| known.entity == entity) || state.item.former.has(entity);
    !breaches.has(Breach::NotStored) && answered.iter().all(|&entity| on_record(entity))
}

fn no_token_is_forgotten(_: &Protocol, state: &State) -> bool {
    let mut known = state.livechat.revoked;
    for &(request, _) in &state.item.outstanding {
        known.add(request);
    }
    state.history.given.are_among(known)
}

fn everybody_is_answered(protocol: &Protocol, state: &State) -> bool {
    if state.callers.iter().all(|caller| caller.is_over() || caller.paused) {
        return true;
    }
    let mut steps = Vec::new();
    protocol.steps(state, &mut steps);
    steps.into_iter().any(|step| !is_of_paused(state, step) && protocol.next_state(state, step).is_some())
}

/// The step of a caller that is paused and need not go on, ever.
fn is_of_paused(state: &State, step: Action) -> bool {
    match step {
        Action::Admit(caller)
        | Action::Take { caller, .. }
        | Action::Ask { caller, .. }
        | Action::Finish { caller, .. }
        | Action::GiveUp { caller, .. } => state.callers[caller].paused,
        _ => false,
    }
}

fn requests_in_time(state: &State) -> usize {
    state.callers.iter().filter(|caller| caller.is_asking() && !caller.paused).count()
}

fn calls_share(_: &Protocol, state: &State) -> bool {
    let is = |operation| state.callers.iter().filter(|caller| caller.operation == operation).count();
    if is(Operation::Invalidate) + is(Operation::Logout) > 0 {
        return true;
    }
    let most = if is(Operation::GetFreshToken) > 0 { 2 } else { 1 }.min(state.callers.len());
    let History { latecomers, breaches, .. } = state.history;
    (latecomers || usize::from(state.livechat.requests) <= most) && !breaches.has(Breach::LeaseSkipped)
}

/// What a configuration is there for must come about in it.
fn reached(protocol: &Protocol) -> Vec<Property<Protocol>> {
    let Faults { crashes, lapses, late_writes, forgets, pauses, .. } = protocol.faults;
    let renews = |operation: Operation| match operation {
        Operation::GetToken => protocol.stored != [Stored::Token(Life::Usable)],
        Operation::GetFreshToken => true,
        Operation::Invalidate | Operation::Logout => false,
    };
    let several_renew = protocol.calls.iter().any(|calls| calls.iter().filter(|&&one| renews(one)).count() > 1);
    let mut all = vec![Property::sometimes("all are answered", |_, state: &State| {
        state.callers.iter().all(|caller| caller.phase == Phase::Answered)
    })];
    if several_renew {
        all.push(Property::sometimes("one waits for another", |_, state: &State| {
            state.callers.iter().any(|caller| matches!(caller.phase, Phase::Waiting { .. }))
                && state.callers.iter().any(Caller::is_asking)
        }));
    }
    if lapses + pauses > 0 {
        all.push(Property::sometimes("two ask at once", |_, state: &State| {
            state.callers.iter().filter(|caller| caller.is_asking()).count() > 1
        }));
        all.push(Property::sometimes("a result comes too late to be stored", |_, state: &State| {
            state
                .callers
                .iter()
                .filter_map(Caller::holding)
                .any(|holding| matches!(holding.step, Step::Finish(_)) && holding.seq < state.item.lease_seq)
        }));
    }
    if crashes > 0 {
        all.push(Property::sometimes("a lease whose holder is dead", |_, state: &State| {
            state.item.lease_until.is_some() && !state.has_live_holder()
        }));
    }
    if late_writes > 0 && several_renew {
        all.push(Property::sometimes("a late write takes effect", |protocol: &Protocol, state: &State| {
            usize::from(state.left.late_writes) + state.late_writes.len() < usize::from(protocol.faults.late_writes)
        }));
    }
    if protocol.logs_out() && protocol.calls.iter().any(|calls| calls.len() > 2) {
        all.push(Property::sometimes("a logout overtakes a renewal", |_, state: &State| {
            let finishes =
                |holding: &Holding| matches!(holding.step, Step::Finish(_)) && holding.seq <= state.item.logged_out;
            state.callers.iter().filter_map(Caller::holding).any(finishes)
        }));
        all.push(Property::sometimes("several tokens are revoked", |_, state: &State| {
            state.livechat.revoked.count() > 1
        }));
    }
    if forgets > 0 && !protocol.rejects {
        all.push(Property::sometimes("another customer takes the former one's place", |_, state: &State| {
            state.item.former.count() > 0
        }));
    }
    all
}

/// What is *not* promised, and does come about. `limits.rs` has the reasons.
fn limit(protocol: &Protocol) -> Property<Protocol> {
    if protocol.is_timed() {
        return Property::sometimes(TWO_REQUESTS_AT_A_TIME, |_, state: &State| requests_in_time(state) > 1);
    }
    Property::sometimes(STRAY_LEASE, |_, state: &State| {
        state.item.lease_until.is_some() && state.callers.iter().all(|caller| caller.phase == Phase::Answered)
    })
}
