//! Who is calling, in each mode: who gets in, and everything that does not.

mod authorizer;
mod cookie;
mod hmac;
mod issuer;
mod jwks;
mod jwt;
mod recipes;
mod secrets;
mod settings;

use crate::world::*;
use serde_json::Value;
use std::time::{Duration, Instant};

/// At least 32 bytes.
pub(crate) const SECRET: &str = "test-secret-0123456789-0123456789-0123456789";
const REFUSED: (u64, &str) = (401, "unauthenticated");

/// Whom a token of this issuer's or a hash is for, and what it says of itself.
fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Sends an event that must be refused as not authenticated, and with nothing in the answer that tells why.
async fn refuse(world: &World, binary: Binary, event: &Value, why: &str) {
    let answer = world.send(binary, event).await;
    assert_eq!(answer.status(), REFUSED.0, "{why}: {answer:?}");
    assert_eq!(answer.problem(), (REFUSED.0, REFUSED.1.into()), "{why}");
    assert!(!answer.header("www-authenticate").is_empty());
}

/// The same of a `getToken`, and the log says why, in words that have these among them.
async fn refuse_because(world: &World, event: &Value, words: &str) {
    let before = world.said().lines().count();
    refuse(world, GetToken, event, words).await;
    let end = Instant::now() + Duration::from_secs(10);
    let cause = loop {
        if let Some(line) = world.call_lines(before).pop() {
            break line["cause"].as_str().unwrap_or_default().to_owned();
        }
        assert!(Instant::now() < end, "no line of the call");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(cause.contains(words), "{words}: {cause}");
}
