//! Secrets in AWS Secrets Manager.

use super::{
    OLD_SECRET, SECRET, assert_refused_because,
    hmac::{hash, with_hash},
    issuer::*,
    with_secret, with_token,
};
use crate::world::*;
use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::post};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:";

/// A substitute for AWS Secrets Manager with one operation, `GetSecretValue`, in the AWS JSON 1.1 protocol.
async fn secrets_manager(secrets: &[(&str, &str)]) -> String {
    let secrets: HashMap<String, String> =
        secrets.iter().map(|(name, text)| (format!("{ARN}{name}"), (*text).to_owned())).collect();
    serve(Router::new().route("/", post(get_secret_value)).with_state(Arc::new(secrets))).await
}

async fn get_secret_value(State(secrets): State<Arc<HashMap<String, String>>>, body: String) -> impl IntoResponse {
    let request: Value = serde_json::from_str(&body).expect("JSON");
    let refused = |code| (StatusCode::BAD_REQUEST, Json(json!({"__type": code, "message": "test-secret"})));
    match request["SecretId"].as_str().expect("an id") {
        id if id.ends_with(":denied") => refused("AccessDeniedException"),
        id => match secrets.get(id) {
            Some(text) if text.starts_with("binary:") => {
                (StatusCode::OK, Json(json!({"ARN": id, "SecretBinary": text["binary:".len()..]})))
            }
            Some(text) => (StatusCode::OK, Json(json!({"ARN": id, "SecretString": text}))),
            None => refused("ResourceNotFoundException"),
        },
    }
}

async fn world(url: &str) -> World {
    World::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
}

#[tokio::test]
async fn secrets_are_read_from_secrets_manager() {
    let issuer = Issuer::start().await;
    let as_pair = json!({"JWT_SECRET": SECRET, "other": "x"}).to_string();
    let old_as_pair = json!({"JWT_SECRET": OLD_SECRET}).to_string();
    let with_line_feed = format!("{SECRET}\n");
    let url = secrets_manager(&[
        ("plain", SECRET),
        ("pair", &as_pair),
        ("old", OLD_SECRET),
        ("old-pair", &old_as_pair),
        ("line", &with_line_feed),
    ])
    .await;
    for (name, previous) in [("plain", "old"), ("pair", "old-pair"), ("line", "old")] {
        let world = world(&url).await.with("AUTH", "jwt").with("JWT_SECRET_ARN", &format!("{ARN}{name}"));
        let world = world.with("JWT_SECRET_PREVIOUS_ARN", &format!("{ARN}{previous}"));
        for secret in [SECRET, OLD_SECRET] {
            let token = issuer.token(Hs256(secret.as_bytes()), "alice");
            world.send(GetToken, &with_token(&token)).await.token();
        }
    }
    let world = world(&url).await.with("AUTH", "hmac").with("HMAC_SECRET_ARN", &format!("{ARN}plain"));
    world.send(GetToken, &with_hash("alice", &hash(SECRET, "alice"))).await.token();
}

#[tokio::test]
async fn an_unreadable_secret_ends_init_with_a_line_that_says_why() {
    let url =
        secrets_manager(&[("short", "x"), ("pair", "{\"a\":\"b\"}"), ("binary", "binary:AAAA"), ("empty", "binary:")])
            .await;
    for (name, words) in [
        ("none", "no such secret"),
        ("denied", "secretsmanager:GetSecretValue"),
        ("short", "32 bytes"),
        ("pair", "without a string HMAC_SECRET"),
        ("binary", "32 bytes"),
        ("empty", "32 bytes"),
    ] {
        let world = world(&url).await.with("AUTH", "hmac").with("HMAC_SECRET_ARN", &format!("{ARN}{name}"));
        let said = world.init_error(HasToken).await;
        assert!(said.contains("HMAC_SECRET_ARN") && said.contains(words) && !said.contains("test-secret"), "{said}");
    }
    let nowhere = world("http://127.0.0.1:9").await.with("AUTH", "hmac").with("HMAC_SECRET_ARN", ARN);
    assert!(nowhere.init_error(HasToken).await.contains("could not be reached"));
}

#[tokio::test]
async fn secrets_of_any_bytes_work_in_each_encoding() {
    let issuer = Issuer::start().await;
    let bytes: Vec<u8> = (0..48u8).map(|nth| nth.wrapping_mul(37) | 0x80).collect();
    let (base64, hexadecimal) = (BASE64_STANDARD.encode(&bytes), hex::encode(&bytes));
    let url_safe = BASE64_URL_SAFE_NO_PAD.encode(&bytes);
    let token = issuer.token(Hs256(&bytes), "alice");
    let event = with_token(&token);
    for (encoding, secret) in
        [("base64", &base64), ("base64", &url_safe), ("hex", &hexadecimal), ("hex", &hexadecimal.to_uppercase())]
    {
        let world = with_secret(secret).await;
        world.with("JWT_SECRET_ENCODING", encoding).send(GetToken, &event).await.token();
        // The same characters could mean two secrets, and the function does not guess.
        let world = with_secret(secret).await;
        assert_refused_because(&world, &event, "JWT_SECRET_ENCODING").await;
    }
    let as_pair = json!({"JWT_SECRET": base64}).to_string();
    let binary = format!("binary:{base64}");
    let url = secrets_manager(&[("text", &base64), ("pair", &as_pair), ("binary", &binary)]).await;
    for (name, encoding) in [("text", "base64"), ("pair", "base64"), ("binary", "text"), ("binary", "base64")] {
        let world = world(&url).await.with("AUTH", "jwt").with("JWT_SECRET_ARN", &format!("{ARN}{name}"));
        world.with("JWT_SECRET_ENCODING", encoding).send(GetToken, &event).await.token();
    }
    // In a rotation both secrets have the same encoding.
    let new = with_secret(&BASE64_STANDARD.encode(SECRET)).await;
    let new = new.with("JWT_SECRET_PREVIOUS", &base64).with("JWT_SECRET_ENCODING", "base64");
    new.send(GetToken, &event).await.token();
    new.send(GetToken, &with_token(&issuer.token(Hs256(SECRET.as_bytes()), "alice"))).await.token();
}
