//! `getToken`: the stored token while it is usable, else a new one.

use super::{Call, CustomerUpdate, Name, Operation, Renewer, Reply};
use crate::{
    context::Context,
    error::Error,
    settings::{Account, Common, ConfigError, LiveChat, Lookup, Renewals, Settings},
};

/// `getToken`.
#[derive(Clone, Debug)]
pub struct GetToken {
    /// The rules of renewal, with the table and LiveChat.
    pub renewer: Renewer,
}

impl Operation for GetToken {
    const NAME: Name = Name::GetToken;

    type Settings = (LiveChat, Renewals);

    fn read(lookup: &Lookup<'_>) -> Result<(Common, Self::Settings), ConfigError> {
        let Settings { common, livechat, renewals } = Settings::from_lookup(lookup)?;
        Ok((common, (livechat, renewals)))
    }

    async fn connect(common: &Common, (livechat, renewals): Self::Settings) -> Result<Self, lambda_http::Error> {
        Ok(Self { renewer: Renewer::connect(common, livechat, renewals).await? })
    }

    /// Most calls need no connection to LiveChat.
    async fn open_connections(&self) {
        self.renewer.open_store_connection().await;
    }

    fn account(&self) -> Account {
        self.renewer.account()
    }

    fn customer_update(&self, call: &Call, reply: &Reply) -> Option<CustomerUpdate> {
        self.renewer.customer_update(call, reply)
    }

    async fn call(&self, call: &Call, context: &Context) -> Result<Reply, Error> {
        self.renewer.get_token(call, context).await
    }
}
