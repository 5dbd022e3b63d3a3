//! `invalidate`: drops the stored token, and logs a user out if the call says so. It calls LiveChat only to revoke tokens, after a
//! logout or an adoption.

use super::{Call, Name, Operation, Reply};
use crate::{
    error::Error,
    livechat::Accounts,
    provider,
    settings::{Common, ConfigError, LiveChat, Lookup},
    store::Store,
};

/// `invalidate`.
#[derive(Clone, Debug)]
pub struct Invalidate {
    /// The table.
    pub store: Store,
    /// The client for LiveChat.
    pub accounts: Accounts,
}

impl Operation for Invalidate {
    const NAME: Name = Name::Invalidate;

    type Settings = LiveChat;

    fn read(lookup: &Lookup<'_>) -> Result<(Common, LiveChat), ConfigError> {
        Ok((Common::from_lookup(lookup)?, LiveChat::from_lookup(lookup)?))
    }

    async fn connect(common: &Common, livechat: LiveChat) -> Result<Self, lambda_http::Error> {
        let accounts = Accounts::new(livechat)?;
        Ok(Self { store: Store::connect(&common.table_name).await, accounts })
    }

    async fn call(&self, call: &Call) -> Result<Reply, Error> {
        provider::invalidate(&self.store, &self.accounts, call).await
    }
}
