//! Adoption: the first renewal of a user who was a guest takes over the guest's identity.
//!
//! The user must have no identity yet. The holder of the user's lease reads the guest's record, and moves the identity with one
//! transaction: it becomes the user's, under the user's lease, and the guest's record is marked as adopted, if it is still what was
//! read. From then on the guest cannot acquire a lease, so the guest's secret gives no access to the user's chats.
//!
//! A guest may be renewing at that moment. The adoption waits for a renewal in progress. A renewal that begins after the read makes the
//! transaction fail, and the record is read again.
//!
//! The guest's tokens move with the identity and are then revoked: with a copied token, somebody could go on reading the chat.
//!
//! LiveChat may have forgotten the guest's customer. An identity that is known to be lost is not adopted. Until LiveChat has issued the
//! user's first token for it, an adopted identity is unproven: it is replaced even with `ON_IDENTITY_CHANGE=reject`.

use super::{
    Action, Adopted, Error, Event, Moment, Move, Next, Note, Pause, Renewal,
    holding::{Holding, Stage},
    record::{Failure, Outstanding, Record},
    time_limits::{SHORTEST_ATTEMPT, STORE_RESERVE},
};
use crate::identity::Identity;
use std::time::Duration;

/// How long an adoption waits for the guest's own renewal: that leaves time to call LiveChat under the same lease.
const LONGEST: Duration = Duration::from_secs(2);
/// The time that must be left to go on waiting: with less, LiveChat could not be called any more.
const RESERVE: Duration = SHORTEST_ATTEMPT.saturating_add(STORE_RESERVE);

/// Where an adoption stands.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Adoption {
    step: Step,
    /// A transaction was rejected, but a copy of it may have taken effect.
    has_tried: bool,
    /// The time left of the invocation at which the wait for the guest must end.
    stop_when_left: Duration,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum Step {
    /// The guest's record is being read.
    ReadingGuest,
    /// The identity and the tokens are being moved.
    Moving(Identity, Outstanding),
    /// A pause, as the guest is renewing.
    Pausing,
    /// The user's own record is being read, as the guest's says that it was adopted.
    ReadingOwn,
}

impl Renewal {
    /// Gives a user without an identity the identity of the guest that they were, if there is one.
    pub(super) fn adopt(&mut self, holding: Holding, moment: Moment) -> Action {
        if !self.terms.was_guest || holding.record.identity.is_some() {
            return self.enter(holding, moment);
        }
        let stop_when_left = moment.left.saturating_sub(LONGEST).max(RESERVE);
        self.adopt_on(
            holding,
            Adoption { step: Step::ReadingGuest, has_tried: false, stop_when_left },
            Action::ReadGuest,
        )
    }

    fn adopt_on(&mut self, mut holding: Holding, adoption: Adoption, action: Action) -> Action {
        holding.stage = Stage::Adopting(adoption);
        self.hold_on(holding, action)
    }

    pub(super) fn adopting(&mut self, holding: Holding, adoption: Adoption, event: Event, moment: Moment) -> Action {
        match (adoption.step, event) {
            (Step::ReadingGuest, Event::Record(guest)) => {
                let adoption = Adoption { step: Step::ReadingGuest, ..adoption };
                self.move_from(holding, adoption, *guest, moment)
            }
            (Step::Moving(identity, outstanding), Event::Moved(Adopted::Yes)) => {
                self.adopted(holding, identity, outstanding, moment)
            }
            (Step::Moving(..), Event::Moved(Adopted::UserChanged)) => self.abort(holding),
            (Step::Moving(..), Event::Moved(Adopted::GuestChanged)) => {
                self.wait_for_guest(holding, Adoption { step: Step::Pausing, has_tried: true, ..adoption }, moment)
            }
            (Step::Pausing, Event::Paused) => {
                self.adopt_on(holding, Adoption { step: Step::ReadingGuest, ..adoption }, Action::ReadGuest)
            }
            (Step::ReadingOwn, Event::Record(own)) => match own.identity {
                Some(identity) => self.adopted(holding, identity, own.outstanding, moment),
                None => self.enter(holding, moment),
            },
            (_, Event::StoreFailed(error)) => self.release(holding, None, Next::Fail(error.into())),
            (_, event) => {
                let bug = Error::Internal(format!("{} does not follow a step of an adoption", event.name()));
                self.release(holding, None, Next::Fail(bug))
            }
        }
    }

    fn move_from(&mut self, holding: Holding, adoption: Adoption, guest: Record, moment: Moment) -> Action {
        if guest.is_adopted && adoption.has_tried {
            // A late copy of this call's own transaction may have adopted the guest. Then the user has the identity. If another user
            // adopted the guest, this user cannot get the identity any more.
            return self.adopt_on(holding, Adoption { step: Step::ReadingOwn, ..adoption }, Action::Read);
        }
        if guest.held(moment.now).is_some() {
            return self.wait_for_guest(holding, adoption, moment);
        }
        if is_dead(&guest) {
            return self.enter(holding, moment);
        }
        let Record { identity: Some(identity), outstanding, version, .. } = guest else {
            return self.enter(holding, moment);
        };
        let identity = Identity { awaits_first_token: true, ..identity };
        let outstanding = outstanding.into_adopted(moment.now);
        let lease = holding.lease.fence().clone();
        let moved =
            Move { lease, guest_version: version, identity: identity.clone(), outstanding: outstanding.clone() };
        let adoption = Adoption { step: Step::Moving(identity, outstanding), ..adoption };
        self.adopt_on(holding, adoption, Action::Move(Box::new(moved)))
    }

    fn wait_for_guest(&mut self, holding: Holding, mut adoption: Adoption, moment: Moment) -> Action {
        if moment.left <= adoption.stop_when_left {
            return self.release(holding, None, Next::Fail(Error::Busy));
        }
        self.notes.push(Note::Waited);
        adoption.step = Step::Pausing;
        self.adopt_on(holding, adoption, Action::Pause(Pause::ForGuest))
    }

    fn adopted(
        &mut self,
        mut holding: Holding,
        identity: Identity,
        outstanding: Outstanding,
        moment: Moment,
    ) -> Action {
        self.notes.push(Note::IdentityAdopted);
        holding.record.identity = Some(identity);
        holding.record.outstanding = outstanding;
        self.enter(holding, moment)
    }
}

/// At the guest's latest renewal LiveChat did not know the customer any more, and the site's settings refused another one.
fn is_dead(record: &Record) -> bool {
    record.failed.as_ref().is_some_and(|failed| failed.failure == Failure::IdentityChanged)
}
