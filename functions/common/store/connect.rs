//! The DynamoDB client: quick to make, and never waiting longer than a caller can.

use super::Store;
use aws_config::{BehaviorVersion, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::Client;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use std::time::Duration;

/// Amazon's own root certificates, which sign all endpoints of DynamoDB outside China
/// (<https://www.amazontrust.com/repository/>). Five, not the system's 140: reading those is most of a cold start.
const AMAZON_ROOTS: &[u8] = include_bytes!("../amazon-root-cas.pem");

impl Store {
    /// The table `table`, with the region, credentials and endpoint that the environment names.
    pub async fn connect(table: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(
                Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls()).build_https(),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(1))
                    .operation_attempt_timeout(Duration::from_millis(1_200))
                    .operation_timeout(Self::LONGEST_WRITE)
                    .build(),
            )
            .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(25)))
            .load()
            .await;
        Self::new(Client::new(&config), table)
    }
}

/// Which certificates to trust: Amazon's, or the system's where the endpoint may be somebody else's.
fn tls() -> TlsContext {
    let set = |name| std::env::var_os(name).is_some();
    let in_china = std::env::var("AWS_REGION").is_ok_and(|region| region.starts_with("cn-"));
    let elsewhere = set("AWS_ENDPOINT_URL_DYNAMODB") || set("AWS_ENDPOINT_URL") || in_china;
    let roots = if elsewhere { TrustStore::default() } else { TrustStore::empty().with_pem_certificate(AMAZON_ROOTS) };
    TlsContext::builder().with_trust_store(roots).build().expect("a trust store is all that a context needs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    #[test]
    fn amazons_certificates_are_whole() {
        let mut roots = rustls::RootCertStore::empty();
        let (good, bad) = roots.add_parsable_certificates(
            CertificateDer::pem_slice_iter(AMAZON_ROOTS).map(|certificate| certificate.expect("a certificate")),
        );
        assert_eq!((good, bad), (5, 0));
    }
}
