//! What a caller does: `Provider`, cut into pieces that each end where it next waits for DynamoDB or LiveChat.

use super::{
    actions::{Action, Write},
    item::{self, Adopted},
    state::*,
};
use crate::actions::Seen;
use cip::provider::need::Need;

/// Does `action`. `None` if it cannot happen, or not with an effect of its own.
pub(crate) fn act(adoption: &Adoption, state: &mut State, action: Action) -> Option<()> {
    match action {
        Action::Read(caller) => read(state, caller),
        Action::Take { caller, lease, write } => take(adoption, state, caller, lease, write)?,
        Action::Look { caller, lease } => look_again(state, caller, lease)?,
        Action::ReadGuest { caller, lease } => read_guest(adoption, state, caller, lease)?,
        Action::ReadOwn(caller) => {
            let moved = state.item(state.callers[caller].call.who).identity;
            go_on(state, caller, moved, Step::Ask);
        }
        Action::Move { caller, write } => move_identity(adoption, state, caller, write)?,
        Action::MoveOut(caller) => {
            let Step::MoveOut(transaction) = state.callers[caller].holding()?.step else { return None };
            item::move_out(adoption, state);
            go_on(state, caller, Some(transaction.identity), Step::Ask);
        }
        Action::Ask { caller, is_lost } => ask(adoption, state, caller, is_lost)?,
        Action::Finish { caller, write } => finish(state, caller, write)?,
        Action::GiveUp(caller) => {
            let (who, seq) = (state.callers[caller].call.who, state.callers[caller].holding()?.seq);
            item::give_up(state.item_mut(who), seq);
            state.callers[caller].phase = Phase::Answered;
        }
        Action::LateMove => {
            let transaction = state.late_move.take()?;
            (item::adopt(adoption, state, transaction) == Adopted::Yes).then_some(())?;
            for caller in &mut state.callers {
                match &mut caller.phase {
                    Phase::Holding(Holding { step, .. }) if *step == Step::Move(transaction) => {
                        *step = Step::MoveAgain(transaction);
                    }
                    _ => {}
                }
            }
        }
        Action::TooLate(caller) => {
            state.left.too_lates -= 1;
            go_on(state, caller, None, Step::GiveUp);
        }
        Action::Crash(caller) => {
            state.left.crashes -= 1;
            state.callers[caller].phase = Phase::Gone;
        }
    }
    Some(())
}

/// `Provider::get_token` as far as `renew`.
fn read(state: &mut State, caller: usize) {
    let item = state.item(state.callers[caller].call.who);
    match item.issued() {
        _ if item.is_adopted => state.callers[caller].phase = Phase::Answered,
        Some((known, _)) => answer(state, caller, known),
        None => state.callers[caller].phase = Phase::Renew { need: Need::usable(None), waited: false },
    }
}

/// `Store::take_lease`, and what `Provider::renew` does with its result.
fn take(adoption: &Adoption, state: &mut State, index: usize, lease: Seen, write: Write) -> Option<()> {
    let Caller { call, phase: before } = state.callers[index];
    let (need, own) = match before {
        Phase::Start => (Need::fresh(), None),
        Phase::Renew { need, .. } => (need, None),
        Phase::TakeAgain { need, seq } => (need, Some(seq)),
        _ => return None,
    };
    let from_live_holder = state.has_live_holder(call.who);
    let is_held = lease == Seen::Held;
    let taken = item::take_lease(adoption, state.item_mut(call.who), is_held, own, need.unless_newer_than());
    if taken && lease == Seen::Lapsed && from_live_holder {
        state.left.lapses -= 1;
    }
    let item = state.item(call.who);
    if write == Write::AnswerLost {
        let seq = item.lease_seq;
        state.left.lost_writes -= 1;
        state.callers[index].phase = Phase::TakeAgain { need, seq };
        return taken.then_some(());
    }
    if taken || (item.is_leased && own == Some(item.lease_seq)) {
        let step = item::first_step(item, call.was_guest);
        let holding = Holding { need, seq: item.lease_seq, known: item.identity, step };
        state.callers[index].phase = Phase::Holding(holding);
        return Some(());
    }
    look(state, index, need, lease);
    // It is back where it waited before, none the wiser: it might as well have gone on waiting.
    let in_vain =
        before == (Phase::Renew { need, waited: true }) && state.callers[index].phase == (Phase::Waiting { need });
    (!in_vain).then_some(())
}

/// The next round of `Provider::wait`.
fn look_again(state: &mut State, caller: usize, lease: Seen) -> Option<()> {
    let Phase::Waiting { need: before } = state.callers[caller].phase else { return None };
    look(state, caller, before, lease);
    if let Phase::Renew { need, waited } = &mut state.callers[caller].phase {
        *waited = *need == before;
    }
    Some(())
}

/// One round of `Provider::wait`, with the item as it stands.
fn look(state: &mut State, caller: usize, mut need: Need, lease: Seen) {
    let item = state.item(state.callers[caller].call.who);
    if lease == Seen::Held {
        need.found_taken(item.lease_seq);
    }
    let phase = match item.issued() {
        _ if item.is_adopted => Phase::Answered,
        Some((known, token)) if need.takes_token(token) => return answer(state, caller, known),
        _ if lease == Seen::Held => Phase::Waiting { need },
        issued => {
            if let Some((_, token)) = issued {
                need.pass_over(token);
            }
            Phase::Renew { need, waited: false }
        }
    };
    state.callers[caller].phase = phase;
}

/// `Provider::adopt` as far as the transaction.
fn read_guest(adoption: &Adoption, state: &mut State, caller: usize, lease: Seen) -> Option<()> {
    let Caller { call, phase: Phase::Holding(Holding { seq, step: Step::ReadGuest { tried }, .. }) } =
        state.callers[caller]
    else {
        return None;
    };
    if lease == Seen::Held && !adoption.is(Broken::GuestsLeaseIgnored) {
        return None;
    }
    if lease == Seen::Lapsed && state.has_live_holder(Who::Guest) {
        state.left.lapses -= 1;
    }
    let guest = state.item(Who::Guest);
    let (guest_version, token) = (guest.version, state.left.conflicts);
    let step = match guest.identity {
        Some(identity) => Step::Move(Transaction { user: call.who, seq, guest_version, identity, token }),
        // It may be the user's by now.
        None if guest.is_adopted && tried && !adoption.is(Broken::OwnLateCopyOverlooked) => Step::ReadOwn,
        None => Step::Ask,
    };
    go_on(state, caller, None, step);
    Some(())
}

/// `Store::adopt`, and what `Provider::adopt` and `ask` do with its result.
fn move_identity(adoption: &Adoption, state: &mut State, caller: usize, write: Write) -> Option<()> {
    let &holding = state.callers[caller].holding()?;
    let transaction = match holding.step {
        Step::Move(transaction) => transaction,
        Step::MoveAgain(transaction) => {
            // DynamoDB knows the request's token, and answers what it answered before.
            go_on(state, caller, Some(transaction.identity), Step::Ask);
            return Some(());
        }
        _ => return None,
    };
    let known = Some(transaction.identity);
    match write {
        Write::Once => match item::adopt(adoption, state, transaction) {
            Adopted::Yes if adoption.is(Broken::TwoWrites) => {
                go_on(state, caller, None, Step::MoveOut(transaction));
            }
            Adopted::Yes => go_on(state, caller, known, Step::Ask),
            Adopted::GuestChanged => go_on(state, caller, None, Step::ReadGuest { tried: true }),
            Adopted::LeaseLost => lose(state, caller, holding),
        },
        Write::AnswerLost | Write::AnswerNever => {
            state.left.lost_writes -= 1;
            // One that is refused is none other than one that never arrives.
            (item::adopt(adoption, state, transaction) == Adopted::Yes).then_some(())?;
            let step = if write == Write::AnswerLost { Step::MoveAgain(transaction) } else { Step::GiveUp };
            go_on(state, caller, None, step);
        }
        Write::Conflict => {
            state.left.conflicts -= 1;
            go_on(state, caller, None, Step::ReadGuest { tried: true });
        }
        Write::LateAndAgain | Write::LateAndNever => {
            state.left.late_moves -= 1;
            state.late_move = Some(transaction);
            if write == Write::LateAndNever {
                go_on(state, caller, None, Step::GiveUp);
            }
        }
        Write::Last => return None,
    }
    Some(())
}

/// `Provider::grant`, and LiveChat: a token for the customer that the cookies prove, or else for a new one.
fn ask(adoption: &Adoption, state: &mut State, caller: usize, is_lost: bool) -> Option<()> {
    let &holding = state.callers[caller].holding()?;
    let is_strict = adoption.secrets == Secrets::Strict;
    let is_valid = |known: &Cookies| state.customers[usize::from(known.entity)] == known.secret;
    let cookies = if let Some(known) = holding.known.filter(is_valid) {
        Cookies { secret: known.secret + u8::from(is_strict), ..known }
    } else {
        state.history.made_anew |= holding.known.is_some();
        state.customers.push(0);
        Cookies { entity: u8::try_from(state.customers.len() - 1).ok()?, secret: 0 }
    };
    state.customers[usize::from(cookies.entity)] = cookies.secret;
    state.left.lost_answers -= u8::from(is_lost);
    go_on(state, caller, None, if is_lost { Step::GiveUp } else { Step::Finish(cookies) });
    Some(())
}

/// `Provider::keep`, and what `Provider::ask` and `renew` do with its result.
fn finish(state: &mut State, caller: usize, write: Write) -> Option<()> {
    let &holding = state.callers[caller].holding()?;
    let Step::Finish(cookies) = holding.step else { return None };
    let who = state.callers[caller].call.who;
    let stored = item::finish(state, who, &holding, cookies);
    match write {
        // If the write is refused, these two are no other than a caller that has not got so far.
        Write::AnswerLost => {
            state.left.lost_writes -= 1;
            return stored.then_some(());
        }
        Write::Last => {
            state.left.crashes -= 1;
            state.callers[caller].phase = Phase::Gone;
            return stored.then_some(());
        }
        _ => {}
    }
    // Or an earlier copy did it: the token that is stored is its own.
    if stored || state.item(who).token == Some(holding.seq) {
        answer(state, caller, cookies);
    } else {
        lose(state, caller, holding);
    }
    Some(())
}

/// The holder goes on to `step`, and knows the identity if it has moved.
fn go_on(state: &mut State, caller: usize, moved: Option<Cookies>, step: Step) {
    if let Phase::Holding(holding) = &mut state.callers[caller].phase {
        holding.known = holding.known.or(moved);
        holding.step = step;
    }
}

/// `Provider::renew`, when the lease was lost.
fn lose(state: &mut State, caller: usize, Holding { mut need, seq, .. }: Holding) {
    need.found_taken(seq);
    state.callers[caller].phase = Phase::Renew { need, waited: false };
}

/// The caller is answered a token.
fn answer(state: &mut State, caller: usize, cookies: Cookies) {
    let Caller { call, phase } = &mut state.callers[caller];
    let history = &mut state.history;
    history.answered_anothers |= Who::ALL
        .into_iter()
        .any(|other| other != call.who && other != Who::Guest && history.answered[other as usize].has(cookies.entity));
    history.answered[call.who as usize].add(cookies.entity);
    *phase = Phase::Answered;
}
