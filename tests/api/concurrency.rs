//! Many calls at once, each through a process of its own.

use crate::world::*;
use std::{collections::HashSet, time::Instant};

/// The number of different values.
fn different(values: impl Iterator<Item = String>) -> usize {
    values.collect::<HashSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_first_calls_create_one_customer() {
    let world = World::new().await.with("RUST_LOG", "info");
    world.sandbox.set(|settings| settings.latency_ms = 150);
    let functions = world.spawn_each([GetToken; 50]).await;
    let started = Instant::now();
    let responses = send_at_once(&functions, |binary, _| http_api(binary, "alice", "")).await;
    println!("50 processes, one new user: all responses after {:?}", started.elapsed());
    assert_eq!(different(responses.iter().map(GatewayResponse::entity)), 1);
    assert_eq!(different(responses.iter().map(GatewayResponse::access_token)), 1);
    assert_eq!(world.sandbox.customers(), 1);
    assert_eq!(world.sandbox.calls().token, 1);
    let missed = responses.iter().filter(|response| response.source() == "fwd=miss").count();
    assert_eq!(missed, 1, "one call reaches LiveChat, all others wait for it or come later");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_get_fresh_token_calls_share_at_most_two_livechat_calls() {
    let world = World::new().await;
    let before = world.call(GetToken, "alice").await;
    world.sandbox.set(|settings| settings.latency_ms = 300);
    let calls_before = world.sandbox.calls().token;
    let responses = world.call_at_once([GetFreshToken; 12], "alice").await;
    let calls = world.sandbox.calls().token - calls_before;
    assert!((1..=2).contains(&calls), "{calls} calls");
    assert!(responses.iter().all(|response| response.entity() == before.entity()));
    assert!(responses.iter().all(|response| response.access_token() != before.access_token()));
    assert_eq!(different(responses.iter().map(GatewayResponse::access_token)) as u64, calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_token_never_comes_from_a_livechat_call_already_under_way() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 600);
    let (first, second) = (world.spawn(GetFreshToken).await, world.spawn(GetFreshToken).await);
    let under_way = first.call_in_background("alice");
    world.until_livechat_is_called(1).await;
    let later = second.call("alice").await;
    let earlier = under_way.await.expect("a response");
    assert_eq!(earlier.entity(), later.entity());
    assert_ne!(earlier.access_token(), later.access_token());
    assert_eq!(world.call(GetToken, "alice").await.token(), later.token());
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_of_all_operations_keep_one_customer() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 50);
    let binaries = [GetToken, GetFreshToken, Invalidate, GetToken, HasToken, GetFreshToken, GetToken, Invalidate];
    let responses = world.call_at_once(binaries, "alice").await;
    assert!(responses.iter().all(|response| response.status() == 200));
    let tokens: Vec<_> = responses.iter().filter(|response| response.body().is_object()).collect();
    assert_eq!(tokens.len(), 5);
    assert_eq!(different(tokens.into_iter().map(GatewayResponse::entity)), 1);
    assert_eq!(world.sandbox.customers(), 1);
}
