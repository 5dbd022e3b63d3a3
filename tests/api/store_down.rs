//! DynamoDB refusing, slow, or gone.

use crate::{
    dynamodb::in_front,
    proxy::{Mode, Proxy},
    world::*,
};
use axum::{http::StatusCode, response::IntoResponse};
use cip::renewal::circuit::Gate;
use sandbox::Fault;
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;

const ALL: [Binary; 4] = [GetToken, GetFreshToken, HasToken, Invalidate];

#[tokio::test]
async fn a_refusal_of_the_database_returns_store_unavailable() {
    let world = World::new().await.with("TABLE_NAME", "no-such-table");
    for binary in ALL {
        assert_eq!(world.call(binary, "alice").await.problem(), (503, "store_unavailable".into()));
    }
    assert!(world.said().contains("ResourceNotFoundException"), "the log says why");
    assert_eq!(world.sandbox.calls().token, 0, "LiveChat is not asked for what cannot be kept");
}

#[tokio::test]
async fn an_unreachable_database_returns_store_unavailable() {
    let world = World::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    for binary in ALL {
        assert_eq!(world.call(binary, "alice").await.problem(), (503, "store_unavailable".into()));
    }
    assert_eq!(world.said().matches("DynamoDB unavailable: no connection").count(), ALL.len(), "the log says why");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_does_not_wait_for_a_hanging_database_past_its_deadline() {
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let world = World::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", &url);
    for binary in ALL {
        let function = world.spawn(binary).await;
        // Less than the SDK's own three seconds.
        let answer = function.send_within(&http_api(binary, "alice", ""), Duration::from_secs(3)).await;
        assert_eq!(answer.problem(), (503, "store_unavailable".into()));
    }
    let patient = world.spawn(HasToken).await;
    assert_eq!(patient.call(HasToken, "alice").await.problem(), (503, "store_unavailable".into()));
    let lines = world.lines_of_calls(ALL.len() + 1).await;
    assert!(
        lines[ALL.len()]["cause"].as_str().is_some_and(|cause| cause.contains("time-out")),
        "the SDK's own comes first"
    );
    drop(silent);
}

#[tokio::test]
async fn a_malformed_response_of_the_database_returns_store_unavailable() {
    // The sandbox is a server that is not DynamoDB.
    let world = World::new().await;
    let url = world.sandbox.url();
    let world = world.with("AWS_ENDPOINT_URL_DYNAMODB", &url);
    for binary in ALL {
        assert_eq!(world.call(binary, "alice").await.problem(), (503, "store_unavailable".into()));
    }
    assert!(world.said().contains("DynamoDB unavailable: an "), "the log says why");
    let world = World::new().await.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    // Nor is there a machine's role to ask for some.
    let world = world.with("AWS_EC2_METADATA_DISABLED", "true");
    assert_eq!(world.call(HasToken, "alice").await.problem(), (503, "store_unavailable".into()));
    assert!(world.said().contains("could not be sent (credentials"), "the log says why");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_token_is_returned_if_livechat_and_the_database_fail() {
    let world = World::new().await;
    let token = world.call(GetToken, "alice").await.access_token();
    world.age_token("alice", Duration::from_hours(7)).await;
    let url = world.setting("AWS_ENDPOINT_URL_DYNAMODB").expect("a setting");
    let database = Proxy::start(url.trim_start_matches("http://").parse().expect("an address")).await;
    let world = world.with("AWS_ENDPOINT_URL_DYNAMODB", &database.url());
    world.sandbox.set(|settings| settings.latency_ms = 1_000);
    world.sandbox.fail(Fault::Http429, 1);
    let calls = world.sandbox.calls().token;
    let function = world.spawn(GetToken).await;
    let waiting = tokio::spawn(async move { function.call(GetToken, "alice").await });
    while world.sandbox.calls().token == calls {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    database.set(Mode::Refuse);
    let answer = waiting.await.expect("an answer");
    assert_eq!((answer.access_token(), answer.source()), (token, "hit; detail=livechat-unavailable"));
}

/// DynamoDB, but the first writes meet somebody's transaction.
async fn with_transactions(world: &World, conflicts: usize) -> String {
    let left = Arc::new(AtomicUsize::new(conflicts));
    in_front(world, move |operation| {
        let is_left = |left: usize| left.checked_sub(1);
        let meets = operation == "UpdateItem" && left.try_update(Ordering::SeqCst, Ordering::SeqCst, is_left).is_ok();
        let kind = "com.amazonaws.dynamodb.v20120810#TransactionConflictException";
        let conflict = (StatusCode::BAD_REQUEST, format!("{{\"__type\":\"{kind}\",\"message\":\"alice\"}}"));
        async move { meets.then(|| conflict.into_response()) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_conflicts_with_a_transaction_is_retried() {
    for binary in [GetToken, GetFreshToken, Invalidate] {
        let world = World::new().await;
        world.call(GetToken, "alice").await.token();
        world.age_token("alice", Duration::from_hours(8)).await;
        let endpoint = with_transactions(&world, 3).await;
        let function = world.spawn_with(binary, &[("AWS_ENDPOINT_URL_DYNAMODB", endpoint)]).await;
        assert_eq!(function.call(binary, "alice").await.status(), 200);
        assert_eq!(world.sandbox.customers(), 1);
    }
    let world = World::new().await;
    let endpoint = with_transactions(&world, usize::MAX).await;
    let function = world.spawn_with(GetToken, &[("AWS_ENDPOINT_URL_DYNAMODB", endpoint)]).await;
    assert_eq!(function.call(GetToken, "alice").await.problem(), (503, "store_unavailable".into()), "but not for ever");
}

/// DynamoDB, but the writes with these numbers are not allowed, counted from 0.
async fn without_writes(world: &World, which: Range<usize>) -> String {
    let count = Arc::new(AtomicUsize::new(0));
    in_front(world, move |operation| {
        let is_meant = operation == "UpdateItem" && which.contains(&count.fetch_add(1, Ordering::SeqCst));
        let refusal = (StatusCode::BAD_REQUEST, "{\"__type\":\"com.amazon.coral.service#AccessDeniedException\"}");
        async move { is_meant.then(|| refusal.into_response()) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_table_does_not_let_calls_past_a_full_gate() {
    let world = World::new().await;
    world.calls_are_unanswered(Gate::MOST_UNANSWERED, 0).await;
    let looks = Arc::new(AtomicUsize::new(0));
    let endpoint = in_front(&world, move |operation| {
        let is_slow = operation == "GetItem" && looks.fetch_add(1, Ordering::SeqCst) > 0;
        async move {
            if is_slow {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            None
        }
    })
    .await;
    let function = world.spawn_with(GetFreshToken, &[("AWS_ENDPOINT_URL_DYNAMODB", endpoint)]).await;
    world.sandbox.fail(Fault::Hang, 10);
    assert_eq!(function.call(GetFreshToken, "alice").await.problem(), (503, "livechat_unavailable".into()));
    // What it saw first says when a probe is due.
    assert!(world.sandbox.calls().token <= 1);
}

/// The lease.
const WRITES_BEFORE_LIVECHAT_IS_ASKED: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_renewal_that_cannot_be_counted_does_not_call_livechat() {
    let world = World::new().await;
    let endpoint = without_writes(&world, 1..2).await;
    let function = world.spawn_with(GetToken, &[("AWS_ENDPOINT_URL_DYNAMODB", endpoint)]).await;
    let event = http_api(GetToken, "alice", "group=3");
    assert_eq!(function.send(&event).await.problem(), (503, "store_unavailable".into()));
    assert_eq!(world.sandbox.calls().token, 0);
    assert!(!world.item_at("alice", "group#3").await.contains_key("leaseUntil"), "the lease is given back");
    function.send(&event).await.token();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_is_retried() {
    let world = World::new().await;
    let first = WRITES_BEFORE_LIVECHAT_IS_ASKED;
    let endpoint = without_writes(&world, first..first + 2).await;
    let function = world.spawn_with(GetToken, &[("AWS_ENDPOINT_URL_DYNAMODB", endpoint)]).await;
    let token = function.call(GetToken, "alice").await.access_token();
    assert_eq!(world.sandbox.calls().token, 1);
    assert_eq!(world.call(GetToken, "alice").await.access_token(), token);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_stored_is_not_returned() {
    let world = World::new().await;
    let endpoint = without_writes(&world, WRITES_BEFORE_LIVECHAT_IS_ASKED..usize::MAX).await;
    let function = world.spawn_with(GetToken, &[("AWS_ENDPOINT_URL_DYNAMODB", endpoint)]).await;
    let answer = function.send_within(&http_api(GetToken, "alice", ""), Duration::from_secs(4)).await;
    assert_eq!(answer.problem(), (503, "store_unavailable".into()));
    assert_eq!(world.sandbox.calls().token, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_acquired_too_late_does_not_call_livechat() {
    let world = World::new().await;
    let endpoint = in_front(&world, async |operation| {
        // The lease, and the look at the gate.
        let takes_ms = if operation == "UpdateItem" { 800 } else { 400 };
        tokio::time::sleep(Duration::from_millis(takes_ms)).await;
        None
    })
    .await;
    let function = world.spawn_with(GetFreshToken, &[("AWS_ENDPOINT_URL_DYNAMODB", endpoint)]).await;
    let answer = function.send_within(&http_api(GetFreshToken, "alice", ""), Duration::from_millis(2_500)).await;
    assert_eq!(answer.problem(), (503, "busy".into()));
    assert_eq!(world.sandbox.calls().token, 0);
}
