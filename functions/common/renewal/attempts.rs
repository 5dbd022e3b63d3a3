//! What a holder makes of LiveChat's responses: call once more, try the other grant, accept another customer, or fail.

use super::{
    AGENT_TOKEN_REQUIRED, Action, AttemptError, Commit, Error, Grant, GrantType, Moment, Next, Note, OnIdentityChange,
    Renewal, TokenRequest, Urgency,
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
    grant: GrantType,
    /// The other grant did not find the customer.
    is_other_grant: bool,
    /// What LiveChat has issued for another customer, if it has.
    other: Option<Grant>,
    /// The time left of the invocation at which calls to LiveChat must end.
    stop_when_left: Duration,
    /// The customer's cookies had expired by their own date when the call began.
    has_expired: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The first with this grant: for the customer on record, or for a new one without a record.
    First { is_retry: bool },
    /// Again for the customer on record, as LiveChat did not recognise it, and issued a token for another customer, or none.
    OnceMore,
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
        self.other.as_ref()
    }

    /// LiveChat has not been called for a token under this lease.
    pub(super) fn is_first(&self) -> bool {
        matches!(self.kind, Kind::First { is_retry: false }) && !self.is_other_grant
    }

    fn time_left(&self, moment: Moment) -> Duration {
        moment.left.saturating_sub(self.stop_when_left)
    }
}

impl Renewal {
    pub(super) fn first_attempt(&mut self, holding: Holding, time: Duration, moment: Moment) -> Action {
        let identity = holding.record.identity.as_ref();
        let grant = match identity {
            None => Some(self.terms.grants.first()),
            Some(known) => self.terms.grants.for_customer(known).next(),
        };
        let Some(grant) = grant else {
            return self.release_after(holding, no_grant(), moment);
        };
        let has_expired = identity.is_some_and(|known| known.has_expired(holding.began));
        let stop_when_left = moment.left.saturating_sub(time);
        let kind = Kind::First { is_retry: false };
        let attempt = Attempt { kind, grant, is_other_grant: false, other: None, stop_when_left, has_expired };
        self.attempt(holding, attempt, moment)
    }

    fn attempt(&mut self, mut holding: Holding, attempt: Attempt, moment: Moment) -> Action {
        let known = holding.record.identity.clone().filter(|_| !matches!(attempt.kind, Kind::New));
        let is_retry = matches!(attempt.kind, Kind::First { is_retry: true });
        let is_evidence = !self.may_be_made_up(&holding.record);
        let time = attempt.time_left(moment);
        let request = TokenRequest { grant: attempt.grant, known, time, is_retry, is_evidence };
        holding.stage = Stage::Calling(attempt);
        self.hold_on(holding, Action::Call(Box::new(request)))
    }

    /// LiveChat's response.
    pub(super) fn responded(
        &mut self,
        mut holding: Holding,
        attempt: Attempt,
        response: Result<Grant, AttemptError>,
        moment: Moment,
    ) -> Action {
        if let Err(AttemptError::NotReady { was_called }) = response {
            return self.not_ready(holding, was_called || !attempt.is_first());
        }
        let known = holding.record.identity.as_ref();
        let has_time = attempt.time_left(moment) >= SHORTEST_ATTEMPT + LONGEST_RETRY_PAUSE;
        let may_repeat = |error: &AttemptError| has_time && may_repeat_after(error, known.is_some());
        match (attempt.kind, response) {
            (Kind::First { is_retry: false }, Err(error)) if may_repeat(&error) => {
                self.attempt(holding, Attempt { kind: Kind::First { is_retry: true }, ..attempt }, moment)
            }
            (Kind::New, response) => self.conclude(holding, response, moment),
            (_, response) if is_settled(&response, known) => {
                if response.is_ok() && attempt.is_other_grant {
                    self.notes.push(Note::IdentityRecovered);
                    // LiveChat does not accept the stored ones, so the next renewal does not try them.
                    holding.record.identity.as_mut().map(|known| known.cookies.take());
                }
                self.conclude(holding, response, moment)
            }
            (_, response) => {
                let other = response.ok().or(attempt.other);
                self.not_recognised(holding, Attempt { other, ..attempt }, moment)
            }
        }
    }

    /// Getting ready to call LiveChat took too long, for example as an agent token was refreshed. With a new lease, the call has all the time
    /// that LiveChat may take. With a live token it does not go on.
    fn not_ready(&mut self, mut holding: Holding, was_called: bool) -> Action {
        if !was_called {
            self.uncount(&mut holding);
        }
        let is_optional = self.urgency() == Urgency::Optional;
        self.release(holding, None, if is_optional { Next::Fail(Error::Busy) } else { Next::Retry })
    }

    /// LiveChat issued a token for another customer, or lost the one on record: the same is tried once more, then the other grant.
    fn not_recognised(&mut self, holding: Holding, attempt: Attempt, moment: Moment) -> Action {
        let is_expected = attempt.has_expired && attempt.grant == GrantType::Cookie;
        let is_once_more = matches!(attempt.kind, Kind::First { .. }) && !is_expected;
        let next = if is_once_more { Some(attempt.grant) } else { self.grant_after(&holding, attempt.grant) };
        match next {
            None => self.lost(holding, attempt, moment),
            // Without this attempt, the customer does not count as lost.
            Some(_) if attempt.time_left(moment) < SHORTEST_ATTEMPT => self.release_failed(holding, Failure::OutOfTime),
            Some(_) if is_once_more => {
                self.notes.push(Note::NotRecognised);
                self.attempt(holding, Attempt { kind: Kind::OnceMore, ..attempt }, moment)
            }
            Some(grant) => {
                let kind = Kind::First { is_retry: false };
                self.attempt(holding, Attempt { kind, grant, is_other_grant: true, ..attempt }, moment)
            }
        }
    }

    /// The grant to try after this one.
    fn grant_after(&self, holding: &Holding, grant: GrantType) -> Option<GrantType> {
        let known = holding.record.identity.as_ref()?;
        self.terms.grants.for_customer(known).skip_while(|one| *one != grant).nth(1)
    }

    /// LiveChat does not recognise the customer. The site's settings decide, unless the cookies had expired, or the user never had a token
    /// of this customer.
    fn lost(&mut self, holding: Holding, mut attempt: Attempt, moment: Moment) -> Action {
        let loses_nothing = holding.record.identity.as_ref().is_some_and(|known| known.awaits_first_token);
        let is_change = !attempt.has_expired && !loses_nothing;
        if self.terms.on_identity_change == OnIdentityChange::Reject && is_change {
            self.notes.push(Note::ChangeRefused);
            return self.release_failed(holding, Failure::IdentityChanged);
        }
        match attempt.other.take() {
            Some(grant) => self.conclude(holding, Ok(grant), moment),
            // LiveChat issued no token.
            None => self.new_customer(holding, attempt, moment),
        }
    }

    /// A new customer, in place of the one that LiveChat lost, needs a call of its own.
    fn new_customer(&mut self, holding: Holding, mut attempt: Attempt, moment: Moment) -> Action {
        if attempt.time_left(moment) < SHORTEST_ATTEMPT {
            return self.release_failed(holding, Failure::OutOfTime);
        }
        // If only an agent could be asked for the customer, it must also create the next one: the response names its account. An agent of
        // another account does not know any of the site's customers.
        let has_cookies = holding.record.identity.as_ref().is_none_or(|lost| lost.cookies.is_some());
        attempt.grant = if has_cookies { self.terms.grants.first() } else { GrantType::AgentToken };
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
        let is_same = |known: &&Identity| known.entity_id == grant.entity_id;
        let same = record.identity.as_ref().filter(is_same);
        let another = record.identity.as_ref().filter(|known| !is_same(known));
        let (is_another, has_expired) = (another.is_some(), another.is_some_and(|known| known.has_expired(began)));
        // With an agent token, LiveChat sets no cookies. Those on record still work.
        let is_cookie_grant = grant.cookies.is_some();
        let cookies = grant.cookies.map(Into::into).or_else(|| same.and_then(|known| known.cookies.clone()));
        let cookies_expire_at = match (is_cookie_grant, same) {
            (false, Some(known)) => grant.cookies_expire_at.max(known.cookies_expire_at),
            _ => grant.cookies_expire_at,
        };
        let former = record.identity.map_or_else(Vec::new, |known| known.into_former(is_another, moment.now));
        let on_record = former.len();
        match (is_another, has_expired) {
            (true, true) => notes.push(Note::IdentityExpired { on_record }),
            (true, false) => notes.push(Note::IdentityReplaced { on_record }),
            (false, _) => {}
        }
        let identity =
            Identity { entity_id: grant.entity_id, cookies, cookies_expire_at, former, awaits_first_token: false };
        self.commit(Commit { lease, identity, token, bookkeeping }, record.details, notes)
    }
}

/// The failure if the customer has no cookies, and the settings allow no agent token.
fn no_grant() -> Failure {
    Failure::Refused {
        exception: AGENT_TOKEN_REQUIRED.into(),
        description: "this user's customer has no cookies that LiveChat accepts".into(),
    }
}

/// The response ends the attempts: it is a token of the customer on record, or a failure that another attempt would not fix.
fn is_settled(response: &Result<Grant, AttemptError>, known: Option<&Identity>) -> bool {
    match (response, known) {
        (Ok(grant), Some(known)) => grant.entity_id == known.entity_id,
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
        AttemptError::NotReady { .. }
        | AttemptError::NoAgentToken(_)
        | AttemptError::TimedOut
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
            (AttemptError::NoAgentToken(String::new()), false, false),
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
