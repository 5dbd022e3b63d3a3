//! Renewal, as `getToken` and `getFreshToken` use it. It is decided in `renewal.rs`, and carried out in `renewer/driver.rs`.

mod driver;
pub(super) mod notes;
mod sealing;
mod steps;

use super::{Call, Reply, agent_tokens::AgentTokens, breaker::Breaker, customer_details::CustomerUpdates};
use crate::{
    context::Context,
    error::Error,
    identity::Group,
    livechat::Accounts,
    renewal::{self, AGENT_TOKEN_REFUSED, AGENT_TOKEN_REQUIRED, OnIdentityChange, Renewal, Terms},
    sealing::Sealer,
    settings::{Account, Common, Groups, LiveChat, Renewals},
    store::Store,
};
use driver::Driver;
use std::num::NonZeroU32;

/// Renews tokens: the rules, over the table and LiveChat.
#[derive(Clone, Debug)]
pub struct Renewer {
    pub(super) store: Store,
    pub(super) accounts: Accounts,
    pub(super) customer_updates: CustomerUpdates,
    agent_tokens: Option<AgentTokens>,
    sealer: Sealer,
    breaker: Breaker,
    on_identity_change: OnIdentityChange,
    renewals: NonZeroU32,
    groups: Groups,
}

impl Renewer {
    /// The rules, over the table and the LiveChat account that the settings name.
    ///
    /// # Errors
    /// As [`Accounts::new`] and [`Store::connect`].
    pub async fn connect(common: &Common, livechat: LiveChat, renewals: Renewals) -> Result<Self, lambda_http::Error> {
        let accounts = Accounts::new(livechat)?;
        Ok(Self::new(Store::connect(&common.table_name).await?, accounts, renewals, common.groups.clone()))
    }

    /// Opens a connection to DynamoDB.
    pub async fn open_store_connection(&self) {
        self.store.open_connection().await;
    }

    /// Opens a connection to LiveChat.
    pub async fn open_livechat_connection(&self) {
        self.accounts.open_connection().await;
    }

    /// The LiveChat account that the tokens are for.
    pub fn account(&self) -> Account {
        self.accounts.settings().account()
    }

    /// The rules, over this table and this LiveChat account.
    pub fn new(store: Store, accounts: Accounts, renewals: Renewals, groups: Groups) -> Self {
        let Renewals { on_identity_change, per_minute: renewals, cookies_key, subject_key } = renewals;
        let sealer = Sealer::new(cookies_key);
        let agent_tokens = AgentTokens::of(&store, &accounts, &sealer);
        let breaker = Breaker::new(store.clone());
        let customer_updates = CustomerUpdates::new(subject_key.as_ref());
        Self { store, accounts, customer_updates, agent_tokens, sealer, breaker, on_identity_change, renewals, groups }
    }

    /// `getToken`: the stored token if it is usable, otherwise a new one. If the renewal fails, the stored token
    /// while it is live.
    pub async fn get_token(&self, call: &Call, context: &Context) -> Result<Reply, Error> {
        self.usable_token(call, context).await.map_err(|error| self.for_group(call, error))
    }

    async fn usable_token(&self, call: &Call, context: &Context) -> Result<Reply, Error> {
        self.check_group(call.subject.group)?;
        Ok(Reply::Token(Driver::new(self, call, context).run(Renewal::usable(self.terms(call))).await?))
    }

    /// `getFreshToken`: a token that LiveChat issued after this call came, for the same customer.
    pub async fn get_fresh_token(&self, call: &Call, context: &Context) -> Result<Reply, Error> {
        self.check_group(call.subject.group)?;
        let driver = Driver::new(self, call, context);
        let moment = driver.moment();
        let renewed = driver.run(Renewal::fresh(self.terms(call), moment)).await;
        renewed.map(Reply::Token).map_err(|error| self.for_group(call, error.into()))
    }

    /// A group that LiveChat refuses is the caller's mistake: anybody can make up a number. If the site lists the group, the site's
    /// settings are wrong, unless LiveChat says that there is no such group.
    fn for_group(&self, call: &Call, error: Error) -> Error {
        match (error, call.subject.group) {
            (Error::Renewal(renewal::Error::LiveChatRejected { exception, description, .. }), Some(group))
                if (!self.groups.lists(group) && !is_about_the_agent(&exception)) || is_about_a_group(&exception) =>
            {
                Error::UnknownGroup { refusal: Some(format!("{exception}: {description}")) }
            }
            (error, _) => error,
        }
    }

    /// LiveChat's v1 API issues no tokens for groups.
    fn check_group(&self, group: Option<Group>) -> Result<(), Error> {
        if group.is_none() || self.accounts.has_group_tokens() {
            return Ok(());
        }
        Err(Error::InvalidRequest(
            "`group` needs LiveChat's v2 API: this site has LIVECHAT_LICENSE_ID only, and must also set \
             LIVECHAT_ORGANIZATION_ID."
                .into(),
        ))
    }

    fn terms(&self, call: &Call) -> Terms {
        let group = call.subject.group;
        Terms {
            settings: self.accounts.shared_fingerprint(),
            grants: self.accounts.settings().grants,
            on_identity_change: self.on_identity_change,
            renewals_per_minute: self.renewals,
            group,
            is_listed_group: group.is_some_and(|group| self.groups.lists(group)),
            was_guest: call.was_guest.is_some(),
        }
    }
}

/// Whether the settings of the agent are wrong, whatever the group.
fn is_about_the_agent(exception: &str) -> bool {
    matches!(exception, AGENT_TOKEN_REFUSED | AGENT_TOKEN_REQUIRED)
}

/// Whether LiveChat's code says that what the request's path names does not exist.
fn is_about_a_group(exception: &str) -> bool {
    matches!(exception, "resource_not_found" | "status 404")
}
