//! What a caller does: `Provider`, cut into pieces that each end where it next waits for DynamoDB or LiveChat.

use crate::{
    actions::{Action, Answer, Seen, Write},
    clock::Clock,
    item, livechat,
    state::*,
};
use cip::provider::need::Need;

/// Does `action`. `None` if it cannot happen, or not with an effect of its own.
pub(crate) fn act(protocol: &Protocol, state: &mut State, action: Action) -> Option<()> {
    match action {
        Action::Read(caller) => read(protocol, state, caller),
        Action::ReadWhileDown(caller) => read_while_down(protocol, state, caller)?,
        Action::Send(caller) => send(state, caller),
        Action::Take { caller, lease, write } => take(protocol, state, caller, lease, write)?,
        Action::Look { caller, lease } => look_again(protocol, state, caller, lease)?,
        Action::Admit(caller) => admit(protocol, state, caller)?,
        Action::Ask { caller, answer } => ask(protocol, state, caller, answer)?,
        Action::Finish { caller, write } => finish(protocol, state, caller, write)?,
        Action::GiveUp { caller, write } => give_up(protocol, state, caller, write)?,
        Action::Drop { caller, write } => invalidate(protocol, state, caller, write)?,
        Action::Tell { caller, told } => tell(state, caller, told)?,
        Action::LateWrite { index, lease } => {
            item::late_write(protocol, state, index, lease).then_some(())?;
        }
        Action::LateRequest(index) => {
            let cookies = state.livechat.late_requests.remove(index);
            livechat::recognises(protocol, state, cookies).then_some(())?;
            livechat::gets(protocol, state, Some(cookies), false);
        }
        Action::Forget => {
            let known = state.item.identity.filter(|known| !state.livechat.forgotten.has(known.entity))?;
            state.livechat.forgotten.add(known.entity);
            state.history.changes_due += 1;
            state.left.forgets -= 1;
        }
        Action::Crash(caller) => {
            state.left.crashes -= 1;
            end(state, caller, Phase::Gone);
        }
        Action::Despite(caller) => {
            state.left.crashes -= 1;
            state.callers[caller].phase = Phase::Despite;
        }
        Action::Pause(caller) => {
            state.callers[caller].paused = true;
            match state.callers[caller].phase {
                Phase::TakeSent { .. } => state.left.late_takes -= 1,
                _ => state.left.pauses -= 1,
            }
        }
        Action::Tick => Clock::of(protocol)?.tick(protocol, state),
    }
    Some(())
}

/// `Provider::get_token` as far as `renew`; or `Provider::stored_despite`.
fn read(protocol: &Protocol, state: &mut State, caller: usize) {
    arrive(protocol, state, caller);
    let despite = state.callers[caller].phase == Phase::Despite;
    let renew = |need, fallback| Phase::Renew { need, fallback, waited: false };
    match state.item_to_read().issued() {
        Some((known, token)) if token.life == Life::Usable || (despite && item::is_live(token)) => {
            answer(state, caller, known, token.request);
        }
        _ if despite => end(state, caller, Phase::Answered),
        Some((_, token)) => {
            let too_old = Some(token.seq).filter(|_| !protocol.is(Broken::StaleTokenServes));
            state.callers[caller].phase = renew(Need::usable(too_old), true);
        }
        None => state.callers[caller].phase = renew(Need::usable(None), false),
    }
}

/// `Provider::get_token` where `Breaker::knows_no_room`, or LiveChat's refusal applies.
fn read_while_down(protocol: &Protocol, state: &mut State, caller: usize) -> Option<()> {
    arrive(protocol, state, caller);
    let (known, token) = state.item.issued().filter(|(_, token)| token.life == Life::Stale)?;
    state.left.downs -= 1;
    answer(state, caller, known, token.request);
    Some(())
}

fn send(state: &mut State, caller: usize) {
    let (need, fallback) = match state.callers[caller].phase {
        Phase::Renew { need, fallback, .. } => (need, fallback),
        _ => (Need::fresh(), false),
    };
    state.callers[caller].phase = Phase::TakeSent { need, fallback, age: 0 };
}

/// `Store::take_lease`, and what `Provider::renew` does with its result.
fn take(protocol: &Protocol, state: &mut State, index: usize, lease: Seen, write: Write) -> Option<()> {
    let caller = &state.callers[index];
    let before = caller.phase;
    let (need, fallback, own) = match before {
        Phase::Start => (Need::fresh(), false, None),
        Phase::Renew { need, fallback, .. } | Phase::TakeSent { need, fallback, .. } => (need, fallback, None),
        Phase::TakeAgain { need, fallback, owner } => (need, fallback, Some(owner)),
        _ => return None,
    };
    let until = Clock::of(protocol).map_or(0, |clock| clock.end_of_lease(caller.clock_of_its_write()));
    let unless_newer_than = need.unless_newer_than();
    arrive(protocol, state, index);
    let taken = item::take_lease(protocol, state, own, unless_newer_than, lease, until);
    let own = own.or(taken.then_some(state.item.lease_seq));
    match write {
        Write::Once => {}
        Write::AnswerLost => {
            let owner = own.filter(|_| taken)?;
            state.left.lost_writes -= 1;
            state.callers[index].phase = Phase::TakeAgain { need, fallback, owner };
            return Some(());
        }
        Write::Twice => {
            state.left.late_writes -= 1;
            state.late_writes.push(LateWrite::Take { owner: own, unless_newer_than });
        }
        Write::Last | Write::Never => return None,
    }
    let was_ours = own.is_some()
        && state.item.lease_until.is_some()
        && state.item.lease_owner == own
        && !protocol.is(Broken::OwnLeaseNotRecognised);
    if taken || was_ours {
        if taken {
            note_lease(protocol, state, index, need);
        }
        hold(protocol, state, index, need, fallback, own?);
        let arrival = state.callers[index].arrival.expect("it has arrived");
        if state.item.logged_out > arrival.logged_out
            && let Phase::Holding(holding) = &mut state.callers[index].phase
        {
            // `Error::LoggedOut`, which no stored token can take the place of.
            (holding.step, holding.fallback, holding.due) = (Step::GiveUp(None), false, Tokens::default());
        }
        return Some(());
    }
    look(protocol, state, index, need, fallback, lease);
    // It is back where it waited before, none the wiser: it might as well have gone on waiting.
    let in_vain = before == (Phase::Renew { need, fallback, waited: true })
        && state.callers[index].phase == (Phase::Waiting { need, fallback });
    (!in_vain || write == Write::Twice).then_some(())
}

/// The beginning of `Provider::ask`.
fn hold(protocol: &Protocol, state: &mut State, index: usize, need: Need, fallback: bool, owner: Owner) {
    let Item { lease_seq: seq, identity: known, former, .. } = state.item;
    let due = state.item.due();
    let (step, limit) = match Clock::of(protocol) {
        Some(clock) => (Step::Admit, clock.longest_admission()),
        None => (Step::Ask(Attempt::First), 0),
    };
    let caller = &mut state.callers[index];
    caller.paused = false;
    let until = state.item.lease_until.unwrap_or_default();
    caller.phase = Phase::Holding(Holding { need, fallback, seq, owner, until, known, former, due, step, limit });
}

/// `Provider::ask` between `Breaker::enter` and `grant`.
fn admit(protocol: &Protocol, state: &mut State, index: usize) -> Option<()> {
    let clock = Clock::of(protocol)?;
    let caller = &mut state.callers[index];
    let Phase::Holding(holding) = &mut caller.phase else { return None };
    (holding.step, holding.limit) = match clock.time_to_ask(protocol, holding.until, caller.clock) {
        Some(time) => (Step::Ask(Attempt::First), time),
        None => (Step::GiveUp(None), clock.longest_write()),
    };
    holding.until = 0;
    Some(())
}

/// The next round of `Provider::wait`.
fn look_again(protocol: &Protocol, state: &mut State, caller: usize, lease: Seen) -> Option<()> {
    let Phase::Waiting { need: before, fallback } = state.callers[caller].phase else { return None };
    look(protocol, state, caller, before, fallback, lease);
    if let Phase::Renew { need, waited, .. } = &mut state.callers[caller].phase {
        *waited = *need == before;
    }
    Some(())
}

/// One round of `Provider::wait`, with the item as it stands.
fn look(protocol: &Protocol, state: &mut State, caller: usize, mut need: Need, fallback: bool, lease: Seen) {
    let State { item, callers, .. } = &mut *state;
    if lease == Seen::Held {
        let is_fresh = callers[caller].is_fresh();
        let content = is_fresh && protocol.is(Broken::FreshTakesTheCallUnderWay);
        need.found_taken(item.lease_seq - u64::from(content));
        if let Some(arrival) = callers[caller].arrival.as_mut().filter(|_| !is_fresh && protocol.is_calm_but_down()) {
            arrival.found_taken.get_or_insert(item.lease_seq);
        }
    }
    let arrival = callers[caller].arrival.expect("who looks has arrived");
    if item.logged_out > arrival.logged_out && !protocol.is(Broken::LogoutNotNoticed) {
        return end(state, caller, Phase::Answered);
    }
    let met = item.issued().filter(|&(_, token)| need.takes_token(token.seq) && item::is_live(token));
    let failed = match protocol.broken {
        Some(Broken::AnyFailureCounts) => item.failed,
        Some(Broken::NoFailureCounts) => None,
        _ => item.failed.filter(|word| need.takes_failure(word.seq)),
    };
    match (met, failed) {
        (Some((known, token)), _) => {
            if token.life == Life::Stale {
                state.history.breaches.add(Breach::Stale);
            }
            answer(state, caller, known, token.request);
        }
        (None, Some(word)) => {
            note_failure(state, caller, word);
            fail(state, caller, fallback, word.changed);
        }
        (None, None) if lease == Seen::Held => callers[caller].phase = Phase::Waiting { need, fallback },
        (None, None) => {
            if let Some(token) = item.token.filter(|_| !protocol.is(Broken::NoPassingOver)) {
                need.pass_over(token.seq);
            }
            callers[caller].phase = Phase::Renew { need, fallback, waited: false };
        }
    }
}

/// `Provider::grant`, what `Accounts::token` tries again, and what `Provider::ask` does with the result.
fn ask(protocol: &Protocol, state: &mut State, caller: usize, received: Answer) -> Option<()> {
    let &holding = state.callers[caller].holding()?;
    let Step::Ask(attempt) = holding.step else { return None };
    let left = &mut state.left;
    match received {
        Answer::Token => {}
        Answer::DeadToken => left.dead_tokens -= 1,
        Answer::Other => left.glitches -= 1,
        Answer::Down => left.downs -= 1,
        Answer::TooLate => left.too_lates -= 1,
        Answer::LostThenRetry | Answer::Lost | Answer::LostOutOfTime => left.lost_answers -= 1,
        Answer::Late => left.late_requests -= 1,
    }
    // LiveChat was told before, if it could be.
    if !matches!(received, Answer::Down | Answer::TooLate) {
        state.livechat.revoked = state.livechat.revoked.and(holding.due);
    }
    let holding = match received {
        Answer::Down | Answer::TooLate => Holding { due: Tokens::default(), ..holding },
        _ => holding,
    };
    let grant = match received {
        Answer::Down | Answer::TooLate => None,
        Answer::Late => {
            state.livechat.late_requests.extend(holding.known);
            None
        }
        _ => {
            if holding.known.is_none() && attempt == Attempt::AfterLoss {
                state.history.breaches.add(Breach::NewCustomerTwice);
            }
            Some(livechat::gets(protocol, state, holding.known, received == Answer::Other))
        }
    };
    let word = |changed| Some(Word { seq: holding.seq, nth: 0, changed });
    let step = match (received, grant) {
        (Answer::Token | Answer::DeadToken | Answer::Other, Some(grant)) => {
            let life = if received == Answer::DeadToken { Life::Dead } else { Life::Usable };
            let other = holding.known.is_some_and(|known| known.entity != grant.cookies.entity);
            if other && attempt != Attempt::AfterOther && !protocol.is(Broken::OtherCustomerTakenAtOnce) {
                Step::Ask(Attempt::AfterOther)
            } else if other && protocol.rejects {
                Step::GiveUp(word(true))
            } else if protocol.is(Broken::AnsweredBeforeStored) {
                answer(state, caller, grant.cookies, grant.request);
                return Some(());
            } else {
                Step::Finish(Grant { life, ..grant })
            }
        }
        (Answer::LostThenRetry, _) => Step::Ask(Attempt::AfterLoss),
        (Answer::LostOutOfTime | Answer::TooLate, _) => Step::GiveUp(None),
        _ => Step::GiveUp(word(false)),
    };
    let limit = match Clock::of(protocol) {
        Some(clock) if !matches!(step, Step::Ask(_)) => clock.longest_write(),
        _ => holding.limit,
    };
    state.callers[caller].phase = Phase::Holding(Holding { step, limit, ..holding });
    Some(())
}

/// `Provider::keep`, and what `Provider::ask` and `renew` do with its result.
fn finish(protocol: &Protocol, state: &mut State, caller: usize, write: Write) -> Option<()> {
    let &holding = state.callers[caller].holding()?;
    let Step::Finish(grant) = holding.step else { return None };
    let stored = item::finish(protocol, state, &holding, grant);
    match write {
        Write::Once => {}
        Write::Twice => {
            state.left.late_writes -= 1;
            state.late_writes.push(LateWrite::Finish(holding, grant));
        }
        // If the write is refused, these two are no other than a caller that has not got so far.
        Write::AnswerLost => {
            state.left.lost_writes -= 1;
            return stored.then_some(());
        }
        Write::Last => {
            state.left.crashes -= 1;
            end(state, caller, Phase::Gone);
            return stored.then_some(());
        }
        Write::Never => return None,
    }
    let is_ours = |token: Token| (token.seq, token.request) == (holding.seq, grant.request);
    let was_stored = state.item.token.is_some_and(is_ours) && !protocol.is(Broken::OwnResultNotRecognised);
    let is_listed = state.item.outstanding.contains(&(grant.request, holding.seq));
    if (stored || is_listed) && state.item.logged_out >= holding.seq && !protocol.is(Broken::LogoutNotNoticed) {
        // `Stored::LoggedOut`.
        let mut own = Tokens::default();
        own.add(grant.request);
        state.callers[caller].paused = false;
        state.callers[caller].phase = Phase::Telling(own);
    } else if stored || was_stored {
        answer(state, caller, grant.cookies, grant.request);
    } else {
        let Holding { mut need, fallback, .. } = holding;
        need.found_taken(holding.seq);
        let caller = &mut state.callers[caller];
        caller.paused = false;
        caller.phase = Phase::Renew { need, fallback, waited: false };
    }
    Some(())
}

/// `Provider::give_up`, and the error that follows.
fn give_up(protocol: &Protocol, state: &mut State, caller: usize, write: Write) -> Option<()> {
    let &holding = state.callers[caller].holding()?;
    let Step::GiveUp(word) = holding.step else { return None };
    match write {
        Write::Once | Write::Twice => {
            item::give_up(protocol, state, &holding, word);
            if write == Write::Twice {
                state.left.late_writes -= 1;
                state.late_writes.push(LateWrite::GiveUp(holding, word));
            }
        }
        Write::Never => state.left.lost_writes -= 1,
        // Nobody looks at its answer.
        Write::AnswerLost | Write::Last => return None,
    }
    state.callers[caller].paused = false;
    fail(state, caller, holding.fallback, word.is_some_and(|word| word.changed));
    Some(())
}

/// `provider::invalidate`.
fn invalidate(protocol: &Protocol, state: &mut State, caller: usize, write: Write) -> Option<()> {
    arrive(protocol, state, caller);
    let is_logout = state.callers[caller].operation == Operation::Logout;
    let had_token = state.item.token.is_some();
    let due = if is_logout { item::log_out(protocol, state) } else { Tokens::default() };
    let dropped = if is_logout { had_token } else { item::drop_token(protocol, state) };
    match write {
        Write::Once => {}
        Write::AnswerLost => {
            state.left.lost_writes -= 1;
            state.callers[caller].phase = Phase::DropAgain;
            return dropped.then_some(());
        }
        Write::Twice => {
            state.left.late_writes -= 1;
            state.late_writes.push(if is_logout { LateWrite::LogOut } else { LateWrite::DropToken });
        }
        Write::Last | Write::Never => return None,
    }
    if is_logout {
        state.callers[caller].phase = Phase::Telling(due);
        return Some(());
    }
    let promised = state.callers[caller].arrival?.gone;
    state.history.gone = state.history.gone.and(promised);
    end(state, caller, Phase::Answered);
    Some(())
}

/// `revocation::tell`, of a logout, or of a renewal that a logout overtook.
fn tell(state: &mut State, caller: usize, told: bool) -> Option<()> {
    let Phase::Telling(due) = state.callers[caller].phase else { return None };
    if told {
        state.livechat.revoked = state.livechat.revoked.and(due);
        state.item.forget(due);
    } else {
        state.left.downs -= 1;
    }
    if state.callers[caller].operation == Operation::Logout {
        let promised = state.callers[caller].arrival?.gone;
        state.history.gone = state.history.gone.and(promised);
        let given_before = state.callers[caller].arrival?.given;
        if told && !given_before.are_among(state.livechat.revoked) {
            state.history.breaches.add(Breach::NotRevoked);
        }
    }
    end(state, caller, Phase::Answered);
    Some(())
}

/// The caller's first operation has just taken effect. Noted once.
fn arrive(protocol: &Protocol, state: &mut State, index: usize) {
    let State { item, livechat, callers, history, .. } = state;
    let caller = &mut callers[index];
    if caller.arrival.is_some() {
        return;
    }
    let entities = history.answered.len();
    let anyhow = Arrival {
        oldest: 0,
        gone: Tokens::default(),
        entities,
        leases: 0,
        failures: 0,
        found_taken: None,
        logged_out: item.logged_out,
        given: Tokens::default(),
    };
    caller.arrival = Some(match caller.operation {
        Operation::GetToken => {
            Arrival { oldest: history.freshest, gone: history.gone, failures: history.failures, ..anyhow }
        }
        Operation::GetFreshToken => Arrival { oldest: livechat.requests + 1, leases: item.lease_seq, ..anyhow },
        Operation::Invalidate => Arrival { gone: history.stored, ..anyhow },
        Operation::Logout => Arrival { gone: history.stored, given: history.given, ..anyhow },
    });
    let leases = item.lease_seq - history.leases_before;
    history.latecomers |= protocol.is_calm() && (leases > 1 || (leases == 1 && item.lease_until.is_none()));
}

/// The caller has got a lease of its own. If it waited for one to end, it had to be the very next for a `getFreshToken`,
/// and a `getToken` should have taken the result of that one, if only its failure.
fn note_lease(protocol: &Protocol, state: &mut State, index: usize, need: Need) {
    let State { item, callers, history, .. } = state;
    let caller = &callers[index];
    let waited_for = need.unless_newer_than().filter(|_| caller.is_fresh());
    if protocol.is_calm() && !protocol.is_timed() && waited_for.is_some_and(|seq| seq + 1 != item.lease_seq) {
        history.breaches.add(Breach::LeaseSkipped);
    }
    let found_taken = caller.arrival.and_then(|arrival| arrival.found_taken);
    let failed = found_taken.zip(item.failed).is_some_and(|(found, word)| word.seq >= found);
    if protocol.is_calm_but_down() && failed {
        history.breaches.add(Breach::FailureNotShared);
    }
}

/// The caller takes a failure for its own.
fn note_failure(state: &mut State, caller: usize, word: Word) {
    let arrival = state.callers[caller].arrival.expect("who looks has arrived");
    if word.nth < arrival.failures || word.seq <= arrival.leases {
        state.history.breaches.add(Breach::OldFailure);
    }
}

/// A renewal failed; `Provider::get_token` looks at what is stored then.
fn fail(state: &mut State, caller: usize, fallback: bool, changed: bool) {
    if fallback && !changed {
        state.callers[caller].phase = Phase::Despite;
    } else {
        end(state, caller, Phase::Answered);
    }
}

/// The caller is answered a token.
fn answer(state: &mut State, index: usize, cookies: Cookies, request: u8) {
    let State { item, history, callers, .. } = state;
    let arrival = callers[index].arrival.expect("who is answered has arrived");
    let fresh = callers[index].is_fresh();
    if request < arrival.oldest {
        history.breaches.add(if fresh { Breach::NotFresh } else { Breach::Older });
    }
    if arrival.gone.has(request) {
        history.breaches.add(Breach::Invalidated);
    }
    if item.token.is_some_and(|token| token.request == request && token.seq <= history.ended) {
        history.breaches.add(Breach::LoggedOut);
    } else if item.issued().is_none_or(|(known, token)| (known, token.request) != (cookies, request)) {
        history.breaches.add(Breach::NotStored);
    }
    if callers.iter().any(|caller| caller.operation == Operation::Logout) {
        history.given.add(request);
    }
    match history.answered.iter().position(|&other| other == cookies.entity) {
        None => history.answered.push(cookies.entity),
        Some(nth) if nth + 1 < arrival.entities => history.breaches.add(Breach::FormerCustomer),
        Some(_) => {}
    }
    if fresh {
        history.freshest = history.freshest.max(request);
    }
    end(state, index, Phase::Answered);
}

/// A caller's end. Nothing that it knew matters any more.
fn end(state: &mut State, caller: usize, phase: Phase) {
    let Caller { operation, .. } = state.callers[caller];
    state.callers[caller] = Caller { operation, phase, arrival: None, clock: 0, paused: false };
}
