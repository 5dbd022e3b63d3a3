//! Processes that crash, or are delayed beyond their lease, during a renewal.

use crate::clock::now_ms;
use crate::world::*;
use sandbox::{CstMode, Fault};
use std::time::Duration;

/// As if another process held the lease of alice until then.
async fn another_process_holds_the_lease(world: &World, until_ms: u64) {
    world.set_number("alice", "leaseUntil", until_ms).await;
    world.set("alice", "leaseOwner", string("x")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_call_takes_over_the_lease_of_a_crashed_process() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 2_000);
    let crashing = world.spawn(GetToken).await;
    crashing.start(&http_api(GetToken, "alice", ""), Duration::from_secs(15)).await;
    world.until_livechat_is_called(1).await;
    crashing.kill();
    world.sandbox.set(|settings| settings.latency_ms = 0);
    assert!(world.item("alice").await.contains_key("leaseUntil"));
    let response = world.call(GetToken, "alice").await;
    assert_eq!(response.source(), "fwd=miss");
    assert_eq!(world.call(GetToken, "alice").await.token(), response.token());
    assert!(!world.item("alice").await.contains_key("leaseUntil"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_lost_its_lease_discards_its_result() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 2_000);
    let quick = world.spawn(GetToken).await;
    let late = world.spawn(GetToken).await.call_in_background("alice");
    world.until_livechat_is_called(1).await;
    world.expire_lease("alice").await;
    world.sandbox.set(|settings| settings.latency_ms = 0);
    let quick = quick.call("alice").await;
    let late = late.await.expect("a response");
    assert_eq!(late.token(), quick.token());
    assert_eq!(world.sandbox.customers(), 2, "the late call created a customer that was never returned");
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), quick.entity());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_written_with_a_wrong_clock_does_not_lock_the_user_out() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    world.call(Invalidate, "alice").await.body();
    another_process_holds_the_lease(&world, now_ms() + 31_536_000_000).await;
    assert_eq!(world.call(GetToken, "alice").await.entity(), first.entity());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_time_to_wait_for_the_lease_returns_busy() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    world.call(Invalidate, "alice").await.body();
    let function = world.spawn(GetToken).await;
    another_process_holds_the_lease(&world, now_ms() + 15_000).await;
    let response = function.send_within(&http_api(GetToken, "alice", ""), Duration::from_secs(3)).await;
    assert_eq!(response.problem(), (503, "busy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_of_livechat_keeps_the_known_customer() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    world.sandbox.fail(Fault::ResetAfter, 2);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (503, "livechat_unavailable"));
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity());
    assert_eq!(world.sandbox.customers(), 1);
}

/// No client can avoid this: the new secret, without which LiveChat does not recognise the customer, never arrived.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_with_a_new_secret_records_one_identity_change() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.cst = CstMode::Strict);
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.fail(Fault::ResetAfter, 1);
    let next = world.call(GetFreshToken, "alice").await.entity();
    assert_ne!(first, next);
    let former = world.former_identities("alice").await;
    assert_eq!(former.len(), 1);
    assert_eq!(former[0]["entityId"], string(&first));
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), next, "and it changes only once");
}
