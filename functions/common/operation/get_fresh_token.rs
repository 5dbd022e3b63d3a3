//! `getFreshToken`: a token that LiveChat issued after the call arrived.

use super::{Call, CustomerUpdate, Name, Operation, Renewer, Reply};
use crate::{
    context::Context,
    error::Error,
    settings::{Account, Common, ConfigError, LiveChat, Lookup, Renewals, Settings},
};

/// `getFreshToken`.
#[derive(Clone, Debug)]
pub struct GetFreshToken {
    /// The rules of renewal, with the table and LiveChat.
    pub renewer: Renewer,
}

impl Operation for GetFreshToken {
    const NAME: Name = Name::GetFreshToken;

    type Settings = (LiveChat, Renewals);

    fn read(lookup: &Lookup<'_>) -> Result<(Common, Self::Settings), ConfigError> {
        let Settings { common, livechat, renewals } = Settings::from_lookup(lookup)?;
        Ok((common, (livechat, renewals)))
    }

    async fn connect(common: &Common, (livechat, renewals): Self::Settings) -> Result<Self, lambda_http::Error> {
        Ok(Self { renewer: Renewer::connect(common, livechat, renewals).await? })
    }

    async fn open_connections(&self) {
        tokio::join!(self.renewer.open_store_connection(), self.renewer.open_livechat_connection());
    }

    fn account(&self) -> Account {
        self.renewer.account()
    }

    fn customer_update(&self, call: &Call, reply: &Reply) -> Option<CustomerUpdate> {
        self.renewer.customer_update(call, reply)
    }

    async fn call(&self, call: &Call, context: &Context) -> Result<Reply, Error> {
        self.renewer.get_fresh_token(call, context).await
    }
}
