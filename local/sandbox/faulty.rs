//! What a call's fault does to its response.

use super::{Fault, refused::Refused};
use axum::{
    Json,
    body::{Body, Bytes},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{convert::Infallible, panic::resume_unwind, time::Duration};

const THOUSAND_YEARS_S: u64 = 31_536_000_000;
/// The size of the padding in bytes: more than 64 KiB, which the functions refuse.
const PADDING: usize = 100_000;

/// Runs a call in a task of its own, so that it takes effect even if its caller has closed the connection.
pub(super) async fn detached(call: impl Future<Output = Response> + Send + 'static) -> Response {
    let call = tokio::spawn(call).await;
    call.unwrap_or_else(|error| error.try_into_panic().map_or_else(|_| cut(), |panic| resume_unwind(panic)))
}

/// The response of a fault that prevents the call from taking effect.
pub(super) async fn before(fault: Option<Fault>) -> Option<Response> {
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

fn refuse(status: StatusCode, exception: &'static str, description: &'static str) -> Response {
    Refused::Oauth(status, exception, description).into_response()
}

async fn hang() -> Response {
    tokio::time::sleep(Duration::from_mins(1)).await;
    StatusCode::GATEWAY_TIMEOUT.into_response()
}

/// The response of a fault that replaces the response to a call that took effect.
pub(super) async fn instead(fault: Option<Fault>) -> Option<Response> {
    match fault? {
        Fault::ResetAfter => Some(cut()),
        Fault::HangAfter => Some(hang().await),
        _ => None,
    }
}

/// The response with a token. With the fault [`Fault::MissingFields`], it lacks the fields `missing`.
pub(super) fn token(mut body: Value, missing: &[&str], fault: Option<Fault>) -> Response {
    match fault {
        Some(Fault::MissingFields) => {
            for name in missing {
                body.as_object_mut().map(|fields| fields.remove(*name));
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
    ([(CONTENT_TYPE, "application/json")], body).into_response()
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
