//! LiveChat's limit of 25 access tokens and 25 refresh tokens.

use crate::lab::{Lab, REDIRECT_URI, refusal};
use serde_json::json;

#[tokio::test]
async fn the_oldest_access_token_is_revoked_without_notice() {
    let lab = Lab::new().await;
    let mut tokens = Vec::new();
    for _ in 0..25 {
        tokens.push(lab.agent_token().await);
    }
    assert_eq!(lab.agent_grant(&tokens[0], json!({})).await.status, 200);
    tokens.push(lab.agent_token().await);
    assert_eq!(lab.agent_grant(&tokens[0], json!({})).await.refusal(), refusal(401, "access_denied"));
    for token in &tokens[1..] {
        assert_eq!(lab.agent_grant(token, json!({})).await.status, 200);
    }
    assert_eq!((lab.sandbox.live_agent_tokens(), lab.sandbox.most_live_agent_tokens()), (25, 25));
}

#[tokio::test]
async fn the_oldest_refresh_token_is_revoked_without_notice() {
    let lab = Lab::new().await;
    let new_pair = async || {
        let code = lab.code(&[]).await;
        let exchange = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)];
        lab.oauth(&exchange).await.field("refresh_token")
    };
    let second = new_pair().await;
    for _ in 0..23 {
        new_pair().await;
    }
    assert_eq!(lab.refresh("sandbox-refresh-token").await.status, 200, "25 of them");
    new_pair().await;
    assert_eq!(lab.refresh("sandbox-refresh-token").await.refusal(), refusal(400, "invalid_grant"));
    assert_eq!(lab.refresh(&second).await.status, 200);
}

#[tokio::test]
async fn only_tokens_that_live_at_the_same_time_are_counted() {
    let lab = Lab::new().await;
    lab.sandbox.set(|settings| settings.agent_expires_in = 60);
    lab.agent_token().await;
    assert_eq!(lab.refresh("sandbox-refresh-token").await.json()["expires_in"], 60);
    assert_eq!(lab.sandbox.live_agent_tokens(), 2);
    lab.sandbox.set(|settings| settings.clock_skew_ms = 61_000);
    assert_eq!(lab.sandbox.live_agent_tokens(), 0);
    lab.agent_token().await;
    assert_eq!((lab.sandbox.live_agent_tokens(), lab.sandbox.most_live_agent_tokens()), (1, 2));
    lab.sandbox.reset();
    assert_eq!((lab.sandbox.live_agent_tokens(), lab.sandbox.most_live_agent_tokens()), (0, 0));
}
