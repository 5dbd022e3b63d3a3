//! `AUTH=jwt`: signatures, keys and the header, with the attacks on them. Claims are in `claims.rs` and `issuers.rs`.

use super::{
    OLD_SECRET, OTHER_SECRET, SECRET, assert_refused, assert_refused_because, assert_token_refused, bearer, issuer::*,
    with_key_set, with_public_key, with_secret, with_token,
};
use crate::world::*;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

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
    // Other users, and ids that only look the same: encoded twice, with dots and slashes, in other cases and normal forms.
    for user in
        ["b", "%62", "%61", "%2561", "A", "a ", "a/", "./a", "../a", "a/../a", "b/../a", "ａ", "a\u{301}", "a\u{200b}"]
    {
        for binary in Binary::ALL {
            let response = world.send(binary, &request(binary, Some(user), &headers)).await;
            assert_eq!(response.problem(), (403, "user_mismatch"), "{user}");
        }
    }
    let composed = bearer(&issuer.token(Es256, "\u{e9}"));
    let decomposed = request(GetToken, Some("e\u{301}"), &[("authorization", &composed)]);
    assert_eq!(world.send(GetToken, &decomposed).await.problem(), (403, "user_mismatch"));
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
        for binary in Binary::ALL {
            for user in [None, Some("alice")] {
                assert_refused(&world, binary, &request(binary, user, &headers), &format!("{headers:?}")).await;
            }
        }
    }
    // Two headers, in the format of a REST API.
    let mut event: Value = serde_json::from_str(include_str!("../../events/get-token-rest.json")).expect("JSON");
    event["path"] = json!("/getToken");
    event["pathParameters"] = Value::Null;
    event["headers"]["Authorization"] = json!(bearer(&good));
    event["multiValueHeaders"]["Authorization"] = json!([bearer(&good), bearer(&other)]);
    assert_refused(&world, GetToken, &event, "two headers").await;
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
        assert_token_refused(&world, &token, none).await;
        assert_token_refused(&world, token.trim_end_matches('.'), none).await;
    }
    // The public key used as a secret: in PEM, as a modulus, as a set.
    let modulus = issuer.rsa_jwk()["n"].as_str().expect("text").to_owned();
    let set = issuer.key_set().to_string();
    for secret in [RSA_PUBLIC_PEM, RSA_PUBLIC_PEM.trim_end(), &modulus, &set, "", "\0"] {
        for kid in ["rsa-1", "ec-1", "ed-1"] {
            let header = json!({"alg": "HS256", "kid": kid});
            assert_token_refused(
                &world,
                &issuer.sign(Hs256(secret.as_bytes()), &header, &claims),
                "a public key as a secret",
            )
            .await;
        }
    }
    // A signature with one key and the id of another, or with an algorithm that is not the key's.
    for (with, algorithm, kid) in [
        (Es256, "ES256", "rsa-1"),
        (Rs256, "RS256", "ec-1"),
        (Rs384, "RS384", "rsa-1"),
        (Ps256, "PS256", "rsa-1"),
        (Rs256, "ES256", "rsa-1"),
        (EdDsa, "ES256", "ed-1"),
    ] {
        let token = issuer.sign(with, &json!({"alg": algorithm, "kid": kid}), &claims);
        assert_token_refused(&world, &token, &format!("{with:?} as {algorithm} of {kid}")).await;
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
        assert_token_refused(
            &world,
            &issuer.sign(Rs256, &json!({"alg": "RS256", "kid": kid}), &claims),
            &kid.to_string(),
        )
        .await;
    }
    let twice = "{\"alg\":\"RS256\",\"kid\":\"rsa-1\",\"kid\":\"rsa-1\"}";
    assert_token_refused(&world, &issuer.sign_text(Rs256, twice, &claims.to_string()), "two key ids").await;
    let twice = "{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"rsa-1\"}";
    assert_token_refused(&world, &issuer.sign_text(Rs256, twice, &claims.to_string()), "two algorithms").await;
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
        assert_token_refused(&world, &other.sign(Es256, &header, &claims("alice")), name).await;
        // With a valid signature, the parameter is ignored.
        world.send(GetToken, &with_token(&issuer.sign(Es256, &header, &claims("alice")))).await.token();
    }
    assert_eq!(other.fetched(), 0);
    let mut header = header(Es256);
    header["crit"] = json!(["exp"]);
    assert_token_refused(&world, &issuer.sign(Es256, &header, &claims("alice")), "unknown critical extensions").await;
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
            assert_token_refused(&world, &token, &token).await;
        }
        world.send(GetToken, &with_token(&good)).await.token();
    }
    let mut long = claims("alice");
    long["x"] = json!("x".repeat(64 * 1024));
    assert_token_refused(&world, &issuer.sign(Es256, &header(Es256), &long), "64 KB").await;
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn malformed_or_incomplete_headers_and_claims_are_refused() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    for claims in ["", "null", "[]", "\"alice\"", "{", "{}", "{\"exp\":9999999999}", "\u{feff}{}"] {
        assert_token_refused(&world, &issuer.sign_text(Es256, &header(Es256).to_string(), claims), claims).await;
    }
    for header in ["", "null", "[]", "{}", "{\"alg\":[\"ES256\"]}", "{\"alg\":null}"] {
        assert_token_refused(&world, &issuer.sign_text(Es256, header, &claims("alice").to_string()), header).await;
    }
}

#[tokio::test]
async fn a_public_key_in_the_settings_verifies_tokens() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    for with in [Rs256, Es256, EdDsa] {
        // In several lines, and in one.
        for pem in [issuer.public_pem(with), issuer.public_pem(with).replace('\n', "\\n")] {
            let world = with_public_key(&pem).await;
            world.send(GetToken, &with_token(&issuer.token(with, "alice"))).await.token();
            assert_token_refused(
                &world,
                &issuer.sign(Hs256(pem.as_bytes()), &header(Hs256(b"")), &claims("alice")),
                "HS256",
            )
            .await;
            if with != Rs256 {
                assert_token_refused(&world, &other.token(with, "alice"), "another issuer's key").await;
            }
        }
    }
    let world = with_public_key(RSA_PUBLIC_PEM).await.with("JWT_ALGORITHMS", "PS256");
    world.send(GetToken, &with_token(&issuer.token(Ps256, "alice"))).await.token();
    assert_token_refused(&world, &issuer.token(Rs256, "alice"), "not on the list").await;
}

#[tokio::test]
async fn the_previous_secret_is_accepted_during_a_rotation() {
    let issuer = Issuer::start().await;
    let with_new = issuer.token(Hs256(SECRET.as_bytes()), "alice");
    let with_old = issuer.token(Hs256(OLD_SECRET.as_bytes()), "alice");
    let before = with_secret(OLD_SECRET).await;
    before.send(GetToken, &with_token(&with_old)).await.token();
    assert_token_refused(&before, &with_new, "the next secret").await;
    let meanwhile = with_secret(SECRET).await.with("JWT_SECRET_PREVIOUS", OLD_SECRET);
    meanwhile.send(GetToken, &with_token(&with_old)).await.token();
    meanwhile.send(GetToken, &with_token(&with_new)).await.token();
    assert_token_refused(&meanwhile, &issuer.token(Hs256(OTHER_SECRET.as_bytes()), "alice"), "neither").await;
    let after = with_secret(SECRET).await;
    after.send(GetToken, &with_token(&with_new)).await.token();
    assert_token_refused(&after, &with_old, "the old secret").await;
    // With a secret, issuer and audience are optional, but they are checked if they are set.
    let strict =
        with_secret(SECRET).await.with("JWT_ISSUER", "https://shop.example").with("JWT_AUDIENCE", "chat, livechat");
    assert_token_refused(&strict, &with_new, "another issuer").await;
    let mut claims = claims("alice");
    claims["iss"] = json!("https://shop.example");
    strict
        .send(GetToken, &with_token(&issuer.sign(Hs256(SECRET.as_bytes()), &header(Hs256(b"")), &claims)))
        .await
        .token();
}

#[tokio::test]
async fn the_log_says_that_a_token_is_encrypted_or_opaque() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let jwe = BASE64_URL_SAFE_NO_PAD.encode("{\"alg\":\"dir\",\"enc\":\"A256CBC-HS512\"}");
    for token in [format!("{jwe}..YQ.YQ.YQ"), format!("{jwe}.YQ.YQ.YQ.YQ"), format!("{jwe}.YQ.YQ")] {
        assert_refused_because(&world, &with_token(&token), "encrypted (JWE)").await;
    }
    for token in ["0123456789abcdef", "v4.public.e30", "a.b", "gho_16C7e42F292c6912E7710c838347Ae178B4a"] {
        assert_refused_because(&world, &with_token(token), "opaque").await;
    }
}
