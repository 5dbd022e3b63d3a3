//! `AUTH=hmac`: a hash of the user id.

use super::{SECRET, issuer::now_s, refuse};
use crate::world::*;
use ring::hmac;

pub(crate) fn hash(secret: &str, text: &str) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text.as_bytes()))
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
        let entity = world
            .send(GetToken, &request(GetToken, Some(user), &[("x-user-hash", &hash(SECRET, user))]))
            .await
            .entity();
        let upper = hash(SECRET, user).to_uppercase();
        assert_eq!(
            world.send(GetToken, &request(GetToken, Some(user), &[("x-user-hash", &upper)])).await.entity(),
            entity
        );
    }
}

#[tokio::test]
async fn any_other_hash_is_refused() {
    let world = world().await;
    let good = hash(SECRET, "alice");
    let other_secret = hash("test-secret-of-somebody-else-0123456789", "alice");
    let (twice, spaced) = (format!("{good},{good}"), format!(" {good}"));
    let flipped = good.chars().rev().collect::<String>();
    for (hash, why) in [
        (hash(SECRET, "bob").as_str(), "bob's"),
        (&hash(SECRET, "Alice"), "another case"),
        (&hash(SECRET, ""), "of nothing"),
        (&other_secret, "another secret"),
        (&good[..62], "cut"),
        (&format!("{good}00"), "longer"),
        (&flipped, "turned round"),
        (&twice, "twice"),
        (&spaced, "with a space"),
        ("", "empty"),
        ("x", "no hexadecimal"),
        (&"0".repeat(64), "zeros"),
        (&"0".repeat(100_000), "long"),
    ] {
        for binary in [GetToken, GetFreshToken, HasToken, Invalidate] {
            refuse(&world, binary, &request(binary, Some("alice"), &[("x-user-hash", hash)]), why).await;
        }
    }
    refuse(&world, GetToken, &request(GetToken, Some("alice"), &[]), "no hash").await;
    refuse(&world, GetToken, &request(GetToken, None, &[]), "nothing at all").await;
    let no_user = world.send(GetToken, &request(GetToken, None, &[("x-user-hash", &good)])).await;
    assert_eq!(no_user.problem(), (400, "invalid_request".into()));
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
    // The end is part of what is hashed, and a hash without one is no hash with one.
    let later = until(900);
    refuse(&world, GetToken, &with(&hash(SECRET, &format!("alice\n{ahead}")), &later), "a later end").await;
    refuse(&world, GetToken, &with(&hash(SECRET, "alice"), &ahead), "an end that is not hashed").await;
    let endless = request(GetToken, Some("alice"), &[("x-user-hash", &hash(SECRET, &format!("alice\n{ahead}")))]);
    refuse(&world, GetToken, &endless, "the end left out").await;
    refuse(&world, GetToken, &with(&hash(SECRET, &format!("alice{ahead}")), &ahead), "without a line feed").await;
    for odd in [
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
        refuse(&world, GetToken, &with(&hash(SECRET, &format!("alice\n{odd}")), &odd), &odd).await;
    }
}

#[tokio::test]
async fn the_previous_secret_is_accepted_during_a_rotation() {
    let old = "test-secret-of-last-year-0123456789-0123456789";
    let world = world().await.with("HMAC_SECRET_PREVIOUS", old);
    for secret in [SECRET, old] {
        world
            .send(GetToken, &request(GetToken, Some("alice"), &[("x-user-hash", &hash(secret, "alice"))]))
            .await
            .token();
    }
}

#[tokio::test]
async fn a_damaged_hash_is_refused_and_not_treated_as_a_guest() {
    let world = world().await.with("GUESTS", "true");
    let good = hash(SECRET, "alice");
    for damage in ["\u{7f}", "\0", "\r\n", "\u{80}", "\u{fffd}"] {
        for hash in [damage.to_owned(), format!("{good}{damage}"), format!("{damage}{good}")] {
            let headers = [("x-user-hash", hash.as_str()), ("x-guest-id", GUEST)];
            refuse(&world, GetToken, &request(GetToken, Some("alice"), &headers), &hash).await;
            let answer = world.send(GetToken, &request(GetToken, None, &headers)).await;
            assert_eq!(answer.problem(), (400, "invalid_request".into()), "a hash needs a user in the path");
        }
    }
    assert_eq!(world.sandbox.customers(), 0);
}
