//! HTTP requests: the one client for AWS, LiveChat and the identity provider, and how much of a response is read.
//!
//! The cryptography of TLS is `ring`. The first handshake of `aws-lc-rs`, the usual choice, costs a cold start over 300 million
//! instructions: it gathers its randomness from the jitter of the processor's clock.

use super::roots::Roots;
use reqwest::{Client, ClientBuilder, Response, redirect};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// Firewalls refuse requests without a `User-Agent` (RFC 9110, section 10.1.5).
const USER_AGENT: &str =
    concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"), " (+", env!("CARGO_PKG_REPOSITORY"), ")");

/// A client that speaks HTTP/1.1, follows no redirect and uses no proxy: requests may contain secrets, and responses are trusted.
pub(crate) fn client(roots: Roots) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .tls_backend_preconfigured(tls(roots))
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

/// A server to which a connection can be opened before the first request.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    client: Client,
    url: String,
}

impl Server {
    /// The longest time that is spent on opening a connection. A user may be waiting.
    const LONGEST: Duration = Duration::from_secs(1);
    /// In bytes.
    const LONGEST_BODY: usize = 4_096;

    /// The server that `url` names, as `client` reaches it.
    pub(crate) fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Opens a connection, which the client keeps for its next request, by a request without credentials. While a function starts,
    /// Lambda gives it a whole processor; a function of 128 MB has 7 % of one after that. A failure is of no consequence: the next
    /// request tries again.
    pub(crate) async fn open_connection(&self) {
        let _ = timeout(Self::LONGEST, async {
            let mut response = self.client.get(&self.url).send().await?;
            body(&mut response, Self::LONGEST_BODY).await
        })
        .await;
    }
}

fn tls(roots: Roots) -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports its own default versions")
        .with_root_certificates(roots.store())
        .with_no_client_auth()
}
