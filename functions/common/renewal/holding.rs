//! The steps under a lease. Each returns the lease to a later step, to a commit or to a release.

use super::{
    Action, Bookkeeping, Commit, Commitment, Error, Event, GroupCount, HeldLease, Moment, Next, Note, Phase, Release,
    Renewal, StoreError,
    adoption::Adoption,
    attempts::Attempt,
    circuit::{Circuit, NotCalled},
    record::{FailedRenewal, Failure, OutstandingToken, Quota, Record, Refusal},
    time_limits::{ATTEMPT_TIMEOUT, SHORTEST_ATTEMPT},
    waiting::rate_limited,
};
use crate::identity::{DetailsUpdate, Issued, LeaseSeq, UnixMs};

/// What a call has while it holds the lease.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Holding {
    pub(super) lease: HeldLease,
    /// What was stored when the lease was acquired, and an identity that was adopted since.
    pub(super) record: Record,
    /// When the lease was acquired.
    pub(super) began: UnixMs,
    /// What the end of the lease writes beside its result.
    pub(super) bookkeeping: Bookkeeping,
    /// The renewal is counted in the quota of all the principal's groups.
    is_counted: bool,
    pub(super) stage: Stage,
}

/// What a holder waits for.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) enum Stage {
    /// The circuit breaker's state: a read, before there is any write.
    LookingAtCircuit,
    /// The count of the renewals in all groups.
    Counting,
    /// The guest's identity.
    Adopting(Adoption),
    /// A permit of the circuit breaker.
    Entering,
    /// The revocation of these tokens.
    Revoking(Vec<OutstandingToken>),
    /// LiveChat's response.
    Calling(Attempt),
}

/// What a call knows while its result is being stored.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Committing {
    seq: LeaseSeq,
    issued: Issued,
    notes: Vec<Note>,
}

impl Renewal {
    /// The call has acquired the lease.
    pub(super) fn acquired(&mut self, lease: HeldLease, record: Record, moment: Moment) -> Action {
        self.note_urgency(&record);
        let first_seen = *self.first_seen_logout.get_or_insert(record.latest_logout);
        let is_logged_out = record.latest_logout.is_later_than(first_seen);
        let holding = Holding {
            lease,
            began: moment.now,
            bookkeeping: uncounted(&record, moment.now),
            record,
            is_counted: false,
            stage: Stage::LookingAtCircuit,
        };
        if is_logged_out {
            return self.release(holding, None, Next::Fail(Error::LoggedOut));
        }
        if self.has_permit {
            return self.count(holding, moment);
        }
        self.hold_on(holding, Action::LookAtCircuit)
    }

    /// The next step under the lease.
    pub(super) fn hold(&mut self, mut holding: Holding, event: Event, moment: Moment) -> Action {
        match (std::mem::replace(&mut holding.stage, Stage::Entering), event) {
            (Stage::LookingAtCircuit, Event::Circuit(Circuit::HasRoom)) => self.count(holding, moment),
            (Stage::LookingAtCircuit | Stage::Entering, Event::Circuit(Circuit::Full)) => {
                self.release(holding, None, Next::WaitForRoom)
            }
            (Stage::LookingAtCircuit | Stage::Entering, Event::Circuit(Circuit::Open)) => {
                let open = NotCalled::CircuitOpen;
                self.release(holding, Some(open.into()), Next::Fail(open.into()))
            }
            (Stage::Counting, Event::Counted(GroupCount::Counted)) => {
                holding.is_counted = true;
                self.adopt(holding, moment)
            }
            (Stage::Counting, Event::Counted(GroupCount::QuotaSpent { left_ms })) => {
                self.release(holding, None, Next::Fail(rate_limited(left_ms)))
            }
            (Stage::Adopting(adoption), event) => self.adopting(holding, adoption, event, moment),
            (Stage::Entering, Event::Circuit(Circuit::HasRoom)) => self.make_way(holding, moment),
            (Stage::Revoking(due), Event::Revoked(revoked)) => self.revoked(holding, &due, revoked, moment),
            (Stage::Calling(attempt), Event::Responded(response)) => self.responded(holding, attempt, response, moment),
            (Stage::Calling(attempt), Event::StoreFailed(error)) if attempt.is_first() => {
                self.not_called(holding, error, moment)
            }
            (_, Event::StoreFailed(error)) => self.release(holding, None, Next::Fail(error.into())),
            (_, event) => {
                let bug = Error::Internal(format!("{} does not follow a step under the lease", event.name()));
                self.release(holding, None, Next::Fail(bug))
            }
        }
    }

    /// A caller can make up groups, so there is a quota for all groups of a principal together, in addition to each group's own.
    fn count(&mut self, mut holding: Holding, moment: Moment) -> Action {
        if self.terms.group.is_none() {
            return self.adopt(holding, moment);
        }
        holding.stage = Stage::Counting;
        let at = holding.began;
        self.hold_on(holding, Action::CountInGroups { at })
    }

    /// The identity is settled: a permit of the circuit breaker comes next, unless there is one.
    pub(super) fn enter(&mut self, mut holding: Holding, moment: Moment) -> Action {
        if std::mem::take(&mut self.has_permit) {
            return self.make_way(holding, moment);
        }
        holding.stage = Stage::Entering;
        self.hold_on(holding, Action::EnterCircuit)
    }

    /// Revokes the tokens that must not work beside a new one: those that a logout or an adoption ended, and the oldest if there are
    /// too many. This happens before a new one is issued, as LiveChat may revoke all tokens of a customer instead of one.
    fn make_way(&mut self, mut holding: Holding, moment: Moment) -> Action {
        if self.has_revoked {
            return self.call(holding, moment);
        }
        let outstanding = &holding.record.outstanding;
        // Even if that failed a moment ago: LiveChat is about to be called anyway, and its next token may be kept for hours.
        let due = outstanding.to_revoke_before_another(holding.record.latest_logout, moment.now);
        let expired = outstanding.expired(moment.now).map(str::to_owned);
        holding.bookkeeping.forget.extend(expired);
        if due.is_empty() {
            return self.call(holding, moment);
        }
        holding.stage = Stage::Revoking(due.clone());
        self.hold_on(holding, Action::Revoke(due))
    }

    /// LiveChat was told to revoke tokens. If too little time is left for a full attempt, the call retries with a new lease.
    fn revoked(
        &mut self,
        mut holding: Holding,
        due: &[OutstandingToken],
        revoked: Vec<String>,
        moment: Moment,
    ) -> Action {
        self.has_revoked = true;
        holding.bookkeeping.note_revoked(due, revoked, moment.now);
        if holding.lease.time_to_call(moment) < ATTEMPT_TIMEOUT {
            return self.release(holding, None, Next::Retry);
        }
        self.call(holding, moment)
    }

    /// Everything is ready to call LiveChat.
    fn call(&mut self, mut holding: Holding, moment: Moment) -> Action {
        if !holding.record.outstanding.has_room(&holding.bookkeeping.forget, moment.now) {
            let cause = "it does not revoke the tokens that must make room".into();
            return self.release_failed(holding, Failure::Unavailable { cause });
        }
        let time = holding.lease.time_to_call(moment);
        if time < SHORTEST_ATTEMPT {
            return self.release(holding, None, Next::Fail(Error::Busy));
        }
        let begins = holding.record.running_quota(holding.began).is_none();
        let quota = Quota::beginning_with(holding.lease.fence(), holding.began, self.terms.renewals_per_minute);
        holding.bookkeeping.quota = begins.then_some(quota);
        holding.is_counted = false;
        self.first_attempt(holding, time, moment)
    }

    /// LiveChat could not be called for a token: the cookies cannot be opened, or what LiveChat issues could not be sealed.
    fn not_called(&mut self, mut holding: Holding, error: StoreError, moment: Moment) -> Action {
        self.uncount(&mut holding);
        // With too little time of its own, this call cannot say that AWS KMS does not respond to others.
        let has_time = holding.lease.time_to_call(moment) >= SHORTEST_ATTEMPT;
        let failure = match &error {
            StoreError::KmsUnavailable(cause) if has_time => Some(Failure::KmsUnavailable { cause: cause.clone() }),
            _ => None,
        };
        self.release(holding, failure, Next::Fail(error.into()))
    }

    /// The renewal does not count in a quota, as LiveChat was not called.
    pub(super) fn uncount(&self, holding: &mut Holding) {
        holding.bookkeeping.quota = uncounted(&holding.record, holding.began).quota;
        holding.is_counted = self.terms.group.is_some();
    }

    /// Goes on under the lease.
    pub(super) fn hold_on(&mut self, holding: Holding, action: Action) -> Action {
        self.expect(Phase::Holding(Box::new(holding)), action)
    }

    /// Ends the lease with a result. `details` is the latest update on record.
    pub(super) fn commit(&mut self, commit: Commit, details: Option<DetailsUpdate>, notes: Vec<Note>) -> Action {
        let entity_id = commit.identity.entity_id.clone();
        let issued = Issued { entity_id, token: commit.token.clone(), details };
        let committing = Committing { seq: commit.lease.seq(), issued, notes };
        self.expect(Phase::Committing(Box::new(committing)), Action::Commit(Box::new(commit)))
    }

    /// What became of the commit.
    pub(super) fn committed(&mut self, committing: Committing, event: Event, moment: Moment) -> Action {
        let Committing { seq, issued, notes } = committing;
        match event {
            Event::Stored(Commitment::LeaseLost) => {
                // Another call acquired the lease after it expired. That was after this call arrived, so its result is accepted.
                self.requirement.observe_holder(seq);
                return self.start(moment);
            }
            Event::Stored(_) => {}
            Event::StoreFailed(error) => return self.fail(error.into()),
            event => return self.fail(Error::Internal(format!("{} does not follow a commit", event.name()))),
        }
        self.notes.extend(notes);
        if matches!(event, Event::Stored(Commitment::LoggedOut)) {
            return self.expect(Phase::RevokingOwn, Action::Tell(vec![OutstandingToken::of(&issued.token)]));
        }
        self.return_renewed(issued, false)
    }

    /// Ends the lease without a result, with the failure for the calls that wait for this one.
    pub(super) fn release_failed(&mut self, holding: Holding, failure: Failure) -> Action {
        let error = failure.clone().into();
        self.release(holding, Some(failure), Next::Fail(error))
    }

    /// Ends the lease without a result.
    pub(super) fn release(&mut self, holding: Holding, failure: Option<Failure>, next: Next) -> Action {
        self.release_refused(holding, failure, None, next)
    }

    /// Ends the lease without a result, and remembers LiveChat's refusal if there is one.
    pub(super) fn release_refused(
        &mut self,
        holding: Holding,
        failure: Option<Failure>,
        refusal: Option<Refusal>,
        next: Next,
    ) -> Action {
        self.has_permit = false;
        let Holding { lease, bookkeeping, is_counted, began, .. } = holding;
        // This call's lack of time is not a failure of other calls.
        let failure = failure.filter(|failure| *failure != Failure::OutOfTime);
        let failed = failure.map(|failure| FailedRenewal { seq: lease.seq(), failure });
        let release = Release { lease, failed, refusal, bookkeeping, uncount: is_counted.then_some(began) };
        self.expect(Phase::Releasing(next), Action::Release(Box::new(release)))
    }

    /// Another call may have the lease by now. This call starts again, and accepts that call's result if it can.
    pub(super) fn abort(&mut self, holding: Holding) -> Action {
        self.requirement.observe_holder(holding.lease.seq());
        // If the lease is lost, the fence rejects the release. If the user has an identity by now, the release ends the lease.
        self.release(holding, None, Next::Retry)
    }
}

/// What the end of a lease writes if LiveChat was not called: the lease has used up a number, so the quota's last number is raised by 1.
fn uncounted(record: &Record, now: UnixMs) -> Bookkeeping {
    let quota = record.running_quota(now).map(|quota| Quota { last_seq: quota.last_seq.next(), ..quota });
    Bookkeeping { quota, ..Bookkeeping::default() }
}
