//! After a logout or an adoption no earlier token works, whatever is lost, delayed or killed on the way.

use crate::{
    dynamodb::{Action, access_denied, in_front, in_front_of_requests},
    proxy::Mode,
    world::*,
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

/// Whether the logout is `complete` or `pending`, after checking the response.
fn logout_state(response: &GatewayResponse) -> &str {
    assert_eq!((response.status(), response.body()), (200, Value::Null));
    response.header("x-logout")
}

/// The tokens that still work, of all that LiveChat has issued.
fn working(world: &World) -> BTreeSet<String> {
    let issued = world.sandbox.journal().into_iter().map(|granted| granted.access_token);
    issued.filter(|token| world.sandbox.works(token)).collect()
}

/// The number of tokens on record that may still work, and that a logout would revoke.
fn outstanding(item: &Item) -> usize {
    item["outstanding"].as_m().expect("a map").len()
}

/// A DynamoDB whose first response to an update that names `attribute` is lost.
async fn losing_a_response(world: &World, attribute: &'static str) -> String {
    let is_lost = Arc::new(AtomicBool::new(false));
    in_front_of_requests(world, move |operation, body| {
        let is_meant = operation == "UpdateItem" && String::from_utf8_lossy(&body).contains(attribute);
        let loses = is_meant && !is_lost.swap(true, Ordering::SeqCst);
        async move { if loses { Action::LoseResponse } else { Action::Forward } }
    })
    .await
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
        // The first half of the widget's routine renewal.
        assert_eq!(world.call(Invalidate, "alice").await.body(), Value::Null);
        assert_eq!(working(&world), given, "before the logout all of them work");
        assert_eq!(logout_state(&world.send(Invalidate, &logout("alice")).await), "complete");
        assert_eq!(working(&world), BTreeSet::new());
        assert_eq!(outstanding(&world.item("alice").await), 0, "none is left to be revoked");
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
    assert_eq!(logout_state(&world.send(Invalidate, &of_group).await), "complete");
    assert_eq!(working(&world), BTreeSet::from([common, groups[0].clone(), bobs.clone()]));
    assert_eq!(logout_state(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::from([bobs]));
    assert_eq!(world.send(HasToken, &http_api(HasToken, "alice", "group=3")).await.body(), false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_during_the_first_renewal_of_a_group_revokes_its_token() {
    let world = World::new().await.with("RUST_LOG", "info");
    world.call(GetToken, "alice").await.token();
    world.sandbox.set(|settings| settings.latency_ms = 1_000);
    let function = world.spawn(GetToken).await;
    let renewal = function.start(&http_api(GetToken, "alice", "group=3"), TIMEOUT).await;
    world.until_livechat_is_called(2).await;
    assert_eq!(logout_state(&world.send(Invalidate, &logout("alice")).await), "complete");
    let response = function.response(&renewal, PATIENCE).await.expect("a response");
    assert_eq!(response.problem(), (503, "busy"));
    assert_eq!(working(&world), BTreeSet::new());
    let lines = world.call_lines(3).await;
    let errors: Vec<_> = lines.iter().map(|line| line["Errors"].clone()).collect();
    assert_eq!(errors, [json!(null), json!(null), json!(null)], "a logout during a renewal is not an error");
}

#[tokio::test]
async fn a_logout_without_access_to_the_groups_revokes_the_users_own_tokens() {
    let world = World::new().await;
    let group = world.call_group(GetToken, "alice", "3").await.access_token();
    world.call(GetToken, "alice").await.token();
    let url = in_front(&world, async |operation| (operation == "Query").then(access_denied)).await;
    let function = world.spawn_with_dynamodb(Invalidate, url).await;
    assert_eq!(function.send(&logout("alice")).await.problem(), (503, "store_unavailable"));
    assert_eq!(working(&world), BTreeSet::from([group]));
}

#[tokio::test]
async fn a_logout_revokes_tokens_if_the_response_to_its_write_is_lost() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    let url = losing_a_response(&world, "loggedOutSeq").await;
    let function = world.spawn_with_dynamodb(Invalidate, url).await;
    assert_eq!(logout_state(&function.send(&logout("alice")).await), "complete");
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
        world.until_livechat_is_called(2).await;
        let waiter = waits.start(&http_api(GetToken, "alice", ""), TIMEOUT).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(logout_state(&world.send(Invalidate, &logout("alice")).await), "complete");
        for (function, request) in [(&renews, renewal), (&waits, waiter)] {
            let response = function.response(&request, PATIENCE).await.expect("a response");
            assert_eq!(response.problem(), (503, "busy"), "{cst:?}");
        }
        assert_eq!(working(&world), BTreeSet::new(), "the token that was issued meanwhile does not work either");
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
        let crashing = world.spawn(Invalidate).await;
        crashing.start(&logout("alice"), TIMEOUT).await;
        world.until_livechat_is_told_to_revoke().await;
        crashing.kill();
        world.sandbox.set(|settings| settings.latency_ms = 0);
        assert_eq!(world.call(HasToken, "alice").await.body(), false);
        let response = world.call(next, "alice").await;
        let given: BTreeSet<_> = (next != Invalidate).then(|| response.access_token()).into_iter().collect();
        assert_eq!(working(&world), given, "{next:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_while_livechat_is_down_is_completed_by_a_later_call() {
    let world = World::new().await;
    let livechat = world.proxy_to("LIVECHAT_ACCOUNTS_URL").await;
    for (mode, later) in [(Mode::Refuse, GetToken), (Mode::BlackHole, GetFreshToken), (Mode::Refuse, Invalidate)] {
        world.call(GetToken, "alice").await.token();
        world.call(GetFreshToken, "alice").await.token();
        let function = world.spawn_with(Invalidate, &[("LIVECHAT_ACCOUNTS_URL", livechat.url())]).await;
        livechat.set(mode);
        assert_eq!(logout_state(&function.send(&logout("alice")).await), "pending");
        assert_eq!(world.call(HasToken, "alice").await.body(), false);
        livechat.set(Mode::Pass);
        if later == Invalidate {
            // Not at once: otherwise each request of a page in a loop would cause a call for each token.
            assert_eq!(logout_state(&function.send(&logout("alice")).await), "pending");
            world.set_number("alice", "revokeAgain", crate::clock::now_ms() + 60_000 - 5_000).await;
            assert_eq!(logout_state(&function.send(&logout("alice")).await), "complete");
            assert_eq!(working(&world), BTreeSet::new());
            continue;
        }
        // A renewal revokes the old tokens at once: no other call to LiveChat may follow for hours.
        let token = world.call(later, "alice").await.access_token();
        assert_eq!(working(&world), BTreeSet::from([token]), "{later:?}");
    }
}

#[tokio::test]
async fn a_stored_token_is_returned_while_revocations_are_pending() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.revocation = Revocation::Http500);
    let old = world.call(GetToken, "alice").await.access_token();
    assert_eq!(logout_state(&world.send(Invalidate, &logout("alice")).await), "pending");
    let token = world.call(GetToken, "alice").await.access_token();
    let revocations = world.sandbox.calls().revoke;
    assert_eq!(world.call(GetToken, "alice").await.access_token(), token);
    assert_eq!(world.call(Invalidate, "bob").await.body(), Value::Null);
    assert_eq!(world.sandbox.calls().revoke, revocations, "not every call revokes again");
    assert_eq!(working(&world), BTreeSet::from([old, token.clone()]));
    world.sandbox.set(|settings| settings.revocation = Revocation::Token);
    world.set_number("alice", "revokeAgain", crate::clock::now_ms() - 1).await;
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
    assert_eq!(logout_state(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}

#[tokio::test]
async fn no_token_is_removed_from_the_list_while_revocations_fail() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.revocation = Revocation::Http500);
    for _ in 0..Outstanding::LIMIT {
        world.call(GetFreshToken, "alice").await.token();
    }
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (503, "livechat_unavailable"));
    assert_eq!(working(&world).len(), Outstanding::LIMIT);
    world.sandbox.set(|settings| settings.revocation = Revocation::Token);
    world.call(GetFreshToken, "alice").await.token();
    assert_eq!(working(&world).len(), Outstanding::MOST);
    assert_eq!(logout_state(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}

#[tokio::test]
async fn the_next_renewal_drops_expired_tokens_from_the_list() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    world.call(GetFreshToken, "alice").await.token();
    world.set_number("alice", "outstanding.1.ends", 1).await;
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
    let remove = remove.key("pk", string("user#alice")).key("sk", string("identity"));
    let remove = remove.update_expression("REMOVE outstanding");
    remove.clone().send().await.expect("a change");
    assert_eq!(logout_state(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
    // The same if it was renewed before the logout.
    world.call(GetToken, "alice").await.token();
    remove.send().await.expect("a change");
    world.call(GetFreshToken, "alice").await.token();
    world.send(Invalidate, &logout("alice")).await;
    assert_eq!(world.call(HasToken, "alice").await.body(), false);
}

#[tokio::test]
async fn a_guests_logout_revokes_their_tokens() {
    let world = World::new().await.with("GUESTS", "true");
    for _ in 0..2 {
        world.call_as_guest(GetFreshToken, GUEST).await.token();
    }
    let event = as_logout(as_guest(Invalidate, GUEST));
    assert_eq!(logout_state(&world.send(Invalidate, &event).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}

/// A guest who has got tokens from both operations, before and after an `invalidate`, and these tokens.
async fn guest_with_tokens(group: &str) -> (World, BTreeSet<String>) {
    let world = World::new().await.with("GUESTS", "true");
    let mut given = BTreeSet::new();
    for binary in [GetToken, GetFreshToken, GetFreshToken, Invalidate, GetToken] {
        let response = world.send(binary, &with_query(as_guest(binary, GUEST), group)).await;
        given.extend((binary != Invalidate).then(|| response.access_token()));
    }
    assert_eq!((working(&world), given.len()), (given.clone(), 4));
    (world, given)
}

#[tokio::test]
async fn an_adoption_revokes_every_token_of_the_guest() {
    for (group, binary) in [("", GetToken), ("", GetFreshToken), ("group=3", GetToken)] {
        let (world, _) = guest_with_tokens(group).await;
        // With a group, the user already has a customer without one.
        if !group.is_empty() {
            world.call(GetToken, "alice").await.token();
            world.call(Invalidate, "alice").await;
            world.send(Invalidate, &logout("alice")).await;
        }
        let user = world.send(binary, &with_query(as_former_guest(binary, "alice", GUEST), group)).await;
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
    let user = world.call_as_former_guest(GetToken, "alice", GUEST).await.access_token();
    given.insert(user.clone());
    assert_eq!(working(&world), given);
    world.sandbox.set(|settings| settings.revocation = Revocation::Token);
    world.set_number("alice", "revokeAgain", 0).await;
    assert_eq!(world.call(GetToken, "alice").await.access_token(), user);
    assert_eq!(working(&world), BTreeSet::from([user]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_interrupted_by_a_crash_is_completed_by_the_next_call() {
    let (world, _) = guest_with_tokens("").await;
    world.sandbox.set(|settings| settings.latency_ms = 5_000);
    let crashing = world.spawn(GetToken).await;
    crashing.start(&as_former_guest(GetToken, "alice", GUEST), TIMEOUT).await;
    world.until_livechat_is_told_to_revoke().await;
    crashing.kill();
    world.sandbox.set(|settings| settings.latency_ms = 0);
    let user = world.call(GetToken, "alice").await;
    assert_eq!(working(&world), BTreeSet::from([user.access_token()]));
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_revokes_the_guests_tokens_at_high_latency() {
    let (world, _) = guest_with_tokens("").await;
    world.sandbox.set(|settings| settings.latency_ms = 2_600);
    let user = world.call_as_former_guest(GetToken, "alice", GUEST).await.access_token();
    assert_eq!(working(&world), BTreeSet::from([user]));
    assert_eq!(world.sandbox.customers(), 1);
    assert_eq!(logout_state(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}

#[tokio::test]
async fn a_logout_of_an_adopted_guest_is_pending() {
    let (world, _) = guest_with_tokens("").await;
    world.sandbox.set(|settings| settings.revocation = Revocation::Http500);
    world.call_as_former_guest(GetToken, "alice", GUEST).await.token();
    world.sandbox.set(|settings| settings.revocation = Revocation::Token);
    // The list of the guest's tokens belongs to the user now.
    let guest = as_logout(as_guest(Invalidate, GUEST));
    assert_eq!(logout_state(&world.send(Invalidate, &guest).await), "pending");
    assert_eq!(working(&world).len(), 5);
    world.set_number("alice", "revokeAgain", 0).await;
    assert_eq!(logout_state(&world.send(Invalidate, &logout("alice")).await), "complete");
    assert_eq!(working(&world), BTreeSet::new());
}
