//! LiveChat is down for everybody: who asks it, and who is spared.

use crate::world::*;
use aws_sdk_dynamodb::types::AttributeValue;
use cip::{breaker::Gate, time::now_ms};
use local::sandbox::Fault;
use std::{collections::HashMap, time::Duration};
use tokio::task::JoinSet;

const MOST: u64 = Gate::MOST_UNANSWERED;
const DOWN: (u64, &str) = (503, "livechat_unavailable");

/// New users until the breaker opens, and one more.
async fn livechat_goes_down(world: &World) {
    world.sandbox.fail(Fault::Http503, 1_000);
    let calls = world.sandbox.calls().token;
    for n in 0..=MOST {
        assert_eq!(world.call(GetToken, &format!("victim-{n}")).await.problem(), (DOWN.0, DOWN.1.into()));
    }
    // An answer to one of the first two calls before may not have been noted.
    let sent = world.sandbox.calls().token - calls;
    assert!((MOST - 2..=MOST).contains(&sent), "{sent} were sent");
}

async fn gate(world: &World) -> HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.into());
    let answer = world
        .dynamodb
        .get_item()
        .table_name(&world.table)
        .key("pk", text("livechat"))
        .key("sk", text("gate"))
        .consistent_read(true)
        .send()
        .await;
    answer.expect("an answer of DynamoDB").item.unwrap_or_default()
}

/// As if the latest call had been sent `at_ms`.
async fn the_latest_call_was_sent(world: &World, at_ms: u64) {
    let text = |text: &str| AttributeValue::S(text.into());
    let change = world
        .dynamodb
        .update_item()
        .table_name(&world.table)
        .key("pk", text("livechat"))
        .key("sk", text("gate"))
        .update_expression("SET lastSent = :at")
        .expression_attribute_values(":at", AttributeValue::N(at_ms.to_string()));
    change.send().await.expect("a change");
}

#[tokio::test]
async fn while_livechat_is_down_calls_fail_at_once() {
    let world = World::new().await;
    livechat_goes_down(&world).await;
    let other_process = world.spawn(GetFreshToken).await;
    the_latest_call_was_sent(&world, now_ms() - Gate::SILENCE_MS).await;
    let (calls, began_ms) = (world.sandbox.calls().token, now_ms());
    assert_eq!(other_process.call(GetFreshToken, "late").await.problem(), (DOWN.0, DOWN.1.into()));
    assert_eq!(other_process.call(GetFreshToken, "later").await.problem(), (DOWN.0, DOWN.1.into()));
    assert!(world.item("later").await.is_empty(), "what a process knows costs no request");
    for n in 0..5 {
        assert_eq!(world.call(GetToken, &format!("late-{n}")).await.problem(), (DOWN.0, DOWN.1.into()));
        assert_eq!(other_process.call(GetFreshToken, "late").await.problem(), (DOWN.0, DOWN.1.into()));
    }
    // None, but for each time that it takes this machine so long that a probe is due.
    let due = (now_ms() - began_ms + Gate::SILENCE_MS) / Gate::PROBE_EVERY_MS;
    assert!(world.sandbox.calls().token - calls <= due);
}

#[tokio::test]
async fn what_is_stored_is_answered_and_not_tried_to_renew() {
    let world = World::new().await;
    let token = world.call(GetToken, "alice").await.access_token();
    world.age_token("alice", Duration::from_hours(7)).await;
    let new_process = world.spawn(GetToken).await;
    livechat_goes_down(&world).await;
    let version = world.item("alice").await["version"].clone();
    let calls = world.sandbox.calls().token;
    for _ in 0..5 {
        let stored = world.call(GetToken, "alice").await;
        assert_eq!((stored.access_token(), stored.source()), (token.clone(), "hit; detail=livechat-unavailable"));
    }
    assert_eq!(world.sandbox.calls().token, calls);
    assert_eq!(world.item("alice").await["version"], version, "nothing was written either");
    // A process that knows of nothing yet looks once, and gives the lease back.
    the_latest_call_was_sent(&world, now_ms() - Gate::SILENCE_MS).await;
    assert_eq!(new_process.call(GetToken, "alice").await.source(), "hit; detail=livechat-unavailable");
    assert!(!world.item("alice").await.contains_key("leaseUntil"));
    assert_eq!(world.sandbox.calls().token, calls);
}

#[tokio::test]
async fn a_token_that_is_over_is_not_answered_for_want_of_another() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    world.age_token("alice", Duration::from_hours(8)).await;
    livechat_goes_down(&world).await;
    assert_eq!(world.call(GetToken, "alice").await.problem(), (DOWN.0, DOWN.1.into()));
}

#[tokio::test]
async fn while_it_is_not_yet_plain_who_has_a_token_is_not_kept_and_tries_once() {
    let world = World::new().await;
    for user in ["alice", "bob"] {
        world.call(GetToken, user).await.token();
        world.age_token(user, Duration::from_hours(7)).await;
    }
    livechat_goes_down(&world).await;
    // Far ahead within what a clock may be: full since a moment ago, however slow this machine is.
    let a_moment_ago = || the_latest_call_was_sent(&world, now_ms() + 2_000);
    let function = world.spawn(GetToken).await;
    a_moment_ago().await;
    assert_eq!(function.call(GetToken, "alice").await.source(), "hit; detail=livechat-unavailable");
    let version = world.item("bob").await["version"].clone();
    assert_eq!(function.call(GetToken, "bob").await.source(), "hit; detail=livechat-unavailable");
    assert_eq!(world.item("bob").await["version"], version, "one look was enough");
    // It is not known to be down, though: who has nothing else still tries.
    world.sandbox.reset();
    the_latest_call_was_sent(&world, now_ms() - Gate::PROBE_EVERY_MS).await;
    function.call(GetToken, "carol").await.token();
}

#[tokio::test]
async fn one_call_finds_out_that_livechat_is_back_and_then_all_go() {
    let world = World::new().await;
    livechat_goes_down(&world).await;
    world.sandbox.reset();
    the_latest_call_was_sent(&world, now_ms() - Gate::PROBE_EVERY_MS).await;
    let probe = world.spawn(GetToken).await;
    probe.call(GetToken, "alice").await.token();
    assert!(!gate(&world).await.contains_key("unanswered"));
    let other = world.spawn(GetToken).await;
    for n in 0..=MOST {
        other.call(GetToken, &format!("victim-{n}")).await.token();
    }
}

#[tokio::test]
async fn a_probe_in_vain_keeps_the_others_waiting() {
    let world = World::new().await;
    livechat_goes_down(&world).await;
    let mut functions = Vec::new();
    for _ in 0..3 {
        functions.push(world.spawn(GetToken).await);
    }
    the_latest_call_was_sent(&world, now_ms() - Gate::PROBE_EVERY_MS).await;
    let (calls, began_ms) = (world.sandbox.calls().token, now_ms());
    for function in functions {
        assert_eq!(function.call(GetToken, "alice").await.problem(), (DOWN.0, DOWN.1.into()));
    }
    // One, and one more for each time that it takes this machine so long that another one is due.
    let due = 1 + (now_ms() - began_ms) / Gate::PROBE_EVERY_MS;
    assert!((1..=due).contains(&(world.sandbox.calls().token - calls)));
}

#[tokio::test]
async fn a_gate_of_a_clock_that_was_wrong_keeps_nobody_out() {
    let world = World::new().await;
    livechat_goes_down(&world).await;
    world.sandbox.reset();
    the_latest_call_was_sent(&world, now_ms() + 31_536_000_000).await;
    world.spawn(GetToken).await.call(GetToken, "alice").await.token();
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_no_outage() {
    let world = World::new().await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 100);
    for n in 0..3 * MOST {
        assert_eq!(world.call(GetToken, &format!("user-{n}")).await.status(), 502);
    }
    assert_eq!(world.sandbox.calls().token, 3 * MOST);
}

#[tokio::test]
async fn failures_among_good_answers_are_no_outage() {
    let world = World::new().await;
    for n in 0..3 * MOST {
        world.sandbox.fail(Fault::Http503, 1);
        assert_eq!(world.call(GetToken, &format!("user-{n}")).await.status(), 503);
        world.call(GetToken, &format!("user-{n}")).await.token();
    }
}

#[tokio::test]
async fn what_livechat_was_not_asked_for_does_not_count_as_a_renewal() {
    let world = World::new().await.with("RENEWALS_PER_MINUTE", "2");
    world.call(GetFreshToken, "alice").await.token();
    livechat_goes_down(&world).await;
    for _ in 0..3 {
        let function = world.spawn(GetFreshToken).await;
        // Long enough ago for silence, and as long as can be until it is time for a probe.
        the_latest_call_was_sent(&world, now_ms() - Gate::SILENCE_MS).await;
        assert_eq!(function.call(GetFreshToken, "alice").await.problem(), (DOWN.0, DOWN.1.into()));
    }
    world.sandbox.reset();
    the_latest_call_was_sent(&world, now_ms() - Gate::PROBE_EVERY_MS).await;
    let function = world.spawn(GetFreshToken).await;
    function.call(GetFreshToken, "alice").await.token();
    assert_eq!(function.call(GetFreshToken, "alice").await.problem(), (429, "rate_limited".into()));
}

#[tokio::test]
async fn nor_as_one_of_a_users_groups() {
    let world = World::new().await.with("RENEWALS_PER_MINUTE", "2");
    let minute = now_ms() / 60_000;
    world.call_group(GetFreshToken, "alice", "3").await.token();
    livechat_goes_down(&world).await;
    for _ in 0..3 {
        let function = world.spawn(GetFreshToken).await;
        the_latest_call_was_sent(&world, now_ms() - Gate::SILENCE_MS).await;
        let answer = function.send(&http_api(GetFreshToken, "alice", "group=3")).await;
        assert_eq!(answer.problem(), (DOWN.0, DOWN.1.into()));
    }
    assert_eq!(world.renewals_in_groups("alice", minute).await, 1);
    world.sandbox.reset();
    the_latest_call_was_sent(&world, now_ms() - Gate::PROBE_EVERY_MS).await;
    world.spawn(GetFreshToken).await.send(&http_api(GetFreshToken, "alice", "group=4")).await.token();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_new_users_at_once_are_no_outage() {
    let world = World::new().await.with("RUST_LOG", "info");
    // Long enough for all of them to be there at once, and shorter than what counts as silence.
    world.sandbox.set(|settings| settings.latency_ms = 500);
    let mut functions = Vec::new();
    for _ in 0..2 * MOST {
        functions.push(world.spawn(GetToken).await);
    }
    let mut calls = JoinSet::new();
    for (n, function) in functions.into_iter().enumerate() {
        calls.spawn(async move { function.call(GetToken, &format!("user-{n}")).await });
    }
    for answer in calls.join_all().await {
        answer.token();
    }
    assert_eq!(world.sandbox.customers(), 2 * MOST);
}
