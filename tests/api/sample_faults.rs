//! The ten faults in LiveChat's own samples that concern a backend, with one test for each. They are numbered in the order in which a page
//! encounters them.

use crate::world::*;
use sandbox::Fault;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn fault_1_parallel_first_calls_create_one_customer() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 100);
    let responses = world.call_at_once([GetToken; 8], "alice").await;
    let entities: std::collections::HashSet<_> = responses.iter().map(GatewayResponse::entity).collect();
    assert_eq!(entities.len(), 1);
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn fault_2_no_cookie_reaches_the_browser() {
    let world = World::new().await;
    let response = world.call(GetToken, "alice").await;
    let cookies = world.item("alice").await["cookies"].as_m().expect("a map").clone();
    let secret = cookies["cst"].as_s().expect("a string");
    let sent = format!("{response:?}");
    assert!(!sent.contains(secret) && !sent.contains("__lc_") && !sent.to_lowercase().contains("set-cookie"));
}

#[tokio::test]
async fn fault_3_the_lifetime_is_returned_in_milliseconds() {
    let world = World::new().await;
    let before = crate::clock::now_ms();
    let token = world.call(GetToken, "alice").await.token();
    assert_eq!(token["expiresIn"], 28_800_000);
    let created = token["creationDate"].as_u64().expect("a number");
    assert!((before..=crate::clock::now_ms()).contains(&created));
}

#[tokio::test]
async fn fault_4_an_expired_token_is_replaced() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    world.age_token("alice", Duration::from_hours(9)).await;
    let next = world.call(GetToken, "alice").await;
    assert_ne!(first.access_token(), next.access_token());
    assert_eq!(first.entity(), next.entity());
}

#[tokio::test]
async fn fault_5_invalidate_keeps_the_customer() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    for _ in 0..3 {
        world.call(Invalidate, "alice").await.body();
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity());
    }
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn fault_6_unverified_users_need_an_explicit_setting() {
    let world = World::new().await.without("AUTH");
    assert!(world.init_error(GetToken).await.contains("AUTH"));
    let world = World::new().await.without("ALLOW_UNVERIFIED_USERS");
    for binary in Binary::ALL {
        assert!(world.init_error(binary).await.contains("ALLOW_UNVERIFIED_USERS"));
    }
}

#[tokio::test]
async fn fault_7_user_ids_that_need_encoding_work() {
    let world = World::new().await;
    for user in ["a/b", "a b", "a%2Fb", "a?b", "ü"] {
        let first = world.call(GetToken, user).await;
        assert_eq!(world.call(GetFreshToken, user).await.entity(), first.entity(), "{user}");
    }
}

#[tokio::test]
async fn fault_8_a_failure_of_livechat_returns_an_error() {
    let world = World::new().await;
    for fault in [Fault::Html, Fault::ResetBefore, Fault::OauthInvalidRequest] {
        world.sandbox.fail(fault, 1);
        let (status, _) = world.call(GetToken, "alice").await.problem();
        assert!([502, 503].contains(&status), "{fault:?}: {status}");
    }
}

#[tokio::test]
async fn fault_9_a_changed_cookie_secret_is_stored() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.cst = sandbox::CstMode::Strict);
    let first = world.call(GetToken, "alice").await;
    for _ in 0..3 {
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity());
    }
}

#[tokio::test]
async fn fault_10_a_failure_does_not_affect_the_next_call() {
    let world = World::new().await;
    world.sandbox.fail(Fault::Http503, 1);
    assert_eq!(world.call(GetToken, "alice").await.status(), 503);
    assert_eq!(world.call(GetToken, "alice").await.status(), 200);
    assert_eq!(world.call(Invalidate, "alice").await.body(), serde_json::Value::Null);
}
