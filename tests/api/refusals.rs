//! LiveChat's refusals are stored: for a while, all pages of the user get the stored one, without another call.

use crate::clock::now_ms;
use crate::{dynamodb::in_front, world::*};
use aws_sdk_dynamodb::types::AttributeValue;
use sandbox::Fault;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const REFUSED: (u64, &str) = (502, "livechat_rejected");
const HOUR: Duration = Duration::from_hours(1);

/// The stored refusal.
async fn refusal(world: &World, user: &str) -> Item {
    world.item(user).await["refused"].as_m().expect("a map").clone()
}

#[tokio::test]
async fn a_stored_refusal_is_returned_without_another_livechat_call() {
    for binary in [GetToken, GetFreshToken] {
        let world = World::new().await;
        world.sandbox.fail(Fault::OauthInvalidRequest, 1);
        let first = world.call(binary, "alice").await;
        assert_eq!(first.problem(), REFUSED);
        assert_eq!(first.retry_after(), 60);
        let item = world.item("alice").await;
        for operation in [binary, binary, GetToken, GetFreshToken] {
            // A new process each time: nothing is kept in memory.
            let again = world.spawn(operation).await.call("alice").await;
            assert_eq!(again.problem(), first.problem());
            for member in ["detail", "livechatCode"] {
                assert_eq!(again.body()[member], first.body()[member]);
            }
            assert!((1..=60).contains(&again.retry_after()), "{}", again.retry_after());
        }
        assert_eq!(world.sandbox.calls().token, 1);
        assert_eq!(world.item("alice").await, item, "a stored refusal causes no write");
        // The refusal does not apply to other users.
        world.call(binary, "bob").await.token();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_waiting_for_a_refused_call_get_its_refusal() {
    let world = World::new().await.without("RENEWALS_PER_MINUTE");
    world.sandbox.set(|settings| settings.latency_ms = 800);
    world.sandbox.fail(Fault::OauthInvalidRequest, 100);
    let binaries = [GetFreshToken, GetToken, GetFreshToken, GetToken, GetFreshToken, GetFreshToken];
    for response in world.call_at_once(binaries, "alice").await {
        assert_eq!(response.problem(), REFUSED);
        assert!((1..=60).contains(&response.retry_after()));
        assert_eq!(response.body()["livechatCode"], "invalid_request");
    }
    assert_eq!(world.sandbox.calls().token, 1);
    assert_eq!(refusal(&world, "alice").await["times"], number(1));
}

#[tokio::test]
async fn a_refusal_does_not_apply_to_other_livechat_settings() {
    let world = World::new().await.with("LIVECHAT_REDIRECT_URI", "https://elsewhere.example/");
    for user in ["alice", "bob"] {
        assert_eq!(world.call(GetToken, user).await.problem(), REFUSED);
    }
    let corrected = [("LIVECHAT_REDIRECT_URI", "https://shop.example/chat/".into())];
    for (binary, user) in [(GetToken, "alice"), (GetFreshToken, "bob")] {
        world.spawn_with(binary, &corrected).await.call(user).await.token();
        assert!(!world.item(user).await.contains_key("refused"));
    }
    assert_eq!(world.sandbox.calls().token, 4);
}

#[tokio::test]
async fn the_count_of_refusals_starts_again_with_other_settings() {
    let world = World::new().await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 3);
    for seconds in [60, 120] {
        assert_eq!(world.call(GetToken, "alice").await.retry_after(), seconds);
        world.end_refusal("alice").await;
    }
    let other = [("LIVECHAT_REDIRECT_URI", "https://shop.example/chat/".into())];
    let other = world.spawn_with(GetToken, &other).await.call("alice").await;
    assert_eq!((other.problem(), other.retry_after()), (REFUSED, 60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_call_with_other_settings_is_not_refused() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 800);
    let wrong = [("LIVECHAT_REDIRECT_URI", "https://elsewhere.example/".into())];
    let (wrong, right) = (world.spawn_with(GetToken, &wrong).await, world.spawn(GetToken).await);
    let refused = wrong.call_in_background("alice");
    world.until_livechat_is_called(1).await;
    right.call("alice").await.token();
    assert_eq!(refused.await.expect("a response").problem(), REFUSED);
    assert_eq!(world.sandbox.calls().token, 2);
}

#[tokio::test]
async fn repeated_refusals_are_retried_less_often() {
    let world = World::new().await;
    world.sandbox.fail(Fault::IdentityException, 6);
    for (nth, seconds) in (1..).zip([60, 120, 240, 300, 300, 300]) {
        let binary = if nth % 2 == 0 { GetToken } else { GetFreshToken };
        let refused = world.call(binary, "alice").await;
        assert_eq!((refused.problem(), refused.retry_after()), (REFUSED, seconds));
        assert_eq!(world.sandbox.calls().token, nth, "after that time, LiveChat is called");
        assert!(world.call(binary, "alice").await.retry_after() <= seconds);
        assert_eq!(world.sandbox.calls().token, nth);
        world.end_refusal("alice").await;
    }
}

#[tokio::test]
async fn a_success_clears_the_refusal() {
    let world = World::new().await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 2);
    for _ in 0..2 {
        assert_eq!(world.call(GetToken, "alice").await.status(), 502);
        world.end_refusal("alice").await;
    }
    world.call(GetToken, "alice").await.token();
    assert!(!world.item("alice").await.contains_key("refused"));
    world.call(GetFreshToken, "alice").await.token();
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(world.call(GetFreshToken, "alice").await.retry_after(), 60, "the count starts again");
}

#[tokio::test]
async fn a_live_token_is_returned_despite_a_refusal() {
    let world = World::new().await;
    let token = world.call(GetToken, "alice").await.access_token();
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), REFUSED);
    let usable = world.call(GetToken, "alice").await;
    assert_eq!((usable.access_token(), usable.source()), (token.clone(), "hit"));
    world.age_token("alice", 7 * HOUR).await;
    let item = world.item("alice").await;
    for _ in 0..3 {
        let stale = world.call(GetToken, "alice").await;
        assert_eq!((stale.access_token(), stale.source()), (token.clone(), "hit; detail=livechat-rejected"));
    }
    assert_eq!(world.item("alice").await, item, "a stored refusal causes no write");
    assert_eq!(world.sandbox.calls().token, 2);
    world.age_token("alice", HOUR).await;
    assert_eq!(world.call(GetToken, "alice").await.problem(), REFUSED);
    assert_eq!(world.sandbox.calls().token, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_refusal_costs_one_request_to_the_table() {
    let world = World::new().await;
    let stale = world.call(GetToken, "stale").await.access_token();
    world.age_token("stale", 7 * HOUR).await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 2);
    assert_eq!(world.call(GetToken, "alice").await.problem(), REFUSED);
    assert_eq!(world.call(GetToken, "stale").await.access_token(), stale);

    let requests = Arc::<Mutex<Vec<String>>>::default();
    let notes = requests.clone();
    let endpoint = in_front(&world, move |operation| {
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
        async { None }
    })
    .await;
    let endpoint = [("AWS_ENDPOINT_URL_DYNAMODB", endpoint)];
    for (binary, user, expected) in
        [(GetToken, "alice", ["GetItem"]), (GetToken, "stale", ["GetItem"]), (GetFreshToken, "alice", ["UpdateItem"])]
    {
        world.spawn_with(binary, &endpoint).await.call(user).await.body();
        let seen = std::mem::take(&mut *requests.lock().unwrap_or_else(PoisonError::into_inner));
        assert_eq!(seen, expected, "{binary:?} for {user}");
    }
    assert_eq!(world.sandbox.calls().token, 3);
}

#[tokio::test]
async fn stored_refusals_do_not_use_up_the_rate_limit() {
    let world = World::new().await.with("RENEWALS_PER_MINUTE", "2");
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    for _ in 0..3 {
        for binary in [GetToken, GetFreshToken] {
            assert_eq!(world.call(binary, "alice").await.problem(), REFUSED);
        }
    }
    world.end_refusal("alice").await;
    world.call(GetFreshToken, "alice").await.token();
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (429, "rate_limited"));
}

#[tokio::test]
async fn stored_refusals_do_not_use_up_the_limit_for_groups() {
    let (world, minute) = (World::new().await, now_ms() / 60_000);
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    for _ in 0..3 {
        for binary in [GetToken, GetFreshToken] {
            let response = world.call_group(binary, "alice", "3").await;
            assert_eq!(response.problem(), (404, "unknown_group"));
        }
    }
    assert_eq!(world.renewals_in_groups("alice", minute).await, 1);
    // Each group has its own identity, and so has the user without a group.
    world.call_group(GetToken, "alice", "4").await.token();
    world.call(GetToken, "alice").await.token();
    assert_eq!(world.sandbox.calls().token, 3);
}

#[tokio::test]
async fn a_rate_limited_call_returns_rate_limited_despite_a_refusal() {
    let world = World::new().await.with("RENEWALS_PER_MINUTE", "1");
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), REFUSED);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (429, "rate_limited"));
}

#[tokio::test]
async fn a_refusal_stored_with_a_wrong_clock_does_not_lock_the_user_out() {
    let world = World::new().await;
    for binary in [GetToken, GetFreshToken] {
        world.sandbox.fail(Fault::OauthInvalidRequest, 1);
        assert_eq!(world.call(binary, "alice").await.problem(), REFUSED);
        let a_year_ms = 31_536_000_000;
        world.set_number("alice", "refused.until", now_ms() + a_year_ms).await;
        world.call(binary, "alice").await.token();
        world.call(Invalidate, "alice").await.body();
    }
}

#[tokio::test]
async fn an_unreadable_refusal_does_not_lock_the_user_out() {
    let world = World::new().await;
    let soon = number(now_ms() + 60_000);
    let odd = AttributeValue::Ss(vec!["odd".into()]);
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(world.call(GetToken, "alice").await.problem(), REFUSED);
    let mut whole = refusal(&world, "alice").await;
    whole.insert("until".into(), soon.clone());
    let but = |name: &str, value: Option<AttributeValue>| {
        let mut map = whole.clone();
        map.remove(name);
        map.extend(value.map(|value| (name.to_owned(), value)));
        AttributeValue::M(map)
    };
    let mut malformed = vec![odd.clone(), soon, string("invalid_request"), AttributeValue::M(HashMap::new())];
    for name in ["until", "times", "settings", "exception", "description"] {
        malformed
            .extend([None, Some(odd.clone()), Some(AttributeValue::N("1.5".into()))].map(|value| but(name, value)));
    }
    malformed.push(but("until", Some(AttributeValue::N(format!("{}.5", now_ms() + 60_000)))));
    malformed.push(but("exception", Some(string(""))));
    for value in malformed {
        for binary in [GetFreshToken, GetToken] {
            world.call(Invalidate, "alice").await.body();
            world.set("alice", "refused", value.clone()).await;
            let calls = world.sandbox.calls().token;
            assert_eq!(world.call(binary, "alice").await.status(), 200, "{value:?}");
            assert_eq!(world.sandbox.calls().token, calls + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_counted_once_if_the_response_to_its_write_is_lost() {
    let world = World::new().await;
    let database = world.proxy_to("AWS_ENDPOINT_URL_DYNAMODB").await;
    let world = world.with("AWS_ENDPOINT_URL_DYNAMODB", &database.url());
    world.sandbox.set(|settings| settings.latency_ms = 800);
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    let waiting = world.spawn(GetFreshToken).await.call_in_background("alice");
    world.until_livechat_is_called(1).await;
    database.lose_next_response();
    let first = waiting.await.expect("a response");
    assert_eq!((first.problem(), first.retry_after()), (REFUSED, 60));
    assert!(!database.loses_next(), "a response was lost");
    assert_eq!(refusal(&world, "alice").await["times"], number(1));
    assert!(!world.item("alice").await.contains_key("leaseUntil"));
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), REFUSED);
    assert_eq!(world.sandbox.calls().token, 1);
}

#[tokio::test]
async fn an_adoption_deletes_the_guests_refusal() {
    let world = World::new().await.with("GUESTS", "true");
    let guest = world.call_as_guest(GetToken, GUEST).await.entity();
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    let refused = world.call_as_guest(GetFreshToken, GUEST).await;
    assert_eq!(refused.problem(), REFUSED);
    assert!(world.guest_item(GUEST).await.contains_key("refused"));
    // The guest's refusal does not apply to the user, whose request is another one.
    let user = world.call_as_former_guest(GetToken, "alice", GUEST).await;
    assert_eq!(user.entity(), guest);
    assert!(!world.guest_item(GUEST).await.contains_key("refused"));
    assert_eq!(world.call_as_guest(GetToken, GUEST).await.problem(), (410, "guest_gone"));
}

#[tokio::test]
async fn a_stored_refusal_is_not_counted_as_a_livechat_call() {
    let world = World::new().await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    for binary in [GetToken, GetToken, GetFreshToken] {
        assert_eq!(world.call(binary, "alice").await.problem(), REFUSED);
    }
    let lines = world.call_lines(3).await;
    let counted = |name: &str| lines.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(counted("LiveChatCalls"), [json!(1), json!(null), json!(null)]);
    assert_eq!(counted("LiveChatRejections"), [json!(1), json!(null), json!(null)]);
    assert_eq!(counted("Errors"), [json!(1), json!(1), json!(1)]);
    assert_eq!(lines[2]["cause"], lines[0]["cause"]);
}
