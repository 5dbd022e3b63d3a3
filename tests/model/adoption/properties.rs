//! What must hold in every state, and what must come about in some state, so that a model which explores nothing is noticed.

use super::{actions, state::*};
use stateright::{Model, Property};

/// A user is only ever answered one customer.
pub(crate) const ONE_CUSTOMER: &str = "a user has one customer";
/// No two have the same customer stored.
pub(crate) const ONE_OWNER: &str = "a customer has one owner";
/// Once a user has been answered a customer, nobody else ever is: neither the guest nor another user.
pub(crate) const NOBODY_ELSES: &str = "a user's customer is nobody else's";
/// A guest whose identity has moved has no lease, no identity and no token, for good.
pub(crate) const GUEST_NO_MORE: &str = "an adopted guest is no more";
/// A customer that was ever stored is stored. What a user was answered is the user's, and what the guest was answered is the
/// guest's, unless it has moved.
pub(crate) const NOTHING_LOST: &str = "nothing is lost by adoption";
/// LiveChat never has to make a new customer for one that is on record.
pub(crate) const STAYS_KNOWN: &str = "a known customer stays known";
/// Where nothing can happen by itself any more, every caller that lives has its answer. As no way leads back to where it came
/// from (`is_acyclic`), every caller gets it.
pub(crate) const EVERYBODY_ANSWERED: &str = "everybody is answered";

pub(crate) fn of(adoption: &Adoption) -> Vec<Property<Adoption>> {
    let mut all = vec![
        Property::always(ONE_CUSTOMER, |_, state: &State| {
            [Who::User1, Who::User2].into_iter().all(|user| state.history.answered[user as usize].count() <= 1)
        }),
        Property::always(ONE_OWNER, one_owner),
        Property::always(NOBODY_ELSES, |_, state: &State| !state.history.answered_anothers),
        Property::always(GUEST_NO_MORE, |_, state: &State| {
            let Item { identity, token, is_leased, .. } = state.item(Who::Guest);
            !state.history.moved || (identity.is_none() && token.is_none() && !is_leased)
        }),
        Property::always(NOTHING_LOST, nothing_is_lost),
        Property::always(STAYS_KNOWN, |_, state: &State| !state.history.made_anew),
        Property::always(EVERYBODY_ANSWERED, everybody_is_answered),
    ];
    if adoption.broken.is_none() {
        all.extend(reached(adoption));
    }
    all
}

fn entity(state: &State, who: Who) -> Option<u8> {
    state.item(who).identity.map(|known| known.entity)
}

fn one_owner(_: &Adoption, state: &State) -> bool {
    let [guest, user1, user2] = Who::ALL.map(|who| entity(state, who));
    let are_others = |one: Option<u8>, other| one.is_none() || one != other;
    are_others(guest, user1) && are_others(guest, user2) && are_others(user1, user2)
}

fn nothing_is_lost(_: &Adoption, state: &State) -> bool {
    let History { stored, answered, .. } = &state.history;
    (0..u8::try_from(state.customers.len()).unwrap_or(u8::MAX)).all(|customer| {
        let is_at = |who| entity(state, who) == Some(customer);
        let was_answered = |who: Who| answered[who as usize].has(customer);
        (!stored.has(customer) || Who::ALL.into_iter().any(is_at))
            && Who::ALL.into_iter().all(|who| {
                let is_adopted = who == Who::Guest && state.item(who).is_adopted;
                !was_answered(who) || is_at(who) || is_adopted
            })
    })
}

fn everybody_is_answered(adoption: &Adoption, state: &State) -> bool {
    let mut steps = Vec::new();
    actions::steps(state, &mut steps);
    state.callers.iter().all(Caller::is_over)
        || steps.into_iter().any(|step| adoption.next_state(state, step).is_some())
}

/// What a configuration is there for must come about in it.
fn reached(adoption: &Adoption) -> Vec<Property<Adoption>> {
    let are_there = |all: &[Who]| adoption.calls.iter().any(|calls| all.iter().all(|&who| takes_part(calls, who)));
    let meets_guest = are_there(&[Who::Guest, Who::User1]);
    let mut all = vec![Property::sometimes("all are answered", |_, state: &State| {
        state.callers.iter().all(|caller| caller.phase == Phase::Answered)
    })];
    if meets_guest || (are_there(&[Who::User1]) && adoption.stored != [Stored::Nothing]) {
        all.push(Property::sometimes("a user is answered the guest's customer", |_, state: &State| {
            let [guest, users @ ..] = state.history.answered;
            state.history.moved && users.iter().any(|user| user.has(0)) && guest.has(0)
        }));
    }
    if meets_guest {
        all.push(Property::sometimes("an adoption meets the guest's renewal", |_, state: &State| {
            is_adopting(state) && state.has_live_holder(Who::Guest)
        }));
        if adoption.faults.lapses > 0 {
            all.push(Property::sometimes("the guest's result comes after the adoption", |_, state: &State| {
                let finishes = |caller: &Caller| {
                    let step = caller.holding().map(|holding| holding.step);
                    caller.call.who == Who::Guest && matches!(step, Some(Step::Finish(_)))
                };
                state.history.moved && state.callers.iter().any(finishes)
            }));
        }
    }
    if are_there(&[Who::User1, Who::User2]) {
        all.push(Property::sometimes("two users want the guest's customer", |_, state: &State| {
            let moves = |user| {
                state.callers.iter().any(|caller| {
                    caller.call.who == user
                        && matches!(caller.phase, Phase::Holding(Holding { step: Step::Move(_), .. }))
                })
            };
            moves(Who::User1) && moves(Who::User2)
        }));
    }
    all
}

/// The guest calls, or a user who was the guest.
fn takes_part(calls: &[Call], who: Who) -> bool {
    calls.iter().any(|call| call.who == who && (call.was_guest || who == Who::Guest))
}

fn is_adopting(state: &State) -> bool {
    state
        .callers
        .iter()
        .any(|caller| caller.holding().is_some_and(|holding| matches!(holding.step, Step::ReadGuest { .. })))
}
