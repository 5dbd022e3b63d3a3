//! `JWT_COOKIE`: the site's own session cookie, and which pages may use it.

use super::{bearer, issuer::*, jwt::with_secret, refuse};
use crate::world::*;

const ORIGIN: &str = "https://shop.example";

async fn world() -> World {
    with_secret()
        .await
        .with("JWT_COOKIE", "session")
        .with("ALLOWED_ORIGINS", "https://shop.example,https://www.shop.example")
}

fn token(issuer: &Issuer, user: &str) -> String {
    issuer.token(Hs256(super::SECRET.as_bytes()), user)
}

#[tokio::test]
async fn the_sites_pages_need_nothing_but_the_cookie() {
    let (issuer, world) = (Issuer::start().await, world().await);
    let cookie = format!("theme=dark; session={}; sessions=x", token(&issuer, "alice"));
    for origin in [ORIGIN, "https://www.shop.example"] {
        let headers = [("cookie", cookie.as_str()), ("origin", origin), ("sec-fetch-site", "cross-site")];
        world.send(GetToken, &request(GetToken, None, &headers)).await.token();
    }
    // A page of the very origin that serves the API: browsers send no Origin with its GET.
    let event = anonymous_origin(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")]);
    world.send(GetToken, &event).await.token();
    // Another cookie, which some script set, is no reason to be nobody.
    let beside = format!("city=Köln; session={}; x=\u{1f600}", token(&issuer, "alice"));
    let headers = [("cookie", beside.as_str()), ("origin", ORIGIN)];
    world.send(GetToken, &request(GetToken, None, &headers)).await.token();
    assert_eq!(world.sandbox.customers(), 1);
}

/// A request without the `Origin` that the events of these tests have.
fn anonymous_origin(headers: &[(&str, &str)]) -> serde_json::Value {
    let mut event = request(GetToken, None, headers);
    event["headers"].as_object_mut().expect("an object").remove("origin");
    event
}

#[tokio::test]
async fn pages_of_others_get_nothing_for_it() {
    let (issuer, world) = (Issuer::start().await, world().await);
    let cookie = format!("session={}", token(&issuer, "alice"));
    for origin in [
        "https://shop.example.evil.test",
        "https://evil.test",
        "https://evil.shop.example",
        "http://shop.example",
        "https://shop.example:444",
        "https://shop.example/",
        "null",
        "",
        "https://shop.example, https://evil.test",
    ] {
        for binary in [GetToken, GetFreshToken, HasToken, Invalidate] {
            let headers = [("cookie", cookie.as_str()), ("origin", origin), ("sec-fetch-site", "same-origin")];
            refuse(&world, binary, &request(binary, None, &headers), origin).await;
        }
    }
    for site in [None, Some("same-site"), Some("cross-site"), Some("none")] {
        let mut headers = vec![("cookie", cookie.as_str())];
        headers.extend(site.map(|site| ("sec-fetch-site", site)));
        refuse(&world, GetToken, &anonymous_origin(&headers), "no origin").await;
    }
    assert_eq!(world.sandbox.customers(), 0);
}

#[tokio::test]
async fn a_header_is_as_good_from_anywhere_and_comes_first() {
    let (issuer, world) = (Issuer::start().await, world().await);
    let authorization = bearer(&token(&issuer, "alice"));
    let cookie = format!("session={}", token(&issuer, "bob"));
    let headers =
        [("authorization", authorization.as_str()), ("cookie", cookie.as_str()), ("origin", "https://evil.test")];
    world.send(GetToken, &request(GetToken, None, &headers)).await.token();
    assert!(world.item("alice").await.contains_key("entityId") && world.item("bob").await.is_empty());
    let bad = [("authorization", "Bearer x"), ("cookie", cookie.as_str()), ("origin", ORIGIN)];
    refuse(&world, GetToken, &request(GetToken, None, &bad), "a bad header is not made up for by a good cookie").await;
}

#[tokio::test]
async fn cookies_that_are_none_or_two_are_refused() {
    let (issuer, world) = (Issuer::start().await, world().await);
    let good = token(&issuer, "alice");
    for cookie in [
        String::new(),
        "session".into(),
        "session=".into(),
        "Session=x".into(),
        "session=x".into(),
        format!("session={good}; session={good}"),
        format!("session=x; session={good}"),
        format!("other={good}"),
        format!("session={good}x"),
    ] {
        let headers = [("cookie", cookie.as_str()), ("origin", ORIGIN)];
        refuse(&world, GetToken, &request(GetToken, None, &headers), &cookie).await;
    }
    let quoted = format!("session=\"{good}\"");
    world.send(GetToken, &request(GetToken, None, &[("cookie", &quoted), ("origin", ORIGIN)])).await.token();
}
