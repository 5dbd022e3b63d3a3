//! LiveChat answers for another customer than the one on record.

use crate::world::*;
use local::sandbox::{CstMode, Fault};
use std::time::Duration;

#[tokio::test]
async fn a_slip_of_livechats_is_asked_about_once_more() {
    for setting in ["replace", "reject"] {
        let world = World::new().await.with("ON_IDENTITY_CHANGE", setting);
        let first = world.call(GetToken, "alice").await;
        world.sandbox.fail(Fault::OtherEntity, 1);
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity(), "{setting}");
        assert!(world.item("alice").await["formerIdentities"].as_l().expect("a list").is_empty());
    }
}

#[tokio::test]
async fn a_customer_that_livechat_forgot_is_replaced_once_and_on_record() {
    let world = World::new().await;
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
async fn a_site_can_refuse_another_customer() {
    let world = World::new().await.with("ON_IDENTITY_CHANGE", "reject");
    let former = world.call(GetToken, "alice").await.entity();
    let before = world.item("alice").await;
    world.sandbox.forget(&former);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (409, "identity_changed".into()));
    let after = world.item("alice").await;
    for name in ["entityId", "cookies", "token", "formerIdentities", "cookiesLapseAt"] {
        assert_eq!(before[name], after[name], "{name}");
    }
}

#[tokio::test]
async fn a_secret_that_changes_with_every_call_is_followed() {
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
async fn a_site_that_refuses_another_customer_is_told_with_a_token_at_hand_too() {
    let world = World::new().await.with("ON_IDENTITY_CHANGE", "reject");
    let former = world.call(GetToken, "alice").await.entity();
    world.age_token("alice", Duration::from_hours(7)).await;
    world.sandbox.forget(&former);
    assert_eq!(world.call(GetToken, "alice").await.problem(), (409, "identity_changed".into()));
}
