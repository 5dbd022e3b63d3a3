//! The requests to LiveChat: exactly as its documentation says, and to no other address.

use crate::world::*;
use axum::{
    Router,
    body::Bytes,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// A request that was received.
#[derive(Clone, Debug)]
struct Seen {
    path: String,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A server that records its requests, and always returns the same response.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Seen>>>);

impl Recorder {
    async fn start(response: fn() -> Response) -> (Self, String) {
        let recorder = Self::default();
        let notes = recorder.clone();
        let note = move |request: Request| async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 65_536).await.unwrap_or_else(|_| Bytes::new());
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let seen = Seen { path: format!("{} {}", parts.method, parts.uri), headers: parts.headers, body };
            notes.0.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
            response()
        };
        let url = serve(Router::new().fallback(note)).await;
        (recorder, url)
    }

    fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) fn good() -> Response {
    good_of_length(0)
}

/// A good response, padded with spaces to at least `length` bytes.
fn good_of_length(length: usize) -> Response {
    let cookies = [
        (header::SET_COOKIE, "__lc_cid=c-1; Path=/v2/customer; Max-Age=63072000; HttpOnly; Secure; SameSite=None"),
        (header::SET_COOKIE, "__lc_cst=s-1; Path=/v2/customer; Max-Age=63072000; HttpOnly; Secure; SameSite=None"),
        (header::SET_COOKIE, "lb=7; Path=/"),
    ];
    let body = json!({"access_token": "t", "entity_id": "e", "expires_in": 28800, "token_type": "Bearer"});
    let mut body = body.to_string();
    body.extend(std::iter::repeat_n(' ', length.saturating_sub(body.len())));
    (AppendHeaders(cookies), body).into_response()
}

fn moved() -> Response {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response()
}

fn endless() -> Response {
    "x".repeat(1_000_000).into_response()
}

#[tokio::test]
async fn a_v2_call_matches_livechats_documentation() {
    let (livechat, url) = Recorder::start(good).await;
    let world = World::new().await.with("LIVECHAT_ACCOUNTS_URL", &url);
    world.call(GetToken, "alice").await.token();
    world.call(GetFreshToken, "alice").await.token();
    world.call_group(GetToken, "alice", "7").await.token();
    let app = world.sandbox.app();
    let [new, known, group] = <[Seen; 3]>::try_from(livechat.seen()).expect("three calls");
    let body = json!({
        "grant_type": "cookie", "response_type": "token", "client_id": app.client_id,
        "organization_id": app.organization_id, "redirect_uri": "https://shop.example/"
    });
    for seen in [&new, &known, &group] {
        assert_eq!(seen.body, body);
        assert_eq!(seen.header("origin"), "https://shop.example");
        assert_eq!(seen.header("content-type"), "application/json");
    }
    assert_eq!((new.path.as_str(), new.header("cookie")), ("POST /v2/customer/token", ""));
    assert_eq!(
        (known.path.as_str(), known.header("cookie")),
        ("POST /v2/customer/token", "__lc_cid=c-1; __lc_cst=s-1")
    );
    let group_path = format!("POST /v2/customer/{}/7/token", app.organization_id);
    assert_eq!((group.path, group.headers.get("cookie")), (group_path, None));
}

#[tokio::test]
async fn a_v1_call_matches_livechats_documentation() {
    let (livechat, url) = Recorder::start(good).await;
    let world = World::new().await.with_v1().with("LIVECHAT_ACCOUNTS_URL", &url);
    world.call(GetToken, "alice").await.token();
    let app = world.sandbox.app();
    let [seen] = <[Seen; 1]>::try_from(livechat.seen()).expect("one call");
    assert_eq!(seen.path, "POST /customer/token");
    assert_eq!(
        seen.body,
        json!({
            "grant_type": "cookie", "response_type": "token", "client_id": app.client_id,
            "license_id": app.license_id, "redirect_uri": "https://shop.example/"
        })
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (livechat, url) = Recorder::start(moved).await;
    let world = World::new().await.with("LIVECHAT_ACCOUNTS_URL", &url);
    assert_eq!(world.call(GetToken, "alice").await.problem(), (503, "livechat_unavailable"));
    assert_eq!(livechat.seen().len(), 1);
}

#[tokio::test]
async fn an_oversized_response_is_not_read_to_its_end() {
    let (_livechat, url) = Recorder::start(endless).await;
    let world = World::new().await.with("LIVECHAT_ACCOUNTS_URL", &url);
    assert_eq!(world.call(GetToken, "alice").await.problem(), (503, "livechat_unavailable"));
    assert!(world.output().contains("more than 64 KiB"));
}

#[tokio::test]
async fn a_response_of_more_than_64_kib_is_refused() {
    let (_livechat, url) = Recorder::start(|| good_of_length(65_536)).await;
    World::new().await.with("LIVECHAT_ACCOUNTS_URL", &url).call(GetToken, "alice").await.token();
    let (_livechat, url) = Recorder::start(|| good_of_length(65_537)).await;
    let world = World::new().await.with("LIVECHAT_ACCOUNTS_URL", &url);
    assert_eq!(world.call(GetToken, "alice").await.problem(), (503, "livechat_unavailable"));
}
