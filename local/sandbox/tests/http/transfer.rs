//! Identity transfer, for customers and agents.

use crate::lab::{Lab, Reply, refusal};
use axum::http::header::AUTHORIZATION;
use sandbox::{Grant, IdentityTransfer};
use serde_json::{Value, json};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn transfer(lab: &Lab, token: &str, more: Value) -> Reply {
    let mut body = json!({"bearer_type": "customer", "client_id": lab.sandbox.app().client_id});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let bearer = format!("Bearer {token}");
    lab.send("POST", "/v2/customer/identity_transfer", &[(AUTHORIZATION, &bearer)], body).await
}

async fn exchange(lab: &Lab, code: &str, more: Value) -> Reply {
    let mut body = json!({"grant_type": "identity_token", "client_id": lab.sandbox.app().client_id, "code": code});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    lab.send("POST", "/v2/customer/token", &[], body).await
}

#[tokio::test]
async fn a_customers_token_becomes_another_one_which_outlives_its_revocation() {
    let lab = Lab::new().await;
    let first = lab.cookie_grant(None).await.0;
    let token = first.field("access_token");
    let code = transfer(&lab, &token, json!({"code_challenge": CHALLENGE, "code_challenge_method": "S256"})).await;
    assert_eq!((code.status, &code.json()["expires_in"]), (200, &json!(3_600)));
    let code = code.field("identity_transfer_token");
    for wrong in [json!({}), json!({"code_verifier": CHALLENGE}), json!({"code_verifier": VERIFIER, "client_id": "x"})]
    {
        assert_eq!(exchange(&lab, &code, wrong).await.refusal(), refusal(400, "invalid_grant"));
    }
    let bearer = format!("Bearer {token}");
    assert_eq!(lab.send("DELETE", "/v2/customer/token", &[(AUTHORIZATION, &bearer)], "").await.status, 200);
    let second = exchange(&lab, &code, json!({"code_verifier": VERIFIER})).await;
    assert_eq!((second.status, second.field("entity_id")), (200, first.field("entity_id")));
    assert!(!lab.sandbox.works(&token) && lab.sandbox.works(&second.field("access_token")));
    assert_eq!(lab.sandbox.journal().last().map(|granted| granted.grant), Some(Grant::IdentityToken));
    let again = exchange(&lab, &code, json!({"code_verifier": VERIFIER})).await;
    assert_eq!(again.refusal(), refusal(400, "invalid_grant"));
    assert_eq!(transfer(&lab, &token, json!({})).await.refusal(), refusal(401, "access_denied"), "it was revoked");
}

#[tokio::test]
async fn an_agent_transfers_a_customer_that_it_names() {
    let lab = Lab::new().await;
    let id = lab.cookie_grant(None).await.0.field("entity_id");
    let agent = lab.agent_token().await;
    let code = transfer(&lab, &agent, json!({"bearer_type": "agent", "customer_id": id})).await;
    let token = exchange(&lab, &code.field("identity_transfer_token"), json!({})).await;
    assert_eq!(token.field("entity_id"), id);
    for wrong in [
        json!({"bearer_type": "agent"}),
        json!({"bearer_type": "agent", "customer_id": "x"}),
        json!({"bearer_type": "x"}),
    ] {
        assert_eq!(transfer(&lab, &agent, wrong).await.refusal(), refusal(400, "invalid_request"));
    }
}

#[tokio::test]
async fn a_transfer_can_be_refused() {
    let lab = Lab::new().await;
    lab.sandbox.set(|settings| settings.identity_transfer = IdentityTransfer::Refused);
    let token = lab.cookie_grant(None).await.0.field("access_token");
    assert_eq!(transfer(&lab, &token, json!({})).await.refusal(), refusal(401, "access_denied"));
    assert_eq!(lab.sandbox.calls().identity_transfer, 1);
}
