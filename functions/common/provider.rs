//! The rules of the four operations. Knows no HTTP, no DynamoDB and none of LiveChat's wire format.
//!
//! | operation | what it does | DynamoDB | LiveChat |
//! |---|---|---|---|
//! | `getToken` | answers the stored token while it is usable, else *renews* | one read | – |
//! | `getFreshToken` | answers a token that was issued after the call came | *renewal* | |
//! | *renewal* | see below | two writes | one call |
//! | `hasToken` | whether a live token is stored | one read | – |
//! | `invalidate` | drops the token, keeps the identity | one write | – |
//!
//! # Renewal
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

use crate::{
    accounts::{Accounts, Grant},
    config::{self, Account, Common, LiveChat, OnIdentityChange},
    error::{Error, Failure},
    identity::{FailedRenewal, Identity, Issued, Lease, Record, Subject, Token},
    store::{Store, Stored, Taken},
    telemetry,
    time::{Deadline, now_ms},
};
use std::{fmt, time::Duration};

/// One of the four, each a function of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The stored token, or a new one.
    GetToken,
    /// A new token.
    GetFreshToken,
    /// Whether there is a token.
    HasToken,
    /// Drops the token.
    Invalidate,
}

impl Operation {
    /// All four.
    pub const ALL: [Self; 4] = [Self::GetToken, Self::GetFreshToken, Self::HasToken, Self::Invalidate];

    /// Its name in LiveChat's documentation, and in the path.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetToken => "getToken",
            Self::GetFreshToken => "getFreshToken",
            Self::HasToken => "hasToken",
            Self::Invalidate => "invalidate",
        }
    }
}

/// The result of an operation.
#[derive(Debug)]
pub enum Reply {
    /// `getToken`, `getFreshToken`.
    Token {
        /// The token and its customer.
        issued: Issued,
        /// Where it came from.
        source: Source,
    },
    /// `hasToken`.
    HasToken(bool),
    /// `invalidate`.
    Invalidated,
}

impl Reply {
    /// Where the token came from, if the reply is one.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Token { source, .. } => Some(source),
            Self::HasToken(_) | Self::Invalidated => None,
        }
    }
}

/// Where a token came from. Displayed in the words of `Cache-Status` (RFC 9211): the stored token is a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The store.
    Stored,
    /// The store, because it could not be renewed; the code of the error that prevented it.
    StoredDespite(&'static str),
    /// LiveChat, asked by this call or, if `collapsed`, by another one that this call waited for.
    LiveChat {
        /// What made it necessary.
        why: Why,
        /// Another call asked.
        collapsed: bool,
    },
}

/// Why LiveChat had to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There was no token.
    Miss,
    /// The token had too little time left.
    Stale,
    /// The caller wanted a fresh one.
    Request,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored => f.write_str("hit"),
            Self::StoredDespite(code) => write!(f, "hit; detail={}", code.replace('_', "-")),
            Self::LiveChat { why, collapsed } => {
                let why = match why {
                    Why::Miss => "miss",
                    Why::Stale => "stale",
                    Why::Request => "request",
                };
                write!(f, "fwd={why}{}", if *collapsed { "; collapsed" } else { "" })
            }
        }
    }
}

/// `hasToken`: whether a token has been acquired that is still alive.
pub async fn has_token(store: &Store, subject: &Subject, deadline: Deadline) -> Result<Reply, Error> {
    let lifetime = store.read_lifetime(subject, deadline).await?;
    Ok(Reply::HasToken(lifetime.is_some_and(|lifetime| lifetime.is_live(now_ms()))))
}

/// `invalidate`: drops the token. Neither logout nor erasure: the identity stays, and `getFreshToken` follows.
pub async fn invalidate(store: &Store, subject: &Subject, deadline: Deadline) -> Result<Reply, Error> {
    store.drop_token(subject, deadline).await?;
    Ok(Reply::Invalidated)
}

/// `getToken` and `getFreshToken`.
#[derive(Clone, Debug)]
pub struct Provider {
    store: Store,
    accounts: Accounts,
    on_identity_change: OnIdentityChange,
}

impl Provider {
    /// How often a waiting call looks again: at first every 30 to 60 ms, later less often.
    const POLL: std::ops::Range<u64> = 30..60;
    /// What must be left of an invocation to start a renewal: less would make a customer that nobody keeps.
    const SHORTEST_RENEWAL: Duration = Duration::from_millis(1_500);
    /// What is kept back from asking LiveChat, for storing what it answers.
    const STORE_RESERVE: Duration = Duration::from_millis(500);

    /// The rules, over the table and the LiveChat account that the settings name.
    ///
    /// # Errors
    /// [`ConfigError`](crate::config::ConfigError) for the first setting that is missing or bad.
    pub async fn connect(settings: &config::Source<'_>, common: &Common) -> Result<Self, lambda_http::Error> {
        let on_identity_change = OnIdentityChange::read(settings)?;
        let accounts = Accounts::new(LiveChat::read(settings)?)?;
        Ok(Self::new(Store::connect(&common.table_name).await, accounts, on_identity_change))
    }

    /// Whose tokens these are.
    pub fn account(&self) -> Account {
        self.accounts.settings().account()
    }

    /// The rules, over this table and this LiveChat account.
    pub fn new(store: Store, accounts: Accounts, on_identity_change: OnIdentityChange) -> Self {
        Self { store, accounts, on_identity_change }
    }

    /// `getToken`: the stored token if it can be used, otherwise a new one. While none can be had, the stored token
    /// for as long as it lives.
    pub async fn get_token(&self, subject: &Subject, deadline: Deadline) -> Result<Reply, Error> {
        self.accounts.check_group(subject.group)?;
        let stored = self.store.read(subject, deadline).await?.unwrap_or_default().issued();
        let Some(stored) = stored else {
            return self.renew(subject, Need::usable(None), Why::Miss, deadline).await;
        };
        if stored.token.lifetime.is_usable(now_ms()) {
            return Ok(Reply::Token { issued: stored, source: Source::Stored });
        }
        match self.renew(subject, Need::usable(Some(stored.token.seq)), Why::Stale, deadline).await {
            Err(error) if error != Error::IdentityChanged => self.stored_despite(subject, error, deadline).await,
            other => other,
        }
    }

    /// The token that is stored now, if it lives, in place of the error that kept it from being renewed. What was stored
    /// when the call came may have been invalidated or replaced since.
    async fn stored_despite(&self, subject: &Subject, error: Error, deadline: Deadline) -> Result<Reply, Error> {
        let Ok(Some(record)) = self.store.read(subject, deadline).await else { return Err(error) };
        match record.issued().filter(|issued| issued.token.lifetime.is_live(now_ms())) {
            Some(issued) => {
                telemetry::trouble(&error, "not renewed; the stored token is still alive");
                Ok(Reply::Token { issued, source: Source::StoredDespite(error.code()) })
            }
            None => Err(error),
        }
    }

    /// `getFreshToken`: a token that LiveChat issued after this call came, for the same customer.
    pub async fn get_fresh_token(&self, subject: &Subject, deadline: Deadline) -> Result<Reply, Error> {
        self.accounts.check_group(subject.group)?;
        self.renew(subject, Need::fresh(), Why::Request, deadline).await
    }

    async fn renew(&self, subject: &Subject, mut need: Need, why: Why, deadline: Deadline) -> Result<Reply, Error> {
        loop {
            if deadline.left() < Self::SHORTEST_RENEWAL {
                return Err(Error::Busy);
            }
            // Made anew for each try, so that a write of this try can never pass for one of another.
            let owner = uuid::Uuid::new_v4().to_string();
            match self.store.take_lease(subject, &owner, need.unless_newer_than, deadline).await? {
                Taken::Ours(lease, record) => {
                    if let Some(issued) = self.ask(subject, &lease, record, deadline).await? {
                        return Ok(Reply::Token { issued, source: Source::LiveChat { why, collapsed: false } });
                    }
                    // The lease lapsed and somebody else took it, after this call came: their result serves.
                    need.found_taken(lease.seq);
                }
                Taken::Refused(record) => {
                    if let Some(result) = self.wait(subject, &mut need, record, deadline).await? {
                        let issued = result?;
                        return Ok(Reply::Token { issued, source: Source::LiveChat { why, collapsed: true } });
                    }
                }
            }
        }
    }

    /// Asks LiveChat under `lease`, and stores what it answers. `None` if the lease was lost meanwhile.
    async fn ask(
        &self,
        subject: &Subject,
        lease: &Lease,
        record: Record,
        deadline: Deadline,
    ) -> Result<Option<Issued>, Error> {
        // So that the result can be stored in time, and while the lease is certainly still ours.
        let safe = Duration::from_millis(lease.safe_for_ms(now_ms())).saturating_sub(Store::LONGEST_WRITE);
        let ask_by = deadline.minus(Self::STORE_RESERVE).within(safe.min(Accounts::LONGEST));
        if ask_by.left() < Accounts::SHORTEST_ATTEMPT {
            self.give_up(subject, lease, None, deadline).await;
            return Err(Error::Busy);
        }
        let grant = match self.grant(subject, record.identity.as_ref(), ask_by).await {
            Ok(grant) => grant,
            Err(failure) => {
                let word = FailedRenewal { seq: lease.seq, failure: failure.clone() };
                // That this call had too little time is nobody else's failure.
                self.give_up(subject, lease, Some(&word).filter(|_| failure != Failure::OutOfTime), deadline).await;
                return Err(failure.into());
            }
        };
        let token = Token { access_token: grant.access_token, lifetime: grant.lifetime, seq: lease.seq };
        let cookies_lapse_at_s = grant.cookies_lapse_at_s;
        let mut replaced = false;
        let identity = match record.identity {
            Some(known) if known.entity_id != grant.entity_id => {
                replaced = true;
                known.replaced_by(grant.entity_id, grant.cookies, cookies_lapse_at_s, now_ms())
            }
            Some(known) => Identity { cookies: grant.cookies, cookies_lapse_at_s, ..known },
            None => {
                Identity { entity_id: grant.entity_id, cookies: grant.cookies, cookies_lapse_at_s, former: Vec::new() }
            }
        };
        match self.keep(subject, lease, &identity, &token, deadline).await? {
            Stored::Yes => {
                if replaced {
                    tracing::error!("LiveChat no longer knows a customer: replaced, the former one is on record");
                }
                Ok(Some(Issued { entity_id: identity.entity_id, token }))
            }
            Stored::LeaseLost => Ok(None),
        }
    }

    /// Ends the lease without a result. If that fails too, it lapses by itself.
    async fn give_up(&self, subject: &Subject, lease: &Lease, word: Option<&FailedRenewal>, deadline: Deadline) {
        if let Err(error) = self.store.give_up(subject, lease, word, deadline).await {
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
        deadline: Deadline,
    ) -> Result<Stored, Error> {
        loop {
            match self.store.finish(subject, lease, identity, token, deadline).await {
                Err(Error::StoreUnavailable(cause)) if deadline.left() > Self::STORE_RESERVE => {
                    tracing::warn!(cause, "a new token is not stored yet; trying again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                other => return other,
            }
        }
    }

    /// A token from LiveChat for the customer on record. When it answers for another one, it is asked once more; if
    /// it stays with that, the site's settings decide.
    async fn grant(&self, subject: &Subject, known: Option<&Identity>, deadline: Deadline) -> Result<Grant, Failure> {
        let grant = self.accounts.token(subject.group, known, deadline).await?;
        let Some(known) = known.filter(|known| known.entity_id != grant.entity_id) else { return Ok(grant) };
        tracing::warn!("LiveChat answered for another customer than the one on record; asking once more");
        let again = self.accounts.token_at_once(subject.group, Some(known), deadline).await?;
        if again.entity_id != known.entity_id && self.on_identity_change == OnIdentityChange::Reject {
            return Err(Failure::IdentityChanged);
        }
        Ok(again)
    }

    /// Waits until the lease's holder has a result that meets `need`, which may be an error. `None` when the lease is
    /// free, so that this call can try to take it.
    async fn wait(
        &self,
        subject: &Subject,
        need: &mut Need,
        mut record: Record,
        deadline: Deadline,
    ) -> Result<Option<Result<Issued, Error>>, Error> {
        let mut pause = 1.0;
        loop {
            let now_ms = now_ms();
            let holder = record.held(now_ms).map(|lease| lease.seq);
            if let Some(seq) = holder {
                need.found_taken(seq);
            }
            if let Some(result) = need.met_by(&record, now_ms) {
                return Ok(Some(result));
            }
            if holder.is_none() {
                need.pass_over(&record);
                return Ok(None);
            }
            let poll = Duration::from_millis(fastrand::u64(Self::POLL)).mul_f64(pause);
            if deadline.left() < poll + Self::SHORTEST_RENEWAL {
                return Err(Error::Busy);
            }
            tokio::time::sleep(poll).await;
            pause = f64::min(pause * 1.3, 5.0);
            record = self.store.read(subject, deadline).await?.unwrap_or_default();
        }
    }
}

/// Which results a waiting call can take, by the number of the lease that they were got under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    fresh: bool,
    /// A token with a higher number makes a renewal needless; `None` if no token can.
    unless_newer_than: Option<u64>,
    /// A failure with a higher number is this call's failure too; `None` if none is.
    failure_after: Option<u64>,
}

impl Need {
    /// Any token newer than the one, if any, that has too little time left.
    fn usable(stale_seq: Option<u64>) -> Self {
        Self { fresh: false, unless_newer_than: Some(stale_seq.unwrap_or(0)), failure_after: None }
    }

    /// Only a token that LiveChat was asked for after this call came.
    fn fresh() -> Self {
        Self { fresh: true, unless_newer_than: None, failure_after: None }
    }

    /// The lease with the number `seq` was found taken. Only the first one tells: whatever has a higher number began
    /// after this call came.
    fn found_taken(&mut self, seq: u64) {
        if self.failure_after.is_none() {
            // The call under way was sent before a fresh token was wanted; to a usable one it is as good as any.
            self.failure_after = Some(if self.fresh { seq } else { seq.saturating_sub(1) });
            if self.fresh {
                self.unless_newer_than = Some(seq);
            }
        }
    }

    /// A stored token that does not serve must not keep this call from renewing it.
    fn pass_over(&mut self, record: &Record) {
        if let (Some(than), Some(token)) = (self.unless_newer_than, &record.token) {
            self.unless_newer_than = Some(than.max(token.seq));
        }
    }

    fn met_by(&self, record: &Record, now_ms: u64) -> Option<Result<Issued, Error>> {
        let newer = |seq: u64, than: Option<u64>| than.is_some_and(|than| seq > than);
        let issued = record
            .issued()
            .filter(|issued| newer(issued.token.seq, self.unless_newer_than) && issued.token.lifetime.is_live(now_ms));
        let failed = record.failed.as_ref().filter(|failed| newer(failed.seq, self.failure_after));
        issued.map(Ok).or_else(|| failed.map(|failed| Err(failed.failure.clone().into())))
    }
}

#[cfg(test)]
mod tests;
