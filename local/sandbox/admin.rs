//! The sandbox's admin API, for tests and for the page of `cargo local`. It is none of LiveChat's.
//!
//! | request | does |
//! |---|---|
//! | `GET /sandbox` | what was counted, the settings, the faults that are still to come |
//! | `PATCH /sandbox/settings` | `{"latencyMs": 150, "expiresIn": 3000, "cst": "strict"}`, any of them |
//! | `POST /sandbox/faults` | `{"fault": "http_503", "times": 2}` |
//! | `DELETE /sandbox/customers/{entity_id}` | the customer is forgotten |
//! | `POST /sandbox/reset` | everything as at the start |

use super::{Sandbox, Settings, fault::Planned};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse, Response},
    routing::{delete, get, patch, post},
};
use serde_json::{Value, json};
use tower_http::cors::{AllowOrigin, CorsLayer};

pub(super) fn router() -> Router<Sandbox> {
    // The page of `cargo local` is on another port of this machine.
    let this_machine = AllowOrigin::predicate(|origin: &HeaderValue, _: &Parts| {
        let host = origin.to_str().unwrap_or_default().trim_start_matches("http://");
        ["127.0.0.1", "localhost", "[::1]"].contains(&host.rsplit_once(':').map_or(host, |(host, _)| host))
    });
    let cors = CorsLayer::new()
        .allow_origin(this_machine)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([CONTENT_TYPE]);
    Router::new()
        .route("/sandbox", get(show))
        .route("/sandbox/settings", patch(change))
        .route("/sandbox/faults", post(plan))
        .route("/sandbox/customers/{entity_id}", delete(forget))
        .route("/sandbox/reset", post(reset))
        .layer(cors)
}

fn report(sandbox: &Sandbox) -> Value {
    let state = sandbox.state();
    json!({
        "customers": state.customers.made(), "calls": state.calls, "settings": state.settings,
        "faults": state.faults.list(),
    })
}

async fn show(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(report(&sandbox))
}

async fn change(State(sandbox): State<Sandbox>, Json(changes): Json<Value>) -> Response {
    let mut settings = serde_json::to_value(sandbox.state().settings).unwrap_or_default();
    for (name, value) in changes.as_object().into_iter().flatten() {
        settings[name] = value.clone();
    }
    match serde_json::from_value::<Settings>(settings) {
        Ok(settings) => {
            sandbox.set(|current| *current = settings);
            Json(report(&sandbox)).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn plan(State(sandbox): State<Sandbox>, Json(planned): Json<Planned>) -> Json<Value> {
    sandbox.fail(planned.fault, planned.times);
    Json(report(&sandbox))
}

async fn forget(State(sandbox): State<Sandbox>, Path(entity_id): Path<String>) -> Json<Value> {
    sandbox.forget(&entity_id);
    Json(report(&sandbox))
}

async fn reset(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.reset();
    Json(report(&sandbox))
}
