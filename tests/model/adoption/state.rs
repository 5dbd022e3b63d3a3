//! What there is: three items, LiveChat, the callers, and what the properties have to remember.

pub(crate) use super::broken::Broken;
pub(crate) use crate::state::{Cookies, Entities, Operation, Secrets, Stored};
use cip::provider::need::Need;
use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Adoption, in one configuration: the starting points, what may go wrong, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Adoption {
    /// Who calls. Each list is a starting point of its own.
    pub(crate) calls: Vec<Vec<Call>>,
    /// What is stored for the guest before. Each is a starting point of its own. For the users nothing is.
    pub(crate) stored: Vec<Stored>,
    pub(crate) secrets: Secrets,
    pub(crate) faults: Faults,
    /// A fault that is built in, for the properties to find.
    pub(crate) broken: Option<Broken>,
}

impl Adoption {
    /// These calls, each from each of these starting points. Nothing goes wrong.
    pub(crate) fn of(calls: Vec<Vec<Call>>, stored: &[Stored]) -> Self {
        let stored = stored.to_vec();
        Self { calls, stored, secrets: Secrets::Lenient, faults: Faults::default(), broken: None }
    }

    pub(crate) fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }
}

/// Who has an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Who {
    Guest,
    User1,
    User2,
}

impl Who {
    pub(crate) const ALL: [Self; 3] = [Self::Guest, Self::User1, Self::User2];
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guest => "guest",
            Self::User1 => "user 1",
            Self::User2 => "user 2",
        })
    }
}

/// A call: whose, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) who: Who,
    /// It comes with the guest's id.
    pub(crate) was_guest: bool,
    pub(crate) operation: Operation,
}

impl Call {
    /// The guest's own.
    pub(crate) const fn guest(operation: Operation) -> Self {
        Self { who: Who::Guest, was_guest: false, operation }
    }

    /// A user's who has just logged in.
    pub(crate) const fn adopts(who: Who, operation: Operation) -> Self {
        Self { who, was_guest: true, operation }
    }

    /// A user's from elsewhere.
    pub(crate) const fn user(who: Who, operation: Operation) -> Self {
        Self { who, was_guest: false, operation }
    }

    pub(crate) fn is_fresh(self) -> bool {
        self.operation == Operation::GetFreshToken
    }
}

/// How often each thing may go wrong, in a run. Without a number it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    /// A caller dies and leaves what it has.
    pub(crate) crashes: u8,
    /// A lease seems to have lapsed though its holder lives.
    pub(crate) lapses: u8,
    /// A write takes effect and its answer is lost.
    pub(crate) lost_writes: u8,
    /// A transaction takes effect, or not, at any later moment than its caller believes.
    pub(crate) late_moves: u8,
    /// A transaction meets another write, and is refused for that.
    pub(crate) conflicts: u8,
    /// LiveChat takes a request, and its answer is lost.
    pub(crate) lost_answers: u8,
    /// A holder has too little time left for what comes next.
    pub(crate) too_lates: u8,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// By `Who`.
    pub(crate) items: [Item; 3],
    /// The customers that LiveChat has made; for each, the number of the only secret that is valid. (Lenient: always 0.)
    pub(crate) customers: Vec<u8>,
    pub(crate) callers: Vec<Caller>,
    /// A copy of a transaction that is on its way still.
    pub(crate) late_move: Option<Transaction>,
    /// What may still go wrong.
    pub(crate) left: Faults,
    pub(crate) history: History,
}

/// An item in DynamoDB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Item {
    pub(crate) identity: Option<Cookies>,
    /// The number of the lease that the token was got under. All tokens can be used.
    pub(crate) token: Option<u64>,
    /// The number of the latest lease, which says whose it is, too.
    pub(crate) lease_seq: u64,
    /// `leaseUntil` is there.
    pub(crate) is_leased: bool,
    /// `adoptedAt` is there.
    pub(crate) is_adopted: bool,
    pub(crate) version: u64,
}

impl Item {
    /// The customer whose token is there: `Record::issued`.
    pub(crate) fn issued(&self) -> Option<(Cookies, u64)> {
        self.identity.zip(self.token)
    }
}

/// `TransactWriteItems`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Transaction {
    /// The user, and the number of the user's lease.
    pub(crate) user: Who,
    pub(crate) seq: u64,
    /// The guest's item as it was read.
    pub(crate) guest_version: u64,
    pub(crate) identity: Cookies,
    /// The request's token, which the SDK makes anew for each transaction: how many conflicts may still come. Without one in
    /// between, no two transactions are alike.
    pub(crate) token: u8,
}

/// A call and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    pub(crate) call: Call,
    pub(crate) phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Start,
    /// About to try to take the lease.
    Renew {
        need: Need,
        /// It comes from waiting, and nothing that it needs has changed. To find the lease taken would only send it back.
        waited: bool,
    },
    /// Lease `seq` was taken and the answer lost; the SDK is about to send the write again.
    TakeAgain {
        need: Need,
        seq: u64,
    },
    /// In `Provider::wait`, between two looks.
    Waiting {
        need: Need,
    },
    Holding(Holding),
    /// Answered: with a token or an error.
    Answered,
    /// Dead.
    Gone,
}

/// In `Provider::ask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Holding {
    pub(crate) need: Need,
    /// The lease's number.
    pub(crate) seq: u64,
    /// The identity in the record that came with the lease, or the one that has moved since.
    pub(crate) known: Option<Cookies>,
    pub(crate) step: Step,
}

/// What a holder is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// In `Provider::adopt`: about to read the guest's item. `tried`: a transaction of its own was refused before, and a copy of
    /// it may still be on its way.
    ReadGuest { tried: bool },
    /// The guest is somebody's by now: perhaps the user's own.
    ReadOwn,
    /// About to move the guest's identity.
    Move(Transaction),
    /// It has moved, and the caller does not know: the answer was lost, or it was a copy that had been held up. The SDK is about
    /// to send the transaction again.
    MoveAgain(Transaction),
    /// The user's half is written, the guest's is not. (`Broken::TwoWrites`.)
    MoveOut(Transaction),
    /// Its request to LiveChat is under way.
    Ask,
    /// LiveChat has answered; about to store it.
    Finish(Cookies),
    /// About to end the lease.
    GiveUp,
}

/// What the properties have to remember.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    /// All customers that were ever stored.
    pub(crate) stored: Entities,
    /// The customers that each was answered, by `Who`.
    pub(crate) answered: [Entities; 3],
    /// The guest's identity has moved.
    pub(crate) moved: bool,
    /// Somebody was answered a customer that a user had been answered before, and who is not that user.
    pub(crate) answered_anothers: bool,
    /// LiveChat did not recognise a customer, and made another.
    pub(crate) made_anew: bool,
}

impl Caller {
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Answered | Phase::Gone)
    }

    /// What it holds, as far as it knows.
    pub(crate) fn holding(&self) -> Option<&Holding> {
        match &self.phase {
            Phase::Holding(holding) => Some(holding),
            _ => None,
        }
    }

    /// Equal callers are the same, and others almost surely not.
    fn order(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl State {
    pub(crate) fn item(&self, who: Who) -> &Item {
        &self.items[who as usize]
    }

    pub(crate) fn item_mut(&mut self, who: Who) -> &mut Item {
        &mut self.items[who as usize]
    }

    /// The lease is there, and a caller will go on with it, whether it knows already or not.
    pub(crate) fn has_live_holder(&self, who: Who) -> bool {
        let item = self.item(who);
        let is_holder = |caller: &Caller| match caller.phase {
            Phase::Holding(Holding { seq, .. }) | Phase::TakeAgain { seq, .. } => seq == item.lease_seq,
            _ => false,
        };
        item.is_leased && self.callers.iter().any(|caller| caller.call.who == who && is_holder(caller))
    }

    /// The same state with the callers of each kind in a fixed order: which of them is which makes no difference.
    pub(crate) fn representative(&self) -> Self {
        let mut same = self.clone();
        for alike in same.callers.chunk_by_mut(|one, next| one.call == next.call) {
            if alike.len() > 1 {
                alike.sort_by_cached_key(Caller::order);
            }
        }
        same
    }
}
