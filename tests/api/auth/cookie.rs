//! `JWT_COOKIE`: the site's own session cookie, and which pages may use it.

use super::{OTHER_SECRET, SECRET, assert_refused, assert_refused_because, bearer, issuer::*, with_secret};
use crate::world::*;
use serde_json::{Value, json};

const ORIGIN: &str = "https://shop.example";

async fn world() -> World {
    let world = with_secret(SECRET).await.with("JWT_COOKIE", "session");
    world.with("ALLOWED_ORIGINS", "https://shop.example,https://www.shop.example,capacitor://localhost")
}

fn token(issuer: &Issuer, user: &str) -> String {
    issuer.token(Hs256(SECRET.as_bytes()), user)
}

#[tokio::test]
async fn the_sites_own_pages_are_authenticated_by_the_cookie_alone() {
    let (issuer, world) = (Issuer::start().await, world().await);
    let cookie = format!("theme=dark; session={}; sessions=x", token(&issuer, "alice"));
    for origin in [ORIGIN, "https://www.shop.example", "capacitor://localhost"] {
        let headers = [("cookie", cookie.as_str()), ("origin", origin), ("sec-fetch-site", "cross-site")];
        world.send(GetToken, &request(GetToken, None, &headers)).await.token();
    }
    // A page of the same origin as the API: browsers send no Origin with its GET.
    let event = without_origin(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")]);
    world.send(GetToken, &event).await.token();
    // Cookies of other scripts do not matter, whatever their characters.
    let beside = format!("city=Köln; session={}; x=\u{1f600}", token(&issuer, "alice"));
    let headers = [("cookie", beside.as_str()), ("origin", ORIGIN)];
    world.send(GetToken, &request(GetToken, None, &headers)).await.token();
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn the_cookies_of_an_event_are_read() {
    let (issuer, world) = (Issuer::start().await, world().await.with("ALLOWED_ORIGINS", "https://www.example.com"));
    let mut event: Value = serde_json::from_str(include_str!("../../events/get-token-cookie.json")).expect("JSON");
    // The event's own token has expired, and is not signed with this secret.
    assert_refused(&world, GetToken, &event, "the event's own token").await;
    event["cookies"][1] = json!(format!("session={}", token(&issuer, "anna")));
    world.send(GetToken, &event).await.token();
    assert!(world.item("anna").await.contains_key("entityId"));
}

/// A request without the `Origin` that the events of these tests have.
fn without_origin(headers: &[(&str, &str)]) -> Value {
    let mut event = request(GetToken, None, headers);
    event["headers"].as_object_mut().expect("an object").remove("origin");
    event
}

#[tokio::test]
async fn pages_of_other_origins_cannot_use_the_cookie() {
    let (issuer, world) = (Issuer::start().await, world().await);
    let cookie = format!("session={}", token(&issuer, "alice"));
    for origin in [
        "https://shop.example.evil.test",
        "https://evil.test",
        "https://evil.shop.example",
        "http://shop.example",
        "https://shop.example:444",
        "https://shop.example/",
        "capacitor://localhost.evil.test",
        "ionic://localhost",
        "null",
        "",
        "https://shop.example, https://evil.test",
    ] {
        for binary in Binary::ALL {
            let headers = [("cookie", cookie.as_str()), ("origin", origin), ("sec-fetch-site", "same-origin")];
            assert_refused(&world, binary, &request(binary, None, &headers), origin).await;
        }
    }
    for site in [None, Some("same-site"), Some("cross-site"), Some("none")] {
        let mut headers = vec![("cookie", cookie.as_str())];
        headers.extend(site.map(|site| ("sec-fetch-site", site)));
        assert_refused(&world, GetToken, &without_origin(&headers), "no origin").await;
    }
    assert_eq!(world.sandbox.customers(), 0);
}

#[tokio::test]
async fn the_authorization_header_works_from_any_origin_and_takes_precedence() {
    let (issuer, world) = (Issuer::start().await, world().await);
    let authorization = bearer(&token(&issuer, "alice"));
    let cookie = format!("session={}", token(&issuer, "bob"));
    let headers =
        [("authorization", authorization.as_str()), ("cookie", cookie.as_str()), ("origin", "https://evil.test")];
    world.send(GetToken, &request(GetToken, None, &headers)).await.token();
    assert!(world.item("alice").await.contains_key("entityId") && world.item("bob").await.is_empty());
    let bad = [("authorization", "Bearer x"), ("cookie", cookie.as_str()), ("origin", ORIGIN)];
    assert_refused(&world, GetToken, &request(GetToken, None, &bad), "an invalid header beside a valid cookie").await;
}

#[tokio::test]
async fn a_cookie_without_a_valid_token_is_refused() {
    let (issuer, world) = (Issuer::start().await, world().await);
    let good = token(&issuer, "alice");
    for cookie in [
        String::new(),
        "session".into(),
        "session=".into(),
        "Session=x".into(),
        "session=x".into(),
        format!("other={good}"),
        format!("session={good}x"),
    ] {
        let headers = [("cookie", cookie.as_str()), ("origin", ORIGIN)];
        assert_refused(&world, GetToken, &request(GetToken, None, &headers), &cookie).await;
    }
    let quoted = format!("session=\"{good}\"");
    world.send(GetToken, &request(GetToken, None, &[("cookie", &quoted), ("origin", ORIGIN)])).await.token();
}

#[tokio::test]
async fn two_cookies_of_one_name_are_accepted_only_for_one_user() {
    let (issuer, world) = (Issuer::start().await, world().await.with("GUESTS", "true"));
    let good = token(&issuer, "alice");
    let sign = |claims: Value| issuer.sign(Hs256(SECRET.as_bytes()), &header(Hs256(b"")), &claims);
    let later = sign(json!({"sub": "alice", "exp": now_s() + 7200}));
    let expired = sign(json!({"sub": "bob", "exp": now_s() - 7200}));
    let forged = issuer.token(Hs256(OTHER_SECRET.as_bytes()), "bob");
    let bob = token(&issuer, "bob");
    for others in
        [&[&*good] as &[_], &[&*later], &[&*expired], &[&*forged], &["x"], &[""], &[&*expired, &*forged, &*later, "x"]]
    {
        let others: Vec<_> = others.iter().map(|other| format!("session={other}")).collect();
        let good = format!("session={good}");
        for cookies in [format!("{good}; {}", others.join("; ")), format!("{}; a=1; {good}", others.join("; "))] {
            world.send(GetToken, &with_header(None, "Cookie", &cookies)).await.token();
        }
        world.send(GetToken, &with_list(&json!([others.as_slice(), &[good]].concat()))).await.token();
    }
    assert!(world.item("alice").await.contains_key("entityId"));
    // Another host of the domain has set a cookie for another user: it is unknown which one is meant.
    for cookies in [format!("session={good}; session={bob}"), format!("session={bob}; session=x; session={good}")] {
        assert_refused_because(&world, &with_header(None, "Cookie", &cookies), "two users").await;
    }
    for cookies in [format!("session={expired}; session={forged}"), format!("session={expired}; session=x")] {
        assert_refused(&world, GetToken, &with_header(None, "Cookie", &cookies), &cookies).await;
    }
    let many: Vec<_> = (0..9).map(|nth| format!("session={nth}")).collect();
    assert_refused_because(&world, &with_header(None, "Cookie", &many.join("; ")), "too many").await;
    assert!(world.item("bob").await.is_empty());
    assert_eq!(world.sandbox.customers(), 1, "none of them counted as a guest");
}

#[tokio::test]
async fn credentials_of_another_scheme_are_ignored() {
    let (issuer, world) = (Issuer::start().await, world().await.with("GUESTS", "true").with("ADOPT_GUESTS", "false"));
    let cookie = format!("session={}", token(&issuer, "alice"));
    // A browser adds them to every call to a host with password protection.
    for authorization in ["Basic YWxpY2U6eA==", "Negotiate YII=", "Digest username=\"a\", realm=\"b\""] {
        let mut event = with_list(&json!([cookie]));
        event["headers"]["authorization"] = json!(authorization);
        world.send(GetToken, &event).await.token();
        assert_eq!(world.sandbox.customers(), 1, "it is alice");
    }
    let mut event = with_list(&json!([]));
    event["headers"]["authorization"] = json!("Basic YWxpY2U6eA==");
    world.send(GetToken, &event).await.token();
    assert_eq!(world.sandbox.customers(), 2, "it is a guest");
    for bad in [token(&issuer, "alice"), "0123456789abcdef0123456789abcdef".into(), "Bearer".into()] {
        event["headers"]["authorization"] = json!(bad);
        assert_refused(&world, GetToken, &event, &bad).await;
    }
}

#[tokio::test]
async fn cookie_names_are_compared_as_browsers_compare_them() {
    let (issuer, world) = (Issuer::start().await, world().await.with("JWT_COOKIE", "__Host-session"));
    let good = token(&issuer, "alice");
    let named = |name: &str| with_list(&json!([format!("{name}={good}")]));
    world.send(GetToken, &named("__Host-session")).await.token();
    // For a browser these are other names, which another host of the domain may set.
    for blank in ["\u{2000}", "\u{a0}", "\u{3000}", "\u{85}", "\u{feff}", "\u{b}", "\u{c}"] {
        for name in [format!("{blank}__Host-session"), format!("__Host-session{blank}")] {
            assert_refused(&world, GetToken, &named(&name), &name.escape_debug().to_string()).await;
            let header = with_header(None, "Cookie", &format!("{name}={good}"));
            assert_refused(&world, GetToken, &header, &name.escape_debug().to_string()).await;
        }
    }
    for name in ["__host-session", "__Host-Session", "__Host-session ", "Host-session"] {
        assert_refused(&world, GetToken, &named(name), name).await;
    }
    // In parts, as some libraries send large sessions.
    let world = world.with("GUESTS", "true");
    assert_refused_because(&world, &named("__Host-session.0"), "in parts").await;
}

/// A guest's request with a list of cookies, in the format of HTTP APIs (payload 2.0) and function URLs.
fn with_list(cookies: &Value) -> Value {
    let mut event = request(GetToken, None, &[("origin", ORIGIN), ("x-guest-id", GUEST)]);
    event["cookies"] = cookies.clone();
    event
}

/// The same with a header, in the format of REST APIs or, with a version, of HTTP APIs (payload 1.0).
fn with_header(version: Option<&str>, name: &str, value: &str) -> Value {
    let headers = json!({ "Origin": ORIGIN, "X-Guest-Id": GUEST, name: value });
    let all: serde_json::Map<_, _> =
        headers.as_object().expect("an object").iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    let mut event = json!({
        "resource": "/getToken", "path": "/getToken", "httpMethod": "GET", "headers": headers, "multiValueHeaders": all,
        "queryStringParameters": null, "multiValueQueryStringParameters": null, "pathParameters": null,
        "requestContext": { "stage": "prod", "httpMethod": "GET", "path": "/getToken", "identity": {} },
        "body": null, "isBase64Encoded": false
    });
    if let Some(version) = version {
        event["version"] = json!(version);
    }
    event
}

const DAMAGE: [&str; 6] = ["\u{7f}", "\0", "\r\n", "\u{1b}", "\u{80}", "\u{fffd}"];

#[tokio::test]
async fn a_damaged_cookie_beside_a_valid_one_does_not_turn_a_user_into_a_guest() {
    let (issuer, world) = (Issuer::start().await, world().await.with("GUESTS", "true").with("ADOPT_GUESTS", "false"));
    let good = format!("session={}", token(&issuer, "alice"));
    world.send(GetToken, &with_list(&json!([good]))).await.token();
    let entity = world.item("alice").await["entityId"].clone();
    for damage in DAMAGE {
        let other = format!("x={damage}");
        let mut both = with_list(&json!([other]));
        both["headers"]["cookie"] = json!(good);
        for event in [
            with_list(&json!([good, other])),
            with_list(&json!([other, "", good])),
            with_list(&json!([format!("{other}; {good}")])),
            with_header(None, "Cookie", &format!("{other}; {good}")),
            with_header(Some("1.0"), "cookie", &format!("{good}; {other}")),
            both,
        ] {
            assert_eq!(world.send(GetToken, &event).await.token()["entityId"], entity.as_s().expect("text").as_str());
        }
    }
    // The same cookie in both places, as some tools send it.
    let mut twice = with_list(&json!(["a=1", good]));
    twice["headers"]["cookie"] = json!(format!("a=1; {good}"));
    world.send(GetToken, &twice).await.token();
    assert_eq!(world.sandbox.customers(), 1, "none of them counted as a guest");
}

#[tokio::test]
async fn a_damaged_credential_is_refused_and_not_treated_as_a_guest() {
    let (issuer, world) = (Issuer::start().await, world().await.with("GUESTS", "true"));
    let token = token(&issuer, "alice");
    let (half, rest) = token.split_at(token.len() / 2);
    for damage in DAMAGE {
        for cookie in [
            format!("session={damage}"),
            format!("session={token}{damage}"),
            format!("session={half}{damage}{rest}"),
            format!("session{damage}={token}"),
            format!("{damage}session={token}"),
            format!("session{damage}{token}"),
        ] {
            // With this character these are other names, in which no damage can be seen.
            if damage == "\u{80}" && !cookie.starts_with("session=") {
                continue;
            }
            assert_refused(&world, GetToken, &with_list(&json!([cookie])), &cookie).await;
            assert_refused(&world, GetToken, &with_list(&json!(["a=1", cookie, ""])), &cookie).await;
            assert_refused(&world, GetToken, &with_header(None, "Cookie", &cookie), &cookie).await;
            assert_refused(&world, GetToken, &with_header(Some("1.0"), "Cookie", &cookie), &cookie).await;
            for list in [json!([]), json!([""]), json!(["a=1"]), Value::Null] {
                let mut both = with_list(&list);
                both["headers"]["cookie"] = json!(cookie);
                assert_refused(&world, GetToken, &both, &cookie).await;
            }
        }
        for authorization in
            [damage.to_owned(), format!("Bearer {half}{damage}{rest}"), format!("{damage}Bearer {token}")]
        {
            let mut event = with_list(&json!([]));
            event["headers"]["authorization"] = json!(authorization);
            assert_refused(&world, GetToken, &event, &authorization).await;
            for version in [None, Some("1.0")] {
                assert_refused(
                    &world,
                    GetToken,
                    &with_header(version, "Authorization", &authorization),
                    &authorization,
                )
                .await;
            }
        }
    }
    assert_refused(&world, GetToken, &with_list(&json!(["session"])), "no value").await;
    // Only in one of the two places for headers.
    let mut apart = with_header(None, "Authorization", "Bearer x");
    apart["multiValueHeaders"].as_object_mut().expect("an object").remove("Authorization");
    assert_refused(&world, GetToken, &apart, "missing in multiValueHeaders").await;
    assert_eq!(world.sandbox.customers(), 0);
}

#[tokio::test]
async fn a_request_without_credentials_is_a_guest_whatever_its_other_cookies() {
    let world = world().await.with("GUESTS", "true");
    for cookies in [
        json!([]),
        json!([""]),
        json!(["", " ; "]),
        Value::Null,
        json!(["a=\u{7f}", "=", "b"]),
        json!(["session="]),
        json!(["session=\"\""]),
    ] {
        world.send(GetToken, &with_list(&cookies)).await.token();
    }
    assert_eq!(world.sandbox.customers(), 1);
    // A malformed list of cookies is refused.
    for cookies in [json!([null]), json!([1]), json!("session=x"), json!({})] {
        let response = world.send(GetToken, &with_list(&cookies)).await;
        assert_eq!(response.problem(), (400, "invalid_request"), "{cookies}");
    }
    // A damaged guest id is refused too.
    for damage in DAMAGE {
        for event in [
            with_header(None, "X-Guest-Id", &format!("{GUEST}{damage}")),
            with_header(Some("1.0"), "X-Guest-Id", damage),
        ] {
            assert_eq!(world.send(GetToken, &event).await.problem(), (400, "invalid_request"));
        }
    }
    assert_eq!(world.sandbox.customers(), 1);
}
