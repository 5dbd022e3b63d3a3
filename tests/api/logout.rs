//! `invalidate` as a logout: which requests are a logout, and its response. What it revokes is in `revocation.rs`.

use crate::{proxy::Mode, world::*};
use sandbox::Revocation;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const NOT_TOLD: &str = "LiveChat could not be told to revoke a token";

fn invalidate(user: &str, content_type: &str, content: &str) -> Value {
    as_post(http_api(Invalidate, user, ""), content_type, content)
}

fn logout(user: &str) -> Value {
    invalidate(user, "application/json; charset=utf-8", "{\"logout\": true}")
}

/// Whether LiveChat still accepts a token.
async fn is_accepted(world: &World, token: &str) -> bool {
    info(world, "/v2/customer/info", token).await == 200
}

async fn info(world: &World, path: &str, token: &str) -> u16 {
    let response = http_client().get(format!("{}{path}", world.sandbox.url())).bearer_auth(token).send().await;
    response.expect("a response").status().as_u16()
}

#[tokio::test]
async fn a_logout_revokes_the_token_and_keeps_the_customer() {
    let world = World::new().await;
    let before = world.call(GetToken, "alice").await;
    assert!(is_accepted(&world, &before.access_token()).await);
    let response = world.send(Invalidate, &logout("alice")).await;
    assert_eq!((response.status(), response.body()), (200, Value::Null));
    assert!(!is_accepted(&world, &before.access_token()).await);
    assert_eq!(world.call(HasToken, "alice").await.body(), false);
    assert_eq!(world.call(GetToken, "alice").await.entity(), before.entity());
    assert_eq!(world.sandbox.calls().revoke, 1);
    assert_eq!(response.header("x-logout"), "complete");
    assert!(!world.output().contains(NOT_TOLD));
}

#[tokio::test]
async fn a_token_that_livechat_does_not_know_counts_as_revoked() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    // LiveChat has forgotten the token.
    world.sandbox.reset();
    let response = world.send(Invalidate, &logout("alice")).await;
    assert_eq!((response.body(), response.header("x-logout")), (Value::Null, "complete"));
    assert_eq!(world.sandbox.calls().revoke, 1);
}

#[tokio::test]
async fn a_failed_revocation_is_logged_and_the_logout_is_pending() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    world.sandbox.set(|settings| settings.revocation = Revocation::Http500);
    let response = world.send(Invalidate, &logout("alice")).await;
    assert_eq!((response.body(), response.header("x-logout")), (Value::Null, "pending"));
    until("a line in the log", async || world.output().contains(NOT_TOLD)).await;
    assert!(world.output().contains("status 500"));
}

#[tokio::test]
async fn the_widgets_invalidate_revokes_no_token() {
    let world = World::new().await;
    for event in [
        http_api(Invalidate, "alice", ""),
        invalidate("alice", "application/json", ""),
        invalidate("alice", "application/json", "{}"),
        invalidate("alice", "application/json", "{\"logout\": false, \"more\": 1}"),
        invalidate("alice", "text/plain", "{\"logout\": true}"),
        invalidate("alice", "application/x-www-form-urlencoded", "logout=true"),
        {
            let mut get = logout("alice");
            get["requestContext"]["http"]["method"] = json!("GET");
            get
        },
    ] {
        let token = world.call(GetToken, "alice").await.access_token();
        let response = world.send(Invalidate, &event).await;
        assert_eq!((response.body(), response.header("x-logout")), (Value::Null, ""), "{event}");
        assert!(is_accepted(&world, &token).await, "{event}");
    }
    assert_eq!(world.sandbox.calls().revoke, 0);
}

#[tokio::test]
async fn a_malformed_logout_is_refused() {
    let world = World::new().await;
    let token = world.call(GetToken, "alice").await.access_token();
    let long = format!("{{\"logout\": true, \"x\": \"{}\"}}", "x".repeat(2000));
    for content in
        ["{\"logout\": \"true\"}", "{\"logout\": 1}", "{\"logout\": null}", "[true]", "{", "logout", "\u{0}", &long]
    {
        let response = world.send(Invalidate, &invalidate("alice", "application/json", content)).await;
        assert_eq!(response.problem(), (400, "invalid_request"), "{content}");
    }
    let mut not_base64 = logout("alice");
    not_base64["isBase64Encoded"] = json!(true);
    assert_eq!(world.send(Invalidate, &not_base64).await.status(), 400);
    assert_eq!(world.call(GetToken, "alice").await.access_token(), token, "the token is kept");
    let mut encoded = logout("alice");
    encoded["isBase64Encoded"] = json!(true);
    encoded["body"] = json!("eyJsb2dvdXQiOnRydWV9");
    assert_eq!(world.send(Invalidate, &encoded).await.body(), Value::Null);
    assert!(!is_accepted(&world, &token).await);
}

#[tokio::test]
async fn a_logout_without_a_live_token_does_not_call_livechat() {
    let world = World::new().await;
    assert_eq!(world.send(Invalidate, &logout("alice")).await.body(), Value::Null);
    world.call(GetToken, "alice").await.token();
    world.set_number("alice", "outstanding.1.ends", 1).await;
    assert_eq!(world.send(Invalidate, &logout("alice")).await.body(), Value::Null);
    assert_eq!(world.sandbox.calls().revoke, 0, "an expired token is not revoked");
}

#[tokio::test]
async fn a_logout_works_with_a_v1_licence_and_for_a_group() {
    let world = World::new().await.with_v1();
    let token = world.call(GetToken, "alice").await.access_token();
    world.send(Invalidate, &logout("alice")).await.body();
    assert_eq!(info(&world, "/customer/info", &token).await, 401);

    let world = World::new().await;
    let (common, group) = (world.call(GetToken, "alice").await, world.call_group(GetToken, "alice", "3").await);
    world.send(Invalidate, &with_query(logout("alice"), "group=3")).await.body();
    assert!(!is_accepted(&world, &group.access_token()).await);
    assert!(is_accepted(&world, &common.access_token()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_succeeds_while_livechat_is_down() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    let livechat = world.proxy_to("LIVECHAT_ACCOUNTS_URL").await;
    for mode in [Mode::BlackHole, Mode::Refuse] {
        world.call(GetToken, "alice").await.token();
        let function = world.spawn_with(Invalidate, &[("LIVECHAT_ACCOUNTS_URL", livechat.url())]).await;
        livechat.set(mode);
        let began = Instant::now();
        assert_eq!(function.send(&logout("alice")).await.body(), Value::Null);
        assert!(began.elapsed() < Duration::from_secs(12), "it gives up after 4 s, and the rest is tolerance");
        assert_eq!(world.call(HasToken, "alice").await.body(), false);
        assert!(world.output().contains(NOT_TOLD));
    }
}
