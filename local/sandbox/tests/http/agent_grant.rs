//! The agent-token grant on the three token endpoints.

use crate::lab::{Lab, refusal};
use axum::http::header;
use sandbox::{AgentScope, Fault, Grant, UnknownEntity};
use serde_json::{Value, json};

#[tokio::test]
async fn an_agent_creates_a_customer_and_gets_tokens_of_it_without_cookies() {
    let lab = Lab::new().await;
    let agent = lab.agent_token().await;
    let group = format!("/v2/customer/{}/7/token", lab.sandbox.app().organization_id);
    for (path, account) in [
        ("/customer/token", "license_id"),
        ("/v2/customer/token", "organization_id"),
        (group.as_str(), "organization_id"),
    ] {
        let new = lab.agent_grant_at(path, &agent, json!({})).await;
        assert_eq!(new.status, 200, "{path}: {new:?}");
        assert!(!new.headers.contains_key(header::SET_COOKIE), "{path}");
        let body = new.json();
        assert_eq!((&body["client_id"], &body["expires_in"]), (&json!("sandbox-agent-client"), &json!(28_800)));
        assert!(body[account].is_string() || body[account].is_u64(), "{path}: {body}");
        let id = new.field("entity_id");
        let again = lab.agent_grant_at(path, &agent, json!({"entity_id": id})).await;
        assert_eq!((again.status, again.field("entity_id")), (200, id));
        assert_ne!(again.field("access_token"), new.field("access_token"));
        assert!(lab.sandbox.works(&again.field("access_token")));
    }
    assert_eq!(lab.sandbox.customers(), 3);
}

#[tokio::test]
async fn a_customer_of_the_cookie_grant_is_found_only_in_its_own_realm() {
    let lab = Lab::new().await;
    let agent = lab.agent_token().await;
    let (created, cookies) = lab.cookie_grant(None).await;
    let id = created.field("entity_id");
    let token = lab.agent_grant(&agent, json!({"entity_id": id})).await;
    assert_eq!(token.field("entity_id"), id);
    let (same, _) = lab.cookie_grant(Some(&cookies)).await;
    assert_eq!(same.field("entity_id"), id, "the agent's call does not change the cookies");
    let v1 = lab.agent_grant_at("/customer/token", &agent, json!({"entity_id": id})).await;
    assert_eq!(v1.refusal(), refusal(404, "resource_not_found"));
}

#[tokio::test]
async fn a_customer_whose_cookies_are_killed_keeps_its_chat_for_the_agent() {
    let lab = Lab::new().await;
    let agent = lab.agent_token().await;
    let (created, cookies) = lab.cookie_grant(None).await;
    let (id, token) = (created.field("entity_id"), created.field("access_token"));
    let bearer = format!("Bearer {token}");
    lab.send("POST", "/sandbox/chat", &[(header::AUTHORIZATION, &bearer)], json!({"text": "Hello"})).await;
    lab.sandbox.kill_cookies(&id);
    assert_ne!(lab.cookie_grant(Some(&cookies)).await.0.field("entity_id"), id);
    let found = lab.agent_grant(&agent, json!({"entity_id": id})).await;
    assert_eq!(found.field("entity_id"), id);
    let bearer = format!("Bearer {}", found.field("access_token"));
    let chat = lab.send("GET", "/sandbox/chat", &[(header::AUTHORIZATION, &bearer)], "").await;
    assert_eq!(chat.json()[0]["text"], "Hello");
}

#[tokio::test]
async fn an_agent_token_that_is_not_valid_gets_401() {
    let lab = Lab::new().await;
    let agent = lab.agent_token().await;
    let denied = refusal(401, "access_denied");
    assert_eq!(lab.agent_grant("other", json!({})).await.refusal(), denied);
    assert_eq!(lab.agent_grant("", json!({})).await.refusal(), denied);
    let customer = lab.agent_grant(&agent, json!({})).await.field("access_token");
    assert_eq!(lab.agent_grant(&customer, json!({})).await.refusal(), denied, "a customer's token");
    lab.sandbox.set(|settings| settings.clock_skew_ms = 28_800_000);
    assert_eq!(lab.agent_grant(&agent, json!({})).await.refusal(), refusal(401, "invalid_grant"), "expired");
    lab.sandbox.set(|settings| settings.clock_skew_ms = 0);
    assert_eq!(lab.agent_grant(&agent, json!({})).await.status, 200);
    lab.sandbox.revoke_agent_tokens();
    assert_eq!(lab.agent_grant(&agent, json!({})).await.refusal(), denied, "revoked");
    lab.sandbox.set(|settings| settings.agent_scope = AgentScope::CustomersRo);
    let reply = lab.refresh("sandbox-refresh-token").await;
    assert_eq!(reply.field("scope"), "customers:ro");
    assert_eq!(lab.agent_grant(&reply.field("access_token"), json!({})).await.refusal(), denied, "without the scope");
    let body = json!({"grant_type": "agent_token", "client_id": "sandbox-agent-client", "response_type": "token"});
    for authorization in ["Basic YWdlbnQ6cGF0", agent.as_str()] {
        let headers = [(header::AUTHORIZATION, authorization)];
        let reply = lab.send("POST", "/v2/customer/token", &headers, &body).await;
        assert_eq!(reply.refusal(), denied, "{authorization}");
    }
}

#[tokio::test]
async fn an_invalid_parameter_is_refused_and_creates_no_customer() {
    let lab = Lab::new().await;
    let agent = lab.agent_token().await;
    for (more, exception) in [
        (json!({"client_id": "sandbox-client"}), "unauthorized_client"),
        (json!({"response_type": "code"}), "invalid_request"),
        (json!({"organization_id": "other"}), "invalid_request"),
        (json!({"entity_id": 7}), "invalid_request"),
        (json!({"entity_id": null}), "invalid_request"),
        (json!({"grant_type": "password"}), "unsupported_grant_type"),
    ] {
        assert_eq!(lab.agent_grant(&agent, more.clone()).await.refusal(), refusal(400, exception), "{more}");
    }
    assert_eq!(lab.sandbox.customers(), 0);
    let organization = lab.sandbox.app().organization_id.clone();
    assert_eq!(lab.agent_grant(&agent, json!({"organization_id": organization})).await.status, 200);
}

#[tokio::test]
async fn an_unknown_entity_id_gets_the_error_of_the_setting() {
    let lab = Lab::new().await;
    let agent = lab.agent_token().await;
    let id = lab.agent_grant(&agent, json!({})).await.field("entity_id");
    lab.sandbox.forget(&id);
    let ask = async || lab.agent_grant(&agent, json!({"entity_id": id})).await;
    assert_eq!(ask().await.refusal(), refusal(404, "resource_not_found"));
    lab.sandbox.set(|settings| settings.unknown_entity = UnknownEntity::InvalidRequest);
    assert_eq!(ask().await.refusal(), refusal(400, "invalid_request"));
    lab.sandbox.set(|settings| settings.unknown_entity = UnknownEntity::IdentityLost);
    let lost = ask().await;
    assert_eq!((lost.status, lost.json()), (200, json!({"identity_exception": "identity_lost"})));
    assert_eq!(lab.sandbox.customers(), 1);
}

#[tokio::test]
async fn the_journal_records_the_grant_and_the_customer_that_was_asked_for() {
    let lab = Lab::new().await;
    let agent = lab.agent_token().await;
    let latest = || lab.sandbox.journal().pop().expect("a token");
    lab.cookie_grant(None).await;
    assert_eq!((latest().grant, latest().asked_for), (Grant::Cookie, None));
    let id = lab.agent_grant(&agent, json!({})).await.field("entity_id");
    assert_eq!((latest().grant, latest().asked_for, latest().proved), (Grant::AgentToken, None, None));
    lab.agent_grant(&agent, json!({"entity_id": id})).await;
    assert_eq!((latest().asked_for, latest().proved), (Some(id.clone()), Some(id.clone())));
    lab.sandbox.fail(Fault::OtherEntity, 1);
    let other = lab.agent_grant(&agent, json!({"entity_id": id})).await.field("entity_id");
    assert_ne!(other, id);
    assert_eq!((latest().asked_for, latest().proved, latest().slipped), (Some(id), None, true));
    assert_eq!(latest().entity_id, other);
    assert_eq!(json!([Grant::Cookie, Grant::AgentToken]), json!(["cookie", "agent_token"]));
}

#[tokio::test]
async fn the_details_of_a_token_name_the_client_that_requested_it() {
    let lab = Lab::new().await;
    let agent = lab.agent_token().await;
    let client = async |token: String| {
        let bearer = format!("Bearer {token}");
        let info = lab.send("GET", "/v2/customer/info", &[(header::AUTHORIZATION, &bearer)], "").await;
        info.json().get("client_id").cloned().unwrap_or(Value::Null)
    };
    let by_agent = lab.agent_grant(&agent, json!({})).await.field("access_token");
    let by_cookie = lab.cookie_grant(None).await.0.field("access_token");
    assert_eq!(client(by_agent).await, "sandbox-agent-client");
    assert_eq!(client(by_cookie).await, "sandbox-client");
}
