//! Processes that die, or wake up too late, in the middle of a renewal.

use crate::world::*;
use aws_sdk_dynamodb::types::AttributeValue;
use cip::time::now_ms;
use sandbox::{CstMode, Fault};
use std::time::Duration;

async fn somebody_holds_the_lease(world: &World, until_ms: u64) {
    let until = AttributeValue::N(until_ms.to_string());
    world.change_item("alice", "SET #leaseUntil = :leaseUntil", &["leaseUntil"], until).await;
    world.change_item("alice", "SET #leaseOwner = :leaseOwner", &["leaseOwner"], AttributeValue::S("x".into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_call_takes_over_the_lease_of_a_crashed_process() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 2_000);
    let dies = world.spawn(GetToken).await;
    dies.start(&http_api(GetToken, "alice", ""), Duration::from_secs(15)).await;
    world.until_livechat_is_asked(1).await;
    dies.kill();
    world.sandbox.set(|settings| settings.latency_ms = 0);
    assert!(world.item("alice").await.contains_key("leaseUntil"));
    let answer = world.call(GetToken, "alice").await;
    assert_eq!(answer.source(), "fwd=miss");
    assert_eq!(world.call(GetToken, "alice").await.token(), answer.token());
    assert!(!world.item("alice").await.contains_key("leaseUntil"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_lost_its_lease_discards_its_result() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 2_000);
    let late = world.spawn(GetToken).await;
    let quick = world.spawn(GetToken).await;
    let request = http_api(GetToken, "alice", "");
    let late = tokio::spawn(async move { late.send(&request).await });
    world.until_livechat_is_asked(1).await;
    // As if its lease had lapsed: to everybody else it has.
    let long_ago = AttributeValue::N((now_ms() - 60_000).to_string());
    world.change_item("alice", "SET #leaseUntil = :leaseUntil", &["leaseUntil"], long_ago).await;
    world.sandbox.set(|settings| settings.latency_ms = 0);
    let quick = quick.call(GetToken, "alice").await;
    let late = late.await.expect("an answer");
    assert_eq!(late.token(), quick.token());
    assert_eq!(world.sandbox.customers(), 2, "the late one's customer was made, and never answered");
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), quick.entity());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_written_with_a_wrong_clock_locks_nobody_out() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    world.call(Invalidate, "alice").await.body();
    somebody_holds_the_lease(&world, now_ms() + 31_536_000_000).await;
    assert_eq!(world.call(GetToken, "alice").await.entity(), first.entity());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_time_to_wait_for_the_lease_returns_busy() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    world.call(Invalidate, "alice").await.body();
    let function = world.spawn(GetToken).await;
    somebody_holds_the_lease(&world, now_ms() + 15_000).await;
    let answer = function.send_within(&http_api(GetToken, "alice", ""), Duration::from_secs(3)).await;
    assert_eq!(answer.problem(), (503, "busy".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_of_livechat_keeps_the_known_customer() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    world.sandbox.fail(Fault::ResetAfter, 2);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (503, "livechat_unavailable".into()));
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity());
    assert_eq!(world.sandbox.customers(), 1);
}

/// The limit of what a client can do: the secret that would prove the customer never arrived.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_with_a_new_secret_records_one_identity_change() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.cst = CstMode::Strict);
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.fail(Fault::ResetAfter, 1);
    let next = world.call(GetFreshToken, "alice").await.entity();
    assert_ne!(first, next);
    let former = world.item("alice").await["formerIdentities"].as_l().expect("a list").clone();
    assert_eq!(former.len(), 1);
    assert_eq!(former[0].as_m().expect("a map")["entityId"].as_s().ok(), Some(&first));
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), next, "and it changes only once");
}
