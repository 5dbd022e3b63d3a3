//! LiveChat's responses, read. What goes over the wire is tested in `tests/api`.

use super::*;

const CALLED_AT: UnixMs = UnixMs::new(1_700_000_000_123);

fn headers(cookies: &[&str]) -> HeaderMap {
    cookies.iter().map(|line| (SET_COOKIE, HeaderValue::from_str(line).expect("a header"))).collect()
}

fn both() -> HeaderMap {
    headers(&[
        "__lc_cid=c1; Path=/v2/customer; Max-Age=63072000; HttpOnly; Secure; SameSite=None",
        "__lc_cst=s1; Path=/v2/customer; Max-Age=63072000; HttpOnly; Secure; SameSite=None",
    ])
}

fn body(changes: &serde_json::Value) -> Vec<u8> {
    let mut response = serde_json::json!({
        "access_token": "dal:token", "client_id": "c", "entity_id": "e1", "expires_in": 28800,
        "organization_id": "o", "token_type": "Bearer"
    });
    for (key, value) in changes.as_object().expect("an object") {
        response[key] = value.clone();
    }
    response.to_string().into_bytes()
}

fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Result<Grant, AttemptError> {
    super::read(
        Response::new(StatusCode::from_u16(status).expect("a status"), headers.clone(), body),
        None,
        None,
        CALLED_AT,
    )
}

fn known(entity_id: &str) -> Identity {
    let cookies = Cookies { cid: "c0".into(), cst: "s0".into() };
    Identity {
        entity_id: entity_id.into(),
        cookies: Some(cookies.into()),
        cookies_expire_at: UnixSeconds::new(0),
        former: vec![],
        awaits_first_token: false,
    }
}

#[test]
fn a_lifetime_is_in_ms_and_starts_when_livechat_was_called() {
    let grant = read(200, &both(), &body(&serde_json::json!({}))).expect("a grant");
    assert_eq!(grant.lifetime, Lifetime { created: CALLED_AT, expires_in_ms: 28_800_000 });
    assert_eq!(grant.entity_id, "e1");
    assert_eq!(grant.cookies.as_ref().expect("cookies").cid.expose_secret(), "c1");
    assert_eq!(grant.cookies.as_ref().expect("cookies").cst.expose_secret(), "s1");
    assert_eq!(grant.cookies_expire_at.as_u64(), 1_700_000_000 + 63_072_000);
}

#[test]
fn cookies_expire_when_their_expires_attribute_says() {
    // date --utc --date=@1700086400
    let end = "Expires=Wed, 15 Nov 2023 22:13:20 GMT";
    let headers = headers(&[&format!("__lc_cid=c1; {end}"), &format!("__lc_cst=s1; {end}")]);
    let grant = read(200, &headers, &body(&serde_json::json!({}))).expect("a grant");
    assert_eq!(grant.cookies_expire_at.as_u64(), 1_700_086_400);
}

#[test]
fn a_token_can_have_four_kibibytes() {
    let with = |length| body(&serde_json::json!({"access_token": "x".repeat(length)}));
    assert!(read(200, &both(), &with(4096)).is_ok());
    assert!(matches!(read(200, &both(), &with(4097)), Err(AttemptError::MalformedResponse(_))));
}

#[test]
fn the_cookie_header_has_names_and_values_only() {
    let header = cookie_header(known("e").open_cookies().expect("cookies")).expect("a header");
    assert_eq!(header, "__lc_cid=c0; __lc_cst=s0");
    assert!(header.is_sensitive());
}

#[test]
fn an_exception_counts_in_every_status() {
    let body = br#"{"oauth_exception":"invalid_request","exception_description":"redirect_uri mismatch."}"#;
    for status in [200, 400, 401, 500] {
        assert_eq!(
            read(status, &both(), body).err(),
            Some(AttemptError::Refused {
                exception: "invalid_request".into(),
                description: "redirect_uri mismatch".into()
            })
        );
    }
    let body = br#"{"identity_exception":"customer_banned"}"#;
    assert!(
        matches!(read(200, &both(), body), Err(AttemptError::Refused { exception, .. }) if exception == "customer_banned")
    );
}

#[test]
fn no_secret_of_the_request_is_in_the_description() {
    let said = |secret: &str| {
        format!(r#"{{"oauth_exception":"invalid_request","exception_description":"bad {secret} here"}}"#)
    };
    let known = known("e1");
    for (agent_token, secret) in [
        (None, "s0"),
        (None, "__lc_cst"),
        (Some(&"agent-secret".into()), "agent-secret"),
        (Some(&"agent-secret".into()), "agent-\\u0000secret"),
    ] {
        let response = Response::new(StatusCode::BAD_REQUEST, HeaderMap::new(), said(secret).as_bytes());
        let refused = super::read(response, agent_token, Some(&known), CALLED_AT).err();
        let expected = AttemptError::Refused { exception: "invalid_request".into(), description: UNEXPLAINED.into() };
        assert_eq!(refused, Some(expected), "{secret}");
    }
}

#[test]
fn a_lost_identity_is_lost_whatever_the_status_and_only_if_cookies_were_sent() {
    let lost = br#"{"identity_exception":"identity_lost","exception_description":"no such customer"}"#;
    let oauth = br#"{"oauth_exception":"identity_lost"}"#;
    let both = br#"{"oauth_exception":"invalid_request","identity_exception":"identity_lost"}"#;
    for status in [200, 400, 401, 404, 500] {
        let status = StatusCode::from_u16(status).expect("a status");
        let known = known("e1");
        let miss = |body: &[u8], known| {
            super::read(Response::new(status, HeaderMap::new(), body), None, known, CALLED_AT).err()
        };
        assert_eq!(miss(lost, Some(&known)), Some(AttemptError::IdentityLost), "{status}");
        for (body, known, code) in [
            (&lost[..], None, "identity_lost"),
            (oauth, Some(&known), "identity_lost"),
            (both, Some(&known), "invalid_request"),
        ] {
            let miss = miss(body, known);
            assert!(
                matches!(&miss, Some(AttemptError::Refused { exception, .. }) if exception == code),
                "{status}: {miss:?}"
            );
        }
    }
}

#[test]
fn an_error_of_livechats_own_is_temporary() {
    for exception in ["server_error", "temporarily_unavailable"] {
        let body = format!(r#"{{"oauth_exception":"{exception}"}}"#);
        assert_eq!(read(200, &both(), body.as_bytes()).err(), Some(AttemptError::Down(exception.into())));
    }
    for status in [408, 425, 500, 502, 503, 504] {
        assert_eq!(read(status, &both(), b"<html>").err(), Some(AttemptError::Down(format!("status {status}"))));
    }
    assert_eq!(read(429, &both(), b"<html>").err(), Some(AttemptError::Throttled));
}

#[test]
fn an_exception_that_is_not_a_code_is_not_repeated() {
    let body = br#"{"oauth_exception":"<script>","exception_description":"a\u0000b"}"#;
    assert_eq!(
        read(400, &both(), body).err(),
        Some(AttemptError::Refused { exception: "an unknown exception".into(), description: "ab".into() })
    );
}

#[test]
fn an_explanation_that_quotes_a_cookie_is_not_repeated() {
    for description in [
        "unknown __lc_cst",
        "unknown __l\u{7}c_cst",
        "no such customer: s0",
        "no such customer: s\u{0}0",
        "c0 is banned",
        "",
        ".",
    ] {
        let body =
            serde_json::json!({"oauth_exception": "invalid_grant", "exception_description": description}).to_string();
        let miss = super::read(
            Response::new(StatusCode::BAD_REQUEST, both(), body.as_bytes()),
            None,
            Some(&known("e")),
            CALLED_AT,
        )
        .err();
        let expected = AttemptError::Refused { exception: "invalid_grant".into(), description: UNEXPLAINED.into() };
        assert_eq!(miss, Some(expected), "{description}");
    }
}

#[test]
fn an_exception_counts_whatever_other_fields_there_are() {
    let body = br#"{"oauth_exception":"invalid_client","expires_in":"x","access_token":7}"#;
    assert!(
        matches!(read(200, &both(), body), Err(AttemptError::Refused { exception, .. }) if exception == "invalid_client")
    );
}

#[test]
fn a_refusal_without_an_explanation_is_still_a_refusal() {
    for status in [400, 401, 403, 404] {
        assert!(matches!(read(status, &both(), b"<html>"), Err(AttemptError::Refused { .. })), "{status}");
    }
}

#[test]
fn a_malformed_body_is_never_a_token() {
    for odd in [
        serde_json::json!({"access_token": ""}),
        serde_json::json!({"access_token": null}),
        serde_json::json!({"access_token": 7}),
        serde_json::json!({"access_token": "x".repeat(LONGEST_TOKEN + 1)}),
        serde_json::json!({"entity_id": ""}),
        serde_json::json!({"entity_id": "a b"}),
        serde_json::json!({"entity_id": "x".repeat(LONGEST_ENTITY_ID + 1)}),
        serde_json::json!({"expires_in": 0}),
        serde_json::json!({"expires_in": -1}),
        serde_json::json!({"expires_in": TWO_YEARS_S + 1}),
        serde_json::json!({"expires_in": "28800"}),
        serde_json::json!({"expires_in": 1e30}),
        serde_json::json!({"token_type": null}),
        serde_json::json!({"token_type": "mac"}),
    ] {
        assert!(matches!(read(200, &both(), &body(&odd)), Err(AttemptError::MalformedResponse(_))), "{odd}");
    }
    let good = body(&serde_json::json!({}));
    for odd in [
        &b""[..],
        b"null",
        b"[]",
        br#"["dal:token","e1",28800,"Bearer"]"#,
        b"{}",
        b"<html>hello</html>",
        &good[..good.len() / 2],
    ] {
        assert!(matches!(read(200, &both(), odd), Err(AttemptError::MalformedResponse(_))));
    }
    for status in [201, 204, 302, 307] {
        assert!(matches!(read(status, &both(), &good), Err(AttemptError::MalformedResponse(_))), "{status}");
    }
}

#[test]
fn a_new_customer_needs_both_cookies() {
    let good = body(&serde_json::json!({}));
    for lines in [
        &[][..],
        &["__lc_cid=c1"],
        &["__lc_cst=s1"],
        &["__lc_cid=c1", "__lc_cst="],
        &["__lc_cid=c1", "__lc_cst=s1; Max-Age=0"],
        &["__lc_cid=c1", "__lc_cst=s1; Max-Age=-5"],
        &["__lc_cid=c1", "__lc_cst=deleted; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
        &["__lc_cid=c1", "__LC_CST=s1"],
        &["__lc_cid=c1", "other=s1"],
    ] {
        assert!(matches!(read(200, &headers(lines), &good), Err(AttemptError::MalformedResponse(_))), "{lines:?}");
    }
}

#[test]
fn other_cookies_are_ignored() {
    let lines = ["__cf_bm=x; Path=/", "__lc_cid=c1; Max-Age=100", "garbage", "__lc_cst=s1"];
    let grant = read(200, &headers(&lines), &body(&serde_json::json!({}))).expect("a grant");
    assert_eq!(grant.cookies_expire_at.as_u64(), 1_700_000_000 + 100);
}

#[test]
fn a_known_customer_keeps_a_cookie_that_is_not_in_the_response() {
    let good = body(&serde_json::json!({}));
    let lines = headers(&["__lc_cst=s1"]);
    let grant = super::read(Response::new(StatusCode::OK, lines.clone(), &good), None, Some(&known("e1")), CALLED_AT)
        .expect("a grant");
    assert_eq!(grant.cookies.as_ref().expect("cookies").cid.expose_secret(), "c0");
    assert_eq!(grant.cookies.as_ref().expect("cookies").cst.expose_secret(), "s1");
}

#[test]
fn cookies_of_two_customers_are_never_mixed() {
    let good = body(&serde_json::json!({}));
    let lines = headers(&["__lc_cst=s1"]);
    let mixed =
        super::read(Response::new(StatusCode::OK, lines.clone(), &good), None, Some(&known("another")), CALLED_AT);
    assert!(matches!(mixed, Err(AttemptError::MalformedResponse(_))));
}
