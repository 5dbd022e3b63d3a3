//! What must hold in every state, and what must happen in some state, so that a model that explores nothing fails.

use super::{
    actions::Action,
    history::{Breach, History},
    state::{Caller, Doing, Faults, Life, Operation, Protocol, State, Stored},
    table::{Who, number_in},
};
use crate::renewal::Action as Next;
use secrecy::ExposeSecret;
use stateright::{Model, Property};

/// All tokens that are returned are one customer's, unless LiveChat itself has made that impossible: by forgetting it, or
/// by invalidating a secret in a call with a lost response. Then it changes once for each, the former is on record,
/// and no call that comes after the change returns the former one.
pub(super) const ONE_IDENTITY: &str = "a user has one identity";
/// `getFreshToken` returns a token from a LiveChat call made after it came.
pub(super) const FRESH_MEANS_FRESH: &str = "a fresh token was issued after its call came";
/// A `getToken` that comes after the end of a `getFreshToken` returns no older token.
pub(super) const NEVER_OLDER: &str = "getToken returns no older token than an earlier getFreshToken";
/// A `getToken` that comes after the end of an `invalidate` returns no token stored before the `invalidate` came.
pub(super) const INVALIDATED_MEANS_GONE: &str = "an invalidated token is not returned";
/// What is returned is stored at that time, and its customer stays on record from then on.
pub(super) const NOTHING_LOST: &str = "what is returned is stored";
/// In a state where nothing more can happen without a fault, every live caller has its result: a token or an error. As no run has a
/// cycle (`is_acyclic`) and the number of faults is limited, every caller gets it.
pub(super) const EVERY_CALL_ENDS: &str = "every call ends";
/// The code never fails with an internal error.
pub(super) const NO_BUG: &str = "no internal error";
/// A `getToken` fails only with a failure recorded after it came, a `getFreshToken` only with that of a renewal that
/// began after it came.
pub(super) const FAILURES_OF_ONES_TIME: &str = "a call fails only with a failure that followed its arrival";
/// If a `getToken` waited for a renewal that failed, it fails too. It does not call a LiveChat that is down again.
pub(super) const FAILURES_ARE_SHARED: &str = "a call accepts the failure that it waited for";
/// A `getToken` returns a token with too little time left only instead of an error.
pub(super) const STALE_IS_RENEWED: &str = "a stale token is renewed";
/// Under one lease, LiveChat is called for a new customer at most once.
pub(super) const NEW_CUSTOMER_ONCE: &str = "a new customer is created once per lease";
/// Two requests to LiveChat that keep to their time limits never overlap.
pub(super) const ONE_REQUEST_AT_A_TIME: &str = "requests to LiveChat do not overlap";
/// Calls that came before the end of the first renewal cost one request to LiveChat, or two if they want a fresh token. And
/// a `getFreshToken` that waited for a lease to end makes its own request, if it does, under the very next one.
pub(super) const CALLS_SHARE: &str = "concurrent calls share a renewal";
/// If no caller dies, each lease's owner will end it.
pub(super) const NO_STRAY_LEASE: &str = "every lease has an owner that will end it";
/// No token is returned that was issued before a logout, not even by a renewal that the logout overtook.
pub(super) const LOGGED_OUT_MEANS_ENDED: &str = "no token from before a logout is returned";
/// When a logout says that LiveChat was told, no token works that had been returned before.
pub(super) const TOLD_MEANS_REVOKED: &str = "a complete logout has revoked all tokens";
/// A token that was returned is on the list of those that may work, until LiveChat has revoked it; so a later logout finds it, and so
/// does the next call after a logout that could not tell LiveChat.
pub(super) const NO_TOKEN_FORGOTTEN: &str = "every token that works is listed";

/// The case in which `NO_STRAY_LEASE` does not hold.
pub(super) const STRAY_LEASE: &str = "a lease without an owner, although no caller died";
/// The case in which `ONE_REQUEST_AT_A_TIME` does not hold.
pub(super) const TWO_REQUESTS_AT_A_TIME: &str = "two requests overlap, although both keep to their time";

/// A user is only ever given one customer.
pub(super) const ONE_CUSTOMER: &str = "a user has one customer";
/// No two items have the same customer.
pub(super) const ONE_OWNER: &str = "a customer belongs to one user or guest";
/// A customer that was returned to a user is never returned to the guest or another user after that.
pub(super) const NOBODY_ELSES: &str = "a user's customer is returned to nobody else";
/// From the move of its identity on, a guest has no lease, no identity and no token.
pub(super) const GUEST_IS_GONE: &str = "an adopted guest has no lease, identity or token";
/// A customer that was ever stored is stored. What a user was given is the user's, and what the guest was given is the
/// guest's, unless it has moved.
pub(super) const NOTHING_LOST_BY_ADOPTION: &str = "an adoption loses no customer";
/// LiveChat never has to create a new customer in place of one that is on record.
pub(super) const STAYS_KNOWN: &str = "a customer on record is never created anew";

pub(super) fn of(protocol: &Protocol) -> Vec<Property<Protocol>> {
    if protocol.shows_limits {
        return vec![limit(protocol)];
    }
    let mut all = vec![
        Property::always(EVERY_CALL_ENDS, every_call_ends),
        Property::always(NO_BUG, |_, state: &State| !state.history.breaches.has(Breach::Bug)),
        Property::always(NEW_CUSTOMER_ONCE, |_, state: &State| !state.history.breaches.has(Breach::NewCustomerTwice)),
    ];
    if protocol.adopts() {
        all.extend(of_adoption());
    } else {
        all.extend(of_one_user(protocol));
    }
    if protocol.tamper.is_none() {
        all.extend(if protocol.adopts() { reached_by_adoption(protocol) } else { reached(protocol) });
    }
    all
}

fn of_one_user(protocol: &Protocol) -> Vec<Property<Protocol>> {
    let mut all = vec![
        Property::always(ONE_IDENTITY, one_identity),
        Property::always(FRESH_MEANS_FRESH, |_, state: &State| !state.history.breaches.has(Breach::NotFresh)),
        Property::always(NEVER_OLDER, |_, state: &State| !state.history.breaches.has(Breach::Older)),
        Property::always(INVALIDATED_MEANS_GONE, |_, state: &State| !state.history.breaches.has(Breach::Invalidated)),
        Property::always(NOTHING_LOST, nothing_is_lost),
        Property::always(FAILURES_OF_ONES_TIME, |_, state: &State| !state.history.breaches.has(Breach::OldFailure)),
        Property::always(FAILURES_ARE_SHARED, |_, state: &State| !state.history.breaches.has(Breach::FailureNotShared)),
        Property::always(STALE_IS_RENEWED, |_, state: &State| !state.history.breaches.has(Breach::Stale)),
    ];
    if protocol.logs_out() {
        all.push(Property::always(LOGGED_OUT_MEANS_ENDED, |_, state: &State| {
            !state.history.breaches.has(Breach::LoggedOut)
        }));
        all.push(Property::always(TOLD_MEANS_REVOKED, |_, state: &State| {
            !state.history.breaches.has(Breach::NotRevoked)
        }));
        all.push(Property::always(NO_TOKEN_FORGOTTEN, no_token_is_forgotten));
    }
    if protocol.is_timed() {
        all.push(Property::always(ONE_REQUEST_AT_A_TIME, |_, state: &State| calls_in_time(state) <= 1));
    }
    if protocol.is_calm() {
        all.push(Property::always(CALLS_SHARE, calls_share));
    }
    let is_alone = protocol.calls.iter().all(|calls| calls.len() == 1);
    if protocol.is_calm() || (is_alone && protocol.faults == Faults { late_writes: 1, ..Faults::default() }) {
        all.push(Property::always(NO_STRAY_LEASE, |_, state: &State| {
            !state.item(Who::User1).is_leased() || state.has_live_holder(Who::User1)
        }));
    }
    all
}

fn one_identity(protocol: &Protocol, state: &State) -> bool {
    let History { given_customers, changes_due, breaches, .. } = &state.history;
    let changes_given = given_customers.len().saturating_sub(1);
    let most = if protocol.rejects || protocol.is_calm() { 0 } else { *changes_due };
    let changes = changes_given.max(state.item(Who::User1).former().len());
    u32::try_from(changes).is_ok_and(|changes| changes <= most) && !breaches.has(Breach::FormerCustomer)
}

fn nothing_is_lost(_: &Protocol, state: &State) -> bool {
    let History { given_customers, breaches, .. } = &state.history;
    let item = state.item(Who::User1);
    let (now, former) = (item.entity(), item.former());
    let is_on_record = |entity: &u8| now == Some(*entity) || former.contains(entity);
    !breaches.has(Breach::NotStored) && given_customers.iter().all(is_on_record)
}

fn no_token_is_forgotten(_: &Protocol, state: &State) -> bool {
    let mut known = state.livechat.revoked;
    for token in &state.item(Who::User1).record().outstanding.0 {
        known.add(number_in(token.access_token.expose_secret()));
    }
    state.history.given.are_among(known)
}

fn every_call_ends(protocol: &Protocol, state: &State) -> bool {
    if state.callers.iter().all(|caller| caller.has_ended() || caller.paused) {
        return true;
    }
    let mut steps = Vec::new();
    protocol.steps(state, &mut steps);
    steps.into_iter().any(|step| !is_of_paused(state, step) && protocol.next_state(state, step).is_some())
}

/// The step is one of a paused caller, which may never go on.
fn is_of_paused(state: &State, step: Action) -> bool {
    match step {
        Action::Enter(caller)
        | Action::Acquire { caller, .. }
        | Action::Call { caller, .. }
        | Action::Commit { caller, .. }
        | Action::Release { caller, .. } => state.callers[caller].paused,
        _ => false,
    }
}

fn calls_in_time(state: &State) -> usize {
    state.callers.iter().filter(|caller| caller.is_calling() && !caller.paused).count()
}

fn calls_share(_: &Protocol, state: &State) -> bool {
    let is = |operation| state.callers.iter().filter(|caller| caller.call.operation == operation).count();
    if is(Operation::Invalidate) + is(Operation::Logout) > 0 {
        return true;
    }
    let most = if is(Operation::GetFreshToken) > 0 { 2 } else { 1 }.min(state.callers.len());
    let History { has_latecomers, breaches, .. } = state.history;
    (has_latecomers || usize::from(state.livechat.requests) <= most) && !breaches.has(Breach::LeaseSkipped)
}

/// What a configuration exists to explore must happen in it.
fn reached(protocol: &Protocol) -> Vec<Property<Protocol>> {
    let Faults { crashes, early_expiries, late_writes, forgets, pauses, .. } = protocol.faults;
    let renews = |operation: Operation| match operation {
        Operation::GetToken => protocol.stored != [Stored::Token(Life::Usable)],
        Operation::GetFreshToken => true,
        Operation::Invalidate | Operation::Logout => false,
    };
    let several = |calls: &Vec<super::state::Call>| calls.iter().filter(|call| renews(call.operation)).count() > 1;
    let several_renew = protocol.calls.iter().any(several);
    let mut all = vec![all_have_ended()];
    if several_renew {
        all.push(Property::sometimes("a call waits for another", |_, state: &State| {
            state.callers.iter().any(Caller::is_waiting) && state.callers.iter().any(Caller::is_calling)
        }));
    }
    if early_expiries + pauses > 0 {
        all.push(Property::sometimes("two call LiveChat at once", |_, state: &State| {
            state.callers.iter().filter(|caller| caller.is_calling()).count() > 1
        }));
        all.push(Property::sometimes("a result comes too late to be stored", |_, state: &State| {
            let seq = state.item(Who::User1).record().lease_seq;
            state.callers.iter().filter_map(Caller::commits).any(|commits| Some(commits) < seq)
        }));
    }
    if crashes > 0 {
        all.push(Property::sometimes("a lease whose holder has died", |_, state: &State| {
            state.item(Who::User1).is_leased() && !state.has_live_holder(Who::User1)
        }));
    }
    if late_writes > 0 && several_renew {
        all.push(Property::sometimes("a late write takes effect", |protocol: &Protocol, state: &State| {
            usize::from(state.left.late_writes) + state.late_writes.len() < usize::from(protocol.faults.late_writes)
        }));
    }
    if protocol.logs_out() && protocol.calls.iter().any(|calls| calls.len() > 2) {
        all.push(Property::sometimes("a logout overtakes a renewal", |_, state: &State| {
            let logout = state.item(Who::User1).record().latest_logout;
            state.callers.iter().filter_map(Caller::commits).any(|commits| logout.ends(commits))
        }));
        all.push(Property::sometimes("several tokens are revoked", |_, state: &State| {
            state.livechat.revoked.count() > 1
        }));
    }
    if forgets > 0 && !protocol.rejects {
        all.push(Property::sometimes("another customer replaces the former one", |_, state: &State| {
            !state.item(Who::User1).former().is_empty()
        }));
    }
    all
}

fn all_have_ended() -> Property<Protocol> {
    Property::sometimes("all calls end", |_, state: &State| {
        state.callers.iter().all(|caller| matches!(caller.doing, Doing::Ended))
    })
}

fn of_adoption() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ONE_CUSTOMER, |_, state: &State| {
            [Who::User1, Who::User2].into_iter().all(|user| state.history.customers_of[user as usize].count() <= 1)
        }),
        Property::always(ONE_OWNER, one_owner),
        Property::always(NOBODY_ELSES, |_, state: &State| !state.history.gave_anothers),
        Property::always(GUEST_IS_GONE, |_, state: &State| {
            let guest = state.item(Who::Guest);
            !state.history.has_moved || (guest.entity().is_none() && guest.token().is_none() && !guest.is_leased())
        }),
        Property::always(NOTHING_LOST_BY_ADOPTION, nothing_is_lost_by_adoption),
        Property::always(STAYS_KNOWN, |_, state: &State| !state.history.created_anew),
    ]
}

fn one_owner(_: &Protocol, state: &State) -> bool {
    let [guest, user1, user2] = Who::ALL.map(|who| state.item(who).entity());
    let are_others = |one: Option<u8>, other| one.is_none() || one != other;
    are_others(guest, user1) && are_others(guest, user2) && are_others(user1, user2)
}

fn nothing_is_lost_by_adoption(_: &Protocol, state: &State) -> bool {
    let History { stored_customers, customers_of, .. } = &state.history;
    (0..=state.livechat.requests).all(|customer| {
        let is_at = |who| state.item(who).entity() == Some(customer);
        let was_given = |who: Who| customers_of[who as usize].has(customer);
        (!stored_customers.has(customer) || Who::ALL.into_iter().any(is_at))
            && Who::ALL.into_iter().all(|who| {
                let is_adopted = who == Who::Guest && state.item(who).record().is_adopted;
                !was_given(who) || is_at(who) || is_adopted
            })
    })
}

/// The same for a model of adoption.
fn reached_by_adoption(protocol: &Protocol) -> Vec<Property<Protocol>> {
    let takes_part = |calls: &[super::state::Call], who| {
        calls.iter().any(|call| call.who == who && (call.was_guest || who == Who::Guest))
    };
    let are_there = |all: &[Who]| protocol.calls.iter().any(|calls| all.iter().all(|&who| takes_part(calls, who)));
    let meets_guest = are_there(&[Who::Guest, Who::User1]);
    let mut all = vec![all_have_ended()];
    if meets_guest || (are_there(&[Who::User1]) && protocol.stored != [Stored::Nothing]) {
        all.push(Property::sometimes("a user is given the guest's customer", |_, state: &State| {
            let [guest, users @ ..] = state.history.customers_of;
            state.history.has_moved && users.iter().any(|user| user.has(0)) && guest.has(0)
        }));
    }
    if meets_guest {
        all.push(Property::sometimes("an adoption meets the guest's renewal", |_, state: &State| {
            let reads_guest = |caller: &Caller| matches!(caller.next(), Some(Next::ReadGuest));
            state.callers.iter().any(reads_guest) && state.has_live_holder(Who::Guest)
        }));
        if protocol.faults.early_expiries > 0 {
            all.push(Property::sometimes("the guest's result comes after the adoption", |_, state: &State| {
                let commits = |caller: &Caller| caller.call.who == Who::Guest && caller.commits().is_some();
                state.history.has_moved && state.callers.iter().any(commits)
            }));
        }
    }
    if are_there(&[Who::User1, Who::User2]) {
        all.push(Property::sometimes("two users want the guest's customer", |_, state: &State| {
            let moves = |user| {
                let is_moving =
                    |caller: &Caller| caller.call.who == user && matches!(caller.next(), Some(Next::Move(_)));
                state.callers.iter().any(is_moving)
            };
            moves(Who::User1) && moves(Who::User2)
        }));
    }
    all
}

/// What is *not* promised, and does happen. `limits.rs` has the reasons.
fn limit(protocol: &Protocol) -> Property<Protocol> {
    if protocol.is_timed() {
        return Property::sometimes(TWO_REQUESTS_AT_A_TIME, |_, state: &State| calls_in_time(state) > 1);
    }
    Property::sometimes(STRAY_LEASE, |_, state: &State| {
        let have_ended = state.callers.iter().all(|caller| matches!(caller.doing, Doing::Ended));
        state.item(Who::User1).is_leased() && have_ended
    })
}
