//! The configuration of AWS's clients: quick to create, and with time-outs that fit a caller's.

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use std::time::Duration;

/// Amazon's own root certificates, which sign all of its endpoints outside China
/// (<https://www.amazontrust.com/repository/>). There are five. Reading the system's 140 would take most of a cold start.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-root-cas.pem");

/// The configuration for one service: region, credentials and endpoint from the environment. `endpoint_variable` is the variable that
/// overrides the service's endpoint. An operation takes no longer than `longest`, retries included.
pub(crate) async fn config(endpoint_variable: &str, longest: Duration) -> SdkConfig {
    let tls = tls(endpoint_variable);
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls).build_https())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .operation_attempt_timeout(Duration::from_millis(1_200))
                .operation_timeout(longest)
                .build(),
        )
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(25)))
        .load()
        .await
}

/// Which certificates to trust: Amazon's, or the system's if the endpoint may not be Amazon's.
fn tls(endpoint_variable: &str) -> TlsContext {
    let set = |name| std::env::var_os(name).is_some();
    let in_china = std::env::var("AWS_REGION").is_ok_and(|region| region.starts_with("cn-"));
    let elsewhere = set(endpoint_variable) || set("AWS_ENDPOINT_URL") || in_china;
    let roots = if elsewhere { TrustStore::default() } else { TrustStore::empty().with_pem_certificate(AMAZON_ROOTS) };
    TlsContext::builder().with_trust_store(roots).build().expect("a trust store is all that a context needs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    #[test]
    fn amazons_five_certificates_can_be_read() {
        let mut roots = rustls::RootCertStore::empty();
        let (good, bad) = roots.add_parsable_certificates(
            CertificateDer::pem_slice_iter(AMAZON_ROOTS).map(|certificate| certificate.expect("a certificate")),
        );
        assert_eq!((good, bad), (5, 0));
    }
}
