//! What an action does to the items, to LiveChat, and to the caller (the code that runs in Lambda).

use super::{
    actions::{Action, LeaseView, Read, Response, Write, now},
    clock::Clock,
    history::{Breach, end, is_stale},
    livechat,
    state::{Doing, LateMove, LateWrite, Life, Operation, Protocol, Renewing, State},
    table::{NOW, Who, applies, cookies_of, number_in, request_of},
    tamper::{self, Tamper},
};
use crate::{
    identity::{Group, LeaseSeq, UnixMs},
    renewal::{
        Action as Next, Adopted, AttemptError, Bookkeeping, Commitment, Error, Event, GrantType, HeldLease, Moment,
        Obtained, OnIdentityChange, Phase, Renewal, Source, StoreError, Terms,
        circuit::{Circuit, CircuitMemory},
        record::{LatestLogout, OutstandingToken, Record},
    },
    store::{self, Acquisition, Outcome, lease::Attempt},
};
use secrecy::ExposeSecret;
use std::{mem, num::NonZeroU32, sync::Arc, time::Duration};

/// What a copy of the write of a logout does.
const LOGS_OUT_AGAIN: &str = "logs out a second time";
/// The settings' fingerprint.
const SETTINGS: &str = "settings";
/// What is left of an invocation that has just begun, and of one that must end.
const LEFT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(600);

/// Does `action`. `None` if it cannot happen, or not with an effect of its own.
pub(super) fn act(protocol: &Protocol, state: &mut State, action: Action) -> Option<()> {
    match action {
        Action::Read { caller, lease, how } => protocol.read(state, caller, lease, how)?,
        Action::Send(caller) => protocol.send(state, caller),
        Action::Acquire { caller, lease, write, is_short } => {
            protocol.acquire(state, caller, lease, (write, is_short))?;
        }
        Action::Enter(caller) => protocol.enter(state, caller),
        Action::Revoke { caller, is_told } => protocol.revoke(state, caller, is_told)?,
        Action::Call { caller, response } => protocol.call(state, caller, response)?,
        Action::Commit { caller, write } => protocol.commit(state, caller, write)?,
        Action::Release { caller, write } => protocol.release(state, caller, write)?,
        Action::Drop { caller, write } => protocol.drop(state, caller, write)?,
        Action::Tell { caller, is_told } => protocol.tell(state, caller, is_told)?,
        Action::Move { caller, write } => protocol.move_identity(state, caller, write)?,
        Action::MoveOut(caller) => protocol.move_out(state, caller)?,
        Action::LateWrite { index, lease } => protocol.late_write(state, index, lease),
        Action::LateMove => protocol.late_move(state)?,
        Action::LateRequest(index) => {
            let cookies = state.livechat.late_requests.remove(index);
            livechat::recognises(protocol, state, GrantType::Cookie, cookies).then_some(())?;
            livechat::receives(protocol, state, GrantType::Cookie, Some(cookies), false);
        }
        Action::Forget => {
            let entity = state.item(Who::User1).entity().filter(|&entity| !state.livechat.forgotten.has(entity))?;
            state.livechat.forgotten.add(entity);
            state.history.changes_due += 1;
            state.left.forgets -= 1;
        }
        Action::Crash(caller) => {
            state.left.crashes -= 1;
            end(state, caller, Doing::Gone);
        }
        Action::Pause(caller) => {
            state.callers[caller].paused = true;
            match state.callers[caller].next() {
                Some(Next::Acquire { .. }) => state.left.late_acquisitions -= 1,
                _ => state.left.pauses -= 1,
            }
        }
        Action::Tick => Clock::of(protocol)?.tick(protocol, state),
    }
    Some(())
}

impl Protocol {
    fn terms(&self, was_guest: bool) -> Terms {
        Terms {
            settings: SETTINGS.into(),
            grants: self.grants,
            on_identity_change: if self.rejects { OnIdentityChange::Reject } else { OnIdentityChange::Replace },
            renewals_per_minute: NonZeroU32::new(1_000).expect("1,000 is not 0"),
            group: None::<Group>,
            is_listed_group: false,
            was_guest,
        }
    }

    fn moment(&self, state: &State, caller: usize) -> Moment {
        let now = now(self, &state.callers[caller], LeaseView::Held);
        Moment { now, left: LEFT, circuit: CircuitMemory::default() }
    }

    /// The code of the call begins, if it has not yet.
    fn begin(&self, state: &mut State, index: usize) {
        let call = state.callers[index].call;
        if matches!(state.callers[index].doing, Doing::Start) {
            let terms = self.terms(call.was_guest);
            let (renewal, next) =
                if call.is_fresh() { Renewal::fresh(terms, self.moment(state, index)) } else { Renewal::usable(terms) };
            state.callers[index].doing = Doing::Renewing(Arc::new(Renewing::new(renewal, next)));
        }
    }

    /// Tells the call's code what has happened.
    ///
    /// Returns the error with which the call ends, if it does.
    fn step(&self, state: &mut State, index: usize, event: Event, moment: Moment) -> Option<Error> {
        let Some(renewing) = state.callers[index].renewing_mut() else { panic!("it does not renew") };
        tamper::before_step(self, &mut renewing.renewal, &event);
        let limit = renewing.limit;
        let was_calling = matches!(renewing.next, Next::Call(_));
        renewing.age = None;
        renewing.owner = None;
        renewing.waited_in = None;
        renewing.next = renewing.renewal.step(event, moment);
        self.settle(renewing, moment);
        if let Some(clock) = Clock::of(self) {
            super::clock::forget_end_of_lease(renewing);
            renewing.limit = clock.limit(&renewing.next, if was_calling { limit } else { 0 });
            if self.is(Tamper::LeaseExpiryIgnored) && matches!(renewing.next, Next::Call(_)) {
                renewing.limit = i16::MAX;
            }
        }
        let result = if let Next::Finish(result) = &mut renewing.next {
            mem::replace(result, Err(Error::Busy))
        } else {
            state.callers[index].note();
            return None;
        };
        match result {
            Ok(Obtained { issued, source }) => {
                if matches!(source, Source::LiveChat { .. }) && is_stale(&issued) {
                    state.history.breaches.add(Breach::Stale);
                }
                self.give(state, index, &issued);
                None
            }
            result => {
                if matches!(result, Err(Error::Internal(_)) | Ok(_)) {
                    state.history.breaches.add(Breach::Bug);
                }
                end(state, index, Doing::Ended);
                result.err()
            }
        }
    }

    /// What no other call can see is not a step of its own.
    fn settle(&self, renewing: &mut Renewing, moment: Moment) {
        loop {
            renewing.renewal.take_notes();
            let event = match renewing.next {
                Next::LookAtCircuit => Event::Circuit(Circuit::HasRoom),
                Next::EnterCircuit if !self.is_timed() => Event::Circuit(Circuit::HasRoom),
                Next::Pause(_) => Event::Paused,
                _ => return,
            };
            renewing.next = renewing.renewal.step(event, moment);
        }
    }

    fn read(&self, state: &mut State, index: usize, lease: LeaseView, how: Read) -> Option<()> {
        self.begin(state, index);
        self.arrive(state, index);
        let caller = &state.callers[index];
        let (who, renewing) = (caller.call.who, caller.renewing()?);
        let is_look = matches!(renewing.renewal.phase, Phase::ReadingHeld);
        let is_guests = matches!(renewing.next, Next::ReadGuest);
        let whose = if is_guests { Who::Guest } else { who };
        let mut record = state.item_to_read(whose).record().clone();
        let mut moment = Moment { now: now(self, caller, lease), ..self.moment(state, index) };
        match how {
            Read::Normal => {}
            Read::WhileDown => {
                moment.circuit.has_no_room = true;
                state.left.downs -= 1;
                // Nothing else is different.
                (record.issued().is_some_and(|issued| is_stale(&issued))).then_some(())?;
            }
            Read::OutOfTime => {
                moment.left = if is_guests { Duration::from_secs(17) } else { SHORT };
                if is_guests {
                    state.left.time_shortages -= 1;
                    (lease == LeaseView::Held && record.held(moment.now).is_some()).then_some(())?;
                } else {
                    state.left.crashes -= 1;
                }
            }
        }
        if is_guests && lease == LeaseView::Expired && state.has_live_holder(Who::Guest) {
            state.left.early_expiries -= 1;
        }
        tamper::record(self, &mut record, &state.callers[index], is_guests);
        if is_look && lease == LeaseView::Held && record.lease.is_some() {
            self.note_held(state, index);
        }
        let before = state.callers[index].clone();
        let error = self.step(state, index, Event::Record(Box::new(record)), moment);
        if is_look {
            self.note_look(state, index, &before, error.as_ref());
        }
        Some(())
    }

    /// What came of a look at a lease that another call holds or held.
    fn note_look(&self, state: &mut State, index: usize, before: &super::state::Caller, error: Option<&Error>) {
        let requirement =
            |caller: &super::state::Caller| caller.renewing().map(|renewing| renewing.renewal.requirement);
        let is_unchanged = requirement(before).is_some() && requirement(before) == requirement(&state.callers[index]);
        let is_failure = |error: &Error| matches!(error, Error::LiveChatUnavailable(_) | Error::IdentityChanged);
        let despite = match &state.callers[index].doing {
            Doing::Renewing(renewing) => match &renewing.renewal.phase {
                Phase::ReadingDespite(error) => Some(error),
                _ => None,
            },
            _ => None,
        };
        if error.or(despite).is_some_and(is_failure) {
            self.note_failure_of(state, index, before);
        }
        if let Some(renewing) = state.callers[index].renewing_mut()
            && matches!(renewing.next, Next::Acquire { .. })
        {
            renewing.waited_in = (is_unchanged && before.is_waiting()).then_some(before.fingerprint);
            state.callers[index].note();
        }
    }

    fn note_failure_of(&self, state: &mut State, index: usize, before: &super::state::Caller) {
        let arrival = state.callers[index].arrival;
        state.callers[index].arrival = before.arrival;
        self.note_failure(state, index);
        state.callers[index].arrival = arrival;
    }

    fn send(&self, state: &mut State, index: usize) {
        self.begin(state, index);
        if let Some(renewing) = state.callers[index].renewing_mut() {
            renewing.age = Some(0);
        }
        state.callers[index].note();
    }

    fn acquire(
        &self,
        state: &mut State,
        index: usize,
        lease: LeaseView,
        (write, is_short): (Write, bool),
    ) -> Option<()> {
        self.begin(state, index);
        self.arrive(state, index);
        let caller = &state.callers[index];
        let (who, before) = (caller.call.who, caller.clone());
        let renewing = caller.renewing()?;
        let Next::Acquire { unless_newer_than } = renewing.next else { return None };
        let unless_newer_than = tamper::unless_newer_than(self, unless_newer_than);
        let (owner, waited_in) = (renewing.owner.clone(), renewing.waited_in);
        let now = now(self, caller, lease);
        let from_live_holder = state.has_live_holder(who);
        let (outcome, owner, is_acquired) = self.run_acquire(state, who, owner, (unless_newer_than, now));
        if is_acquired && lease == LeaseView::Expired && from_live_holder && !self.is_timed() {
            state.left.early_expiries -= 1;
        }
        match write {
            Write::ResponseLost => {
                is_acquired.then_some(())?;
                state.left.lost_writes -= 1;
                if let Some(renewing) = state.callers[index].renewing_mut() {
                    renewing.owner = owner;
                }
                state.callers[index].note();
                return Some(());
            }
            Write::Twice => {
                state.left.late_writes -= 1;
                state.late_writes.push(LateWrite::Acquire { owner: owner.clone(), unless_newer_than });
            }
            _ => {}
        }
        let name = owner.unwrap_or_else(|| "nobody".into());
        let acquisition = match store::lease::acquired(outcome, &name).expect("a record") {
            Attempt::Decided(acquisition) => acquisition,
            Attempt::MalformedRefusal(record) => Acquisition::Rejected(record),
        };
        let left = if is_short { SHORT } else { LEFT };
        let (event, moment) = match acquisition {
            Acquisition::Acquired(lease, mut record) if is_acquired || !self.is(Tamper::OwnLeaseNotRecognised) => {
                if is_acquired {
                    self.note_lease(state, index, unless_newer_than);
                }
                // The holder keeps the lease separately. Its expiry must be part of the state only once.
                record.lease = None;
                tamper::record(self, &mut record, &state.callers[index], false);
                state.callers[index].paused = false;
                let now = if self.is_timed() { super::actions::now(self, &before, LeaseView::Held) } else { NOW };
                (
                    Event::Acquired(HeldLease::acquired(lease), Box::new(record)),
                    Moment { now, left, ..self.moment(state, index) },
                )
            }
            Acquisition::Acquired(_, mut record) | Acquisition::Rejected(mut record) => {
                (!is_short).then_some(())?;
                if lease == LeaseView::Held && record.lease.is_some() {
                    self.note_held(state, index);
                }
                tamper::record(self, &mut record, &state.callers[index], false);
                (Event::Rejected(Box::new(record)), Moment { now, ..self.moment(state, index) })
            }
        };
        if is_short {
            state.left.time_shortages -= 1;
        }
        let was_rejected = matches!(event, Event::Rejected(_));
        let error = self.step(state, index, event, moment);
        if was_rejected {
            self.note_look(state, index, &before, error.as_ref());
            // The caller is back in the state in which it waited before, so the try has changed nothing.
            let is_in_vain = !self.is_timed() && waited_in == Some(state.callers[index].fingerprint);
            return (!is_in_vain || write == Write::Twice).then_some(());
        }
        Some(())
    }

    /// Runs the write that acquires the lease. An owner's name is used only once. Here it is generated when it is needed.
    fn run_acquire(
        &self,
        state: &mut State,
        who: Who,
        owner: Option<String>,
        (unless_newer_than, now): (Option<LeaseSeq>, UnixMs),
    ) -> (Outcome, Option<String>, bool) {
        let write =
            |owner: &str| tamper::acquire(self, store::lease::acquire(owner, unless_newer_than, Some(SETTINGS), now));
        let probe = write(owner.as_deref().unwrap_or("nobody"));
        let is_acquired = applies(state, who, &probe);
        let new = || format!("L{}", state.item(who).leases() + 1);
        let owner = owner.or_else(|| is_acquired.then(new));
        let outcome = self.write(state, who, &write(owner.as_deref().unwrap_or("nobody")));
        (outcome, owner, is_acquired)
    }

    fn enter(&self, state: &mut State, index: usize) {
        let moment = self.moment(state, index);
        self.step(state, index, Event::Circuit(Circuit::HasRoom), moment);
    }

    fn revoke(&self, state: &mut State, index: usize, is_told: bool) -> Option<()> {
        let Some(Next::Revoke(due)) = state.callers[index].next() else { return None };
        let due = due.clone();
        let keys = tell_livechat(state, &due, is_told);
        let moment = self.moment(state, index);
        self.step(state, index, Event::Revoked(keys), moment);
        Some(())
    }

    fn call(&self, state: &mut State, index: usize, response: Response) -> Option<()> {
        let Some(Next::Call(call)) = state.callers[index].next() else { return None };
        let (grant, known, is_retry) = (call.grant, call.known.as_ref().map(cookies_of), call.is_retry);
        let left = &mut state.left;
        match response {
            Response::Token | Response::IdentityLost => {}
            Response::ExpiredToken => left.expired_tokens -= 1,
            Response::Other => left.glitches -= 1,
            Response::Down | Response::NotReady => left.downs -= 1,
            Response::Broken | Response::Lost | Response::LostOutOfTime => left.lost_responses -= 1,
            Response::Late => {
                left.late_requests -= 1;
                // With an agent token, it changes nothing for a customer on record.
                state.livechat.late_requests.extend(known.filter(|_| grant == GrantType::Cookie));
            }
        }
        // An agent's token never creates a customer in place of another one.
        let is_unknown = grant == GrantType::AgentToken
            && known
                .is_some_and(|known| response == Response::Other || !livechat::recognises(self, state, grant, known));
        let has_no_effect =
            matches!(response, Response::Down | Response::NotReady | Response::Late | Response::IdentityLost);
        let takes_effect = !is_unknown && !has_no_effect;
        let received = takes_effect.then(|| {
            if known.is_none() && is_retry {
                state.history.breaches.add(Breach::NewCustomerTwice);
            }
            state.history.created_anew |= known.is_some_and(|known| !livechat::recognises(self, state, grant, known));
            livechat::receives(self, state, grant, known, response == Response::Other)
        });
        let life = if response == Response::ExpiredToken { Life::Expired } else { Life::Usable };
        let result = match (response, received) {
            (Response::Token | Response::ExpiredToken | Response::Other, Some((request, cookies))) => {
                Ok(livechat::grant(request, grant, cookies, life))
            }
            (Response::IdentityLost | Response::Token | Response::ExpiredToken | Response::Other, _) => {
                Err(AttemptError::IdentityLost)
            }
            (Response::Down, _) => Err(AttemptError::Throttled),
            (Response::NotReady, _) => Err(AttemptError::NotReady { was_called: false }),
            (Response::Broken, _) => Err(tamper::broken(self, known.is_some())),
            (Response::LostOutOfTime, _) => Err(AttemptError::CutShort),
            _ => Err(AttemptError::TimedOut),
        };
        let moment = self.moment(state, index);
        self.step(state, index, Event::Responded(result), moment);
        if self.is(Tamper::ReturnedBeforeStored)
            && let Some(Next::Commit(commit)) = state.callers[index].next()
        {
            let entity_id = commit.identity.entity_id.clone();
            let issued = crate::identity::Issued { entity_id, token: commit.token.clone(), details: None };
            self.give(state, index, &issued);
        }
        Some(())
    }

    fn commit(&self, state: &mut State, index: usize, write: Write) -> Option<()> {
        let who = state.callers[index].call.who;
        let Some(Next::Commit(commit)) = state.callers[index].next() else { return None };
        let real = store::lease::commit((&**commit).into());
        let (real, token) = (tamper::commit(self, real, commit), commit.token.clone());
        let known = state.item(who).record().identity.as_ref().map(cookies_of);
        let is_applied = applies(state, who, &real);
        let outcome = self.write(state, who, &real);
        if is_applied {
            self.note_commit(state, who, request_of(&token), known);
        }
        match write {
            // If the write is rejected, these two faults are the same as a caller that has not sent it yet.
            Write::ResponseLost => {
                state.left.lost_writes -= 1;
                return is_applied.then_some(());
            }
            Write::Last => {
                state.left.crashes -= 1;
                end(state, index, Doing::Gone);
                return is_applied.then_some(());
            }
            Write::Twice => {
                state.left.late_writes -= 1;
                state
                    .late_writes
                    .push(LateWrite::Other { what: "stores its token a second time", write: Box::new(real) });
            }
            _ => {}
        }
        let stored = store::lease::committed(outcome, &token).expect("a record");
        let stored = match stored {
            Commitment::Committed if !is_applied && self.is(Tamper::OwnResultNotRecognised) => Commitment::LeaseLost,
            Commitment::LoggedOut if self.is(Tamper::RenewalIgnoresLogout) => Commitment::Committed,
            stored => stored,
        };
        state.callers[index].paused = false;
        let moment = self.moment(state, index);
        self.step(state, index, Event::Stored(stored), moment);
        Some(())
    }

    fn release(&self, state: &mut State, index: usize, write: Write) -> Option<()> {
        let who = state.callers[index].call.who;
        let Some(Next::Release(release)) = state.callers[index].next() else { return None };
        let real = store::lease::release((&**release).into());
        let (real, has_failed) = (tamper::release(self, real), release.failed.is_some());
        if write == Write::Never {
            state.left.lost_writes -= 1;
        } else {
            let is_applied = applies(state, who, &real);
            self.write(state, who, &real);
            if is_applied && has_failed {
                state.history.nth_failure = state.history.failures;
                state.history.failures += 1;
            }
            if write == Write::Twice {
                state.left.late_writes -= 1;
                state
                    .late_writes
                    .push(LateWrite::Other { what: "releases its lease a second time", write: Box::new(real) });
            }
        }
        state.callers[index].paused = false;
        let moment = self.moment(state, index);
        self.step(state, index, Event::Released, moment);
        Some(())
    }

    /// `invalidate` and a logout, as `operation::invalidate` carries them out.
    fn drop(&self, state: &mut State, index: usize, write: Write) -> Option<()> {
        self.arrive(state, index);
        let who = state.callers[index].call.who;
        let is_logout = state.callers[index].call.operation == Operation::Logout;
        let real = if is_logout { store::logout::log_out() } else { store::token::drop() };
        let real = tamper::drop(self, real, state.item(who), is_logout);
        let had_token = state.item(who).token().is_some();
        if is_logout && state.item(who).exists() {
            state.history.ended = LatestLogout(state.item(who).record().lease_seq);
        }
        let outcome = self.write(state, who, &real);
        match write {
            Write::ResponseLost => {
                state.left.lost_writes -= 1;
                state.callers[index].doing = Doing::DropAgain;
                state.callers[index].note();
                return had_token.then_some(());
            }
            Write::Twice => {
                state.left.late_writes -= 1;
                let what = if is_logout { LOGS_OUT_AGAIN } else { "drops the token a second time" };
                state.late_writes.push(LateWrite::Other { what, write: Box::new(real) });
            }
            _ => {}
        }
        if is_logout {
            let record: Record = store::logout::logged_out(outcome).expect("a record");
            let due = record.outstanding.to_revoke(record.latest_logout, NOW);
            state.callers[index].doing = Doing::Telling(due);
            state.callers[index].note();
            return Some(());
        }
        let promised = state.callers[index].arrival?.gone;
        state.history.gone = state.history.gone.and(promised);
        end(state, index, Doing::Ended);
        Some(())
    }

    fn tell(&self, state: &mut State, index: usize, is_told: bool) -> Option<()> {
        let who = state.callers[index].call.who;
        let due = match (&state.callers[index].doing, state.callers[index].next()) {
            (Doing::Telling(due), _) | (_, Some(Next::Tell(due))) => due.clone(),
            _ => return None,
        };
        let keys = tell_livechat(state, &due, is_told);
        let mut bookkeeping = Bookkeeping::default();
        bookkeeping.note_revoked(&due, keys, NOW);
        if !due.is_empty() {
            self.write(state, who, &store::revocation::record(&bookkeeping));
        }
        if !matches!(state.callers[index].doing, Doing::Telling(_)) {
            let moment = self.moment(state, index);
            self.step(state, index, Event::Told, moment);
            return Some(());
        }
        let arrival = state.callers[index].arrival?;
        state.history.gone = state.history.gone.and(arrival.gone);
        if is_told && !arrival.given.are_among(state.livechat.revoked) {
            state.history.breaches.add(Breach::NotRevoked);
        }
        end(state, index, Doing::Ended);
        Some(())
    }

    fn transaction(&self, state: &State, index: usize) -> Option<LateMove> {
        let Some(Next::Move(moved)) = state.callers[index].next() else { return None };
        let moved_in = store::adoption::move_in(&moved.lease, &moved.identity, &moved.outstanding);
        let moved_out = store::adoption::move_out(moved.guest_version, NOW);
        let (moved_in, moved_out) = tamper::adopt(self, moved_in, moved_out);
        let user = state.callers[index].call.who;
        Some(LateMove { user, moved_in: Box::new(moved_in), moved_out: Box::new(moved_out) })
    }

    /// Runs both halves of the transaction, or neither.
    fn run_transaction(&self, state: &mut State, transaction: &LateMove) -> Adopted {
        if !applies(state, transaction.user, &transaction.moved_in) {
            return Adopted::UserChanged;
        }
        if !applies(state, Who::Guest, &transaction.moved_out) {
            return Adopted::GuestChanged;
        }
        self.write(state, transaction.user, &transaction.moved_in);
        if !self.is(Tamper::TwoWrites) {
            self.write(state, Who::Guest, &transaction.moved_out);
            state.history.has_moved = true;
        }
        Adopted::Yes
    }

    fn move_identity(&self, state: &mut State, index: usize, write: Write) -> Option<()> {
        let transaction = self.transaction(state, index)?;
        let has_moved = state.callers[index].renewing()?.has_moved;
        let event = match write {
            // DynamoDB knows the request's token, and returns what it returned before.
            Write::Once if has_moved => Event::Moved(Adopted::Yes),
            Write::Once => match self.run_transaction(state, &transaction) {
                Adopted::Yes if self.is(Tamper::TwoWrites) => {
                    if let Some(renewing) = state.callers[index].renewing_mut() {
                        renewing.moves_out = true;
                    }
                    state.callers[index].note();
                    return Some(());
                }
                adopted => Event::Moved(adopted),
            },
            Write::ResponseLost | Write::ResponseNeverComes => {
                state.left.lost_writes -= 1;
                // A transaction that is rejected is the same as one that never arrives.
                (self.run_transaction(state, &transaction) == Adopted::Yes).then_some(())?;
                if write == Write::ResponseLost {
                    note_moved(state, index);
                    return Some(());
                }
                Event::StoreFailed(StoreError::Unavailable("time-out".into()))
            }
            Write::Conflict => {
                state.left.conflicts -= 1;
                Event::Moved(Adopted::GuestChanged)
            }
            Write::LateAndAgain | Write::LateAndNever => {
                state.left.late_moves -= 1;
                state.late_move = Some(transaction);
                if write == Write::LateAndAgain {
                    return Some(());
                }
                Event::StoreFailed(StoreError::Unavailable("time-out".into()))
            }
            Write::Twice | Write::Last | Write::Never => return None,
        };
        self.moved(state, index, event);
        Some(())
    }

    fn moved(&self, state: &mut State, index: usize, event: Event) {
        if let Some(renewing) = state.callers[index].renewing_mut() {
            renewing.has_moved = false;
            renewing.moves_out = false;
        }
        let moment = self.moment(state, index);
        self.step(state, index, event, moment);
    }

    fn move_out(&self, state: &mut State, index: usize) -> Option<()> {
        let transaction = self.transaction(state, index)?;
        self.write(state, Who::Guest, &transaction.moved_out);
        state.history.has_moved = true;
        self.moved(state, index, Event::Moved(Adopted::Yes));
        Some(())
    }

    /// A copy of a transaction arrives. Its caller may be about to send it again.
    fn late_move(&self, state: &mut State) -> Option<()> {
        let transaction = state.late_move.take()?;
        (self.run_transaction(state, &transaction) == Adopted::Yes).then_some(())?;
        for index in 0..state.callers.len() {
            if self.transaction(state, index).is_some_and(|own| own == transaction) {
                note_moved(state, index);
            }
        }
        Some(())
    }

    fn late_write(&self, state: &mut State, index: usize, lease: LeaseView) {
        match state.late_writes.remove(index) {
            LateWrite::Acquire { owner, unless_newer_than } => {
                let now = if lease == LeaseView::Expired { super::table::AFTER_EXPIRY } else { NOW };
                let from_live_holder = state.has_live_holder(Who::User1);
                let (_, _, is_acquired) = self.run_acquire(state, Who::User1, owner, (unless_newer_than, now));
                if is_acquired && lease == LeaseView::Expired && from_live_holder {
                    state.left.early_expiries -= 1;
                }
            }
            LateWrite::Other { write, what } => {
                if what == LOGS_OUT_AGAIN && state.item(Who::User1).exists() {
                    state.history.ended = LatestLogout(state.item(Who::User1).record().lease_seq);
                }
                self.write(state, Who::User1, &write);
            }
        }
    }
}

/// Tells LiveChat to revoke tokens. Returns the keys of those that it revoked.
fn tell_livechat(state: &mut State, due: &[OutstandingToken], is_told: bool) -> Vec<String> {
    if !is_told {
        state.left.downs -= 1;
        return Vec::new();
    }
    for token in due {
        state.livechat.revoked.add(number_in(token.access_token.expose_secret()));
    }
    due.iter().map(|token| token.key.clone()).collect()
}

/// The transaction of this caller has taken effect, and it does not know yet.
fn note_moved(state: &mut State, index: usize) {
    if let Some(renewing) = state.callers[index].renewing_mut() {
        renewing.has_moved = true;
    }
    state.callers[index].note();
}
