//! AWS's configuration, as its own tools have it: environment, profiles, SSO, instance roles.

use crate::arguments::Place;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use std::time::Duration;

/// The configuration for the profile and region of the command line; without these, AWS's usual ones.
pub(crate) async fn config(place: &Place) -> SdkConfig {
    let mut loader = loader();
    if let Some(profile) = &place.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &place.region {
        loader = loader.region(Region::new(region.clone()));
    }
    loader.load().await
}

/// AWS's usual configuration.
pub(crate) async fn usual() -> SdkConfig {
    loader().load().await
}

fn loader() -> ConfigLoader {
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(client).timeout_config(time_limits())
}

/// How long AWS may take for a request, and for all tries of it. A command that is more patient sends it again: `patience.rs`.
pub(crate) fn time_limits() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(30))
        .build()
}
