//! Requests to services other than AWS: LiveChat and the identity provider. Which certificates are trusted, and how much is read.
//!
//! The cryptography of TLS is `ring`. The first handshake of `aws-lc-rs`, the usual choice, costs a cold start over 300 million
//! instructions: it gathers its randomness from the jitter of the processor's clock.

use reqwest::{Client, ClientBuilder, Response, redirect};
use std::{sync::Arc, time::Duration};

/// Firewalls refuse requests without a `User-Agent` (RFC 9110, section 10.1.5).
const USER_AGENT: &str =
    concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"), " (+", env!("CARGO_PKG_REPOSITORY"), ")");

/// A client that follows no redirect and uses no proxy: requests may contain secrets, and responses are trusted.
pub(crate) fn client() -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .tls_backend_preconfigured(tls())
        .connect_timeout(Duration::from_secs(1))
        .redirect(redirect::Policy::none())
        .no_proxy()
}

/// The body of a response; `None` if it has more than `longest` bytes. Then the rest is not read.
///
/// # Errors
/// If the connection breaks, or the client's time-out passes.
pub(crate) async fn body(response: &mut Response, longest: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > longest {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// Mozilla's root certificates as they were compiled in. Reading the system's costs a cold start 17 million instructions.
fn tls() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports its own default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
