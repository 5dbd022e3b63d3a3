//! `hasToken` as a Lambda function: logs, settings, client, then one event after the other. It never talks to LiveChat.

use cip::{
    http,
    operation::Operation,
    provider,
    settings::{Account, Common, Lookup},
    store::Store,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    cip::telemetry::init();
    let common = Common::from_lookup(&Lookup::environment())?;
    let store = Store::connect(&common.table_name).await;
    http::run(Operation::HasToken, common, Account::default(), move |call| {
        let store = store.clone();
        async move { provider::has_token(&store, &call).await }
    })
    .await
}
