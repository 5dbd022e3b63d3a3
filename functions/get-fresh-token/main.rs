//! `getFreshToken` as a Lambda function: logs, settings, clients, then one event after the other.

use cip::{
    http,
    operation::Operation,
    provider::Provider,
    settings::{Lookup, Settings},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    cip::telemetry::init();
    let Settings { common, livechat, renewals } = Settings::from_lookup(&Lookup::environment())?;
    let provider = Provider::connect(&common, livechat, renewals).await?;
    http::run(Operation::GetFreshToken, common, provider.account(), move |call| {
        let provider = provider.clone();
        async move { provider.get_fresh_token(&call).await }
    })
    .await
}
