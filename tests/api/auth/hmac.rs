//! `AUTH=hmac`: a hash of the user id.

use super::{OLD_SECRET, OTHER_SECRET, SECRET, assert_refused, issuer::now_s};
use crate::world::*;
use ring::hmac;

/// The hash of a string, as a site's backend computes it.
pub(super) fn hash(secret: &str, text: &str) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes()))
}

/// A `getToken` for a user, with this hash.
pub(super) fn with_hash(user: &str, hash: &str) -> serde_json::Value {
    request(GetToken, Some(user), &[("x-user-hash", hash)])
}

async fn world() -> World {
    World::new().await.with("AUTH", "hmac").with("HMAC_SECRET", SECRET)
}

#[tokio::test]
async fn the_hash_is_hmac_sha256_of_the_user_id_in_hexadecimal() {
    // printf %s 4711 | openssl dgst -sha256 -hmac "$SECRET"
    assert_eq!(hash(SECRET, "4711"), "e73fc8c7a8a75fbf1d368db8f7366095764bfab517e999f93ae0cca73d076933");
    let world = world().await;
    for user in ["4711", "alice@example.com", "a/b", "日本", "a b", "100%"] {
        let entity = world.send(GetToken, &with_hash(user, &hash(SECRET, user))).await.entity();
        let upper = hash(SECRET, user).to_uppercase();
        assert_eq!(world.send(GetToken, &with_hash(user, &upper)).await.entity(), entity);
    }
}

#[tokio::test]
async fn any_other_hash_is_refused() {
    let world = world().await;
    let good = hash(SECRET, "alice");
    let other_secret = hash(OTHER_SECRET, "alice");
    let (twice, spaced) = (format!("{good},{good}"), format!(" {good}"));
    let flipped = good.chars().rev().collect::<String>();
    for (hash, why) in [
        (hash(SECRET, "bob").as_str(), "bob's"),
        (&hash(SECRET, "Alice"), "another case"),
        (&hash(SECRET, ""), "of an empty id"),
        (&other_secret, "another secret"),
        (&good[..62], "cut"),
        (&format!("{good}00"), "longer"),
        (&flipped, "reversed"),
        (&twice, "twice"),
        (&spaced, "with a space"),
        ("", "empty"),
        ("x", "not hexadecimal"),
        (&"0".repeat(64), "zeros"),
        (&"0".repeat(100_000), "long"),
    ] {
        for binary in Binary::ALL {
            assert_refused(&world, binary, &request(binary, Some("alice"), &[("x-user-hash", hash)]), why).await;
        }
    }
    assert_refused(&world, GetToken, &request(GetToken, Some("alice"), &[]), "no hash").await;
    assert_refused(&world, GetToken, &request(GetToken, None, &[]), "nothing at all").await;
    let no_user = world.send(GetToken, &request(GetToken, None, &[("x-user-hash", &good)])).await;
    assert_eq!(no_user.problem(), (400, "invalid_request"));
    assert_eq!(world.sandbox.customers(), 0);
}

#[tokio::test]
async fn a_hash_with_an_expiry_is_accepted_only_until_then() {
    let world = world().await;
    let with = |hash: &str, expires: &str| {
        request(GetToken, Some("alice"), &[("x-user-hash", hash), ("x-user-hash-expires", expires)])
    };
    let until = |s: i64| (now_s() + s).to_string();
    let ahead = until(600);
    world.send(GetToken, &with(&hash(SECRET, &format!("alice\n{ahead}")), &ahead)).await.token();
    // The expiry is part of what is hashed.
    let later = until(900);
    assert_refused(&world, GetToken, &with(&hash(SECRET, &format!("alice\n{ahead}")), &later), "a later expiry").await;
    assert_refused(&world, GetToken, &with(&hash(SECRET, "alice"), &ahead), "an expiry that is not hashed").await;
    let without_expiry = with_hash("alice", &hash(SECRET, &format!("alice\n{ahead}")));
    assert_refused(&world, GetToken, &without_expiry, "without its expiry").await;
    assert_refused(&world, GetToken, &with(&hash(SECRET, &format!("alice{ahead}")), &ahead), "without a line feed")
        .await;
    for invalid in [
        until(-1),
        until(-100_000),
        "0".into(),
        "-1".into(),
        "1e12".into(),
        " 99999999999".into(),
        String::new(),
        "x".into(),
        "9".repeat(30),
        (now_s() * 1000).to_string(),
    ] {
        assert_refused(&world, GetToken, &with(&hash(SECRET, &format!("alice\n{invalid}")), &invalid), &invalid).await;
    }
}

#[tokio::test]
async fn the_previous_secret_is_accepted_during_a_rotation() {
    let world = world().await.with("HMAC_SECRET_PREVIOUS", OLD_SECRET);
    for secret in [SECRET, OLD_SECRET] {
        world.send(GetToken, &with_hash("alice", &hash(secret, "alice"))).await.token();
    }
}

#[tokio::test]
async fn a_damaged_hash_is_refused_and_not_treated_as_a_guest() {
    let world = world().await.with("GUESTS", "true");
    let good = hash(SECRET, "alice");
    for damage in ["\u{7f}", "\0", "\r\n", "\u{80}", "\u{fffd}"] {
        for hash in [damage.to_owned(), format!("{good}{damage}"), format!("{damage}{good}")] {
            let headers = [("x-user-hash", hash.as_str()), ("x-guest-id", GUEST)];
            assert_refused(&world, GetToken, &request(GetToken, Some("alice"), &headers), &hash).await;
            let response = world.send(GetToken, &request(GetToken, None, &headers)).await;
            assert_eq!(response.problem(), (400, "invalid_request"), "a hash needs a user in the path");
        }
    }
    assert_eq!(world.sandbox.customers(), 0);
}
