//! Small changes of the protocol, each of which a property must notice. `seeded.rs` shows that it does.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// `Store::finish` stores whatever it is given, whoever has the lease.
    NoFence,
    /// The fence compares the owner, and not the lease's number.
    FenceWithoutNumber,
    /// The fence does not ask whether the lease is still there.
    FenceWithoutLease,
    /// `Store::take_lease` takes a lease that is held.
    NoLeaseCondition,
    /// `Store::take_lease` does not ask whether there is a newer token by now.
    NoTokenCondition,
    /// `Store::give_up` ends the lease, whosever it is.
    ReleaseOfAnyLease,
    /// The end of a lease removes its owner's name as well.
    OwnerForgottenAtRelease,
    /// Who took a lease by a write whose answer was lost does not see that it is its own.
    OwnLeaseNotRecognised,
    /// Who stored a token by a write whose answer was lost does not see that it is its own.
    OwnResultNotRecognised,
    /// A `getFreshToken` is content with the result of the call that was under way when it came.
    FreshTakesTheCallUnderWay,
    /// `Store::read` may answer what was stored a moment ago.
    EventuallyConsistentReads,
    /// A failure counts for everybody who sees it.
    AnyFailureCounts,
    /// A failure counts for nobody but its own caller.
    NoFailureCounts,
    /// The stored token with too little time left is as good as another to who wants one that can be used.
    StaleTokenServes,
    /// A stored token that does not serve keeps a call from renewing it.
    NoPassingOver,
    /// A token is answered when LiveChat has issued it, and not stored first.
    AnsweredBeforeStored,
    /// The secret that comes with a token is not stored with it.
    NewSecretNotStored,
    /// `invalidate` removes the customer together with the token.
    InvalidateForgetsTheCustomer,
    /// A new customer is asked for again when the answer is lost.
    RetriesNewCustomer,
    /// Another customer than the one on record is believed at once.
    OtherCustomerTakenAtOnce,
    /// A holder asks LiveChat without looking how long its lease still lasts.
    LeaseNotWatched,
    /// A holder takes its own clock for everybody's.
    SkewIgnored,
    /// `Store::finish` lists the new token as one that may work, and drops the others from the list.
    OnlyTheLatestIsListed,
    /// `Store::log_out` removes the tokens from the list, before LiveChat has been told.
    ForgottenBeforeRevoked,
    /// `Store::log_out` does not count the lease that is held as taken before it.
    LogoutOverlooksTheRenewal,
    /// A renewal answers its token, and a waiting call goes on, although the user has logged out since.
    LogoutNotNoticed,
}
