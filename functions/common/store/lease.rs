//! A lease: acquired, committed with a result, or released without one.

use super::{
    Outcome, Store, item,
    write::{
        Condition, Path, Write, all, any, at_most, between, equals, exists, less, member, not, not_equals, not_exists,
        stored,
    },
};
use crate::{
    context::Context,
    identity::{Identity, LeaseSeq, Subject, Token, UnixMs},
    renewal::{
        self, Bookkeeping, Commitment, StoreError,
        record::{FailedRenewal, Lease, OutstandingToken, Quota, Record, Refusal},
    },
    time::now,
};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use secrecy::ExposeSecret;
use std::collections::HashMap;

/// How long an item without an identity is kept, in s: a day. A failed first renewal leaves such an item.
const ABANDONED_AFTER_S: u64 = 86_400;
/// An item expires this long after its cookies, in s: 30 days.
pub(super) const KEPT_AFTER_EXPIRY_S: u64 = 2_592_000;

/// A try to acquire a lease.
#[derive(Clone, Copy, Debug)]
pub struct Acquire<'a> {
    /// Who acquires it: a value that is used for nothing else.
    pub owner: &'a str,
    /// A token with a higher sequence number makes the lease unnecessary; `None` if no token does.
    pub unless_newer_than: Option<LeaseSeq>,
    /// The fingerprint of the `LIVECHAT_*` settings.
    pub settings: &'a str,
}

/// The end of a lease with a result.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// The lease.
    pub lease: &'a Lease,
    /// The customer that LiveChat issued the token for.
    pub identity: &'a Identity,
    /// The token.
    pub token: &'a Token,
    /// What is stored in addition.
    pub bookkeeping: &'a Bookkeeping,
}

/// The end of a lease without a result.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// The lease.
    pub lease: &'a Lease,
    /// Why the renewal failed, for the calls that wait for it.
    pub failed: Option<&'a FailedRenewal>,
    /// LiveChat's refusal, for later calls.
    pub refusal: Option<&'a Refusal>,
    /// What is stored in addition.
    pub bookkeeping: &'a Bookkeeping,
}

impl<'a> From<&'a renewal::Commit> for Commit<'a> {
    fn from(commit: &'a renewal::Commit) -> Self {
        let renewal::Commit { lease, identity, token, bookkeeping } = commit;
        Self { lease: lease.fence(), identity, token, bookkeeping }
    }
}

impl<'a> From<&'a renewal::Release> for Release<'a> {
    fn from(release: &'a renewal::Release) -> Self {
        let renewal::Release { lease, failed, refusal, bookkeeping, .. } = release;
        Self { lease: lease.fence(), failed: failed.as_ref(), refusal: refusal.as_ref(), bookkeeping }
    }
}

/// The result of a try to acquire a lease.
#[derive(Debug)]
pub enum Acquisition {
    /// The caller has the lease. This is what is stored.
    Acquired(Lease, Record),
    /// Another caller has the lease, there is already a newer token, the subject has used up this minute's renewals, LiveChat refused a
    /// call with the same settings a short time ago, or the subject is a guest who became a user. This is what is stored.
    Rejected(Record),
}

/// The result of one write that [`acquire`] made.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// It decides.
    Decided(Acquisition),
    /// It was rejected, and the stored refusal is malformed, such as another version's. This must lock no user out, so the lease must be
    /// tried once more without the condition on the refusal.
    MalformedRefusal(Record),
}

impl Store {
    /// Tries to acquire the subject's lease. It is rejected while another caller has the lease, if there is a token with a higher sequence
    /// number than `unless_newer_than`, if the subject has used up its quota, and while LiveChat's refusal of these `settings` applies. One
    /// `UpdateItem`, which creates the item if there is none.
    pub async fn acquire(
        &self,
        subject: &Subject,
        request: Acquire<'_>,
        context: &Context,
    ) -> Result<Acquisition, StoreError> {
        let Acquire { owner, unless_newer_than, settings } = request;
        let attempt = async |settings| {
            let write = acquire(owner, unless_newer_than, settings, now());
            acquired(self.send(item::key(subject), write, context).await?, owner)
        };
        match attempt(Some(settings)).await? {
            Attempt::Decided(acquisition) => return Ok(acquisition),
            Attempt::MalformedRefusal(_) => {}
        }
        Ok(match attempt(None).await? {
            Attempt::Decided(acquisition) => acquisition,
            Attempt::MalformedRefusal(record) => Acquisition::Rejected(record),
        })
    }

    /// Stores what the owner of the lease got, and ends the lease, if it is still the owner's. One `UpdateItem`.
    pub async fn commit(
        &self,
        subject: &Subject,
        result: Commit<'_>,
        context: &Context,
    ) -> Result<Commitment, StoreError> {
        committed(self.send(item::key(subject), commit(result), context).await?, result.token)
    }

    /// Ends the lease without a result, if it is still the owner's. One `UpdateItem`.
    pub async fn release(&self, subject: &Subject, end: Release<'_>, context: &Context) -> Result<(), StoreError> {
        self.send(item::key(subject), release(end), context).await.map(|_| ())
    }
}

/// Acquires the lease for `owner` at `now`. Without `settings`, a stored refusal is ignored.
pub(crate) fn acquire(owner: &str, unless_newer_than: Option<LeaseSeq>, settings: Option<&str>, now: UnixMs) -> Write {
    let abandoned_at = now.in_seconds().plus_s(ABANDONED_AFTER_S).minus_s(KEPT_AFTER_EXPIRY_S);
    let no_tokens = AttributeValue::M(HashMap::new());
    let mut write = Write::new()
        .set(item::LEASE_OWNER, owner)
        .set(item::LEASE_UNTIL_MS, Lease::expiry(now))
        .set(item::LEASE_SEQ, stored(item::LEASE_SEQ).or(0).plus(1))
        .set(item::EXPIRES_AT_S, stored(item::COOKIES_LAPSE_AT_S).or(abandoned_at).plus(KEPT_AFTER_EXPIRY_S))
        .set(item::OUTSTANDING, stored(item::OUTSTANDING).or(no_tokens))
        .set(item::VERSION, stored(item::VERSION).or(0).plus(1))
        .when(is_free(now))
        // The owner's name stays stored after the lease ends, so that a delayed copy of this write cannot acquire a second lease.
        .when(any([not_exists(item::LEASE_OWNER), not_equals(item::LEASE_OWNER, owner)]))
        .when(has_renewals_left(now))
        .when(not_exists(item::ADOPTED_AT_MS))
        .returning(ReturnValue::AllNew);
    if let Some(seq) = unless_newer_than {
        write = write.when(any([not_exists(item::TOKEN), at_most(member(item::TOKEN, item::SEQ), seq)]));
    }
    match settings {
        Some(settings) => write.when(is_not_refused(settings, now)),
        None => write,
    }
}

/// Nobody has the lease at `now`: [`Lease::is_held`] is false.
pub(super) fn is_free(now: UnixMs) -> Condition {
    any([not_exists(item::LEASE_UNTIL_MS), not(between(item::LEASE_UNTIL_MS, now..=Lease::latest_expiry(now)))])
}

/// The subject may renew at `now`: [`Record::spent_for_ms`] is `None`.
fn has_renewals_left(now: UnixMs) -> Condition {
    any([
        not_exists(item::QUOTA_SINCE_MS),
        not(between(item::QUOTA_SINCE_MS, Quota::current_beginnings(now))),
        less(item::LEASE_SEQ, Path::from(item::QUOTA_LAST_SEQ)),
    ])
}

/// No refusal of these `settings` applies at `now`: [`Record::refusal_of`] is `None`.
fn is_not_refused(settings: &str, now: UnixMs) -> Condition {
    let end = || member(item::REFUSED, item::UNTIL_MS);
    any([
        not_exists(end()),
        not(all([equals(member(item::REFUSED, item::SETTINGS), settings), between(end(), Refusal::current_ends(now))])),
    ])
}

/// The result of a write that [`acquire`] returned for `owner`.
pub(crate) fn acquired(outcome: Outcome, owner: &str) -> Result<Attempt, StoreError> {
    let item = outcome.item();
    let has_refusal = item.as_ref().is_some_and(|item| item.has(item::REFUSED));
    let record = item::record(item)?;
    // Also if the write was rejected: then an earlier try of the SDK's took effect, and the response was lost.
    if let Some(lease) = record.lease.clone().filter(|lease| lease.owner == owner) {
        return Ok(Attempt::Decided(Acquisition::Acquired(lease, record)));
    }
    let is_malformed = has_refusal && record.refusal.is_none();
    Ok(if is_malformed { Attempt::MalformedRefusal(record) } else { Attempt::Decided(Acquisition::Rejected(record)) })
}

/// Stores what the owner of `lease` got, and ends the lease. The token is stored as outstanding too, so that a logout can revoke it when
/// it is no longer the latest.
pub(crate) fn commit(result: Commit<'_>) -> Write {
    let Commit { lease, identity, token, bookkeeping } = result;
    let outstanding = OutstandingToken::of(token);
    let stored = item::of_outstanding(&outstanding);
    let write = set_identity(end_of(lease, bookkeeping), identity)
        .set(item::TOKEN, item::of_token(token))
        .set(member(item::OUTSTANDING, outstanding.key), stored);
    write.remove(item::FAILED).remove(item::REFUSED).remove(item::UNPROVEN).returning(ReturnValue::AllNew)
}

/// The result of a write that [`commit`] returned for `token`.
pub(crate) fn committed(outcome: Outcome, token: &Token) -> Result<Commitment, StoreError> {
    let record = item::record(outcome.item())?;
    // Also if the write was rejected: then an earlier try of the SDK's may have taken effect, and the response was lost. A logout since
    // then has removed the token, but not from the outstanding ones.
    let access_token = token.access_token.expose_secret();
    let is_stored = record.outstanding.0.iter().any(|stored| stored.access_token.expose_secret() == access_token);
    Ok(match is_stored {
        true if record.latest_logout.ends(token.seq) => Commitment::LoggedOut,
        true if record.token.is_some_and(|stored| stored.access_token.expose_secret() == access_token) => {
            Commitment::Committed
        }
        _ => Commitment::LeaseLost,
    })
}

/// Ends `lease` without a result.
pub(crate) fn release(end: Release<'_>) -> Write {
    let Release { lease, failed, refusal, bookkeeping } = end;
    let write = end_of(lease, bookkeeping);
    let write = match failed {
        Some(failed) => write.set(item::FAILED, item::of_failed(failed)),
        None => write.remove(item::FAILED),
    };
    match refusal {
        Some(refusal) => write.set(item::REFUSED, item::of_refusal(refusal)),
        None => write,
    }
}

/// A write that takes effect only while the lease is its owner's.
pub(super) fn fenced(lease: &Lease) -> Write {
    item::next_version()
        .when(equals(item::LEASE_OWNER, lease.owner.as_str()))
        .when(equals(item::LEASE_SEQ, lease.seq))
        .when(exists(item::LEASE_UNTIL_MS))
}

/// The end of `lease`, fenced.
fn end_of(lease: &Lease, bookkeeping: &Bookkeeping) -> Write {
    let write = bookkeeping.add_to(fenced(lease)).remove(item::LEASE_UNTIL_MS);
    match bookkeeping.quota {
        Some(Quota { since, last_seq }) => write.set(item::QUOTA_SINCE_MS, since).set(item::QUOTA_LAST_SEQ, last_seq),
        None => write,
    }
}

/// `write`, which also stores `identity`.
pub(super) fn set_identity(write: Write, identity: &Identity) -> Write {
    let write = match &identity.cookies {
        Some(cookies) => write.set(item::COOKIES, item::of_cookies(cookies)),
        None => write.remove(item::COOKIES),
    };
    write
        .set(item::ENTITY_ID, identity.entity_id.as_str())
        .set(item::COOKIES_LAPSE_AT_S, identity.cookies_expire_at)
        .set(item::FORMER, item::of_former(&identity.former))
        .set(item::EXPIRES_AT_S, identity.cookies_expire_at.plus_s(KEPT_AFTER_EXPIRY_S))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{item::Item, write::in_memory};

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);
    const SETTINGS: &str = "0123456789abcdef";

    fn number(number: u64) -> AttributeValue {
        AttributeValue::N(number.to_string())
    }

    fn item(until: UnixMs, quota: Quota, refusal: &Refusal) -> Item {
        let attributes = [
            (item::VERSION, number(1)),
            (item::LEASE_OWNER, AttributeValue::S("a".into())),
            (item::LEASE_SEQ, number(7)),
            (item::LEASE_UNTIL_MS, number(until.as_u64())),
            (item::QUOTA_SINCE_MS, number(quota.since.as_u64())),
            (item::QUOTA_LAST_SEQ, number(quota.last_seq.as_u64())),
            (item::REFUSED, item::of_refusal(refusal)),
        ];
        Item::new(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Times at both limits of what counts, and just outside.
    const UNTIL: [UnixMs; 4] = [NOW.minus_ms(1), NOW, NOW.plus_ms(20_000), NOW.plus_ms(20_001)];
    const SINCE: [UnixMs; 4] = [NOW.minus_ms(60_000), NOW.minus_ms(59_999), NOW.plus_ms(10_000), NOW.plus_ms(10_001)];
    const REFUSED_UNTIL: [UnixMs; 4] = [NOW, NOW.plus_ms(1), NOW.plus_ms(310_000), NOW.plus_ms(310_001)];

    fn items() -> impl Iterator<Item = Item> {
        (0..4 * 4 * 4 * 3 * 2).map(|number: usize| {
            let quota = Quota { since: SINCE[number / 4 % 4], last_seq: LeaseSeq::new([6, 7, 8][number / 64 % 3]) };
            let refusal = Refusal {
                until: REFUSED_UNTIL[number / 16 % 4],
                ..Refusal::first([SETTINGS, "other"][number / 192], "invalid_client", "", NOW)
            };
            item(UNTIL[number % 4], quota, &refusal)
        })
    }

    #[test]
    fn a_lease_is_granted_exactly_when_the_record_allows_a_renewal() {
        let mut granted = 0;
        for item in items() {
            let record = item.clone().into_record().expect("a record");
            let is_allowed = record.held(NOW).is_none()
                && record.spent_for_ms(NOW).is_none()
                && record.refusal_of(SETTINGS, NOW).is_none();
            let outcome = in_memory::run(&acquire("b", None, Some(SETTINGS), NOW), &mut Some(item));
            assert_eq!(matches!(outcome, Outcome::Applied(_)), is_allowed, "{record:?}");
            granted += u32::from(is_allowed);
        }
        assert!(granted > 0);
    }

    /// An item that was deleted and created again counts its leases from the start.
    #[test]
    fn a_lease_of_another_owner_with_the_same_number_is_not_ended() {
        let refusal = Refusal::first("other", "invalid_client", "", NOW);
        let stored = || Some(item(NOW.plus_ms(10_000), Quota { since: NOW, last_seq: LeaseSeq::new(8) }, &refusal));
        for (owner, seq, is_ended) in [("a", 7, true), ("b", 7, false), ("a", 6, false)] {
            let lease = Lease { owner: owner.into(), seq: LeaseSeq::new(seq), until: NOW.plus_ms(10_000) };
            let end = Release { lease: &lease, failed: None, refusal: None, bookkeeping: &Bookkeeping::default() };
            let outcome = in_memory::run(&release(end), &mut stored());
            assert_eq!(matches!(outcome, Outcome::Applied(_)), is_ended, "{owner} {seq}");
        }
    }
}
