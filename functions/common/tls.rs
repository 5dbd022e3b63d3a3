//! Which certificates are trusted, and the cryptography of TLS: `ring`. The first handshake of `aws-lc-rs`, the usual choice,
//! costs a cold start over 300 million instructions: it gathers its randomness from the jitter of the processor's clock.

use std::sync::Arc;

/// For LiveChat and the identity provider: Mozilla's root certificates as they were compiled in. Reading the system's costs a
/// cold start 17 million instructions.
pub(crate) fn mozilla() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports its own default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
