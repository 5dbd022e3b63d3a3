//! Visitors who are not logged in, and what becomes of them when they log in.

use crate::{
    auth::SECRET,
    dynamodb::in_front,
    proxy::{Mode, Proxy},
    world::*,
};
use aws_sdk_dynamodb::types::AttributeValue;
use cip::time::now_ms;
use sandbox::{CstMode, Fault};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
};

const OTHER_GUEST: &str = "guest-secret-of-another-browser-0123456789";
const GONE: (u64, &str) = (410, "guest_gone");

/// The path says who is logged in, if anybody is.
async fn world() -> World {
    World::new().await.with("GUESTS", "true")
}

fn as_guest(binary: Binary, secret: &str) -> Value {
    request(binary, None, &[("x-guest-id", secret)])
}

fn as_user_who_was(binary: Binary, user: &str, secret: &str) -> Value {
    request(binary, Some(user), &[("x-guest-id", secret)])
}

/// The guest's lease, as it would be at another time.
async fn lease_until(world: &World, until_ms: u64) {
    let until = AttributeValue::N(until_ms.to_string());
    world.change_guest(GUEST, "SET #leaseUntil = :leaseUntil", &["leaseUntil"], until).await;
}

#[tokio::test]
async fn a_guest_keeps_one_customer_and_the_secret_is_not_stored() {
    let world = world().await;
    let first = world.send(GetToken, &as_guest(GetToken, GUEST)).await;
    assert_eq!(world.send(GetToken, &as_guest(GetToken, GUEST)).await.token(), first.token());
    assert_eq!(world.send(HasToken, &as_guest(HasToken, GUEST)).await.body(), true);
    assert_eq!(world.send(Invalidate, &as_guest(Invalidate, GUEST)).await.body(), Value::Null);
    assert_eq!(world.send(HasToken, &as_guest(HasToken, GUEST)).await.body(), false);
    assert_eq!(world.send(GetFreshToken, &as_guest(GetFreshToken, GUEST)).await.entity(), first.entity());
    assert_ne!(world.send(GetToken, &as_guest(GetToken, OTHER_GUEST)).await.entity(), first.entity());
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
        for binary in [GetToken, GetFreshToken, HasToken, Invalidate] {
            for event in [as_guest(binary, secret), as_user_who_was(binary, "alice", secret)] {
                let answer = world.send(binary, &event).await;
                assert_eq!(answer.problem(), (400, "invalid_request".into()), "{secret}");
                assert!(answer.body()["detail"].as_str().is_some_and(|detail| detail.contains("X-Guest-Id")));
            }
        }
    }
    assert_eq!(world.sandbox.customers(), 0);
}

#[tokio::test]
async fn a_guest_id_is_ignored_without_the_setting() {
    let world = World::new().await;
    let answer = world.send(GetToken, &as_guest(GetToken, GUEST)).await;
    assert_eq!(answer.problem(), (400, "invalid_request".into()));
    world.send(GetToken, &as_user_who_was(GetToken, "alice", "not even one")).await.token();
    let world = World::new().await.with("AUTH", "jwt").with("JWT_SECRET", SECRET);
    assert_eq!(world.send(GetToken, &as_guest(GetToken, GUEST)).await.problem(), (401, "unauthenticated".into()));
}

#[tokio::test]
async fn a_request_with_a_guest_id_and_invalid_credentials_is_refused() {
    let world = World::new().await.with("AUTH", "jwt").with("JWT_SECRET", SECRET).with("GUESTS", "true");
    let guest = world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity();
    let bad = request(GetToken, None, &[("x-guest-id", GUEST), ("authorization", "Bearer x.y.z")]);
    assert_eq!(world.send(GetToken, &bad).await.problem(), (401, "unauthenticated".into()));
    // Nor does a guest get to a user's path, or a guest's hash to anything.
    assert_eq!(
        world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await.problem(),
        (401, "unauthenticated".into())
    );
    assert_eq!(world.sandbox.customers(), 1);
    assert_eq!(world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity(), guest);
}

#[tokio::test]
async fn a_guest_who_logs_in_keeps_their_chat() {
    for operation in [GetToken, GetFreshToken] {
        let world = world().await;
        let guest = world.send(GetToken, &as_guest(GetToken, GUEST)).await;
        let user = world.send(operation, &as_user_who_was(operation, "alice", GUEST)).await;
        assert_eq!(user.entity(), guest.entity());
        assert_ne!(user.access_token(), guest.access_token(), "a token of their own");
        assert_eq!((world.sandbox.customers(), world.sandbox.calls().revoke), (1, 1), "and theirs alone");
        // On every device, with and without the guest id.
        assert_eq!(world.call(GetToken, "alice").await.entity(), guest.entity());
        assert_eq!(world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await.entity(), guest.entity());
        // The next visitor at the same browser sees nothing, and nobody else takes it over.
        for operation in [GetToken, GetFreshToken] {
            assert_eq!(world.send(operation, &as_guest(operation, GUEST)).await.problem(), (GONE.0, GONE.1.into()));
        }
        assert_eq!(world.send(HasToken, &as_guest(HasToken, GUEST)).await.body(), false);
        assert_eq!(world.send(Invalidate, &as_guest(Invalidate, GUEST)).await.body(), Value::Null);
        assert_eq!(world.call(HasToken, "alice").await.body(), true);
        assert_ne!(world.send(GetToken, &as_user_who_was(GetToken, "bob", GUEST)).await.entity(), guest.entity());
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
    let guest = world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity();
    for operation in [GetToken, GetFreshToken] {
        assert_eq!(world.send(operation, &as_user_who_was(operation, "alice", GUEST)).await.entity(), user);
    }
    // Also when the user's token is gone or over.
    world.call(Invalidate, "alice").await;
    assert_eq!(world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await.entity(), user);
    assert_eq!(world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity(), guest);
}

#[tokio::test]
async fn a_guest_without_a_customer_leaves_no_item() {
    let world = world().await;
    world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await.token();
    assert!(world.guest_item(GUEST).await.is_empty());
    world.send(HasToken, &as_user_who_was(HasToken, "bob", OTHER_GUEST)).await;
    world.send(Invalidate, &as_user_who_was(Invalidate, "bob", OTHER_GUEST)).await;
    assert!(world.guest_item(OTHER_GUEST).await.is_empty() && world.item("bob").await.is_empty());
}

#[tokio::test]
async fn adoption_can_be_turned_off() {
    let world = world().await.with("ADOPT_GUESTS", "false");
    let guest = world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity();
    assert_ne!(world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await.entity(), guest);
    assert_eq!(world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity(), guest);
}

#[tokio::test]
async fn each_group_is_adopted_separately() {
    let world = world().await;
    let with_group = |user: Option<&str>| {
        let mut event = request(GetToken, user, &[("x-guest-id", GUEST)]);
        event["rawQueryString"] = json!("group=3");
        event
    };
    let common = world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity();
    let group = world.send(GetToken, &with_group(None)).await.entity();
    assert_eq!(world.send(GetToken, &with_group(Some("alice"))).await.entity(), group);
    assert_eq!(world.send(GetToken, &with_group(None)).await.problem(), (GONE.0, GONE.1.into()));
    assert_eq!(world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity(), common);
    assert_eq!(world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await.entity(), common);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logins_with_one_guest_give_the_identity_to_one_user() {
    let world = world().await.with("RUST_LOG", "info");
    let mut functions = Vec::new();
    for _ in 0..8 {
        functions.push(world.spawn(GetToken).await);
    }
    for round in 0..4 {
        let (alice, bob) = (format!("al-{round}"), format!("bob-{round}"));
        let guests = [
            format!("guest-secret-{round}-0123456789-0123456789-a"),
            format!("guest-secret-{round}-0123456789-0123456789-b"),
        ];
        let mut before = Vec::new();
        for guest in &guests {
            before.push(world.send(GetToken, &as_guest(GetToken, guest)).await.entity());
        }
        // Alice logs in on two devices, on each of which she was a guest; Bob on one of them; a third has no guest at all, and
        // both guests' pages go on calling.
        let events = [
            as_user_who_was(GetToken, &alice, &guests[0]),
            as_user_who_was(GetToken, &alice, &guests[1]),
            as_user_who_was(GetToken, &bob, &guests[0]),
            as_user_who_was(GetToken, &bob, &guests[1]),
            as_user_who_was(GetToken, &alice, &guests[0]),
            as_guest(GetToken, &guests[0]),
            as_guest(GetToken, &guests[1]),
            http_api(GetToken, &alice, ""),
        ];
        let answers = {
            let calls = functions.iter().zip(&events).map(|(function, event)| function.send(event));
            futures_util::future::join_all(calls).await
        };
        let entity = |at: usize| answers[at].entity();
        let (of_alice, of_bob) = (entity(0), entity(2));
        for at in [1, 4, 7] {
            assert_eq!(entity(at), of_alice, "one identity for alice");
        }
        assert_eq!(entity(3), of_bob, "one identity for bob");
        assert_ne!(of_alice, of_bob);
        for (at, guest) in [(5, 0), (6, 1)] {
            match answers[at].status() {
                200 => assert_eq!(entity(at), before[guest], "a guest sees their own chat until it is a user's"),
                _ => assert_eq!(answers[at].problem(), (GONE.0, GONE.1.into())),
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
    // The guest's very first call is under way when they log in.
    let guest = world.spawn(GetToken).await;
    let first = tokio::spawn(async move { guest.send(&as_guest(GetToken, GUEST)).await });
    world.until_livechat_is_asked(1).await;
    let user = world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await;
    assert_eq!(user.entity(), first.await.expect("an answer").entity());
    assert_eq!(world.sandbox.customers(), 1);
    // And the cookies that it got are good, though LiveChat takes no older ones.
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), user.entity());
}

/// A login of the guest as alice that has looked at both, and is about to move the identity; it goes on when it gets a permit.
async fn login_before_the_move(world: &World) -> (JoinHandle<Answer>, Arc<Semaphore>) {
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
    let login = world.spawn_with(GetToken, &[("AWS_ENDPOINT_URL_DYNAMODB", endpoint)]).await;
    let login = tokio::spawn(async move { login.send(&as_user_who_was(GetToken, "alice", GUEST)).await });
    arrived.acquire().await.expect("open").forget();
    (login, go)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_takes_the_cookies_of_a_concurrent_renewal() {
    let world = world().await;
    world.sandbox.set(|settings| settings.cst = CstMode::Strict);
    let entity = world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity();
    let fresh = world.spawn(GetFreshToken).await;
    let (login, go) = login_before_the_move(&world).await;
    assert_eq!(fresh.send(&as_guest(GetFreshToken, GUEST)).await.entity(), entity);
    go.add_permits(10);
    assert_eq!(login.await.expect("an answer").entity(), entity);
    // With the cookies of the guest's last renewal: LiveChat takes no older ones.
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), entity);
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_lost_its_lease_returns_the_next_logins_token() {
    let world = world().await;
    let entity = world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity();
    let (login, go) = login_before_the_move(&world).await;
    let long_ago = AttributeValue::N((now_ms() - 60_000).to_string());
    world.change_item("alice", "SET #leaseUntil = :leaseUntil", &["leaseUntil"], long_ago).await;
    let next = world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await;
    assert_eq!(next.entity(), entity);
    go.add_permits(10);
    assert_eq!(login.await.expect("an answer").access_token(), next.access_token());
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_returns_busy_while_the_guests_lease_is_held() {
    let world = world().await;
    world.send(GetToken, &as_guest(GetToken, GUEST)).await.token();
    let hold = async |until_ms: u64| {
        lease_until(&world, until_ms).await;
        let owner = AttributeValue::S("somebody".into());
        world.change_guest(GUEST, "SET #leaseOwner = :leaseOwner", &["leaseOwner"], owner).await;
    };
    hold(now_ms() + 10_000).await;
    let event = as_user_who_was(GetToken, "alice", GUEST);
    assert_eq!(world.send(GetToken, &event).await.problem(), (503, "busy".into()));
    assert!(!world.item("alice").await.contains_key("leaseUntil"), "and gives the lease back");
    assert_eq!(world.sandbox.customers(), 1);
    hold(now_ms() - 60_000).await;
    world.send(GetToken, &event).await.token();
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_renewal_of_an_adopted_guest_stores_nothing() {
    let world = world().await;
    let entity = world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity();
    world.sandbox.set(|settings| settings.latency_ms = 2_000);
    let late = world.spawn(GetFreshToken).await;
    let late = tokio::spawn(async move { late.send(&as_guest(GetFreshToken, GUEST)).await });
    world.until_livechat_is_asked(2).await;
    // As if its lease had lapsed: to everybody else it has.
    lease_until(&world, now_ms() - 60_000).await;
    world.sandbox.set(|settings| settings.latency_ms = 0);
    let user = world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await;
    assert_eq!(user.entity(), entity);
    assert_eq!(late.await.expect("an answer").problem(), (GONE.0, GONE.1.into()));
    assert!(!world.guest_item(GUEST).await.contains_key("token"));
    assert_eq!(world.call(GetToken, "alice").await.token(), user.token());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_during_an_adoption_leaves_one_identity() {
    let world = world().await;
    let entity = world.send(GetToken, &as_guest(GetToken, GUEST)).await.entity();
    world.sandbox.set(|settings| settings.latency_ms = 2_000);
    let dies = world.spawn(GetToken).await;
    dies.start(&as_user_who_was(GetToken, "alice", GUEST), Duration::from_secs(15)).await;
    world.until_livechat_is_asked(2).await;
    dies.kill();
    world.sandbox.set(|settings| settings.latency_ms = 0);
    // The identity is the user's already, and the next call goes on with it, whoever the browser's guest is by then.
    assert_eq!(world.send(GetToken, &as_user_who_was(GetToken, "alice", OTHER_GUEST)).await.entity(), entity);
    assert_eq!(world.send(GetToken, &as_guest(GetToken, GUEST)).await.problem(), (GONE.0, GONE.1.into()));
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_while_livechat_is_down_keeps_the_guests_identity() {
    let world = world().await;
    let guest = world.send(GetToken, &as_guest(GetToken, GUEST)).await;
    world.sandbox.fail(Fault::Http503, 2);
    let user = world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await;
    assert_eq!(user.problem(), (503, "livechat_unavailable".into()));
    assert_eq!(world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await.entity(), guest.entity());
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_while_the_table_is_down_keeps_the_guests_identity() {
    let world = world().await;
    let guest = world.send(GetToken, &as_guest(GetToken, GUEST)).await;
    let url = world.setting("AWS_ENDPOINT_URL_DYNAMODB").expect("an endpoint");
    let proxy = Proxy::start(url.strip_prefix("http://").expect("http").parse().expect("an address")).await;
    let cut_off = world.spawn_with(GetToken, &[("AWS_ENDPOINT_URL_DYNAMODB", proxy.url())]).await;
    proxy.set(Mode::BlackHole);
    let mut calls = JoinSet::new();
    calls.spawn(async move { cut_off.send(&as_user_who_was(GetToken, "alice", GUEST)).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.send(GetToken, &as_user_who_was(GetToken, "alice", GUEST)).await.entity(), guest.entity());
    proxy.set(Mode::Pass);
    for answer in calls.join_all().await {
        match answer.status() {
            200 => assert_eq!(answer.entity(), guest.entity()),
            _ => assert_eq!(answer.problem(), (503, "store_unavailable".into())),
        }
    }
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn guests_have_the_same_rate_limit_as_users() {
    let world = world().await.with("RENEWALS_PER_MINUTE", "2");
    for _ in 0..2 {
        world.send(GetFreshToken, &as_guest(GetFreshToken, GUEST)).await.token();
    }
    assert_eq!(
        world.send(GetFreshToken, &as_guest(GetFreshToken, GUEST)).await.problem(),
        (429, "rate_limited".into())
    );
}
