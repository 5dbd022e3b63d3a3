//! What agents see of a customer: verified claims, sent to LiveChat once for a change, after the caller has the token.

use crate::{
    auth::{SECRET, with_secret},
    clock::now_ms,
    dynamodb::in_front,
    world::*,
};
use axum::{Router, http::StatusCode};
use sandbox::{CustomerDetails, Fault};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Semaphore;

const DETAILS: &str = "name,email,fields.plan=plan";

async fn world() -> World {
    let world = World::new().await.with("AUTH", "authorizer");
    world.with("CUSTOMER_DETAILS", DETAILS)
}

/// A request of alice, about whom the gateway has verified these claims too.
fn of_alice(binary: Binary, claims: Value) -> Value {
    of("alice", binary, claims)
}

fn of(user: &str, binary: Binary, mut claims: Value) -> Value {
    claims["sub"] = json!(user);
    let mut event = request(binary, None, &[]);
    event["requestContext"]["authorizer"] = json!({"jwt": {"claims": claims, "scopes": null}});
    event
}

/// The claims of alice: API Gateway's are all strings.
fn claims() -> Value {
    json!({"name": "Alice Liddell", "email": "liddell@shop.example", "email_verified": "true", "plan": "pro"})
}

fn named(name: &str) -> Value {
    let mut claims = claims();
    claims["name"] = json!(name);
    claims
}

fn sent() -> CustomerDetails {
    CustomerDetails {
        name: Some("Alice Liddell".into()),
        email: Some("liddell@shop.example".into()),
        session_fields: vec![("plan".into(), "pro".into())],
    }
}

impl World {
    async fn log_in(&self, binary: Binary, claims: Value) -> GatewayResponse {
        let response = self.send(binary, &of_alice(binary, claims)).await;
        assert_eq!(response.status(), 200, "{response:?}");
        response
    }

    /// The same with another user's id.
    async fn log_in_as(&self, user: &str, binary: Binary) -> GatewayResponse {
        self.send(binary, &of(user, binary, claims())).await
    }

    /// The log lines about updates so far, after waiting until there are `count`.
    async fn updates(&self, count: usize) -> Vec<Value> {
        let lines = || {
            let output = self.output();
            let lines = output.lines().filter_map(|line| serde_json::from_str(line).ok());
            lines.filter(|line: &Value| line["message"] == "customer update").collect::<Vec<_>>()
        };
        let enough = async || Some(lines()).filter(|lines| lines.len() >= count);
        let found = wait_for(&format!("{count} updates"), enough).await;
        assert_eq!(found.len(), count, "{found:?}");
        found
    }

    /// Lets the pause after the latest update end, as if time had passed.
    async fn end_pause(&self) {
        self.set_number("alice", "details.again", now_ms()).await;
    }

    fn calls_to_update(&self) -> u64 {
        self.sandbox.calls().update_customer
    }
}

#[tokio::test]
async fn the_first_login_sends_the_details_once_and_a_change_once_more() {
    let world = world().await;
    let entity = world.log_in(GetToken, claims()).await.entity();
    let line = world.updates(1).await.remove(0);
    assert_eq!((&line["outcome"], &line["CustomerUpdates"], line.get("Calls")), (&json!("ok"), &json!(1), None));
    assert_eq!(world.sandbox.details_of(&entity), Some(sent()));
    world.end_pause().await;
    for binary in [GetToken, GetFreshToken, GetToken, GetFreshToken, GetToken] {
        assert_eq!(world.log_in(binary, claims()).await.entity(), entity);
    }
    assert_eq!(world.calls_to_update(), 1, "nothing has changed, also with new tokens");
    world.log_in(GetToken, named("Alice Hargreaves")).await;
    world.updates(2).await;
    world.log_in(GetToken, named("Alice Hargreaves")).await;
    assert_eq!(world.calls_to_update(), 2);
    assert_eq!(world.sandbox.details_of(&entity).and_then(|details| details.name).as_deref(), Some("Alice Hargreaves"));
}

#[tokio::test]
async fn claims_that_alternate_cost_one_call_in_ten_minutes() {
    let world = world().await;
    for name in ["Alice Liddell", "A. Liddell", "Alice Liddell", "A. Liddell"] {
        world.log_in(GetToken, named(name)).await;
    }
    assert_eq!(world.calls_to_update(), 1);
    assert!(read_number(&world.item("alice").await["details"].as_m().expect("a map")["again"]) > now_ms() + 590_000);
}

/// A page's token and an app's.
#[tokio::test]
async fn claims_that_alternate_repeat_failures_more_and_more_rarely() {
    let world = world().await;
    world.sandbox.fail_update(Fault::Http500, 2);
    world.log_in(GetToken, named("Alice Liddell")).await;
    world.updates(1).await;
    world.end_pause().await;
    world.log_in(GetFreshToken, named("A. Liddell")).await;
    world.updates(2).await;
    assert!(read_number(&world.item("alice").await["details"].as_m().expect("a map")["again"]) > now_ms() + 1_190_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_first_logins_send_the_details_once() {
    let world = world().await;
    let functions =
        world.spawn_each([GetToken, GetToken, GetFreshToken, GetToken, GetToken, GetFreshToken, GetToken, GetToken]);
    let functions = functions.await;
    // A function serves the second event when it has done all that was left of the first.
    for _ in 0..2 {
        let all = send_at_once(&functions, |binary, _| of_alice(binary, claims())).await;
        assert!(all.iter().all(|response| response.status() == 200));
    }
    assert_eq!((world.calls_to_update(), world.sandbox.customers()), (1, 1));
}

#[tokio::test]
async fn a_page_load_without_a_change_is_one_read() {
    let world = world().await;
    let operations: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&operations);
    let note = move |operation| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
        async { None }
    };
    let url = in_front(&world, note).await;
    let function = world.spawn_with_dynamodb(GetToken, url).await;
    let event = of_alice(GetToken, claims());
    function.send(&event).await.token();
    world.updates(1).await;
    function.send(&event).await.token();
    operations.lock().unwrap_or_else(PoisonError::into_inner).clear();
    for _ in 0..3 {
        function.send(&event).await.token();
    }
    assert_eq!(*operations.lock().unwrap_or_else(PoisonError::into_inner), ["GetItem"; 3]);
    assert_eq!(world.calls_to_update(), 1);
}

/// If the token had to wait for the update, the update would end by its time-out before it gets its response.
#[tokio::test(flavor = "multi_thread")]
async fn the_caller_has_the_token_before_livechat_responds_to_the_update() {
    let (called, answers) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (note, wait) = (Arc::clone(&called), Arc::clone(&answers));
    let api = Router::new().fallback(move || async move {
        note.add_permits(1);
        let _permit = wait.acquire().await;
        StatusCode::OK
    });
    let world = world().await.with("LIVECHAT_API_URL", &serve(api).await);
    world.log_in(GetToken, claims()).await.token();
    assert!(called.acquire().await.is_ok());
    answers.add_permits(1);
    assert_eq!(world.updates(1).await[0]["outcome"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_update_fails_no_call_and_is_repeated_after_a_pause() {
    for fault in [
        Fault::Http500,
        Fault::Http503,
        Fault::Http429,
        Fault::Html,
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Hang,
    ] {
        let world = world().await;
        world.sandbox.fail_update(fault, 1);
        let entity = world.log_in(GetToken, claims()).await.entity();
        let line = world.updates(1).await.remove(0);
        assert_eq!((&line["outcome"], &line["CustomerUpdateFailures"]), (&json!("failed"), &json!(1)), "{fault:?}");
        assert!(line["cause"].as_str().is_some_and(|cause| !cause.is_empty()));
        world.log_in(GetToken, claims()).await;
        world.log_in(GetFreshToken, claims()).await;
        assert_eq!(world.calls_to_update(), 1, "{fault:?}");
        world.end_pause().await;
        world.log_in(GetFreshToken, claims()).await;
        assert_eq!(world.updates(2).await[1]["outcome"], "ok", "{fault:?}");
        assert_eq!(world.sandbox.details_of(&entity), Some(sent()), "{fault:?}");
        world.end_pause().await;
        world.log_in(GetToken, claims()).await;
        world.log_in(GetToken, claims()).await;
        assert_eq!(world.calls_to_update(), 2, "{fault:?}");
    }
}

/// An API that responds to each update with this, and the number of updates so far.
async fn api(status: StatusCode, body: &'static str) -> (String, Arc<AtomicU64>) {
    let calls = Arc::new(AtomicU64::default());
    let counted = Arc::clone(&calls);
    let respond = move || async move {
        counted.fetch_add(1, Ordering::Relaxed);
        (status, body)
    };
    (serve(Router::new().fallback(respond)).await, calls)
}

const REFUSAL: &str = r#"{"error":{"type":"validation","message":"liddell"}}"#;

/// Other details, or the same at another API: LiveChat may be right to refuse them, or the address may be wrong.
#[tokio::test]
async fn details_that_livechat_refuses_are_sent_again_when_they_or_the_api_change() {
    let world = world().await;
    let sandbox = world.sandbox.url();
    let (url, calls) = api(StatusCode::BAD_REQUEST, REFUSAL).await;
    let world = world.with("LIVECHAT_API_URL", &url);
    let entity = world.log_in(GetToken, claims()).await.entity();
    assert!(world.updates(1).await[0]["cause"].as_str().is_some_and(|cause| cause.contains("validation")));
    world.end_pause().await;
    world.log_in(GetToken, claims()).await;
    world.log_in(GetToken, claims()).await;
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    world.log_in(GetToken, named("Alice Hargreaves")).await;
    world.updates(2).await;
    world.end_pause().await;
    world.log_in(GetToken, named("Alice Hargreaves")).await;
    world.log_in(GetToken, named("Alice Hargreaves")).await;
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let world = world.with("LIVECHAT_API_URL", &sandbox);
    world.log_in(GetToken, named("Alice Hargreaves")).await;
    world.updates(3).await;
    assert_eq!(world.sandbox.details_of(&entity).and_then(|details| details.name).as_deref(), Some("Alice Hargreaves"));
}

/// A proxy, or what a wrong `LIVECHAT_API_URL` names.
#[tokio::test]
async fn a_refusal_that_is_not_livechats_does_not_settle_the_details() {
    for status in [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::UNPROCESSABLE_ENTITY] {
        let (url, calls) = api(status, "<!doctype html>").await;
        let world = world().await.with("LIVECHAT_API_URL", &url);
        world.log_in(GetToken, claims()).await;
        world.updates(1).await;
        world.end_pause().await;
        world.log_in(GetFreshToken, claims()).await;
        world.updates(2).await;
        assert_eq!(calls.load(Ordering::Relaxed), 2, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_update_a_process_leaves_the_next_users_to_later_calls() {
    for fault in [Fault::Http503, Fault::ResetBefore, Fault::Hang] {
        let world = world().await;
        world.sandbox.fail_update(fault, 1);
        world.log_in(GetToken, claims()).await;
        world.updates(1).await;
        let entity = world.log_in_as("bob", GetToken).await.entity();
        world.log_in_as("bob", GetToken).await;
        assert_eq!(world.calls_to_update(), 1, "{fault:?}");
        assert!(!world.item("bob").await.contains_key("details"), "{fault:?}: nothing is claimed");
        // Another process.
        world.log_in_as("bob", GetFreshToken).await;
        world.updates(2).await;
        assert_eq!(world.sandbox.details_of(&entity), Some(sent()), "{fault:?}");
    }
}

#[tokio::test]
async fn a_refusal_of_one_users_details_delays_no_others() {
    let (url, calls) = api(StatusCode::BAD_REQUEST, REFUSAL).await;
    let world = world().await.with("LIVECHAT_API_URL", &url);
    world.log_in(GetToken, claims()).await;
    world.log_in_as("bob", GetToken).await;
    world.updates(2).await;
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_during_an_update_leaves_it_to_a_later_call() {
    let world = world().await;
    world.sandbox.fail_update(Fault::Hang, 1);
    let dying = world.spawn(GetToken).await;
    let entity = dying.send(&of_alice(GetToken, claims())).await.entity();
    until("a call to update", async || world.calls_to_update() == 1).await;
    dying.kill();
    world.log_in(GetToken, claims()).await;
    world.log_in(GetToken, claims()).await;
    assert_eq!(world.calls_to_update(), 1);
    world.end_pause().await;
    world.log_in(GetToken, claims()).await;
    world.updates(1).await;
    assert_eq!(world.sandbox.details_of(&entity), Some(sent()));
}

#[tokio::test]
async fn another_customer_gets_the_details_at_once() {
    let world = world().await;
    let first = world.log_in(GetFreshToken, claims()).await.entity();
    world.updates(1).await;
    world.sandbox.forget(&first);
    let next = world.log_in(GetFreshToken, claims()).await.entity();
    assert_ne!(next, first);
    world.updates(2).await;
    assert_eq!(world.sandbox.details_of(&next), Some(sent()));
}

#[tokio::test]
async fn a_guest_has_no_details_until_they_log_in() {
    let world = world().await.with("GUESTS", "true");
    let entity = world.call_as_guest(GetToken, GUEST).await.entity();
    world.call_as_guest(GetToken, GUEST).await.token();
    assert_eq!(world.calls_to_update(), 0);
    let mut event = of_alice(GetToken, claims());
    event["headers"]["x-guest-id"] = json!(GUEST);
    assert_eq!(world.send(GetToken, &event).await.entity(), entity);
    world.updates(1).await;
    assert_eq!(world.sandbox.details_of(&entity), Some(sent()));
}

#[tokio::test]
async fn the_customer_of_each_group_gets_the_details() {
    let world = world().await;
    for (group, count) in [("", 1), ("group=3", 2)] {
        let mut event = of_alice(GetToken, claims());
        event["rawQueryString"] = json!(group);
        let entity = world.send(GetToken, &event).await.entity();
        world.updates(count).await;
        assert_eq!(world.sandbox.details_of(&entity), Some(sent()));
    }
}

#[tokio::test]
async fn only_what_the_signer_vouches_for_is_sent() {
    let issuer = crate::auth::Issuer::start().await;
    let with = crate::auth::Hs256(SECRET.as_bytes());
    let world = with_secret(SECRET).await.with("CUSTOMER_DETAILS", DETAILS);
    let log_in = async |claims: &Value| {
        let token = format!("Bearer {}", issuer.token_with(with, claims));
        // Whatever else a request says about the user has no effect.
        let headers =
            [("authorization", token.as_str()), ("x-name", "Mallory"), ("x-user-email", "mallory@shop.example")];
        let mut event = request(GetToken, None, &headers);
        event["rawQueryString"] = json!("name=Mallory&email=mallory@shop.example&email_verified=true");
        event["body"] =
            json!(r#"{"name": "Mallory", "email": "mallory@shop.example", "email_verified": true, "plan": "free"}"#);
        world.send(GetToken, &event).await
    };
    let mut claims =
        json!({"sub": "alice", "name": "Alice Liddell", "email": "liddell@shop.example", "email_verified": false});
    let entity = log_in(&claims).await.entity();
    world.updates(1).await;
    let expected = CustomerDetails { name: Some("Alice Liddell".into()), ..CustomerDetails::default() };
    assert_eq!(world.sandbox.details_of(&entity), Some(expected));
    world.end_pause().await;
    claims["email_verified"] = json!(true);
    claims["plan"] = json!("pro");
    log_in(&claims).await.token();
    world.updates(2).await;
    assert_eq!(world.sandbox.details_of(&entity), Some(sent()));
    world.end_pause().await;
    claims["name"] = json!("Mallory");
    let token = issuer.token_with(crate::auth::Hs256(b"test-secret-of-mallory-0123456789-0123456789"), &claims);
    let refused =
        world.send(GetToken, &request(GetToken, None, &[("authorization", &format!("Bearer {token}"))])).await;
    assert_eq!(refused.status(), 401);
    assert_eq!(world.sandbox.details_of(&entity), Some(sent()));
    assert_eq!(world.calls_to_update(), 2);
}

#[tokio::test]
async fn without_an_organization_the_functions_that_send_details_do_not_start() {
    let world = world().await.with_v1();
    for binary in [GetToken, GetFreshToken] {
        let said = world.init_error(binary).await;
        let is_clear = said.contains("CUSTOMER_DETAILS needs LIVECHAT_ORGANIZATION_ID");
        assert!(is_clear && said.trim().lines().count() == 1, "{said}");
    }
}

#[tokio::test]
async fn without_the_setting_nothing_is_sent_or_stored() {
    let world = world().await.without("CUSTOMER_DETAILS");
    world.log_in(GetToken, claims()).await;
    world.log_in(GetToken, claims()).await;
    assert_eq!(world.calls_to_update(), 0);
    assert!(!world.item("alice").await.contains_key("details"));
}

#[tokio::test]
async fn the_table_has_a_hash_of_the_details_only() {
    let world = world().await;
    world.log_in(GetToken, claims()).await;
    world.updates(1).await;
    world.log_in(GetToken, claims()).await;
    let item = format!("{:?}", world.item("alice").await);
    assert!(item.contains("details") && !item.contains("iddell") && !item.contains("pro\""), "{item}");
}

/// Otherwise, a list of addresses could be compared with the table.
#[tokio::test]
async fn the_hash_has_the_key_of_the_log() {
    let mut world = world().await;
    let mut hashes = HashSet::new();
    for (key, count) in [("", 1), ("a key", 2), ("another key", 3)] {
        world = world.with("SUBJECT_KEY", key);
        world.log_in(GetToken, claims()).await;
        world.updates(count).await;
        world.end_pause().await;
        let item = world.item("alice").await;
        hashes.insert(item["details"].as_m().expect("a map")["hash"].as_s().expect("a string").clone());
    }
    assert_eq!(hashes.len(), 3);
}
