//! The rules of the four operations. Knows no HTTP, no DynamoDB and none of LiveChat's wire format.
//!
//! | operation | what it does | DynamoDB | LiveChat |
//! |---|---|---|---|
//! | `getToken` | answers the stored token while it is usable, else *renews* | one read | – |
//! | `getFreshToken` | answers a token that was issued after the call came | *renewal* | |
//! | *renewal* | one call at a time for each subject | two writes | one call |
//! | `hasToken` | whether a live token is stored | one read | – |
//! | `invalidate` | drops the token, keeps the identity | one write | – |
//!
//! Renewal is in `provider/renewal.rs`.

pub mod need;
mod renewal;

use crate::{
    accounts::Accounts,
    breaker::Breaker,
    config::{self, Account, Common, LiveChat, OnIdentityChange, RenewalsPerMinute},
    error::Error,
    identity::{Issued, Subject},
    operation::{Reply, Source, Why},
    store::Store,
    telemetry,
    time::{Deadline, now_ms},
};
use need::Need;
use std::time::Duration;

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
    breaker: Breaker,
    on_identity_change: OnIdentityChange,
    renewals: RenewalsPerMinute,
}

impl Provider {
    /// The rules, over the table and the LiveChat account that the settings name.
    ///
    /// # Errors
    /// [`ConfigError`](crate::config::ConfigError) for the first setting that is missing or bad.
    pub async fn connect(settings: &config::Source<'_>, common: &Common) -> Result<Self, lambda_http::Error> {
        let on_identity_change = OnIdentityChange::read(settings)?;
        let renewals = RenewalsPerMinute::read(settings)?;
        let accounts = Accounts::new(LiveChat::read(settings)?)?;
        Ok(Self::new(Store::connect(&common.table_name).await, accounts, on_identity_change, renewals))
    }

    /// Whose tokens these are.
    pub fn account(&self) -> Account {
        self.accounts.settings().account()
    }

    /// The rules, over this table and this LiveChat account.
    pub fn new(
        store: Store,
        accounts: Accounts,
        on_identity_change: OnIdentityChange,
        renewals: RenewalsPerMinute,
    ) -> Self {
        Self { breaker: Breaker::new(store.clone()), store, accounts, on_identity_change, renewals }
    }

    /// `getToken`: the stored token if it can be used, otherwise a new one. While none can be had, the stored token
    /// for as long as it lives.
    pub async fn get_token(&self, subject: &Subject, deadline: Deadline) -> Result<Reply, Error> {
        self.accounts.check_group(subject.group)?;
        let stored = self.store.read(subject, deadline).await?.unwrap_or_default().issued();
        let Some(stored) = stored else {
            return self.renew(subject, Need::usable(None), Why::Miss, Breaker::PATIENCE, deadline).await;
        };
        let (lifetime, now_ms) = (stored.token.lifetime, now_ms());
        if lifetime.is_usable(now_ms) {
            return Ok(Reply::Token { issued: stored, source: Source::Stored });
        }
        // Who has a token that lives waits for nobody.
        let patience = if lifetime.is_live(now_ms) { Duration::ZERO } else { Breaker::PATIENCE };
        if patience.is_zero() && self.breaker.knows_no_room() {
            return Ok(Reply::Token { issued: stored, source: Source::StoredDespite(renewal::down().code()) });
        }
        match self.renew(subject, Need::usable(Some(stored.token.seq)), Why::Stale, patience, deadline).await {
            Err(error) if error != Error::IdentityChanged => {
                self.stored_despite(subject, stored, error, deadline).await
            }
            other => other,
        }
    }

    /// The token that is stored now, if it lives, in place of the error that kept it from being renewed: `before`, which was
    /// stored when the call came, may have been invalidated or replaced since. If the table cannot say, `before` it is.
    async fn stored_despite(
        &self,
        subject: &Subject,
        before: Issued,
        error: Error,
        deadline: Deadline,
    ) -> Result<Reply, Error> {
        let stored = match self.store.read(subject, deadline).await {
            Ok(record) => record.unwrap_or_default().issued(),
            Err(_) => Some(before),
        };
        match stored.filter(|issued| issued.token.lifetime.is_live(now_ms())) {
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
        self.renew(subject, Need::fresh(), Why::Request, Breaker::PATIENCE, deadline).await
    }
}
