//! What a holder makes of LiveChat's responses: call once more, accept another customer, or fail.

use super::{
    Action, AttemptError, Commit, Grant, Moment, Next, Note, OnIdentityChange, Renewal, TokenRequest,
    holding::{Holding, Stage},
    record::{Failure, Refusal},
    time_limits::{RETRY_PAUSE_MS, SHORTEST_ATTEMPT},
    waiting::refused,
};
use crate::identity::{Identity, Token};
use std::time::Duration;

const LONGEST_RETRY_PAUSE: Duration = Duration::from_millis(RETRY_PAUSE_MS.end);

/// An attempt to get a token, and the results of the attempts before it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Attempt {
    kind: Kind,
    /// The time left of the invocation at which calls to LiveChat must end.
    stop_when_left: Duration,
    /// The customer's cookies had expired by their own date when the call began.
    has_expired: bool,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum Kind {
    /// For the customer on record, or a new one if there is none.
    First { is_retry: bool },
    /// Again for the customer on record, as LiveChat did not recognise it and issued `other` for another customer, or nothing.
    OnceMore { other: Option<Grant> },
    /// For a new customer, in place of one that LiveChat lost.
    New,
}

#[cfg(test)]
impl Holding {
    /// Forgets how much time is left, as if LiveChat could take the longest time.
    pub(super) fn forget_time(&mut self) {
        if let Stage::Calling(attempt) = &mut self.stage {
            attempt.stop_when_left = Duration::ZERO;
        }
    }
}

impl Attempt {
    /// What LiveChat has issued for another customer, if it has.
    #[cfg(test)]
    pub(super) fn other(&self) -> Option<&Grant> {
        match &self.kind {
            Kind::OnceMore { other } => other.as_ref(),
            Kind::First { .. } | Kind::New => None,
        }
    }

    fn time_left(&self, moment: Moment) -> Duration {
        moment.left.saturating_sub(self.stop_when_left)
    }
}

impl Renewal {
    pub(super) fn first_attempt(&mut self, holding: Holding, time: Duration, moment: Moment) -> Action {
        let identity = holding.record.identity.as_ref();
        let has_expired = identity.is_some_and(|known| known.has_expired(holding.began));
        let stop_when_left = moment.left.saturating_sub(time);
        self.attempt(holding, Attempt { kind: Kind::First { is_retry: false }, stop_when_left, has_expired }, moment)
    }

    fn attempt(&mut self, mut holding: Holding, attempt: Attempt, moment: Moment) -> Action {
        let known = holding.record.identity.clone().filter(|_| !matches!(attempt.kind, Kind::New));
        let is_retry = matches!(attempt.kind, Kind::First { is_retry: true });
        let is_evidence = !self.may_be_made_up(&holding.record);
        let request = TokenRequest { known, time: attempt.time_left(moment), is_retry, is_evidence };
        holding.stage = Stage::Calling(attempt);
        self.hold_on(holding, Action::Call(Box::new(request)))
    }

    /// LiveChat's response.
    pub(super) fn responded(
        &mut self,
        holding: Holding,
        attempt: Attempt,
        response: Result<Grant, AttemptError>,
        moment: Moment,
    ) -> Action {
        let known = holding.record.identity.as_ref();
        let has_time = attempt.time_left(moment) >= SHORTEST_ATTEMPT + LONGEST_RETRY_PAUSE;
        let may_repeat = |error: &AttemptError| has_time && may_repeat_after(error, known.is_some());
        match (&attempt.kind, response) {
            (Kind::First { is_retry: false }, Err(error)) if may_repeat(&error) => {
                self.attempt(holding, Attempt { kind: Kind::First { is_retry: true }, ..attempt }, moment)
            }
            (Kind::New, response) => self.conclude(holding, response, moment),
            (_, response) if is_settled(&response, known, attempt.has_expired) => {
                self.conclude(holding, response, moment)
            }
            (Kind::First { .. }, response) => self.not_recognised(holding, attempt, response.ok(), moment),
            (Kind::OnceMore { .. }, response) => self.not_recognised_twice(holding, attempt, response.ok(), moment),
        }
    }

    /// LiveChat issued a token for another customer, or lost the one on record.
    fn not_recognised(&mut self, holding: Holding, attempt: Attempt, other: Option<Grant>, moment: Moment) -> Action {
        if attempt.has_expired {
            return self.new_customer(holding, attempt, moment);
        }
        self.notes.push(Note::NotRecognised);
        self.attempt(holding, Attempt { kind: Kind::OnceMore { other }, ..attempt }, moment)
    }

    /// LiveChat did not recognise the customer twice. The site's settings decide, unless the user never had a token of this customer.
    fn not_recognised_twice(
        &mut self,
        holding: Holding,
        attempt: Attempt,
        other: Option<Grant>,
        moment: Moment,
    ) -> Action {
        let loses_nothing = holding.record.identity.as_ref().is_some_and(|known| known.awaits_first_token);
        if self.terms.on_identity_change == OnIdentityChange::Reject && !loses_nothing {
            self.notes.push(Note::ChangeRefused);
            return self.release_failed(holding, Failure::IdentityChanged);
        }
        let Attempt { kind, stop_when_left, has_expired } = attempt;
        let before = if let Kind::OnceMore { other } = kind { other } else { None };
        match other.or(before) {
            Some(grant) => self.conclude(holding, Ok(grant), moment),
            // LiveChat issued no token both times.
            None => self.new_customer(holding, Attempt { kind: Kind::New, stop_when_left, has_expired }, moment),
        }
    }

    /// A new customer, in place of the one that LiveChat lost, needs a call of its own.
    fn new_customer(&mut self, holding: Holding, mut attempt: Attempt, moment: Moment) -> Action {
        if attempt.time_left(moment) < SHORTEST_ATTEMPT {
            return self.release_failed(holding, Failure::OutOfTime);
        }
        attempt.kind = Kind::New;
        self.attempt(holding, attempt, moment)
    }

    /// The last response: a token is stored, a failure ends the lease.
    fn conclude(&mut self, holding: Holding, response: Result<Grant, AttemptError>, moment: Moment) -> Action {
        match response {
            Ok(grant) => self.commit_grant(holding, grant, moment),
            Err(error) => self.release_after(holding, error.into(), moment),
        }
    }

    fn release_after(&mut self, holding: Holding, failure: Failure, moment: Moment) -> Action {
        let Failure::Refused { exception, description } = &failure else {
            return self.release_failed(holding, failure);
        };
        let (before, settings) = (holding.record.refusal.as_ref(), &self.terms.settings);
        let refusal = Refusal::first(settings, exception, description, moment.now).after(before, moment.now);
        let next = Next::Fail(refused(&refusal, moment.now));
        self.release_refused(holding, Some(failure), Some(refusal), next)
    }

    fn commit_grant(&mut self, holding: Holding, grant: Grant, moment: Moment) -> Action {
        let Holding { lease, record, began, bookkeeping, .. } = holding;
        let token = Token { access_token: grant.access_token, lifetime: grant.lifetime, seq: lease.seq() };
        let mut notes = vec![Note::Renewed];
        notes.extend(record.identity.is_none().then_some(Note::IdentityCreated));
        let another = record.identity.as_ref().filter(|known| known.entity_id != grant.entity_id);
        let (is_another, has_expired) = (another.is_some(), another.is_some_and(|known| known.has_expired(began)));
        let former = record.identity.map_or_else(Vec::new, |known| known.into_former(is_another, moment.now));
        let on_record = former.len();
        match (is_another, has_expired) {
            (true, true) => notes.push(Note::IdentityExpired { on_record }),
            (true, false) => notes.push(Note::IdentityReplaced { on_record }),
            (false, _) => {}
        }
        let identity = Identity {
            entity_id: grant.entity_id,
            cookies: grant.cookies,
            cookies_expire_at: grant.cookies_expire_at,
            former,
            awaits_first_token: false,
        };
        self.commit(Commit { lease, identity, token, bookkeeping }, notes)
    }
}

/// The response ends the attempts: it is a token of the customer on record, or a failure that another attempt would not fix.
fn is_settled(response: &Result<Grant, AttemptError>, known: Option<&Identity>, has_expired: bool) -> bool {
    match (response, known) {
        (Ok(grant), Some(known)) => has_expired || grant.entity_id == known.entity_id,
        (Err(AttemptError::IdentityLost), Some(_)) => false,
        _ => true,
    }
}

/// Another attempt can help and cannot create a second customer. This is so if LiveChat received nothing. If it may have received
/// something, it is so only for a customer on record: without one, each call creates a new customer.
fn may_repeat_after(error: &AttemptError, names_a_customer: bool) -> bool {
    match error {
        AttemptError::Unsent(_) => true,
        AttemptError::Lost(_) | AttemptError::Down(_) => names_a_customer,
        AttemptError::TimedOut
        | AttemptError::CutShort
        | AttemptError::Throttled
        | AttemptError::Refused { .. }
        | AttemptError::IdentityLost
        | AttemptError::MalformedResponse(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_could_create_a_second_customer_is_not_repeated() {
        let errors = [
            (AttemptError::Unsent(String::new()), true, true),
            (AttemptError::Lost(String::new()), false, true),
            (AttemptError::Down(String::new()), false, true),
            (AttemptError::TimedOut, false, false),
            (AttemptError::CutShort, false, false),
            (AttemptError::Throttled, false, false),
            (AttemptError::MalformedResponse(String::new()), false, false),
            (AttemptError::IdentityLost, false, false),
            (AttemptError::Refused { exception: String::new(), description: String::new() }, false, false),
        ];
        for (error, new, known) in errors {
            assert_eq!((may_repeat_after(&error, false), may_repeat_after(&error, true)), (new, known), "{error:?}");
        }
    }
}
