//! Failures of AWS KMS: they are remembered for a while, and take no time from those who do not need AWS KMS.

use crate::{kms::*, world::*};
use serde_json::json;
use std::time::{Duration, Instant};

const SILENT: Duration = Duration::from_secs(30);
/// Far less than a request to a silent AWS KMS takes.
const AT_ONCE: Duration = Duration::from_millis(1_200);

#[tokio::test(flavor = "multi_thread")]
async fn while_kms_is_silent_only_the_first_call_of_a_process_waits() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await;
    world.age_token("alice", Duration::from_hours(7)).await;
    kms.set_latency(SILENT);
    let function = world.spawn(GetToken).await;
    let waited = function.call("bob").await;
    assert_eq!(waited.problem(), (503, "store_unavailable"));
    assert!(waited.retry_after() >= 5);
    assert!(waited.body()["detail"].as_str().is_some_and(|detail| detail.starts_with("AWS KMS ")), "{waited:?}");
    let requests = kms.requests();
    let began = Instant::now();
    let stored = function.call("alice").await;
    assert_eq!(stored.access_token(), first.access_token());
    assert_eq!(function.call("bob").await.problem(), (503, "store_unavailable"));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_eq!(kms.requests(), requests);
    assert_eq!(world.sandbox.customers(), 1);
    let counted: Vec<_> = world.call_lines_after(0).iter().map(|line| line["KmsRefusals"].clone()).collect();
    assert!(counted.iter().all(serde_json::Value::is_null), "an outage must not roll back a deployment: {counted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_for_another_ones_renewal_does_not_wait_for_kms_again() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    kms.set_latency(SILENT);
    let functions = world.spawn_each([GetToken; 2]).await;
    let began = Instant::now();
    let both = send_at_once(&functions, |binary, _| http_api(binary, "alice", "")).await;
    assert!(began.elapsed() < Duration::from_millis(3_500), "{:?}", began.elapsed());
    for response in both {
        assert_eq!(response.problem(), (503, "store_unavailable"));
    }
}

#[tokio::test]
async fn a_refusal_is_not_asked_for_again_and_raises_an_alarm() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    kms.deny(KEY);
    for user in ["alice", "bob", "carol"] {
        let refused = world.call(GetToken, user).await;
        assert_eq!(refused.problem(), (503, "store_unavailable"));
        assert!(refused.retry_after() >= 30);
        assert!(refused.body()["detail"].as_str().is_some_and(|detail| detail.contains("COOKIES_KMS_KEY")));
    }
    assert_eq!(kms.requests(), 1);
    let lines = world.call_lines(3).await;
    assert!(lines.iter().all(|line| line["KmsRefusals"] == json!(1) && line["Errors"] == json!(1)), "{lines:?}");
}

/// What AWS KMS refuses for one item says nothing about others.
#[tokio::test]
async fn a_refusal_for_one_item_stops_no_other() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    world.call(GetToken, "alice").await.token();
    let world = world.with("COOKIES_KMS_KEY", OTHER_KEY);
    let bob = world.call(GetToken, "bob").await.entity();
    kms.deny(KEY);
    let function = world.spawn(GetFreshToken).await;
    assert_eq!(function.call("alice").await.problem(), (503, "store_unavailable"));
    let requests = kms.requests();
    assert_eq!(function.call("alice").await.problem(), (503, "store_unavailable"));
    assert_eq!(kms.requests(), requests);
    assert_eq!(function.call("bob").await.entity(), bob);
}

#[tokio::test(flavor = "multi_thread")]
async fn former_customers_leave_enough_time_to_call_livechat() {
    let (kms, world) = Kms::with_key(World::new().await).await;
    let mut entity = world.call(GetToken, "alice").await.entity();
    for _ in 0..5 {
        world.sandbox.kill_cookies(&entity);
        entity = world.spawn(GetFreshToken).await.call("alice").await.entity();
    }
    assert_eq!(world.former_identities("alice").await.len(), 5);
    let world = world.with("COOKIES_KMS_KEY", OTHER_KEY);
    kms.set_latency(Duration::from_millis(900));
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), entity);
    assert!(world.former_identities("alice").await.iter().all(|former| former.contains_key("sealed")));
}
