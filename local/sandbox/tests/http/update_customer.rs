//! `update_customer` of the Customer Chat API.

use crate::lab::{Lab, Reply, UPDATE};
use axum::http::header;
use sandbox::CustomerDetails;
use serde_json::{Value, json};

fn error(reply: &Reply) -> (u16, Value) {
    assert!(reply.json()["error"]["message"].is_string(), "{reply:?}");
    (reply.status, reply.json()["error"]["type"].clone())
}

#[tokio::test]
async fn a_customer_has_the_details_of_its_updates() {
    let lab = Lab::new().await;
    let (created, _) = lab.cookie_grant(None).await;
    let (id, token) = (created.field("entity_id"), created.field("access_token"));
    assert_eq!(lab.sandbox.details_of(&id), Some(CustomerDetails::default()));
    let all = json!({
        "name": "Alice", "email": "alice@shop.example", "session_fields": [{"plan": "pro"}, {"country": "DE"}],
        "avatar": "https://shop.example/a.png"
    });
    let reply = lab.update(&token, all).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, ""));
    assert_eq!(lab.update(&token, json!({"name": "Alice B."})).await.status, 200);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let expected = CustomerDetails {
        name: Some("Alice B.".into()),
        email: Some("alice@shop.example".into()),
        session_fields: vec![pair("plan", "pro"), pair("country", "DE")],
    };
    assert_eq!(lab.sandbox.details_of(&id), Some(expected), "what an update does not name stays");
    lab.update(&token, json!({"session_fields": []})).await;
    assert!(lab.sandbox.details_of(&id).expect("the customer").session_fields.is_empty());
    lab.sandbox.forget(&id);
    assert_eq!(lab.sandbox.details_of(&id), None);
    assert_eq!(error(&lab.update(&token, json!({"name": "Alice"})).await), (401, json!("authentication")));
}

#[tokio::test]
async fn only_a_valid_customer_token_may_update() {
    let lab = Lab::new().await;
    let agent = lab.agent_token().await;
    let token = lab.agent_grant(&agent, json!({})).await.field("access_token");
    for bad in ["", "other", agent.as_str()] {
        let reply = lab.update(bad, json!({"name": "Alice"})).await;
        assert_eq!(error(&reply), (401, json!("authentication")), "{bad}");
    }
    assert_eq!(lab.update(&token, json!({"name": "Alice"})).await.status, 200, "a token of the agent-token grant");
    lab.sandbox.set(|settings| settings.clock_skew_ms = 28_800_000);
    let expired = lab.update(&token, json!({"name": "Alice"})).await;
    assert_eq!(error(&expired), (401, json!("authentication")));
}

/// A licence counts no longer: LiveChat has replaced it in version 3.4 of its API.
#[tokio::test]
async fn the_query_must_name_the_organization() {
    let lab = Lab::new().await;
    let (created, _) = lab.cookie_grant(None).await;
    let bearer = format!("Bearer {}", created.field("access_token"));
    let update = async |query: &str| {
        let path = format!("{UPDATE}{query}");
        lab.send("POST", &path, &[(header::AUTHORIZATION, &bearer)], json!({"name": "Alice"})).await
    };
    let organization_id = lab.sandbox.app().organization_id.clone();
    assert_eq!(update(&format!("?organization_id={organization_id}")).await.status, 200);
    assert_eq!(error(&update("?organization_id=other").await), (404, json!("license_not_found")));
    for query in ["", "?license_id=100000001", "?organization=other"] {
        assert_eq!(error(&update(query).await), (400, json!("validation")), "{query}");
    }
}

#[tokio::test]
async fn an_invalid_update_changes_nothing() {
    let lab = Lab::new().await;
    let (created, _) = lab.cookie_grant(None).await;
    let (id, token) = (created.field("entity_id"), created.field("access_token"));
    let many: Vec<_> = (0..101).map(|number| json!({ format!("key{number}"): "value" })).collect();
    for body in [
        json!({}),
        json!([]),
        json!({"name": null}),
        json!({"name": 7}),
        json!({"name": "Alice", "phone": "1"}),
        json!({"name": "Alice", "email": "alice"}),
        json!({"name": "Alice", "session_fields": {"plan": "pro"}}),
        json!({"name": "Alice", "session_fields": [{"plan": 7}]}),
        json!({"name": "Alice", "session_fields": many}),
    ] {
        assert_eq!(error(&lab.update(&token, body.clone()).await), (400, json!("validation")), "{body}");
    }
    assert_eq!(lab.sandbox.details_of(&id), Some(CustomerDetails::default()));
}
