//! `invalidate`: drops the stored token, and logs a user out if the call says so. It calls LiveChat only to revoke tokens, after a
//! logout or an adoption.

use super::{Call, Name, Operation, Reply, logout, revocation};
use crate::{
    context::Context,
    error::Error,
    livechat::Accounts,
    settings::{Common, ConfigError, LiveChat, Lookup},
    store::Store,
    telemetry::steps,
    time::now,
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
        Ok(Self { store: Store::connect(&common.table_name).await?, accounts })
    }

    async fn open_connections(&self) {
        self.store.open_connection().await;
    }

    async fn call(&self, call: &Call, context: &Context) -> Result<Reply, Error> {
        if call.logout {
            return logout::log_out(&self.store, &self.accounts, call, context).await;
        }
        self.drop_token(call, context).await
    }
}

impl Invalidate {
    /// Drops the token. The identity stays: the widget calls `getFreshToken` next.
    ///
    /// LiveChat is not told: the widget invalidates a token to renew it, while other devices still use it. Only what a logout or an
    /// adoption has left to be revoked is revoked now.
    async fn drop_token(&self, call: &Call, context: &Context) -> Result<Reply, Error> {
        let Self { store, accounts } = self;
        let record = steps::store("drop", store.drop_token(&call.subject, context), |_| "dropped").await?;
        let now = now();
        let due = record.due_revocations(now);
        // A renewal in progress tells LiveChat itself, before it gets its token.
        if record.held(now).is_none() {
            let revoker = revocation::Revoker { store, accounts, subject: &call.subject };
            revoker.tell(&due, revocation::LONGEST, context).await;
        }
        Ok(Reply::Invalidated)
    }
}
