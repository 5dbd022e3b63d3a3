//! The sandbox's half of the Customer Accounts API.

use super::{
    Fault, Sandbox,
    customers::{Issued, Realm},
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE},
    },
    response::{IntoResponse, Response},
};
use cip::time::now_ms;
use cookie::{Cookie, SameSite};
use serde_json::{Value, json};
use std::time::Duration;

const TWO_YEARS: cookie::time::Duration = cookie::time::Duration::days(730);
const THOUSAND_YEARS_S: u64 = 31_536_000_000;

pub(super) async fn v1(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    grant(&sandbox, Realm::V1, &headers, &body).await
}

pub(super) async fn v2(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    grant(&sandbox, Realm::V2, &headers, &body).await
}

pub(super) async fn v2_group(
    State(sandbox): State<Sandbox>,
    Path((organization, group)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match group.parse() {
        Ok(group) if organization == sandbox.app.organization_id => {
            grant(&sandbox, Realm::Group(group), &headers, &body).await
        }
        _ => refuse(StatusCode::NOT_FOUND, "resource_not_found", "no such organization or group"),
    }
}

async fn grant(sandbox: &Sandbox, realm: Realm, headers: &HeaderMap, body: &[u8]) -> Response {
    let fault = {
        let mut state = sandbox.state();
        state.calls.token += 1;
        state.faults.next()
    };
    sandbox.take_time().await;
    if let Some(response) = before(fault).await {
        return response;
    }
    if let Err(refused) = check(sandbox, realm, headers, body) {
        return *refused;
    }
    let cookies = match fault {
        Some(Fault::OtherEntity) => None,
        _ => read_cookies(headers),
    };
    let (issued, expires_in) = {
        let mut state = sandbox.state();
        let settings = state.settings;
        let cookies = cookies.as_ref().map(|(cid, cst)| (cid.as_str(), cst.as_str()));
        let lives = Duration::from_secs(settings.expires_in);
        (state.customers.issue(realm, cookies, settings.cst, lives), settings.expires_in)
    };
    sandbox.keep();
    answer(sandbox, realm, &issued, expires_in, fault)
}

/// Faults that keep a call from taking effect.
async fn before(fault: Option<Fault>) -> Option<Response> {
    Some(match fault? {
        Fault::Http500 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::Http503 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Fault::Http429 => StatusCode::TOO_MANY_REQUESTS.into_response(),
        Fault::Html => axum::response::Html("<!doctype html><title>Maintenance</title>").into_response(),
        Fault::Empty => StatusCode::OK.into_response(),
        Fault::OauthServerError => refuse(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "try again later"),
        Fault::OauthInvalidRequest => {
            refuse(StatusCode::BAD_REQUEST, "invalid_request", "redirect_uri is not whitelisted")
        }
        Fault::OauthIn200 => refuse(StatusCode::OK, "temporarily_unavailable", "try again later"),
        Fault::IdentityException => Json(json!({"identity_exception": "customer_banned"})).into_response(),
        Fault::ResetBefore => cut(),
        Fault::Hang => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        _ => return None,
    })
}

fn answer(sandbox: &Sandbox, realm: Realm, issued: &Issued, expires_in: u64, fault: Option<Fault>) -> Response {
    if fault == Some(Fault::ResetAfter) {
        cut();
    }
    let mut body = details(sandbox, realm, &issued.entity_id, &issued.access_token, expires_in);
    match fault {
        Some(Fault::MissingFields) => {
            for name in ["entity_id", "expires_in"] {
                body.as_object_mut().map(|fields| fields.remove(name));
            }
        }
        Some(Fault::ExpiresZero) => body["expires_in"] = json!(0),
        Some(Fault::ExpiresNegative) => body["expires_in"] = json!(-28_800),
        Some(Fault::ExpiresAbsurd) => body["expires_in"] = json!(THOUSAND_YEARS_S),
        _ => {}
    }
    let mut text = body.to_string();
    if fault == Some(Fault::Truncated) {
        text.truncate(text.len() / 2);
    }
    let mut response = ([(CONTENT_TYPE, "application/json")], text).into_response();
    let cookies: &[_] = match fault {
        Some(Fault::NoCookies) => &[],
        Some(Fault::OneCookie) => &[("__lc_cid", &issued.cid)],
        _ => &[("__lc_cid", &issued.cid), ("__lc_cst", &issued.cst)],
    };
    for (name, value) in cookies {
        response.headers_mut().append(SET_COOKIE, set_cookie(realm, name, value));
    }
    response
}

/// Ends the connection without an answer: unwinding ends the task that serves it, and says nothing.
fn cut() -> Response {
    std::panic::resume_unwind(Box::new("the connection is cut, as asked for"))
}

/// The cookies' attributes as LiveChat sends them.
fn set_cookie(realm: Realm, name: &str, value: &str) -> HeaderValue {
    let path = if realm == Realm::V1 { "/customer" } else { "/v2/customer" };
    let cookie = Cookie::build((name, value))
        .path(path)
        .max_age(TWO_YEARS)
        .http_only(true)
        .secure(true)
        .same_site(SameSite::None)
        .build();
    HeaderValue::from_str(&cookie.to_string()).expect("the sandbox's own values fit a header")
}

/// Both cookies, or none. Attributes among them are the mark of a client that sends `Set-Cookie` back as it came.
fn read_cookies(headers: &HeaderMap) -> Option<(String, String)> {
    let (mut cid, mut cst) = (None, None);
    for line in headers.get_all(COOKIE) {
        for cookie in Cookie::split_parse(line.to_str().ok()?.to_owned()) {
            let cookie = cookie.ok()?;
            match cookie.name() {
                "__lc_cid" => cid = Some(cookie.value().to_owned()),
                "__lc_cst" => cst = Some(cookie.value().to_owned()),
                _ => return None,
            }
        }
    }
    cid.zip(cst)
}

fn check(sandbox: &Sandbox, realm: Realm, headers: &HeaderMap, body: &[u8]) -> Result<(), Box<Response>> {
    let bad = |exception, why: &str| Err(Box::new(refuse(StatusCode::BAD_REQUEST, exception, why)));
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return bad("bad_request", "the body is not JSON") };
    let app = &sandbox.app;
    if body["grant_type"] != "cookie" {
        return bad("unsupported_grant_type", "the sandbox knows the cookie grant only");
    }
    if body["response_type"] != "token" {
        return bad("invalid_request", "response_type must be token");
    }
    if body["client_id"] != app.client_id.as_str() {
        return bad("unauthorized_client", "client_id is not known");
    }
    let account = match realm {
        Realm::V1 => body["license_id"] == app.license_id,
        Realm::V2 | Realm::Group(_) => body["organization_id"] == app.organization_id.as_str(),
    };
    if !account {
        return bad("invalid_request", "license_id (v1) or organization_id (v2) is not known");
    }
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    match body["redirect_uri"].as_str().or(origin) {
        Some(redirect) if whitelisted(&app.redirect_uris, redirect) => Ok(()),
        _ => bad("invalid_request", "redirect_uri is not whitelisted"),
    }
}

/// Scheme and host exactly, the path by prefix, no query, no fragment.
fn whitelisted(list: &[String], redirect: &str) -> bool {
    let split = |uri: &str| {
        let after_scheme = uri.find("://")? + 3;
        let path = uri[after_scheme..].find('/').map_or(uri.len(), |slash| after_scheme + slash);
        Some((uri[..path].to_owned(), uri[path..].to_owned()))
    };
    let Some((origin, path)) = split(redirect).filter(|_| !redirect.contains(['?', '#'])) else { return false };
    list.iter().filter_map(|allowed| split(allowed)).any(|(allowed_origin, allowed_path)| {
        origin == allowed_origin && path.trim_end_matches('/').starts_with(allowed_path.trim_end_matches('/'))
    })
}

pub(super) async fn info(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.state().calls.info += 1;
    sandbox.take_time().await;
    let Some(token) = bearer(&headers) else { return unauthorized() };
    let Some(found) = sandbox.state().customers.details(token).cloned() else { return unauthorized() };
    let left = found.ends_ms.saturating_sub(now_ms()) / 1000;
    Json(details(&sandbox, found.realm, &found.entity_id, token, left)).into_response()
}

pub(super) async fn revoke(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.state().calls.revoke += 1;
    sandbox.take_time().await;
    match bearer(&headers) {
        Some(token) if sandbox.state().customers.revoke(token) => {
            sandbox.keep();
            Json(json!({})).into_response()
        }
        _ => unauthorized(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn details(sandbox: &Sandbox, realm: Realm, entity_id: &str, access_token: &str, expires_in: u64) -> Value {
    let mut details = json!({
        "access_token": access_token, "client_id": sandbox.app.client_id, "entity_id": entity_id,
        "expires_in": expires_in, "token_type": "Bearer",
    });
    match realm {
        Realm::V1 => details["license_id"] = json!(sandbox.app.license_id),
        Realm::V2 | Realm::Group(_) => details["organization_id"] = json!(sandbox.app.organization_id),
    }
    details
}

fn unauthorized() -> Response {
    refuse(StatusCode::UNAUTHORIZED, "access_denied", "the token is not known, expired or revoked")
}

fn refuse(status: StatusCode, exception: &str, description: &str) -> Response {
    (status, Json(json!({"oauth_exception": exception, "exception_description": description}))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_is_compared_as_livechat_does() {
        let list = ["https://shop.example/chat".to_owned()];
        for good in ["https://shop.example/chat", "https://shop.example/chat/", "https://shop.example/chat/eu"] {
            assert!(whitelisted(&list, good), "{good}");
        }
        for bad in [
            "http://shop.example/chat",
            "https://shop.example",
            "https://shop.example.evil/chat",
            "https://shop.example:8443/chat",
            "https://shop.example/chat?a",
            "https://shop.example/chat#a",
            "shop.example/chat",
            "",
        ] {
            assert!(!whitelisted(&list, bad), "{bad}");
        }
    }

    fn cookie_header(line: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(line).expect("a header"))])
    }

    #[test]
    fn cookies_count_only_as_a_pair_and_without_attributes() {
        assert_eq!(read_cookies(&cookie_header("__lc_cid=a; __lc_cst=b")), Some(("a".into(), "b".into())));
        for bad in ["__lc_cid=a", "__lc_cst=b", "__lc_cid=a; Path=/customer; __lc_cst=b", "x"] {
            assert_eq!(read_cookies(&cookie_header(bad)), None, "{bad}");
        }
    }
}
