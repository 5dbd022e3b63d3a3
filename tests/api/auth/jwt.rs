//! `AUTH=jwt` with keys from the settings and from a key set: who gets in, and the attacks.

use super::{SECRET, bearer, issuer::*, refuse, refuse_because};
use crate::world::*;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A world whose functions take this issuer's key set.
pub(super) async fn with_key_set(issuer: &Issuer) -> World {
    World::new()
        .await
        .with("AUTH", "jwt")
        .with("JWT_JWKS_URL", issuer.url())
        .with("JWT_ISSUER", NAME)
        .with("JWT_AUDIENCE", AUDIENCE)
}

/// A world whose functions take tokens that were signed with [`SECRET`].
pub(crate) async fn with_secret() -> World {
    World::new().await.with("AUTH", "jwt").with("JWT_SECRET", SECRET)
}

fn of(token: &str) -> Value {
    request(GetToken, None, &[("authorization", &bearer(token))])
}

async fn refuse_token(world: &World, token: &str, why: &str) {
    refuse(world, GetToken, &of(token), why).await;
}

#[tokio::test]
async fn a_verified_user_has_one_customer_in_all_operations_and_path_formats() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let mut entities = Vec::new();
    for with in [Rs256, Es256, EdDsa] {
        let authorization = bearer(&issuer.token(with, "alice"));
        for user in [None, Some("alice")] {
            let headers = [("authorization", authorization.as_str())];
            entities.push(world.send(GetToken, &request(GetToken, user, &headers)).await.entity());
            entities.push(world.send(GetFreshToken, &request(GetFreshToken, user, &headers)).await.entity());
            assert_eq!(world.send(HasToken, &request(HasToken, user, &headers)).await.body(), true);
            assert_eq!(world.send(Invalidate, &request(Invalidate, user, &headers)).await.body(), Value::Null);
        }
    }
    entities.dedup();
    assert_eq!(entities.len(), 1);
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn a_path_with_another_users_id_is_refused() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let authorization = bearer(&issuer.token(Es256, "a"));
    let headers = [("authorization", authorization.as_str())];
    // Other users, and ids that only look the same: encoded twice, with dots and slashes, other cases and normal forms.
    for user in
        ["b", "%62", "%61", "%2561", "A", "a ", "a/", "./a", "../a", "a/../a", "b/../a", "ａ", "a\u{301}", "a\u{200b}"]
    {
        for binary in [GetToken, GetFreshToken, HasToken, Invalidate] {
            let answer = world.send(binary, &request(binary, Some(user), &headers)).await;
            assert_eq!(answer.problem(), (403, "user_mismatch".into()), "{user}");
        }
    }
    let composed = bearer(&issuer.token(Es256, "\u{e9}"));
    let decomposed = request(GetToken, Some("e\u{301}"), &[("authorization", &composed)]);
    assert_eq!(world.send(GetToken, &decomposed).await.problem(), (403, "user_mismatch".into()));
    assert_eq!(world.sandbox.customers(), 0);
}

#[tokio::test]
async fn requests_without_a_valid_authorization_header_are_refused() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let good = issuer.token(Es256, "alice");
    let other = issuer.token(Rs256, "alice");
    let twice = format!("{}, {}", bearer(&good), bearer(&other));
    for headers in [
        vec![],
        vec![("authorization", "")],
        vec![("authorization", "Bearer")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", good.as_str())],
        vec![("authorization", "Basic YWxpY2U6eA==")],
        vec![("authorization", twice.as_str())],
        vec![("x-authorization", good.as_str())],
        vec![("cookie", "session=x")],
        vec![("x-guest-id", "guest-secret-0123456789012345678901234567")],
    ] {
        for binary in [GetToken, GetFreshToken, HasToken, Invalidate] {
            for user in [None, Some("alice")] {
                refuse(&world, binary, &request(binary, user, &headers), &format!("{headers:?}")).await;
            }
        }
    }
    // Two headers, as a REST API hands them over.
    let mut event: Value = serde_json::from_str(include_str!("../../events/get-token-rest.json")).expect("JSON");
    event["path"] = json!("/getToken");
    event["pathParameters"] = Value::Null;
    event["headers"]["Authorization"] = json!(bearer(&good));
    event["multiValueHeaders"]["Authorization"] = json!([bearer(&good), bearer(&other)]);
    refuse(&world, GetToken, &event, "two headers").await;
    event["multiValueHeaders"]["Authorization"] = json!([bearer(&good)]);
    world.send(GetToken, &event).await.token();
}

#[tokio::test]
async fn the_bearer_scheme_is_case_insensitive() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let token = issuer.token(Es256, "alice");
    for scheme in ["bearer", "BEARER", "Bearer ", "bEaReR"] {
        let event = request(GetToken, None, &[("authorization", &format!("{scheme} {token}"))]);
        world.send(GetToken, &event).await.token();
    }
}

#[tokio::test]
async fn a_token_cannot_choose_its_algorithm_or_key() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let claims = claims("alice");
    for none in ["none", "None", "NONE", "nOnE", "", "HS0", "null"] {
        let token = issuer.sign(Nothing, &json!({"alg": none, "kid": "rsa-1"}), &claims);
        refuse_token(&world, &token, none).await;
        refuse_token(&world, token.trim_end_matches('.'), none).await;
    }
    // The public key as if it were a secret: in PEM, as a modulus, as a set.
    let modulus = issuer.rsa_jwk()["n"].as_str().expect("text").to_owned();
    let set = issuer.key_set().to_string();
    for secret in [RSA_PUBLIC_PEM, RSA_PUBLIC_PEM.trim_end(), &modulus, &set, "", "\0"] {
        for kid in ["rsa-1", "ec-1", "ed-1"] {
            let header = json!({"alg": "HS256", "kid": kid});
            refuse_token(&world, &issuer.sign(Hs256(secret.as_bytes()), &header, &claims), "a public key as a secret")
                .await;
        }
    }
    // A signature with one key that says it is another one's, or for an algorithm that the key is not for.
    for (with, algorithm, kid) in [
        (Es256, "ES256", "rsa-1"),
        (Rs256, "RS256", "ec-1"),
        (Rs384, "RS384", "rsa-1"),
        (Ps256, "PS256", "rsa-1"),
        (Rs256, "ES256", "rsa-1"),
        (EdDsa, "ES256", "ed-1"),
    ] {
        let token = issuer.sign(with, &json!({"alg": algorithm, "kid": kid}), &claims);
        refuse_token(&world, &token, &format!("{with:?} as {algorithm} of {kid}")).await;
    }
}

#[tokio::test]
async fn a_key_is_found_only_by_its_exact_key_id() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let claims = claims("alice");
    let odd_names = [
        json!("rsa-2"),
        json!(""),
        json!("../../../dev/null"),
        json!("/etc/passwd"),
        json!("rsa-1' OR '1'='1"),
        json!("RSA-1"),
        json!("rsa-1\u{0}"),
        json!(7),
        json!(["rsa-1"]),
    ];
    for kid in odd_names {
        refuse_token(&world, &issuer.sign(Rs256, &json!({"alg": "RS256", "kid": kid}), &claims), &kid.to_string())
            .await;
    }
    let twice = "{\"alg\":\"RS256\",\"kid\":\"rsa-1\",\"kid\":\"rsa-1\"}";
    refuse_token(&world, &issuer.sign_text(Rs256, twice, &claims.to_string()), "two names").await;
    let twice = "{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"rsa-1\"}";
    refuse_token(&world, &issuer.sign_text(Rs256, twice, &claims.to_string()), "two algorithms").await;
}

#[tokio::test]
async fn a_token_cannot_bring_its_own_key() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    let world = with_key_set(&issuer).await;
    for (name, value) in [
        ("jku", json!(other.url())),
        ("x5u", json!(other.url())),
        ("jwk", other.ec_jwk()),
        ("x5c", json!([RSA_PUBLIC_PEM.lines().nth(1)])),
    ] {
        let mut header = header(Es256);
        header[name] = value;
        refuse_token(&world, &other.sign(Es256, &header, &claims("alice")), name).await;
        // Beside a good signature it means nothing.
        world.send(GetToken, &of(&issuer.sign(Es256, &header, &claims("alice")))).await.token();
    }
    assert_eq!(other.fetched(), 0);
    let mut header = header(Es256);
    header["crit"] = json!(["exp"]);
    refuse_token(&world, &issuer.sign(Es256, &header, &claims("alice")), "critical extensions that we do not know")
        .await;
}

#[tokio::test]
async fn a_token_is_valid_between_nbf_and_exp_with_a_minute_of_leeway() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let now_s = now_s();
    let with = |name: &str, value: Value| {
        let mut claims = claims("alice");
        claims[name] = value;
        issuer.sign(Es256, &header(Es256), &claims)
    };
    for (name, value) in [
        ("exp", json!(now_s - 61)),
        ("exp", json!(now_s - 86_400)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(-1e300)),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("exp", json!((now_s + 3600) * 1000)),
        ("exp", json!((now_s + 3600).to_string())),
        ("exp", json!([now_s + 3600])),
        ("exp", json!(true)),
        ("exp", Value::Null),
        ("nbf", json!(now_s + 120)),
        ("nbf", json!(u64::MAX)),
        ("nbf", json!("0")),
        ("nbf", json!(-1)),
        ("nbf", Value::Null),
    ] {
        refuse_token(&world, &with(name, value.clone()), &format!("{name}: {value}")).await;
    }
    let mut endless = claims("alice");
    endless.as_object_mut().expect("an object").remove("exp");
    refuse_token(&world, &issuer.sign(Es256, &header(Es256), &endless), "no end").await;
    let twice =
        format!("{{\"iss\":\"{NAME}\",\"aud\":\"{AUDIENCE}\",\"sub\":\"alice\",\"exp\":1,\"exp\":{}}}", now_s + 60);
    refuse_token(&world, &issuer.sign_text(Es256, &header(Es256).to_string(), &twice), "two ends").await;
    for (name, value) in [
        ("exp", json!(now_s - 30)),
        ("exp", serde_json::from_str(&format!("{now_s}.5")).expect("a number")),
        ("nbf", json!(now_s + 30)),
        ("iat", json!(now_s + 3600)),
    ] {
        let answer = world.send(GetToken, &of(&with(name, value.clone()))).await;
        assert_eq!(answer.status(), 200, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_token_of_another_issuer_or_audience_is_refused() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let with = |name: &str, value: Value| {
        let mut claims = claims("alice");
        claims[name] = value;
        issuer.sign(Es256, &header(Es256), &claims)
    };
    for (name, value) in [
        ("iss", json!("https://evil.example/")),
        ("iss", json!("https://login.example")),
        ("iss", json!([NAME])),
        ("iss", json!("")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", json!(["other", "another"])),
        ("aud", json!([])),
        ("aud", json!("")),
        ("aud", json!({AUDIENCE: true})),
        ("aud", Value::Null),
    ] {
        refuse_token(&world, &with(name, value.clone()), &format!("{name}: {value}")).await;
    }
    for name in ["iss", "aud"] {
        let mut claims = claims("alice");
        claims.as_object_mut().expect("an object").remove(name);
        refuse_token(&world, &issuer.sign(Es256, &header(Es256), &claims), &format!("no {name}")).await;
    }
    for audience in [json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE])] {
        world.send(GetToken, &of(&with("aud", audience))).await.token();
    }
}

#[tokio::test]
async fn the_user_claim_must_be_a_string_or_an_integer() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await.with("JWT_USER_CLAIM", "https://shop.example/user_id");
    let with = |value: Option<Value>| {
        let mut claims = claims("alice");
        if let Some(value) = value {
            claims["https://shop.example/user_id"] = value;
        }
        issuer.sign(Es256, &header(Es256), &claims)
    };
    for value in [
        None,
        Some(Value::Null),
        Some(json!("")),
        Some(json!(4711.5)),
        Some(json!(true)),
        Some(json!(["bob"])),
        Some(json!({"id": "bob"})),
    ] {
        refuse_token(&world, &with(value.clone()), &format!("{value:?}")).await;
    }
    for value in ["x".repeat(257), "a\nb".into(), "\u{0}".into()] {
        let answer = world.send(GetToken, &of(&with(Some(json!(value))))).await;
        assert_eq!(answer.problem(), (400, "invalid_request".into()));
    }
    let entity = world.send(GetToken, &of(&with(Some(json!("bob"))))).await.entity();
    assert!(world.item("bob").await.contains_key("entityId"));
    let by_path = request(GetToken, Some("bob"), &[("authorization", &bearer(&with(Some(json!("bob")))))]);
    assert_eq!(world.send(GetToken, &by_path).await.entity(), entity);
}

#[tokio::test]
async fn a_tampered_token_is_refused() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    for with in [Rs256, Es256, EdDsa] {
        let good = issuer.token(with, "alice");
        let (head, signature) = good.rsplit_once('.').expect("three parts");
        let (header, claims) = head.split_once('.').expect("three parts");
        let mut bad = vec![
            head.to_owned(),
            format!("{head}."),
            format!("{header}..{signature}"),
            format!(".{claims}.{signature}"),
            format!("{good}."),
            format!("{good}.{signature}"),
            format!("{header}.{claims}={signature}"),
            format!("{good}="),
            format!("{header}=.{claims}.{signature}"),
            good.replace('.', " "),
            good[..good.len() - 4].to_owned(),
            format!("{good}AAAA"),
            format!("{header}.{claims}.{}", hex::encode(BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64"))),
            format!("{}.{claims}.{signature}", hex::encode(header)),
            format!(" {good}\u{e9}"),
            "..".into(),
            "a.b.c".into(),
            String::new(),
        ];
        // One bit, at the beginning, in the middle and near the end of each part.
        for (part, text) in [header, claims, signature].into_iter().enumerate() {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64");
            for at in [0, 1, bytes.len() / 2, bytes.len() - 1] {
                for bit in [0, 3, 7] {
                    let mut bytes = bytes.clone();
                    bytes[at] ^= 1 << bit;
                    let mut parts = [header.to_owned(), claims.to_owned(), signature.to_owned()];
                    parts[part] = BASE64_URL_SAFE_NO_PAD.encode(bytes);
                    bad.push(parts.join("."));
                }
            }
        }
        for token in bad {
            refuse_token(&world, &token, &token).await;
        }
        world.send(GetToken, &of(&good)).await.token();
    }
    let mut long = claims("alice");
    long["x"] = json!("x".repeat(64 * 1024));
    refuse_token(&world, &issuer.sign(Es256, &header(Es256), &long), "64 KB").await;
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn a_header_or_claims_that_are_not_an_object_are_refused() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    for claims in ["", "null", "[]", "\"alice\"", "{", "{}", "{\"exp\":9999999999}", "\u{feff}{}"] {
        refuse_token(&world, &issuer.sign_text(Es256, &header(Es256).to_string(), claims), claims).await;
    }
    for header in ["", "null", "[]", "{}", "{\"alg\":[\"ES256\"]}", "{\"alg\":null}"] {
        refuse_token(&world, &issuer.sign_text(Es256, header, &claims("alice").to_string()), header).await;
    }
}

#[tokio::test]
async fn a_public_key_in_the_settings_verifies_tokens() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    for with in [Rs256, Es256, EdDsa] {
        // As it is, and in one line.
        for pem in [issuer.public_pem(with), issuer.public_pem(with).replace('\n', "\\n")] {
            let world = World::new().await.with("AUTH", "jwt").with("JWT_PUBLIC_KEY", &pem);
            world.send(GetToken, &of(&issuer.token(with, "alice"))).await.token();
            refuse_token(&world, &issuer.sign(Hs256(pem.as_bytes()), &header(Hs256(b"")), &claims("alice")), "HS256")
                .await;
            if with != Rs256 {
                refuse_token(&world, &other.token(with, "alice"), "another one's key").await;
            }
        }
    }
    let world =
        World::new().await.with("AUTH", "jwt").with("JWT_PUBLIC_KEY", RSA_PUBLIC_PEM).with("JWT_ALGORITHMS", "PS256");
    world.send(GetToken, &of(&issuer.token(Ps256, "alice"))).await.token();
    refuse_token(&world, &issuer.token(Rs256, "alice"), "not on the list").await;
}

#[tokio::test]
async fn the_previous_secret_is_accepted_during_a_rotation() {
    let issuer = Issuer::start().await;
    let (new, old) = (SECRET, "test-secret-of-last-year-0123456789-0123456789");
    let with_new = issuer.token(Hs256(new.as_bytes()), "alice");
    let with_old = issuer.token(Hs256(old.as_bytes()), "alice");
    let before = World::new().await.with("AUTH", "jwt").with("JWT_SECRET", old);
    before.send(GetToken, &of(&with_old)).await.token();
    refuse_token(&before, &with_new, "the next secret").await;
    let meanwhile = with_secret().await.with("JWT_SECRET_PREVIOUS", old);
    meanwhile.send(GetToken, &of(&with_old)).await.token();
    meanwhile.send(GetToken, &of(&with_new)).await.token();
    refuse_token(&meanwhile, &issuer.token(Hs256(b"test-secret-of-somebody-else-0123456789"), "alice"), "neither")
        .await;
    let after = with_secret().await;
    after.send(GetToken, &of(&with_new)).await.token();
    refuse_token(&after, &with_old, "the old secret").await;
    // With a secret that only the site has, issuer and audience are optional, but checked if set.
    let strict = with_secret().await.with("JWT_ISSUER", "https://shop.example").with("JWT_AUDIENCE", "chat, livechat");
    refuse_token(&strict, &with_new, "another issuer").await;
    let mut claims = claims("alice");
    claims["iss"] = json!("https://shop.example");
    strict.send(GetToken, &of(&issuer.sign(Hs256(new.as_bytes()), &header(Hs256(b"")), &claims))).await.token();
}

#[tokio::test]
async fn the_user_claim_can_be_a_number_or_nested() {
    let issuer = Issuer::start().await;
    let sign = |name: &str, value: Value| {
        let mut claims = claims("alice");
        claims[name] = value;
        of(&issuer.sign(Es256, &header(Es256), &claims))
    };
    let world = with_key_set(&issuer).await;
    let entity = world.send(GetToken, &sign("sub", json!(4711))).await.entity();
    assert_eq!(world.send(GetToken, &sign("sub", json!("4711"))).await.entity(), entity);
    for text in ["4711.0", "4.711e3", "-0", "9007199254740992", "1e30", "true"] {
        refuse_because(&world, &sign("sub", serde_json::from_str(text).expect("JSON")), "user claim").await;
    }
    for (claim, name, value) in [
        ("data.user.id", "data", json!({"user": {"id": "bob"}})),
        ("/data/user/id", "data", json!({"user": {"id": "bob"}})),
        ("emails.0", "emails", json!(["bob", "eve"])),
        ("https://shop.example/uid", "https://shop.example/uid", json!("bob")),
        ("/https:~1~1shop.example~1claims/x-user.id", "https://shop.example/claims", json!({"x-user.id": "bob"})),
    ] {
        let world = with_key_set(&issuer).await.with("JWT_USER_CLAIM", claim);
        world.send(GetToken, &sign(name, value)).await.token();
        assert!(world.item("bob").await.contains_key("entityId"), "{claim}");
        refuse_because(&world, &sign("other", json!({"user": {"id": "bob"}})), "missing").await;
    }
    let world = with_key_set(&issuer).await.with("JWT_USER_CLAIM", "data.id");
    let mut both = claims("alice");
    (both["data.id"], both["data"]) = (json!("bob"), json!({"id": "eve"}));
    refuse_because(&world, &of(&issuer.sign(Es256, &header(Es256), &both)), "two values").await;
    assert_eq!(world.sandbox.customers(), 0);
}

#[tokio::test]
async fn other_claims_can_be_required_in_place_of_the_audience() {
    let issuer = Issuer::start().await;
    let sign = |more: Value| {
        let mut claims = claims("alice");
        let claims_map = claims.as_object_mut().expect("an object");
        claims_map.remove("aud");
        claims_map.extend(more.as_object().expect("an object").clone());
        of(&issuer.sign(Rs256, &header(Rs256), &claims))
    };
    let world = with_key_set(&issuer).await.with("JWT_AUDIENCE", "app-1,app-2").with("JWT_AUDIENCE_CLAIM", "client_id");
    world.send(GetToken, &sign(json!({"client_id": "app-2"}))).await.token();
    for more in [json!({"client_id": "app-3"}), json!({"aud": "app-1"}), json!({}), json!({"client_id": {"app-1": 1}})]
    {
        refuse_because(&world, &sign(more), "client_id is missing or not in JWT_AUDIENCE").await;
    }
    let world = with_key_set(&issuer).await.without("JWT_AUDIENCE");
    let world =
        world.with("JWT_REQUIRED_CLAIMS", "token_use=access,azp=https://a.example,azp=https://b.example,verified=true");
    let good = json!({"token_use": "access", "azp": "https://b.example", "verified": true});
    world.send(GetToken, &sign(good.clone())).await.token();
    for (name, value) in [
        ("token_use", json!("id")),
        ("azp", json!("https://evil.example")),
        ("azp", json!("https://a.example,https://b.example")),
        ("verified", json!(false)),
        ("verified", json!("TRUE")),
        ("verified", Value::Null),
    ] {
        let mut other = good.clone();
        other[name] = value;
        refuse_because(&world, &sign(other), &format!("{name} is missing or not in JWT_REQUIRED_CLAIMS")).await;
    }
}

#[tokio::test]
async fn users_of_two_issuers_with_one_id_are_different_users() {
    const OTHER: &str = "https://other.example/";
    let issuer = Issuer::start().await;
    let of_issuer = |iss: &str, sub: &str| {
        let mut claims = claims(sub);
        claims["iss"] = json!(iss);
        issuer.sign(Es256, &header(Es256), &claims)
    };
    let world = with_key_set(&issuer).await;
    let alice = world.send(GetToken, &of(&of_issuer(NAME, "alice"))).await.entity();
    refuse_because(&world, &of(&of_issuer(OTHER, "alice")), "not in JWT_ISSUER").await;
    // The site adds a second issuer: its users are others, and the first one's stay who they are.
    let world = world.with("JWT_ISSUER", &format!("{NAME},{OTHER}"));
    assert_eq!(world.send(GetToken, &of(&of_issuer(NAME, "alice"))).await.entity(), alice);
    let other = world.send(GetToken, &of(&of_issuer(OTHER, "alice"))).await.entity();
    assert_ne!(other, alice);
    // Whatever ids users give themselves.
    for id in [format!("issuer#{OTHER}#alice"), format!("{OTHER}#alice"), "#alice".into(), format!("{OTHER}alice")] {
        for iss in [NAME, OTHER] {
            let entity = world.send(GetToken, &of(&of_issuer(iss, &id))).await.entity();
            assert!(entity != alice && entity != other, "{iss} {id}");
        }
    }
    // All four operations know them apart, and the path may name the user by the id that their own issuer gave them.
    let headers = |iss| bearer(&of_issuer(iss, "alice"));
    let invalidate = request(Invalidate, Some("alice"), &[("authorization", &headers(OTHER))]);
    world.send(Invalidate, &invalidate).await;
    let has = |iss| request(HasToken, Some("alice"), &[("authorization", &*headers(iss))]);
    assert_eq!(world.send(HasToken, &has(OTHER)).await.body(), false);
    assert_eq!(world.send(HasToken, &has(NAME)).await.body(), true);
    let fresh = request(GetFreshToken, None, &[("authorization", &headers(OTHER))]);
    assert_eq!(world.send(GetFreshToken, &fresh).await.entity(), other);
    let mismatch = request(GetToken, Some("bob"), &[("authorization", &headers(OTHER))]);
    assert_eq!(world.send(GetToken, &mismatch).await.problem(), (403, "user_mismatch".into()));
    // Each issuer is compared exactly, and a slip with the slash is said to be one.
    refuse_because(&world, &of(&of_issuer("https://other.example", "alice")), "slash").await;
    refuse_because(&world, &of(&of_issuer(&format!("{NAME},{OTHER}"), "alice")), "not in JWT_ISSUER").await;
}

#[tokio::test]
async fn issuers_joined_in_the_settings_share_their_users() {
    let issuer = Issuer::start().await;
    let of_issuer = |iss: &str| {
        let mut claims = claims("pairwise");
        (claims["iss"], claims["oid"]) = (json!(iss), json!("alice"));
        of(&issuer.sign(Es256, &header(Es256), &claims))
    };
    let (v1, v2) = ("https://sts.example/t/", "https://login.example/t/v2.0");
    let world = with_key_set(&issuer).await.with("JWT_ISSUER", &format!("{v1}|{v2}")).with("JWT_USER_CLAIM", "oid");
    let entity = world.send(GetToken, &of_issuer(v1)).await.entity();
    assert_eq!(world.send(GetToken, &of_issuer(v2)).await.entity(), entity);
    let world = world.with("JWT_ISSUER", &format!("{NAME},{v2}|{v1}"));
    let entity = world.send(GetToken, &of_issuer(v1)).await.entity();
    assert_eq!(world.send(GetToken, &of_issuer(v2)).await.entity(), entity);
    assert_ne!(world.send(GetToken, &of_issuer(NAME)).await.entity(), entity);
}

#[tokio::test]
async fn only_users_of_listed_tenants_are_accepted() {
    let issuer = Issuer::start().await;
    let of_tenant = |iss: &str, tid: &str| {
        let mut claims = claims("alice");
        (claims["iss"], claims["tid"]) = (json!(iss), json!(tid));
        of(&issuer.sign(Rs256, &header(Rs256), &claims))
    };
    let name = |tenant: &str| format!("https://login.example/{tenant}/v2.0");
    for placeholder in ["{tid}", "{tenantid}"] {
        let world = with_key_set(&issuer).await.with("JWT_ISSUER", &name(placeholder));
        let world = world.with("JWT_REQUIRED_CLAIMS", "tid=one,tid=two");
        let one = world.send(GetToken, &of_tenant(&name("one"), "one")).await.entity();
        let two = world.send(GetToken, &of_tenant(&name("two"), "two")).await.entity();
        assert_ne!(one, two);
        for (iss, tid) in
            [("three", "three"), ("one", "two"), ("one", "three"), ("three", "one"), (placeholder, placeholder)]
        {
            refuse(&world, GetToken, &of_tenant(&name(iss), tid), &format!("{iss} {tid}")).await;
        }
    }
}

#[tokio::test]
async fn the_log_says_that_a_token_is_encrypted_or_opaque() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let jwe = BASE64_URL_SAFE_NO_PAD.encode("{\"alg\":\"dir\",\"enc\":\"A256CBC-HS512\"}");
    for token in [format!("{jwe}..YQ.YQ.YQ"), format!("{jwe}.YQ.YQ.YQ.YQ"), format!("{jwe}.YQ.YQ")] {
        refuse_because(&world, &of(&token), "encrypted (JWE)").await;
    }
    for token in ["0123456789abcdef", "v4.public.e30", "a.b", "gho_16C7e42F292c6912E7710c838347Ae178B4a"] {
        refuse_because(&world, &of(token), "opaque").await;
    }
}

#[tokio::test]
async fn spellings_of_an_id_are_one_user_only_with_normalization() {
    let issuer = Issuer::start().await;
    let entity = async |world: &World, user: &str| world.send(GetToken, &of(&issuer.token(Es256, user))).await.entity();
    let (composed, decomposed) = ("Zo\u{eb}", "Zoe\u{308}");
    for (normalization, same) in [("none", [false, false]), ("nfc", [true, false]), ("nfc-lowercase", [true, true])] {
        let world = with_key_set(&issuer).await.with("USER_ID_NORMALIZATION", normalization);
        let zoe = entity(&world, composed).await;
        assert_eq!(
            [entity(&world, decomposed).await == zoe, entity(&world, "zo\u{eb}").await == zoe],
            same,
            "{normalization}"
        );
        assert_ne!(entity(&world, " Zo\u{eb}").await, zoe, "spaces count");
        // The path is another spelling of the same user.
        let path = request(GetToken, Some(decomposed), &[("authorization", &bearer(&issuer.token(Es256, composed)))]);
        assert_eq!(world.send(GetToken, &path).await.status() == 200, same[0], "{normalization}");
    }
    // A hash is of the id as it was sent; the user is the normalized one.
    let world = World::new()
        .await
        .with("AUTH", "hmac")
        .with("HMAC_SECRET", SECRET)
        .with("USER_ID_NORMALIZATION", "nfc-lowercase");
    let by_hash =
        |user: &str, of: &str| request(GetToken, Some(user), &[("x-user-hash", &super::hmac::hash(SECRET, of))]);
    let alice = world.send(GetToken, &by_hash("Alice", "Alice")).await.entity();
    assert_eq!(world.send(GetToken, &by_hash("alice", "alice")).await.entity(), alice);
    refuse(&world, GetToken, &by_hash("Alice", "alice"), "the hash is of another spelling").await;
}

#[tokio::test]
async fn removing_the_first_issuer_or_tenant_gives_its_users_to_nobody() {
    let issuer = Issuer::start().await;
    let token = |tenant: &str| {
        let mut claims = claims("4711");
        (claims["iss"], claims["tid"]) = (json!(format!("https://login.example/{tenant}/v2.0")), json!(tenant));
        of(&issuer.sign(Rs256, &header(Rs256), &claims))
    };
    let world = with_key_set(&issuer).await.with("JWT_ISSUER", "https://login.example/{tid}/v2.0");
    let world = world.with("JWT_REQUIRED_CLAIMS", "tid=one,tid=two");
    let (one, two) =
        (world.send(GetToken, &token("one")).await.entity(), world.send(GetToken, &token("two")).await.entity());
    assert_ne!(one, two);
    // `none` keeps the first place, as docs/authentication.md says.
    let world = world.with("JWT_REQUIRED_CLAIMS", "tid=none,tid=two");
    assert_eq!(world.send(GetToken, &token("two")).await.entity(), two);
    refuse(&world, GetToken, &token("one"), "it is not listed any more").await;
    let world = world.with("JWT_REQUIRED_CLAIMS", "").with("JWT_ISSUER", "none,https://login.example/two/v2.0");
    assert_eq!(world.send(GetToken, &token("two")).await.entity(), two);
    refuse(&world, GetToken, &token("one"), "it is not listed any more").await;
}
