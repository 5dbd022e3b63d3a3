//! LiveChat returns another customer than the one on record, or says that it lost that one.

use crate::world::*;
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

/// Both responses that LiveChat can give to cookies that it does not recognise.
const RESPONSES: [Forgotten; 2] = [Forgotten::NewCustomer, Forgotten::IdentityLost];

/// A world in which LiveChat responds like this to cookies that it does not recognise.
async fn world_where(forgotten: Forgotten) -> World {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.forgotten = forgotten);
    world
}

/// The identity and the token are as they were.
fn assert_unchanged(before: &Item, after: &Item) {
    for name in ["entityId", "cookies", "cookiesLapseAt", "token", "formerIdentities"] {
        assert_eq!(before[name], after[name], "{name}");
    }
}

#[tokio::test]
async fn another_customer_is_accepted_only_after_a_second_call() {
    for (forgotten, setting) in
        RESPONSES.iter().flat_map(|forgotten| ["replace", "reject"].map(|setting| (*forgotten, setting)))
    {
        let world = world_where(forgotten).await.with("ON_IDENTITY_CHANGE", setting);
        let first = world.call(GetToken, "alice").await;
        world.sandbox.fail(Fault::OtherEntity, 1);
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity(), "{forgotten:?}, {setting}");
        assert!(world.former_identities("alice").await.is_empty());
        assert_eq!(world.sandbox.calls().token, 3);
    }
}

#[tokio::test]
async fn a_forgotten_customer_is_replaced_once_and_recorded() {
    for forgotten in RESPONSES {
        is_replaced_once_and_on_record(&world_where(forgotten).await).await;
    }
}

async fn is_replaced_once_and_on_record(world: &World) {
    let former = world.call(GetToken, "alice").await.entity();
    let former_cookies = world.item("alice").await["cookies"].as_m().expect("a map").clone();
    world.sandbox.forget(&former);
    let next = world.call(GetFreshToken, "alice").await.entity();
    assert_ne!(former, next);
    let record = &world.former_identities("alice").await[0];
    assert_eq!(record["entityId"], string(&former));
    assert_eq!((&record["cid"], &record["cst"]), (&former_cookies["cid"], &former_cookies["cst"]));
    assert!(read_number(&record["until"]) > 1_700_000_000_000);
    assert!(world.output().contains("no longer knows a customer"), "the log shows it");
    for binary in [GetToken, GetFreshToken, GetToken] {
        assert_eq!(world.call(binary, "alice").await.entity(), next);
    }
}

#[tokio::test]
async fn with_reject_a_forgotten_customer_is_not_replaced() {
    for forgotten in RESPONSES {
        let world = world_where(forgotten).await.with("ON_IDENTITY_CHANGE", "reject");
        let former = world.call(GetToken, "alice").await.entity();
        let before = world.item("alice").await;
        world.sandbox.forget(&former);
        for times in 1..=2 {
            assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (409, "identity_changed"));
            assert_eq!(world.sandbox.calls().token, 1 + 2 * times, "{forgotten:?}: no new customer is created");
        }
        let after = world.item("alice").await;
        assert_unchanged(&before, &after);
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
    // The responses to the first two calls say that the customer is lost, so this fault has no effect on them.
    world.sandbox.fail(Fault::ExpiresOnly, 2);
    world.sandbox.fail(Fault::ResetAfter, 1);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (503, "livechat_unavailable"));
    assert_eq!((world.sandbox.calls().token, world.sandbox.customers()), (4, 2), "one replacement, which nobody gets");
    assert_unchanged(&before, &world.item("alice").await);
    world.call(GetFreshToken, "alice").await.token();
    assert_eq!(world.former_identities("alice").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_replacement_customer_is_created_without_time_to_store_it() {
    let world = world_where(Forgotten::IdentityLost).await;
    let former = world.call(GetToken, "alice").await.entity();
    let before = world.item("alice").await;
    world.sandbox.forget(&former);
    // Two calls take more than 2 s. This invocation has 2.5 s for LiveChat, so there is no time for a third one.
    world.sandbox.set(|settings| settings.latency_ms = 1_050);
    let function = world.spawn(GetFreshToken).await;
    let event = http_api(GetFreshToken, "alice", "");
    let response = function.send_within(&event, Duration::from_millis(3_500)).await;
    assert_eq!(response.problem(), (503, "livechat_unavailable"));
    assert_eq!(world.sandbox.calls().token, 3);
    let after = world.item("alice").await;
    assert_unchanged(&before, &after);
    // A lack of time in one call is not a failure for the others.
    assert!(!after.contains_key("failedRenewal") && !after.contains_key("refused"));
    world.sandbox.set(|settings| settings.latency_ms = 0);
    assert_ne!(world.call(GetFreshToken, "alice").await.entity(), former);
}

/// A LiveChat that returns these responses one after the other. The list says of each request whether it had cookies.
async fn scripted(responses: Vec<Response>) -> (String, Arc<Mutex<Vec<bool>>>) {
    let (responses, seen) = (Arc::new(Mutex::new(VecDeque::from(responses))), Arc::<Mutex<Vec<bool>>>::default());
    let notes = seen.clone();
    let response = move |request: Request| async move {
        let has_cookies = request.headers().contains_key(header::COOKIE);
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(has_cookies);
        let next = responses.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        next.unwrap_or_else(|| StatusCode::IM_A_TEAPOT.into_response())
    };
    (serve(Router::new().fallback(response)).await, seen)
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

/// Calls twice for alice. LiveChat returns `responses` to the second call. Returns its response, and whether each of its requests had
/// cookies.
async fn after_a_first_token(responses: Vec<Response>) -> (GatewayResponse, Vec<bool>, World) {
    let script = std::iter::once(token_of("e1")).chain(responses).collect();
    let (url, seen) = scripted(script).await;
    let world = World::new().await.with("LIVECHAT_ACCOUNTS_URL", &url);
    assert_eq!(world.call(GetToken, "alice").await.entity(), "e1");
    let response = world.call(GetFreshToken, "alice").await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner)[1..].to_vec();
    (response, seen, world)
}

#[tokio::test]
async fn identity_lost_is_recognised_whatever_its_status() {
    for status in [StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::INTERNAL_SERVER_ERROR] {
        let (response, seen, _world) = after_a_first_token(vec![lost(status), lost(status), token_of("e2")]).await;
        assert_eq!((response.entity().as_str(), seen), ("e2", vec![true, true, false]), "{status}");
    }
}

#[tokio::test]
async fn another_customer_and_identity_lost_confirm_each_other() {
    let ok = StatusCode::OK;
    // A customer that LiveChat created in place of the lost one is accepted.
    let (response, seen, world) = after_a_first_token(vec![token_of("e2"), lost(ok)]).await;
    assert_eq!((response.entity().as_str(), seen), ("e2", vec![true, true]));
    assert_eq!(world.former_identities("alice").await.len(), 1);
    let (response, seen, _world) = after_a_first_token(vec![lost(ok), token_of("e2")]).await;
    assert_eq!((response.entity().as_str(), seen), ("e2", vec![true, true]));
    let (response, seen, _world) = after_a_first_token(vec![lost(ok), token_of("e1")]).await;
    assert_eq!((response.entity().as_str(), seen), ("e1", vec![true, true]));
}

#[tokio::test]
async fn other_errors_do_not_replace_a_users_customer() {
    let oauth = || json!({"oauth_exception": "identity_lost"}).to_string().into_response();
    let (response, seen, _world) = after_a_first_token(vec![oauth()]).await;
    assert_eq!((response.problem(), seen), ((502, "livechat_rejected"), vec![true]), "another error");
    let refused = || json!({"identity_exception": "access_denied"}).to_string().into_response();
    let (response, seen, _world) = after_a_first_token(vec![lost(StatusCode::OK), refused()]).await;
    assert_eq!((response.problem(), seen), ((502, "livechat_rejected"), vec![true, true]), "lost once only");
    let responses = vec![lost(StatusCode::OK), lost(StatusCode::OK), refused()];
    let (response, seen, world) = after_a_first_token(responses).await;
    assert_eq!((response.problem(), seen), ((502, "livechat_rejected"), vec![true, true, false]));
    assert_eq!(world.item("alice").await["entityId"].as_s().ok().map(String::as_str), Some("e1"));
}

#[tokio::test]
async fn identity_lost_for_a_new_user_is_a_rejection() {
    let (url, seen) = scripted(vec![lost(StatusCode::OK)]).await;
    let world = World::new().await.with("LIVECHAT_ACCOUNTS_URL", &url);
    let refused = world.call(GetToken, "alice").await;
    assert_eq!(refused.problem(), (502, "livechat_rejected"));
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
    assert_eq!(world.call(GetToken, "alice").await.problem(), (409, "identity_changed"));
}

#[tokio::test]
async fn with_reject_a_guests_forgotten_customer_does_not_lock_out_a_new_user() {
    // Whether or not the guest came back after LiveChat had forgotten their customer.
    for (forgotten, is_known) in
        RESPONSES.iter().flat_map(|forgotten| [true, false].map(|is_known| (*forgotten, is_known)))
    {
        let world = world_where(forgotten).await.with("ON_IDENTITY_CHANGE", "reject").with("GUESTS", "true");
        let forgotten_customer = world.call_as_guest(GetFreshToken, GUEST).await.entity();
        world.sandbox.forget(&forgotten_customer);
        if is_known {
            assert_eq!(world.call_as_guest(GetFreshToken, GUEST).await.problem(), (409, "identity_changed"));
        }
        let alice = world.call_as_former_guest(GetToken, "alice", GUEST).await.entity();
        assert_ne!(alice, forgotten_customer);
        for binary in [GetToken, GetFreshToken] {
            assert_eq!(world.call(binary, "alice").await.entity(), alice, "{forgotten:?}, {is_known}");
        }
        let is_on_record = world.former_identities("alice").await.len() == 1;
        assert_eq!(is_on_record, !is_known, "a customer that is known to be forgotten is not adopted");
        // From then on she has a customer of her own.
        world.sandbox.forget(&alice);
        assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (409, "identity_changed"));
    }
}

#[tokio::test]
async fn a_user_with_expired_cookies_gets_a_new_customer() {
    for (forgotten, setting) in
        RESPONSES.iter().flat_map(|forgotten| ["replace", "reject"].map(|setting| (*forgotten, setting)))
    {
        let world = world_where(forgotten).await.with("ON_IDENTITY_CHANGE", setting).with("RUST_LOG", "info");
        let former = world.call(GetToken, "alice").await.entity();
        world.set_number("alice", "cookiesLapseAt", crate::clock::now_ms() / 1000 - 86_400).await;
        world.sandbox.forget(&former);
        let next = world.call(GetFreshToken, "alice").await.entity();
        assert_ne!(next, former);
        // No second call confirms that the customer is lost: its cookies have expired.
        assert_eq!(world.sandbox.customers(), 2, "{forgotten:?}, {setting}");
        assert_eq!(world.former_identities("alice").await[0]["entityId"], string(&former));
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), next);
        let lines = world.call_lines(3).await;
        assert_eq!((&lines[1]["IdentitiesLapsed"], &lines[1]["IdentitiesChanged"]), (&json!(1), &json!(null)));
    }
}

#[tokio::test]
async fn a_customer_with_expired_cookies_is_kept_if_livechat_knows_it() {
    let world = World::new().await.with("ON_IDENTITY_CHANGE", "reject");
    let entity = world.call(GetToken, "alice").await.entity();
    world.set_number("alice", "cookiesLapseAt", 1).await;
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), entity);
    assert!(world.former_identities("alice").await.is_empty());
}
