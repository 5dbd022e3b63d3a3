//! The identity provider's key set: rotated, unavailable, malformed, and as providers really write it.

use super::{bearer, issuer::*, jwt::with_key_set, refuse, refuse_because};
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

fn of(token: &str) -> Value {
    request(GetToken, None, &[("authorization", &bearer(token))])
}

#[tokio::test]
async fn an_unknown_key_id_causes_at_most_one_fetch_a_minute() {
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
async fn without_a_key_set_calls_fail_and_later_ones_fetch_it_again() {
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
async fn a_fetched_key_set_is_used_while_the_provider_is_down() {
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
async fn valid_keys_are_used_beside_invalid_ones() {
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
async fn a_token_without_a_key_id_is_checked_against_every_key() {
    let (issuer, other, stranger) = (Issuer::start().await, Issuer::start().await, Issuer::start().await);
    let nameless = |mut key: Value| {
        key.as_object_mut().expect("an object").remove("kid");
        key
    };
    let (one, two) = (nameless(issuer.ec_jwk()), nameless(other.ec_jwk()));
    let mut named = other.ec_jwk();
    named["kid"] = json!("ec-2");
    for keys in
        [json!([one]), json!([one, two]), json!([two, one]), json!([issuer.ec_jwk(), named]), json!([named, one])]
    {
        issuer.serve(Mood::Keys(json!({ "keys": keys })));
        let world = with_key_set(&issuer).await;
        let unnamed = json!({"alg": "ES256"});
        world.send(GetToken, &of(&issuer.sign(Es256, &unnamed, &claims("alice")))).await.token();
        // A name for a key that has none in the set.
        world.send(GetToken, &of(&issuer.token(Es256, "alice"))).await.token();
        refuse(&world, GetToken, &of(&stranger.sign(Es256, &unnamed, &claims("alice"))), "none of these keys").await;
        refuse(&world, GetToken, &of(&stranger.token(Es256, "alice")), "none of these keys").await;
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
        issuer.serve(Mood::Keys(json!({ "keys": keys })));
        let world = with_key_set(&issuer).await;
        world.send(GetToken, &of(&issuer.token(Rs256, "alice"))).await.token();
        assert_eq!(
            world.said().contains("a key of the key set cannot be used"),
            keys.as_array().is_some_and(|keys| keys.len() > 1)
        );
    }
    // A numeric kid, in the set, in the token, in both.
    for (in_set, in_token) in [(json!(1), json!(1)), (json!("1"), json!(1)), (json!(1), json!("1"))] {
        issuer.serve(Mood::Keys(json!({"keys": [rsa(json!({"kid": in_set})), {"kty": "RSA", "kid": 2}]})));
        let world = with_key_set(&issuer).await;
        world
            .send(GetToken, &of(&issuer.sign(Rs256, &json!({"alg": "RS256", "kid": in_token}), &claims("alice"))))
            .await
            .token();
    }
    // A byte order mark.
    let marked: &'static str = Box::leak(format!("\u{feff}{}", issuer.key_set()).into_boxed_str());
    issuer.serve(Mood::Text(marked));
    with_key_set(&issuer).await.send(GetToken, &of(&issuer.token(Rs256, "alice"))).await.token();
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
        issuer.serve(Mood::Keys(json!({ "keys": [key] })));
        with_key_set(&issuer).await.send(GetToken, &of(&issuer.token(Es256, "alice"))).await.token();
    }
}

#[tokio::test]
async fn ed25519_and_eddsa_name_the_same_algorithm() {
    let issuer = Issuer::start().await;
    for (in_set, in_token) in [("Ed25519", "Ed25519"), ("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")] {
        let mut key = issuer.ed_jwk();
        key["alg"] = json!(in_set);
        issuer.serve(Mood::Keys(json!({ "keys": [key] })));
        for algorithms in ["", "Ed25519", "EdDSA"] {
            let world = with_key_set(&issuer).await.with("JWT_ALGORITHMS", algorithms);
            let header = json!({"alg": in_token, "kid": "ed-1"});
            world.send(GetToken, &of(&issuer.sign(EdDsa, &header, &claims("alice")))).await.token();
            let world = with_key_set(&issuer).await.with("JWT_ALGORITHMS", "RS256");
            world.send(GetToken, &of(&issuer.sign(EdDsa, &header, &claims("alice")))).await;
        }
    }
}

#[tokio::test]
async fn an_openid_configuration_is_followed_to_keys_on_the_same_host_only() {
    let issuer = Issuer::start().await;
    let configuration = issuer.configuration_url();
    let world = with_key_set(&issuer).await.with("JWT_JWKS_URL", configuration);
    for _ in 0..2 {
        world.send(GetToken, &of(&issuer.token(Rs256, "alice"))).await.token();
    }
    // Another host's keys are not trusted: the log says what to set instead.
    for elsewhere in [
        "https://keys.example/jwks",
        "http://localhost:1/jwks",
        "https://127.0.0.1.evil.test/",
        "file:///x",
        "not a URL",
    ] {
        issuer.lead_to(elsewhere);
        let world = with_key_set(&issuer).await.with("JWT_JWKS_URL", configuration);
        let answer = world.send(GetToken, &of(&issuer.token(Rs256, "alice"))).await;
        assert_eq!(answer.problem(), (503, "keys_unavailable".into()));
        let said = world.said();
        assert!(said.contains("OpenID configuration") && said.contains(elsewhere), "{said}");
    }
    // It must not name itself.
    issuer.lead_to(configuration);
    let world = with_key_set(&issuer).await.with("JWT_JWKS_URL", configuration);
    assert_eq!(
        world.send(GetToken, &of(&issuer.token(Rs256, "alice"))).await.problem(),
        (503, "keys_unavailable".into())
    );
}

#[tokio::test]
async fn the_log_says_why_a_key_set_is_unusable() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    for (mood, words) in [
        (Mood::Text("<!doctype html><title>Sign in</title>"), "a page for people"),
        (Mood::Text("{\"1\":\"-----BEGIN CERTIFICATE-----\\nMIIC\"}"), "certificates"),
        (Mood::Text("{}"), "no array `keys`"),
        (Mood::Status(403), "status 403"),
        (Mood::Redirect(other.url().into()), "the address that it leads to"),
        (Mood::Keys(json!({"keys": [{"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"}]})), "less than 2048"),
        (Mood::Keys(json!({"keys": [{"kty": "oct", "kid": "secret", "k": "AQAB"}]})), "a secret"),
    ] {
        issuer.serve(mood.clone());
        let world = with_key_set(&issuer).await;
        let answer = world.send(GetToken, &of(&issuer.token(Rs256, "alice"))).await;
        assert_eq!(answer.problem(), (503, "keys_unavailable".into()), "{mood:?}");
        assert!(world.said().contains(words), "{words}: {}", world.said());
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
    world.send(GetToken, &of(&issuer.token(Rs256, "alice"))).await;
    let agent = issuer.user_agent();
    assert!(agent.starts_with("livechat-cip/") && agent.contains(" (+https://"), "{agent}");
    assert_eq!(*seen.lock().unwrap_or_else(PoisonError::into_inner), agent);
}

#[tokio::test]
async fn jwt_algorithms_can_allow_algorithms_that_are_off_by_default() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await.with("JWT_ALGORITHMS", "PS256, RS384");
    for with in [Ps256, Rs384] {
        world.send(GetToken, &of(&issuer.token(with, "alice"))).await.token();
    }
    for with in [Rs256, Es256, EdDsa] {
        refuse(&world, GetToken, &of(&issuer.token(with, "alice")), "not on the list").await;
    }
}

#[tokio::test]
async fn a_key_for_one_tenant_verifies_no_other_tenants_tokens() {
    let issuer = Issuer::start().await;
    let name = |tenant: &str| format!("https://login.example/{tenant}/v2.0");
    let token = |with: With, iss: String, tid: &str| {
        let mut claims = claims("alice");
        (claims["iss"], claims["tid"]) = (json!(iss), json!(tid));
        of(&issuer.sign(with, &header(with), &claims))
    };
    // As Microsoft Entra's set for all tenants: most keys for any of them, some for one.
    let (mut any, mut one) = (issuer.rsa_jwk(), issuer.ec_jwk());
    (any["issuer"], one["issuer"]) = (json!(name("{tenantid}")), json!(name("one")));
    issuer.serve(Mood::Keys(json!({"keys": [any, one]})));
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
        refuse_because(&world, &token(Es256, iss, tid), "another issuer's tokens").await;
    }
    // Without tenants, it is the issuer or it is not.
    for (its_own, gets_in) in [(NAME, true), ("https://other.example/", false)] {
        let mut key = issuer.ec_jwk();
        key["issuer"] = json!(its_own);
        issuer.serve(Mood::Keys(json!({ "keys": [key] })));
        let answer = with_key_set(&issuer).await.send(GetToken, &of(&issuer.token(Es256, "alice"))).await;
        assert_eq!(answer.status() == 200, gets_in, "{its_own}");
    }
}

#[tokio::test]
async fn a_published_private_key_is_not_used() {
    let issuer = Issuer::start().await;
    let mut key = issuer.ec_jwk();
    key["d"] = json!("AQAB");
    issuer.serve(Mood::Keys(json!({ "keys": [key, issuer.rsa_jwk()] })));
    let world = with_key_set(&issuer).await;
    world.send(GetToken, &of(&issuer.token(Rs256, "alice"))).await.token();
    refuse(&world, GetToken, &of(&issuer.token(Es256, "alice")), "everybody can sign with it").await;
    assert!(world.said().contains("it is a private key"));
}

/// It waits for the minute between two fetches.
#[tokio::test]
async fn a_replaced_key_is_found_whatever_its_key_id() {
    let (old, new) = (Issuer::start().await, Issuer::start().await);
    let nameless = |mut key: Value| {
        key.as_object_mut().expect("an object").remove("kid");
        key
    };
    let mut renamed = new.ec_jwk();
    renamed["kid"] = json!("ec-2");
    let unnamed = json!({"alg": "ES256"});
    let cases = [
        // Another name, in a set that has a key without one; no name at all; the same name.
        (json!([old.ec_jwk(), nameless(old.ec_jwk())]), json!([renamed]), json!({"alg": "ES256", "kid": "ec-2"})),
        (json!([nameless(old.ec_jwk())]), json!([nameless(new.ec_jwk())]), unnamed),
        (json!([old.ec_jwk()]), json!([new.ec_jwk()]), json!({"alg": "ES256", "kid": "ec-1"})),
    ];
    let mut worlds = Vec::new();
    for (before, after, header) in cases {
        let issuer = Issuer::start().await;
        issuer.serve(Mood::Keys(json!({ "keys": before })));
        let world = with_key_set(&issuer).await;
        world.send(GetToken, &of(&old.token(Es256, "alice"))).await.token();
        issuer.serve(Mood::Keys(json!({ "keys": after })));
        worlds.push((issuer, world, header));
    }
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    for (issuer, world, header) in worlds {
        let event = of(&new.sign(Es256, &header, &claims("alice")));
        world.send(GetToken, &event).await.token();
        assert_eq!(issuer.fetched(), 2, "{header}");
        // Nobody's signature costs another fetch now.
        refuse(&world, GetToken, &of(&issuer.sign(Es256, &header, &claims("alice"))), "a stranger's").await;
        assert_eq!(issuer.fetched(), 2, "{header}");
    }
}
