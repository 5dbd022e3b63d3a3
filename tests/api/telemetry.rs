//! What a function writes about each call: a line for people, from which CloudWatch takes the metrics.

use crate::world::*;
use sandbox::{Fault, Forgotten};
use serde_json::{Value, json};
use std::time::Duration;

/// The counts of a line, without times and without the counts that every call has.
fn counts(line: &Value) -> Value {
    let mut counts = line.as_object().expect("an object").clone();
    counts.retain(|name, value| {
        let is_a_time = name == "Duration" || name.ends_with("Time");
        value.is_number() && !is_a_time && name != "Calls" && name != "ColdStarts"
    });
    counts.into()
}

#[tokio::test]
async fn each_call_writes_one_line_without_the_user_id() {
    let world = World::new().await.with("RUST_LOG", "info");
    let response = world.call(GetToken, "alice").await;
    world.call(GetToken, "alice").await.token();
    let lines = world.call_lines(2).await;
    let words = |line: &Value| ["operation", "outcome", "source", "level"].map(|name| line[name].clone());
    assert_eq!(words(&lines[0]), ["getToken", "ok", "fwd=miss", "INFO"].map(Value::from));
    assert_eq!(words(&lines[1]), ["getToken", "ok", "hit", "INFO"].map(Value::from));
    assert_eq!((&lines[0]["ColdStarts"], lines[1].get("ColdStarts")), (&json!(1), None));
    assert!(lines[0]["request_id"].is_string() && lines[0].get("subject").is_none());
    assert!(!lines.iter().any(|line| line.to_string().contains(&response.entity())));
}

#[tokio::test]
async fn the_line_counts_the_effects_of_the_call() {
    let world = World::new().await.with("RUST_LOG", "error").with("GUESTS", "true");
    world.call(GetToken, "alice").await.token();
    world.call(GetToken, "alice").await.token();
    let former = world.call(GetFreshToken, "alice").await.entity();
    world.sandbox.forget(&former);
    world.call(GetFreshToken, "alice").await.token();
    world.send(GetToken, &request(GetToken, None, &[("x-guest-id", GUEST)])).await.token();
    world.send(GetToken, &request(GetToken, Some("bob"), &[("x-guest-id", GUEST)])).await.token();
    world.call(HasToken, "alice").await.body();
    let counted: Vec<_> = world.call_lines(7).await.iter().map(counts).collect();
    let expected = [
        json!({"Renewals": 1, "IdentitiesMade": 1, "LiveChatCalls": 1}),
        json!({}),
        json!({"Renewals": 1, "LiveChatCalls": 1}),
        json!({"Renewals": 1, "IdentitiesChanged": 1, "LiveChatCalls": 2}),
        json!({"Renewals": 1, "IdentitiesMade": 1, "LiveChatCalls": 1}),
        // The guest's token is revoked, and the user's requested.
        json!({"Renewals": 1, "IdentitiesAdopted": 1, "LiveChatCalls": 2}),
        json!({}),
    ];
    assert_eq!(counted, expected);
}

#[tokio::test]
async fn the_line_counts_failures_of_livechat_that_the_caller_does_not_see() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    world.age_token("alice", Duration::from_hours(7)).await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(world.call(GetToken, "alice").await.source(), "hit; detail=livechat-rejected");
    world.end_refusal("alice").await;
    world.sandbox.fail(Fault::Http500, 1);
    world.call(GetFreshToken, "alice").await.token();
    world.sandbox.fail(Fault::Html, 1);
    assert_eq!(world.call(GetFreshToken, "alice").await.status(), 503);
    assert_eq!(world.call(GetToken, "").await.status(), 400);
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(world.call_group(GetToken, "alice", "7").await.status(), 404);
    let lines = world.call_lines(6).await;
    assert_eq!(counts(&lines[1]), json!({"LiveChatCalls": 1, "LiveChatRejections": 1}));
    assert_eq!(counts(&lines[2]), json!({"LiveChatCalls": 2, "LiveChatFailures": 1, "Renewals": 1}));
    assert_eq!(counts(&lines[3]), json!({"LiveChatCalls": 1, "LiveChatFailures": 1, "Errors": 1}));
    assert_eq!(lines[3]["outcome"], "livechat_unavailable");
    assert!(lines[3]["cause"].as_str().is_some_and(|cause| !cause.is_empty()));
    assert_eq!((counts(&lines[4]), &lines[4]["outcome"]), (json!({"Refusals": 1}), &json!("invalid_request")));
    assert_eq!(counts(&lines[5]), json!({"LiveChatCalls": 1, "Refusals": 1}), "callers can name any group");
}

#[tokio::test]
async fn a_rejected_identity_change_is_counted() {
    for forgotten in [Forgotten::NewCustomer, Forgotten::IdentityLost] {
        let world = World::new().await.with("ON_IDENTITY_CHANGE", "reject");
        world.sandbox.set(|settings| settings.forgotten = forgotten);
        let former = world.call(GetToken, "alice").await.entity();
        world.sandbox.forget(&former);
        assert_eq!(world.call(GetFreshToken, "alice").await.status(), 409);
        let lines = world.call_lines(2).await;
        assert_eq!(counts(&lines[1]), json!({"LiveChatCalls": 2, "IdentitiesChanged": 1, "Refusals": 1}));
    }
}

#[tokio::test]
async fn a_lost_customer_counts_as_a_change_and_not_as_a_rejection() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.forgotten = Forgotten::IdentityLost);
    let former = world.call(GetToken, "alice").await.entity();
    world.sandbox.forget(&former);
    world.call(GetFreshToken, "alice").await.token();
    let lines = world.call_lines(2).await;
    assert_eq!(counts(&lines[1]), json!({"Renewals": 1, "IdentitiesChanged": 1, "LiveChatCalls": 3}));
}

#[tokio::test]
async fn the_line_shows_where_the_time_went_and_which_call_waited() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 1_500);
    let (first, second) = (world.spawn(GetToken).await, world.spawn(GetToken).await);
    let later = async {
        world.until_livechat_is_called(1).await;
        second.call("alice").await
    };
    let (first, second) = tokio::join!(first.call("alice"), later);
    assert_eq!(first.entity(), second.entity());
    let (called, waited): (Vec<_>, Vec<_>) =
        world.call_lines(2).await.into_iter().partition(|line| line["source"] == "fwd=miss");
    let ms = |line: &Value, name: &str| line[name].as_f64().unwrap_or(0.0);
    assert!(ms(&called[0], "LiveChatTime") >= 1_500.0, "{called:?}");
    assert!(ms(&called[0], "Duration") >= ms(&called[0], "LiveChatTime"));
    assert_eq!(called[0].get("LeaseWaits"), None);
    assert_eq!((waited[0].get("LiveChatTime"), &waited[0]["LeaseWaits"]), (None, &json!(1)));
    assert!(ms(&waited[0], "DynamoDbTime") > 0.0);
}

#[tokio::test]
async fn with_subject_key_each_line_has_a_hash_of_the_user() {
    let world =
        World::new().await.with("SUBJECT_KEY", "a key of this stack").with("METRICS_NAMESPACE", "livechat-cip/shop");
    world.call(GetToken, "alice").await.token();
    world.call_group(HasToken, "alice", "7").await.body();
    world.call(HasToken, "bob").await.body();
    let lines = world.call_lines(3).await;
    // printf %s 'user#alice' | openssl dgst -sha256 -hmac 'a key of this stack'
    assert_eq!(lines[0]["subject"], "851ea3bba9279c26");
    assert_eq!(lines[1]["subject"], lines[0]["subject"]);
    assert_ne!(lines[2]["subject"], lines[0]["subject"]);
    assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"], "livechat-cip/shop");
}
