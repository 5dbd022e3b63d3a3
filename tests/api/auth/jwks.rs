//! The identity provider's key set: rotated, unavailable, nonsense.

use super::{bearer, issuer::*, jwt::with_key_set, refuse};
use crate::world::*;
use serde_json::{Value, json};

fn of(token: &str) -> Value {
    request(GetToken, None, &[("authorization", &bearer(token))])
}

#[tokio::test]
async fn a_new_key_is_found_and_an_unknown_name_costs_one_fetch_a_minute() {
    let issuer = Issuer::start().await;
    issuer.serve(Mood::Keys(json!({"keys": [issuer.rsa_jwk()]})));
    let world = with_key_set(&issuer).await;
    world.send(GetToken, &of(&issuer.token(Rs256, "alice"))).await.token();
    assert_eq!(issuer.fetched(), 1, "at init");
    // The provider's next key, and the first token that is signed with it, within the first minute: not fetched.
    issuer.serve(Mood::Keys(issuer.key_set()));
    for _ in 0..3 {
        refuse(&world, GetToken, &of(&issuer.token(Es256, "alice")), "a key that is not known yet").await;
    }
    assert_eq!(issuer.fetched(), 1);
    // A function that starts now has it.
    let later = world.spawn(GetToken).await;
    later.send(&of(&issuer.token(Es256, "alice"))).await.token();
    assert_eq!(issuer.fetched(), 2);
}

#[tokio::test]
async fn without_a_set_nobody_gets_in_and_a_later_call_tries_again() {
    let issuer = Issuer::start().await;
    let redirected = Issuer::start().await;
    for mood in [
        Mood::Status(500),
        Mood::Status(404),
        Mood::Text("<!doctype html><title>Sign in</title>"),
        Mood::Text(""),
        Mood::Text("{}"),
        Mood::Text("{\"keys\":[]}"),
        Mood::Text("{\"keys\":{}}"),
        Mood::Text("[]"),
        Mood::Huge,
        Mood::Hang,
        Mood::Redirect(redirected.url().into()),
        // Only keys that are of no use here: of an unknown kind, on an unknown curve, for encryption, for no algorithm that
        // we know, a secret, and one that is broken.
        Mood::Keys(json!({"keys": [
            {"kty": "AKP", "kid": "ec-1", "alg": "ML-DSA-44", "pub": "AA"},
            {"kty": "EC", "kid": "ec-1", "crv": "secp256k1", "x": "AA", "y": "AA"},
            {"kty": "EC", "kid": "ec-1", "use": "enc", "crv": "P-256", "x": issuer.ec_jwk()["x"], "y": issuer.ec_jwk()["y"]},
            {"kty": "EC", "kid": "ec-1", "key_ops": ["deriveKey"], "crv": "P-256", "x": issuer.ec_jwk()["x"], "y": issuer.ec_jwk()["y"]},
            {"kty": "EC", "kid": "ec-1", "alg": "ECDH-ES", "crv": "P-256", "x": issuer.ec_jwk()["x"], "y": issuer.ec_jwk()["y"]},
            {"kty": "oct", "kid": "ec-1", "k": "AAAA"},
            {"kty": "EC", "kid": "ec-1", "crv": "P-256", "x": "§", "y": 7},
            7, null, {}
        ]})),
    ] {
        issuer.serve(mood.clone());
        let world = with_key_set(&issuer).await;
        let answer = world.send(GetToken, &of(&issuer.token(Es256, "alice"))).await;
        assert_eq!(answer.problem(), (503, "keys_unavailable".into()), "{mood:?}");
        assert!(!answer.body().to_string().contains("127.0.0.1"));
        issuer.serve(Mood::Keys(issuer.key_set()));
        // The next try comes two seconds after the last at the earliest.
        let entity = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            loop {
                let answer = world.send(GetToken, &of(&issuer.token(Es256, "alice"))).await;
                if answer.status() == 200 {
                    return answer.entity();
                }
                assert_eq!(answer.problem(), (503, "keys_unavailable".into()));
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        });
        assert!(!entity.await.expect("it recovers").is_empty(), "{mood:?}");
    }
    assert_eq!(redirected.fetched(), 0);
}

#[tokio::test]
async fn a_set_that_is_known_outlives_its_provider() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    world.send(GetToken, &of(&issuer.token(Es256, "alice"))).await.token();
    for mood in [Mood::Status(500), Mood::Hang, Mood::Text("{\"keys\":[]}")] {
        issuer.serve(mood);
        world.send(GetToken, &of(&issuer.token(Es256, "alice"))).await.token();
        refuse(
            &world,
            GetToken,
            &of(&issuer.sign(Es256, &json!({"alg": "ES256", "kid": "x"}), &claims("alice"))),
            "kid",
        )
        .await;
    }
}

#[tokio::test]
async fn good_keys_count_whatever_stands_beside_them() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    // Two keys of one name: either will do. And some that are of no use.
    issuer.serve(Mood::Keys(json!({
        "keys": [{"kty": "new"}, other.ec_jwk(), issuer.ec_jwk(), {"kty": "oct", "k": "AA", "kid": "ec-1"}, 7], "more": 1
    })));
    let world = with_key_set(&issuer).await;
    world.send(GetToken, &of(&issuer.token(Es256, "alice"))).await.token();
    world.send(GetToken, &of(&other.token(Es256, "alice"))).await.token();
    let anothers = Issuer::start().await;
    refuse(&world, GetToken, &of(&anothers.token(Es256, "alice")), "neither key").await;
    refuse(
        &world,
        GetToken,
        &of(&issuer.sign(Hs256(&[0]), &json!({"alg": "HS256", "kid": "ec-1"}), &claims("alice"))),
        "oct",
    )
    .await;
}

#[tokio::test]
async fn a_set_of_one_key_needs_no_names() {
    let issuer = Issuer::start().await;
    let mut key = issuer.ec_jwk();
    key.as_object_mut().expect("an object").remove("kid");
    issuer.serve(Mood::Keys(json!({"keys": [key]})));
    let world = with_key_set(&issuer).await;
    world.send(GetToken, &of(&issuer.sign(Es256, &json!({"alg": "ES256"}), &claims("alice")))).await.token();
    refuse(&world, GetToken, &of(&issuer.token(Es256, "alice")), "a name that the set does not have").await;
}

#[tokio::test]
async fn the_settings_can_allow_more_algorithms_than_the_usual() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await.with("JWT_ALGORITHMS", "PS256, RS384");
    for with in [Ps256, Rs384] {
        world.send(GetToken, &of(&issuer.token(with, "alice"))).await.token();
    }
    for with in [Rs256, Es256, EdDsa] {
        refuse(&world, GetToken, &of(&issuer.token(with, "alice")), "not on the list").await;
    }
}
