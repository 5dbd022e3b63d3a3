//! The sandbox's admin API, for tests and for the page of `cargo local`. LiveChat has no such API.
//!
//! | request | does |
//! |---|---|
//! | `GET /sandbox` | returns the counters, the settings, the pending faults and the latest calls that a fault affected |
//! | `GET /sandbox/faults` | explains each fault: `[{"fault": "http_503", "kind": "LiveChat is down", "explanation": "…", "endpoints": ["token", "oauth"]}]` |
//! | `GET /sandbox/settings` | explains each setting: `[{"setting": "cst", "explanation": "…"}]` |
//! | `PATCH /sandbox/settings` | `{"latencyMs": 150, "cst": "strict", "forgotten": "identity_lost"}`, any of [`Settings`] |
//! | `PATCH /sandbox/settings` | `{"revocation": "http_500"}`: revocations fail; `"customer"`: each revokes all tokens of the customer |
//! | `POST /sandbox/faults` | `{"fault": "http_503", "times": 2}`: the next two calls fail in this way |
//! | `PATCH /sandbox/settings` | `{"unknownEntity": "identity_lost", "refreshRotation": "strict", "agentExpiresIn": 60, "agentScope": "customers:ro"}`: the agent's tokens and grant |
//! | `PATCH /sandbox/settings` | `{"identityTransfer": "refused"}`: whether a customer's token can be turned into another one |
//! | `POST /sandbox/faults` | `{"fault": "hang", "group": 7}`: the next call for group 7 fails |
//! | `POST /sandbox/faults` | `{"fault": "reset_after", "endpoint": "oauth"}`: the next call of `POST /v2/token` fails; `"update_customer"`: the next update |
//! | `POST /sandbox/faults` | `{"anyOf": ["http_503", "reset_after"], "perMille": 50, "seed": 7}`: a share of the calls fails, at random |
//! | `DELETE /sandbox/faults` | removes the faults that are still to come |
//! | `GET /sandbox/customers` | lists the customers: `[{"entityId": "…", "realm": "v2", "cookiesAccepted": true, "name": "Alice", "email": null, "sessionFields": [["plan", "pro"]]}]` |
//! | `DELETE /sandbox/customers/{entity_id}` | forgets the customer: its cookies get a new customer with 200, or what the setting `forgotten` says |
//! | `DELETE /sandbox/customers/{entity_id}/cookies` | makes the customer's cookies invalid: the agent-token grant still finds the customer and its chat |
//! | `DELETE /sandbox/agent/access-tokens` | revokes all access tokens of the agent |
//! | `DELETE /sandbox/agent/refresh-tokens` | revokes all refresh tokens of the agent; `GET /` with a browser, or a reset, gives another |
//! | `POST /sandbox/reset` | restores the state at the start |
//!
//! [`Fault`](super::Fault) describes each fault. Without `endpoint`, faults affect calls of the token endpoint of customers. Planned
//! faults come first, in order. A [`Share`] (in the example, one call of twenty) affects the other calls of that endpoint, until a
//! request with `"perMille": 0`. With the same seed, the same calls fail.
//!
//! Each request that changes something returns the same body as `GET /sandbox`. An invalid request returns 400 with a sentence that says why, and
//! changes nothing. The chat of the page's devices is in `chat.rs`.

use super::{Sandbox, Settings, Share, explained, pending::Planned};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/sandbox", get(show))
        .route("/sandbox/settings", get(explain_settings).patch(change))
        .route("/sandbox/faults", get(explain).post(plan).delete(clear))
        .route("/sandbox/customers", get(customers))
        .route("/sandbox/customers/{entity_id}", delete(forget))
        .route("/sandbox/customers/{entity_id}/cookies", delete(kill_cookies))
        .route("/sandbox/agent/access-tokens", delete(revoke_agent_tokens))
        .route("/sandbox/agent/refresh-tokens", delete(kill_refresh_token))
        .route("/sandbox/reset", post(reset))
}

type Report = Result<Json<Value>, BadRequest>;

/// Why a request is invalid, in a sentence without its full stop.
#[derive(Debug)]
pub(super) struct BadRequest(pub(super) String);

impl IntoResponse for BadRequest {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, format!("{}.\n", self.0)).into_response()
    }
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadRequest> {
    serde_json::from_slice(body).map_err(|error| BadRequest(format!("The body is invalid: {error}")))
}

fn report(sandbox: &Sandbox) -> Json<Value> {
    let state = sandbox.state();
    let agents = &state.stored.agents;
    let agent = json!({
        "liveAccessTokens": agents.live(state.now_ms()), "mostLiveAccessTokens": agents.most_live(),
        "liveRefreshTokens": agents.live_refresh_tokens(),
    });
    Json(json!({
        "customers": state.stored.customers.created(), "calls": state.calls, "mostWaiting": state.waiting.most,
        "settings": state.settings, "faults": state.faults.list(), "share": state.faults.share(),
        "faultsHit": state.faults.hits(), "latestFaults": state.faults.latest(), "agent": agent,
    }))
}

async fn show(State(sandbox): State<Sandbox>) -> Json<Value> {
    report(&sandbox)
}

async fn explain() -> Json<Value> {
    Json(explained::all())
}

async fn explain_settings() -> Json<Value> {
    Json(explained::settings())
}

async fn change(State(sandbox): State<Sandbox>, body: Bytes) -> Report {
    let changes: serde_json::Map<String, Value> = read(&body)?;
    let mut settings = serde_json::to_value(sandbox.state().settings).unwrap_or_default();
    for (name, value) in changes {
        settings[name] = value;
    }
    let settings: Settings =
        serde_json::from_value(settings).map_err(|error| BadRequest(format!("A setting is invalid: {error}")))?;
    settings.check().map_err(BadRequest)?;
    sandbox.set(|current| *current = settings);
    Ok(report(&sandbox))
}

async fn plan(State(sandbox): State<Sandbox>, body: Bytes) -> Report {
    if read::<Value>(&body)?.get("anyOf").is_some() {
        let share: Share = read(&body)?;
        if share.per_mille > 1000 {
            return Err(BadRequest(format!("perMille is {}; the maximum is 1000", share.per_mille)));
        }
        if share.any_of.is_empty() && share.per_mille > 0 {
            return Err(BadRequest("anyOf names no fault".into()));
        }
        sandbox.fail_share(share);
    } else {
        let planned: Planned = read(&body)?;
        planned.check().map_err(BadRequest)?;
        sandbox.state().faults.add(planned);
    }
    Ok(report(&sandbox))
}

async fn clear(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.state().faults.clear();
    report(&sandbox)
}

async fn customers(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!(sandbox.state().stored.customers.list()))
}

async fn forget(State(sandbox): State<Sandbox>, Path(entity_id): Path<String>) -> Json<Value> {
    sandbox.forget(&entity_id);
    report(&sandbox)
}

async fn kill_cookies(State(sandbox): State<Sandbox>, Path(entity_id): Path<String>) -> Json<Value> {
    sandbox.kill_cookies(&entity_id);
    report(&sandbox)
}

async fn revoke_agent_tokens(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.revoke_agent_tokens();
    report(&sandbox)
}

async fn kill_refresh_token(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.kill_refresh_token();
    report(&sandbox)
}

async fn reset(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.reset();
    report(&sandbox)
}
