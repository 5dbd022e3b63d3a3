//! The actions of a renewal as steps of its call.

use crate::{
    identity::LeaseSeq,
    renewal::{Action, Adopted, AttemptError, Commitment, Event, Grant, GroupCount, circuit::Circuit, record::Record},
    telemetry::steps::StepResult,
    time::now,
};

/// The step that an action is; `None` if what it does consists of other steps.
pub(super) fn name(action: &Action) -> Option<&'static str> {
    match action {
        Action::Read => Some("read"),
        Action::ReadGuest => Some("guest"),
        Action::Acquire { .. } => Some("acquire"),
        Action::Pause(_) => Some("pause"),
        Action::LookAtCircuit => Some("look at circuit"),
        Action::WaitForRoom => Some("wait for room"),
        Action::EnterCircuit => Some("enter circuit"),
        Action::CountInGroups { .. } => Some("count"),
        Action::Move(_) => Some("adopt"),
        Action::Call(_) => Some("token"),
        Action::Commit(_) => Some("commit"),
        Action::Release(_) | Action::Revoke(_) | Action::Tell(_) | Action::Finish(_) => None,
    }
}

/// What a call has seen so far.
#[derive(Default)]
pub(super) struct Seen {
    /// The lease that the call has acquired.
    lease: Option<LeaseSeq>,
    /// It waits, or waited, for the holder of the lease.
    is_waiting: bool,
}

impl Seen {
    /// What came of a step.
    pub(super) fn result(&mut self, event: &Event) -> StepResult {
        match event {
            Event::Acquired(lease, _) => self.lease = Some(lease.seq()),
            Event::Paused => self.is_waiting = true,
            _ => {}
        }
        match event {
            Event::Record(record) => self.found(record),
            Event::Acquired(..) => self.of_lease("acquired"),
            Event::Rejected(record) => rejected(record),
            Event::Counted(GroupCount::Counted) => "counted".into(),
            Event::Counted(GroupCount::QuotaSpent { .. }) => "quota spent".into(),
            Event::Moved(Adopted::Yes) => self.of_lease("adopted"),
            Event::Moved(Adopted::UserChanged | Adopted::GuestChanged) => "refused".into(),
            Event::Responded(result) => responded(result),
            Event::Stored(Commitment::Committed) => self.of_lease("committed"),
            Event::Stored(Commitment::LoggedOut) => self.of_lease("logged out"),
            Event::Stored(Commitment::LeaseLost) => self.of_lease("lease lost"),
            Event::StoreFailed(_) => "failed".into(),
            Event::Circuit(Circuit::HasRoom) => "has room".into(),
            Event::Circuit(Circuit::Full) => "full".into(),
            Event::Circuit(Circuit::Open) => "open".into(),
            Event::Paused | Event::Released | Event::Revoked(_) | Event::Told => "done".into(),
        }
    }

    fn of_lease(&self, what: &'static str) -> StepResult {
        let result = StepResult::from(what);
        match self.lease {
            Some(lease) => result.with_lease(lease),
            None => result,
        }
    }

    /// A call that waits looks for the end of the lease, any other call for a usable token.
    fn found(&self, record: &Record) -> StepResult {
        let now = now();
        let is_usable = record.token.as_ref().is_some_and(|token| token.lifetime.is_usable(now));
        match (record.held(now), &record.token) {
            (Some(lease), _) if self.is_waiting || !is_usable => StepResult::from("held").with_lease(lease.seq),
            (_, Some(token)) => StepResult::from(if is_usable { "token" } else { "old token" }).with_lease(token.seq),
            (_, None) => "no token".into(),
        }
    }
}

/// The lease is another call's, or there is a new enough token by now.
fn rejected(record: &Record) -> StepResult {
    let refused = StepResult::from("refused");
    match record.held(now()) {
        Some(lease) => refused.with_lease(lease.seq),
        None => refused,
    }
}

fn responded(result: &Result<Grant, AttemptError>) -> StepResult {
    match result {
        Ok(_) => "issued".into(),
        Err(AttemptError::NotReady { .. }) => "not sent in time".into(),
        Err(AttemptError::NoAgentToken(_)) => "no agent token".into(),
        Err(AttemptError::Unsent(_)) => "not sent".into(),
        Err(AttemptError::Lost(_)) => "response lost".into(),
        Err(AttemptError::TimedOut | AttemptError::CutShort) => "timed out".into(),
        Err(AttemptError::Down(what)) => what.clone().into(),
        Err(AttemptError::Throttled) => "status 429".into(),
        Err(AttemptError::Refused { exception, .. }) => format!("refused: {exception}").into(),
        Err(AttemptError::IdentityLost) => "customer unknown".into(),
        Err(AttemptError::MalformedResponse(_)) => "malformed response".into(),
    }
}
