//! LiveChat down, slow, refusing, or sending bad data.

use crate::world::*;
use sandbox::Fault;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

/// The status and code of each fault.
const FAULTS: [(Fault, u64, &str); 23] = [
    (Fault::Http500, 503, "livechat_unavailable"),
    (Fault::Http503, 503, "livechat_unavailable"),
    (Fault::Http429, 503, "livechat_unavailable"),
    (Fault::Html, 503, "livechat_unavailable"),
    (Fault::Empty, 503, "livechat_unavailable"),
    (Fault::Truncated, 503, "livechat_unavailable"),
    (Fault::Huge, 503, "livechat_unavailable"),
    (Fault::SlowBody, 503, "livechat_unavailable"),
    (Fault::MissingFields, 503, "livechat_unavailable"),
    (Fault::NoCookies, 503, "livechat_unavailable"),
    (Fault::OneCookie, 503, "livechat_unavailable"),
    (Fault::ExpiresZero, 503, "livechat_unavailable"),
    (Fault::ExpiresNegative, 503, "livechat_unavailable"),
    (Fault::ExpiresAbsurd, 503, "livechat_unavailable"),
    (Fault::OauthServerError, 503, "livechat_unavailable"),
    (Fault::OauthIn200, 503, "livechat_unavailable"),
    (Fault::OauthInvalidRequest, 502, "livechat_rejected"),
    (Fault::OauthResourceNotFound, 502, "livechat_rejected"),
    (Fault::IdentityException, 502, "livechat_rejected"),
    (Fault::ResetBefore, 503, "livechat_unavailable"),
    (Fault::ResetAfter, 503, "livechat_unavailable"),
    (Fault::Hang, 503, "livechat_unavailable"),
    (Fault::HangAfter, 503, "livechat_unavailable"),
];

/// Faults that a caller never notices.
const HARMLESS: [Fault; 3] = [Fault::ExtraCookies, Fault::ExpiresOnly, Fault::OtherEntity];

#[test]
fn every_fault_of_the_sandbox_is_covered() {
    for fault in Fault::ALL {
        let is_reported = FAULTS.iter().any(|(reported, ..)| *reported == fault);
        assert_ne!(is_reported, HARMLESS.contains(&fault), "{fault:?}");
    }
}

#[tokio::test]
async fn harmless_oddities_of_livechat_do_not_reach_the_caller() {
    let world = World::new().await;
    let two_years_from_now_s = crate::clock::now_ms() / 1000 + 63_072_000;
    for (fault, user) in HARMLESS.into_iter().zip(["a", "b", "c"]) {
        world.sandbox.fail(fault, 1);
        let first = world.call(GetToken, user).await;
        let lapse: u64 = read_number(&world.item(user).await["cookiesLapseAt"]);
        assert!(lapse.abs_diff(two_years_from_now_s) < 60, "{fault:?}");
        world.sandbox.fail(fault, 1);
        for _ in 0..2 {
            assert_eq!(world.call(GetFreshToken, user).await.entity(), first.entity(), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_clock_at_livechat_has_no_effect() {
    let world = World::new().await;
    for (skew_ms, user) in [(7_200_000, "ahead"), (-7_200_000, "behind")] {
        world.sandbox.set(|settings| settings.clock_skew_ms = skew_ms);
        world.sandbox.fail(Fault::ExpiresOnly, 1);
        let first = world.call(GetToken, user).await;
        assert_eq!(world.call(GetToken, user).await.token(), first.token());
        assert_eq!(world.call(GetToken, user).await.source(), "hit");
        assert_eq!(world.call(GetFreshToken, user).await.entity(), first.entity());
    }
}

#[tokio::test]
async fn every_fault_of_livechat_has_its_status_and_code() {
    let world = World::new().await;
    for (fault, status, code) in FAULTS {
        world.sandbox.fail(fault, 1);
        assert_eq!(world.call(GetToken, "alice").await.problem(), (status, code), "{fault:?}");
        let item = world.item("alice").await;
        assert!(!item.contains_key("token") && !item.contains_key("entityId"), "{fault:?}");
        assert!(!item.contains_key("leaseUntil"), "{fault:?}: the lease is released");
        assert!(item.contains_key("failedRenewal"), "{fault:?}: the failure is recorded");
        if status == 502 {
            world.end_refusal("alice").await;
        }
        // Without a success in between, the faults would count as an outage, which has tests of its own.
        assert!(world.succeeds().await);
    }
    assert_eq!(world.call(GetToken, "alice").await.status(), 200);
}

#[tokio::test]
async fn no_fault_of_livechat_changes_what_is_stored() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    let before = world.item("alice").await;
    for (fault, status, code) in FAULTS {
        // A known customer keeps the other cookie if a response has only one: that is not a fault.
        if fault == Fault::OneCookie {
            continue;
        }
        // A call that timed out is not retried.
        let times = if [Fault::Hang, Fault::HangAfter, Fault::SlowBody].contains(&fault) { 1 } else { 2 };
        world.sandbox.fail(fault, times);
        assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (status, code), "{fault:?}");
        let after = world.item("alice").await;
        for name in ["entityId", "cookies", "cookiesLapseAt", "formerIdentities", "token", "expiresAt"] {
            assert_eq!(before[name], after[name], "{fault:?}: {name}");
        }
        if status == 502 {
            world.end_refusal("alice").await;
        }
        until("a success", async || world.succeeds().await).await;
    }
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity());
}

impl World {
    /// Whether a call of another user succeeds. It uses up a fault that was planned and not needed.
    async fn succeeds(&self) -> bool {
        // A new user each time, as LiveChat's refusal of one user is stored.
        self.call(GetFreshToken, &format!("somebody-{}", uuid::Uuid::new_v4())).await.status() == 200
    }
}

#[tokio::test]
async fn a_rejection_says_which_setting_to_fix() {
    let world = World::new().await.with("LIVECHAT_REDIRECT_URI", "https://elsewhere.example/");
    let rejected = world.call(GetToken, "alice").await;
    assert_eq!(rejected.problem(), (502, "livechat_rejected"));
    let detail = rejected.body()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("invalid_request") && detail.contains("LIVECHAT_REDIRECT_URI"), "{detail}");
    let world = World::new().await.with("LIVECHAT_CLIENT_ID", "another");
    let detail = world.call(GetToken, "alice").await.body()["detail"].to_string();
    assert!(detail.contains("unauthorized_client") && detail.contains("LIVECHAT_CLIENT_ID"), "{detail}");
}

#[tokio::test]
async fn a_stored_token_is_returned_until_it_expires() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    world.age_token("alice", 7 * HOUR).await;
    for fault in [Fault::Http503, Fault::Hang, Fault::OauthInvalidRequest] {
        world.sandbox.fail(fault, 2);
        let stale = world.call(GetToken, "alice").await;
        assert_eq!(stale.access_token(), first.access_token(), "{fault:?}");
        assert!(stale.source().starts_with("hit; detail=livechat-"), "{}", stale.source());
        until("a success", async || world.succeeds().await).await;
    }
    world.age_token("alice", HOUR).await;
    world.end_refusal("alice").await;
    world.sandbox.fail(Fault::Http503, 2);
    assert_eq!(world.call(GetToken, "alice").await.problem(), (503, "livechat_unavailable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_invalidated_during_a_failed_renewal_is_not_returned() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    world.age_token("alice", 7 * HOUR).await;
    let calls = world.sandbox.calls().token;
    world.sandbox.fail(Fault::Hang, 1);
    let other = world.spawn(Invalidate).await;
    let waiting = world.spawn(GetToken).await.call_in_background("alice");
    world.until_livechat_is_called(calls + 1).await;
    other.call("alice").await.body();
    assert_eq!(waiting.await.expect("a response").problem(), (503, "livechat_unavailable"));
}

#[tokio::test]
async fn a_failed_call_for_a_new_customer_is_not_retried() {
    let world = World::new().await;
    for fault in [Fault::ResetAfter, Fault::ResetBefore, Fault::Http503] {
        let calls = world.sandbox.calls().token;
        world.sandbox.fail(fault, 1);
        assert_eq!(world.call(GetToken, "alice").await.status(), 503, "{fault:?}");
        assert_eq!(world.sandbox.calls().token - calls, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_failed_call_for_a_known_customer_is_retried() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await;
    for fault in [Fault::ResetAfter, Fault::ResetBefore, Fault::Http503, Fault::OauthIn200] {
        world.sandbox.fail(fault, 1);
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first.entity(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_does_not_wait_for_livechat_past_its_deadline() {
    let world = World::new().await;
    world.sandbox.fail(Fault::Hang, 1);
    let function = world.spawn(GetToken).await;
    let response = function.send_within(&http_api(GetToken, "alice", ""), Duration::from_millis(3_500)).await;
    assert_eq!(response.problem(), (503, "livechat_unavailable"));
    // A lack of time in one call is not a failure of LiveChat.
    assert!(!world.item("alice").await.contains_key("failedRenewal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_waiting_for_a_failed_renewal_fail_with_it() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 800);
    world.sandbox.fail(Fault::Http503, 50);
    for response in world.call_at_once([GetToken; 6], "alice").await {
        assert_eq!(response.problem(), (503, "livechat_unavailable"));
    }
    assert_eq!(world.sandbox.calls().token, 1);
}

#[tokio::test]
async fn a_call_with_too_little_time_does_not_start_a_renewal() {
    let world = World::new().await;
    let before = world.call(GetToken, "alice").await.access_token();
    let version = world.item("alice").await["version"].clone();
    let function = world.spawn(GetFreshToken).await;
    let response = function.send_within(&http_api(GetFreshToken, "alice", ""), Duration::from_millis(1_400)).await;
    assert_eq!(response.problem(), (503, "busy"));
    assert_eq!(world.item("alice").await["version"], version, "nothing was written");
    assert_eq!(world.call(GetToken, "alice").await.access_token(), before);
}
