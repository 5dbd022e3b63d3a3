//! Who is calling, in each mode: which requests are accepted, and which are refused.

mod authorizer;
mod claims;
mod cookie;
mod hmac;
mod issuer;
mod issuers;
mod jwks;
mod jwt;
mod recipes;
mod secrets;
mod settings;

use crate::world::*;
use issuer::{AUDIENCE, NAME};
pub(crate) use issuer::{Issuer, With::Hs256};
use serde_json::Value;

/// At least 32 bytes.
pub(crate) const SECRET: &str = "test-secret-0123456789-0123456789-0123456789";
/// Also long enough, and not the secret of any function.
const OTHER_SECRET: &str = "test-secret-of-somebody-else-0123456789";
/// The secret before a rotation.
const OLD_SECRET: &str = "test-secret-of-last-year-0123456789-0123456789";

/// A world whose functions use this issuer's key set.
async fn with_key_set(issuer: &Issuer) -> World {
    let world = World::new().await.with("AUTH", "jwt").with("JWT_JWKS_URL", issuer.url());
    world.with("JWT_ISSUER", NAME).with("JWT_AUDIENCE", AUDIENCE)
}

/// A world whose functions accept tokens that are signed with this secret.
pub(crate) async fn with_secret(secret: &str) -> World {
    World::new().await.with("AUTH", "jwt").with("JWT_SECRET", secret)
}

/// A world whose functions accept tokens that are signed with this key's private half.
async fn with_public_key(pem: &str) -> World {
    World::new().await.with("AUTH", "jwt").with("JWT_PUBLIC_KEY", pem)
}

/// The value of the header `Authorization` for a token.
fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A `getToken` with this token.
fn with_token(token: &str) -> Value {
    request(GetToken, None, &[("authorization", &bearer(token))])
}

/// Sends an event, and checks that it is refused as not authenticated. `why` is for the message of a failed test.
async fn assert_refused(world: &World, binary: Binary, event: &Value, why: &str) {
    let response = world.send(binary, event).await;
    assert_eq!(response.status(), 401, "{why}: {response:?}");
    assert_eq!(response.problem(), (401, "unauthenticated"), "{why}");
    assert!(!response.header("www-authenticate").is_empty());
}

/// The same for a `getToken` with this token.
async fn assert_token_refused(world: &World, token: &str, why: &str) {
    assert_refused(world, GetToken, &with_token(token), why).await;
}

/// The same for a `getToken`. The cause in the log must contain `words`.
async fn assert_refused_because(world: &World, event: &Value, words: &str) {
    let before = world.output().lines().count();
    assert_refused(world, GetToken, event, words).await;
    let line = wait_for("the log line of the call", async || world.call_lines_after(before).pop()).await;
    let cause = line["cause"].as_str().unwrap_or_default();
    assert!(cause.contains(words), "{words}: {cause}");
}
