//! A Lambda function: everything that happens once, at init, then one request after the other.

mod auth;

pub use auth::connect_auth;
#[cfg(feature = "operator")]
pub use auth::connect_auth_with;

use crate::{
    clients::aws,
    http::{self, Function},
    operation::Operation,
    settings::Lookup,
    telemetry,
};

/// Runs the Lambda function of an operation: starts logging, reads the settings, connects, and serves requests until Lambda ends the
/// process.
///
/// # Errors
/// [`ConfigError`](crate::settings::ConfigError) for the first setting that is missing or invalid; an error if a client cannot be
/// created, or if Lambda's runtime API cannot be reached.
pub async fn serve<O: Operation>() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let (common, settings) = O::read(&Lookup::environment())?;
    aws::partitions::prepare();
    let operation = O::connect(&common, settings).await?;
    // At the same time: each waits for another server.
    let (auth, ()) = tokio::join!(connect_auth(common.auth), operation.open_connections());
    let auth = auth?;
    http::run(Function { operation, auth, groups: common.groups }).await
}
