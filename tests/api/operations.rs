//! What the four operations do, for a user with one device after the other.

use crate::world::*;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_user_has_the_same_customer_on_every_device() {
    let world = World::new().await;
    let laptop = world.call(GetToken, "alice").await;
    let phone = world.spawn(GetToken).await.call("alice").await;
    assert_eq!(laptop.source(), "fwd=miss");
    assert_eq!(phone.source(), "hit");
    assert_eq!(laptop.token(), phone.token());
    assert_eq!(world.sandbox.customers(), 1);
    assert_eq!(world.sandbox.calls().token, 1);
}

#[tokio::test]
async fn different_users_have_different_customers() {
    let world = World::new().await;
    let alice = world.call(GetToken, "alice").await;
    let other = world.call(GetToken, "Alice").await;
    assert_ne!(alice.entity(), other.entity());
    assert_ne!(alice.access_token(), other.access_token());
    assert_eq!(world.sandbox.customers(), 2);
}

#[tokio::test]
async fn a_fresh_token_replaces_the_stored_one_and_keeps_the_customer() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    let fresh = world.call(GetFreshToken, "alice").await;
    assert_eq!(fresh.source(), "fwd=request");
    assert_eq!(first.entity(), fresh.entity());
    assert_ne!(first.access_token(), fresh.access_token());
    assert_eq!(world.call(GetToken, "alice").await.token(), fresh.token());
}

#[tokio::test]
async fn get_fresh_token_works_as_the_first_call() {
    let world = World::new().await;
    let fresh = world.call(GetFreshToken, "alice").await;
    assert_eq!(world.call(GetToken, "alice").await.token(), fresh.token());
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn has_token_returns_whether_a_live_token_is_stored() {
    let world = World::new().await;
    assert_eq!(world.call(HasToken, "alice").await.body(), false);
    world.call(GetToken, "alice").await.token();
    let has = world.call(HasToken, "alice").await;
    assert_eq!((has.status(), has.body()), (200, true.into()));
    assert_eq!(has.header("cache-control"), "no-store");
    world.age_token("alice", 9 * HOUR).await;
    assert_eq!(world.call(HasToken, "alice").await.body(), false);
}

#[tokio::test]
async fn invalidate_drops_the_token_and_keeps_the_customer() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    let invalidated = world.call(Invalidate, "alice").await;
    assert_eq!((invalidated.status(), invalidated.body()), (200, serde_json::Value::Null));
    assert_eq!(world.call(HasToken, "alice").await.body(), false);
    let next = world.call(GetToken, "alice").await;
    assert_eq!(next.source(), "fwd=miss");
    assert_eq!(first.entity(), next.entity());
    assert_ne!(first.access_token(), next.access_token());
    assert_eq!(world.sandbox.calls().revoke, 0);
}

#[tokio::test]
async fn invalidate_of_an_unknown_user_leaves_no_item() {
    let world = World::new().await;
    for _ in 0..2 {
        assert_eq!(world.call(Invalidate, "alice").await.status(), 200);
    }
    assert!(world.item("alice").await.is_empty());
}

#[tokio::test]
async fn a_token_is_renewed_before_the_widget_renews_it() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    world.age_token("alice", 6 * HOUR + 50 * HOUR / 60).await;
    assert_eq!(world.call(GetToken, "alice").await.source(), "hit");
    world.age_token("alice", HOUR / 6).await;
    let renewed = world.call(GetToken, "alice").await;
    assert_eq!(renewed.source(), "fwd=stale");
    assert_eq!(first.entity(), renewed.entity());
    assert_ne!(first.access_token(), renewed.access_token());
}

#[tokio::test]
async fn a_short_lived_token_is_not_renewed_with_every_call() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.expires_in = 3000);
    world.call(GetToken, "alice").await.token();
    assert_eq!(world.call(GetToken, "alice").await.source(), "hit");
    world.age_token("alice", Duration::from_secs(2300)).await;
    assert_eq!(world.call(GetToken, "alice").await.source(), "fwd=stale");
}

#[tokio::test]
async fn a_v1_licence_works() {
    let world = World::new().await.with_v1();
    let first = world.call(GetToken, "alice").await;
    assert_eq!(first.token()["licenseId"], world.sandbox.app().license_id);
    assert_eq!(first.token().get("organizationId"), None);
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity());
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn only_the_configured_account_ids_are_in_the_token() {
    let world = World::new().await.without("LIVECHAT_LICENSE_ID");
    let token = world.call(GetToken, "alice").await.token();
    assert_eq!(token["organizationId"], world.sandbox.app().organization_id.as_str());
    assert_eq!(token.get("licenseId"), None);
}

#[tokio::test]
async fn each_group_has_its_own_identity() {
    let world = World::new().await;
    let plain = world.call(GetToken, "alice").await;
    let sales = world.call_group(GetToken, "alice", "1").await;
    let support = world.call_group(GetToken, "alice", "2").await;
    assert_eq!(world.sandbox.customers(), 3);
    assert_eq!(world.call_group(GetFreshToken, "alice", "1").await.entity(), sales.entity());
    world.call_group(Invalidate, "alice", "1").await.body();
    assert_eq!(world.call_group(HasToken, "alice", "1").await.body(), false);
    assert_eq!(world.call_group(HasToken, "alice", "2").await.body(), true);
    assert_eq!(world.call_group(GetToken, "alice", "2").await.token(), support.token());
    assert_eq!(world.call(GetToken, "alice").await.token(), plain.token());
    assert!(world.item_at("alice", "group#1").await.contains_key("entityId"));
}

#[tokio::test]
async fn a_group_with_a_v1_licence_is_refused() {
    let world = World::new().await.with_v1();
    for binary in [GetToken, GetFreshToken] {
        let refused = world.call_group(binary, "alice", "1").await;
        assert_eq!(refused.problem(), (400, "invalid_request"));
        assert!(refused.body()["detail"].as_str().is_some_and(|detail| detail.contains("LIVECHAT_ORGANIZATION_ID")));
    }
    assert_eq!(world.sandbox.calls().token, 0);
}

#[tokio::test]
async fn stored_attributes_are_the_documented_ones() {
    let world = World::new().await;
    let token = world.call(GetToken, "alice").await.token();
    let item = world.item("alice").await;
    let mut names: Vec<_> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "cookies",
            "cookiesLapseAt",
            "entityId",
            "expiresAt",
            "formerIdentities",
            "leaseOwner",
            "leaseSeq",
            "outstanding",
            "pk",
            "quotaLastSeq",
            "quotaSince",
            "sk",
            "token",
            "version"
        ]
    );
    let number = |name: &str| read_number(&item[name]);
    let created = token["creationDate"].as_u64().expect("a number") / 1000;
    assert!(number("cookiesLapseAt").abs_diff(created + 63_072_000) <= 1);
    assert_eq!(number("expiresAt"), number("cookiesLapseAt") + 30 * 86_400);
}
