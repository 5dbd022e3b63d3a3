//! Turning it on and off, and another key.

use super::{assert_sealed, envelope};
use crate::{kms::*, world::*};
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashSet;

#[tokio::test]
async fn without_a_key_nothing_is_sealed_and_kms_is_not_called() {
    let (kms, world) = Kms::start(World::new().await).await;
    world.call(GetToken, "alice").await.token();
    world.call(GetFreshToken, "alice").await.token();
    let item = world.item("alice").await;
    let names: HashSet<_> = item["cookies"].as_m().expect("a map").keys().map(String::as_str).collect();
    assert_eq!(names, HashSet::from(["cid", "cst"]));
    assert_eq!(kms.calls(), (0, 0));
}

#[tokio::test]
async fn only_the_arn_of_a_key_in_this_region_is_accepted() {
    let (_, mut world) = Kms::start(World::new().await).await;
    for (key, why) in [
        ("alias/livechat-cip", "the ARN of a key"),
        (&KEY.replace("eu-central-1", "eu-west-1"), "a key in the region of the functions, eu-central-1"),
    ] {
        world = world.with("COOKIES_KMS_KEY", key);
        for binary in [GetToken, GetFreshToken] {
            assert!(world.init_error(binary).await.contains(&format!("COOKIES_KMS_KEY is invalid: expected {why}")));
        }
    }
}

#[tokio::test]
async fn older_items_are_sealed_at_their_next_renewal() {
    let (kms, world) = Kms::start(World::new().await).await;
    let first = world.call(GetToken, "alice").await;
    let world = world.with("COOKIES_KMS_KEY", KEY);
    assert_eq!(world.call(GetToken, "alice").await.token(), first.token());
    assert_eq!(kms.calls(), (0, 0), "a stored token is returned as before");
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity());
    assert_sealed(&world.item("alice").await);
}

#[tokio::test]
async fn former_customers_of_older_items_are_sealed_too() {
    let (_, world) = Kms::start(World::new().await).await;
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.kill_cookies(&first);
    world.call(GetFreshToken, "alice").await.token();
    let world = world.with("COOKIES_KMS_KEY", KEY);
    world.call(GetFreshToken, "alice").await.token();
    let former = world.former_identities("alice").await;
    assert!(former[0].contains_key("sealed") && !former[0].contains_key("cst"));
    assert_sealed(&world.item("alice").await);
}

#[tokio::test]
async fn without_the_setting_sealed_cookies_are_opened_and_stored_in_the_clear() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.kill_cookies(&first);
    let first = world.call(GetFreshToken, "alice").await.entity();
    let world = world.without("COOKIES_KMS_KEY");
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    assert!(world.item("alice").await["cookies"].as_m().expect("a map").contains_key("cst"));
    assert!(world.former_identities("alice").await[0].contains_key("cst"));
    let before = kms.calls();
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    assert_eq!(kms.calls(), before);
}

#[tokio::test]
async fn without_the_permission_to_open_cookies_no_customer_changes() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await.entity();
    let sealed = world.item("alice").await["cookies"].clone();
    kms.deny(KEY);
    let world = world.without("COOKIES_KMS_KEY");
    let calls = world.sandbox.calls().token;
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (503, "store_unavailable"));
    assert_eq!(world.sandbox.calls().token, calls);
    let item = world.item("alice").await;
    assert_eq!((&item["entityId"], &item["cookies"]), (&string(&first), &sealed));
}

#[tokio::test]
async fn after_a_change_of_the_key_everything_is_sealed_with_the_new_one() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.kill_cookies(&first);
    let second = world.call(GetFreshToken, "alice").await.entity();
    assert_eq!(kms.key_of(&envelope(&world.item("alice").await["cookies"])), KEY);
    let world = world.with("COOKIES_KMS_KEY", OTHER_KEY);
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), second);
    let former = world.former_identities("alice").await;
    for sealed in
        [&envelope(&world.item("alice").await["cookies"])[..], former[0]["sealed"].as_b().expect("bytes").as_ref()]
    {
        assert_eq!(kms.key_of(sealed), OTHER_KEY);
    }
    kms.deny(KEY);
    assert_eq!(
        world.spawn(GetFreshToken).await.call("alice").await.entity(),
        second,
        "the old key is not needed any more"
    );
}

/// Otherwise a key that was deleted too early would stop all renewals of users who had another customer before.
#[tokio::test]
async fn a_former_customer_whose_key_is_gone_stops_no_renewal() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.kill_cookies(&first);
    let second = world.call(GetFreshToken, "alice").await.entity();
    let former = world.former_identities("alice").await;
    let world = world.with("COOKIES_KMS_KEY", OTHER_KEY);
    let function = world.spawn(GetFreshToken).await;
    function.call("alice").await.token();
    world.set("alice", "formerIdentities", AttributeValue::L(vec![AttributeValue::M(former[0].clone())])).await;
    kms.deny(KEY);
    assert_eq!(world.spawn(GetFreshToken).await.call("alice").await.entity(), second);
    assert_eq!(world.former_identities("alice").await, former, "it is kept as it is");
}

/// A gradual deployment: old and new settings at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_turned_on_and_off_under_load() {
    let (_, world) = Kms::start(World::new().await.with("RENEWALS_PER_MINUTE", "1000")).await;
    let mut functions = world.spawn_each([GetToken, GetFreshToken, GetFreshToken]).await;
    let world = world.with("COOKIES_KMS_KEY", KEY);
    functions.extend(world.spawn_each([GetFreshToken, GetToken, GetFreshToken]).await);
    let world = world.with("COOKIES_KMS_KEY", OTHER_KEY);
    functions.extend(world.spawn_each([GetFreshToken, GetFreshToken]).await);
    let mut entities = [HashSet::new(), HashSet::new()];
    for _ in 0..12 {
        let all = send_at_once(&functions, |binary, n| http_api(binary, ["alice", "bob"][n % 2], "")).await;
        for (n, response) in all.iter().enumerate() {
            assert_eq!(response.status(), 200, "{:?}", response.body());
            entities[n % 2].insert(response.entity());
        }
    }
    assert_eq!((entities[0].len(), entities[1].len(), world.sandbox.customers()), (1, 1, 2));
    world.call(GetFreshToken, "alice").await.token();
    assert_sealed(&world.item("alice").await);
}

/// The roles of the other two may not use the key.
#[test]
fn only_functions_that_request_tokens_can_call_kms() {
    for binary in Binary::ALL {
        let code = std::fs::read(binary.path()).expect("the binary");
        let calls = |operation: &[u8]| code.windows(operation.len()).any(|window| window == operation);
        let may = matches!(binary, GetToken | GetFreshToken);
        assert_eq!(calls(b"TrentService.Decrypt"), may, "{binary:?}");
        assert_eq!(calls(b"TrentService.GenerateDataKey"), may, "{binary:?}");
    }
}
