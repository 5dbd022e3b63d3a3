//! `getToken` as a Lambda function: logs, settings, clients, then one event after the other.

use cip::{
    http,
    operation::Operation,
    provider::Provider,
    settings::{Common, Source},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    cip::telemetry::init();
    let source = Source::environment();
    let common = Common::read(&source).await?;
    let provider = Provider::connect(&source, &common).await?;
    http::run(Operation::GetToken, common, provider.account(), move |call| {
        let provider = provider.clone();
        async move { provider.get_token(&call).await }
    })
    .await
}
