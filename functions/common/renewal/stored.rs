//! What `getToken` does with the stored token.

use super::{
    Action, Error, Event, Moment, Note, Obtained, Phase, Renewal, Source, TokenRequirement, Why, circuit::Urgency,
    record::Record, waiting::refused,
};
use crate::identity::Issued;

impl Renewal {
    /// `getToken` has read the record: the stored token is returned while it is usable, otherwise renewed.
    pub(super) fn read(&mut self, record: &Record, moment: Moment) -> Action {
        self.first_seen_logout = Some(record.latest_logout);
        let refusal = record.refusal_of(&self.terms.settings, moment.now);
        let refused = refusal.map(|refusal| refused(refusal, moment.now));
        self.urgency = self.urgency_for(record);
        match issued(record) {
            Err(error) => self.fail(error),
            Ok(Some(stored)) if stored.token.lifetime.is_usable(moment.now) => {
                self.return_usable(stored, record, moment)
            }
            Ok(Some(stored)) => self.renew_stale(stored, refused, moment),
            Ok(None) => match refused {
                Some(error) => self.fail(error),
                None => self.start(moment),
            },
        }
    }

    fn return_usable(&mut self, stored: Issued, record: &Record, moment: Moment) -> Action {
        let due = record.due_revocations(moment.now);
        // A renewal in progress tells LiveChat itself, and nobody can tell a LiveChat that is down.
        if due.is_empty() || record.held(moment.now).is_some() || moment.circuit.is_down {
            return self.return_stored(stored);
        }
        self.expect(Phase::Telling, Action::Tell(due))
    }

    /// LiveChat was told to revoke old tokens. That took a while, and the user may have logged out meanwhile.
    pub(super) fn return_after_telling(&mut self, record: &Record) -> Action {
        match issued(record) {
            Ok(Some(stored)) => self.return_stored(stored),
            Ok(None) => self.fail(Error::LoggedOut),
            Err(error) => self.fail(error),
        }
    }

    fn return_stored(&mut self, issued: Issued) -> Action {
        self.finish(Ok(Obtained { issued, source: Source::Stored }))
    }

    /// The stored token has too little time left, or has expired.
    fn renew_stale(&mut self, stored: Issued, refused: Option<Error>, moment: Moment) -> Action {
        let is_live = stored.token.lifetime.is_live(moment.now);
        let in_vain = refused.or_else(|| moment.circuit.not_called().filter(|_| is_live).map(Error::from));
        if let Some(error) = in_vain {
            if !is_live {
                return self.fail(error);
            }
            let source = Source::StoredDespite(error);
            return self.finish(Ok(Obtained { issued: stored, source }));
        }
        if is_live {
            self.urgency = Urgency::Optional;
        }
        self.why = Why::Stale;
        self.requirement = TokenRequirement::usable(Some(stored.token.seq));
        self.fallback = Some(stored);
        self.start(moment)
    }

    /// The token could not be renewed because of `error`. What is stored now is returned instead if it is live: the token that was stored
    /// when the call came may have been invalidated or replaced since. If the read fails, the old one is returned.
    pub(super) fn return_despite(&mut self, error: Error, event: Event, moment: Moment) -> Action {
        let before = self.fallback.take();
        let stored = match event {
            Event::Record(record) => match issued(&record) {
                Ok(stored) => stored,
                Err(gone) => return self.fail(gone),
            },
            _ => before,
        };
        match stored.filter(|issued| issued.token.lifetime.is_live(moment.now)) {
            Some(issued) => {
                self.notes.push(Note::NotRenewed(error.clone()));
                let source = Source::StoredDespite(error);
                self.finish(Ok(Obtained { issued, source }))
            }
            None => self.fail(error),
        }
    }
}

/// The token that a record has, if any.
fn issued(record: &Record) -> Result<Option<Issued>, Error> {
    if record.is_adopted { Err(Error::GuestGone) } else { Ok(record.issued()) }
}
