//! What a call does if it did not get the lease.

use super::{
    Action, Error, Moment, Note, Pause, Phase, Renewal, TokenRequirement,
    record::{Failure, Record, Refusal},
    time_limits::{LONGEST_PAUSE, SHORTEST_RENEWAL},
};
use crate::identity::{Issued, UnixMs};

impl Renewal {
    /// The lease was not acquired: another call holds it, or there is a result already, or the subject may not renew now.
    pub(super) fn rejected(&mut self, record: &Record, moment: Moment) -> Action {
        // The driver has returned it.
        self.has_permit = false;
        self.note_urgency(record);
        self.first_seen_logout.get_or_insert(record.latest_logout);
        self.look_at_record(record, moment)
    }

    /// One look at the record: a result, another try for the lease, or a pause.
    pub(super) fn look_at_record(&mut self, record: &Record, moment: Moment) -> Action {
        if record.is_adopted {
            return self.fail(Error::GuestGone);
        }
        if self.first_seen_logout.is_some_and(|seen| record.latest_logout.is_later_than(seen)) {
            return self.fail(Error::LoggedOut);
        }
        let holder = record.held(moment.now).map(|lease| lease.seq);
        if let Some(seq) = holder {
            self.requirement.observe_holder(seq);
        }
        match result_for(&self.requirement, record, &self.terms.settings, moment.now) {
            Some(Ok(issued)) => self.return_renewed(issued, true),
            Some(Err(error)) => self.fail(error),
            None if holder.is_some() => self.pause(moment),
            None => self.try_again(record, moment),
        }
    }

    /// The lease is free.
    fn try_again(&mut self, record: &Record, moment: Moment) -> Action {
        if let Some(left_ms) = record.spent_for_ms(moment.now) {
            return self.fail(rate_limited(left_ms));
        }
        if let Some(refusal) = record.refusal_of(&self.terms.settings, moment.now) {
            return self.fail(refused(refusal, moment.now));
        }
        if let Some(token) = &record.token {
            self.requirement.pass_over(token.seq);
        }
        self.start(moment)
    }

    fn pause(&mut self, moment: Moment) -> Action {
        if moment.left < LONGEST_PAUSE + SHORTEST_RENEWAL {
            return self.fail(Error::Busy);
        }
        self.notes.push(Note::Waited);
        self.expect(Phase::Pausing, Action::Pause(Pause::ForHolder))
    }
}

/// What `record` has for a call with this requirement and these `settings`: a token, or the failure that it waited for.
fn result_for(
    requirement: &TokenRequirement,
    record: &Record,
    settings: &str,
    now: UnixMs,
) -> Option<Result<Issued, Error>> {
    let accepted = |issued: &Issued| requirement.accepts_token(issued.token.seq) && issued.token.lifetime.is_live(now);
    let issued = record.issued().filter(accepted);
    issued.map(Ok).or_else(|| failure_for(requirement, record, settings, now).map(Err))
}

/// The failure that a call waited for. If LiveChat refused other settings than the call's, that is not the call's failure.
fn failure_for(requirement: &TokenRequirement, record: &Record, settings: &str, now: UnixMs) -> Option<Error> {
    let failed = record.failed.as_ref().filter(|failed| requirement.accepts_failure(failed.seq))?;
    if matches!(failed.failure, Failure::Refused { .. }) {
        if record.refusal.as_ref().is_some_and(|refusal| refusal.settings != settings) {
            return None;
        }
        if let Some(refusal) = record.refusal_of(settings, now) {
            return Some(refused(refusal, now));
        }
    }
    Some(failed.failure.clone().into())
}

/// The quota is spent for `left_ms`.
pub(super) fn rate_limited(left_ms: u64) -> Error {
    Error::RateLimited { retry_after_s: seconds(left_ms) }
}

/// The error of a call while `refusal` applies.
pub(super) fn refused(refusal: &Refusal, now: UnixMs) -> Error {
    Error::LiveChatRejected {
        exception: refusal.exception.clone(),
        description: refusal.description.clone(),
        retry_after_s: seconds(refusal.until.ms_since(now)),
    }
}

/// The time as whole seconds, for `Retry-After`.
fn seconds(left_ms: u64) -> u32 {
    u32::try_from(left_ms.div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests;
