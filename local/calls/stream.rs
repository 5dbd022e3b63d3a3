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
use futures_util::stream;
use std::convert::Infallible;

/// All events from now on. The events name users, so pages of other origins get 403.
pub(super) fn respond(calls: &Calls, headers: &HeaderMap) -> Response {
    if !credentials::is_own(headers) {
        return (StatusCode::FORBIDDEN, "Only the page of `cargo local` may read this.\n").into_response();
    }
    let state = (calls.0.events.subscribe(), calls.0.stopped.subscribe());
    let stream = stream::unfold(state, async |(mut events, mut stopped)| {
        let next = tokio::select! {
            next = events.recv() => next,
            _ = stopped.wait_for(|stopped| *stopped) => return None,
        };
        // A reader that is too far behind misses events. It connects again, and begins anew.
        let event = Event::default().json_data(next.ok()?).expect("an event is always valid JSON");
        Some((Ok::<_, Infallible>(event), (events, stopped)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default()).into_response()
}
