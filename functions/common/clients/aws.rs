//! The configuration of AWS's clients: quick to create, and with time-outs that fit a caller's.
//!
//! Everything comes from environment variables, which Lambda sets. `aws_config`'s loader would also look for profiles, single sign-on,
//! web identities and instance metadata: 0.9 million instructions of a cold start that find nothing on Lambda.

mod http;
pub(crate) mod partitions;

use super::{https, roots::Roots};
use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
    identity::IdentityCache, retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use http::Http;
use reqwest::Client;
use std::{error::Error, time::Duration};

/// One of AWS's services, and how it is reached.
pub(crate) struct Service<'a> {
    endpoint_variable: &'static str,
    longest: Duration,
    variables: Variables<'a>,
}

/// Environment variables.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

/// The region that the variables of this process name.
fn region() -> Option<String> {
    Variables(&environment).region()
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Service<'_> {
    /// The service whose endpoint the variable `endpoint_variable` overrides
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>). An operation takes no longer than `longest`,
    /// retries included.
    pub(crate) fn new(endpoint_variable: &'static str, longest: Duration) -> Self {
        Self { endpoint_variable, longest, variables: Variables(&environment) }
    }

    /// The SDK's configuration, and the HTTP client that is in it.
    ///
    /// # Errors
    /// What is wrong with one of AWS's variables.
    pub(crate) fn config(&self) -> Result<(SdkConfig, Client), Box<dyn Error + Send + Sync>> {
        let variables = &self.variables;
        let (region, endpoint) = (variables.region(), variables.endpoint(self.endpoint_variable)?);
        let client = https::client(roots(region.as_deref(), endpoint.is_some())).build()?;
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_millis(1_200))
            .operation_timeout(self.longest)
            .build();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(Http::new(client.clone()))
            .identity_cache(IdentityCache::lazy().build())
            .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
            .timeout_config(timeouts)
            // Each response is read at once, within the time-out of the attempt.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(25)))
            .region(region.map(Region::new));
        config.set_endpoint_url(endpoint);
        config.set_use_fips(variables.read("AWS_USE_FIPS_ENDPOINT", "true or false", boolean)?);
        config.set_use_dual_stack(variables.read("AWS_USE_DUALSTACK_ENDPOINT", "true or false", boolean)?);
        let modes = "preferred, disabled or required";
        config.set_account_id_endpoint_mode(
            variables.read("AWS_ACCOUNT_ID_ENDPOINT_MODE", modes, |mode| mode.parse().ok())?,
        );
        let name = "at most 50 letters, digits and !#$%&'*+-.^_`|~";
        config.set_app_name(variables.read("AWS_SDK_UA_APP_ID", name, |name| AppName::new(name.to_owned()).ok())?);
        Ok((config.build(), client))
    }
}

/// Which certificates are trusted: Amazon's, where all endpoints have them.
fn roots(region: Option<&str>, is_endpoint_set: bool) -> Roots {
    let region = region.unwrap_or_default();
    // The isolated regions have certificates of their own (`us-iso-…`, `us-isob-…`, `eu-isoe-…`, `us-isof-…`).
    let is_isolated = region.split('-').nth(1).is_some_and(|part| part.starts_with("iso"));
    if is_endpoint_set || is_isolated {
        Roots::System
    } else if region.starts_with("cn-") {
        Roots::Mozilla
    } else {
        Roots::Amazon
    }
}

impl Variables<'_> {
    fn region(&self) -> Option<String> {
        self.get("AWS_REGION").or_else(|| self.get("AWS_DEFAULT_REGION"))
    }

    /// The endpoint, if it is not the usual one of the region. `of_service` is the variable for one service.
    fn endpoint(&self, of_service: &str) -> Result<Option<String>, String> {
        if self.read("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true or false", boolean)? == Some(true) {
            return Ok(None);
        }
        Ok(self.get(of_service).or_else(|| self.get("AWS_ENDPOINT_URL")))
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }

    /// # Errors
    /// If `parse` refuses the value, which is not `expected` then.
    fn read<T>(&self, name: &str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        parse(value.trim()).map(Some).ok_or_else(|| format!("{name} is invalid: expected {expected}."))
    }
}

fn boolean(value: &str) -> Option<bool> {
    value.to_ascii_lowercase().parse().ok()
}

#[cfg(test)]
mod tests;
