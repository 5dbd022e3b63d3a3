//! `invalidate` as a Lambda function: logs, settings, clients, then one event after the other. It talks to LiveChat only when
//! a user logs out, or when LiveChat has yet to be told of a logout.

use cip::{
    http,
    livechat::Accounts,
    operation::Operation,
    provider,
    settings::{Account, Common, LiveChat, Lookup},
    store::Store,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    cip::telemetry::init();
    let lookup = Lookup::environment();
    let common = Common::from_lookup(&lookup)?;
    let accounts = Accounts::new(LiveChat::from_lookup(&lookup)?)?;
    let store = Store::connect(&common.table_name).await;
    http::run(Operation::Invalidate, common, Account::default(), move |call| {
        let (store, accounts) = (store.clone(), accounts.clone());
        async move { provider::invalidate(&store, &accounts, &call).await }
    })
    .await
}
