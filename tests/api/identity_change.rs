//! LiveChat returns another customer than the one on record, or says that it lost that one.

use crate::world::*;
use aws_sdk_dynamodb::types::AttributeValue;
use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use sandbox::{CstMode, Fault, Forgotten};
use serde_json::json;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Both ways in which LiveChat may answer cookies that it does not recognise.
const WAYS: [Forgotten; 2] = [Forgotten::NewCustomer, Forgotten::IdentityLost];

async fn world_where(forgotten: Forgotten) -> World {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.forgotten = forgotten);
    world
}

#[tokio::test]
async fn another_customer_is_accepted_only_after_a_second_call() {
    for (forgotten, setting) in WAYS.iter().flat_map(|way| ["replace", "reject"].map(|setting| (*way, setting))) {
        let world = world_where(forgotten).await.with("ON_IDENTITY_CHANGE", setting);
        let first = world.call(GetToken, "alice").await;
        world.sandbox.fail(Fault::OtherEntity, 1);
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity(), "{forgotten:?}, {setting}");
        assert!(world.item("alice").await["formerIdentities"].as_l().expect("a list").is_empty());
        assert_eq!(world.sandbox.calls().token, 3);
    }
}

#[tokio::test]
async fn a_forgotten_customer_is_replaced_once_and_recorded() {
    for forgotten in WAYS {
        is_replaced_once_and_on_record(&world_where(forgotten).await).await;
    }
}

async fn is_replaced_once_and_on_record(world: &World) {
    let former = world.call(GetToken, "alice").await.entity();
    let former_cookies = world.item("alice").await["cookies"].as_m().expect("a map").clone();
    world.sandbox.forget(&former);
    let next = world.call(GetFreshToken, "alice").await.entity();
    assert_ne!(former, next);
    let item = world.item("alice").await;
    let record = item["formerIdentities"].as_l().expect("a list")[0].as_m().expect("a map").clone();
    assert_eq!(record["entityId"].as_s().ok(), Some(&former));
    assert_eq!((&record["cid"], &record["cst"]), (&former_cookies["cid"], &former_cookies["cst"]));
    assert!(record["until"].as_n().expect("a number").parse::<u64>().expect("a number") > 1_700_000_000_000);
    assert!(world.said().contains("no longer knows a customer"), "an operator can see it");
    for binary in [GetToken, GetFreshToken, GetToken] {
        assert_eq!(world.call(binary, "alice").await.entity(), next);
    }
}

#[tokio::test]
async fn with_reject_a_forgotten_customer_is_not_replaced() {
    for forgotten in WAYS {
        let world = world_where(forgotten).await.with("ON_IDENTITY_CHANGE", "reject");
        let former = world.call(GetToken, "alice").await.entity();
        let before = world.item("alice").await;
        world.sandbox.forget(&former);
        for times in 1..=2 {
            assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (409, "identity_changed".into()));
            assert_eq!(world.sandbox.calls().token, 1 + 2 * times, "{forgotten:?}: no new one is asked for");
        }
        let after = world.item("alice").await;
        for name in ["entityId", "cookies", "token", "formerIdentities", "cookiesLapseAt"] {
            assert_eq!(before[name], after[name], "{forgotten:?}: {name}");
        }
        assert!(!after.contains_key("refused"));
    }
}

#[tokio::test]
async fn a_groups_lost_customer_is_replaced() {
    let world = world_where(Forgotten::IdentityLost).await;
    let former = world.call_group(GetToken, "alice", "3").await.entity();
    world.sandbox.forget(&former);
    let next = world.call_group(GetFreshToken, "alice", "3").await.entity();
    assert_ne!(former, next);
    assert_eq!(world.call_group(GetFreshToken, "alice", "3").await.entity(), next);
}

#[tokio::test]
async fn a_lost_response_with_a_replacement_customer_is_not_retried_in_the_same_call() {
    let world = world_where(Forgotten::IdentityLost).await;
    let former = world.call(GetToken, "alice").await.entity();
    let before = world.item("alice").await;
    world.sandbox.forget(&former);
    // The first two calls are answered that the customer is lost, whatever else is wrong with them.
    world.sandbox.fail(Fault::ExpiresOnly, 2);
    world.sandbox.fail(Fault::ResetAfter, 1);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (503, "livechat_unavailable".into()));
    assert_eq!((world.sandbox.calls().token, world.sandbox.customers()), (4, 2), "once, and nobody gets it");
    let after = world.item("alice").await;
    for name in ["entityId", "cookies", "token", "formerIdentities"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    world.call(GetFreshToken, "alice").await.token();
    assert_eq!(world.item("alice").await["formerIdentities"].as_l().expect("a list").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_replacement_customer_is_created_without_time_to_store_it() {
    let world = world_where(Forgotten::IdentityLost).await;
    let former = world.call(GetToken, "alice").await.entity();
    let before = world.item("alice").await;
    world.sandbox.forget(&former);
    // Two calls take more than 2 s, of which this invocation has 2.5 for LiveChat.
    world.sandbox.set(|settings| settings.latency_ms = 1_050);
    let function = world.spawn(GetFreshToken).await;
    let event = http_api(GetFreshToken, "alice", "");
    let answer = function.send_within(&event, Duration::from_millis(3_500)).await;
    assert_eq!(answer.problem(), (503, "livechat_unavailable".into()));
    assert_eq!(world.sandbox.calls().token, 3);
    let after = world.item("alice").await;
    for name in ["entityId", "cookies", "token", "formerIdentities"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    // Its own haste is nobody else's failure.
    assert!(!after.contains_key("failedRenewal") && !after.contains_key("refused"));
    world.sandbox.set(|settings| settings.latency_ms = 0);
    assert_ne!(world.call(GetFreshToken, "alice").await.entity(), former);
}

/// A LiveChat that gives these answers one after the other, and whether each request came with cookies.
async fn scripted(answers: Vec<Response>) -> (String, Arc<Mutex<Vec<bool>>>) {
    let (answers, seen) = (Arc::new(Mutex::new(VecDeque::from(answers))), Arc::<Mutex<Vec<bool>>>::default());
    let notes = seen.clone();
    let answer = move |request: Request| async move {
        let has_cookies = request.headers().contains_key(header::COOKIE);
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(has_cookies);
        let next = answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        next.unwrap_or_else(|| StatusCode::IM_A_TEAPOT.into_response())
    };
    (serve(Router::new().fallback(answer)).await, seen)
}

fn token_of(entity_id: &str) -> Response {
    let cookies = ["__lc_cid", "__lc_cst"].map(|name| (header::SET_COOKIE, format!("{name}={entity_id}")));
    let token = format!("token-of-{entity_id}");
    let body = json!({"access_token": token, "entity_id": entity_id, "expires_in": 28800, "token_type": "Bearer"});
    (AppendHeaders(cookies), body.to_string()).into_response()
}

fn lost(status: StatusCode) -> Response {
    (status, json!({"identity_exception": "identity_lost"}).to_string()).into_response()
}

/// What alice's second call is answered, if LiveChat gives these answers to it, and the requests that it sent, by whether
/// they had cookies.
async fn after_a_first_token(answers: Vec<Response>) -> (Answer, Vec<bool>, World) {
    let script = std::iter::once(token_of("e1")).chain(answers).collect();
    let (url, seen) = scripted(script).await;
    let world = World::new().await.with("LIVECHAT_ACCOUNTS_URL", &url);
    assert_eq!(world.call(GetToken, "alice").await.entity(), "e1");
    let answer = world.call(GetFreshToken, "alice").await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner)[1..].to_vec();
    (answer, seen, world)
}

#[tokio::test]
async fn identity_lost_is_recognised_whatever_its_status() {
    for status in [StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::INTERNAL_SERVER_ERROR] {
        let (answer, seen, _world) = after_a_first_token(vec![lost(status), lost(status), token_of("e2")]).await;
        assert_eq!((answer.entity().as_str(), seen), ("e2", vec![true, true, false]), "{status}");
    }
}

#[tokio::test]
async fn another_customer_and_a_lost_one_confirm_each_other() {
    let ok = StatusCode::OK;
    // A customer that LiveChat made in place of the lost one is as good as another.
    let (answer, seen, world) = after_a_first_token(vec![token_of("e2"), lost(ok)]).await;
    assert_eq!((answer.entity().as_str(), seen), ("e2", vec![true, true]));
    assert_eq!(world.item("alice").await["formerIdentities"].as_l().expect("a list").len(), 1);
    let (answer, seen, _world) = after_a_first_token(vec![lost(ok), token_of("e2")]).await;
    assert_eq!((answer.entity().as_str(), seen), ("e2", vec![true, true]));
    let (answer, seen, _world) = after_a_first_token(vec![lost(ok), token_of("e1")]).await;
    assert_eq!((answer.entity().as_str(), seen), ("e1", vec![true, true]));
}

#[tokio::test]
async fn other_errors_do_not_cost_a_user_their_identity() {
    let oauth = || json!({"oauth_exception": "identity_lost"}).to_string().into_response();
    let (answer, seen, _world) = after_a_first_token(vec![oauth()]).await;
    assert_eq!((answer.problem(), seen), ((502, "livechat_rejected".into()), vec![true]), "another error's name");
    let refused = || json!({"identity_exception": "access_denied"}).to_string().into_response();
    let (answer, seen, _world) = after_a_first_token(vec![lost(StatusCode::OK), refused()]).await;
    assert_eq!((answer.problem(), seen), ((502, "livechat_rejected".into()), vec![true, true]), "lost once only");
    let answers = vec![lost(StatusCode::OK), lost(StatusCode::OK), refused()];
    let (answer, seen, world) = after_a_first_token(answers).await;
    assert_eq!((answer.problem(), seen), ((502, "livechat_rejected".into()), vec![true, true, false]));
    assert_eq!(world.item("alice").await["entityId"].as_s().ok().map(String::as_str), Some("e1"));
}

#[tokio::test]
async fn identity_lost_for_a_new_user_is_a_rejection() {
    let (url, seen) = scripted(vec![lost(StatusCode::OK)]).await;
    let world = World::new().await.with("LIVECHAT_ACCOUNTS_URL", &url);
    let refused = world.call(GetToken, "alice").await;
    assert_eq!(refused.problem(), (502, "livechat_rejected".into()));
    assert_eq!(refused.body()["livechatCode"], "identity_lost");
    assert_eq!(*seen.lock().unwrap_or_else(PoisonError::into_inner), [false]);
}

#[tokio::test]
async fn a_changed_cookie_secret_is_stored() {
    for cst in [CstMode::Constant, CstMode::Rotating, CstMode::Strict] {
        let world = World::new().await;
        world.sandbox.set(|settings| settings.cst = cst);
        let first = world.call(GetToken, "alice").await.entity();
        for _ in 0..3 {
            assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first, "{cst:?}");
        }
        world.age_token("alice", Duration::from_hours(8)).await;
        assert_eq!(world.call(GetToken, "alice").await.entity(), first, "{cst:?}");
        assert_eq!(world.sandbox.customers(), 1, "{cst:?}");
    }
}

#[tokio::test]
async fn with_reject_an_identity_change_is_reported_despite_a_live_token() {
    let world = World::new().await.with("ON_IDENTITY_CHANGE", "reject");
    let former = world.call(GetToken, "alice").await.entity();
    world.age_token("alice", Duration::from_hours(7)).await;
    world.sandbox.forget(&former);
    assert_eq!(world.call(GetToken, "alice").await.problem(), (409, "identity_changed".into()));
}

#[tokio::test]
async fn with_reject_a_guests_forgotten_customer_does_not_lock_out_a_new_user() {
    // Whether or not the guest came back after LiveChat had forgotten their customer.
    for (forgotten, is_known) in WAYS.iter().flat_map(|way| [true, false].map(|is_known| (*way, is_known))) {
        let world = world_where(forgotten).await.with("ON_IDENTITY_CHANGE", "reject").with("GUESTS", "true");
        let guest = [("x-guest-id", GUEST)];
        let as_guest = request(GetFreshToken, None, &guest);
        let dead = world.send(GetFreshToken, &as_guest).await.entity();
        world.sandbox.forget(&dead);
        if is_known {
            assert_eq!(world.send(GetFreshToken, &as_guest).await.problem(), (409, "identity_changed".into()));
        }
        let alice = world.send(GetToken, &request(GetToken, Some("alice"), &guest)).await.entity();
        assert_ne!(alice, dead);
        for binary in [GetToken, GetFreshToken] {
            assert_eq!(world.call(binary, "alice").await.entity(), alice, "{forgotten:?}, {is_known}");
        }
        let is_on_record = world.item("alice").await["formerIdentities"].as_l().expect("a list").len() == 1;
        assert_eq!(is_on_record, !is_known, "a customer that is known to be dead is not even adopted");
        // From then on she has something to lose.
        world.sandbox.forget(&alice);
        assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (409, "identity_changed".into()));
    }
}

#[tokio::test]
async fn a_user_with_expired_cookies_gets_a_new_customer() {
    for (forgotten, setting) in WAYS.iter().flat_map(|way| ["replace", "reject"].map(|setting| (*way, setting))) {
        let world = world_where(forgotten).await.with("ON_IDENTITY_CHANGE", setting).with("RUST_LOG", "info");
        let former = world.call(GetToken, "alice").await.entity();
        let a_day_ago = AttributeValue::N((cip::time::now_ms() / 1000 - 86_400).to_string());
        world.change_item("alice", "SET #cookiesLapseAt = :cookiesLapseAt", &["cookiesLapseAt"], a_day_ago).await;
        world.sandbox.forget(&former);
        let next = world.call(GetFreshToken, "alice").await.entity();
        assert_ne!(next, former);
        // One call, or one more if LiveChat issues no token for a lost customer: it is not called again to make sure.
        assert_eq!(world.sandbox.customers(), 2, "{forgotten:?}, {setting}");
        let item = world.item("alice").await;
        let on_record = item["formerIdentities"].as_l().expect("a list")[0].as_m().expect("a map");
        assert_eq!(on_record["entityId"].as_s().ok(), Some(&former));
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), next);
        let lines = world.lines_of_calls(3).await;
        assert_eq!((&lines[1]["IdentitiesLapsed"], &lines[1]["IdentitiesChanged"]), (&json!(1), &json!(null)));
    }
}

#[tokio::test]
async fn a_customer_with_expired_cookies_is_kept_if_livechat_knows_it() {
    let world = World::new().await.with("ON_IDENTITY_CHANGE", "reject");
    let entity = world.call(GetToken, "alice").await.entity();
    let long_ago = AttributeValue::N("1".into());
    world.change_item("alice", "SET #cookiesLapseAt = :cookiesLapseAt", &["cookiesLapseAt"], long_ago).await;
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), entity);
    assert!(world.item("alice").await["formerIdentities"].as_l().expect("a list").is_empty());
}
