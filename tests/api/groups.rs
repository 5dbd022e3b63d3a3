//! Groups that callers name. LiveChat or the site decides which of them exist; an unknown one is its caller's mistake.

use crate::world::*;
use sandbox::Fault;
use serde_json::json;

const UNKNOWN: (u64, &str) = (404, "unknown_group");

#[tokio::test]
async fn a_group_that_livechat_refuses_is_reported_as_unknown_and_not_as_an_error() {
    let world = World::new().await.with("RUST_LOG", "info");
    for n in 0..9 {
        world.sandbox.fail(if n % 2 == 0 { Fault::OauthInvalidRequest } else { Fault::IdentityException }, 1);
        let response = world.call_group(GetToken, "mallory", &format!("99900{n}")).await;
        assert_eq!(response.problem(), UNKNOWN);
        assert!(response.body()["detail"].as_str().is_some_and(|detail| detail.contains("GROUPS")));
    }
    // The refusal is stored, as LiveChat bills each call.
    let calls = world.sandbox.calls().token;
    for binary in [GetToken, GetFreshToken] {
        assert_eq!(world.call_group(binary, "mallory", "999000").await.problem(), UNKNOWN);
    }
    assert_eq!(world.sandbox.calls().token, calls);
    for line in world.call_lines(11).await {
        let counted = ["Errors", "LiveChatRejections", "LiveChatFailures", "Refusals"].map(|name| line[name].clone());
        assert_eq!(counted, [json!(null), json!(null), json!(null), json!(1)], "{line}");
        assert_eq!((&line["outcome"], &line["level"]), (&json!(UNKNOWN.1), &json!("INFO")));
    }
}

#[tokio::test]
async fn a_failure_for_an_unknown_group_does_not_count_as_an_error() {
    let faults = [Fault::Http500, Fault::Html, Fault::Truncated, Fault::OauthServerError, Fault::NoCookies];
    let world = World::new().await.with("RUST_LOG", "info");
    for (n, fault) in faults.into_iter().enumerate() {
        world.sandbox.fail(fault, 1);
        let response = world.call_group(GetToken, "mallory", &n.to_string()).await;
        assert_eq!(response.problem(), (503, "livechat_unavailable"), "{fault:?}");
    }
    for line in world.call_lines(faults.len()).await {
        assert_eq!((&line["Errors"], &line["LiveChatFailures"]), (&json!(null), &json!(null)), "{line}");
    }
}

#[tokio::test]
async fn a_failure_for_a_known_group_counts_as_an_error() {
    for groups in ["", "3"] {
        let world = World::new().await.with("RUST_LOG", "info").with("GROUPS", groups);
        if groups.is_empty() {
            world.call_group(GetToken, "alice", "3").await.token();
            world.call_group(Invalidate, "alice", "3").await.body();
        }
        world.sandbox.fail(Fault::Http429, 1);
        world.call_group(GetFreshToken, "alice", "3").await.problem();
        let lines = world.call_lines(if groups.is_empty() { 3 } else { 1 }).await;
        let last = lines.last().expect("a line");
        assert_eq!((&last["Errors"], &last["LiveChatFailures"]), (&json!(1), &json!(1)), "{groups}");
    }
}

#[tokio::test]
async fn groups_that_are_not_listed_are_refused_before_any_write() {
    let world = World::new().await.with("GROUPS", "3, 7");
    for binary in Binary::ALL {
        let response = world.call_group(binary, "alice", "4").await;
        assert_eq!(response.problem(), UNKNOWN, "{binary:?}");
    }
    assert!(world.item_at("alice", "group#4").await.is_empty());
    assert_eq!(
        (world.sandbox.calls().token, world.renewals_in_groups("alice", crate::clock::now_ms() / 60_000 - 1).await),
        (0, 0)
    );
    world.call_group(GetToken, "alice", "3").await.token();
    world.call_group(GetToken, "alice", "7").await.token();
    world.call(GetToken, "alice").await.token();
}

#[tokio::test]
async fn a_listed_group_is_unknown_only_if_livechat_does_not_find_it() {
    let world = World::new().await.with("GROUPS", "3").with("RUST_LOG", "info");
    world.sandbox.fail(Fault::OauthResourceNotFound, 1);
    assert_eq!(world.call_group(GetToken, "alice", "3").await.problem(), UNKNOWN);
    // As if the redirect URI were no longer on the app's list.
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(world.call_group(GetToken, "bob", "3").await.status(), 502);
    let lines = world.call_lines(2).await;
    assert_eq!((&lines[1]["Errors"], &lines[1]["LiveChatRejections"]), (&json!(1), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_waited_for_an_unknown_group_do_not_count_as_errors() {
    let world = World::new().await.with("RUST_LOG", "info");
    world.sandbox.set(|settings| settings.latency_ms = 1_000);
    world.sandbox.fail(Fault::Http500, 1);
    let functions = world.spawn_each([GetToken; 6]).await;
    for response in send_at_once(&functions, |binary, _| http_api(binary, "mallory", "group=999")).await {
        assert_eq!(response.status(), 503);
    }
    for line in world.call_lines(6).await {
        assert_eq!(line["Errors"], json!(null), "{line}");
    }
}

#[tokio::test]
async fn an_invalid_list_of_groups_ends_init() {
    let world = World::new().await.with("GROUPS", "three");
    for binary in Binary::ALL {
        assert!(world.init_error(binary).await.contains("GROUPS"), "{binary:?}");
    }
}
