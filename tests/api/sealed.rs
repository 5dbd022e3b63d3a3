//! Sealed cookies and agents' tokens: `COOKIES_KMS_KEY`.

mod agent;
mod damage;
mod failures;
mod settings;

use crate::{clock::now_ms, kms::*, world::*};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use std::{collections::HashSet, time::Duration};

const OTHER_GUEST: &str = "guest-secret-of-another-browser-0123456789";

/// The ciphertext, which must be all that is there.
fn envelope(cookies: &AttributeValue) -> Vec<u8> {
    let cookies = cookies.as_m().expect("a map");
    assert_eq!(cookies.keys().collect::<Vec<_>>(), ["sealed"]);
    cookies["sealed"].as_b().expect("bytes").as_ref().to_vec()
}

/// The item has the sandbox's secrets in no readable form.
fn assert_sealed(item: &Item) {
    let shown = format!("{item:?}");
    assert!(!shown.contains("cst-") && !shown.contains("\"cst\""), "{shown}");
    let bytes = envelope(&item["cookies"]);
    assert!(!bytes.windows(4).any(|window| window == b"cst-"));
}

#[tokio::test]
async fn with_a_key_the_table_has_no_cookies_that_can_be_read() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await.entity();
    assert_sealed(&world.item("alice").await);
    assert_eq!(kms.calls(), (1, 0));
    let before = envelope(&world.item("alice").await["cookies"]);
    for _ in 0..2 {
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
        assert_sealed(&world.item("alice").await);
    }
    assert_ne!(envelope(&world.item("alice").await["cookies"]), before);
    assert_eq!(kms.calls(), (2, 1), "each process has a data key of its own, and decrypts another's once");
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn a_stored_token_needs_no_key() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await.token();
    let before = kms.calls();
    kms.set_down(true);
    assert_eq!(world.call(GetToken, "alice").await.token(), first);
    assert_eq!(world.spawn(GetToken).await.call("alice").await.token(), first);
    assert_eq!(world.call(HasToken, "alice").await.body(), true);
    assert_eq!(world.call(Invalidate, "alice").await.status(), 200);
    assert_eq!(kms.calls(), before);
}

#[tokio::test]
async fn each_group_has_sealed_cookies_of_its_own() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let since = now_ms() / 60_000;
    let first = world.call_group(GetToken, "alice", "3").await.entity();
    assert_sealed(&world.item_at("alice", "group#3").await);
    assert_eq!(world.call_group(GetFreshToken, "alice", "3").await.entity(), first);
    let counted = world.renewals_in_groups("alice", since).await;
    kms.set_down(true);
    let function = world.spawn(GetFreshToken).await;
    let failed = function.send(&http_api(GetFreshToken, "alice", "group=3")).await;
    assert_eq!(failed.problem(), (503, "store_unavailable"));
    assert_eq!((counted, world.renewals_in_groups("alice", since).await), (2, 2), "LiveChat was not called");
}

#[tokio::test]
async fn many_processes_with_different_data_keys_keep_one_customer() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await.entity();
    let functions = world.spawn_each([GetFreshToken; 6]).await;
    for function in functions.iter().chain(&functions) {
        assert_eq!(function.call("alice").await.entity(), first);
    }
    let all = send_at_once(&functions, |binary, _| http_api(binary, "alice", "")).await;
    let entities: HashSet<_> = all.iter().filter(|one| one.status() == 200).map(GatewayResponse::entity).collect();
    assert_eq!(entities, HashSet::from([first]));
    assert_eq!(world.sandbox.customers(), 1);
    assert_eq!(kms.calls().0, 7, "one data key for each process");
}

#[tokio::test]
async fn without_kms_livechat_is_not_called_and_nothing_changes() {
    let (kms, world) = Kms::with_key(World::new().await.with("RENEWALS_PER_MINUTE", "2")).await;
    let first = world.call(GetToken, "alice").await;
    let before = world.item("alice").await;
    kms.set_down(true);
    let calls = world.sandbox.calls().token;
    for _ in 0..3 {
        let fresh = world.spawn(GetFreshToken).await;
        assert_eq!(fresh.call("alice").await.problem(), (503, "store_unavailable"));
    }
    assert_eq!(world.call(GetFreshToken, "bob").await.problem(), (503, "store_unavailable"));
    assert!(!world.item("bob").await.contains_key("entityId"));
    assert_eq!(world.sandbox.calls().token, calls);
    assert!(world.output().contains("AWS KMS unavailable: KMSInternalException"), "the log says why");
    let after = world.item("alice").await;
    for name in ["entityId", "cookies", "token", "formerIdentities"] {
        assert_eq!(after.get(name), before.get(name), "{name}");
    }
    assert!(!after.contains_key("leaseUntil"), "the lease was released");
    // The stored token is returned while it is live, even if it should be renewed.
    world.age_token("alice", Duration::from_hours(7)).await;
    assert_eq!(world.spawn(GetToken).await.call("alice").await.access_token(), first.access_token());
    kms.set_down(false);
    assert_eq!(
        world.spawn(GetFreshToken).await.call("alice").await.entity(),
        first.entity(),
        "the failures did not count as renewals"
    );
}

#[tokio::test]
async fn a_key_that_may_not_be_used_is_reported_as_such() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    kms.deny(KEY);
    assert_eq!(world.call(GetToken, "alice").await.problem(), (503, "store_unavailable"));
    assert!(world.output().contains("AWS KMS refused: AccessDeniedException"));
    assert_eq!(world.sandbox.customers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_livechat_issues_is_stored_even_if_kms_fails_meanwhile() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.set(|settings| settings.latency_ms = 1_000);
    let calls = world.sandbox.calls().token;
    let fresh = world.spawn(GetFreshToken).await.call_in_background("alice");
    world.until_livechat_is_called(calls + 1).await;
    kms.set_down(true);
    let fresh = fresh.await.expect("a response");
    assert_eq!((fresh.status(), fresh.entity()), (200, first));
    assert_sealed(&world.item("alice").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_kms_leaves_enough_of_the_lease() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    kms.set_latency(Duration::from_millis(700));
    let first = world.call(GetToken, "alice").await.entity();
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    kms.set_latency(Duration::from_secs(30));
    let began = std::time::Instant::now();
    assert_eq!(world.spawn(GetFreshToken).await.call("alice").await.problem(), (503, "store_unavailable"));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    kms.set_latency(Duration::ZERO);
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
}

#[tokio::test]
async fn a_guests_sealed_cookies_become_the_users() {
    let (kms, world) = Kms::with_key(World::new().await.with("GUESTS", "true")).await;
    let guest = world.call_as_guest(GetToken, GUEST).await.entity();
    assert_sealed(&world.guest_item(GUEST).await);
    let user = world.spawn(GetToken).await.send(&as_former_guest(GetToken, "alice", GUEST)).await;
    assert_eq!(user.entity(), guest);
    assert_sealed(&world.item("alice").await);
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), guest, "they are bound to the user's item now");
    // If the first renewal of the user fails after the move, the next one opens what was moved.
    let guest = world.call_as_guest(GetToken, OTHER_GUEST).await.entity();
    world.sandbox.fail(sandbox::Fault::Http503, 2);
    assert_eq!(world.call_as_former_guest(GetToken, "bob", OTHER_GUEST).await.problem(), (503, "livechat_unavailable"));
    assert_sealed(&world.item("bob").await);
    assert_eq!(world.spawn(GetToken).await.call("bob").await.entity(), guest);
    assert_eq!(world.sandbox.customers(), 2);
    assert!(kms.calls().1 > 0);
}

#[tokio::test]
async fn without_kms_no_guest_is_adopted_and_none_is_lost() {
    let (kms, world) = Kms::with_key(World::new().await.with("GUESTS", "true")).await;
    let guest = world.call_as_guest(GetToken, GUEST).await.entity();
    kms.set_down(true);
    let fresh = world.spawn(GetToken).await;
    let event = as_former_guest(GetToken, "alice", GUEST);
    assert_eq!(fresh.send(&event).await.problem(), (503, "store_unavailable"));
    assert!(!world.item("alice").await.contains_key("entityId"));
    kms.set_down(false);
    assert_eq!(world.spawn(GetToken).await.send(&event).await.entity(), guest);
    assert_eq!(world.sandbox.customers(), 1);
}

/// Otherwise such a guest could not log in as long as the browser sends the guest's id.
#[tokio::test]
async fn a_guests_former_cookies_that_cannot_be_opened_stop_no_login() {
    let (kms, world) = Kms::with_key(World::new().await.with("GUESTS", "true")).await;
    let first = world.call_as_guest(GetToken, GUEST).await.entity();
    let AttributeValue::M(mut refused) = world.guest_item(GUEST).await["cookies"].clone() else { panic!("a map") };
    refused.extend([("entityId".into(), string(&first)), ("until".into(), number(now_ms()))]);
    let mut damaged = refused.clone();
    damaged.insert("sealed".into(), AttributeValue::B(Blob::new("damaged")));
    world.sandbox.kill_cookies(&first);
    let world = world.with("COOKIES_KMS_KEY", OTHER_KEY);
    let guest = world.call_as_guest(GetFreshToken, GUEST).await.entity();
    let former = [refused, damaged].map(AttributeValue::M).to_vec();
    world.set_for_guest(GUEST, "formerIdentities", AttributeValue::L(former)).await;
    kms.deny(KEY);
    let customers = world.sandbox.customers();
    let user = world.spawn(GetToken).await.send(&as_former_guest(GetToken, "alice", GUEST)).await;
    assert_eq!(user.entity(), guest);
    assert_sealed(&world.item("alice").await);
    let former = world.former_identities("alice").await;
    for former in &former {
        assert_eq!(former["entityId"], string(&first), "the customer stays on record");
        assert!(!former.contains_key("sealed") && !former.contains_key("cst"));
    }
    assert_eq!(former.len(), 2, "{former:?}");
    assert!(world.output().contains("a former customer's cookies cannot be moved and are dropped"));
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), guest);
    assert_eq!(world.sandbox.customers(), customers);
}

/// Never another customer: then nobody could get at the guest's chat.
#[tokio::test]
async fn a_guest_whose_current_cookies_cannot_be_opened_is_not_adopted() {
    let (kms, world) = Kms::with_key(World::new().await.with("GUESTS", "true")).await;
    let guest = world.call_as_guest(GetToken, GUEST).await.entity();
    kms.deny(KEY);
    let world = world.with("COOKIES_KMS_KEY", OTHER_KEY);
    for binary in [GetToken, GetFreshToken] {
        let login = world.call_as_former_guest(binary, "alice", GUEST).await;
        assert_eq!(login.problem(), (503, "store_unavailable"));
    }
    assert!(!world.item("alice").await.contains_key("entityId"));
    assert_eq!(world.guest_item(GUEST).await["entityId"], string(&guest));
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn a_former_customer_stays_sealed_and_can_be_put_back() {
    let (_, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await.entity();
    let cookies = envelope(&world.item("alice").await["cookies"]);
    world.sandbox.kill_cookies(&first);
    let next = world.call(GetFreshToken, "alice").await.entity();
    assert_ne!(next, first);
    let former = world.former_identities("alice").await;
    assert_eq!(former[0]["entityId"], string(&first));
    assert_eq!(former[0]["sealed"].as_b().map(Blob::as_ref), Ok(&cookies[..]), "as it was");
    assert!(!former[0].contains_key("cst"));
    // As `cip user restore` does it, which has no key.
    let exchanged = [
        ("entityId", string(&first)),
        ("cookies", AttributeValue::M([("sealed".into(), former[0]["sealed"].clone())].into())),
    ];
    for (path, value) in exchanged {
        world.set("alice", path, value).await;
    }
    let calls = world.sandbox.calls().token;
    world.spawn(GetFreshToken).await.call("alice").await.token();
    assert!(world.sandbox.calls().token > calls, "the cookies could be opened and were sent");
}
