//! What each of the four operations does. Independent of HTTP, DynamoDB and LiveChat's wire format.
//!
//! | operation | what it does | DynamoDB | LiveChat |
//! |---|---|---|---|
//! | `getToken` | returns the stored token while it is usable, else *renews* | one read | – |
//! | `getFreshToken` | returns a token that was issued after the call came | *renewal* | |
//! | *renewal* | one call at a time for each subject | two writes and a read, a group's three | one call |
//! | `hasToken` | whether a live token is stored | one read | – |
//! | `invalidate` | drops the token, keeps the identity | one write | – |
//! | `invalidate`, as a logout | the same with all groups, then revokes all tokens | one query; two writes for each group | one call for each token |
//!
//! While LiveChat's [refusal](crate::identity::Refusal) applies, `getToken` reads it with the token and `getFreshToken` meets it in its
//! first write; neither calls LiveChat.
//!
//! Renewal and adoption are decided in `renewal.rs`, and carried out in `provider/driver.rs`. How a logout and an adoption revoke tokens
//! is in `provider/logout.rs` and `provider/revocation.rs`. While tokens are still to be revoked, the next renewal and the next
//! logout revoke them; other calls, not `hasToken`, once a minute.

mod driver;
mod logout;
mod revocation;

use crate::{
    breaker::Breaker,
    error::Error,
    livechat::Accounts,
    operation::{Call, Reply},
    renewal::{Renewal, Terms},
    settings::{Account, Common, Groups, LiveChat, OnIdentityChange, Renewals},
    store::Store,
    time::now_ms,
};
use driver::Driver;
use std::num::NonZeroU32;

/// `hasToken`: whether a live token is stored.
pub async fn has_token(store: &Store, call: &Call) -> Result<Reply, Error> {
    let lifetime = store.read_lifetime(&call.subject, call.deadline).await?;
    Ok(Reply::HasToken(lifetime.is_some_and(|lifetime| lifetime.is_live(now_ms()))))
}

/// `invalidate`: drops the token. Not erasure: the identity stays, and `getFreshToken` follows.
///
/// LiveChat is not told: the widget invalidates a token to renew it, while other devices still use it. Only what a
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
        let context = revocation::Context { store, accounts, subject: &call.subject };
        context.tell(&due, revocation::LONGEST, call.deadline).await;
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

    /// `getToken`: the stored token if it can be used, otherwise a new one. If that fails, the stored token
    /// for as long as it lives.
    pub async fn get_token(&self, call: &Call) -> Result<Reply, Error> {
        self.usable_token(call).await.map_err(|error| self.for_group(call, error))
    }

    async fn usable_token(&self, call: &Call) -> Result<Reply, Error> {
        self.accounts.check_group(call.subject.group)?;
        Driver::new(self, call).run(Renewal::usable(self.terms(call))).await
    }

    /// `getFreshToken`: a token that LiveChat issued after this call came, for the same customer.
    pub async fn get_fresh_token(&self, call: &Call) -> Result<Reply, Error> {
        self.accounts.check_group(call.subject.group)?;
        let driver = Driver::new(self, call);
        let moment = driver.moment();
        let renewed = driver.run(Renewal::fresh(self.terms(call), moment)).await;
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

    fn terms(&self, call: &Call) -> Terms {
        let group = call.subject.group;
        Terms {
            settings: self.accounts.shared_fingerprint(),
            on_identity_change: self.on_identity_change,
            renewals_per_minute: self.renewals.get(),
            group,
            is_listed_group: group.is_some_and(|group| self.groups.lists(group)),
            was_guest: call.was_guest.is_some(),
        }
    }
}

/// Whether LiveChat's code says that what the request's path names does not exist.
fn is_about_a_group(exception: &str) -> bool {
    matches!(exception, "resource_not_found" | "status 404")
}
