//! Carries out the actions of a [`Renewal`]: DynamoDB, LiveChat, the circuit breaker, pauses, logs and metrics. It decides only how
//! often a commit is tried.

use super::{
    Renewer,
    notes::{count_attempt, note},
    sealing::Sealing,
    steps,
};
use crate::{
    context::Context,
    identity::{GuestId, LeaseSeq, Principal, Subject, UnixMs},
    operation::{
        Call,
        agent_tokens::CustomerRequest,
        breaker::{Breaker, Permit, RoomWait, TurnedAway, Watch},
        revocation,
    },
    renewal::{
        self, Action, AttemptError, Commit, Commitment, Event, Grant, GrantType, HeldLease, Moment, Move, Obtained,
        Pause, Release, Renewal, StoreError,
        circuit::{Circuit, Gate, Sign},
        time_limits::{RETRY_PAUSE_MS, SHORTEST_ATTEMPT, SHORTEST_RENEWAL, STORE_RESERVE},
    },
    store::{Acquire, Acquisition},
    telemetry,
    time::{Deadline, now},
};
use std::time::Duration;
use tokio::time::sleep;

/// Where a call's actions take place.
#[derive(Clone, Copy)]
struct Place<'a> {
    renewer: &'a Renewer,
    call: &'a Call,
    context: &'a Context,
}

/// Carries out one call's actions.
pub(super) struct Driver<'a> {
    place: Place<'a>,
    /// By when there must be room at the circuit breaker.
    room_until: Deadline,
    /// The circuit breaker's gate as it was seen last.
    gate: Gate,
    /// The right to call LiveChat, until it is used.
    permit: Option<Permit>,
    /// What is observed of the attempts under the lease.
    watch: Option<Watch>,
    /// The cookies that were opened, and what is needed to seal them.
    sealing: Sealing<'a>,
    /// The factor by which the pauses are longer than the first.
    slowness: f64,
}

impl<'a> Driver<'a> {
    /// The first pauses between two looks at a record, in ms. They get longer.
    const PAUSE_MS: std::ops::Range<u64> = 30..60;
    /// The factor by which these pauses get longer at most.
    const SLOWEST: f64 = 5.0;
    /// The pauses between two looks at a guest's record, in ms.
    const GUEST_PAUSE_MS: std::ops::Range<u64> = 40..80;

    pub(super) fn new(renewer: &'a Renewer, call: &'a Call, context: &'a Context) -> Self {
        Self {
            place: Place { renewer, call, context },
            room_until: context.deadline.minus(SHORTEST_RENEWAL).within(Breaker::PATIENCE),
            gate: Gate::default(),
            permit: None,
            watch: None,
            sealing: Sealing::new(&renewer.sealer, &call.subject),
            slowness: 1.0,
        }
    }

    /// The time and the state of the circuit breaker for the next step.
    pub(super) fn moment(&self) -> Moment {
        Moment { now: now(), left: self.place.context.left(), circuit: self.place.renewer.breaker.remembered() }
    }

    /// Runs the renewal to its end.
    pub(super) async fn run(
        mut self,
        (mut renewal, mut action): (Renewal, Action),
    ) -> Result<Obtained, renewal::Error> {
        let mut seen = steps::Seen::default();
        loop {
            for happened in renewal.take_notes() {
                note(happened, &self.place.context.metrics);
            }
            if renewal.is_done_with_livechat() {
                self.return_permit().await;
            }
            let step = steps::name(&action);
            step.inspect(|step| telemetry::steps::begin(step));
            let event = match action {
                Action::Finish(result) => return result,
                Action::Read => self.place.read(&self.place.call.subject).await,
                // On the heap: they are large, and most calls never come here.
                action => Box::pin(self.perform(action, &renewal)).await,
            };
            let event = event.unwrap_or_else(Event::StoreFailed);
            step.inspect(|step| telemetry::steps::end(step, || seen.result(&event)));
            action = renewal.step(event, self.moment());
        }
    }

    async fn perform(&mut self, action: Action, renewal: &Renewal) -> Result<Event, StoreError> {
        match action {
            Action::Read => self.place.read(&self.place.call.subject).await,
            Action::ReadGuest => self.place.read(&self.place.guest()?).await,
            Action::Acquire { unless_newer_than } => self.acquire(unless_newer_than).await,
            Action::Pause(pause) => Ok(self.pause(pause).await),
            Action::LookAtCircuit => Ok(self.look_at_circuit(renewal).await),
            Action::WaitForRoom => Ok(self.wait_for_room(renewal).await),
            Action::EnterCircuit => Ok(self.enter(renewal).await),
            Action::CountInGroups { at } => self.place.count(at).await,
            Action::Move(moved) => self.move_identity(*moved).await,
            Action::Revoke(due) => {
                let context = self.place.context.within(revocation::LONGEST);
                Ok(Event::Revoked(revocation::revoke(&self.place.renewer.accounts, &due, &context).await))
            }
            Action::Tell(due) => {
                let Renewer { store, accounts, .. } = self.place.renewer;
                let revoker = revocation::Revoker { store, accounts, subject: &self.place.call.subject };
                revoker.tell(&due, revocation::LONGEST, self.place.context).await;
                Ok(Event::Told)
            }
            Action::Call(attempt) => self.attempt(&attempt).await,
            Action::Commit(commit) => self.commit(*commit).await,
            Action::Release(release) => Ok(self.release(*release).await),
            Action::Finish(_) => Err(StoreError::Internal("a finished renewal has no next step".into())),
        }
    }

    async fn acquire(&mut self, unless_newer_than: Option<LeaseSeq>) -> Result<Event, StoreError> {
        // New for each try, so that a write of this try is never mistaken for a write of another.
        let owner = uuid::Uuid::new_v4().to_string();
        let Renewer { store, accounts, .. } = self.place.renewer;
        let request = Acquire { owner: &owner, unless_newer_than, settings: accounts.fingerprint() };
        let acquisition = store.acquire(&self.place.call.subject, request, self.place.context);
        match acquisition.await? {
            Acquisition::Acquired(lease, record) => Ok(Event::Acquired(HeldLease::acquired(lease), Box::new(record))),
            Acquisition::Rejected(record) => {
                self.slowness = 1.0;
                self.return_permit().await;
                Ok(Event::Rejected(Box::new(record)))
            }
        }
    }

    async fn pause(&mut self, pause: Pause) -> Event {
        let ms = match pause {
            Pause::ForHolder => {
                let slowness = self.slowness;
                self.slowness = f64::min(slowness * 1.3, Self::SLOWEST);
                Duration::from_millis(fastrand::u64(Self::PAUSE_MS)).mul_f64(slowness)
            }
            Pause::ForGuest => Duration::from_millis(fastrand::u64(Self::GUEST_PAUSE_MS)),
        };
        sleep(ms).await;
        Event::Paused
    }

    async fn look_at_circuit(&mut self, renewal: &Renewal) -> Event {
        let breaker = &self.place.renewer.breaker;
        self.gate = breaker.look(self.place.context).await;
        let turned_away = breaker.turns_away(self.gate, renewal.urgency());
        self.circuit(turned_away)
    }

    async fn wait_for_room(&mut self, renewal: &Renewal) -> Event {
        let wait = RoomWait { urgency: renewal.urgency(), until: self.room_until };
        let entry = self.place.renewer.breaker.wait_for_room(self.gate, wait, self.place.context).await;
        self.entered(entry)
    }

    async fn enter(&mut self, renewal: &Renewal) -> Event {
        let entry = self.place.renewer.breaker.enter(self.gate, renewal.urgency(), self.place.context).await;
        self.entered(entry)
    }

    fn entered(&mut self, entry: Result<Permit, TurnedAway>) -> Event {
        match entry {
            Ok(permit) => {
                self.permit = Some(permit);
                self.circuit(None)
            }
            Err(turned_away) => self.circuit(Some(turned_away)),
        }
    }

    fn circuit(&mut self, turned_away: Option<TurnedAway>) -> Event {
        Event::Circuit(match turned_away {
            None => Circuit::HasRoom,
            Some(TurnedAway::NoRoom(gate)) => {
                self.gate = gate;
                Circuit::Full
            }
            Some(TurnedAway::Down) => Circuit::Open,
        })
    }

    /// # Errors
    /// If LiveChat must not be called, as its cookies could not be sealed or those on record cannot be opened.
    async fn attempt(&mut self, attempt: &renewal::TokenRequest) -> Result<Event, StoreError> {
        let Renewer { accounts, agent_tokens, breaker, .. } = self.place.renewer;
        let context = self.place.context.within(attempt.time);
        let known = self.sealing.prepare(attempt, &context).await?;
        if context.left() < SHORTEST_ATTEMPT {
            return Ok(Event::Responded(Err(AttemptError::NotReady { was_called: false })));
        }
        if attempt.is_retry {
            sleep(Duration::from_millis(fastrand::u64(RETRY_PAUSE_MS))).await;
        }
        let permit = self.permit.take().unwrap_or(Permit::Free);
        let watch = self.watch.get_or_insert_with(|| breaker.watch(permit, attempt.is_evidence, self.place.context));
        let sign =
            |result: &Result<Grant, AttemptError>| result.as_ref().map_or_else(AttemptError::sign, |_| Sign::Token);
        let (group, known) = (self.place.call.subject.group, known.as_ref());
        let result = match (attempt.grant, agent_tokens) {
            (GrantType::Cookie, _) => {
                let result = watch.observe(accounts.token(group, known, &context), sign).await;
                count_attempt(result.as_ref().err(), &self.place.context.metrics);
                result
            }
            (GrantType::AgentToken, Some(tokens)) => {
                let request = CustomerRequest { group, known, is_evidence: attempt.is_evidence };
                Box::pin(tokens.customer_token(request, watch, &context)).await
            }
            (GrantType::AgentToken, None) => Err(AttemptError::NoAgentToken("there are no credentials".into())),
        };
        Ok(Event::Responded(result))
    }

    async fn move_identity(&mut self, moved: Move) -> Result<Event, StoreError> {
        let identity = self.sealing.moved(&moved.identity, self.place.context).await?;
        self.place.move_identity(&Move { identity, ..moved }).await
    }

    async fn commit(&mut self, commit: Commit) -> Result<Event, StoreError> {
        let commit = Commit { identity: self.sealing.sealed(commit.identity)?, ..commit };
        let (place, permit, watch) = (self.place, self.permit.take(), self.watch.take());
        let (stored, ()) = tokio::join!(place.store(commit), place.return_permit(permit, watch));
        Ok(Event::Stored(stored?))
    }

    /// If the write fails, the lease expires by itself.
    async fn release(&mut self, release: Release) -> Event {
        let (place, permit, watch) = (self.place, self.permit.take(), self.watch.take());
        let (store, subject) = (&place.renewer.store, &place.call.subject);
        let released = store.release(subject, (&release).into(), place.context);
        let released = telemetry::steps::store("release", released, |()| "released");
        let uncounted = async {
            if let Some(at) = release.uncount {
                place.uncount(at).await;
            }
        };
        let (released, (), ()) = tokio::join!(released, uncounted, place.return_permit(permit, watch));
        if let Err(error) = released {
            tracing::warn!(cause = %error, "the lease could not be released and will expire");
        }
        Event::Released
    }

    /// Returns a permit that was not used, or records what the attempts showed.
    async fn return_permit(&mut self) {
        let (permit, watch) = (self.permit.take(), self.watch.take());
        self.place.return_permit(permit, watch).await;
    }
}

impl Place<'_> {
    async fn read(self, subject: &Subject) -> Result<Event, StoreError> {
        let record = self.renewer.store.read(subject, self.context).await?;
        Ok(Event::Record(Box::new(record.unwrap_or_default())))
    }

    fn guest(self) -> Result<Subject, StoreError> {
        let guest: Option<&GuestId> = self.call.was_guest.as_ref();
        let guest = guest.ok_or_else(|| StoreError::Internal("there is no guest to adopt".into()))?;
        Ok(Subject { principal: Principal::Guest(guest.clone()), group: self.call.subject.group })
    }

    async fn count(self, at: UnixMs) -> Result<Event, StoreError> {
        let Renewer { store, renewals, .. } = self.renewer;
        let principal = &self.call.subject.principal;
        let counted = store.count_in_groups(principal, at, *renewals, self.context).await?;
        Ok(Event::Counted(counted))
    }

    async fn uncount(self, at: UnixMs) {
        let principal = &self.call.subject.principal;
        if let Err(error) = self.renewer.store.uncount_in_groups(principal, at, self.context).await {
            tracing::warn!(cause = %error, "a renewal without a call to LiveChat counts until the minute has passed");
        }
    }

    async fn move_identity(self, moved: &Move) -> Result<Event, StoreError> {
        let guest = self.guest()?;
        let adopted = self.renewer.store.adopt((&self.call.subject, &guest), moved, self.context);
        Ok(Event::Moved(adopted.await?))
    }

    /// Stores what LiveChat has issued. LiveChat would not issue it again, so retries use all the time that is left.
    async fn store(self, commit: Commit) -> Result<Commitment, StoreError> {
        let (store, subject) = (&self.renewer.store, &self.call.subject);
        loop {
            match store.commit(subject, (&commit).into(), self.context).await {
                Err(StoreError::Unavailable(cause)) if self.context.left() > STORE_RESERVE => {
                    tracing::warn!(cause, "a new token is not stored yet; trying again");
                    sleep(Duration::from_millis(100)).await;
                }
                other => return other,
            }
        }
    }

    async fn return_permit(self, permit: Option<Permit>, watch: Option<Watch>) {
        if let Some(watch) = watch {
            watch.settle().await;
        }
        if let Some(permit) = permit {
            self.renewer.breaker.release(permit, self.context).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pause_is_longer_than_the_rules_allow() {
        let longest = Duration::from_millis(Driver::PAUSE_MS.end).mul_f64(Driver::SLOWEST);
        assert_eq!(longest, renewal::time_limits::LONGEST_PAUSE);
    }
}
