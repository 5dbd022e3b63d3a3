//! Small changes of adoption, each of which a property must notice. `seeded.rs` shows that it does.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The guest's half of the transaction does not ask whether the item is what it was when it was read.
    NoVersion,
    /// Adoption does not wait for the guest's own renewal.
    GuestsLeaseIgnored,
    /// The user's half asks whether there is an identity, and not whose the lease is.
    NoFence,
    /// The user's half asks nothing at all.
    NothingAskedOfUser,
    /// The guest's half removes the identity, and does not say that it was adopted.
    Unmarked,
    /// `Store::take_lease` does not ask whether the guest was adopted.
    AdoptedTakesLease,
    /// The guest's half leaves the end of a lease where it is.
    LeaseLeftBehind,
    /// A guest who turns out to be adopted after a transaction was refused is taken for one without an identity.
    OwnLateCopyOverlooked,
    /// The user's half is one write, and the guest's another that follows it.
    TwoWrites,
}
