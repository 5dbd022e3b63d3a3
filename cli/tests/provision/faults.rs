//! A LiveChat that fails for a while, or refuses, and a table that cannot be reached.

use crate::{
    provision::world::{World, result, said},
    world::serve,
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use sandbox::Fault;
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

#[tokio::test]
async fn all_users_have_a_customer_after_livechat_has_failed_for_a_while() {
    for (fault, lost) in [
        (Fault::Http503, 0),
        (Fault::Http429, 0),
        (Fault::OauthIn200, 0),
        (Fault::OauthServerError, 0),
        // LiveChat has created these customers, but has not said so.
        (Fault::Truncated, 5),
    ] {
        let world = World::new().await;
        world.sandbox.fail(fault, 5);
        let run = world.run(&[&world.users(30), "--yes", "--rate", "500"]).await;
        let (code, done) = result(&run);
        assert_eq!((code, &done["created"]), (0, &json!(30)), "{fault:?}: {done}");
        assert_eq!((world.stored().await.len(), world.sandbox.customers()), (30, 30 + lost), "{fault:?}");
        assert_eq!(done["livechatCalls"], 35);
        assert!(said(&run).contains("Waiting"), "{}", said(&run));
    }
}

#[tokio::test]
async fn a_livechat_that_stays_down_ends_the_run_after_few_calls() {
    let world = World::new().await;
    world.sandbox.fail(Fault::Http503, 1_000);
    let file = world.users(50);
    let run = world.run(&[&file, "--yes", "--rate", "500", "--patience", "4s"]).await;
    let (code, done) = result(&run);
    assert_eq!((code, &done["created"], &done["notDone"]), (3, &json!(0), &json!(50)), "{done}");
    assert!(said(&run).contains("status 503") && said(&run).contains("Run the command again"), "{}", said(&run));
    // Four at the same time, then one after each pause.
    assert!(world.sandbox.calls().token <= 6, "{:?}", world.sandbox.calls());

    world.sandbox.reset();
    assert_eq!(world.provision(&[&file]).await.0, 0);
    assert_eq!(world.sandbox.customers(), 50);
}

#[tokio::test]
async fn a_refusal_of_the_settings_ends_the_run_at_once_and_says_what_to_change() {
    let world = World::new().await;
    let file = world.users(50);
    let mut command = world.command(&[&file, "--yes", "--rate", "500"]);
    command.env("LIVECHAT_REDIRECT_URI", "https://other.example/");
    let run = world.finish(command).await;
    let (code, done) = result(&run);
    assert_eq!((code, &done["notDone"]), (3, &json!(50)), "{done}");
    for part in ["invalid_request", "Redirect URI", "https://other.example/"] {
        assert!(said(&run).contains(part), "{}, and not {part}", said(&run));
    }
    assert!(world.sandbox.calls().token <= 4, "{:?}", world.sandbox.calls());

    // The refusal was of other settings, so nobody has to wait.
    assert_eq!(world.provision(&[&file]).await.0, 0);
    assert_eq!(world.sandbox.customers(), 50);
}

#[tokio::test]
async fn a_group_that_livechat_refuses_costs_one_call_and_stops_no_other() {
    let world = World::new().await;
    world.sandbox.fail_group(Fault::OauthResourceNotFound, 100, 7);
    let lines: Vec<_> = (0..20)
        .map(|number| {
            json!({"user": format!("user-{number}"), "group": if number % 2 == 0 { 3 } else { 7 }}).to_string()
        })
        .collect();
    let file = world.file("users.jsonl", lines.join("\n"));
    let (code, done) = world.provision(&[&file, "--concurrency", "1"]).await;
    assert_eq!((code, &done["created"], &done["livechatCalls"]), (1, &json!(10), &json!(11)), "{done}");
    let skipped = &done["skipped"][0];
    assert_eq!((&skipped["count"], world.sandbox.customers()), (&json!(10), 10), "{done}");
    assert!(skipped["reason"].as_str().expect("a reason").contains("resource_not_found"), "{done}");
}

#[tokio::test]
async fn a_pause_that_livechat_asks_for_is_kept() {
    let world = World::new().await;
    let proxy = Proxy::start(&world, 1).await;
    let mut command = world.command(&[&world.users(5), "--yes", "--rate", "500", "--concurrency", "1"]);
    command.env("LIVECHAT_ACCOUNTS_URL", &proxy.url);
    let (code, done) = result(&world.finish(command).await);
    assert_eq!((code, &done["created"]), (0, &json!(5)), "{done}");
    let calls = proxy.calls();
    assert!(calls[1].duration_since(calls[0]) >= Duration::from_secs(3), "{calls:?}");
}

#[tokio::test]
async fn a_pause_that_is_too_long_ends_the_run_at_once() {
    let world = World::new().await;
    let proxy = Proxy::start(&world, 100).await;
    let mut command = world.command(&[&world.users(5), "--yes", "--patience", "2s"]);
    command.env("LIVECHAT_ACCOUNTS_URL", &proxy.url);
    let began = Instant::now();
    let run = world.finish(command).await;
    assert_eq!(result(&run).0, 3, "{}", said(&run));
    assert!(said(&run).contains("status 429") && said(&run).contains("--patience"), "{}", said(&run));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_table_that_cannot_be_used_is_said_before_a_call() {
    let world = World::new().await;
    let mut command = world.command(&[&world.users(2), "--yes"]);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", world.sandbox.url());
    let run = world.finish(command).await;
    assert_eq!((run.status.code(), world.sandbox.calls().token), (Some(3), 0), "{}", said(&run));
    assert!(said(&run).contains("The table cannot be read"), "{}", said(&run));
}

/// Stands before the sandbox. It refuses the first calls with 429 and `Retry-After: 3`.
struct Proxy {
    url: String,
    state: Arc<ProxyState>,
}

struct ProxyState {
    sandbox_url: String,
    refusals: usize,
    calls: Mutex<Vec<Instant>>,
}

impl Proxy {
    async fn start(world: &World, refusals: usize) -> Self {
        let state = Arc::new(ProxyState { sandbox_url: world.sandbox.url(), refusals, calls: Mutex::default() });
        let url = serve(Router::new().fallback(forward).with_state(Arc::clone(&state))).await;
        Self { url, state }
    }

    /// When each call came.
    fn calls(&self) -> Vec<Instant> {
        self.state.calls.lock().expect("no panic").clone()
    }
}

async fn forward(State(state): State<Arc<ProxyState>>, uri: Uri, mut headers: HeaderMap, body: Bytes) -> Response {
    let number = {
        let mut calls = state.calls.lock().expect("no panic");
        calls.push(Instant::now());
        calls.len()
    };
    if number <= state.refusals {
        return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "3")]).into_response();
    }
    headers.remove("host");
    let request = reqwest::Client::new().post(format!("{}{uri}", state.sandbox_url)).headers(headers).body(body);
    let response = request.send().await.expect("a response");
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.bytes().await.expect("a body")).into_response()
}
