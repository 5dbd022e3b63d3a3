//! Injected faults of the agent's tokens, of the agent-token grant, and of updates.

use crate::lab::Lab;
use sandbox::{Fault, RefreshRotation};
use serde_json::{Value, json};

const REFRESH: [(&str, &str); 2] = [("grant_type", "refresh_token"), ("refresh_token", "sandbox-refresh-token")];

#[tokio::test]
async fn an_oauth_call_fails_as_planned_and_others_do_not() {
    let lab = Lab::new().await;
    for (fault, status) in [(Fault::Http429, 429), (Fault::Http500, 500), (Fault::Http503, 503)] {
        lab.sandbox.fail_oauth(fault, 1);
        let (created, _) = lab.cookie_grant(None).await;
        assert_eq!(created.status, 200, "{fault:?} is not for customers' tokens");
        assert_eq!(lab.oauth(&REFRESH).await.status, status);
    }
    for fault in [Fault::ResetBefore, Fault::Hang] {
        lab.sandbox.fail_oauth(fault, 1);
        assert!(lab.try_oauth(&REFRESH).await.is_none(), "{fault:?}");
    }
    assert_eq!(lab.sandbox.live_agent_tokens(), 0, "these calls have no effect");
    for (fault, live) in [(Fault::ResetAfter, 1), (Fault::HangAfter, 2)] {
        lab.sandbox.fail_oauth(fault, 1);
        assert!(lab.try_oauth(&REFRESH).await.is_none(), "{fault:?}");
        assert_eq!(lab.sandbox.live_agent_tokens(), live, "{fault:?}");
    }
    assert_eq!(lab.sandbox.faults_hit()[&Fault::Http503], 1);
}

#[tokio::test]
async fn a_malformed_oauth_response_is_as_the_fault_says() {
    let lab = Lab::new().await;
    let reply = async |fault| {
        lab.sandbox.fail_oauth(fault, 1);
        lab.oauth(&REFRESH).await
    };
    assert!(reply(Fault::Html).await.text.contains("Maintenance"));
    assert_eq!(reply(Fault::Empty).await.text, "");
    assert_eq!(reply(Fault::Truncated).await.json(), Value::Null);
    assert!(reply(Fault::Huge).await.text.len() > 65_536);
    assert_eq!(reply(Fault::ExpiresZero).await.json()["expires_in"], 0);
    assert_eq!(reply(Fault::ExpiresNegative).await.json()["expires_in"], -28_800);
    let missing = reply(Fault::MissingFields).await.json();
    assert!(missing.get("access_token").is_none() && missing.get("expires_in").is_none(), "{missing}");
    assert_eq!(missing["token_type"], "Bearer");
    assert_eq!(reply(Fault::OauthIn200).await.json()["oauth_exception"], "temporarily_unavailable");
    assert_eq!(reply(Fault::OauthServerError).await.status, 500);
}

#[tokio::test]
async fn a_lost_response_with_strict_rotation_loses_the_refresh_token() {
    let lab = Lab::new().await;
    lab.sandbox.set(|settings| settings.refresh_rotation = RefreshRotation::Strict);
    lab.sandbox.fail_oauth(Fault::ResetAfter, 1);
    assert!(lab.try_oauth(&REFRESH).await.is_none());
    assert_eq!(lab.refresh("sandbox-refresh-token").await.field("oauth_exception"), "invalid_grant");
}

#[tokio::test]
async fn faults_of_the_token_endpoint_affect_the_agent_token_grant_too() {
    let lab = Lab::new().await;
    let agent = lab.agent_token().await;
    lab.sandbox.fail(Fault::Http503, 1);
    assert_eq!(lab.agent_grant(&agent, json!({})).await.status, 503);
    lab.sandbox.fail(Fault::ResetAfter, 1);
    assert!(lab.try_agent_grant_at("/v2/customer/token", &agent, json!({})).await.is_none());
    assert_eq!(lab.sandbox.customers(), 1);
    lab.sandbox.fail(Fault::MissingFields, 1);
    assert!(lab.agent_grant(&agent, json!({})).await.json().get("entity_id").is_none());
    assert_eq!(lab.sandbox.calls().token, 3);
}

#[tokio::test]
async fn an_update_fails_as_planned() {
    let lab = Lab::new().await;
    let (created, _) = lab.cookie_grant(None).await;
    let (id, token) = (created.field("entity_id"), created.field("access_token"));
    let name = || lab.sandbox.details_of(&id).expect("the customer").name;
    for (fault, status) in [(Fault::Http429, 429), (Fault::Http500, 500), (Fault::Http503, 503), (Fault::Html, 200)] {
        lab.sandbox.fail_update(fault, 1);
        assert_eq!(lab.update(&token, json!({"name": "Alice"})).await.status, status);
    }
    for fault in [Fault::ResetBefore, Fault::Hang] {
        lab.sandbox.fail_update(fault, 1);
        assert!(lab.try_update(&token, json!({"name": "Alice"})).await.is_none(), "{fault:?}");
    }
    assert_eq!(name(), None, "these calls have no effect");
    for fault in [Fault::ResetAfter, Fault::HangAfter] {
        lab.sandbox.fail_update(fault, 1);
        let sent = format!("{fault:?}");
        assert!(lab.try_update(&token, json!({"name": sent})).await.is_none(), "{fault:?}");
        assert_eq!(name(), Some(sent));
    }
    assert_eq!(lab.sandbox.calls().update_customer, 8);
}

#[tokio::test]
#[should_panic = "The fault \"no_cookies\" does not apply to the endpoint \"oauth\""]
async fn a_fault_that_an_endpoint_cannot_have_is_refused() {
    Lab::new().await.sandbox.fail_oauth(Fault::NoCookies, 1);
}
