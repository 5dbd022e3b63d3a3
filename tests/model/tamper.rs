//! Small changes to what the real code decides. A property must notice each of them. They change a write of the store, what a step
//! is told, or what it asks for. `seeded.rs` shows that they are noticed.

use super::{
    state::{Caller, Protocol},
    table::Item,
};
use crate::{
    identity::LeaseSeq,
    renewal::{
        AttemptError, Commit, Event, Phase, Renewal,
        record::{LatestLogout, Lease, OutstandingToken, Record},
    },
    store::{
        item,
        write::{Write, member},
    },
};
use aws_sdk_dynamodb::types::AttributeValue;

/// One such change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tamper {
    /// A commit stores what it is given, whoever has the lease.
    NoFence,
    /// The fence compares the owner, and not the lease's number.
    FenceWithoutNumber,
    /// The fence does not check whether the lease has ended.
    FenceWithoutLease,
    /// A lease is acquired although it is held.
    NoLeaseCondition,
    /// A lease is acquired although there is a newer token by now.
    NoTokenCondition,
    /// A release ends any owner's lease.
    ReleaseOfAnyLease,
    /// The end of a lease removes its owner's name as well.
    OwnerRemovedAtRelease,
    /// A caller that acquired a lease by a write whose response was lost does not see that it has it.
    OwnLeaseNotRecognised,
    /// A caller that stored a token by a write whose response was lost does not see that it did.
    OwnResultNotRecognised,
    /// A `getFreshToken` accepts the result of the call that was in progress when it came.
    FreshAcceptsCallInProgress,
    /// A read may return what was stored a moment ago.
    EventuallyConsistentReads,
    /// A failure counts for every caller that sees it.
    AnyFailureCounts,
    /// A failure counts only for the caller whose renewal failed.
    NoFailureCounts,
    /// The stored token with too little time left is accepted by a caller that wants one that can be used.
    StaleTokenAccepted,
    /// A stored token that is not accepted keeps a caller from renewing it.
    UnacceptedTokenBlocks,
    /// A token is returned before it is stored.
    ReturnedBeforeStored,
    /// The secret that comes with a token is not stored with it.
    NewSecretNotStored,
    /// `invalidate` removes the customer together with the token.
    InvalidateRemovesCustomer,
    /// LiveChat is called for a new customer again when the response is lost.
    RetriesNewCustomer,
    /// Another customer than the one on record is trusted at once.
    OtherCustomerAcceptedAtOnce,
    /// A holder calls LiveChat whether or not its lease lasts.
    LeaseExpiryIgnored,
    /// A holder ignores that clocks differ.
    SkewIgnored,
    /// A commit lists the new token as one that may work, and drops the others from the list.
    OnlyLatestListed,
    /// A logout removes the tokens from the list, before LiveChat has been told.
    UnlistedBeforeRevoked,
    /// A logout does not count the lease that is held as acquired before it.
    LogoutIgnoresRenewal,
    /// A renewal returns its token, and a waiting call goes on, although the user has logged out since.
    RenewalIgnoresLogout,
    /// The guest's half of the transaction does not check whether the item has changed since it was read.
    NoVersion,
    /// Adoption does not wait for the guest's own renewal.
    GuestLeaseIgnored,
    /// The user's half checks whether there is an identity, and not who has the lease.
    NoFenceInAdoption,
    /// The user's half has no condition.
    NoConditionOnUser,
    /// The guest's half removes the identity, and does not say that it was adopted.
    GuestNotMarked,
    /// A lease is acquired although the guest was adopted.
    AdoptedAcquiresLease,
    /// The guest's half does not remove the expiry of the guest's lease.
    GuestLeaseKept,
    /// If the guest turns out to be adopted after a transaction was rejected, the caller acts as if the guest had no identity.
    OwnLateCopyNotRecognised,
    /// The user's half is one write, and the guest's another that follows it.
    TwoWrites,
}

const FENCE: [&str; 3] = [item::LEASE_OWNER, item::LEASE_SEQ, item::LEASE_UNTIL_MS];

pub(super) fn acquire(protocol: &Protocol, write: Write) -> Write {
    match protocol.tamper {
        Some(Tamper::NoLeaseCondition) => write.without_conditions_on(&[item::LEASE_UNTIL_MS]),
        Some(Tamper::NoTokenCondition) => write.without_conditions_on(&[item::TOKEN]),
        Some(Tamper::AdoptedAcquiresLease) => write.without_conditions_on(&[item::ADOPTED_AT_MS]),
        _ => write,
    }
}

pub(super) fn unless_newer_than(protocol: &Protocol, seq: Option<LeaseSeq>) -> Option<LeaseSeq> {
    match protocol.tamper {
        Some(Tamper::UnacceptedTokenBlocks | Tamper::StaleTokenAccepted) => seq.map(|_| LeaseSeq::BEFORE_FIRST),
        _ => seq,
    }
}

pub(super) fn commit(protocol: &Protocol, write: Write, commit: &Commit) -> Write {
    match protocol.tamper {
        Some(Tamper::NoFence) => write.without_conditions_on(&FENCE),
        Some(Tamper::FenceWithoutNumber) => write.without_conditions_on(&[item::LEASE_SEQ]),
        Some(Tamper::FenceWithoutLease) => write.without_conditions_on(&[item::LEASE_UNTIL_MS]),
        Some(Tamper::OwnerRemovedAtRelease) => write.remove(item::LEASE_OWNER),
        Some(Tamper::NewSecretNotStored) => write.without_change_of(item::COOKIES),
        Some(Tamper::OnlyLatestListed) => {
            let outstanding = OutstandingToken::of(&commit.token);
            let one = [(outstanding.key.clone(), item::of_outstanding(&outstanding))];
            write.without_change_of(item::OUTSTANDING).set(item::OUTSTANDING, AttributeValue::M(one.into()))
        }
        _ => write,
    }
}

pub(super) fn release(protocol: &Protocol, write: Write) -> Write {
    match protocol.tamper {
        Some(Tamper::ReleaseOfAnyLease) => write.without_conditions_on(&[item::LEASE_OWNER, item::LEASE_SEQ]),
        Some(Tamper::OwnerRemovedAtRelease) => write.remove(item::LEASE_OWNER),
        _ => write,
    }
}

pub(super) fn drop(protocol: &Protocol, write: Write, item: &Item, is_logout: bool) -> Write {
    match protocol.tamper {
        Some(Tamper::InvalidateRemovesCustomer) if !is_logout => {
            let all = [item::ENTITY_ID, item::COOKIES, item::COOKIES_LAPSE_AT_S, item::FORMER];
            all.into_iter().fold(write, Write::remove)
        }
        Some(Tamper::UnlistedBeforeRevoked) if is_logout => {
            let keys = item.record().outstanding.0.iter().map(|token| token.key.clone());
            keys.fold(write, |write, key| write.remove(member(item::OUTSTANDING, key)))
        }
        Some(Tamper::LogoutIgnoresRenewal) if is_logout && item.is_leased() => {
            let seq = item.leases() - 1;
            write.without_change_of(item::LOGGED_OUT_SEQ).set(item::LOGGED_OUT_SEQ, seq)
        }
        _ => write,
    }
}

/// Both halves of the transaction.
pub(super) fn adopt(protocol: &Protocol, moved_in: Write, moved_out: Write) -> (Write, Write) {
    match protocol.tamper {
        Some(Tamper::NoVersion) => (moved_in, moved_out.without_conditions_on(&[item::VERSION])),
        Some(Tamper::NoFenceInAdoption) => (moved_in.without_conditions_on(&FENCE), moved_out),
        Some(Tamper::NoConditionOnUser) => {
            (moved_in.without_conditions_on(&FENCE).without_conditions_on(&[item::ENTITY_ID]), moved_out)
        }
        Some(Tamper::GuestNotMarked) => (moved_in, moved_out.without_change_of(item::ADOPTED_AT_MS)),
        // With the list of tokens, without which nothing could be stored under that lease.
        Some(Tamper::GuestLeaseKept) => {
            (moved_in, moved_out.without_change_of(item::LEASE_UNTIL_MS).without_change_of(item::OUTSTANDING))
        }
        _ => (moved_in, moved_out),
    }
}

/// What a caller reads, or is told of the item.
pub(super) fn record(protocol: &Protocol, record: &mut Record, caller: &Caller, is_guests: bool) {
    let Some(renewal) = caller.renewing().map(|renewing| &renewing.renewal) else { return };
    // DynamoDB keeps no order of the tokens, so their order must not distinguish states.
    record.outstanding.0.sort_by(|one, other| one.key.cmp(&other.key));
    match protocol.tamper {
        Some(Tamper::FreshAcceptsCallInProgress) if caller.call.is_fresh() => {
            record.lease.iter_mut().for_each(|lease| lease.seq = moved(lease.seq, -1));
        }
        Some(Tamper::AnyFailureCounts) => {
            record.failed.iter_mut().for_each(|failed| failed.seq = moved(failed.seq, 1_000));
        }
        Some(Tamper::NoFailureCounts) => record.failed = None,
        Some(Tamper::StaleTokenAccepted) if !matches!(renewal.phase, Phase::Reading) => {
            record.token.iter_mut().for_each(|token| token.seq = token.seq.next());
        }
        Some(Tamper::RenewalIgnoresLogout) => record.latest_logout = LatestLogout::default(),
        Some(Tamper::GuestLeaseIgnored) if is_guests => record.lease = None,
        Some(Tamper::OwnLateCopyNotRecognised) if is_guests => record.is_adopted = false,
        _ => {}
    }
}

fn moved(seq: LeaseSeq, by: i64) -> LeaseSeq {
    LeaseSeq::new(seq.as_u64().saturating_add_signed(by))
}

/// The error of a call to LiveChat whose connection broke.
pub(super) fn broken(protocol: &Protocol, names_a_customer: bool) -> AttemptError {
    if protocol.is(Tamper::RetriesNewCustomer) && !names_a_customer {
        return AttemptError::Unsent("no connection".into());
    }
    AttemptError::Lost("the connection broke".into())
}

pub(super) fn before_step(protocol: &Protocol, renewal: &mut Renewal, event: &Event) {
    let Phase::Holding(holding) = &mut renewal.phase else { return };
    match (protocol.tamper, event) {
        (Some(Tamper::OtherCustomerAcceptedAtOnce), Event::Responded(Ok(grant))) => {
            if let Some(known) = &mut holding.record.identity {
                known.entity_id.clone_from(&grant.entity_id);
            }
        }
        (Some(Tamper::LeaseExpiryIgnored), Event::Circuit(_)) => {
            holding.lease.0.until = holding.lease.0.until.plus_ms(60_000);
        }
        (Some(Tamper::SkewIgnored), Event::Circuit(_)) => {
            holding.lease.0.until = holding.lease.0.until.plus_ms(Lease::SKEW_MS);
        }
        _ => {}
    }
}
