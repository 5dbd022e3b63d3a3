//! The endpoints of the Customer Accounts API, as the sandbox serves them: token, info and revoke. `cookie_grant.rs`,
//! `agent_grant.rs` and `transfer.rs` decide who gets a token.

use super::{
    App, Fault, Grant, Granted, Revocation, Sandbox, Settings, agent_grant, cookie_grant, cookies,
    customers::{Issued, Realm},
    faulty,
    refused::Refused,
    transfer,
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, SET_COOKIE},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

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
        _ => {
            Refused::Oauth(StatusCode::NOT_FOUND, "resource_not_found", "no such organization or group").into_response()
        }
    }
}

/// A call of a token endpoint.
pub(super) struct Call {
    pub(super) realm: Realm,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) fault: Option<Fault>,
    came: Instant,
}

async fn grant(sandbox: Sandbox, realm: Realm, headers: HeaderMap, body: Bytes) -> Response {
    let came = Instant::now();
    let _waiting = sandbox.wait();
    let group = if let Realm::Group(group) = realm { Some(group) } else { None };
    faulty::detached(async move {
        let fault = {
            let mut state = sandbox.state();
            state.calls.token += 1;
            state.faults.next(group)
        };
        sandbox.wait_for_latency().await;
        if let Some(response) = faulty::before(fault).await {
            return response;
        }
        let Ok(body) = serde_json::from_slice(&body) else {
            return Refused::bad("bad_request", "the body is not JSON").into_response();
        };
        let call = Call { realm, headers, body, fault, came };
        let (grant, issued) = match call.body["grant_type"].as_str() {
            Some("cookie") => (Grant::Cookie, cookie_grant::issue(&sandbox, &call)),
            Some("agent_token") => (Grant::AgentToken, agent_grant::issue(&sandbox, &call)),
            Some("identity_token") => (Grant::IdentityToken, transfer::issue(&sandbox, &call)),
            _ => return unsupported().into_response(),
        };
        sandbox.store();
        if let Some(response) = faulty::instead(fault).await {
            return response;
        }
        match issued {
            Ok((issued, settings)) => respond(&sandbox, &call, grant, &issued, settings),
            Err(refused) => refused.into_response(),
        }
    })
    .await
}

fn unsupported() -> Refused {
    Refused::bad("unsupported_grant_type", "grant_type is not cookie, agent_token or identity_token")
}

impl Call {
    /// # Errors
    /// If the parameters that every grant has are not those of a token for this client.
    pub(super) fn check(&self, client_id: &str) -> Result<(), Refused> {
        if self.body["response_type"] != "token" {
            return Err(Refused::bad("invalid_request", "response_type must be token"));
        }
        if self.body["client_id"] != client_id {
            return Err(Refused::bad("unauthorized_client", "client_id is not known, or may not use this grant"));
        }
        Ok(())
    }

    /// The account that the body names, if it names the one that this endpoint needs: whether it is the sandbox's.
    pub(super) fn names_account(&self, app: &App) -> Option<bool> {
        let (name, expected) = match self.realm {
            Realm::V1 => ("license_id", json!(app.license_id)),
            Realm::V2 | Realm::Group(_) => ("organization_id", json!(app.organization_id)),
        };
        self.body.get(name).map(|named| *named == expected)
    }

    /// The journal's record of a token that was issued just now for a customer that the call did not name.
    pub(super) fn granted(&self, grant: Grant, issued: &Issued, settings: Settings) -> Granted {
        let took_effect = Instant::now();
        Granted {
            came: self.came,
            took_effect,
            grant,
            asked_for: None,
            proved: None,
            claimed: None,
            slipped: false,
            entity_id: issued.entity_id.clone(),
            access_token: issued.access_token.clone(),
            ends: took_effect + Duration::from_secs(settings.expires_in),
        }
    }
}

fn respond(sandbox: &Sandbox, call: &Call, grant: Grant, issued: &Issued, settings: Settings) -> Response {
    let Call { realm, fault, .. } = *call;
    let Issued { entity_id, access_token, .. } = issued;
    let details = Details { realm, grant, entity_id, access_token, expires_in: settings.expires_in };
    let mut response = faulty::token(details.to_json(&sandbox.app), &["entity_id", "expires_in"], fault);
    for cookie in cookies::set(realm, issued, sandbox.now(), fault) {
        let cookie = HeaderValue::from_str(&cookie.to_string()).expect("the sandbox's own values fit a header");
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

pub(super) async fn info(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.state().calls.info += 1;
    sandbox.wait_for_latency().await;
    let now_ms = sandbox.now_ms();
    let found = bearer(&headers).and_then(|token| {
        let details = sandbox.state().stored.customers.details(token, now_ms).cloned()?;
        Some((token, details))
    });
    let Some((access_token, found)) = found else { return Refused::invalid_token().into_response() };
    let expires_in = found.expires_ms.saturating_sub(now_ms) / 1000;
    let (realm, grant) = (found.realm, found.grant);
    let details = Details { realm, grant, entity_id: &found.entity_id, access_token, expires_in };
    Json(details.to_json(&sandbox.app)).into_response()
}

pub(super) async fn revoke(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.state().calls.revoke += 1;
    sandbox.wait_for_latency().await;
    let Some(token) = bearer(&headers) else { return Refused::invalid_token().into_response() };
    let existed = {
        let mut state = sandbox.state();
        match state.settings.revocation {
            Revocation::Token => state.stored.customers.revoke(token),
            Revocation::Customer => state.stored.customers.revoke_all(token),
            Revocation::Http500 => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    if !existed {
        return Refused::invalid_token().into_response();
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
    grant: Grant,
    entity_id: &'a str,
    access_token: &'a str,
    /// The time until it expires, in s.
    expires_in: u64,
}

impl Details<'_> {
    fn to_json(&self, app: &App) -> Value {
        let client_id = match self.grant {
            Grant::Cookie | Grant::IdentityToken => &app.client_id,
            Grant::AgentToken => &app.agent.client_id,
        };
        let mut json = json!({
            "access_token": self.access_token, "client_id": client_id, "entity_id": self.entity_id,
            "expires_in": self.expires_in, "token_type": "Bearer",
        });
        match self.realm {
            Realm::V1 => json["license_id"] = json!(app.license_id),
            Realm::V2 | Realm::Group(_) => json["organization_id"] = json!(app.organization_id),
        }
        json
    }
}
