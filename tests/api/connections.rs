//! Connections that are opened while a function starts.

use crate::{wire::good, world::*};
use axum::{
    Router,
    extract::{ConnectInfo, Request},
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// The requests that a server has seen: from which address, and for what.
type Seen = Arc<Mutex<Vec<(SocketAddr, String)>>>;

/// A LiveChat that records its requests. Returns them and its URL.
async fn livechat() -> (Seen, String) {
    let seen = Seen::default();
    let notes = Arc::clone(&seen);
    let note = move |ConnectInfo(from): ConnectInfo<SocketAddr>, request: Request| async move {
        notes.lock().expect("no panic").push((from, format!("{} {}", request.method(), request.uri())));
        good()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(note).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (seen, url)
}

/// The requests of a function's start and first call, and the number of connections.
async fn requests(binary: Binary) -> (Vec<String>, usize) {
    let (seen, url) = livechat().await;
    let world = World::new().await.with("LIVECHAT_ACCOUNTS_URL", &url);
    world.call(binary, "alice").await.token();
    let seen = seen.lock().expect("no panic");
    let mut connections: Vec<_> = seen.iter().map(|(from, _)| from).collect();
    connections.dedup();
    (seen.iter().map(|(_, request)| request.clone()).collect(), connections.len())
}

#[tokio::test]
async fn get_fresh_token_uses_the_connection_that_it_opened_at_its_start() {
    let expected = ["GET /", "POST /v2/customer/token"].map(str::to_owned).to_vec();
    assert_eq!(requests(GetFreshToken).await, (expected, 1));
}

#[tokio::test]
async fn get_token_connects_to_livechat_only_when_it_needs_a_token() {
    assert_eq!(requests(GetToken).await, (vec!["POST /v2/customer/token".to_owned()], 1));
}

#[tokio::test]
async fn a_silent_server_does_not_keep_a_function_from_starting() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let world = World::new().await;
    let token = world.call(GetToken, "alice").await.token();
    let world = world.with("LIVECHAT_ACCOUNTS_URL", &url);
    assert_eq!(world.call(HasToken, "alice").await.status(), 200);
    // It has no token that is new enough, and LiveChat is silent.
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (503, "livechat_unavailable"));
    assert_eq!(world.call(GetToken, "alice").await.token(), token);
    drop(silent);
}
