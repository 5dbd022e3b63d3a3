//! What the model remembers of a run, for the properties to compare each result with.

use super::{
    state::{Caller, Cookies, Doing, Entities, Life, Operation, Protocol, State, Tokens},
    table::{Who, life_of},
};
use crate::{
    identity::{Issued, LeaseSeq},
    renewal::{Grants, record::LatestLogout},
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact to remember")]
pub(super) struct History {
    /// The customers that the first user was given, in order.
    pub(super) given_customers: Vec<u8>,
    /// The customers that each was given, by `Who`.
    pub(super) customers_of: [Entities; 3],
    /// All customers that were ever stored. Only where a user adopts.
    pub(super) stored_customers: Entities,
    /// All tokens that were ever stored, if a call ends tokens.
    pub(super) stored: Tokens,
    /// Those of them that a call that arrives now must not be given.
    pub(super) gone: Tokens,
    /// The tokens that were given. Only where a user logs out.
    pub(super) given: Tokens,
    /// The latest logout.
    pub(super) ended: LatestLogout,
    /// The newest token that a `getFreshToken` was given.
    pub(super) freshest: u8,
    /// The number of failures that were recorded.
    pub(super) failures: u8,
    /// The number of failures that had been recorded before the one that is stored now.
    pub(super) nth_failure: u8,
    /// How many times the identity may have changed: secrets that LiveChat has invalidated and whose successor is not stored, and
    /// customers that it forgot.
    pub(super) changes_due: u32,
    /// The number of leases that there were before the first call.
    pub(super) leases_before: u64,
    /// A call arrived after the first lease had ended.
    pub(super) has_latecomers: bool,
    /// The guest's identity has moved.
    pub(super) has_moved: bool,
    /// A call got a customer that another user had got before.
    pub(super) gave_anothers: bool,
    /// LiveChat did not recognise a customer on record, and created another.
    pub(super) created_anew: bool,
    /// What has gone wrong, beyond what can be seen in the state itself.
    pub(super) breaches: Breaches,
}

/// The situation when a call arrived: when its first operation takes effect. If it arrived earlier, less would be promised to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Arrival {
    /// The oldest token that it may be given.
    pub(super) oldest: u8,
    /// Tokens that it must not be given; for `invalidate`, those that it promises to end.
    pub(super) gone: Tokens,
    /// The number of customers that had been given.
    pub(super) customers: usize,
    /// The number of the latest lease, for a `getFreshToken`.
    pub(super) latest_lease: Option<LeaseSeq>,
    /// The number of failures that had been recorded, for a `getToken`.
    pub(super) failures: u8,
    /// The first lease that it found held, for a `getToken`.
    pub(super) found_held: Option<LeaseSeq>,
    /// The tokens that had been given, for a logout.
    pub(super) given: Tokens,
}

/// Something that must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breach {
    /// A `getFreshToken` was given a token for which LiveChat was called before it came.
    NotFresh,
    /// A `getToken` was given an older token than a `getFreshToken` that had ended before it came.
    Older,
    /// A `getToken` was given a token that had been invalidated before it came.
    Invalidated,
    /// A call was given a former customer, after another one had been given the new one.
    FormerCustomer,
    /// A call was given what is not stored.
    NotStored,
    /// A call failed with a failure that was recorded before it came; or, if it wants a fresh token, with that of a renewal that began
    /// before.
    OldFailure,
    /// A `getToken` that had waited for a renewal which failed began another.
    FailureNotShared,
    /// A `getToken` was given the stale token that it found, without an attempt to renew it.
    Stale,
    /// LiveChat was called for a new customer a second time under one lease.
    NewCustomerTwice,
    /// A call that had found a lease held and acquired a later one did not acquire the next.
    LeaseSkipped,
    /// A token was given that was issued before a logout.
    LoggedOut,
    /// A logout said that LiveChat was told, and a token works that was given before.
    NotRevoked,
    /// The code failed with an internal error.
    Bug,
}

/// The set of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Breaches(u16);

impl Breaches {
    pub(super) fn add(&mut self, breach: Breach) {
        self.0 |= 1 << breach as u8;
    }

    pub(super) fn has(self, breach: Breach) -> bool {
        self.0 & (1 << breach as u8) != 0
    }
}

impl Protocol {
    /// The caller's first operation has just taken effect. Noted once.
    pub(super) fn arrive(&self, state: &mut State, index: usize) {
        let State { items, livechat, callers, history, .. } = state;
        let caller = &mut callers[index];
        if caller.arrival.is_some() {
            return;
        }
        let item = &items[caller.call.who as usize];
        let anyhow = Arrival {
            oldest: 0,
            gone: Tokens::default(),
            customers: history.given_customers.len(),
            latest_lease: None,
            failures: 0,
            found_held: None,
            given: Tokens::default(),
        };
        caller.arrival = Some(match caller.call.operation {
            _ if self.adopts() => anyhow,
            Operation::GetToken => {
                Arrival { oldest: history.freshest, gone: history.gone, failures: history.failures, ..anyhow }
            }
            Operation::GetFreshToken => {
                Arrival { oldest: livechat.requests + 1, latest_lease: item.record().lease_seq, ..anyhow }
            }
            Operation::Invalidate => Arrival { gone: history.stored, ..anyhow },
            Operation::Logout => Arrival { gone: history.stored, given: history.given, ..anyhow },
        });
        let leases = item.leases().saturating_sub(history.leases_before);
        history.has_latecomers |= self.is_calm() && (leases > 1 || (leases == 1 && !item.is_leased()));
    }

    /// The caller has acquired a lease. If it waited for one to end, it had to be the very next for a `getFreshToken`, and a `getToken`
    /// should have accepted the result of that one, be it only its failure.
    pub(super) fn note_lease(&self, state: &mut State, index: usize, unless_newer_than: Option<LeaseSeq>) {
        let State { items, callers, history, .. } = state;
        let caller = &callers[index];
        let record = items[caller.call.who as usize].record();
        let waited_for = unless_newer_than.filter(|_| caller.call.is_fresh());
        if self.is_calm() && !self.is_timed() && waited_for.is_some_and(|seq| Some(seq.next()) != record.lease_seq) {
            history.breaches.add(Breach::LeaseSkipped);
        }
        let found_held = caller.arrival.and_then(|arrival| arrival.found_held);
        let has_failed = found_held.zip(record.failed.as_ref()).is_some_and(|(found, failed)| failed.seq >= found);
        if self.is_calm_but_down() && has_failed {
            history.breaches.add(Breach::FailureNotShared);
        }
    }

    /// The caller has found the lease held.
    pub(super) fn note_held(&self, state: &mut State, index: usize) {
        let held = state.item(state.callers[index].call.who).record().lease_seq;
        let caller = &mut state.callers[index];
        if let Some(arrival) = caller.arrival.as_mut().filter(|_| !caller.call.is_fresh() && self.is_calm_but_down()) {
            arrival.found_held = arrival.found_held.or(held);
        }
    }

    /// The caller accepts the recorded failure as its own.
    pub(super) fn note_failure(&self, state: &mut State, index: usize) {
        let failed = state.item(state.callers[index].call.who).record().failed.as_ref().map(|failed| failed.seq);
        let arrival = state.callers[index].arrival.expect("it has arrived");
        let is_old =
            state.history.nth_failure < arrival.failures || failed.is_none_or(|seq| Some(seq) <= arrival.latest_lease);
        if is_old && !self.adopts() {
            state.history.breaches.add(Breach::OldFailure);
        }
    }

    /// The caller is given a token.
    pub(super) fn give(&self, state: &mut State, index: usize, issued: &Issued) {
        let request = super::table::request_of(&issued.token);
        let entity = super::table::number_in(&issued.entity_id);
        let call = state.callers[index].call;
        self.compare_with_stored(state, index, request, entity);
        let history = &mut state.history;
        history.customers_of[call.who as usize].add(entity);
        let others = Who::ALL.into_iter().filter(|&other| other != call.who && other != Who::Guest);
        history.gave_anothers |= others.into_iter().any(|other| history.customers_of[other as usize].has(entity));
        if self.logs_out() {
            history.given.add(request);
        }
        end(state, index, Doing::Ended);
    }

    fn compare_with_stored(&self, state: &mut State, index: usize, request: u8, entity: u8) {
        if self.adopts() {
            return;
        }
        let State { items, history, callers, .. } = state;
        let arrival = callers[index].arrival.expect("it has arrived");
        let is_fresh = callers[index].call.is_fresh();
        let item = &items[Who::User1 as usize];
        if request < arrival.oldest {
            history.breaches.add(if is_fresh { Breach::NotFresh } else { Breach::Older });
        }
        if arrival.gone.has(request) {
            history.breaches.add(Breach::Invalidated);
        }
        let is_ended = item.record().token.as_ref().is_some_and(|token| history.ended.ends(token.seq));
        if item.token() == Some(request) && is_ended {
            history.breaches.add(Breach::LoggedOut);
        } else if (item.token(), item.entity()) != (Some(request), Some(entity)) {
            history.breaches.add(Breach::NotStored);
        }
        match history.given_customers.iter().position(|&other| other == entity) {
            None => history.given_customers.push(entity),
            Some(nth) if nth + 1 < arrival.customers => history.breaches.add(Breach::FormerCustomer),
            Some(_) => {}
        }
        if is_fresh {
            history.freshest = history.freshest.max(request);
        }
    }

    /// A token was stored under a lease; `known` is the customer that was on record.
    pub(super) fn note_commit(&self, state: &mut State, who: Who, request: u8, known: Option<Cookies>) {
        let entity = state.item(who).entity();
        let is_same = known.is_some_and(|known| Some(known.entity) == entity);
        if is_same && self.secrets == super::state::Secrets::Strict && self.grants == Grants::Cookie {
            // The successor of the secret that LiveChat invalidated is safe now.
            state.history.changes_due = state.history.changes_due.saturating_sub(1);
        }
        if let Some(entity) = entity.filter(|_| self.adopts()) {
            state.history.stored_customers.add(entity);
        }
        if self.ends_tokens() {
            state.history.stored.add(request);
        }
    }

    /// The history of what is stored before the first call.
    pub(super) fn history_before(&self, state: &State) -> History {
        let item = state.item(self.stored_for);
        let mut history = History { leases_before: item.leases(), ..History::default() };
        if item.entity().is_some() {
            if self.adopts() {
                history.stored_customers.add(0);
                history.customers_of[self.stored_for as usize].add(0);
            } else {
                history.given_customers.push(0);
            }
        }
        if item.token().is_some() && self.ends_tokens() {
            history.stored.add(0);
            // One that has expired need not be revoked.
            let is_live = item.record().token.as_ref().is_some_and(|token| life_of(token) != Life::Expired);
            if self.logs_out() && is_live {
                history.given.add(0);
            }
        }
        history
    }
}

/// A `getToken` was given the token that it found, with too little time left, as the result of a renewal.
pub(super) fn is_stale(issued: &Issued) -> bool {
    life_of(&issued.token) == Life::Stale
}

/// Ends a caller. Nothing that it knew matters any more.
pub(super) fn end(state: &mut State, index: usize, doing: Doing) {
    let call = state.callers[index].call;
    state.callers[index] = Caller { doing, ..Caller::new(call, 0) };
    state.callers[index].note();
}
