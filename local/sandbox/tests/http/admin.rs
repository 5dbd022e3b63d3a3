//! What the admin API adds for the agent and for details of customers.

use crate::lab::{Lab, refusal};
use serde_json::{Value, json};

#[tokio::test]
async fn faults_of_other_endpoints_are_planned_and_listed() {
    let lab = Lab::new().await;
    for fault in [
        json!({"fault": "http_503", "endpoint": "oauth", "times": 2}),
        json!({"fault": "http_500", "endpoint": "update_customer"}),
        json!({"fault": "html"}),
    ] {
        assert_eq!(lab.admin("POST", "/sandbox/faults", fault).await.status, 200);
    }
    let faults = lab.admin("GET", "/sandbox", Value::Null).await.json()["faults"].take();
    let expected = json!([
        {"fault": "http_503", "times": 2, "endpoint": "oauth"},
        {"fault": "http_500", "times": 1, "endpoint": "update_customer"},
        {"fault": "html", "times": 1}
    ]);
    assert_eq!(faults, expected);
    assert_eq!(lab.refresh("sandbox-refresh-token").await.status, 503);
    for (bad, says) in [
        (json!({"fault": "no_cookies", "endpoint": "oauth"}), "does not apply to the endpoint \"oauth\""),
        (json!({"fault": "empty", "endpoint": "update_customer"}), "does not apply"),
        (json!({"fault": "html", "endpoint": "oauth", "group": 7}), "has no groups"),
        (json!({"fault": "html", "endpoint": "other"}), "unknown variant `other`"),
    ] {
        let reply = lab.admin("POST", "/sandbox/faults", bad.clone()).await;
        assert!(reply.status == 400 && reply.text.contains(says), "{bad}: {reply:?}");
    }
}

#[tokio::test]
async fn settings_of_the_agent_are_changed_and_checked() {
    let lab = Lab::new().await;
    let settings = json!({
        "agentExpiresIn": 60, "agentScope": "customers:ro", "refreshRotation": "strict", "unknownEntity": "identity_lost"
    });
    let report = lab.admin("PATCH", "/sandbox/settings", settings.clone()).await.json();
    for (name, value) in settings.as_object().expect("an object") {
        assert_eq!(report["settings"][name], *value);
    }
    for bad in [
        json!({"agentExpiresIn": 63_072_001}),
        json!({"agentScope": "chats--all:ro"}),
        json!({"refreshRotation": "rotating"}),
        json!({"unknownEntity": "new_customer"}),
    ] {
        assert_eq!(lab.admin("PATCH", "/sandbox/settings", bad.clone()).await.status, 400, "{bad}");
    }
    let explained = lab.admin("GET", "/sandbox/settings", Value::Null).await.json();
    let explained = explained.as_array().expect("a list");
    assert!(explained.iter().any(|setting| setting["setting"] == "unknownEntity"), "{explained:?}");
}

#[tokio::test]
async fn the_tokens_of_the_agent_are_counted_and_revoked() {
    let lab = Lab::new().await;
    let token = lab.agent_token().await;
    let agent = async || lab.admin("GET", "/sandbox", Value::Null).await.json()["agent"].take();
    assert_eq!(agent().await, json!({"liveAccessTokens": 1, "mostLiveAccessTokens": 1, "liveRefreshTokens": 1}));
    assert_eq!(lab.admin("DELETE", "/sandbox/agent/access-tokens", Value::Null).await.status, 200);
    assert_eq!(lab.agent_grant(&token, json!({})).await.refusal(), refusal(401, "access_denied"));
    assert_eq!(lab.admin("DELETE", "/sandbox/agent/refresh-tokens", Value::Null).await.status, 200);
    assert_eq!(lab.refresh("sandbox-refresh-token").await.refusal(), refusal(400, "invalid_grant"));
    assert_eq!(agent().await, json!({"liveAccessTokens": 0, "mostLiveAccessTokens": 1, "liveRefreshTokens": 0}));
    assert_eq!(lab.admin("POST", "/sandbox/reset", Value::Null).await.status, 200);
    assert_eq!(lab.refresh("sandbox-refresh-token").await.status, 200, "a reset restores the refresh token");
}

#[tokio::test]
async fn customers_are_listed_with_their_details() {
    let lab = Lab::new().await;
    let (created, cookies) = lab.cookie_grant(None).await;
    let (id, token) = (created.field("entity_id"), created.field("access_token"));
    lab.update(&token, json!({"name": "Alice", "session_fields": [{"plan": "pro"}]})).await;
    let shown = |accepted: bool| {
        json!([{
            "entityId": id, "realm": "v2", "cookiesAccepted": accepted, "name": "Alice", "email": null,
            "sessionFields": [["plan", "pro"]]
        }])
    };
    assert_eq!(lab.admin("GET", "/sandbox/customers", Value::Null).await.json(), shown(true));
    let path = format!("/sandbox/customers/{id}/cookies");
    assert_eq!(lab.admin("DELETE", &path, Value::Null).await.status, 200);
    assert_eq!(lab.admin("GET", "/sandbox/customers", Value::Null).await.json(), shown(false));
    assert_ne!(lab.cookie_grant(Some(&cookies)).await.0.field("entity_id"), id);
}
