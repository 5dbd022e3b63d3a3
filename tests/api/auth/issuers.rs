//! `AUTH=jwt` with more than one issuer or tenant: which users are the same, and which are not.

use super::{assert_refused, assert_refused_because, bearer, issuer::*, with_key_set, with_token};
use crate::world::*;
use serde_json::json;

#[tokio::test]
async fn users_with_the_same_id_at_two_issuers_are_different_users() {
    const OTHER: &str = "https://other.example/";
    let issuer = Issuer::start().await;
    let of_issuer = |iss: &str, sub: &str| {
        let mut claims = claims(sub);
        claims["iss"] = json!(iss);
        issuer.sign(Es256, &header(Es256), &claims)
    };
    let world = with_key_set(&issuer).await;
    let alice = world.send(GetToken, &with_token(&of_issuer(NAME, "alice"))).await.entity();
    assert_refused_because(&world, &with_token(&of_issuer(OTHER, "alice")), "not in JWT_ISSUER").await;
    // The site adds a second issuer: its users get their own customers, and the first issuer's users keep theirs.
    let world = world.with("JWT_ISSUER", &format!("{NAME},{OTHER}"));
    assert_eq!(world.send(GetToken, &with_token(&of_issuer(NAME, "alice"))).await.entity(), alice);
    let other = world.send(GetToken, &with_token(&of_issuer(OTHER, "alice"))).await.entity();
    assert_ne!(other, alice);
    // This holds even if users can choose their ids.
    for id in [format!("issuer#{OTHER}#alice"), format!("{OTHER}#alice"), "#alice".into(), format!("{OTHER}alice")] {
        for iss in [NAME, OTHER] {
            let entity = world.send(GetToken, &with_token(&of_issuer(iss, &id))).await.entity();
            assert!(entity != alice && entity != other, "{iss} {id}");
        }
    }
    // All four operations tell them apart, and the path may contain the id that the user's own issuer gave them.
    let headers = |iss| bearer(&of_issuer(iss, "alice"));
    let invalidate = request(Invalidate, Some("alice"), &[("authorization", &headers(OTHER))]);
    world.send(Invalidate, &invalidate).await;
    let has = |iss| request(HasToken, Some("alice"), &[("authorization", &*headers(iss))]);
    assert_eq!(world.send(HasToken, &has(OTHER)).await.body(), false);
    assert_eq!(world.send(HasToken, &has(NAME)).await.body(), true);
    let fresh = request(GetFreshToken, None, &[("authorization", &headers(OTHER))]);
    assert_eq!(world.send(GetFreshToken, &fresh).await.entity(), other);
    let mismatch = request(GetToken, Some("bob"), &[("authorization", &headers(OTHER))]);
    assert_eq!(world.send(GetToken, &mismatch).await.problem(), (403, "user_mismatch"));
    // Issuers are compared exactly, and the log says if only the slash at the end differs.
    assert_refused_because(&world, &with_token(&of_issuer("https://other.example", "alice")), "slash").await;
    assert_refused_because(&world, &with_token(&of_issuer(&format!("{NAME},{OTHER}"), "alice")), "not in JWT_ISSUER")
        .await;
}

#[tokio::test]
async fn issuers_joined_in_the_settings_share_their_users() {
    let issuer = Issuer::start().await;
    let of_issuer = |iss: &str| {
        let mut claims = claims("pairwise");
        (claims["iss"], claims["oid"]) = (json!(iss), json!("alice"));
        with_token(&issuer.sign(Es256, &header(Es256), &claims))
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
        with_token(&issuer.sign(Rs256, &header(Rs256), &claims))
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
            assert_refused(&world, GetToken, &of_tenant(&name(iss), tid), &format!("{iss} {tid}")).await;
        }
    }
}

#[tokio::test]
async fn replacing_the_first_issuer_or_tenant_by_none_gives_its_customers_to_nobody_else() {
    let issuer = Issuer::start().await;
    let token = |tenant: &str| {
        let mut claims = claims("4711");
        (claims["iss"], claims["tid"]) = (json!(format!("https://login.example/{tenant}/v2.0")), json!(tenant));
        with_token(&issuer.sign(Rs256, &header(Rs256), &claims))
    };
    let world = with_key_set(&issuer).await.with("JWT_ISSUER", "https://login.example/{tid}/v2.0");
    let world = world.with("JWT_REQUIRED_CLAIMS", "tid=one,tid=two");
    let (one, two) =
        (world.send(GetToken, &token("one")).await.entity(), world.send(GetToken, &token("two")).await.entity());
    assert_ne!(one, two);
    // `none` keeps the first place, as docs/authentication.md says.
    let world = world.with("JWT_REQUIRED_CLAIMS", "tid=none,tid=two");
    assert_eq!(world.send(GetToken, &token("two")).await.entity(), two);
    assert_refused(&world, GetToken, &token("one"), "it is not listed any more").await;
    let world = world.with("JWT_REQUIRED_CLAIMS", "").with("JWT_ISSUER", "none,https://login.example/two/v2.0");
    assert_eq!(world.send(GetToken, &token("two")).await.entity(), two);
    assert_refused(&world, GetToken, &token("one"), "it is not listed any more").await;
}
