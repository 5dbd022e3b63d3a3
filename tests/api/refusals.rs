//! LiveChat refuses: once is enough for all pages of a user, for a while.

use crate::{dynamodb::in_front, proxy::Proxy, world::*};
use aws_sdk_dynamodb::types::AttributeValue;
use cip::time::now_ms;
use sandbox::Fault;
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinSet;

const REFUSED: (u64, &str) = (502, "livechat_rejected");
const HOUR: Duration = Duration::from_hours(1);

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// When LiveChat will be called again, in s from now.
fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().expect("seconds")
}

async fn refusal(world: &World, user: &str) -> HashMap<String, AttributeValue> {
    world.item(user).await["refused"].as_m().expect("a map").clone()
}

#[tokio::test]
async fn a_stored_refusal_is_returned_without_another_livechat_call() {
    for binary in [GetToken, GetFreshToken] {
        let world = World::new().await;
        world.sandbox.fail(Fault::OauthInvalidRequest, 1);
        let first = world.call(binary, "alice").await;
        assert_eq!(first.problem(), (REFUSED.0, REFUSED.1.into()));
        assert_eq!(retry_after(&first), 60);
        let item = world.item("alice").await;
        for operation in [binary, binary, GetToken, GetFreshToken] {
            // A process of its own each time: nothing is kept in memory.
            let again = world.spawn(operation).await.call(operation, "alice").await;
            assert_eq!(again.problem(), first.problem());
            for member in ["detail", "livechatCode"] {
                assert_eq!(again.body()[member], first.body()[member]);
            }
            assert!((1..=60).contains(&retry_after(&again)), "{}", retry_after(&again));
        }
        assert_eq!(world.sandbox.calls().token, 1);
        assert_eq!(world.item("alice").await, item, "an answer from memory takes no write");
        // LiveChat may have refused that user alone.
        world.call(binary, "bob").await.token();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_waiting_for_a_refused_call_get_its_refusal() {
    let world = World::new().await.without("RENEWALS_PER_MINUTE");
    world.sandbox.set(|settings| settings.latency_ms = 800);
    world.sandbox.fail(Fault::OauthInvalidRequest, 100);
    let mut functions = Vec::new();
    for binary in [GetFreshToken, GetToken, GetFreshToken, GetToken, GetFreshToken, GetFreshToken] {
        functions.push((binary, world.spawn(binary).await));
    }
    let mut calls = JoinSet::new();
    for (binary, function) in functions {
        calls.spawn(async move { function.call(binary, "alice").await });
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.problem(), (REFUSED.0, REFUSED.1.into()));
        assert!((1..=60).contains(&retry_after(&answer)));
        assert_eq!(answer.body()["livechatCode"], "invalid_request");
    }
    assert_eq!(world.sandbox.calls().token, 1);
    assert_eq!(refusal(&world, "alice").await["times"], number(1));
}

#[tokio::test]
async fn a_refusal_does_not_apply_to_other_livechat_settings() {
    let world = World::new().await.with("LIVECHAT_REDIRECT_URI", "https://elsewhere.example/");
    for user in ["alice", "bob"] {
        assert_eq!(world.call(GetToken, user).await.problem(), (REFUSED.0, REFUSED.1.into()));
    }
    let mended = [("LIVECHAT_REDIRECT_URI", "https://shop.example/chat/".into())];
    for (binary, user) in [(GetToken, "alice"), (GetFreshToken, "bob")] {
        world.spawn_with(binary, &mended).await.call(binary, user).await.token();
        assert!(!world.item(user).await.contains_key("refused"));
    }
    assert_eq!(world.sandbox.calls().token, 4);
}

#[tokio::test]
async fn the_count_of_refusals_starts_again_with_other_settings() {
    let world = World::new().await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 3);
    for seconds in [60, 120] {
        assert_eq!(retry_after(&world.call(GetToken, "alice").await), seconds);
        world.refusal_ends("alice").await;
    }
    let other = [("LIVECHAT_REDIRECT_URI", "https://shop.example/chat/".into())];
    let other = world.spawn_with(GetToken, &other).await.call(GetToken, "alice").await;
    assert_eq!((other.problem(), retry_after(&other)), ((REFUSED.0, REFUSED.1.into()), 60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_call_with_other_settings_is_not_refused() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 800);
    let wrong = [("LIVECHAT_REDIRECT_URI", "https://elsewhere.example/".into())];
    let (wrong, right) = (world.spawn_with(GetToken, &wrong).await, world.spawn(GetToken).await);
    let refused = tokio::spawn(async move { wrong.call(GetToken, "alice").await });
    world.until_livechat_is_asked(1).await;
    right.call(GetToken, "alice").await.token();
    assert_eq!(refused.await.expect("an answer").problem(), (REFUSED.0, REFUSED.1.into()));
    assert_eq!(world.sandbox.calls().token, 2);
}

#[tokio::test]
async fn repeated_refusals_are_retried_less_often() {
    let world = World::new().await;
    world.sandbox.fail(Fault::IdentityException, 6);
    for (nth, seconds) in (1..).zip([60, 120, 240, 300, 300, 300]) {
        let binary = if nth % 2 == 0 { GetToken } else { GetFreshToken };
        let refused = world.call(binary, "alice").await;
        assert_eq!((refused.problem(), retry_after(&refused)), ((REFUSED.0, REFUSED.1.into()), seconds));
        assert_eq!(world.sandbox.calls().token, nth, "once the time is over LiveChat is called");
        assert!(retry_after(&world.call(binary, "alice").await) <= seconds);
        assert_eq!(world.sandbox.calls().token, nth);
        world.refusal_ends("alice").await;
    }
}

#[tokio::test]
async fn a_success_clears_the_refusal() {
    let world = World::new().await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 2);
    for _ in 0..2 {
        assert_eq!(world.call(GetToken, "alice").await.status(), 502);
        world.refusal_ends("alice").await;
    }
    world.call(GetToken, "alice").await.token();
    assert!(!world.item("alice").await.contains_key("refused"));
    world.call(GetFreshToken, "alice").await.token();
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(retry_after(&world.call(GetFreshToken, "alice").await), 60, "it counts from the beginning again");
}

#[tokio::test]
async fn a_live_token_is_returned_despite_a_refusal() {
    let world = World::new().await;
    let token = world.call(GetToken, "alice").await.access_token();
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (REFUSED.0, REFUSED.1.into()));
    let usable = world.call(GetToken, "alice").await;
    assert_eq!((usable.access_token(), usable.source()), (token.clone(), "hit"));
    world.age_token("alice", 7 * HOUR).await;
    let item = world.item("alice").await;
    for _ in 0..3 {
        let stale = world.call(GetToken, "alice").await;
        assert_eq!((stale.access_token(), stale.source()), (token.clone(), "hit; detail=livechat-rejected"));
    }
    assert_eq!(world.item("alice").await, item, "an answer from memory takes no write");
    assert_eq!(world.sandbox.calls().token, 2);
    world.age_token("alice", HOUR).await;
    assert_eq!(world.call(GetToken, "alice").await.problem(), (REFUSED.0, REFUSED.1.into()));
    assert_eq!(world.sandbox.calls().token, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_refusal_costs_one_request_to_the_table() {
    let world = World::new().await;
    let stale = world.call(GetToken, "stale").await.access_token();
    world.age_token("stale", 7 * HOUR).await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 2);
    assert_eq!(world.call(GetToken, "alice").await.problem(), (REFUSED.0, REFUSED.1.into()));
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
        world.spawn_with(binary, &endpoint).await.call(binary, user).await.body();
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
            assert_eq!(world.call(binary, "alice").await.problem(), (REFUSED.0, REFUSED.1.into()));
        }
    }
    world.refusal_ends("alice").await;
    world.call(GetFreshToken, "alice").await.token();
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (429, "rate_limited".into()));
}

#[tokio::test]
async fn stored_refusals_do_not_use_up_the_limit_for_groups() {
    let (world, minute) = (World::new().await, now_ms() / 60_000);
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    for _ in 0..3 {
        for binary in [GetToken, GetFreshToken] {
            let answer = world.call_group(binary, "alice", "3").await;
            assert_eq!(answer.problem(), (404, "unknown_group".into()));
        }
    }
    assert_eq!(world.renewals_in_groups("alice", minute).await, 1);
    // Each group is an identity of its own, and so is the user without one.
    world.call_group(GetToken, "alice", "4").await.token();
    world.call(GetToken, "alice").await.token();
    assert_eq!(world.sandbox.calls().token, 3);
}

#[tokio::test]
async fn a_rate_limited_call_returns_rate_limited_despite_a_refusal() {
    let world = World::new().await.with("RENEWALS_PER_MINUTE", "1");
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (REFUSED.0, REFUSED.1.into()));
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (429, "rate_limited".into()));
}

#[tokio::test]
async fn a_refusal_stored_with_a_wrong_clock_does_not_lock_the_user_out() {
    let world = World::new().await;
    for binary in [GetToken, GetFreshToken] {
        world.sandbox.fail(Fault::OauthInvalidRequest, 1);
        assert_eq!(world.call(binary, "alice").await.problem(), (REFUSED.0, REFUSED.1.into()));
        world.refusal_ends_at("alice", now_ms() + 31_536_000_000).await;
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
    assert_eq!(world.call(GetToken, "alice").await.problem(), (REFUSED.0, REFUSED.1.into()));
    let mut whole = refusal(&world, "alice").await;
    whole.insert("until".into(), soon.clone());
    let but = |name: &str, value: Option<AttributeValue>| {
        let mut map = whole.clone();
        map.remove(name);
        map.extend(value.map(|value| (name.to_owned(), value)));
        AttributeValue::M(map)
    };
    let mut forms =
        vec![odd.clone(), soon, AttributeValue::S("invalid_request".into()), AttributeValue::M(HashMap::new())];
    for name in ["until", "times", "settings", "exception", "description"] {
        forms.extend([None, Some(odd.clone()), Some(AttributeValue::N("1.5".into()))].map(|value| but(name, value)));
    }
    forms.push(but("until", Some(AttributeValue::N(format!("{}.5", now_ms() + 60_000)))));
    forms.push(but("exception", Some(AttributeValue::S(String::new()))));
    for form in forms {
        for binary in [GetFreshToken, GetToken] {
            world.call(Invalidate, "alice").await.body();
            world.change_item("alice", "SET #refused = :refused", &["refused"], form.clone()).await;
            let calls = world.sandbox.calls().token;
            assert_eq!(world.call(binary, "alice").await.status(), 200, "{form:?}");
            assert_eq!(world.sandbox.calls().token, calls + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_counted_once_if_the_response_to_its_write_is_lost() {
    let world = World::new().await;
    let url = world.setting("AWS_ENDPOINT_URL_DYNAMODB").expect("a setting");
    let database = Proxy::start(url.trim_start_matches("http://").parse().expect("an address")).await;
    let world = world.with("AWS_ENDPOINT_URL_DYNAMODB", &database.url());
    world.sandbox.set(|settings| settings.latency_ms = 800);
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    let function = world.spawn(GetFreshToken).await;
    let waiting = tokio::spawn(async move { function.call(GetFreshToken, "alice").await });
    world.until_livechat_is_asked(1).await;
    database.lose_next_answer();
    let first = waiting.await.expect("an answer");
    assert_eq!((first.problem(), retry_after(&first)), ((REFUSED.0, REFUSED.1.into()), 60));
    assert!(!database.loses_next(), "an answer was lost");
    assert_eq!(refusal(&world, "alice").await["times"], number(1));
    assert!(!world.item("alice").await.contains_key("leaseUntil"));
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (REFUSED.0, REFUSED.1.into()));
    assert_eq!(world.sandbox.calls().token, 1);
}

#[tokio::test]
async fn an_adoption_deletes_the_guests_refusal() {
    let world = World::new().await.with("GUESTS", "true");
    let as_guest = |binary| request(binary, None, &[("x-guest-id", GUEST)]);
    let guest = world.send(GetToken, &as_guest(GetToken)).await.entity();
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    let refused = world.send(GetFreshToken, &as_guest(GetFreshToken)).await;
    assert_eq!(refused.problem(), (REFUSED.0, REFUSED.1.into()));
    assert!(world.guest_item(GUEST).await.contains_key("refused"));
    // Nor is it the user's, whose request is another one.
    let user = world.send(GetToken, &request(GetToken, Some("alice"), &[("x-guest-id", GUEST)])).await;
    assert_eq!(user.entity(), guest);
    assert!(!world.guest_item(GUEST).await.contains_key("refused"));
    assert_eq!(world.send(GetToken, &as_guest(GetToken)).await.problem(), (410, "guest_gone".into()));
}

#[tokio::test]
async fn a_stored_refusal_is_not_counted_as_a_livechat_call() {
    let world = World::new().await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 1);
    for binary in [GetToken, GetToken, GetFreshToken] {
        assert_eq!(world.call(binary, "alice").await.problem(), (REFUSED.0, REFUSED.1.into()));
    }
    let lines = world.lines_of_calls(3).await;
    let counted = |name: &str| lines.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(counted("LiveChatCalls"), [json!(1), json!(null), json!(null)]);
    assert_eq!(counted("LiveChatRejections"), [json!(1), json!(null), json!(null)]);
    assert_eq!(counted("Errors"), [json!(1), json!(1), json!(1)]);
    assert_eq!(lines[2]["cause"], lines[0]["cause"]);
}
