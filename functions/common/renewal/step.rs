//! The actions that a renewal returns, and the events that it takes.

use super::{
    AttemptError, Bookkeeping, Error, Grant, GrantType, HeldLease, Obtained, StoreError,
    circuit::{Circuit, CircuitMemory},
    record::{FailedRenewal, Lease, Outstanding, OutstandingToken, Record, Refusal},
};
use crate::identity::{Identity, LeaseSeq, Token, UnixMs, Version};
use std::time::Duration;

/// What the clocks say, and what this process remembers of the circuit breaker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The time, by this machine's clock.
    pub(crate) now: UnixMs,
    /// What is left until the response must be ready.
    pub(crate) left: Duration,
    /// What this process remembers.
    pub(crate) circuit: CircuitMemory,
}

/// What to do next. Each is followed by the event that it names, or by [`Event::StoreFailed`].
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum Action {
    /// Read the subject's record: [`Event::Record`].
    Read,
    /// Read the circuit breaker's state: [`Event::Circuit`].
    LookAtCircuit,
    /// Wait for room at the circuit breaker, and take a permit: [`Event::Circuit`].
    WaitForRoom,
    /// Acquire the lease, unless there is a token with a higher number: [`Event::Acquired`] or [`Event::Rejected`].
    Acquire {
        /// That number; `None` if no token can make the renewal needless.
        unless_newer_than: Option<LeaseSeq>,
    },
    /// Wait for a moment: [`Event::Paused`].
    Pause(Pause),
    /// Count one more renewal among those of all the principal's groups: [`Event::Counted`].
    CountInGroups {
        /// When the lease was acquired: the renewal counts in that minute.
        at: UnixMs,
    },
    /// Read the record of the guest that the user was: [`Event::Record`].
    ReadGuest,
    /// Move the guest's identity to the user: [`Event::Moved`].
    Move(Box<Move>),
    /// Take a permit of the circuit breaker, without waiting: [`Event::Circuit`].
    EnterCircuit,
    /// Tell LiveChat to revoke these tokens: [`Event::Revoked`].
    Revoke(Vec<OutstandingToken>),
    /// Tell LiveChat to revoke these tokens, and record the result: [`Event::Told`].
    Tell(Vec<OutstandingToken>),
    /// Call LiveChat for a token: [`Event::Responded`]. It is not called if the customer's cookies cannot be opened, or if what it issues
    /// could not be sealed.
    Call(Box<TokenRequest>),
    /// Store what LiveChat has issued, and end the lease: [`Event::Stored`].
    Commit(Box<Commit>),
    /// End the lease without a result, return the permit, and undo the count: [`Event::Released`].
    Release(Box<Release>),
    /// Return this. Nothing follows.
    Finish(Result<Obtained, Error>),
}

/// One attempt to get a token.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct TokenRequest {
    /// How LiveChat is asked.
    pub(crate) grant: GrantType,
    /// The customer; `None` for a new one.
    pub(crate) known: Option<Identity>,
    /// How long LiveChat may take.
    pub(crate) time: Duration,
    /// The attempt before this one was lost, so a short pause comes first.
    pub(crate) is_retry: bool,
    /// The result says something about LiveChat, as the group is not made up.
    pub(crate) is_evidence: bool,
}

/// What is stored at the end of a successful renewal.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Commit {
    pub(crate) lease: HeldLease,
    pub(crate) identity: Identity,
    pub(crate) token: Token,
    pub(crate) bookkeeping: Bookkeeping,
}

/// What is stored at the end of a renewal without a token.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Release {
    pub(crate) lease: HeldLease,
    /// For the calls that wait for this renewal, if it is their failure too.
    pub(crate) failed: Option<FailedRenewal>,
    /// For later calls, if LiveChat refused.
    pub(crate) refusal: Option<Refusal>,
    pub(crate) bookkeeping: Bookkeeping,
    /// When the renewal was counted among those of all groups, if LiveChat was not called.
    pub(crate) uncount: Option<UnixMs>,
}

/// What moves from a guest to a user, and on which conditions.
#[derive(Clone, Debug)]
pub struct Move {
    /// The user's lease.
    pub lease: Lease,
    /// The version of the guest's record as it was read.
    pub guest_version: Version,
    /// The guest's identity, as the user's.
    pub identity: Identity,
    /// The guest's tokens, as the user's that must be revoked.
    pub outstanding: Outstanding,
}

/// The result of a try to move a guest's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// The user has the identity, and the guest has none.
    Yes,
    /// The caller no longer had the user's lease, or the user has an identity by now: nothing was changed.
    UserChanged,
    /// The guest's record has changed since it was read: nothing was changed.
    GuestChanged,
}

/// The result of a try to commit a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commitment {
    /// The identity and the token are stored, and the lease has ended.
    Committed,
    /// The same, but the user has logged out since the lease was acquired: the token must not be returned, and must be revoked.
    LoggedOut,
    /// The caller no longer had the lease: nothing was changed.
    LeaseLost,
}

/// The result of a try to count one more renewal among those of all the principal's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupCount {
    /// It is counted.
    Counted,
    /// The quota of all groups is used up.
    QuotaSpent {
        /// The time until the next minute begins, in ms.
        left_ms: u64,
    },
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// The result of the lease's holder.
    ForHolder,
    /// The end of the guest's own renewal.
    ForGuest,
}

/// What has happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A record was read; an empty one if there is none.
    Record(Box<Record>),
    /// The circuit breaker's state.
    Circuit(Circuit),
    /// The call has acquired the lease. This is what is stored.
    Acquired(HeldLease, Box<Record>),
    /// The lease was not acquired. This is what is stored.
    Rejected(Box<Record>),
    /// The pause has ended.
    Paused,
    /// The result of the count.
    Counted(GroupCount),
    /// The result of the move.
    Moved(Adopted),
    /// The keys of the tokens that do not work any more.
    Revoked(Vec<String>),
    /// LiveChat was told, and the result is stored if that was possible.
    Told,
    /// LiveChat's response to an attempt.
    Responded(Result<Grant, AttemptError>),
    /// The result of the commit.
    Stored(Commitment),
    /// The lease was released, or will expire.
    Released,
    /// A request to DynamoDB failed, or its result is unknown; or cookies could not be sealed or opened.
    StoreFailed(StoreError),
}

impl Event {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Record(_) => "a record",
            Self::Circuit(_) => "the circuit breaker's state",
            Self::Acquired(..) | Self::Rejected(_) => "an acquisition's result",
            Self::Paused => "the end of a pause",
            Self::Counted(_) => "a count",
            Self::Moved(_) => "a move's result",
            Self::Revoked(_) | Self::Told => "a revocation's result",
            Self::Responded(_) => "LiveChat's response",
            Self::Stored(_) => "a commit's result",
            Self::Released => "a release",
            Self::StoreFailed(_) => "a failure of the store",
        }
    }
}

/// What happened on the way, for logs and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// LiveChat issued a token, which is stored.
    Renewed,
    /// The subject had no customer, and has one now.
    IdentityCreated,
    /// The user has a guest's customer now.
    IdentityAdopted,
    /// LiveChat did not recognise the customer on record, and is called once more.
    NotRecognised,
    /// LiveChat did not find the customer on record with the first grant, but with the other.
    IdentityRecovered,
    /// LiveChat no longer knows the customer on record: it was replaced.
    IdentityReplaced {
        /// The number of former customers.
        on_record: usize,
    },
    /// LiveChat no longer knows the customer on record, and the settings do not allow another one.
    ChangeRefused,
    /// The cookies had expired by their own date: the customer was replaced.
    IdentityExpired {
        /// The number of former customers.
        on_record: usize,
    },
    /// The stored token is returned although it could not be renewed.
    NotRenewed(Error),
    /// The call waits for another one's renewal.
    Waited,
    /// Whether the caller may have made up the group, as far as is known now. What LiveChat makes of such a group says nothing about
    /// LiveChat or the site.
    UnprovenGroup(bool),
}
