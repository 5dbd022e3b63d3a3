//! Other services on this machine, and clients for them.

use axum::{
    extract::Request,
    http::{Method, StatusCode},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves a substitute for a service on a free port until the test ends. Returns its URL. It does not see the requests that only open a
/// connection.
pub(crate) async fn serve(router: axum::Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router.layer(from_fn(without_openings))).await });
    url
}

async fn without_openings(request: Request, next: Next) -> Response {
    if request.method() == Method::GET && request.uri().path() == "/" {
        return StatusCode::NOT_FOUND.into_response();
    }
    next.run(request).await
}

/// A client for any service on this machine, without our own code in between.
pub(crate) fn http_client() -> reqwest::Client {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports its own default versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().expect("a client")
}
