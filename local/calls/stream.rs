//! The events of calls, as Server-Sent Events (HTML standard, section 9.2).

use super::Calls;
use crate::credentials;
use axum::{
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{
    future::{Either, select},
    stream,
};
use std::{convert::Infallible, pin::pin};
use tokio::{signal::ctrl_c, sync::broadcast::error::RecvError};

/// All events from now on. The events name users, so pages of other origins get 403.
pub(super) fn respond(calls: &Calls, headers: &HeaderMap) -> Response {
    if !credentials::is_own(headers) {
        return (StatusCode::FORBIDDEN, "Only the page of `cargo local` may read this.\n").into_response();
    }
    let events = calls.0.events.subscribe();
    // The server ends only when all responses have ended.
    let interrupted = Box::pin(ctrl_c());
    let stream = stream::unfold((events, interrupted), async |(mut events, mut interrupted)| {
        loop {
            let next = match select(pin!(events.recv()), &mut interrupted).await {
                Either::Left((next, _)) => next,
                Either::Right(_) => return None,
            };
            match next {
                Ok(event) => {
                    let event = Event::default().json_data(&event).expect("an event is always valid JSON");
                    return Some((Ok::<_, Infallible>(event), (events, interrupted)));
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::default()).into_response()
}
