//! `AUTH=jwt`: which claims are accepted, and which user they identify.

use super::{
    SECRET, assert_refused, assert_refused_because, assert_token_refused, bearer,
    hmac::{hash, with_hash},
    issuer::*,
    with_key_set, with_token,
};
use crate::world::*;
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_is_valid_between_nbf_and_exp_with_a_minute_of_leeway() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let now_s = now_s();
    let with = |name: &str, value: Value| issuer.token_with(Es256, &json!({ name: value }));
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
        assert_token_refused(&world, &with(name, value.clone()), &format!("{name}: {value}")).await;
    }
    let mut without_expiry = claims("alice");
    without_expiry.as_object_mut().expect("an object").remove("exp");
    assert_token_refused(&world, &issuer.sign(Es256, &header(Es256), &without_expiry), "no expiry").await;
    let twice =
        format!("{{\"iss\":\"{NAME}\",\"aud\":\"{AUDIENCE}\",\"sub\":\"alice\",\"exp\":1,\"exp\":{}}}", now_s + 60);
    assert_token_refused(&world, &issuer.sign_text(Es256, &header(Es256).to_string(), &twice), "two expiries").await;
    for (name, value) in [
        ("exp", json!(now_s - 30)),
        ("exp", serde_json::from_str(&format!("{now_s}.5")).expect("a number")),
        ("nbf", json!(now_s + 30)),
        ("iat", json!(now_s + 3600)),
    ] {
        let response = world.send(GetToken, &with_token(&with(name, value.clone()))).await;
        assert_eq!(response.status(), 200, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_token_of_another_issuer_or_audience_is_refused() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await;
    let with = |name: &str, value: Value| issuer.token_with(Es256, &json!({ name: value }));
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
        assert_token_refused(&world, &with(name, value.clone()), &format!("{name}: {value}")).await;
    }
    for name in ["iss", "aud"] {
        let mut claims = claims("alice");
        claims.as_object_mut().expect("an object").remove(name);
        assert_token_refused(&world, &issuer.sign(Es256, &header(Es256), &claims), &format!("no {name}")).await;
    }
    for audience in [json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE])] {
        world.send(GetToken, &with_token(&with("aud", audience))).await.token();
    }
}

#[tokio::test]
async fn the_user_claim_must_be_a_string_or_an_integer() {
    let issuer = Issuer::start().await;
    let world = with_key_set(&issuer).await.with("JWT_USER_CLAIM", "https://shop.example/user_id");
    let with = |value: Option<Value>| {
        let changed = value.map_or(json!({}), |value| json!({ "https://shop.example/user_id": value }));
        issuer.token_with(Es256, &changed)
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
        assert_token_refused(&world, &with(value.clone()), &format!("{value:?}")).await;
    }
    for value in ["x".repeat(257), "a\nb".into(), "\u{0}".into()] {
        let response = world.send(GetToken, &with_token(&with(Some(json!(value))))).await;
        assert_eq!(response.problem(), (400, "invalid_request"));
    }
    let entity = world.send(GetToken, &with_token(&with(Some(json!("bob"))))).await.entity();
    assert!(world.item("bob").await.contains_key("entityId"));
    let by_path = request(GetToken, Some("bob"), &[("authorization", &bearer(&with(Some(json!("bob")))))]);
    assert_eq!(world.send(GetToken, &by_path).await.entity(), entity);
}

#[tokio::test]
async fn the_user_claim_can_be_a_number_or_nested() {
    let issuer = Issuer::start().await;
    let sign = |name: &str, value: Value| with_token(&issuer.token_with(Es256, &json!({ name: value })));
    let world = with_key_set(&issuer).await;
    let entity = world.send(GetToken, &sign("sub", json!(4711))).await.entity();
    assert_eq!(world.send(GetToken, &sign("sub", json!("4711"))).await.entity(), entity);
    for text in ["4711.0", "4.711e3", "-0", "9007199254740992", "1e30", "true"] {
        assert_refused_because(&world, &sign("sub", serde_json::from_str(text).expect("JSON")), "user claim").await;
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
        assert_refused_because(&world, &sign("other", json!({"user": {"id": "bob"}})), "missing").await;
    }
    let world = with_key_set(&issuer).await.with("JWT_USER_CLAIM", "data.id");
    let both = issuer.token_with(Es256, &json!({"data.id": "bob", "data": {"id": "eve"}}));
    assert_refused_because(&world, &with_token(&both), "two values").await;
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
        with_token(&issuer.sign(Rs256, &header(Rs256), &claims))
    };
    let world = with_key_set(&issuer).await.with("JWT_AUDIENCE", "app-1,app-2").with("JWT_AUDIENCE_CLAIM", "client_id");
    world.send(GetToken, &sign(json!({"client_id": "app-2"}))).await.token();
    for more in [json!({"client_id": "app-3"}), json!({"aud": "app-1"}), json!({}), json!({"client_id": {"app-1": 1}})]
    {
        assert_refused_because(&world, &sign(more), "client_id is missing or not in JWT_AUDIENCE").await;
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
        assert_refused_because(&world, &sign(other), &format!("{name} is missing or not in JWT_REQUIRED_CLAIMS")).await;
    }
}

#[tokio::test]
async fn spellings_of_an_id_are_one_user_only_with_normalization() {
    let issuer = Issuer::start().await;
    let entity =
        async |world: &World, user: &str| world.send(GetToken, &with_token(&issuer.token(Es256, user))).await.entity();
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
        // The path has another spelling of the same user.
        let path = request(GetToken, Some(decomposed), &[("authorization", &bearer(&issuer.token(Es256, composed)))]);
        assert_eq!(world.send(GetToken, &path).await.status() == 200, same[0], "{normalization}");
    }
    // A hash is computed from the id as it was sent; the user is the normalized one.
    let world = World::new()
        .await
        .with("AUTH", "hmac")
        .with("HMAC_SECRET", SECRET)
        .with("USER_ID_NORMALIZATION", "nfc-lowercase");
    let by_hash = |user: &str, of: &str| with_hash(user, &hash(SECRET, of));
    let alice = world.send(GetToken, &by_hash("Alice", "Alice")).await.entity();
    assert_eq!(world.send(GetToken, &by_hash("alice", "alice")).await.entity(), alice);
    assert_refused(&world, GetToken, &by_hash("Alice", "alice"), "the hash is of another spelling").await;
}
