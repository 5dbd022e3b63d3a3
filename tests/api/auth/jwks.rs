//! The identity provider's key set: rotated, unavailable, malformed, and in the formats of real providers.

use super::{assert_refused, assert_refused_because, issuer::*, with_key_set, with_token};
use crate::world::*;
use axum::{
    Router,
    http::{HeaderMap, StatusCode},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// The key without its key id.
fn without_kid(mut key: Value) -> Value {
    key.as_object_mut().expect("an object").remove("kid");
    key
}

#[tokio::test]
async fn an_unknown_key_id_causes_at_most_one_fetch_a_minute() {
    let issuer = Issuer::start().await;
    issuer.serve_keys(&json!([issuer.rsa_jwk()]));
    let world = with_key_set(&issuer).await;
    world.send(GetToken, &with_token(&issuer.token(Rs256, "alice"))).await.token();
    assert_eq!(issuer.fetched(), 1, "at init");
    // A token with the provider's next key, within a minute of the fetch: the set is not fetched again.
    issuer.serve(KeysResponse::Keys(issuer.key_set()));
    for _ in 0..3 {
        assert_refused(&world, GetToken, &with_token(&issuer.token(Es256, "alice")), "a key that is not known yet")
            .await;
    }
    assert_eq!(issuer.fetched(), 1);
    // A function that starts now has the key.
    let later = world.spawn(GetToken).await;
    later.send(&with_token(&issuer.token(Es256, "alice"))).await.token();
    assert_eq!(issuer.fetched(), 2);
}

#[tokio::test]
async fn without_a_key_set_calls_fail_and_later_ones_fetch_it_again() {
    let issuer = Issuer::start().await;
    let redirected = Issuer::start().await;
    for served in [
        KeysResponse::Status(500),
        KeysResponse::Status(404),
        KeysResponse::Text("<!doctype html><title>Sign in</title>"),
        KeysResponse::Text(""),
        KeysResponse::Text("{}"),
        KeysResponse::Text("{\"keys\":[]}"),
        KeysResponse::Text("{\"keys\":{}}"),
        KeysResponse::Text("[]"),
        KeysResponse::Huge,
        KeysResponse::Hang,
        KeysResponse::Redirect(redirected.url().into()),
        // Only unusable keys: of an unknown kind, on an unknown curve, for encryption, for an unknown algorithm, a secret, and a
        // malformed one.
        KeysResponse::Keys(json!({"keys": [
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
        issuer.serve(served.clone());
        let world = with_key_set(&issuer).await;
        let response = world.send(GetToken, &with_token(&issuer.token(Es256, "alice"))).await;
        assert_eq!(response.problem(), (503, "keys_unavailable"), "{served:?}");
        assert!(!response.body().to_string().contains("127.0.0.1"));
        issuer.serve(KeysResponse::Keys(issuer.key_set()));
        // The function tries again two seconds after the failed attempt, at the earliest.
        until("a key set", async || {
            let response = world.send(GetToken, &with_token(&issuer.token(Es256, "alice"))).await;
            let is_accepted = response.status() == 200;
            assert!(is_accepted || response.problem() == (503, "keys_unavailable"), "{served:?}: {response:?}");
            is_accepted
        })
        .await;
    }
    assert_eq!(redirected.fetched(), 0);
}

#[tokio::test]
async fn a_fetched_key_set_is_used_while_the_provider_is_down() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    world.send(GetToken, &with_token(&issuer.token(Es256, "alice"))).await.token();
    for served in [KeysResponse::Status(500), KeysResponse::Hang, KeysResponse::Text("{\"keys\":[]}")] {
        issuer.serve(served);
        world.send(GetToken, &with_token(&issuer.token(Es256, "alice"))).await.token();
        assert_refused(
            &world,
            GetToken,
            &with_token(&issuer.sign(Es256, &json!({"alg": "ES256", "kid": "x"}), &claims("alice"))),
            "kid",
        )
        .await;
    }
}

#[tokio::test]
async fn valid_keys_are_used_beside_invalid_ones() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    // Two keys with one key id, both of which are valid, and some unusable ones.
    issuer.serve(KeysResponse::Keys(json!({
        "keys": [{"kty": "new"}, other.ec_jwk(), issuer.ec_jwk(), {"kty": "oct", "k": "AA", "kid": "ec-1"}, 7], "more": 1
    })));
    let world = with_key_set(&issuer).await;
    world.send(GetToken, &with_token(&issuer.token(Es256, "alice"))).await.token();
    world.send(GetToken, &with_token(&other.token(Es256, "alice"))).await.token();
    let anothers = Issuer::start().await;
    assert_refused(&world, GetToken, &with_token(&anothers.token(Es256, "alice")), "neither key").await;
    assert_refused(
        &world,
        GetToken,
        &with_token(&issuer.sign(Hs256(&[0]), &json!({"alg": "HS256", "kid": "ec-1"}), &claims("alice"))),
        "oct",
    )
    .await;
}

#[tokio::test]
async fn a_token_without_a_key_id_is_checked_against_every_key() {
    let (issuer, other, stranger) = (Issuer::start().await, Issuer::start().await, Issuer::start().await);
    let (one, two) = (without_kid(issuer.ec_jwk()), without_kid(other.ec_jwk()));
    let mut named = other.ec_jwk();
    named["kid"] = json!("ec-2");
    for keys in
        [json!([one]), json!([one, two]), json!([two, one]), json!([issuer.ec_jwk(), named]), json!([named, one])]
    {
        issuer.serve_keys(&json!(keys));
        let world = with_key_set(&issuer).await;
        let unnamed = json!({"alg": "ES256"});
        world.send(GetToken, &with_token(&issuer.sign(Es256, &unnamed, &claims("alice")))).await.token();
        // A key id in the token, and none in the set.
        world.send(GetToken, &with_token(&issuer.token(Es256, "alice"))).await.token();
        assert_refused(
            &world,
            GetToken,
            &with_token(&stranger.sign(Es256, &unnamed, &claims("alice"))),
            "none of these keys",
        )
        .await;
        assert_refused(&world, GetToken, &with_token(&stranger.token(Es256, "alice")), "none of these keys").await;
    }
}

#[tokio::test]
async fn key_sets_in_the_formats_of_real_providers_are_read() {
    let issuer = Issuer::start().await;
    let rsa = |more: Value| {
        let mut key = issuer.rsa_jwk();
        key.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        key
    };
    let n = BASE64_URL_SAFE_NO_PAD.decode(issuer.rsa_jwk()["n"].as_str().expect("text")).expect("base64");
    let with_zero = BASE64_URL_SAFE_NO_PAD.encode([vec![0], n.clone()].concat());
    let broken = json!({"kty": "RSA", "kid": "broken", "n": "§", "e": "AQAB"});
    for keys in [
        json!([rsa(json!({"n": with_zero}))]),
        json!([rsa(json!({"e": "AAEAAQ"}))]),
        json!([rsa(json!({"n": BASE64_STANDARD.encode(&n), "e": "AQAB="}))]),
        json!([rsa(json!({"alg": null, "use": null, "x5c": [], "x5t": "x", "key_ops": ["verify"]}))]),
        json!([broken, 7, null, {"kty": "EC", "crv": "P-256", "x": "AA"}, rsa(json!({}))]),
    ] {
        issuer.serve_keys(&json!(keys));
        let world = with_key_set(&issuer).await;
        world.send(GetToken, &with_token(&issuer.token(Rs256, "alice"))).await.token();
        assert_eq!(
            world.output().contains("a key of the key set cannot be used"),
            keys.as_array().is_some_and(|keys| keys.len() > 1)
        );
    }
    // A numeric kid, in the set, in the token, in both.
    for (in_set, in_token) in [(json!(1), json!(1)), (json!("1"), json!(1)), (json!(1), json!("1"))] {
        issuer.serve_keys(&json!([rsa(json!({"kid": in_set})), {"kty": "RSA", "kid": 2}]));
        let world = with_key_set(&issuer).await;
        world
            .send(
                GetToken,
                &with_token(&issuer.sign(Rs256, &json!({"alg": "RS256", "kid": in_token}), &claims("alice"))),
            )
            .await
            .token();
    }
    // A byte order mark.
    let marked: &'static str = Box::leak(format!("\u{feff}{}", issuer.key_set()).into_boxed_str());
    issuer.serve(KeysResponse::Text(marked));
    with_key_set(&issuer).await.send(GetToken, &with_token(&issuer.token(Rs256, "alice"))).await.token();
}

#[tokio::test]
async fn key_coordinates_can_lack_a_leading_zero_or_have_one_too_many() {
    // About one key in 128 has a coordinate that begins with a zero byte.
    let issuer = loop {
        let issuer = Issuer::start().await;
        let jwk = issuer.ec_jwk();
        if ["x", "y"].iter().any(|name| {
            jwk[name].as_str().is_some_and(|text| {
                text.starts_with("AA") || text.starts_with("AB") || text.starts_with("AC") || text.starts_with("AD")
            })
        }) {
            break issuer;
        }
    };
    let bytes =
        |name: &str| BASE64_URL_SAFE_NO_PAD.decode(issuer.ec_jwk()[name].as_str().expect("text")).expect("base64");
    let stripped = |name: &str| {
        BASE64_URL_SAFE_NO_PAD.encode(bytes(name).into_iter().skip_while(|byte| *byte == 0).collect::<Vec<_>>())
    };
    let extended = |name: &str| BASE64_URL_SAFE_NO_PAD.encode([vec![0], bytes(name)].concat());
    for (x, y) in [(stripped("x"), stripped("y")), (extended("x"), extended("y"))] {
        let mut key = issuer.ec_jwk();
        (key["x"], key["y"]) = (json!(x), json!(y));
        issuer.serve_keys(&json!([key]));
        with_key_set(&issuer).await.send(GetToken, &with_token(&issuer.token(Es256, "alice"))).await.token();
    }
}

#[tokio::test]
async fn ed25519_and_eddsa_name_the_same_algorithm() {
    let issuer = Issuer::start().await;
    for (in_set, in_token) in [("Ed25519", "Ed25519"), ("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")] {
        let mut key = issuer.ed_jwk();
        key["alg"] = json!(in_set);
        issuer.serve_keys(&json!([key]));
        for algorithms in ["", "Ed25519", "EdDSA"] {
            let world = with_key_set(&issuer).await.with("JWT_ALGORITHMS", algorithms);
            let header = json!({"alg": in_token, "kid": "ed-1"});
            world.send(GetToken, &with_token(&issuer.sign(EdDsa, &header, &claims("alice")))).await.token();
        }
        let world = with_key_set(&issuer).await.with("JWT_ALGORITHMS", "RS256");
        let token = issuer.sign(EdDsa, &json!({"alg": in_token, "kid": "ed-1"}), &claims("alice"));
        assert_eq!(world.send(GetToken, &with_token(&token)).await.problem(), (503, "keys_unavailable"));
    }
}

#[tokio::test]
async fn an_openid_configuration_is_followed_to_keys_on_the_same_host_only() {
    let issuer = Issuer::start().await;
    let configuration = issuer.configuration_url();
    let world = with_key_set(&issuer).await.with("JWT_JWKS_URL", configuration);
    for _ in 0..2 {
        world.send(GetToken, &with_token(&issuer.token(Rs256, "alice"))).await.token();
    }
    // Another host's keys are not trusted. The log says what to set instead.
    for elsewhere in [
        "https://keys.example/jwks",
        "http://localhost:1/jwks",
        "https://127.0.0.1.evil.test/",
        "file:///x",
        "not a URL",
    ] {
        issuer.lead_to(elsewhere);
        let world = with_key_set(&issuer).await.with("JWT_JWKS_URL", configuration);
        let response = world.send(GetToken, &with_token(&issuer.token(Rs256, "alice"))).await;
        assert_eq!(response.problem(), (503, "keys_unavailable"));
        let said = world.output();
        assert!(said.contains("OpenID configuration") && said.contains(elsewhere), "{said}");
    }
    // It must not refer to itself.
    issuer.lead_to(configuration);
    let world = with_key_set(&issuer).await.with("JWT_JWKS_URL", configuration);
    assert_eq!(
        world.send(GetToken, &with_token(&issuer.token(Rs256, "alice"))).await.problem(),
        (503, "keys_unavailable")
    );
}

#[tokio::test]
async fn the_log_says_why_a_key_set_is_unusable() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    for (served, words) in [
        (KeysResponse::Text("<!doctype html><title>Sign in</title>"), "a page for people"),
        (KeysResponse::Text("{\"1\":\"-----BEGIN CERTIFICATE-----\\nMIIC\"}"), "certificates"),
        (KeysResponse::Text("{}"), "no array `keys`"),
        (KeysResponse::Status(403), "status 403"),
        (KeysResponse::Redirect(other.url().into()), "the address that it leads to"),
        (
            KeysResponse::Keys(json!({"keys": [{"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"}]})),
            "less than 2048",
        ),
        (KeysResponse::Keys(json!({"keys": [{"kty": "oct", "kid": "secret", "k": "AQAB"}]})), "a secret"),
    ] {
        issuer.serve(served.clone());
        let world = with_key_set(&issuer).await;
        let response = world.send(GetToken, &with_token(&issuer.token(Rs256, "alice"))).await;
        assert_eq!(response.problem(), (503, "keys_unavailable"), "{served:?}");
        assert!(world.output().contains(words), "{words}: {}", world.output());
    }
}

#[tokio::test]
async fn requests_to_providers_and_livechat_have_a_user_agent() {
    let issuer = Issuer::start().await;
    let seen = Arc::new(Mutex::new(String::new()));
    let livechat = {
        let seen = seen.clone();
        move |headers: HeaderMap| async move {
            let agent = headers.get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or_default();
            agent.clone_into(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let livechat = serve(Router::new().fallback(livechat)).await;
    let world = with_key_set(&issuer).await.with("LIVECHAT_ACCOUNTS_URL", &livechat);
    world.send(GetToken, &with_token(&issuer.token(Rs256, "alice"))).await;
    let agent = issuer.user_agent();
    assert!(agent.starts_with("livechat-cip/") && agent.contains(" (+https://"), "{agent}");
    assert_eq!(*seen.lock().unwrap_or_else(PoisonError::into_inner), agent);
}

#[tokio::test]
async fn jwt_algorithms_can_allow_algorithms_that_are_off_by_default() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await.with("JWT_ALGORITHMS", "PS256, RS384");
    for with in [Ps256, Rs384] {
        world.send(GetToken, &with_token(&issuer.token(with, "alice"))).await.token();
    }
    for with in [Rs256, Es256, EdDsa] {
        assert_refused(&world, GetToken, &with_token(&issuer.token(with, "alice")), "not on the list").await;
    }
}

#[tokio::test]
async fn a_key_for_one_tenant_verifies_no_other_tenants_tokens() {
    let issuer = Issuer::start().await;
    let name = |tenant: &str| format!("https://login.example/{tenant}/v2.0");
    let token = |with: With, iss: String, tid: &str| {
        let mut claims = claims("alice");
        (claims["iss"], claims["tid"]) = (json!(iss), json!(tid));
        with_token(&issuer.sign(with, &header(with), &claims))
    };
    // As in Microsoft Entra's set for all tenants: most keys are for any tenant, some for one.
    let (mut any, mut one) = (issuer.rsa_jwk(), issuer.ec_jwk());
    (any["issuer"], one["issuer"]) = (json!(name("{tenantid}")), json!(name("one")));
    issuer.serve_keys(&json!([any, one]));
    let v1 = "https://sts.example/{tid}/";
    let world = with_key_set(&issuer).await.with("JWT_ISSUER", &format!("{}|{v1}", name("{tid}")));
    let world = world.with("JWT_REQUIRED_CLAIMS", "tid=one,tid=two");
    for (with, iss, tid) in [
        (Rs256, name("one"), "one"),
        (Rs256, name("two"), "two"),
        (Rs256, v1.replace("{tid}", "two"), "two"),
        (Es256, name("one"), "one"),
        (Es256, v1.replace("{tid}", "one"), "one"),
    ] {
        world.send(GetToken, &token(with, iss, tid)).await.token();
    }
    for (iss, tid) in [(name("two"), "two"), (v1.replace("{tid}", "two"), "two")] {
        assert_refused_because(&world, &token(Es256, iss, tid), "another issuer's tokens").await;
    }
    // Without tenants, the key's issuer is compared as it is.
    for (key_issuer, is_accepted) in [(NAME, true), ("https://other.example/", false)] {
        let mut key = issuer.ec_jwk();
        key["issuer"] = json!(key_issuer);
        issuer.serve_keys(&json!([key]));
        let response = with_key_set(&issuer).await.send(GetToken, &with_token(&issuer.token(Es256, "alice"))).await;
        assert_eq!(response.status() == 200, is_accepted, "{key_issuer}");
    }
}

#[tokio::test]
async fn a_published_private_key_is_not_used() {
    let issuer = Issuer::start().await;
    let mut key = issuer.ec_jwk();
    key["d"] = json!("AQAB");
    issuer.serve_keys(&json!([key, issuer.rsa_jwk()]));
    let world = with_key_set(&issuer).await;
    world.send(GetToken, &with_token(&issuer.token(Rs256, "alice"))).await.token();
    assert_refused(&world, GetToken, &with_token(&issuer.token(Es256, "alice")), "a published private key").await;
    assert!(world.output().contains("it is a private key"));
}

/// It takes a minute, the time between two fetches.
#[tokio::test]
async fn a_replaced_key_is_found_whatever_its_key_id() {
    let (old, new) = (Issuer::start().await, Issuer::start().await);
    let mut renamed = new.ec_jwk();
    renamed["kid"] = json!("ec-2");
    let unnamed = json!({"alg": "ES256"});
    let cases = [
        // Another key id, in a set that has a key without one; no key id; the same key id.
        (json!([old.ec_jwk(), without_kid(old.ec_jwk())]), json!([renamed]), json!({"alg": "ES256", "kid": "ec-2"})),
        (json!([without_kid(old.ec_jwk())]), json!([without_kid(new.ec_jwk())]), unnamed),
        (json!([old.ec_jwk()]), json!([new.ec_jwk()]), json!({"alg": "ES256", "kid": "ec-1"})),
    ];
    let mut worlds = Vec::new();
    for (before, after, header) in cases {
        let issuer = Issuer::start().await;
        issuer.serve_keys(&json!(before));
        let world = with_key_set(&issuer).await;
        world.send(GetToken, &with_token(&old.token(Es256, "alice"))).await.token();
        issuer.serve_keys(&json!(after));
        worlds.push((issuer, world, header));
    }
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    for (issuer, world, header) in worlds {
        let event = with_token(&new.sign(Es256, &header, &claims("alice")));
        world.send(GetToken, &event).await.token();
        assert_eq!(issuer.fetched(), 2, "{header}");
        // An invalid signature causes no other fetch.
        assert_refused(&world, GetToken, &with_token(&issuer.sign(Es256, &header, &claims("alice"))), "a stranger's")
            .await;
        assert_eq!(issuer.fetched(), 2, "{header}");
    }
}
