//! Visitors who are not logged in, and what happens when they log in.

use crate::clock::now_ms;
use crate::{
    auth::{SECRET, with_secret},
    dynamodb::in_front,
    proxy::Mode,
    world::*,
};
use sandbox::{CstMode, Fault};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::JoinHandle};

const OTHER_GUEST: &str = "guest-secret-of-another-browser-0123456789";
const GONE: (u64, &str) = (410, "guest_gone");

/// Users are identified by the path, guests by their secret.
async fn world() -> World {
    World::new().await.with("GUESTS", "true")
}

#[tokio::test]
async fn a_guest_keeps_one_customer_and_the_secret_is_not_stored() {
    let world = world().await;
    let first = world.call_as_guest(GetToken, GUEST).await;
    assert_eq!(world.call_as_guest(GetToken, GUEST).await.token(), first.token());
    assert_eq!(world.call_as_guest(HasToken, GUEST).await.body(), true);
    assert_eq!(world.call_as_guest(Invalidate, GUEST).await.body(), Value::Null);
    assert_eq!(world.call_as_guest(HasToken, GUEST).await.body(), false);
    assert_eq!(world.call_as_guest(GetFreshToken, GUEST).await.entity(), first.entity());
    assert_ne!(world.call_as_guest(GetToken, OTHER_GUEST).await.entity(), first.entity());
    let item = format!("{:?}", world.guest_item(GUEST).await);
    assert!(item.contains("entityId") && !item.contains(GUEST));
}

#[tokio::test]
async fn an_invalid_guest_id_is_refused_by_all_operations() {
    let world = world().await;
    let long = "x".repeat(129);
    for secret in [
        "",
        "guest-secret-short",
        "guest-secret-0123456789-0123456789 x",
        "guest-secret-0123456789-0123456789§",
        &long,
        "../../../../../../../../../../../x",
    ] {
        for binary in Binary::ALL {
            for event in [as_guest(binary, secret), as_former_guest(binary, "alice", secret)] {
                let response = world.send(binary, &event).await;
                assert_eq!(response.problem(), (400, "invalid_request"), "{secret}");
                assert!(response.body()["detail"].as_str().is_some_and(|detail| detail.contains("X-Guest-Id")));
            }
        }
    }
    assert_eq!(world.sandbox.customers(), 0);
}

#[tokio::test]
async fn a_guest_id_is_ignored_without_the_setting() {
    let world = World::new().await;
    let response = world.call_as_guest(GetToken, GUEST).await;
    assert_eq!(response.problem(), (400, "invalid_request"));
    world.call_as_former_guest(GetToken, "alice", "not even one").await.token();
    let world = with_secret(SECRET).await;
    assert_eq!(world.call_as_guest(GetToken, GUEST).await.problem(), (401, "unauthenticated"));
}

#[tokio::test]
async fn a_request_with_a_guest_id_and_invalid_credentials_is_refused() {
    let world = with_secret(SECRET).await.with("GUESTS", "true");
    let guest = world.call_as_guest(GetToken, GUEST).await.entity();
    let bad = request(GetToken, None, &[("x-guest-id", GUEST), ("authorization", "Bearer x.y.z")]);
    assert_eq!(world.send(GetToken, &bad).await.problem(), (401, "unauthenticated"));
    // A guest id does not authenticate the user in the path either.
    assert_eq!(world.call_as_former_guest(GetToken, "alice", GUEST).await.problem(), (401, "unauthenticated"));
    assert_eq!(world.sandbox.customers(), 1);
    assert_eq!(world.call_as_guest(GetToken, GUEST).await.entity(), guest);
}

#[tokio::test]
async fn a_guest_who_logs_in_keeps_their_chat() {
    for operation in [GetToken, GetFreshToken] {
        let world = world().await;
        let guest = world.call_as_guest(GetToken, GUEST).await;
        let user = world.call_as_former_guest(operation, "alice", GUEST).await;
        assert_eq!(user.entity(), guest.entity());
        assert_ne!(user.access_token(), guest.access_token(), "a new token");
        assert_eq!((world.sandbox.customers(), world.sandbox.calls().revoke), (1, 1), "and the guest's is revoked");
        // On every device, with and without the guest id.
        assert_eq!(world.call(GetToken, "alice").await.entity(), guest.entity());
        assert_eq!(world.call_as_former_guest(GetToken, "alice", GUEST).await.entity(), guest.entity());
        // The next visitor in the same browser gets nothing, and no other user can adopt the guest.
        for operation in [GetToken, GetFreshToken] {
            assert_eq!(world.call_as_guest(operation, GUEST).await.problem(), GONE);
        }
        assert_eq!(world.call_as_guest(HasToken, GUEST).await.body(), false);
        assert_eq!(world.call_as_guest(Invalidate, GUEST).await.body(), Value::Null);
        assert_eq!(world.call(HasToken, "alice").await.body(), true);
        assert_ne!(world.call_as_former_guest(GetToken, "bob", GUEST).await.entity(), guest.entity());
        let item = world.guest_item(GUEST).await;
        assert!(item.contains_key("adoptedAt") && item.contains_key("expiresAt"));
        for name in ["entityId", "cookies", "token", "formerIdentities", "leaseUntil"] {
            assert!(!item.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn a_user_with_a_customer_does_not_adopt_a_guest() {
    let world = world().await;
    let user = world.call(GetToken, "alice").await.entity();
    let guest = world.call_as_guest(GetToken, GUEST).await.entity();
    for operation in [GetToken, GetFreshToken] {
        assert_eq!(world.call_as_former_guest(operation, "alice", GUEST).await.entity(), user);
    }
    // Also without a stored token.
    world.call(Invalidate, "alice").await;
    assert_eq!(world.call_as_former_guest(GetToken, "alice", GUEST).await.entity(), user);
    assert_eq!(world.call_as_guest(GetToken, GUEST).await.entity(), guest);
}

#[tokio::test]
async fn a_guest_without_a_customer_leaves_no_item() {
    let world = world().await;
    world.call_as_former_guest(GetToken, "alice", GUEST).await.token();
    assert!(world.guest_item(GUEST).await.is_empty());
    world.call_as_former_guest(HasToken, "bob", OTHER_GUEST).await;
    world.call_as_former_guest(Invalidate, "bob", OTHER_GUEST).await;
    assert!(world.guest_item(OTHER_GUEST).await.is_empty() && world.item("bob").await.is_empty());
}

#[tokio::test]
async fn adoption_can_be_turned_off() {
    let world = world().await.with("ADOPT_GUESTS", "false");
    let guest = world.call_as_guest(GetToken, GUEST).await.entity();
    assert_ne!(world.call_as_former_guest(GetToken, "alice", GUEST).await.entity(), guest);
    assert_eq!(world.call_as_guest(GetToken, GUEST).await.entity(), guest);
}

#[tokio::test]
async fn each_group_is_adopted_separately() {
    let world = world().await;
    let with_group = |user: Option<&str>| with_query(request(GetToken, user, &[("x-guest-id", GUEST)]), "group=3");
    let common = world.call_as_guest(GetToken, GUEST).await.entity();
    let group = world.send(GetToken, &with_group(None)).await.entity();
    assert_eq!(world.send(GetToken, &with_group(Some("alice"))).await.entity(), group);
    assert_eq!(world.send(GetToken, &with_group(None)).await.problem(), GONE);
    assert_eq!(world.call_as_guest(GetToken, GUEST).await.entity(), common);
    assert_eq!(world.call_as_former_guest(GetToken, "alice", GUEST).await.entity(), common);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logins_with_one_guest_give_the_identity_to_one_user() {
    let world = world().await.with("RUST_LOG", "info");
    let functions = world.spawn_each([GetToken; 8]).await;
    for round in 0..4 {
        let (alice, bob) = (format!("al-{round}"), format!("bob-{round}"));
        let guests = [
            format!("guest-secret-{round}-0123456789-0123456789-a"),
            format!("guest-secret-{round}-0123456789-0123456789-b"),
        ];
        let mut before = Vec::new();
        for guest in &guests {
            before.push(world.call_as_guest(GetToken, guest).await.entity());
        }
        // Alice and Bob both log in on two devices, each with a guest of its own. Alice also calls without a guest. Both guests'
        // pages keep calling.
        let events = [
            as_former_guest(GetToken, &alice, &guests[0]),
            as_former_guest(GetToken, &alice, &guests[1]),
            as_former_guest(GetToken, &bob, &guests[0]),
            as_former_guest(GetToken, &bob, &guests[1]),
            as_former_guest(GetToken, &alice, &guests[0]),
            as_guest(GetToken, &guests[0]),
            as_guest(GetToken, &guests[1]),
            http_api(GetToken, &alice, ""),
        ];
        let responses = send_at_once(&functions, |_, n| events[n].clone()).await;
        let entity = |at: usize| responses[at].entity();
        let (of_alice, of_bob) = (entity(0), entity(2));
        for at in [1, 4, 7] {
            assert_eq!(entity(at), of_alice, "one identity for alice");
        }
        assert_eq!(entity(3), of_bob, "one identity for bob");
        assert_ne!(of_alice, of_bob);
        for (at, guest) in [(5, 0), (6, 1)] {
            match responses[at].status() {
                200 => assert_eq!(entity(at), before[guest], "a guest sees their own chat until a user adopts it"),
                _ => assert_eq!(responses[at].problem(), GONE),
            }
            let now = world.send(GetToken, &as_guest(GetToken, &guests[guest])).await;
            let is_adopted = [&of_alice, &of_bob].contains(&&before[guest]);
            assert_eq!(now.status(), if is_adopted { 410 } else { 200 });
        }
        assert_eq!(world.call(GetToken, &alice).await.entity(), of_alice);
        assert_eq!(world.call(GetToken, &bob).await.entity(), of_bob);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_waits_for_the_guests_renewal() {
    let world = world().await;
    world.sandbox.set(|settings| {
        settings.latency_ms = 700;
        settings.cst = CstMode::Strict;
    });
    // The guest's first call is under way when they log in.
    let first = world.spawn(GetToken).await.send_in_background(as_guest(GetToken, GUEST));
    world.until_livechat_is_called(1).await;
    let user = world.call_as_former_guest(GetToken, "alice", GUEST).await;
    assert_eq!(user.entity(), first.await.expect("a response").entity());
    assert_eq!(world.sandbox.customers(), 1);
    // The user has the latest cookies: LiveChat accepts no older ones.
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), user.entity());
}

/// A login of the guest as alice that has read both items, and waits for a permit before it moves the identity.
async fn login_before_the_move(world: &World) -> (JoinHandle<GatewayResponse>, Arc<Semaphore>) {
    let (arrived, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (tell, wait) = (arrived.clone(), go.clone());
    let endpoint = in_front(world, move |operation| {
        let (tell, wait) = (tell.clone(), wait.clone());
        async move {
            if operation == "TransactWriteItems" {
                tell.add_permits(1);
                wait.acquire().await.expect("open").forget();
            }
            None
        }
    })
    .await;
    let login = world.spawn_with_dynamodb(GetToken, endpoint).await;
    let login = login.send_in_background(as_former_guest(GetToken, "alice", GUEST));
    arrived.acquire().await.expect("open").forget();
    (login, go)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_takes_the_cookies_of_a_concurrent_renewal() {
    let world = world().await;
    world.sandbox.set(|settings| settings.cst = CstMode::Strict);
    let entity = world.call_as_guest(GetToken, GUEST).await.entity();
    let fresh = world.spawn(GetFreshToken).await;
    let (login, go) = login_before_the_move(&world).await;
    assert_eq!(fresh.send(&as_guest(GetFreshToken, GUEST)).await.entity(), entity);
    go.add_permits(10);
    assert_eq!(login.await.expect("a response").entity(), entity);
    // With the cookies of the guest's last renewal: LiveChat accepts no older ones.
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), entity);
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_lost_its_lease_returns_the_next_logins_token() {
    let world = world().await;
    let entity = world.call_as_guest(GetToken, GUEST).await.entity();
    let (login, go) = login_before_the_move(&world).await;
    world.expire_lease("alice").await;
    let next = world.call_as_former_guest(GetToken, "alice", GUEST).await;
    assert_eq!(next.entity(), entity);
    go.add_permits(10);
    assert_eq!(login.await.expect("a response").access_token(), next.access_token());
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_returns_busy_while_the_guests_lease_is_held() {
    let world = world().await;
    world.call_as_guest(GetToken, GUEST).await.token();
    let hold = async |until_ms: u64| {
        world.set_for_guest(GUEST, "leaseUntil", number(until_ms)).await;
        world.set_for_guest(GUEST, "leaseOwner", string("another process")).await;
    };
    hold(now_ms() + 10_000).await;
    let event = as_former_guest(GetToken, "alice", GUEST);
    assert_eq!(world.send(GetToken, &event).await.problem(), (503, "busy"));
    assert!(!world.item("alice").await.contains_key("leaseUntil"), "the lease is released");
    assert_eq!(world.sandbox.customers(), 1);
    hold(now_ms() - 60_000).await;
    world.send(GetToken, &event).await.token();
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_renewal_of_an_adopted_guest_stores_nothing() {
    let world = world().await;
    let entity = world.call_as_guest(GetToken, GUEST).await.entity();
    world.sandbox.set(|settings| settings.latency_ms = 2_000);
    let late = world.spawn(GetFreshToken).await;
    let late = late.send_in_background(as_guest(GetFreshToken, GUEST));
    world.until_livechat_is_called(2).await;
    // As if its lease had expired.
    world.set_for_guest(GUEST, "leaseUntil", number(now_ms() - 60_000)).await;
    world.sandbox.set(|settings| settings.latency_ms = 0);
    let user = world.call_as_former_guest(GetToken, "alice", GUEST).await;
    assert_eq!(user.entity(), entity);
    assert_eq!(late.await.expect("a response").problem(), GONE);
    assert!(!world.guest_item(GUEST).await.contains_key("token"));
    assert_eq!(world.call(GetToken, "alice").await.token(), user.token());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_during_an_adoption_leaves_one_identity() {
    let world = world().await;
    let entity = world.call_as_guest(GetToken, GUEST).await.entity();
    world.sandbox.set(|settings| settings.latency_ms = 2_000);
    let crashing = world.spawn(GetToken).await;
    crashing.start(&as_former_guest(GetToken, "alice", GUEST), Duration::from_secs(15)).await;
    world.until_livechat_is_called(2).await;
    crashing.kill();
    world.sandbox.set(|settings| settings.latency_ms = 0);
    // The user has the identity already, and the next call uses it, whichever guest the browser has by then.
    assert_eq!(world.call_as_former_guest(GetToken, "alice", OTHER_GUEST).await.entity(), entity);
    assert_eq!(world.call_as_guest(GetToken, GUEST).await.problem(), GONE);
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_while_livechat_is_down_keeps_the_guests_identity() {
    let world = world().await;
    let guest = world.call_as_guest(GetToken, GUEST).await;
    world.sandbox.fail(Fault::Http503, 2);
    let user = world.call_as_former_guest(GetToken, "alice", GUEST).await;
    assert_eq!(user.problem(), (503, "livechat_unavailable"));
    assert_eq!(world.call_as_former_guest(GetToken, "alice", GUEST).await.entity(), guest.entity());
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_while_the_table_is_down_keeps_the_guests_identity() {
    let world = world().await;
    let guest = world.call_as_guest(GetToken, GUEST).await;
    let proxy = world.proxy_to("AWS_ENDPOINT_URL_DYNAMODB").await;
    let cut_off = world.spawn_with_dynamodb(GetToken, proxy.url()).await;
    proxy.set(Mode::BlackHole);
    let call = cut_off.send_in_background(as_former_guest(GetToken, "alice", GUEST));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.call_as_former_guest(GetToken, "alice", GUEST).await.entity(), guest.entity());
    proxy.set(Mode::Pass);
    let response = call.await.expect("a response");
    match response.status() {
        200 => assert_eq!(response.entity(), guest.entity()),
        _ => assert_eq!(response.problem(), (503, "store_unavailable")),
    }
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn guests_have_the_same_rate_limit_as_users() {
    let world = world().await.with("RENEWALS_PER_MINUTE", "2");
    for _ in 0..2 {
        world.call_as_guest(GetFreshToken, GUEST).await.token();
    }
    assert_eq!(world.call_as_guest(GetFreshToken, GUEST).await.problem(), (429, "rate_limited"));
}
