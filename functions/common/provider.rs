//! The rules of the four operations. Knows no HTTP, no DynamoDB and none of LiveChat's wire format.
//!
//! | operation | what it does | DynamoDB | LiveChat |
//! |---|---|---|---|
//! | `getToken` | answers the stored token while it is usable, else *renews* | one read | – |
//! | `getFreshToken` | answers a token that was issued after the call came | *renewal* | |
//! | *renewal* | one call at a time for each subject | two writes and a read, a group's three | one call |
//! | `hasToken` | whether a live token is stored | one read | – |
//! | `invalidate` | drops the token, keeps the identity | one write | – |
//! | `invalidate`, as a logout | the same with all groups, then revokes all tokens | one query; two writes for each group | one call for each token |
//!
//! While LiveChat's [refusal](crate::identity::Refusal) applies, `getToken` reads it with the token and `getFreshToken` meets it in its
//! first write; neither calls LiveChat.
//!
//! Renewal is in `provider/renewal.rs`, how a guest becomes a user in `provider/adoption.rs`, and how a logout and an
//! adoption revoke tokens in `provider/logout.rs` and `provider/revocation.rs`. While LiveChat has to be told about tokens, the next
//! renewal and the next logout tell it, and the other calls but `hasToken` once a minute.

mod adoption;
mod logout;
pub mod need;
mod renewal;
mod revocation;

use crate::{
    breaker::{Breaker, Urgency},
    error::Error,
    identity::{Issued, Record},
    livechat::Accounts,
    operation::{Call, Reply, Source, Why},
    settings::{Account, Common, Groups, LiveChat, OnIdentityChange, Renewals},
    store::Store,
    telemetry,
    time::now_ms,
};
use need::Need;
use std::num::NonZeroU32;

/// `hasToken`: whether a token has been acquired that is still alive.
pub async fn has_token(store: &Store, call: &Call) -> Result<Reply, Error> {
    let lifetime = store.read_lifetime(&call.subject, call.deadline).await?;
    Ok(Reply::HasToken(lifetime.is_some_and(|lifetime| lifetime.is_live(now_ms()))))
}

/// `invalidate`: drops the token. Not erasure: the identity stays, and `getFreshToken` follows.
///
/// LiveChat is not told: the widget invalidates a token for its routine renewal, and other devices go on with it meanwhile. Only what a
/// logout or an adoption has left to be revoked is revoked now.
pub async fn invalidate(store: &Store, accounts: &Accounts, call: &Call) -> Result<Reply, Error> {
    if call.logout {
        return logout::log_out(store, accounts, call).await;
    }
    let record = store.drop_token(&call.subject, call.deadline).await?;
    let now_ms = now_ms();
    let due = record.due_revocations(now_ms);
    // A renewal that is under way tells LiveChat itself, before it gets its token.
    if record.held(now_ms).is_none() {
        revocation::tell(store, accounts, &call.subject, &due, revocation::LONGEST, call.deadline).await;
    }
    Ok(Reply::Invalidated)
}

/// `getToken` and `getFreshToken`.
#[derive(Clone, Debug)]
pub struct Provider {
    store: Store,
    accounts: Accounts,
    breaker: Breaker,
    on_identity_change: OnIdentityChange,
    renewals: NonZeroU32,
    groups: Groups,
}

impl Provider {
    /// The rules, over the table and the LiveChat account that the settings name.
    ///
    /// # Errors
    /// As [`Accounts::new`].
    pub async fn connect(common: &Common, livechat: LiveChat, renewals: Renewals) -> Result<Self, lambda_http::Error> {
        let accounts = Accounts::new(livechat)?;
        Ok(Self::new(Store::connect(&common.table_name).await, accounts, renewals, common.groups.clone()))
    }

    /// Whose tokens these are.
    pub fn account(&self) -> Account {
        self.accounts.settings().account()
    }

    /// The rules, over this table and this LiveChat account.
    pub fn new(store: Store, accounts: Accounts, renewals: Renewals, groups: Groups) -> Self {
        let Renewals { on_identity_change, per_minute } = renewals;
        Self { breaker: Breaker::new(store.clone()), store, accounts, on_identity_change, renewals: per_minute, groups }
    }

    /// `getToken`: the stored token if it can be used, otherwise a new one. While none can be had, the stored token
    /// for as long as it lives.
    pub async fn get_token(&self, call: &Call) -> Result<Reply, Error> {
        self.usable_token(call).await.map_err(|error| self.for_group(call, error))
    }

    async fn usable_token(&self, call: &Call) -> Result<Reply, Error> {
        self.accounts.check_group(call.subject.group)?;
        let record = self.store.read(&call.subject, call.deadline).await?.unwrap_or_default();
        let now_ms = now_ms();
        let refusal = record.refusal_of(self.accounts.fingerprint(), now_ms);
        let refused = refusal.map(|refusal| renewal::refused(refusal, now_ms));
        let Some(stored) = issued(&record)? else {
            return match refused {
                Some(error) => Err(error),
                None => self.renew(call, Need::usable(None), Why::Miss, Urgency::Required, Some(&record)).await,
            };
        };
        let lifetime = stored.token.lifetime;
        if lifetime.is_usable(now_ms) {
            if self.tell_what_is_due(call, &record, now_ms).await {
                // That took a while, and the user may have logged out meanwhile.
                let record = self.store.read(&call.subject, call.deadline).await?.unwrap_or_default();
                return match issued(&record)? {
                    Some(issued) => Ok(Reply::Token { issued, source: Source::Stored }),
                    None => Err(Error::LoggedOut),
                };
            }
            return Ok(Reply::Token { issued: stored, source: Source::Stored });
        }
        let is_live = lifetime.is_live(now_ms);
        let in_vain = refused.or_else(|| (is_live && self.breaker.knows_no_room()).then(renewal::down));
        if let Some(error) = in_vain {
            return if is_live {
                Ok(Reply::Token { issued: stored, source: Source::StoredDespite(error) })
            } else {
                Err(error)
            };
        }
        let urgency = if is_live { Urgency::Optional } else { Urgency::Required };
        match self.renew(call, Need::usable(Some(stored.token.seq)), Why::Stale, urgency, Some(&record)).await {
            Err(error @ (Error::IdentityChanged | Error::GuestGone | Error::LoggedOut)) => Err(error),
            Err(error) => self.stored_despite(call, stored, error).await,
            renewed => renewed,
        }
    }

    /// The token that is stored now, if it lives, in place of the error that kept it from being renewed: `before`, which was
    /// stored when the call came, may have been invalidated or replaced since. If the table cannot say, `before` it is.
    async fn stored_despite(&self, call: &Call, before: Issued, error: Error) -> Result<Reply, Error> {
        let stored = match self.store.read(&call.subject, call.deadline).await {
            Ok(record) => issued(&record.unwrap_or_default())?,
            Err(_) => Some(before),
        };
        match stored.filter(|issued| issued.token.lifetime.is_live(now_ms())) {
            Some(issued) => {
                telemetry::trouble(&error, "not renewed; the stored token is still alive");
                Ok(Reply::Token { issued, source: Source::StoredDespite(error) })
            }
            None => Err(error),
        }
    }

    /// `getFreshToken`: a token that LiveChat issued after this call came, for the same customer.
    pub async fn get_fresh_token(&self, call: &Call) -> Result<Reply, Error> {
        self.accounts.check_group(call.subject.group)?;
        let renewed = self.renew(call, Need::fresh(), Why::Request, Urgency::Required, None).await;
        renewed.map_err(|error| self.for_group(call, error))
    }

    /// A group that LiveChat refuses is the caller's mistake: anybody can make up a number. If the site lists the group, the site's
    /// settings are wrong, unless LiveChat says that there is no such group.
    fn for_group(&self, call: &Call, error: Error) -> Error {
        match (error, call.subject.group) {
            (Error::LiveChatRejected { exception, description, .. }, Some(group))
                if !self.groups.lists(group) || is_about_a_group(&exception) =>
            {
                Error::UnknownGroup { refusal: Some(format!("{exception}: {description}")) }
            }
            (error, _) => error,
        }
    }

    /// Tells LiveChat about tokens that it could not be told about before, unless a renewal is about to. Whether it had to be told.
    async fn tell_what_is_due(&self, call: &Call, record: &Record, now_ms: u64) -> bool {
        let due = record.due_revocations(now_ms);
        if due.is_empty() || record.held(now_ms).is_some() || self.breaker.knows_it_is_down() {
            return false;
        }
        let longest = revocation::LONGEST;
        revocation::tell(&self.store, &self.accounts, &call.subject, &due, longest, call.deadline).await;
        true
    }
}

/// Whether LiveChat's code says that what the request's path names does not exist.
fn is_about_a_group(exception: &str) -> bool {
    matches!(exception, "resource_not_found" | "status 404")
}

/// The token that a record has, if any.
fn issued(record: &Record) -> Result<Option<Issued>, Error> {
    if record.is_adopted { Err(Error::GuestGone) } else { Ok(record.issued()) }
}
