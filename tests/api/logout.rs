//! `invalidate` as a logout: the token is dropped, and then taken back.

use crate::{
    proxy::{Mode, Proxy},
    world::*,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const NOT_TAKEN: &str = "LiveChat did not take a token back";

fn invalidate(user: &str, content_type: &str, content: &str) -> Value {
    let mut event = http_api(Invalidate, user, "");
    event["requestContext"]["http"]["method"] = json!("POST");
    event["headers"]["content-type"] = json!(content_type);
    event["body"] = json!(content);
    event
}

fn logout(user: &str) -> Value {
    invalidate(user, "application/json; charset=utf-8", "{\"logout\": true}")
}

/// Whether LiveChat still takes a token.
async fn is_taken(world: &World, token: &str) -> bool {
    info(world, "/v2/customer/info", token).await == 200
}

async fn info(world: &World, path: &str, token: &str) -> u16 {
    let answer = http_client().get(format!("{}{path}", world.sandbox.url())).bearer_auth(token).send().await;
    answer.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn a_logout_drops_the_token_and_takes_it_back_and_the_customer_stays() {
    let world = World::new().await;
    let before = world.call(GetToken, "alice").await;
    assert!(is_taken(&world, &before.access_token()).await);
    let answer = world.send(Invalidate, &logout("alice")).await;
    assert_eq!((answer.status(), answer.body()), (200, Value::Null));
    assert!(!is_taken(&world, &before.access_token()).await);
    assert_eq!(world.call(HasToken, "alice").await.body(), false);
    assert_eq!(world.call(GetToken, "alice").await.entity(), before.entity());
    assert_eq!(world.sandbox.calls().revoke, 1);
    assert!(!world.said().contains(NOT_TAKEN));
}

#[tokio::test]
async fn a_token_that_livechat_does_not_take_back_is_on_record() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    // LiveChat knows the token no more.
    world.sandbox.reset();
    assert_eq!(world.send(Invalidate, &logout("alice")).await.body(), Value::Null);
    let logged = async {
        while !world.said().contains(NOT_TAKEN) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(5), logged).await.expect("a line in the log");
    assert!(world.said().contains("status 401"));
}

#[tokio::test]
async fn an_invalidate_of_the_widgets_takes_nothing_back() {
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
        assert_eq!(world.send(Invalidate, &event).await.body(), Value::Null, "{event}");
        assert!(is_taken(&world, &token).await, "{event}");
    }
    assert_eq!(world.sandbox.calls().revoke, 0);
}

#[tokio::test]
async fn content_that_could_be_meant_as_a_logout_and_is_none_is_refused() {
    let world = World::new().await;
    let token = world.call(GetToken, "alice").await.access_token();
    let long = format!("{{\"logout\": true, \"x\": \"{}\"}}", "x".repeat(2000));
    for content in
        ["{\"logout\": \"true\"}", "{\"logout\": 1}", "{\"logout\": null}", "[true]", "{", "logout", "\u{0}", &long]
    {
        let answer = world.send(Invalidate, &invalidate("alice", "application/json", content)).await;
        assert_eq!(answer.problem(), (400, "invalid_request".into()), "{content}");
    }
    let mut not_base64 = logout("alice");
    not_base64["isBase64Encoded"] = json!(true);
    assert_eq!(world.send(Invalidate, &not_base64).await.status(), 400);
    assert_eq!(world.call(GetToken, "alice").await.access_token(), token, "and nothing was dropped");
    let mut encoded = logout("alice");
    encoded["isBase64Encoded"] = json!(true);
    encoded["body"] = json!("eyJsb2dvdXQiOnRydWV9");
    assert_eq!(world.send(Invalidate, &encoded).await.body(), Value::Null);
    assert!(!is_taken(&world, &token).await);
}

#[tokio::test]
async fn who_has_no_token_has_none_taken_back() {
    let world = World::new().await;
    assert_eq!(world.send(Invalidate, &logout("alice")).await.body(), Value::Null);
    world.call(GetToken, "alice").await.token();
    world.age_token("alice", Duration::from_hours(9)).await;
    assert_eq!(world.send(Invalidate, &logout("alice")).await.body(), Value::Null);
    assert_eq!(world.sandbox.calls().revoke, 0, "one that is over need not be");
}

#[tokio::test]
async fn with_a_v1_licence_and_with_groups_it_is_the_same() {
    let world = World::new().await.with_v1();
    let token = world.call(GetToken, "alice").await.access_token();
    world.send(Invalidate, &logout("alice")).await.body();
    assert_eq!(info(&world, "/customer/info", &token).await, 401);

    let world = World::new().await;
    let (common, group) = (world.call(GetToken, "alice").await, world.call_group(GetToken, "alice", "3").await);
    let mut event = logout("alice");
    event["rawQueryString"] = json!("group=3");
    world.send(Invalidate, &event).await.body();
    assert!(!is_taken(&world, &group.access_token()).await);
    assert!(is_taken(&world, &common.access_token()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_livechat_that_is_down_keeps_nobody_from_logging_out() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    let livechat = Proxy::start(format!("127.0.0.1:{}", world.sandbox.port()).parse().expect("an address")).await;
    for mode in [Mode::BlackHole, Mode::Refuse] {
        world.call(GetToken, "alice").await.token();
        let function = world.spawn_with(Invalidate, &[("LIVECHAT_ACCOUNTS_URL", livechat.url())]).await;
        livechat.set(mode);
        let began = Instant::now();
        assert_eq!(function.send(&logout("alice")).await.body(), Value::Null);
        assert!(began.elapsed() < Duration::from_secs(8), "it gives up after two seconds");
        assert_eq!(world.call(HasToken, "alice").await.body(), false);
        assert!(world.said().contains(NOT_TAKEN));
    }
}
