//! The state: the items, LiveChat, the callers, and what may still go wrong.

use super::{
    history::{Arrival, History},
    table::{Item, Who},
    tamper::Tamper,
};
use crate::{
    identity::LeaseSeq,
    renewal::{
        Action, Grants, Phase, Renewal,
        record::{Lease, OutstandingToken},
    },
    store::write::Write,
};
use secrecy::ExposeSecret;
use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

/// The protocol, in one configuration: the starting points, what may go wrong, and how often.
#[derive(Clone, Debug)]
pub(super) struct Protocol {
    /// Who calls. Each list is a starting point of its own.
    pub(super) calls: Vec<Vec<Call>>,
    /// What is stored before. Each is a starting point of its own.
    pub(super) stored: Vec<Stored>,
    /// Whose record `stored` is. The others have none.
    pub(super) stored_for: Who,
    pub(super) secrets: Secrets,
    /// `LIVECHAT_GRANT`, and whether there are an agent's credentials.
    pub(super) grants: Grants,
    pub(super) clocks: Clocks,
    pub(super) faults: Faults,
    /// `ON_IDENTITY_CHANGE=reject`.
    pub(super) rejects: bool,
    /// A change of what the real code decides, for the properties to find.
    pub(super) tamper: Option<Tamper>,
    /// It shows what is not promised.
    pub(super) shows_limits: bool,
}

impl Protocol {
    /// These calls of one user, each from each of these starting points. Nothing goes wrong.
    pub(super) fn of(calls: Vec<Vec<Operation>>, stored: &[Stored]) -> Self {
        let of_user = |calls: Vec<Operation>| calls.into_iter().map(Call::user).collect();
        Self {
            calls: calls.into_iter().map(of_user).collect(),
            stored: stored.to_vec(),
            stored_for: Who::User1,
            secrets: Secrets::Lenient,
            grants: Grants::Cookie,
            clocks: Clocks::Untimed,
            faults: Faults::default(),
            rejects: false,
            tamper: None,
            shows_limits: false,
        }
    }

    /// These calls, each from each of these starting points of the guest. Nothing goes wrong.
    pub(super) fn of_adoption(calls: Vec<Vec<Call>>, stored: &[Stored]) -> Self {
        Self { calls, stored_for: Who::Guest, ..Self::of(vec![], stored) }
    }

    pub(super) fn is(&self, tamper: Tamper) -> bool {
        self.tamper == Some(tamper)
    }

    pub(super) fn is_timed(&self) -> bool {
        self.clocks != Clocks::Untimed
    }

    fn any_call(&self, test: impl Fn(&Call) -> bool) -> bool {
        self.calls.iter().flatten().any(test)
    }

    /// A user who was the guest calls.
    pub(super) fn adopts(&self) -> bool {
        self.any_call(|call| call.was_guest)
    }

    /// A user logs out.
    pub(super) fn logs_out(&self) -> bool {
        self.any_call(|call| call.operation == Operation::Logout)
    }

    /// A user invalidates a token or logs out.
    pub(super) fn ends_tokens(&self) -> bool {
        self.any_call(|call| call.operation.ends_tokens())
    }

    /// All that goes wrong is that LiveChat is down.
    pub(super) fn is_calm_but_down(&self) -> bool {
        let downs = Faults { downs: self.faults.downs, ..Faults::default() };
        self.faults == downs && !self.is_timed() && !self.ends_tokens() && !self.adopts()
    }

    /// Nothing goes wrong that could keep calls from sharing what LiveChat issues, or change an identity.
    pub(super) fn is_calm(&self) -> bool {
        let lost = Faults { lost_writes: self.faults.lost_writes, ..Faults::default() };
        self.faults == lost && !self.rejects && !self.adopts()
    }
}

/// What a caller wants. `hasToken` only reads, and decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Operation {
    GetToken,
    GetFreshToken,
    Invalidate,
    /// `invalidate`, as a logout.
    Logout,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GetToken => "getToken",
            Self::GetFreshToken => "getFreshToken",
            Self::Invalidate => "invalidate",
            Self::Logout => "logout",
        })
    }
}

impl Operation {
    /// Tokens that were stored before must not be returned after it.
    pub(super) fn ends_tokens(self) -> bool {
        matches!(self, Self::Invalidate | Self::Logout)
    }

    /// All combinations of this many calls without a logout. The order makes no difference.
    pub(super) fn combinations(callers: usize) -> Vec<Vec<Self>> {
        Self::combinations_of(&[Self::GetToken, Self::GetFreshToken, Self::Invalidate], callers)
    }

    /// The same with at least one logout.
    pub(super) fn combinations_with_logout(callers: usize) -> Vec<Vec<Self>> {
        let all = [Self::GetToken, Self::GetFreshToken, Self::Invalidate, Self::Logout];
        Self::combinations_of(&all, callers).into_iter().filter(|calls| calls.contains(&Self::Logout)).collect()
    }

    fn combinations_of(all: &[Self], callers: usize) -> Vec<Vec<Self>> {
        (0..callers).fold(vec![vec![]], |shorter, _| {
            let longer = |some: &Vec<Self>| {
                let next = all.iter().copied().filter(|next| some.last().is_none_or(|last| last <= next));
                next.map(|next| [some.as_slice(), &[next]].concat()).collect::<Vec<_>>()
            };
            shorter.iter().flat_map(longer).collect()
        })
    }
}

/// A call: who calls, and which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) who: Who,
    /// It comes with the guest's id.
    pub(super) was_guest: bool,
    pub(super) operation: Operation,
}

impl Call {
    /// The first user's.
    pub(super) const fn user(operation: Operation) -> Self {
        Self { who: Who::User1, was_guest: false, operation }
    }

    /// The guest's own.
    pub(super) const fn guest(operation: Operation) -> Self {
        Self { who: Who::Guest, was_guest: false, operation }
    }

    /// The call of a user who has just logged in.
    pub(super) const fn adopts(who: Who, operation: Operation) -> Self {
        Self { who, was_guest: true, operation }
    }

    pub(super) fn is_fresh(self) -> bool {
        self.operation == Operation::GetFreshToken
    }
}

/// What is stored before the first call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// Nothing.
    Nothing,
    /// A customer, and no token.
    NoToken,
    /// A customer with a token.
    Token(Life),
}

impl Stored {
    pub(super) const ALL: [Self; 5] =
        [Self::Nothing, Self::NoToken, Self::Token(Life::Usable), Self::Token(Life::Stale), Self::Token(Life::Expired)];
}

/// What is left of a token's life. It does not change during a run: a run takes seconds, a life hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Life {
    Usable,
    /// Live, with too little time left.
    Stale,
    /// Expired, by every caller's clock.
    Expired,
}

/// What LiveChat does with a customer's secret. Nobody outside LiveChat knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    /// It stays valid.
    Lenient,
    /// Each call returns a new secret and invalidates the former one.
    Strict,
}

/// Whether time is modelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clocks {
    /// Time is not modelled: to any caller, at any moment, a lease may seem to have expired. That covers every way in which clocks can
    /// disagree, and every holder that is slow.
    Untimed,
    /// Time passes in ticks, and each caller's clock is ahead of the true time by one of the numbers, in ticks.
    Timed { tick: Duration, ahead: Vec<i16> },
}

/// How often each thing may go wrong in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// A caller dies, or has too little time left to go on waiting.
    pub(super) crashes: u8,
    /// A lease seems to have expired, and is acquired, while its holder is alive. If the holder died, that can always happen. (Untimed.)
    pub(super) early_expiries: u8,
    /// A write takes effect and its response is lost, so the SDK sends it again; or a release never arrives. (Untimed.)
    pub(super) lost_writes: u8,
    /// A write arrives a second time, at any later moment, with the time that it carried at first. (Untimed.)
    pub(super) late_writes: u8,
    /// A transaction takes effect later than its caller assumes, at any moment, or never.
    pub(super) late_moves: u8,
    /// A transaction conflicts with another write, and is rejected.
    pub(super) conflicts: u8,
    /// LiveChat does what it is asked for, and its response is lost.
    pub(super) lost_responses: u8,
    /// The same, but LiveChat receives the request only after the caller has stopped waiting for it.
    pub(super) late_requests: u8,
    /// LiveChat, or the circuit breaker in its place, says that it cannot serve the call.
    pub(super) downs: u8,
    /// A holder has too little time left to call LiveChat. (Untimed.)
    pub(super) time_shortages: u8,
    /// LiveChat does not recognise a customer, once.
    pub(super) glitches: u8,
    /// LiveChat forgets a customer.
    pub(super) forgets: u8,
    /// LiveChat issues a token that has expired already.
    pub(super) expired_tokens: u8,
    /// A holder is paused for any time. (Timed.)
    pub(super) pauses: u8,
    /// A caller is paused between reading its clock and sending the write that acquires the lease. (Timed.)
    pub(super) late_acquisitions: u8,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) items: [Item; 3],
    pub(super) livechat: LiveChat,
    pub(super) callers: Vec<Caller>,
    /// Copies of writes that are still on their way.
    pub(super) late_writes: Vec<LateWrite>,
    pub(super) late_move: Option<LateMove>,
    /// What may still go wrong.
    pub(super) left: Faults,
    pub(super) history: History,
    /// The user's item before it changed last, if that can still be read. ([`Tamper::EventuallyConsistentReads`].)
    pub(super) item_before: Option<Item>,
}

/// The customer and what proves it. The numbers are those of the LiveChat calls that created them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Cookies {
    pub(super) entity: u8,
    /// Always 0 while secrets are lenient.
    pub(super) secret: u8,
}

/// A set of small numbers: customers, or tokens by the number of their LiveChat call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NumberSet(u16);

pub(super) type Entities = NumberSet;
pub(super) type Tokens = NumberSet;

impl NumberSet {
    pub(super) fn add(&mut self, number: u8) {
        assert!(number < 16, "a run has few requests, not {number}");
        self.0 |= 1 << number;
    }

    pub(super) fn has(self, number: u8) -> bool {
        self.0 & (1 << number) != 0
    }

    pub(super) fn count(self) -> u32 {
        self.0.count_ones()
    }

    pub(super) fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(super) fn are_among(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }
}

/// LiveChat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct LiveChat {
    /// The number of calls that it received.
    pub(super) requests: u8,
    /// The only secret that is valid, for each customer. (Strict.)
    pub(super) secrets: Vec<Cookies>,
    /// Customers that it no longer knows.
    pub(super) forgotten: Entities,
    /// Tokens that it was told to revoke.
    pub(super) revoked: Tokens,
    /// Calls that are on their way and for which no caller waits.
    pub(super) late_requests: Vec<Cookies>,
}

/// A write that was sent once more than its caller knows.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LateWrite {
    Acquire {
        owner: Option<String>,
        unless_newer_than: Option<LeaseSeq>,
    },
    /// Any other write, with a description for traces.
    Other {
        what: &'static str,
        write: Box<Write>,
    },
}

impl Eq for LateWrite {}

impl Hash for LateWrite {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        match self {
            Self::Acquire { owner, unless_newer_than } => (owner, unless_newer_than).hash(hasher),
            Self::Other { write, .. } => format!("{write:?}").hash(hasher),
        }
    }
}

/// A transaction that is on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LateMove {
    pub(super) user: Who,
    pub(super) moved_in: Box<Write>,
    pub(super) moved_out: Box<Write>,
}

impl Eq for LateMove {}

impl Hash for LateMove {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.user, format!("{:?}{:?}", self.moved_in, self.moved_out)).hash(hasher);
    }
}

/// A call of an operation.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) call: Call,
    pub(super) doing: Doing,
    /// The situation when it arrived, while that matters.
    pub(super) arrival: Option<Arrival>,
    /// How far its clock is ahead, in ticks.
    pub(super) clock: i16,
    /// It is paused, and keeps to no time limit.
    pub(super) paused: bool,
    /// A hash of `doing`, which is compared in its place: [`Renewal`] has no equality.
    pub(super) fingerprint: u64,
}

/// Where a call is.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    Start,
    /// `getToken`, `getFreshToken`: the code that runs in Lambda.
    Renewing(Arc<Renewing>),
    /// `invalidate` or a logout whose response was lost. The SDK is about to send the write again.
    DropAgain,
    /// A logout that is stored, and that is about to tell LiveChat to revoke these tokens.
    Telling(Vec<OutstandingToken>),
    /// It has its result: a token or an error.
    Ended,
    /// It died.
    Gone,
}

/// A renewal, and what it waits for.
#[derive(Clone, Debug)]
pub(super) struct Renewing {
    pub(super) renewal: Renewal,
    pub(super) next: Action,
    /// The owner of the acquisition that is being sent again, as its response was lost.
    pub(super) owner: Option<String>,
    /// For how long the write that acquires the lease has been on its way, in ticks. (Timed.)
    pub(super) age: Option<i16>,
    /// How long this step may still take, in ticks. (Timed.)
    pub(super) limit: i16,
    /// The state in which it waited last, if nothing that it needs has changed since. If the lease is held, it returns to that state.
    pub(super) waited_in: Option<u64>,
    /// The transaction has taken effect, and its response was lost. DynamoDB knows it by its token when it is sent again.
    pub(super) has_moved: bool,
    /// The user's half of the move is written, the guest's is not. ([`Tamper::TwoWrites`].)
    pub(super) moves_out: bool,
}

impl PartialEq for Caller {
    fn eq(&self, other: &Self) -> bool {
        let key = |one: &Self| (one.call, one.fingerprint, one.arrival, one.clock, one.paused);
        key(self) == key(other)
    }
}

impl Eq for Caller {}

impl Hash for Caller {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.call, self.fingerprint, self.arrival, self.clock, self.paused).hash(hasher);
    }
}

impl Caller {
    pub(super) fn new(call: Call, clock: i16) -> Self {
        let mut caller = Self { call, doing: Doing::Start, arrival: None, clock, paused: false, fingerprint: 0 };
        caller.note();
        caller
    }

    /// `doing` has changed.
    pub(super) fn note(&mut self) {
        let mut hasher = DefaultHasher::new();
        match &self.doing {
            Doing::Renewing(renewing) => renewing.hash_into(&mut hasher),
            // Its tokens are told apart by their keys.
            other => format!("{other:?}").hash(&mut hasher),
        }
        self.fingerprint = hasher.finish();
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.doing, Doing::Ended | Doing::Gone)
    }

    pub(super) fn renewing(&self) -> Option<&Renewing> {
        match &self.doing {
            Doing::Renewing(renewing) => Some(renewing),
            _ => None,
        }
    }

    pub(super) fn renewing_mut(&mut self) -> Option<&mut Renewing> {
        match &mut self.doing {
            Doing::Renewing(renewing) => Some(Arc::make_mut(renewing)),
            _ => None,
        }
    }

    pub(super) fn next(&self) -> Option<&Action> {
        self.renewing().map(|renewing| &renewing.next)
    }

    /// A call of its own to LiveChat is in progress.
    pub(super) fn is_calling(&self) -> bool {
        matches!(self.next(), Some(Action::Call(_)))
    }

    /// The number of the lease that it is about to commit.
    pub(super) fn commits(&self) -> Option<LeaseSeq> {
        match self.next() {
            Some(Action::Commit(commit)) => Some(commit.lease.seq()),
            _ => None,
        }
    }

    /// It waits for another call's renewal.
    pub(super) fn is_waiting(&self) -> bool {
        self.renewing().is_some_and(|renewing| matches!(renewing.renewal.phase, Phase::ReadingHeld))
    }

    /// It will go on with the lease that `item` has, whether it knows already or not.
    pub(super) fn is_holder(&self, item: &Item) -> bool {
        let Some(renewing) = self.renewing() else { return false };
        let lease = item.lease();
        let is_this = |held: &Lease| (held.owner.as_str(), held.seq) == (lease.owner.as_str(), lease.seq);
        renewing.lease().is_some_and(is_this) || renewing.owner.as_ref().is_some_and(|owner| *owner == lease.owner)
    }

    /// How far the time in its write is ahead of the true time. It decreases while the write is on its way.
    pub(super) fn clock_of_its_write(&self) -> i16 {
        self.clock - self.renewing().and_then(|renewing| renewing.age).unwrap_or(0)
    }
}

impl Renewing {
    pub(super) fn new(renewal: Renewal, next: Action) -> Self {
        Self { renewal, next, owner: None, age: None, limit: 0, waited_in: None, has_moved: false, moves_out: false }
    }

    /// The lease that it holds, as far as it knows.
    pub(super) fn lease(&self) -> Option<&Lease> {
        match (&self.renewal.phase, &self.next) {
            (Phase::Holding(holding), _) => Some(holding.lease.fence()),
            (_, Action::Commit(commit)) => Some(commit.lease.fence()),
            (_, Action::Release(release)) => Some(release.lease.fence()),
            _ => None,
        }
    }

    /// Everything that it knows: `Debug` shows all but secrets.
    fn hash_into(&self, hasher: &mut DefaultHasher) {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(1024);
        let _ = write!(text, "{self:?}");
        hasher.write(text.as_bytes());
        for secret in super::secrets::of(self) {
            hasher.write(secret.expose_secret().as_bytes());
        }
    }
}

impl State {
    pub(super) fn item(&self, who: Who) -> &Item {
        &self.items[who as usize]
    }

    /// What a read returns.
    pub(super) fn item_to_read(&self, who: Who) -> &Item {
        self.item_before.as_ref().filter(|_| who == Who::User1).unwrap_or(self.item(who))
    }

    /// The lease is there, and its owner lives.
    pub(super) fn has_live_holder(&self, who: Who) -> bool {
        let item = self.item(who);
        item.is_leased() && self.callers.iter().any(|caller| caller.call.who == who && caller.is_holder(item))
    }

    /// The same state with the callers of each kind in a fixed order: which of them is which makes no difference.
    pub(super) fn representative(&self) -> Self {
        let mut same = self.clone();
        for alike in same.callers.chunk_by_mut(|one, next| one.call == next.call) {
            if alike.len() > 1 {
                alike.sort_by_cached_key(|caller| {
                    let mut hasher = DefaultHasher::new();
                    caller.hash(&mut hasher);
                    hasher.finish()
                });
            }
        }
        same
    }
}
