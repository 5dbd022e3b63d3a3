//! What there is: the item, LiveChat, the callers, and what the properties have to remember.

pub(crate) use crate::broken::Broken;
use cip::provider::need::Need;
use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

/// The protocol, in one configuration: the starting points, what may go wrong, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    /// Who calls. Each list is a starting point of its own.
    pub(crate) calls: Vec<Vec<Operation>>,
    /// What is stored before. Each is a starting point of its own.
    pub(crate) stored: Vec<Stored>,
    pub(crate) secrets: Secrets,
    pub(crate) clocks: Clocks,
    pub(crate) faults: Faults,
    /// `ON_IDENTITY_CHANGE=reject`.
    pub(crate) rejects: bool,
    /// A fault that is built in, for the properties to find.
    pub(crate) broken: Option<Broken>,
    /// It is there to show what is not promised, so that nobody relies on it.
    pub(crate) shows_limits: bool,
}

impl Protocol {
    /// These calls, each from each of these starting points. Nothing goes wrong.
    pub(crate) fn of(calls: Vec<Vec<Operation>>, stored: &[Stored]) -> Self {
        Self {
            calls,
            stored: stored.to_vec(),
            secrets: Secrets::Lenient,
            clocks: Clocks::Untimed,
            faults: Faults::default(),
            rejects: false,
            broken: None,
            shows_limits: false,
        }
    }

    pub(crate) fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    pub(crate) fn is_timed(&self) -> bool {
        self.clocks != Clocks::Untimed
    }

    /// Somebody logs out.
    pub(crate) fn logs_out(&self) -> bool {
        self.calls.iter().flatten().any(|&operation| operation == Operation::Logout)
    }

    /// All that goes wrong is that LiveChat is down.
    pub(crate) fn is_calm_but_down(&self) -> bool {
        let invalidates = self.calls.iter().flatten().any(|operation| operation.ends_tokens());
        self.faults == Faults { downs: self.faults.downs, ..Faults::default() } && !self.is_timed() && !invalidates
    }

    /// Nothing goes wrong that could keep calls from sharing what LiveChat answers, or change an identity.
    pub(crate) fn is_calm(&self) -> bool {
        self.faults == Faults { lost_writes: self.faults.lost_writes, ..Faults::default() } && !self.rejects
    }
}

/// What a caller asks for. `hasToken` only reads, and decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Operation {
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
    /// Tokens that were stored before must not be answered after it.
    pub(crate) fn ends_tokens(self) -> bool {
        matches!(self, Self::Invalidate | Self::Logout)
    }

    /// All ways in which so many can call: who is who makes no difference. Nobody logs out.
    pub(crate) fn combinations(callers: usize) -> Vec<Vec<Self>> {
        Self::combinations_of(&[Self::GetToken, Self::GetFreshToken, Self::Invalidate], callers)
    }

    /// The same with at least one logout.
    pub(crate) fn combinations_with_logout(callers: usize) -> Vec<Vec<Self>> {
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

/// What is stored before anybody calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// A user who is new.
    Nothing,
    /// A customer, and no token.
    NoToken,
    /// A customer with a token.
    Token(Life),
}

impl Stored {
    pub(crate) const ALL: [Self; 5] =
        [Self::Nothing, Self::NoToken, Self::Token(Life::Usable), Self::Token(Life::Stale), Self::Token(Life::Dead)];
}

/// What is left of a token's life. It does not change while the model runs: that takes seconds, a life takes hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    Usable,
    /// Alive, with too little time left.
    Stale,
    /// Over, to everybody's clock.
    Dead,
}

/// What LiveChat makes of a customer's secret, which nobody outside LiveChat knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// It stays valid, whether or not a call brings another one.
    Lenient,
    /// Each call brings another one, and kills the former.
    Strict,
}

/// Who knows what time it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Clocks {
    /// Nobody: to anybody, at any moment, a lease may seem to have lapsed. This covers each way in which clocks can
    /// disagree, and each holder that is slow.
    Untimed,
    /// Time passes in ticks, and each caller's clock is ahead of the true time by one of the numbers, in ticks.
    Timed { tick: Duration, ahead: Vec<i16> },
}

/// How often each thing may go wrong, in a run. Without a number it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    /// A caller dies, or is out of time: it does nothing more, and leaves what it has.
    pub(crate) crashes: u8,
    /// A lease is taken from a holder that lives. From one that is dead it is always free to take. (Untimed.)
    pub(crate) lapses: u8,
    /// A write takes effect and its answer is lost, so the SDK sends it again; or a release of the lease gets lost.
    /// (Untimed.)
    pub(crate) lost_writes: u8,
    /// A write arrives a second time, at any later moment, with the time that it carried at first. (Untimed.)
    pub(crate) late_writes: u8,
    /// LiveChat takes a request, and its answer is lost.
    pub(crate) lost_answers: u8,
    /// The same, but LiveChat gets the request only after everybody has stopped waiting for it.
    pub(crate) late_requests: u8,
    /// LiveChat, or the breaker in its place, says that it cannot answer.
    pub(crate) downs: u8,
    /// A holder finds that it has too little time left to ask. (Untimed; else time tells.)
    pub(crate) too_lates: u8,
    /// LiveChat does not recognise a customer, once.
    pub(crate) glitches: u8,
    /// LiveChat forgets a customer for good.
    pub(crate) forgets: u8,
    /// LiveChat issues a token that is over at once.
    pub(crate) dead_tokens: u8,
    /// A holder is paused for as long as it likes. (Timed.)
    pub(crate) pauses: u8,
    /// A caller that wants the lease is paused between looking at its clock and the write. (Timed.)
    pub(crate) late_takes: u8,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) item: Item,
    pub(crate) livechat: LiveChat,
    pub(crate) callers: Vec<Caller>,
    /// Writes that are on their way a second time.
    pub(crate) late_writes: Vec<LateWrite>,
    /// What may still go wrong.
    pub(crate) left: Faults,
    pub(crate) history: History,
    /// The item before it changed last, if that can still be read. (`Broken::EventuallyConsistentReads`.)
    pub(crate) item_before: Option<Item>,
}

/// The item in DynamoDB. Its `version` and `expiresAt` decide nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Item {
    pub(crate) identity: Option<Cookies>,
    pub(crate) former: Entities,
    pub(crate) token: Option<Token>,
    /// Tokens that may still work, by request and lease number, in that order. Only where somebody logs out.
    pub(crate) outstanding: Vec<(u8, u64)>,
    /// The number of the latest lease at the latest logout.
    pub(crate) logged_out: u64,
    pub(crate) lease_seq: u64,
    pub(crate) lease_owner: Option<Owner>,
    /// In ticks from now, by the owner's clock. Untimed: only whether it is there.
    pub(crate) lease_until: Option<i16>,
    pub(crate) failed: Option<Word>,
}

/// An owner's name is a value that is used once. Here it is the number of the first lease that was taken under it.
pub(crate) type Owner = u64;

/// The customer and what proves it. The numbers are those of the LiveChat requests that made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Cookies {
    pub(crate) entity: u8,
    /// Always 0 while secrets are lenient.
    pub(crate) secret: u8,
}

/// A token: the `request`th that LiveChat got. The one that was there before anybody called has the number 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Token {
    pub(crate) request: u8,
    pub(crate) life: Life,
    pub(crate) seq: u64,
}

/// Word of a failed renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Word {
    pub(crate) seq: u64,
    /// How many had been left before.
    pub(crate) nth: u8,
    /// `Failure::IdentityChanged`.
    pub(crate) changed: bool,
}

/// Some small numbers: customers or tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Few(u16);

/// Customers.
pub(crate) type Entities = Few;
/// Tokens, by the number of their request.
pub(crate) type Tokens = Few;

impl Few {
    pub(crate) fn add(&mut self, number: u8) {
        assert!(number < 16, "a run has few requests, not {number}");
        self.0 |= 1 << number;
    }

    pub(crate) fn has(self, number: u8) -> bool {
        self.0 & (1 << number) != 0
    }

    pub(crate) fn count(self) -> u32 {
        self.0.count_ones()
    }

    pub(crate) fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(crate) fn are_among(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }
}

/// LiveChat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct LiveChat {
    /// How many requests it got.
    pub(crate) requests: u8,
    /// The only secret that is valid, for each customer. (Strict.)
    pub(crate) secrets: Vec<Cookies>,
    /// Customers that it no longer knows.
    pub(crate) forgotten: Entities,
    /// Tokens that it was told to revoke.
    pub(crate) revoked: Tokens,
    /// Requests that are under way and that nobody waits for.
    pub(crate) late_requests: Vec<Cookies>,
}

/// What LiveChat answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    pub(crate) request: u8,
    pub(crate) cookies: Cookies,
    pub(crate) life: Life,
}

/// A call of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    pub(crate) operation: Operation,
    pub(crate) phase: Phase,
    /// What was so when it arrived, while that matters.
    pub(crate) arrival: Option<Arrival>,
    /// How far its clock is ahead, in ticks.
    pub(crate) clock: i16,
    /// It keeps to no time limit now.
    pub(crate) paused: bool,
}

/// What was so when a call arrived, which is when its first operation takes effect: any earlier, and it could expect less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Arrival {
    /// The oldest token that it may be answered.
    pub(crate) oldest: u8,
    /// Tokens that it must not be answered; for `invalidate`, those that it promises to end.
    pub(crate) gone: Tokens,
    /// How many customers had been answered.
    pub(crate) entities: usize,
    /// The last lease that had been taken, for a `getFreshToken`.
    pub(crate) leases: u64,
    /// How many times word of a failure had been left, for a `getToken`.
    pub(crate) failures: u8,
    /// The first lease that it found taken, for a `getToken`.
    pub(crate) found_taken: Option<u64>,
    /// `Record::logged_out_seq`.
    pub(crate) logged_out: u64,
    /// The tokens that had been answered, for a logout.
    pub(crate) given: Tokens,
}

/// Where a call is. `fallback`: it is a `getToken` that found a token on record, which it may still answer in place of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    Start,
    /// About to try to take the lease.
    Renew {
        need: Need,
        fallback: bool,
        /// It comes from waiting, and nothing that it needs has changed. To find the lease taken would only send it back.
        waited: bool,
    },
    /// The write that takes the lease is under way. (Timed.)
    TakeSent {
        need: Need,
        fallback: bool,
        age: i16,
    },
    /// The lease was taken and the answer lost; the SDK is about to send the write again.
    TakeAgain {
        need: Need,
        fallback: bool,
        owner: Owner,
    },
    /// In `Provider::wait`, between two looks.
    Waiting {
        need: Need,
        fallback: bool,
    },
    Holding(Holding),
    /// `invalidate` whose answer was lost; the SDK is about to send the write again.
    DropAgain,
    /// A logout that is stored, and whose caller is about to tell LiveChat to revoke these tokens, and then to forget them.
    Telling(Tokens),
    /// In `Provider::stored_despite`: about to read.
    Despite,
    /// Answered: with a token or an error.
    Answered,
    /// Dead, or out of time.
    Gone,
}

/// In `Provider::ask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Holding {
    pub(crate) need: Need,
    pub(crate) fallback: bool,
    /// The lease's number, and whose it is.
    pub(crate) seq: u64,
    pub(crate) owner: Owner,
    /// When it ends, as in the item, until that has been looked at. (Timed.)
    pub(crate) until: i16,
    /// The identity in the record that came with the lease.
    pub(crate) known: Option<Cookies>,
    pub(crate) former: Entities,
    /// Tokens that LiveChat is told to revoke before it is asked for another.
    pub(crate) due: Tokens,
    pub(crate) step: Step,
    /// How long this step may still take, in ticks. (Timed.)
    pub(crate) limit: i16,
}

/// What a holder is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// In `Breaker::enter`. (Timed. Else it is a part of the time until LiveChat gets the request.)
    Admit,
    /// Its request is under way.
    Ask(Attempt),
    /// LiveChat has answered; about to store it.
    Finish(Grant),
    /// About to end the lease, leaving word of the failure or none.
    GiveUp(Option<Word>),
}

/// The how-manieth attempt at a token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Attempt {
    First,
    /// After one that was lost: `Miss::may_try_again`.
    AfterLoss,
    /// After an answer for another customer: the second half of `Provider::grant`.
    AfterOther,
}

/// A write that was sent once more than the caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LateWrite {
    Take { owner: Option<Owner>, unless_newer_than: Option<u64> },
    Finish(Holding, Grant),
    GiveUp(Holding, Option<Word>),
    DropToken,
    LogOut,
}

/// What the properties have to remember.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    /// The customers that were answered, in order.
    pub(crate) answered: Vec<u8>,
    /// All tokens that were ever stored, if somebody invalidates.
    pub(crate) stored: Tokens,
    /// Those of them that nobody who comes now may be answered.
    pub(crate) gone: Tokens,
    /// The tokens that were answered. Only where somebody logs out.
    pub(crate) given: Tokens,
    /// The number of the latest lease when somebody logged out last.
    pub(crate) ended: u64,
    /// The newest token that a `getFreshToken` answered.
    pub(crate) freshest: u8,
    /// How many times word of a failure was left.
    pub(crate) failures: u8,
    /// How many times the identity may have changed: secrets that LiveChat has killed and whose successor is not
    /// stored, and customers that it forgot.
    pub(crate) changes_due: u32,
    /// The number of the last lease before anybody called.
    pub(crate) leases_before: u64,
    /// Somebody arrived after the first lease was over.
    pub(crate) latecomers: bool,
    /// What has gone wrong, beyond what can be seen in the state itself.
    pub(crate) breaches: Breaches,
}

/// Something that must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// A `getFreshToken` was answered a token that LiveChat was asked for before it came.
    NotFresh,
    /// A `getToken` was answered an older token than a `getFreshToken` that had been answered before it came.
    Older,
    /// A `getToken` was answered a token that had been invalidated before it came.
    Invalidated,
    /// A call was answered a former customer, after another one had been answered the new one.
    FormerCustomer,
    /// A call was answered what is not stored.
    NotStored,
    /// A call was answered a failure of which word was left before it came; or, if it wants a fresh token, the failure of
    /// a renewal that began before.
    OldFailure,
    /// A `getToken` that had waited for a renewal which failed began another.
    FailureNotShared,
    /// A `getToken` was answered the token with too little time left that it found, without an attempt to renew it.
    Stale,
    /// A new customer was asked for a second time under one lease.
    NewCustomerTwice,
    /// A call that had found a lease taken and got a later one did not get the next.
    LeaseSkipped,
    /// A token was answered that was issued before a logout.
    LoggedOut,
    /// A logout was answered that LiveChat was told, and a token works that was answered before.
    NotRevoked,
}

/// The set of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Breaches(u16);

impl Breaches {
    pub(crate) fn add(&mut self, breach: Breach) {
        self.0 |= 1 << breach as u8;
    }

    pub(crate) fn has(self, breach: Breach) -> bool {
        self.0 & (1 << breach as u8) != 0
    }
}

impl Item {
    /// `Record::issued`.
    pub(crate) fn issued(&self) -> Option<(Cookies, Token)> {
        self.identity.zip(self.token.filter(|token| token.seq > self.logged_out))
    }

    /// `Record::due_revocations`, as if it were always time to tell LiveChat again.
    pub(crate) fn due(&self) -> Tokens {
        let mut due = Tokens::default();
        for &(request, seq) in &self.outstanding {
            if seq <= self.logged_out {
                due.add(request);
            }
        }
        due
    }

    /// LiveChat has revoked these.
    pub(crate) fn forget(&mut self, revoked: Tokens) {
        self.outstanding.retain(|&(request, _)| !revoked.has(request));
    }
}

impl History {
    /// A token was stored, which matters if somebody `invalidates`.
    pub(crate) fn note_stored(&mut self, request: u8, invalidates: bool) {
        if invalidates {
            self.stored.add(request);
        }
    }
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

    pub(crate) fn is_fresh(&self) -> bool {
        self.operation == Operation::GetFreshToken
    }

    /// It is a `getToken` that found a token with too little time left, and it has not got another one yet.
    pub(crate) fn found_token(&self) -> bool {
        match self.phase {
            Phase::Renew { fallback, .. }
            | Phase::TakeSent { fallback, .. }
            | Phase::TakeAgain { fallback, .. }
            | Phase::Waiting { fallback, .. }
            | Phase::Holding(Holding { fallback, .. }) => fallback,
            _ => false,
        }
    }

    /// How far the time that its write carries is ahead of the true time: less, the longer the write is under way.
    pub(crate) fn clock_of_its_write(&self) -> i16 {
        match self.phase {
            Phase::TakeSent { age, .. } => self.clock - age,
            _ => self.clock,
        }
    }

    /// A request of its own to LiveChat is under way.
    pub(crate) fn is_asking(&self) -> bool {
        self.holding().is_some_and(|holding| matches!(holding.step, Step::Ask(_)))
    }

    /// It will go on with the lease that `item` has, whether it knows already or not.
    fn is_holder(&self, item: &Item) -> bool {
        match self.phase {
            Phase::Holding(Holding { seq, owner, .. }) => item.lease_owner == Some(owner) && item.lease_seq == seq,
            Phase::TakeAgain { owner, .. } => item.lease_owner == Some(owner),
            _ => false,
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
    /// What a read answers.
    pub(crate) fn item_to_read(&self) -> &Item {
        self.item_before.as_ref().unwrap_or(&self.item)
    }

    /// The lease is there, and its owner lives.
    pub(crate) fn has_live_holder(&self) -> bool {
        self.item.lease_until.is_some() && self.callers.iter().any(|caller| caller.is_holder(&self.item))
    }

    /// The same state with the callers of each operation in a fixed order: which of them is which makes no difference.
    pub(crate) fn representative(&self) -> Self {
        let mut same = self.clone();
        for alike in same.callers.chunk_by_mut(|one, next| one.operation == next.operation) {
            if alike.len() > 1 {
                alike.sort_by_cached_key(Caller::order);
            }
        }
        same
    }
}
