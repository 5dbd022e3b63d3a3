//! The protocol that keeps one LiveChat customer per subject: what a call does next, given what it has seen.
//!
//! `Renewal` is a state machine for one call of `getToken` or `getFreshToken`. It does no I/O and reads no clock. Each `step` takes what
//! has just happened (an `Event`) and the `Moment` at which it happened, and returns the next `Action`. `operation/renewer/driver.rs`
//! carries the actions out in Lambda; the model in `tests/model` carries them out in every possible order, with every fault, so what is
//! proven is this code.
//!
//! # The rules
//!
//! 1. Only the call that holds the subject's **lease** may call LiveChat for the subject. It acquires the lease with one conditional
//!    write, which returns the record.
//! 2. What LiveChat issues is stored before it is returned, by one write that also ends the lease. The write is **fenced**: it takes
//!    effect only while the lease is still the caller's. A holder that lost its lease throws its result away.
//! 3. A call that finds the lease held waits until the holder ends it, and accepts the holder's token or failure if that meets its
//!    `TokenRequirement`. If not, it tries to acquire the lease itself.
//! 4. Leases are numbered, and a token carries the number of its lease. `getFreshToken` accepts only a token with a higher number than
//!    the lease that it found held: LiveChat was called for that token after the call arrived. No clock is involved.
//! 5. A holder that dies releases nothing. Its lease expires.
//! 6. A guest's identity moves to the user under the user's lease, in one transaction, before LiveChat is called.
//! 7. Tokens that a logout or an adoption ended are revoked before another token is issued.
//!
//! # Where to find what
//!
//! | file | rule |
//! |---|---|
//! | here | the steps outside of a lease: start, acquire, wait for room, fail, finish |
//! | `renewal/stored.rs` | what `getToken` makes of the stored token |
//! | `renewal/requirement.rs` | which tokens and failures a call accepts |
//! | `renewal/waiting.rs` | what a call does if it did not get the lease |
//! | `renewal/holding.rs` | the steps under a lease, its commit and its release |
//! | `renewal/attempts.rs` | what a holder makes of LiveChat's responses |
//! | `renewal/agent_token.rs` | the agent token that all functions share, and who refreshes it |
//! | `renewal/grants.rs` | the ways to get a token from LiveChat, and their order |
//! | `renewal/adoption.rs` | how a guest's identity becomes the user's |
//! | `renewal/circuit.rs` | whether LiveChat is up |
//! | `renewal/record.rs` | what is stored for one subject |
//! | `renewal/step.rs` | what a renewal asks for, and what it is told |
//! | `renewal/attempt_result.rs` | what LiveChat returns, and how a call to it fails |
//! | `renewal/held_lease.rs` | the lease while a call holds it |
//! | `renewal/bookkeeping.rs` | what the end of a lease stores beside its result |
//! | `renewal/obtained.rs`, `renewal/error.rs` | what the call gets |
//! | `renewal/time_limits.rs` | how long each step may take |

mod adoption;
pub mod agent_token;
mod attempt_result;
mod attempts;
mod bookkeeping;
pub mod circuit;
mod error;
mod grants;
mod held_lease;
mod holding;
#[cfg(test)]
#[path = "../../tests/model/mod.rs"]
mod model;
mod obtained;
pub mod record;
mod requirement;
mod step;
mod stored;
pub mod time_limits;
mod waiting;

pub(crate) use attempt_result::{AGENT_TOKEN_REFUSED, AGENT_TOKEN_REQUIRED, IDENTITY_LOST, UNEXPLAINED};
pub use attempt_result::{AttemptError, Grant};
pub use bookkeeping::{Bookkeeping, RevokeAgain};
pub use error::{Error, StoreError};
pub use grants::{GrantType, Grants};
pub(crate) use held_lease::HeldLease;
pub use obtained::{Obtained, Source, Why};
pub(crate) use step::{Action, Commit, Event, Moment, Note, Pause, Release, TokenRequest};
pub use step::{Adopted, Commitment, GroupCount, Move};

use crate::identity::{Group, Issued};
use circuit::{Circuit, NotCalled, Urgency};
use holding::Holding;
use record::{LatestLogout, Record};
use requirement::TokenRequirement;
use std::{mem, num::NonZeroU32, sync::Arc};
use time_limits::SHORTEST_RENEWAL;

/// What to do when LiveChat returns a token of another customer than the one on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnIdentityChange {
    /// Store the new customer, and keep the former one on record.
    Replace,
    /// Return an error, and leave the record as it is.
    Reject,
}

/// What is fixed for a call: the site's rules, and what the call brings along.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// The fingerprint of the site's settings for LiveChat: a refusal applies only to calls with the same settings.
    pub(crate) settings: Arc<str>,
    /// How LiveChat may be asked for tokens.
    pub(crate) grants: Grants,
    /// What to do when LiveChat returns another customer.
    pub(crate) on_identity_change: OnIdentityChange,
    /// The number of renewals per subject and minute.
    pub(crate) renewals_per_minute: NonZeroU32,
    /// The group that the call names.
    pub(crate) group: Option<Group>,
    /// The site lists that group in `GROUPS`. If not, the caller may have made it up.
    pub(crate) is_listed_group: bool,
    /// The call has the id of the guest that the user was before.
    pub(crate) was_guest: bool,
}

/// One call of `getToken` or `getFreshToken`.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Renewal {
    terms: Terms,
    requirement: TokenRequirement,
    why: Why,
    urgency: Urgency,
    /// The latest logout in the first record that the call saw. A later one is a logout during the call.
    first_seen_logout: Option<LatestLogout>,
    /// The stored token that `getToken` may return if it cannot be renewed.
    fallback: Option<Issued>,
    /// A permit of the circuit breaker that was waited for.
    has_permit: bool,
    /// LiveChat was told to revoke old tokens, successfully or not. This call does not try that again.
    has_revoked: bool,
    phase: Phase,
    notes: Vec<Note>,
}

/// What the call is waiting for.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum Phase {
    /// `getToken`: the record.
    Reading,
    /// `getToken`: the revocation of old tokens, which failed before.
    Telling,
    /// `getToken`: the record once more, as the revocation took a while.
    ReadingAfterTelling,
    /// The circuit breaker's state, as there was no room a short time ago.
    LookingAtCircuit,
    /// Room for another call to LiveChat.
    WaitingForRoom,
    /// The lease.
    Acquiring,
    /// The end of a pause before the record is read again, as another call holds the lease.
    Pausing,
    /// The record, after that pause.
    ReadingHeld,
    /// The result of a step under the lease.
    Holding(Box<Holding>),
    /// The end of the lease without a result.
    Releasing(Next),
    /// The end of the lease with a result.
    Committing(Box<holding::Committing>),
    /// LiveChat revokes the token that was just issued, as the user has logged out.
    RevokingOwn,
    /// `getToken`: what is stored, as it could not be renewed because of this error.
    ReadingDespite(Error),
    /// Nothing: the call has its result.
    Finished,
}

/// What follows the release of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// The call fails.
    Fail(Error),
    /// The call tries again from the start.
    Retry,
    /// The call waits for room at the circuit breaker, then tries again.
    WaitForRoom,
}

impl Renewal {
    /// `getToken`, and its first action.
    pub(crate) fn usable(terms: Terms) -> (Self, Action) {
        (Self::new(terms, TokenRequirement::usable(None), Phase::Reading), Action::Read)
    }

    /// `getFreshToken`, and its first action.
    pub(crate) fn fresh(terms: Terms, moment: Moment) -> (Self, Action) {
        let mut renewal = Self::new(terms, TokenRequirement::fresh(), Phase::Finished);
        renewal.why = Why::Request;
        renewal.urgency = renewal.urgency_for(&Record::default());
        let action = renewal.start(moment);
        (renewal, action)
    }

    fn new(terms: Terms, requirement: TokenRequirement, phase: Phase) -> Self {
        Self {
            terms,
            requirement,
            why: Why::Miss,
            urgency: Urgency::Required,
            first_seen_logout: None,
            fallback: None,
            has_permit: false,
            has_revoked: false,
            phase,
            notes: Vec::new(),
        }
    }

    /// How much the call needs LiveChat, for the circuit breaker.
    pub(crate) fn urgency(&self) -> Urgency {
        self.urgency
    }

    /// The call will not call LiveChat any more, so a permit that it waited for is returned.
    pub(crate) fn is_done_with_livechat(&self) -> bool {
        matches!(self.phase, Phase::ReadingDespite(_) | Phase::Finished)
    }

    /// What happened since the last call of this, for logs and metrics.
    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        mem::take(&mut self.notes)
    }

    /// What to do next, after `event` at `moment`. An event that does not belong to the last action is a bug, and ends the call.
    pub(crate) fn step(&mut self, event: Event, moment: Moment) -> Action {
        match (mem::replace(&mut self.phase, Phase::Finished), event) {
            (Phase::Reading, Event::Record(record)) => self.read(&record, moment),
            (Phase::Telling, Event::Told) => self.expect(Phase::ReadingAfterTelling, Action::Read),
            (Phase::ReadingAfterTelling, Event::Record(record)) => self.return_after_telling(&record),
            (Phase::LookingAtCircuit, Event::Circuit(circuit)) => self.saw_circuit(circuit, moment),
            (Phase::WaitingForRoom, Event::Circuit(circuit)) => self.waited_for_room(circuit, moment),
            (Phase::Acquiring, Event::Acquired(lease, record)) => self.acquired(lease, *record, moment),
            (Phase::Acquiring, Event::Rejected(record)) => self.rejected(&record, moment),
            (Phase::Pausing, Event::Paused) => self.expect(Phase::ReadingHeld, Action::Read),
            (Phase::ReadingHeld, Event::Record(record)) => self.look_at_record(&record, moment),
            (Phase::Holding(holding), event) => self.hold(*holding, event, moment),
            (Phase::Releasing(next), Event::Released) => self.released(next, moment),
            (Phase::Committing(committing), event) => self.committed(*committing, event, moment),
            (Phase::RevokingOwn, Event::Told) => self.fail(Error::LoggedOut),
            (Phase::ReadingDespite(error), event) => self.return_despite(error, event, moment),
            (_, Event::StoreFailed(error)) => self.fail(error.into()),
            (phase, event) => {
                self.finish(Err(Error::Internal(format!("{} does not follow {}", event.name(), phase.name()))))
            }
        }
    }

    /// From the start: the circuit breaker, then the lease.
    fn start(&mut self, moment: Moment) -> Action {
        if !self.has_permit && moment.circuit.is_down {
            return self.fail(NotCalled::CircuitOpen.into());
        }
        if moment.left < SHORTEST_RENEWAL {
            return self.fail(Error::Busy);
        }
        if !self.has_permit && moment.circuit.is_doubtful {
            return self.expect(Phase::LookingAtCircuit, Action::LookAtCircuit);
        }
        self.acquire()
    }

    fn acquire(&mut self) -> Action {
        let unless_newer_than = self.requirement.unless_newer_than();
        self.expect(Phase::Acquiring, Action::Acquire { unless_newer_than })
    }

    fn saw_circuit(&mut self, circuit: Circuit, moment: Moment) -> Action {
        match circuit {
            Circuit::HasRoom if moment.left < SHORTEST_RENEWAL => self.fail(Error::Busy),
            Circuit::HasRoom => self.acquire(),
            Circuit::Open => self.fail(NotCalled::CircuitOpen.into()),
            Circuit::Full => self.wait_for_room(),
        }
    }

    /// The call holds no lease while it waits: the wait could outlast the lease.
    fn wait_for_room(&mut self) -> Action {
        if self.urgency == Urgency::Optional {
            return self.fail(NotCalled::GateFull.into());
        }
        self.expect(Phase::WaitingForRoom, Action::WaitForRoom)
    }

    fn waited_for_room(&mut self, circuit: Circuit, moment: Moment) -> Action {
        match circuit {
            Circuit::HasRoom => {
                self.has_permit = true;
                self.start(moment)
            }
            Circuit::Open => self.fail(NotCalled::CircuitOpen.into()),
            Circuit::Full => self.fail(NotCalled::GateFull.into()),
        }
    }

    fn released(&mut self, next: Next, moment: Moment) -> Action {
        match next {
            Next::Fail(error) => self.fail(error),
            Next::Retry => self.start(moment),
            Next::WaitForRoom => self.wait_for_room(),
        }
    }

    /// The call has failed. `getToken` checks whether the stored token can be returned instead.
    fn fail(&mut self, error: Error) -> Action {
        let is_final = matches!(error, Error::IdentityChanged | Error::GuestGone | Error::LoggedOut);
        if self.fallback.is_some() && !is_final {
            return self.expect(Phase::ReadingDespite(error), Action::Read);
        }
        self.finish(Err(error))
    }

    fn return_renewed(&mut self, issued: Issued, collapsed: bool) -> Action {
        self.finish(Ok(Obtained { issued, source: Source::LiveChat { why: self.why, collapsed } }))
    }

    fn finish(&mut self, result: Result<Obtained, Error>) -> Action {
        self.expect(Phase::Finished, Action::Finish(result))
    }

    fn expect(&mut self, phase: Phase, action: Action) -> Action {
        self.phase = phase;
        action
    }

    /// Determines from `record` how much the call needs LiveChat.
    fn note_urgency(&mut self, record: &Record) {
        self.urgency = self.urgency_for(record);
        self.notes.push(Note::UnprovenGroup(self.may_be_made_up(record)));
    }

    fn urgency_for(&self, record: &Record) -> Urgency {
        match self.urgency {
            Urgency::Optional => Urgency::Optional,
            _ if self.may_be_made_up(record) => Urgency::Unproven,
            _ => Urgency::Required,
        }
    }

    /// The caller may have made up the group: the site does not list it, and LiveChat has issued no token for it.
    fn may_be_made_up(&self, record: &Record) -> bool {
        self.terms.group.is_some() && !self.terms.is_listed_group && record.identity.is_none()
    }
}

impl Phase {
    fn name(&self) -> &'static str {
        match self {
            Self::Reading | Self::ReadingAfterTelling | Self::ReadingHeld | Self::ReadingDespite(_) => "a read",
            Self::Telling | Self::RevokingOwn => "a revocation",
            Self::LookingAtCircuit | Self::WaitingForRoom => "a look at the circuit breaker",
            Self::Acquiring => "an acquisition",
            Self::Pausing => "a pause",
            Self::Holding(_) => "a step under the lease",
            Self::Releasing(_) => "a release",
            Self::Committing(_) => "a commit",
            Self::Finished => "the end",
        }
    }
}

#[cfg(test)]
mod tests;
