//! Renewal: one call at a time asks LiveChat for a subject's token, and everybody else waits for its result.
//!
//! One call at a time may ask LiveChat for a subject's token: the one that holds the subject's **lease**. It takes it
//! with a conditional write, asks, and stores the result with a write that is **fenced**: it takes effect only while
//! the lease is still its own. A holder that was so slow that somebody else took over throws its result away and
//! answers what that other one stored. A holder that died needs no clean-up: its lease lapses.
//!
//! Whoever finds the lease taken waits for the holder's result. For `getToken` any usable token will do. For
//! `getFreshToken` the token must come from a LiveChat call that was sent after `getFreshToken` had arrived: leases
//! are numbered, a token carries the number of the lease it was got under, and so it must have a higher number than the
//! lease that the caller found taken. No clock has a say in it. Any number of concurrent `getFreshToken` so cost at most
//! two calls of LiveChat: the one that was under way, and the one that the first of them to get the lease makes for
//! all.
//!
//! A failed renewal leaves word of it under its number too, so that those who waited fail with it, and do not queue up
//! for a LiveChat that is down.
//!
//! Three checks can stop a renewal before LiveChat is called: the subject's [quota](Quota) and LiveChat's last [refusal](Refusal),
//! both of which are part of taking the lease (for a group there is one more quota, in `store/groups.rs`), and the
//! [breaker](crate::breaker), which knows from all other calls that LiveChat is down. `getToken` then returns the stored token for
//! as long as it lives. While LiveChat is slow, the breaker may have no room: the call gives its lease back, waits for room, and takes
//! the lease again.
//!
//! A refusal is stored by the write that ends the lease, and applies for one minute, after further ones for up to five. It is of the
//! settings that LiveChat was called with: a deployment with others calls LiveChat at once.

use super::{Provider, adoption::Adoption, need::Need, revocation};
use crate::{
    breaker::{Breaker, Gate, Permit, TurnedAway, Urgency, Watch},
    error::{Error, Failure},
    identity::{FailedRenewal, Group, Identity, Issued, Lease, Quota, Record, Refusal, Subject, Token},
    livechat::{Accounts, Grant, Miss},
    operation::{Call, Reply, Source, Why},
    settings::OnIdentityChange,
    store::{Bookkeeping, Store, Stored, Taken},
    telemetry::tally,
    time::{Deadline, now_ms},
};
use std::time::Duration;

/// What came of a renewal under a lease.
enum Asked {
    /// LiveChat gave a token, which is stored.
    Issued(Issued),
    /// The lease was lost meanwhile.
    LeaseLost,
    /// Old tokens had to be revoked first, which took so long that the lease is given back. Another one leaves time to ask.
    Revoked,
    /// The breaker's gate had no room, and the lease is given back.
    NoRoom(Gate),
}

/// Why LiveChat cannot be asked under a lease.
enum Obstacle {
    /// Revoking old tokens took so long that it takes another lease.
    TookLong,
    /// There are too many tokens that may work.
    Tokens(Failure),
    /// There is too little time.
    NoTime,
}

impl From<Obstacle> for Result<Asked, Error> {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::TookLong => Ok(Asked::Revoked),
            Obstacle::Tokens(failure) => Err(failure.into()),
            Obstacle::NoTime => Err(Error::Busy),
        }
    }
}

/// What a call that renews a token takes along from one lease to the next.
#[derive(Default)]
struct Progress {
    /// A permit that was waited for and is not used yet.
    permit: Option<Permit>,
    /// LiveChat was told to revoke old tokens. Whether or not it did so, this call does not wait for that again.
    has_told: bool,
}

impl Asked {
    fn turned_away(turned_away: TurnedAway) -> Result<Self, Error> {
        match turned_away {
            TurnedAway::NoRoom(gate) => Ok(Self::NoRoom(gate)),
            TurnedAway::Down => Err(down()),
        }
    }
}

impl Provider {
    /// How often a waiting call looks again: at first every 30 to 60 ms, later less often.
    const POLL: std::ops::Range<u64> = 30..60;
    /// What must be left of an invocation to start a renewal: less would make a customer that nobody keeps.
    const SHORTEST_RENEWAL: Duration = Duration::from_millis(1_500);
    /// What is kept back from asking LiveChat, for storing what it answers.
    const STORE_RESERVE: Duration = Duration::from_millis(500);

    /// A token that meets `need`. If the breaker has no room for the call, a [required](Urgency::Required) one waits for it. `seen` is the
    /// record that the call has read, if it has: a logout since then ends the call.
    pub(super) async fn renew(
        &self,
        call: &Call,
        need: Need,
        why: Why,
        urgency: Urgency,
        seen: Option<&Record>,
    ) -> Result<Reply, Error> {
        let mut progress = Progress::default();
        let result = self.renew_with(call, need, why, urgency, seen, &mut progress).await;
        if let Some(unused) = progress.permit {
            self.breaker.release(unused, call.deadline).await;
        }
        result
    }

    async fn renew_with(
        &self,
        call: &Call,
        mut need: Need,
        why: Why,
        urgency: Urgency,
        seen: Option<&Record>,
        progress: &mut Progress,
    ) -> Result<Reply, Error> {
        let (subject, deadline) = (&call.subject, call.deadline);
        let wait_until = deadline.minus(Self::SHORTEST_RENEWAL).within(Breaker::PATIENCE);
        let mut logged_out_seq = seen.map(|record| record.logged_out_seq);
        let mut urgency = self.urgency_of(urgency, subject, seen);
        loop {
            if progress.permit.is_none() && self.breaker.knows_it_is_down() {
                return Err(down());
            }
            if deadline.left() < Self::SHORTEST_RENEWAL {
                return Err(Error::Busy);
            }
            if progress.permit.is_none() && self.breaker.is_doubtful() {
                let gate = self.breaker.look(deadline).await;
                match self.breaker.turns_away(gate, urgency) {
                    None => {}
                    Some(TurnedAway::Down) => return Err(down()),
                    Some(TurnedAway::NoRoom(_)) if urgency == Urgency::Optional => {
                        return Err(Breaker::no_room().into());
                    }
                    Some(TurnedAway::NoRoom(gate)) => {
                        let permit = self.breaker.wait_for_room(gate, urgency, wait_until, deadline).await?;
                        progress.permit = Some(permit);
                    }
                }
            }
            // Made anew for each try, so that a write of this try can never pass for one of another.
            let owner = uuid::Uuid::new_v4().to_string();
            let settings = self.accounts.fingerprint();
            let taken = self.store.take_lease(subject, &owner, need.unless_newer_than(), settings, deadline).await?;
            let (Taken::Ours(_, record) | Taken::Refused(record)) = &taken;
            let is_unproven_group = self.may_be_made_up(subject, record);
            tally::count(|tally| tally.is_unproven_group = is_unproven_group);
            urgency = self.urgency_of(urgency, subject, Some(record));
            match taken {
                Taken::Ours(lease, record) => {
                    if record.logged_out_seq > *logged_out_seq.get_or_insert(record.logged_out_seq) {
                        self.give_up(subject, &lease, None, None, &uncounted(&record, now_ms()), deadline).await;
                        return Err(Error::LoggedOut);
                    }
                    // On the heap: it is large, and most calls never come here.
                    let asked = Box::pin(self.ask(call, &lease, record, urgency, progress));
                    match asked.await? {
                        Asked::Issued(issued) => {
                            return Ok(Reply::Token { issued, source: Source::LiveChat { why, collapsed: false } });
                        }
                        // The lease lapsed and somebody else took it, after this call came: their result serves.
                        Asked::LeaseLost => need.found_taken(lease.seq),
                        Asked::NoRoom(_) if urgency == Urgency::Optional => return Err(Breaker::no_room().into()),
                        // Without the lease: a wait could outlast it.
                        Asked::Revoked => {}
                        Asked::NoRoom(gate) => {
                            let permit = self.breaker.wait_for_room(gate, urgency, wait_until, deadline).await?;
                            progress.permit = Some(permit);
                        }
                    }
                }
                Taken::Refused(record) => {
                    if let Some(unused) = progress.permit.take() {
                        self.breaker.release(unused, deadline).await;
                    }
                    let since = *logged_out_seq.get_or_insert(record.logged_out_seq);
                    if let Some(result) = self.wait(subject, &mut need, record, since, deadline).await? {
                        let issued = result?;
                        return Ok(Reply::Token { issued, source: Source::LiveChat { why, collapsed: true } });
                    }
                }
            }
        }
    }

    /// Asks LiveChat under `lease`, and stores what it answers: with a permit that was waited for, or else with a new one.
    async fn ask(
        &self,
        call: &Call,
        lease: &Lease,
        mut record: Record,
        urgency: Urgency,
        progress: &mut Progress,
    ) -> Result<Asked, Error> {
        let (subject, deadline) = (&call.subject, call.deadline);
        let began_ms = now_ms();
        let mut bookkeeping = uncounted(&record, began_ms);
        let call_off = async |failure: Option<&Failure>, bookkeeping: &Bookkeeping| {
            let give_up = self.give_up(subject, lease, failure, None, bookkeeping, deadline);
            tokio::join!(give_up, self.uncount_in_groups(subject, began_ms, deadline));
        };
        // First, as it is one read and the rest are writes.
        let gate = if progress.permit.is_none() { self.breaker.look(deadline).await } else { Gate::default() };
        if let Some(turned_away) = self.breaker.turns_away(gate, urgency) {
            self.give_up(subject, lease, turned_away.failure().as_ref(), None, &bookkeeping, deadline).await;
            return Asked::turned_away(turned_away);
        }
        if let Err(error) = self.count_in_groups(subject, began_ms, deadline).await {
            self.give_up(subject, lease, None, None, &bookkeeping, deadline).await;
            return Err(error);
        }
        match self.adopt_if_new(call, lease, &mut record).await {
            Ok(true) => {}
            Ok(false) => {
                self.uncount_in_groups(subject, began_ms, deadline).await;
                return Ok(Asked::LeaseLost);
            }
            Err(error) => {
                call_off(None, &bookkeeping).await;
                return Err(error);
            }
        }
        let entry = match progress.permit.take() {
            Some(waited_for) => Ok(waited_for),
            None => self.breaker.enter(gate, urgency, deadline).await,
        };
        let permit = match entry {
            Ok(permit) => permit,
            Err(turned_away) => {
                call_off(turned_away.failure().as_ref(), &bookkeeping).await;
                return Asked::turned_away(turned_away);
            }
        };
        let ask_by = match self.make_way(lease, &record, &mut bookkeeping, progress, deadline).await {
            Ok(ask_by) => ask_by,
            Err(obstacle) => {
                let failure = if let Obstacle::Tokens(failure) = &obstacle { Some(failure) } else { None };
                tokio::join!(call_off(failure, &bookkeeping), self.breaker.release(permit, deadline));
                return obstacle.into();
            }
        };
        bookkeeping.quota = match record.running_quota(began_ms) {
            Some(_) => None,
            None => Some(Quota::beginning_with(lease, began_ms, self.renewals.get())),
        };
        // Whoever calls can make up a group. That LiveChat does not answer for one says nothing.
        let mut watch = self.breaker.watch(permit, !self.may_be_made_up(subject, &record));
        let grant = match self.grant(subject, record.identity.as_ref(), ask_by, &mut watch).await {
            Ok(grant) => grant,
            Err(failure) => {
                let now_ms = now_ms();
                let refusal = self.refusal(&failure, &record, now_ms);
                let give_up = self.give_up(subject, lease, Some(&failure), refusal.as_ref(), &bookkeeping, deadline);
                tokio::join!(give_up, watch.settle(deadline));
                return Err(refusal.map_or_else(|| failure.into(), |refusal| refused(&refusal, now_ms)));
            }
        };
        let token = Token { access_token: grant.access_token, lifetime: grant.lifetime, seq: lease.seq };
        let is_new = record.identity.is_none();
        let another = record.identity.as_ref().filter(|known| known.entity_id != grant.entity_id);
        let (is_another, has_lapsed) = (another.is_some(), another.is_some_and(|known| known.has_lapsed(began_ms)));
        let identity = Identity {
            entity_id: grant.entity_id,
            cookies: grant.cookies,
            cookies_lapse_at_s: grant.cookies_lapse_at_s,
            former: record.identity.map_or_else(Vec::new, |known| known.into_former(is_another, now_ms())),
            is_unproven: false,
        };
        let keep = self.keep(subject, lease, &identity, &token, &bookkeeping, deadline);
        let stored = tokio::join!(keep, watch.settle(deadline)).0?;
        if stored == Stored::LeaseLost {
            return Ok(Asked::LeaseLost);
        }
        tally::count(|tally| {
            tally.renewals += 1;
            tally.identities_made += u64::from(is_new);
        });
        if is_another {
            note_another_customer(has_lapsed, identity.former.len());
        }
        if stored == Stored::LoggedOut {
            let (own, longest) = ([token.outstanding()], revocation::LONGEST);
            revocation::tell(&self.store, &self.accounts, subject, &own, longest, deadline).await;
            return Err(Error::LoggedOut);
        }
        Ok(Asked::Issued(Issued { entity_id: identity.entity_id, token }))
    }

    /// How much a call needs LiveChat that finds this record, or has not read it yet.
    fn urgency_of(&self, urgency: Urgency, subject: &Subject, record: Option<&Record>) -> Urgency {
        match urgency {
            Urgency::Optional => Urgency::Optional,
            _ if self.may_be_made_up(subject, record.unwrap_or(&Record::default())) => Urgency::Unproven,
            _ => Urgency::Required,
        }
    }

    /// Whether the subject's group may be one that its caller made up: the site does not list it, and LiveChat has issued no token for it.
    fn may_be_made_up(&self, subject: &Subject, record: &Record) -> bool {
        subject.group.is_some_and(|group| record.identity.is_none() && !self.groups.lists(group))
    }

    /// Gives a user who has no identity that of the guest who they were, if any. Whether the `lease` is still ours.
    async fn adopt_if_new(&self, call: &Call, lease: &Lease, record: &mut Record) -> Result<bool, Error> {
        let Some(guest) = call.was_guest.as_ref().filter(|_| record.identity.is_none()) else { return Ok(true) };
        match self.adopt(call, lease, guest).await? {
            Adoption::LeaseLost => return Ok(false),
            Adoption::Done(identity, outstanding) => {
                record.identity = Some(identity);
                record.outstanding = outstanding;
            }
            Adoption::Needless => {}
        }
        Ok(true)
    }

    /// Revokes the tokens that must not work beside a new one, and says by when LiveChat must have issued that.
    async fn make_way(
        &self,
        lease: &Lease,
        record: &Record,
        bookkeeping: &mut Bookkeeping,
        progress: &mut Progress,
        deadline: Deadline,
    ) -> Result<Deadline, Obstacle> {
        if !progress.has_told {
            // Before a new token is issued, as nobody knows whether LiveChat revokes one token of a customer or all of them.
            progress.has_told = self.revoke_old_tokens(record, bookkeeping, deadline).await;
            if progress.has_told && ask_by(lease, deadline).left() < Accounts::ATTEMPT_TIMEOUT {
                return Err(Obstacle::TookLong);
            }
        }
        if !record.outstanding.has_room(&bookkeeping.forget, now_ms()) {
            let cause = "it does not revoke the tokens that must make room".into();
            return Err(Obstacle::Tokens(Failure::Unavailable { cause }));
        }
        let ask_by = ask_by(lease, deadline);
        if ask_by.left() < Accounts::SHORTEST_ATTEMPT { Err(Obstacle::NoTime) } else { Ok(ask_by) }
    }

    /// Tells LiveChat to revoke what a logout or an adoption has left to be revoked, and the oldest tokens if there are too many. Whether
    /// there were any.
    async fn revoke_old_tokens(&self, record: &Record, bookkeeping: &mut Bookkeeping, deadline: Deadline) -> bool {
        let now_ms = now_ms();
        // However recently LiveChat could not be told: it is about to be called anyway, and its next token may be kept for hours.
        let due = record.outstanding.to_revoke_before_another(record.logged_out_seq, now_ms);
        if !due.is_empty() {
            let revoked = revocation::revoke(&self.accounts, &due, deadline.within(revocation::LONGEST)).await;
            *bookkeeping = Bookkeeping { quota: bookkeeping.quota, ..revocation::outcome(&due, revoked).1 };
        }
        bookkeeping.forget.extend(record.outstanding.expired(now_ms).map(str::to_owned));
        !due.is_empty()
    }

    /// A group that a caller names can be made up, so all groups of one caller have a quota together, beside that of each.
    async fn count_in_groups(&self, subject: &Subject, at_ms: u64, deadline: Deadline) -> Result<(), Error> {
        if subject.group.is_none() {
            return Ok(());
        }
        self.store
            .count_in_groups(&subject.principal, at_ms, self.renewals.get(), deadline)
            .await?
            .map_err(rate_limited)
    }

    async fn uncount_in_groups(&self, subject: &Subject, at_ms: u64, deadline: Deadline) {
        if subject.group.is_some()
            && let Err(error) = self.store.uncount_in_groups(&subject.principal, at_ms, deadline).await
        {
            tracing::warn!(cause = %error, "a renewal that LiveChat was not asked for counts until the minute is over");
        }
    }

    /// What is remembered of `failure`, if LiveChat refused.
    fn refusal(&self, failure: &Failure, record: &Record, now_ms: u64) -> Option<Refusal> {
        let Failure::Rejected { exception, description } = failure else { return None };
        let (before, settings) = (record.refusal.as_ref(), self.accounts.fingerprint());
        Some(Refusal::after(before, settings, exception, description, now_ms))
    }

    /// Ends the lease without a result, and records the reason: `failure` for the calls that waited, LiveChat's `refusal` for later
    /// calls too. If that fails, the lease lapses by itself.
    async fn give_up(
        &self,
        subject: &Subject,
        lease: &Lease,
        failure: Option<&Failure>,
        refusal: Option<&Refusal>,
        bookkeeping: &Bookkeeping,
        deadline: Deadline,
    ) {
        // That this call had too little time is nobody else's failure.
        let word = failure
            .filter(|failure| **failure != Failure::OutOfTime)
            .map(|failure| FailedRenewal { seq: lease.seq, failure: failure.clone() });
        if let Err(error) = self.store.give_up(subject, lease, word.as_ref(), refusal, bookkeeping, deadline).await {
            tracing::warn!(cause = %error, "the lease could not be given back and will lapse");
        }
    }

    /// Stores what LiveChat has issued. It cannot be asked for again, so this is worth all the time that is left.
    async fn keep(
        &self,
        subject: &Subject,
        lease: &Lease,
        identity: &Identity,
        token: &Token,
        bookkeeping: &Bookkeeping,
        deadline: Deadline,
    ) -> Result<Stored, Error> {
        loop {
            match self.store.finish(subject, lease, identity, token, bookkeeping, deadline).await {
                Err(Error::StoreUnavailable(cause)) if deadline.left() > Self::STORE_RESERVE => {
                    tracing::warn!(cause, "a new token is not stored yet; trying again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                other => return other,
            }
        }
    }

    /// A token from LiveChat for the customer on record, or for a new one if there is none. When LiveChat answers for another one,
    /// or that it lost the one on record, it is called once more; if it stays with that, the site's settings decide. They do not
    /// matter to a user who loses nothing: the cookies have lapsed by their own date, or no token of this customer was ever theirs.
    async fn grant(
        &self,
        subject: &Subject,
        known: Option<&Identity>,
        deadline: Deadline,
        watch: &mut Watch,
    ) -> Result<Grant, Failure> {
        let (accounts, group) = (&self.accounts, subject.group);
        let has_lapsed = known.is_some_and(|known| known.has_lapsed(now_ms()));
        let is_settled = |answer: &Result<Grant, Miss>| match (answer, known) {
            (Ok(grant), Some(known)) => has_lapsed || grant.entity_id == known.entity_id,
            (Err(Miss::IdentityLost), Some(_)) => false,
            _ => true,
        };
        let first = accounts.token(group, known, deadline, watch).await;
        if is_settled(&first) {
            return Ok(first?);
        }
        if has_lapsed {
            return new_customer(accounts, group, deadline, watch).await;
        }
        tracing::warn!("LiveChat did not recognise the customer on record; calling it once more");
        let again = accounts.token_at_once(group, known, deadline, watch).await;
        if is_settled(&again) {
            return Ok(again?);
        }
        let loses_nothing = known.is_some_and(|known| known.is_unproven);
        if self.on_identity_change == OnIdentityChange::Reject && !loses_nothing {
            tally::count(|tally| tally.identities_changed += 1);
            return Err(Failure::IdentityChanged);
        }
        match again.or(first) {
            Ok(another) => Ok(another),
            // Twice it has issued none.
            Err(_) => new_customer(accounts, group, deadline, watch).await,
        }
    }

    /// Waits until the lease's holder has a result that meets `need`, which may be an error. `None` when the lease is
    /// free, so that this call can try to take it. `logged_out_seq` is the record's when the call came.
    async fn wait(
        &self,
        subject: &Subject,
        need: &mut Need,
        mut record: Record,
        logged_out_seq: u64,
        deadline: Deadline,
    ) -> Result<Option<Result<Issued, Error>>, Error> {
        let mut pause = 1.0;
        loop {
            if record.is_adopted {
                return Err(Error::GuestGone);
            }
            if record.logged_out_seq > logged_out_seq {
                return Err(Error::LoggedOut);
            }
            let now_ms = now_ms();
            let holder = record.held(now_ms).map(|lease| lease.seq);
            if let Some(seq) = holder {
                need.found_taken(seq);
            }
            let settings = self.accounts.fingerprint();
            if let Some(result) = met_by(need, &record, settings, now_ms) {
                return Ok(Some(result));
            }
            if holder.is_none() {
                if let Some(left_ms) = record.spent_for_ms(now_ms) {
                    return Err(rate_limited(left_ms));
                }
                if let Some(refusal) = record.refusal_of(settings, now_ms) {
                    return Err(refused(refusal, now_ms));
                }
                if let Some(token) = &record.token {
                    need.pass_over(token.seq);
                }
                return Ok(None);
            }
            let poll = Duration::from_millis(fastrand::u64(Self::POLL)).mul_f64(pause);
            if deadline.left() < poll + Self::SHORTEST_RENEWAL {
                return Err(Error::Busy);
            }
            tally::count(|tally| tally.lease_waits = 1);
            tokio::time::sleep(poll).await;
            pause = f64::min(pause * 1.3, 5.0);
            record = self.store.read(subject, deadline).await?.unwrap_or_default();
        }
    }
}

/// Another customer took the place of the one on record, `on_record` with former ones: as the cookies had lapsed, or as LiveChat no longer
/// knew it.
fn note_another_customer(has_lapsed: bool, on_record: usize) {
    tally::count(|tally| {
        tally.identities_changed += u64::from(!has_lapsed);
        tally.identities_lapsed += u64::from(has_lapsed);
    });
    if has_lapsed {
        tracing::warn!(on_record, "a customer's cookies had lapsed: a new customer, the former one is on record");
    } else {
        tracing::error!(on_record, "LiveChat no longer knows a customer: replaced, the former one is on record");
    }
}

/// The time by which LiveChat must have answered, so that the result can be stored in time, and while the lease is certainly still ours.
fn ask_by(lease: &Lease, deadline: Deadline) -> Deadline {
    let safe = Duration::from_millis(lease.safe_for_ms(now_ms())).saturating_sub(Store::LONGEST_WRITE);
    deadline.minus(Provider::STORE_RESERVE).within(safe.min(Accounts::LONGEST))
}

/// A token for a new customer, in place of one that LiveChat lost. It takes a request of its own.
async fn new_customer(
    accounts: &Accounts,
    group: Option<Group>,
    deadline: Deadline,
    watch: &mut Watch,
) -> Result<Grant, Failure> {
    if deadline.left() < Accounts::SHORTEST_ATTEMPT {
        return Err(Failure::OutOfTime);
    }
    Ok(accounts.token_at_once(group, None, deadline, watch).await?)
}

/// What the end of a lease writes under which LiveChat was not called: it was counted by its number, and the quota gets it back.
fn uncounted(record: &Record, now_ms: u64) -> Bookkeeping {
    let quota = record.running_quota(now_ms).map(|quota| Quota { last_seq: quota.last_seq + 1, ..quota });
    Bookkeeping { quota, ..Bookkeeping::default() }
}

/// What a call is told that came while LiveChat was known to be down.
pub(super) fn down() -> Error {
    Breaker::down().into()
}

/// The quota is spent for so long.
fn rate_limited(left_ms: u64) -> Error {
    Error::RateLimited { retry_after_s: seconds(left_ms) }
}

/// What a call is told while `refusal` applies.
pub(super) fn refused(refusal: &Refusal, now_ms: u64) -> Error {
    Error::LiveChatRejected {
        exception: refusal.exception.clone(),
        description: refusal.description.clone(),
        retry_after_s: seconds(refusal.until_ms.saturating_sub(now_ms)),
    }
}

/// For `Retry-After`.
fn seconds(left_ms: u64) -> u32 {
    u32::try_from(left_ms.div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

/// What `record` has for a call with this `need` and these `settings`: a token, or the failure that it waited for.
fn met_by(need: &Need, record: &Record, settings: &str, now_ms: u64) -> Option<Result<Issued, Error>> {
    let issued =
        record.issued().filter(|issued| need.takes_token(issued.token.seq) && issued.token.lifetime.is_live(now_ms));
    issued.map(Ok).or_else(|| failure_for(need, record, settings, now_ms).map(Err))
}

/// The failure that a call waited for. If LiveChat refused other settings than the call's, that is not its own.
fn failure_for(need: &Need, record: &Record, settings: &str, now_ms: u64) -> Option<Error> {
    let failed = record.failed.as_ref().filter(|failed| need.takes_failure(failed.seq))?;
    if matches!(failed.failure, Failure::Rejected { .. }) {
        if record.refusal.as_ref().is_some_and(|refusal| refusal.settings != settings) {
            return None;
        }
        if let Some(refusal) = record.refusal_of(settings, now_ms) {
            return Some(refused(refusal, now_ms));
        }
    }
    Some(failed.failure.clone().into())
}

#[cfg(test)]
mod tests;
