//! Groups that callers name: which of them exist is for LiveChat or the site to say, and a made-up one is its caller's mistake.

use crate::world::*;
use sandbox::Fault;
use serde_json::json;

const UNKNOWN: (u64, &str) = (404, "unknown_group");

#[tokio::test]
async fn a_group_that_livechat_refuses_is_the_callers_mistake_and_no_error_of_the_site() {
    let world = World::new().await.with("RUST_LOG", "info");
    for n in 0..9 {
        world.sandbox.fail(if n % 2 == 0 { Fault::OauthInvalidRequest } else { Fault::IdentityException }, 1);
        let answer = world.call_group(GetToken, "mallory", &format!("99900{n}")).await;
        assert_eq!(answer.problem(), (UNKNOWN.0, UNKNOWN.1.into()));
        assert!(answer.body()["detail"].as_str().is_some_and(|detail| detail.contains("GROUPS")));
    }
    // It is remembered, as each refusal is billed.
    let calls = world.sandbox.calls().token;
    for binary in [GetToken, GetFreshToken] {
        assert_eq!(world.call_group(binary, "mallory", "999000").await.problem(), (UNKNOWN.0, UNKNOWN.1.into()));
    }
    assert_eq!(world.sandbox.calls().token, calls);
    for line in world.lines_of_calls(11).await {
        let counted = ["Errors", "LiveChatRejections", "LiveChatFailures", "Refusals"].map(|name| line[name].clone());
        assert_eq!(counted, [json!(null), json!(null), json!(null), json!(1)], "{line}");
        assert_eq!((&line["outcome"], &line["level"]), (&json!(UNKNOWN.1), &json!("INFO")));
    }
}

#[tokio::test]
async fn whatever_livechat_makes_of_a_made_up_group_is_no_error_of_the_site() {
    let faults = [Fault::Http500, Fault::Html, Fault::Truncated, Fault::OauthServerError, Fault::NoCookies];
    let world = World::new().await.with("RUST_LOG", "info");
    for (n, fault) in faults.into_iter().enumerate() {
        world.sandbox.fail(fault, 1);
        let answer = world.call_group(GetToken, "mallory", &n.to_string()).await;
        assert_eq!(answer.problem(), (503, "livechat_unavailable".into()), "{fault:?}");
    }
    for line in world.lines_of_calls(faults.len()).await {
        assert_eq!((&line["Errors"], &line["LiveChatFailures"]), (&json!(null), &json!(null)), "{line}");
    }
}

#[tokio::test]
async fn a_group_that_is_known_to_exist_counts() {
    for groups in ["", "3"] {
        let world = World::new().await.with("RUST_LOG", "info").with("GROUPS", groups);
        if groups.is_empty() {
            world.call_group(GetToken, "alice", "3").await.token();
            world.call_group(Invalidate, "alice", "3").await.body();
        }
        world.sandbox.fail(Fault::Http429, 1);
        world.call_group(GetFreshToken, "alice", "3").await.problem();
        let lines = world.lines_of_calls(if groups.is_empty() { 3 } else { 1 }).await;
        let last = lines.last().expect("a line");
        assert_eq!((&last["Errors"], &last["LiveChatFailures"]), (&json!(1), &json!(1)), "{groups}");
    }
}

#[tokio::test]
async fn with_a_list_other_groups_are_refused_before_anything_is_written() {
    let world = World::new().await.with("GROUPS", "3, 7");
    for binary in [GetToken, GetFreshToken, HasToken, Invalidate] {
        let answer = world.call_group(binary, "alice", "4").await;
        assert_eq!(answer.problem(), (UNKNOWN.0, UNKNOWN.1.into()), "{binary:?}");
    }
    assert!(world.item_at("alice", "group#4").await.is_empty());
    assert_eq!(
        (world.sandbox.calls().token, world.renewals_in_groups("alice", cip::time::now_ms() / 60_000 - 1).await),
        (0, 0)
    );
    world.call_group(GetToken, "alice", "3").await.token();
    world.call_group(GetToken, "alice", "7").await.token();
    world.call(GetToken, "alice").await.token();
}

#[tokio::test]
async fn a_listed_group_that_livechat_does_not_know_is_unknown_and_any_other_refusal_is_the_sites_fault() {
    let world = World::new().await.with("GROUPS", "3").with("RUST_LOG", "info");
    world.sandbox.fail(Fault::OauthResourceNotFound, 1);
    assert_eq!(world.call_group(GetToken, "alice", "3").await.problem(), (UNKNOWN.0, UNKNOWN.1.into()));
    // As if the redirect URI were no longer on the app's list.
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(world.call_group(GetToken, "bob", "3").await.status(), 502);
    let lines = world.lines_of_calls(2).await;
    assert_eq!((&lines[1]["Errors"], &lines[1]["LiveChatRejections"]), (&json!(1), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_a_made_up_group_are_no_errors_of_the_site_either() {
    let world = std::sync::Arc::new(World::new().await.with("RUST_LOG", "info"));
    world.sandbox.set(|settings| settings.latency_ms = 1_000);
    world.sandbox.fail(Fault::Http500, 1);
    // All of them first: how long a process takes to start must not decide who waits for whom.
    let mut functions = Vec::new();
    for _ in 0..6 {
        functions.push(world.spawn(GetToken).await);
    }
    let mut calls = tokio::task::JoinSet::new();
    for function in functions {
        calls.spawn(async move { function.send(&http_api(GetToken, "mallory", "group=999")).await.status() });
    }
    assert_eq!(calls.join_all().await, [503; 6]);
    for line in world.lines_of_calls(6).await {
        assert_eq!(line["Errors"], json!(null), "{line}");
    }
}

#[tokio::test]
async fn a_list_that_is_none_ends_the_start() {
    let world = World::new().await.with("GROUPS", "three");
    for binary in [GetToken, GetFreshToken, HasToken, Invalidate] {
        assert!(world.init_error(binary).await.contains("GROUPS"), "{binary:?}");
    }
}
