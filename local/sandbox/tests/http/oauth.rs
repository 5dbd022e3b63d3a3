//! `POST` and `DELETE /v2/token`.

use crate::lab::{Lab, REDIRECT_URI, refusal};
use axum::http::header;
use sandbox::RefreshRotation;
use serde_json::json;

#[tokio::test]
async fn a_refresh_token_gets_an_access_token_and_does_not_rotate() {
    let lab = Lab::new().await;
    let first = lab.refresh("sandbox-refresh-token").await;
    assert_eq!(first.status, 200);
    let mut body = first.json();
    let access_token = body["access_token"].take();
    assert_eq!(
        body,
        json!({
            "access_token": null, "account_id": "66666666-7777-4888-8999-aaaaaaaaaaaa", "expires_in": 28_800,
            "organization_id": lab.sandbox.app().organization_id, "refresh_token": "sandbox-refresh-token",
            "scope": "customers:own", "token_type": "Bearer",
        })
    );
    let second = lab.refresh("sandbox-refresh-token").await;
    assert_ne!(second.json()["access_token"], access_token);
    assert_eq!((lab.sandbox.calls().oauth, lab.sandbox.live_agent_tokens()), (2, 2));
}

#[tokio::test]
async fn with_strict_rotation_a_used_refresh_token_is_dead() {
    let lab = Lab::new().await;
    lab.sandbox.set(|settings| settings.refresh_rotation = RefreshRotation::Strict);
    let second = lab.refresh("sandbox-refresh-token").await.field("refresh_token");
    assert_ne!(second, "sandbox-refresh-token");
    assert_eq!(lab.refresh("sandbox-refresh-token").await.refusal(), refusal(400, "invalid_grant"));
    let third = lab.refresh(&second).await.field("refresh_token");
    assert_eq!(lab.refresh(&third).await.status, 200);
}

#[tokio::test]
async fn a_code_is_exchanged_once() {
    let lab = Lab::new().await;
    let code = lab.code(&[]).await;
    let exchange = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
    let reply = lab.oauth(&exchange).await;
    assert_eq!((reply.status, reply.field("scope")), (200, "customers:own".into()));
    assert_eq!(lab.refresh(&reply.field("refresh_token")).await.status, 200);
    assert_eq!(lab.oauth(&exchange).await.refusal(), refusal(401, "unauthorized_client"));
}

#[tokio::test]
async fn a_code_expires_after_a_few_minutes() {
    let lab = Lab::new().await;
    let code = lab.code(&[]).await;
    let exchange = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
    lab.sandbox.set(|settings| settings.clock_skew_ms = 5 * 60_000 + 1);
    assert_eq!(lab.oauth(&exchange).await.refusal(), refusal(401, "unauthorized_client"));
    lab.sandbox.set(|settings| settings.clock_skew_ms = 4 * 60_000);
    assert_eq!(lab.oauth(&exchange).await.status, 200);
}

#[tokio::test]
async fn a_code_is_bound_to_its_redirect_uri_and_its_challenge() {
    let lab = Lab::new().await;
    // RFC 7636, appendix B.
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let challenge = ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let code = lab.code(&[challenge, ("code_challenge_method", "S256")]).await;
    let exchange = async |redirect_uri: &str, verifier: &str| {
        let params = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        lab.oauth(&params).await
    };
    let other = exchange("https://shop.example/other", verifier).await;
    assert_eq!(other.refusal(), refusal(400, "invalid_grant"));
    let evil = exchange("https://evil.example/", verifier).await;
    assert_eq!(evil.refusal(), refusal(401, "unauthorized_client"));
    for bad in ["", &"x".repeat(43)] {
        assert_eq!(exchange(REDIRECT_URI, bad).await.refusal(), refusal(400, "invalid_grant"), "{bad}");
    }
    assert_eq!(exchange(REDIRECT_URI, verifier).await.status, 200, "a failed exchange does not use the code up");
}

#[tokio::test]
async fn a_wrong_client_secret_or_token_is_refused_as_documented() {
    let lab = Lab::new().await;
    let good = [("grant_type", "refresh_token"), ("refresh_token", "sandbox-refresh-token")];
    let with = async |param| lab.oauth(&[good[0], good[1], param]).await.refusal();
    assert_eq!(with(("client_secret", "other")).await, refusal(401, "unauthorized_client"));
    assert_eq!(with(("client_secret", "")).await, refusal(401, "unauthorized_client"));
    assert_eq!(with(("client_id", "other")).await, refusal(401, "unauthorized_client"));
    assert_eq!(with(("client_id", "sandbox-client")).await, refusal(401, "invalid_client"));
    assert_eq!(with(("refresh_token", "again")).await, refusal(400, "invalid_request"));
    assert_eq!(lab.refresh("other").await.refusal(), refusal(401, "unauthorized_client"));
    lab.sandbox.kill_refresh_token();
    assert_eq!(lab.refresh("sandbox-refresh-token").await.refusal(), refusal(400, "invalid_grant"));
    assert_eq!(lab.sandbox.live_agent_tokens(), 0);
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let lab = Lab::new().await;
    for missing in [
        vec![],
        vec![("grant_type", "refresh_token")],
        vec![("grant_type", "authorization_code")],
        vec![("grant_type", "authorization_code"), ("code", "x")],
    ] {
        assert_eq!(lab.oauth(&missing).await.refusal(), refusal(400, "invalid_request"), "{missing:?}");
    }
    let other = lab.oauth(&[("grant_type", "client_credentials")]).await;
    assert_eq!(other.refusal(), refusal(400, "unsupported_grant_type"));
    let json = [(header::CONTENT_TYPE, "application/json")];
    let body = json!({"grant_type": "refresh_token", "refresh_token": "sandbox-refresh-token"});
    assert_eq!(lab.send("POST", "/v2/token", &json, body).await.refusal(), refusal(400, "invalid_request"));
}

#[tokio::test]
async fn a_revoked_access_token_takes_its_refresh_token_with_it() {
    let lab = Lab::new().await;
    let token = lab.agent_token().await;
    let path = format!("/v2/token?code={token}");
    let reply = lab.send("DELETE", &path, &[], "").await;
    assert_eq!((reply.status, reply.json()), (200, json!({})));
    assert_eq!(lab.agent_grant(&token, json!({})).await.status, 401);
    assert_eq!(lab.refresh("sandbox-refresh-token").await.refusal(), refusal(400, "invalid_grant"));
    assert_eq!(lab.send("DELETE", &path, &[], "").await.refusal(), refusal(401, "access_denied"));
    assert_eq!(lab.sandbox.calls().agent_revoke, 2);
}

#[tokio::test]
async fn a_refresh_token_is_revoked_by_the_header_and_its_access_tokens_stay() {
    let lab = Lab::new().await;
    let token = lab.agent_token().await;
    let bearer = [(header::AUTHORIZATION, "Bearer sandbox-refresh-token")];
    assert_eq!(lab.send("DELETE", "/v2/token", &bearer, "").await.status, 200);
    assert_eq!(lab.refresh("sandbox-refresh-token").await.refusal(), refusal(400, "invalid_grant"));
    assert_eq!(lab.agent_grant(&token, json!({})).await.status, 200);
    assert_eq!(lab.send("DELETE", "/v2/token", &[], "").await.status, 401);
}
