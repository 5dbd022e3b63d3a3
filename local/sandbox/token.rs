//! The Customer Accounts API, as the sandbox serves it.

use super::{
    App, Fault, Forgotten, Granted, Revocation, Sandbox, Settings, cookies,
    customers::{Issued, Realm},
};
use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, DATE, ORIGIN, SET_COOKIE},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    panic::resume_unwind,
    time::{Duration, Instant},
};

const THOUSAND_YEARS_S: u64 = 31_536_000_000;
/// The size of the padding in bytes: more than 64 KiB, which the functions refuse.
const PADDING: usize = 100_000;

pub(super) async fn v1(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    grant(sandbox, Realm::V1, headers, body).await
}

pub(super) async fn v2(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    grant(sandbox, Realm::V2, headers, body).await
}

pub(super) async fn v2_group(
    State(sandbox): State<Sandbox>,
    Path((organization, group)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match group.parse() {
        Ok(group) if organization == sandbox.app.organization_id => {
            grant(sandbox, Realm::Group(group), headers, body).await
        }
        _ => refuse(StatusCode::NOT_FOUND, "resource_not_found", "no such organization or group"),
    }
}

async fn grant(sandbox: Sandbox, realm: Realm, headers: HeaderMap, body: Bytes) -> Response {
    let came = Instant::now();
    let _waiting = sandbox.wait();
    let group = if let Realm::Group(group) = realm { Some(group) } else { None };
    // A task of its own, so that a call takes effect even if its caller has closed the connection.
    let call = tokio::spawn(async move {
        let fault = {
            let mut state = sandbox.state();
            state.calls.token += 1;
            state.faults.next(group)
        };
        sandbox.wait_for_latency().await;
        if let Some(response) = before(fault).await {
            return response;
        }
        if let Err(refused) = check(&sandbox, realm, &headers, &body) {
            return *refused;
        }
        let call = Call { realm, fault, came };
        let cookies = cookies::read(&headers);
        let (issued, settings) = issue(&sandbox, &call, cookies.as_ref());
        sandbox.store();
        if let Some(response) = instead(fault).await {
            return response;
        }
        issued.map_or_else(identity_lost, |issued| respond(&sandbox, &call, &issued, settings))
    });
    call.await.unwrap_or_else(|error| error.try_into_panic().map_or_else(|_| cut(), |panic| resume_unwind(panic)))
}

/// A call of a token endpoint.
struct Call {
    realm: Realm,
    fault: Option<Fault>,
    came: Instant,
}

/// Issues a token: at this moment the call takes effect. No token is issued if the cookies are not valid and
/// [`Forgotten::IdentityLost`] is set.
fn issue(sandbox: &Sandbox, call: &Call, cookies: Option<&(String, String)>) -> (Option<Issued>, Settings) {
    let Call { realm, fault, came } = *call;
    let now_ms = sandbox.now_ms();
    let mut state = sandbox.state();
    let settings = state.settings;
    let presented = cookies.map(|(cid, cst)| (cid.as_str(), cst.as_str()));
    let claimed = presented.and_then(|cookies| state.stored.customers.claimed(cookies)).map(str::to_owned);
    let valid = presented.and_then(|cookies| state.stored.customers.proven(realm, cookies)).map(str::to_owned);
    let slipped = valid.is_some() && fault == Some(Fault::OtherEntity);
    let is_lost = presented.is_some() && (valid.is_none() || slipped);
    if is_lost && settings.forgotten == Forgotten::IdentityLost {
        return (None, settings);
    }
    let recognised = presented.filter(|_| !slipped);
    let issued = state.stored.customers.issue(realm, recognised, settings.cst, now_ms + settings.expires_in * 1000);
    let took_effect = Instant::now();
    state.journal.push(Granted {
        came,
        took_effect,
        proved: valid.filter(|_| !slipped),
        claimed,
        slipped,
        entity_id: issued.entity_id.clone(),
        access_token: issued.access_token.clone(),
        ends: took_effect + Duration::from_secs(settings.expires_in),
    });
    (Some(issued), settings)
}

/// The response of a fault that prevents the call from taking effect.
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
        Fault::OauthResourceNotFound => refuse(StatusCode::NOT_FOUND, "resource_not_found", "there is no such group"),
        Fault::OauthIn200 => refuse(StatusCode::OK, "temporarily_unavailable", "try again later"),
        Fault::IdentityException => Json(json!({"identity_exception": "customer_banned"})).into_response(),
        Fault::ResetBefore => cut(),
        Fault::Hang => hang().await,
        _ => return None,
    })
}

async fn hang() -> Response {
    tokio::time::sleep(Duration::from_mins(1)).await;
    StatusCode::GATEWAY_TIMEOUT.into_response()
}

/// The response of a fault that replaces the response to a call that took effect.
async fn instead(fault: Option<Fault>) -> Option<Response> {
    match fault? {
        Fault::ResetAfter => Some(cut()),
        Fault::HangAfter => Some(hang().await),
        _ => None,
    }
}

fn identity_lost() -> Response {
    Json(json!({"identity_exception": "identity_lost"})).into_response()
}

fn respond(sandbox: &Sandbox, call: &Call, issued: &Issued, settings: Settings) -> Response {
    let Call { realm, fault, .. } = *call;
    let Issued { entity_id, access_token, .. } = issued;
    let details = Details { realm, entity_id, access_token, expires_in: settings.expires_in };
    let mut body = details.to_json(&sandbox.app);
    match fault {
        Some(Fault::MissingFields) => {
            for name in ["entity_id", "expires_in"] {
                body.as_object_mut().map(|fields| fields.remove(name));
            }
        }
        Some(Fault::ExpiresZero) => body["expires_in"] = json!(0),
        Some(Fault::ExpiresNegative) => body["expires_in"] = json!(-28_800),
        Some(Fault::ExpiresAbsurd) => body["expires_in"] = json!(THOUSAND_YEARS_S),
        Some(Fault::Huge) => body["padding"] = json!("x".repeat(PADDING)),
        _ => {}
    }
    let mut text = body.to_string();
    if fault == Some(Fault::Truncated) {
        text.truncate(text.len() / 2);
    }
    let body = if fault == Some(Fault::SlowBody) { trickle(text) } else { Body::from(text) };
    let mut response = ([(CONTENT_TYPE, "application/json")], body).into_response();
    for cookie in cookies::set(realm, issued, sandbox.now(), fault) {
        let cookie = HeaderValue::from_str(&cookie.to_string()).expect("the sandbox's own values fit a header");
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Sends the first part at once, and each other part after a pause.
fn trickle(text: String) -> Body {
    const PARTS: usize = 20;
    const PAUSE: Duration = Duration::from_millis(500);
    let size = text.len().div_ceil(PARTS);
    let parts =
        futures_util::stream::unfold((Bytes::from(text), Duration::ZERO), move |(mut rest, pause)| async move {
            if rest.is_empty() {
                return None;
            }
            tokio::time::sleep(pause).await;
            let part = rest.split_to(size.min(rest.len()));
            Some((Ok::<_, Infallible>(part), (rest, PAUSE)))
        });
    Body::from_stream(parts)
}

/// Ends the connection without a response: unwinding ends the task that serves it. `resume_unwind` prints no message.
fn cut() -> Response {
    resume_unwind(Box::new("the connection is cut by a fault"))
}

/// Sets the `Date` of a response by the sandbox's clock.
pub(super) async fn date(State(sandbox): State<Sandbox>, mut response: Response) -> Response {
    let now = sandbox.now();
    let (weekday, month) = (now.weekday().to_string(), now.month().to_string());
    let (hour, minute, second) = now.to_hms();
    let date = format!(
        "{}, {:02} {} {} {hour:02}:{minute:02}:{second:02} GMT",
        &weekday[..3],
        now.day(),
        &month[..3],
        now.year()
    );
    response.headers_mut().insert(DATE, HeaderValue::from_str(&date).expect("a date fits a header"));
    response
}

fn check(sandbox: &Sandbox, realm: Realm, headers: &HeaderMap, body: &[u8]) -> Result<(), Box<Response>> {
    let bad = |exception, why: &str| Err(Box::new(refuse(StatusCode::BAD_REQUEST, exception, why)));
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return bad("bad_request", "the body is not JSON") };
    let app = &sandbox.app;
    if body["grant_type"] != "cookie" {
        return bad("unsupported_grant_type", "the sandbox supports only the cookie grant");
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

/// Whether `redirect` is accepted by a list: scheme and host must be equal, the path is compared by prefix, and there must be no
/// query and no fragment.
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
    sandbox.wait_for_latency().await;
    let Some(token) = bearer(&headers) else { return unauthorized() };
    let now_ms = sandbox.now_ms();
    let Some(found) = sandbox.state().stored.customers.details(token, now_ms).cloned() else { return unauthorized() };
    let left = found.expires_ms.saturating_sub(now_ms) / 1000;
    let details = Details { realm: found.realm, entity_id: &found.entity_id, access_token: token, expires_in: left };
    Json(details.to_json(&sandbox.app)).into_response()
}

pub(super) async fn revoke(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.state().calls.revoke += 1;
    sandbox.wait_for_latency().await;
    let Some(token) = bearer(&headers) else { return unauthorized() };
    let existed = {
        let mut state = sandbox.state();
        match state.settings.revocation {
            Revocation::Token => state.stored.customers.revoke(token),
            Revocation::Customer => state.stored.customers.revoke_all(token),
            Revocation::Http500 => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    if !existed {
        return unauthorized();
    }
    sandbox.store();
    Json(json!({})).into_response()
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// LiveChat's details of a token.
struct Details<'a> {
    realm: Realm,
    entity_id: &'a str,
    access_token: &'a str,
    /// The time until it expires, in s.
    expires_in: u64,
}

impl Details<'_> {
    fn to_json(&self, app: &App) -> Value {
        let mut json = json!({
            "access_token": self.access_token, "client_id": app.client_id, "entity_id": self.entity_id,
            "expires_in": self.expires_in, "token_type": "Bearer",
        });
        match self.realm {
            Realm::V1 => json["license_id"] = json!(app.license_id),
            Realm::V2 | Realm::Group(_) => json["organization_id"] = json!(app.organization_id),
        }
        json
    }
}

pub(super) fn unauthorized() -> Response {
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
}
