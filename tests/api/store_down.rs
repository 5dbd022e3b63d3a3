//! DynamoDB refusing, slow, or gone.

use crate::{
    dynamodb::{access_denied, in_front},
    proxy::Mode,
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

#[tokio::test]
async fn a_refusal_of_the_database_returns_store_unavailable() {
    let world = World::new().await.with("TABLE_NAME", "no-such-table");
    for binary in Binary::ALL {
        assert_eq!(world.call(binary, "alice").await.problem(), (503, "store_unavailable"));
    }
    assert!(world.output().contains("ResourceNotFoundException"), "the log says why");
    assert_eq!(world.sandbox.calls().token, 0, "LiveChat is not called for a token that cannot be stored");
}

#[tokio::test]
async fn an_unreachable_database_returns_store_unavailable() {
    let world = World::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    for binary in Binary::ALL {
        assert_eq!(world.call(binary, "alice").await.problem(), (503, "store_unavailable"));
    }
    assert_eq!(
        world.output().matches("DynamoDB unavailable: no connection").count(),
        Binary::ALL.len(),
        "the log says why"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_does_not_wait_for_a_hanging_database_past_its_deadline() {
    // It accepts connections, and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let world = World::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", &url);
    for binary in Binary::ALL {
        let function = world.spawn(binary).await;
        // The call's deadline comes before the SDK's own time-out of three seconds.
        let response = function.send_within(&http_api(binary, "alice", ""), Duration::from_secs(3)).await;
        assert_eq!(response.problem(), (503, "store_unavailable"));
    }
    let patient = world.spawn(HasToken).await;
    assert_eq!(patient.call("alice").await.problem(), (503, "store_unavailable"));
    let lines = world.call_lines(Binary::ALL.len() + 1).await;
    assert!(
        lines[Binary::ALL.len()]["cause"].as_str().is_some_and(|cause| cause.contains("time-out")),
        "the SDK's own time-out comes first"
    );
    drop(silent);
}

#[tokio::test]
async fn a_malformed_response_of_the_database_returns_store_unavailable() {
    // The sandbox is a server that is not DynamoDB.
    let world = World::new().await;
    let url = world.sandbox.url();
    let world = world.with("AWS_ENDPOINT_URL_DYNAMODB", &url);
    for binary in Binary::ALL {
        assert_eq!(world.call(binary, "alice").await.problem(), (503, "store_unavailable"));
    }
    assert!(world.output().contains("DynamoDB unavailable: an "), "the log says why");
    let world = World::new().await.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    assert_eq!(world.call(HasToken, "alice").await.problem(), (503, "store_unavailable"));
    assert!(world.output().contains("could not be sent (credentials"), "the log says why");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_token_is_returned_if_livechat_and_the_database_fail() {
    let world = World::new().await;
    let token = world.call(GetToken, "alice").await.access_token();
    world.age_token("alice", Duration::from_hours(7)).await;
    let database = world.proxy_to("AWS_ENDPOINT_URL_DYNAMODB").await;
    let world = world.with("AWS_ENDPOINT_URL_DYNAMODB", &database.url());
    world.sandbox.set(|settings| settings.latency_ms = 1_000);
    world.sandbox.fail(Fault::Http429, 1);
    let calls = world.sandbox.calls().token;
    let waiting = world.spawn(GetToken).await.call_in_background("alice");
    world.until_livechat_is_called(calls + 1).await;
    database.set(Mode::Refuse);
    let response = waiting.await.expect("a response");
    assert_eq!((response.access_token(), response.source()), (token, "hit; detail=livechat-unavailable"));
}

/// DynamoDB, but the first writes conflict with a transaction.
async fn with_transactions(world: &World, conflicts: usize) -> String {
    let left = Arc::new(AtomicUsize::new(conflicts));
    in_front(world, move |operation| {
        let is_left = |left: usize| left.checked_sub(1);
        let is_conflict =
            operation == "UpdateItem" && left.try_update(Ordering::SeqCst, Ordering::SeqCst, is_left).is_ok();
        let kind = "com.amazonaws.dynamodb.v20120810#TransactionConflictException";
        let conflict = (StatusCode::BAD_REQUEST, format!("{{\"__type\":\"{kind}\",\"message\":\"alice\"}}"));
        async move { is_conflict.then(|| conflict.into_response()) }
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
        let function = world.spawn_with_dynamodb(binary, endpoint).await;
        assert_eq!(function.call("alice").await.status(), 200);
        assert_eq!(world.sandbox.customers(), 1);
    }
    let world = World::new().await;
    let endpoint = with_transactions(&world, usize::MAX).await;
    let function = world.spawn_with_dynamodb(GetToken, endpoint).await;
    assert_eq!(function.call("alice").await.problem(), (503, "store_unavailable"), "but not without limit");
}

/// DynamoDB, but it refuses the writes with these numbers, counted from 0.
async fn without_writes(world: &World, which: Range<usize>) -> String {
    let count = Arc::new(AtomicUsize::new(0));
    in_front(world, move |operation| {
        let is_meant = operation == "UpdateItem" && which.contains(&count.fetch_add(1, Ordering::SeqCst));
        async move { is_meant.then(access_denied) }
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
    let function = world.spawn_with_dynamodb(GetFreshToken, endpoint).await;
    world.sandbox.fail(Fault::Hang, 10);
    assert_eq!(function.call("alice").await.problem(), (503, "livechat_unavailable"));
    // From its first look at the gate, the function knows when a probe is due.
    assert!(world.sandbox.calls().token <= 1);
}

/// The number of writes before LiveChat is called: the lease.
const WRITES_BEFORE_LIVECHAT: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_renewal_that_cannot_be_counted_does_not_call_livechat() {
    let world = World::new().await;
    let endpoint = without_writes(&world, 1..2).await;
    let function = world.spawn_with_dynamodb(GetToken, endpoint).await;
    let event = http_api(GetToken, "alice", "group=3");
    assert_eq!(function.send(&event).await.problem(), (503, "store_unavailable"));
    assert_eq!(world.sandbox.calls().token, 0);
    assert!(!world.item_at("alice", "group#3").await.contains_key("leaseUntil"), "the lease is released");
    function.send(&event).await.token();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_is_retried() {
    let world = World::new().await;
    let first = WRITES_BEFORE_LIVECHAT;
    let endpoint = without_writes(&world, first..first + 2).await;
    let function = world.spawn_with_dynamodb(GetToken, endpoint).await;
    let token = function.call("alice").await.access_token();
    assert_eq!(world.sandbox.calls().token, 1);
    assert_eq!(world.call(GetToken, "alice").await.access_token(), token);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_stored_is_not_returned() {
    let world = World::new().await;
    let endpoint = without_writes(&world, WRITES_BEFORE_LIVECHAT..usize::MAX).await;
    let function = world.spawn_with_dynamodb(GetToken, endpoint).await;
    let response = function.send_within(&http_api(GetToken, "alice", ""), Duration::from_secs(4)).await;
    assert_eq!(response.problem(), (503, "store_unavailable"));
    assert_eq!(world.sandbox.calls().token, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_acquires_the_lease_too_late_does_not_call_livechat() {
    let world = World::new().await;
    let endpoint = in_front(&world, async |operation| {
        // The lease, and the look at the gate.
        let takes_ms = if operation == "UpdateItem" { 800 } else { 400 };
        tokio::time::sleep(Duration::from_millis(takes_ms)).await;
        None
    })
    .await;
    let function = world.spawn_with_dynamodb(GetFreshToken, endpoint).await;
    let response = function.send_within(&http_api(GetFreshToken, "alice", ""), Duration::from_millis(2_500)).await;
    assert_eq!(response.problem(), (503, "busy"));
    assert_eq!(world.sandbox.calls().token, 0);
}
