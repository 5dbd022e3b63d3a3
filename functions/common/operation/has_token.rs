//! `hasToken`: whether a live token is stored. It has no client for LiveChat.

use super::{Call, Name, Operation, Reply};
use crate::{
    context::Context,
    error::Error,
    identity::Lifetime,
    settings::{Common, ConfigError, Lookup},
    store::Store,
    telemetry::steps,
    time::now,
};

/// `hasToken`.
#[derive(Clone, Debug)]
pub struct HasToken {
    /// The table.
    pub store: Store,
}

impl Operation for HasToken {
    const NAME: Name = Name::HasToken;

    type Settings = ();

    fn read(lookup: &Lookup<'_>) -> Result<(Common, ()), ConfigError> {
        Ok((Common::from_lookup(lookup)?, ()))
    }

    async fn connect(common: &Common, (): ()) -> Result<Self, lambda_http::Error> {
        Ok(Self { store: Store::connect(&common.table_name).await? })
    }

    async fn open_connections(&self) {
        self.store.open_connection().await;
    }

    async fn call(&self, call: &Call, context: &Context) -> Result<Reply, Error> {
        let is_live = |lifetime: &Option<Lifetime>| lifetime.is_some_and(|lifetime| lifetime.is_live(now()));
        let read = self.store.read_lifetime(&call.subject, context);
        let lifetime = steps::store("read", read, |read| if is_live(read) { "token" } else { "no token" }).await?;
        Ok(Reply::HasToken(is_live(&lifetime)))
    }
}
