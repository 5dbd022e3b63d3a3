//! After a logout or an adoption no token that was given before works, whatever gets lost, is late or dies on the way.

use crate::{
    proxy::{Mode, Proxy},
    world::*,
};
use aws_sdk_dynamodb::types::AttributeValue;
use axum::{
    Router,
    body::to_bytes,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use cip::renewal::record::Outstanding;
use sandbox::{CstMode, Revocation};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(15);

fn logout(user: &str) -> Value {
    as_logout(http_api(Invalidate, user, ""))
}

/// What the answer to a logout says, after checking that it is one.
fn told(answer: &Answer) -> &str {
    assert_eq!((answer.status(), answer.body()), (200, Value::Null));
    answer.header("x-logout")
}

/// Those of all tokens that LiveChat ever issued that still work.
fn working(world: &World) -> BTreeSet<String> {
    let issued = world.sandbox.journal().into_iter().map(|granted| granted.access_token);
    issued.filter(|token| world.sandbox.works(token)).collect()
}

async fn set(world: &World, name: &str, value: u64) {
    let value = AttributeValue::N(value.to_string());
    world.change_item("alice", &format!("SET #{name} = :{name}"), &[name], value).await;
}

fn outstanding(item: &std::collections::HashMap<String, AttributeValue>) -> usize {
    item["outstanding"].as_m().expect("a map").len()
}

/// A DynamoDB that does what it is asked, and loses its first answer to an update that names `attribute`.
async fn loses_an_answer(world: &World, attribute: &'static str) -> String {
    let upstream = world.setting("AWS_ENDPOINT_URL_DYNAMODB").expect("an endpoint");
    let (http, is_lost) = (http_client(), Arc::new(AtomicBool::new(false)));
    let forward = move |request: Request| {
        let (http, upstream, is_lost) = (http.clone(), upstream.clone(), is_lost.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, 1_000_000).await.expect("a body");
            let is_it = String::from_utf8_lossy(&body).contains(attribute)
                && parts.headers["x-amz-target"].to_str().is_ok_and(|target| target.ends_with("UpdateItem"));
            let answer = http.post(&upstream).headers(parts.headers).body(body).send().await.expect("an answer");
            if is_it && !is_lost.swap(true, Ordering::SeqCst) {
                return Response::from_parts(
                    StatusCode::INTERNAL_SERVER_ERROR.into_response().into_parts().0,
                    "".into(),
                );
            }
            (answer.status(), answer.headers().clone(), answer.bytes().await.expect("a body")).into_response()
        }
    };
    serve(Router::new().fallback(forward)).await
}

#[tokio::test]
async fn a_logout_revokes_every_token_of_the_user() {
    for revocation in [Revocation::Token, Revocation::Customer] {
        let world = World::new().await;
        world.sandbox.set(|settings| settings.revocation = revocation);
        let mut given = BTreeSet::from([world.call(GetToken, "alice").await.access_token()]);
        for _ in 0..3 {
            given.insert(world.call(GetFreshToken, "alice").await.access_token());
        }
        // The widget's routine renewal, half of it.
        assert_eq!(world.call(Invalidate, "alice").await.body(), Value::Null);
        assert_eq!(working(&world), given, "until then all of them work");
        assert_eq!(told(&world.send(Invalidate, &logout("alice")).await), "complete");
        assert_eq!(working(&world), BTreeSet::new());
        assert_eq!(outstanding(&world.item("alice").await), 0, "and they are not kept");
        let again = world.call(GetToken, "alice").await.access_token();
        assert_eq!(working(&world), BTreeSet::from([again]));
        assert_eq!(world.sandbox.customers(), 1);
    }
}

#[tokio::test]
async fn a_logout_covers_all_groups_unless_it_names_one() {
    let world = World::new().await;
    let common = world.call(GetToken, "alice").await.access_token();
    let mut groups = Vec::new();
    for group in ["3", "7"] {
        groups.push(world.call_group(GetToken, "alice", group).await.access_token());
    }
    let bobs = world.call(GetToken, "bob").await.access_token();
    let of_group = as_logout(http_api(Invalidate, "alice", "group=7"));
    assert_eq!(told(&world.send(Invalidate, &of_group).await), "complete");
    assert_eq!(working(&world), BTreeSet::from([common, groups[0].clone(), bobs.clone()]));
    assert_eq!(told(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::from([bobs]));
    assert_eq!(world.send(HasToken, &http_api(HasToken, "alice", "group=3")).await.body(), false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_overtakes_the_first_renewal_of_a_group() {
    let world = World::new().await.with("RUST_LOG", "info");
    world.call(GetToken, "alice").await.token();
    world.sandbox.set(|settings| settings.latency_ms = 1_000);
    let function = world.spawn(GetToken).await;
    let renewal = function.start(&http_api(GetToken, "alice", "group=3"), TIMEOUT).await;
    world.until_livechat_is_asked(2).await;
    assert_eq!(told(&world.send(Invalidate, &logout("alice")).await), "complete");
    let answer = function.answer(&renewal, PATIENCE).await.expect("an answer");
    assert_eq!(answer.problem(), (503, "busy".into()));
    assert_eq!(working(&world), BTreeSet::new());
    let lines = world.lines_of_calls(3).await;
    let errors: Vec<_> = lines.iter().map(|line| line["Errors"].clone()).collect();
    assert_eq!(errors, [json!(null), json!(null), json!(null)], "users who log out ring no alarm");
}

#[tokio::test]
async fn a_logout_without_access_to_the_groups_revokes_the_users_own_tokens() {
    let world = World::new().await;
    let group = world.call_group(GetToken, "alice", "3").await.access_token();
    world.call(GetToken, "alice").await.token();
    let url = crate::dynamodb::in_front(&world, |operation| async move {
        let refused = (StatusCode::BAD_REQUEST, r#"{"__type":"com.amazon.coral.service#AccessDeniedException"}"#);
        (operation == "Query").then(|| refused.into_response())
    });
    let function = world.spawn_with(Invalidate, &[("AWS_ENDPOINT_URL_DYNAMODB", url.await)]).await;
    assert_eq!(function.send(&logout("alice")).await.problem(), (503, "store_unavailable".into()));
    assert_eq!(working(&world), BTreeSet::from([group]));
}

#[tokio::test]
async fn a_logout_revokes_tokens_if_the_response_to_its_write_is_lost() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    let url = loses_an_answer(&world, "loggedOutSeq").await;
    let function = world.spawn_with(Invalidate, &[("AWS_ENDPOINT_URL_DYNAMODB", url)]).await;
    assert_eq!(told(&function.send(&logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_overtaken_by_a_logout_returns_no_token() {
    for cst in [CstMode::Rotating, CstMode::Strict] {
        let world = World::new().await;
        world.sandbox.set(|settings| settings.cst = cst);
        let entity = world.call(GetToken, "alice").await.entity();
        world.call(Invalidate, "alice").await;
        let (renews, waits) = (world.spawn(GetFreshToken).await, world.spawn(GetToken).await);
        world.sandbox.set(|settings| settings.latency_ms = 1_000);
        let renewal = renews.start(&http_api(GetFreshToken, "alice", ""), TIMEOUT).await;
        world.until_livechat_is_asked(2).await;
        let waiter = waits.start(&http_api(GetToken, "alice", ""), TIMEOUT).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(told(&world.send(Invalidate, &logout("alice")).await), "complete");
        for (function, request) in [(&renews, renewal), (&waits, waiter)] {
            let answer = function.answer(&request, PATIENCE).await.expect("an answer");
            assert_eq!(answer.problem(), (503, "busy".into()), "{cst:?}");
        }
        assert_eq!(working(&world), BTreeSet::new(), "nor does the one work that was issued meanwhile");
        world.sandbox.set(|settings| settings.latency_ms = 0);
        assert_eq!(world.call(HasToken, "alice").await.body(), false);
        // The cookies that came with it are kept.
        assert_eq!(world.call(GetToken, "alice").await.entity(), entity, "{cst:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_interrupted_by_a_crash_is_completed_by_the_next_call() {
    for next in [GetToken, GetFreshToken, Invalidate] {
        let world = World::new().await;
        world.call(GetToken, "alice").await.token();
        world.call(GetFreshToken, "alice").await.token();
        world.sandbox.set(|settings| settings.latency_ms = 5_000);
        let dies = world.spawn(Invalidate).await;
        dies.start(&logout("alice"), TIMEOUT).await;
        while world.sandbox.calls().revoke == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        dies.kill();
        world.sandbox.set(|settings| settings.latency_ms = 0);
        assert_eq!(world.call(HasToken, "alice").await.body(), false);
        let answer = world.call(next, "alice").await;
        let given: BTreeSet<_> = (next != Invalidate).then(|| answer.access_token()).into_iter().collect();
        assert_eq!(working(&world), given, "{next:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_while_livechat_is_down_is_completed_by_a_later_call() {
    let world = World::new().await;
    let livechat = Proxy::start(format!("127.0.0.1:{}", world.sandbox.port()).parse().expect("an address")).await;
    for (mode, later) in [(Mode::Refuse, GetToken), (Mode::BlackHole, GetFreshToken), (Mode::Refuse, Invalidate)] {
        world.call(GetToken, "alice").await.token();
        world.call(GetFreshToken, "alice").await.token();
        let function = world.spawn_with(Invalidate, &[("LIVECHAT_ACCOUNTS_URL", livechat.url())]).await;
        livechat.set(mode);
        assert_eq!(told(&function.send(&logout("alice")).await), "pending");
        assert_eq!(world.call(HasToken, "alice").await.body(), false);
        livechat.set(Mode::Pass);
        if later == Invalidate {
            // Not at once, as a page in a loop would call LiveChat for each token each time.
            assert_eq!(told(&function.send(&logout("alice")).await), "pending");
            set(&world, "revokeAgain", cip::time::now_ms() + 60_000 - 5_000).await;
            assert_eq!(told(&function.send(&logout("alice")).await), "complete");
            assert_eq!(working(&world), BTreeSet::new());
            continue;
        }
        // A renewal tells LiveChat at once: its token may be kept for hours.
        let token = world.call(later, "alice").await.access_token();
        assert_eq!(working(&world), BTreeSet::from([token]), "{later:?}");
    }
}

#[tokio::test]
async fn a_stored_token_is_returned_while_revocations_are_pending() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.revocation = Revocation::Http500);
    let old = world.call(GetToken, "alice").await.access_token();
    assert_eq!(told(&world.send(Invalidate, &logout("alice")).await), "pending");
    let token = world.call(GetToken, "alice").await.access_token();
    let told_times = world.sandbox.calls().revoke;
    assert_eq!(world.call(GetToken, "alice").await.access_token(), token);
    assert_eq!(world.call(Invalidate, "bob").await.body(), Value::Null);
    assert_eq!(world.sandbox.calls().revoke, told_times, "LiveChat is not told again with each call");
    assert_eq!(working(&world), BTreeSet::from([old, token.clone()]));
    world.sandbox.set(|settings| settings.revocation = Revocation::Token);
    set(&world, "revokeAgain", cip::time::now_ms() - 1).await;
    assert_eq!(world.call(GetToken, "alice").await.access_token(), token);
    assert_eq!(working(&world), BTreeSet::from([token]));
    assert_eq!(outstanding(&world.item("alice").await), 1);
}

#[tokio::test]
async fn a_user_has_a_limited_number_of_live_tokens() {
    let world = World::new().await;
    let mut latest = String::new();
    for _ in 0..Outstanding::MOST + 3 {
        latest = world.call(GetFreshToken, "alice").await.access_token();
    }
    let working_now = working(&world);
    assert!(working_now.len() == Outstanding::MOST && working_now.contains(&latest), "{}", working_now.len());
    assert_eq!(world.sandbox.calls().revoke, 3);
    assert_eq!(told(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}

#[tokio::test]
async fn no_token_is_dropped_while_livechat_revokes_none() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.revocation = Revocation::Http500);
    for _ in 0..Outstanding::LIMIT {
        world.call(GetFreshToken, "alice").await.token();
    }
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (503, "livechat_unavailable".into()));
    assert_eq!(working(&world).len(), Outstanding::LIMIT);
    world.sandbox.set(|settings| settings.revocation = Revocation::Token);
    world.call(GetFreshToken, "alice").await.token();
    assert_eq!(working(&world).len(), Outstanding::MOST);
    assert_eq!(told(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}

#[tokio::test]
async fn the_next_renewal_drops_expired_tokens_from_the_list() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    world.call(GetFreshToken, "alice").await.token();
    let long_ago = AttributeValue::N("1".into());
    world.change_item("alice", "SET #outstanding.#1.#ends = :ends", &["outstanding", "1", "ends"], long_ago).await;
    world.call(GetFreshToken, "alice").await.token();
    let item = world.item("alice").await;
    let keys: BTreeSet<_> = item["outstanding"].as_m().expect("a map").keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["2", "3"]));
    assert_eq!(world.sandbox.calls().revoke, 0);
}

#[tokio::test]
async fn a_token_stored_by_an_earlier_version_is_revoked() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    let remove = world.dynamodb.update_item().table_name(&world.table);
    let remove = remove
        .key("pk", AttributeValue::S("user#alice".into()))
        .key("sk", AttributeValue::S("identity".into()))
        .update_expression("REMOVE outstanding");
    remove.clone().send().await.expect("a change");
    assert_eq!(told(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
    // Also if it was renewed before the logout.
    world.call(GetToken, "alice").await.token();
    remove.send().await.expect("a change");
    world.call(GetFreshToken, "alice").await.token();
    world.send(Invalidate, &logout("alice")).await;
    assert_eq!(world.call(HasToken, "alice").await.body(), false);
}

#[tokio::test]
async fn a_guests_logout_revokes_their_tokens() {
    let world = World::new().await.with("GUESTS", "true");
    let guest = [("x-guest-id", GUEST)];
    for _ in 0..2 {
        world.send(GetFreshToken, &request(GetFreshToken, None, &guest)).await.token();
    }
    let event = as_logout(request(Invalidate, None, &guest));
    assert_eq!(told(&world.send(Invalidate, &event).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}

/// A guest who has taken tokens in every way, and what they took.
async fn guest_with_tokens(group: &str) -> (World, BTreeSet<String>) {
    let world = World::new().await.with("GUESTS", "true");
    let mut given = BTreeSet::new();
    for binary in [GetToken, GetFreshToken, GetFreshToken, Invalidate, GetToken] {
        let answer = world.send(binary, &for_guest(binary, None, group)).await;
        given.extend((binary != Invalidate).then(|| answer.access_token()));
    }
    assert_eq!((working(&world), given.len()), (given.clone(), 4));
    (world, given)
}

fn for_guest(binary: Binary, user: Option<&str>, query: &str) -> Value {
    let mut event = request(binary, user, &[("x-guest-id", GUEST)]);
    event["rawQueryString"] = json!(query);
    event
}

#[tokio::test]
async fn an_adoption_revokes_every_token_of_the_guest() {
    for (group, binary) in [("", GetToken), ("", GetFreshToken), ("group=3", GetToken)] {
        let (world, _) = guest_with_tokens(group).await;
        // The user has a customer of their own where they have been before.
        if !group.is_empty() {
            world.call(GetToken, "alice").await.token();
            world.call(Invalidate, "alice").await;
            world.send(Invalidate, &logout("alice")).await;
        }
        let user = world.send(binary, &for_guest(binary, Some("alice"), group)).await;
        assert_eq!(working(&world), BTreeSet::from([user.access_token()]), "{group}");
        assert_eq!(world.sandbox.calls().token, 5 + u64::from(!group.is_empty()));
        world.send(Invalidate, &as_logout(http_api(Invalidate, "alice", group))).await;
        assert_eq!(working(&world), BTreeSet::new());
    }
}

#[tokio::test]
async fn a_failed_revocation_of_an_adoption_is_completed_by_a_later_call() {
    let (world, mut given) = guest_with_tokens("").await;
    world.sandbox.set(|settings| settings.revocation = Revocation::Http500);
    let user = world.send(GetToken, &for_guest(GetToken, Some("alice"), "")).await.access_token();
    given.insert(user.clone());
    assert_eq!(working(&world), given);
    world.sandbox.set(|settings| settings.revocation = Revocation::Token);
    set(&world, "revokeAgain", 0).await;
    assert_eq!(world.call(GetToken, "alice").await.access_token(), user);
    assert_eq!(working(&world), BTreeSet::from([user]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_interrupted_by_a_crash_is_completed_by_the_next_call() {
    let (world, _) = guest_with_tokens("").await;
    world.sandbox.set(|settings| settings.latency_ms = 5_000);
    let dies = world.spawn(GetToken).await;
    dies.start(&for_guest(GetToken, Some("alice"), ""), TIMEOUT).await;
    while world.sandbox.calls().revoke == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    dies.kill();
    world.sandbox.set(|settings| settings.latency_ms = 0);
    let user = world.call(GetToken, "alice").await;
    assert_eq!(working(&world), BTreeSet::from([user.access_token()]));
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_revokes_the_guests_tokens_at_high_latency() {
    let (world, _) = guest_with_tokens("").await;
    world.sandbox.set(|settings| settings.latency_ms = 2_600);
    let user = world.send(GetToken, &for_guest(GetToken, Some("alice"), "")).await.access_token();
    assert_eq!(working(&world), BTreeSet::from([user]));
    assert_eq!(world.sandbox.customers(), 1);
    assert_eq!(told(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}

#[tokio::test]
async fn a_logout_of_an_adopted_guest_is_pending() {
    let (world, _) = guest_with_tokens("").await;
    world.sandbox.set(|settings| settings.revocation = Revocation::Http500);
    world.send(GetToken, &for_guest(GetToken, Some("alice"), "")).await.token();
    world.sandbox.set(|settings| settings.revocation = Revocation::Token);
    // The list of the guest's tokens is the user's now.
    let guest = as_logout(for_guest(Invalidate, None, ""));
    assert_eq!(told(&world.send(Invalidate, &guest).await), "pending");
    assert_eq!(working(&world).len(), 5);
    set(&world, "revokeAgain", 0).await;
    assert_eq!(told(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}
