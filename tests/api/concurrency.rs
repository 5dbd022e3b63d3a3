//! Many calls at once, each through a process of its own.

use crate::world::*;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Starts a process of each binary, and then calls them all at once.
async fn all_at_once(world: &World, binaries: Vec<Binary>, user: &str) -> (Vec<Answer>, Duration) {
    let mut functions = Vec::new();
    for binary in binaries {
        functions.push((binary, world.spawn(binary).await));
    }
    let started = Instant::now();
    let mut calls = JoinSet::new();
    for (binary, function) in functions {
        let event = http_api(binary, user, "");
        calls.spawn(async move { function.send(&event).await });
    }
    let answers = calls.join_all().await;
    (answers, started.elapsed())
}

fn different(values: impl Iterator<Item = String>) -> usize {
    values.collect::<HashSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_first_calls_create_one_customer() {
    let world = World::new().await.with("RUST_LOG", "info");
    world.sandbox.set(|settings| settings.latency_ms = 150);
    let (answers, took) = all_at_once(&world, vec![GetToken; 50], "alice").await;
    println!("50 processes, one new user: all answered after {took:?}");
    assert_eq!(different(answers.iter().map(Answer::entity)), 1);
    assert_eq!(different(answers.iter().map(Answer::access_token)), 1);
    assert_eq!(world.sandbox.customers(), 1);
    assert_eq!(world.sandbox.calls().token, 1);
    let asked = answers.iter().filter(|answer| answer.source() == "fwd=miss").count();
    assert_eq!(asked, 1, "one call asks LiveChat, all others wait for it or come later");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_get_fresh_token_calls_share_at_most_two_livechat_calls() {
    let world = World::new().await;
    let before = world.call(GetToken, "alice").await;
    world.sandbox.set(|settings| settings.latency_ms = 300);
    let calls_before = world.sandbox.calls().token;
    let (answers, _) = all_at_once(&world, vec![GetFreshToken; 12], "alice").await;
    let calls = world.sandbox.calls().token - calls_before;
    assert!((1..=2).contains(&calls), "{calls} calls");
    assert!(answers.iter().all(|answer| answer.entity() == before.entity()));
    assert!(answers.iter().all(|answer| answer.access_token() != before.access_token()));
    assert_eq!(different(answers.iter().map(Answer::access_token)) as u64, calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_token_never_comes_from_a_livechat_call_already_under_way() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 600);
    let (first, second) = (world.spawn(GetFreshToken).await, world.spawn(GetFreshToken).await);
    let under_way = tokio::spawn(async move { first.call(GetFreshToken, "alice").await });
    world.until_livechat_is_asked(1).await;
    let later = second.call(GetFreshToken, "alice").await;
    let earlier = under_way.await.expect("an answer");
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
    let (answers, _) = all_at_once(&world, binaries.to_vec(), "alice").await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    let tokens: Vec<_> = answers.iter().filter(|answer| answer.body().is_object()).collect();
    assert_eq!(tokens.len(), 5);
    assert_eq!(different(tokens.into_iter().map(Answer::entity)), 1);
    assert_eq!(world.sandbox.customers(), 1);
}
