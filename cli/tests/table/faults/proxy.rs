//! A proxy in front of the database.

use crate::world::serve;
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
};

/// What happens to a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// It is answered with this status and error.
    Error(u16, &'static str),
    /// The connection is closed, and the request has no effect.
    Closed,
    /// The request has its effect, and the connection is closed without a response.
    ResponseLost,
}

/// Starts a proxy. Its faults happen in this order, again and again. Returns its URL.
pub(super) async fn proxy(database: &str, faults: &'static [Fault]) -> String {
    let (database, number) = (format!("{database}/"), AtomicUsize::new(0));
    let state = std::sync::Arc::new((database, number));
    let handler = async move |headers: HeaderMap, body: Bytes| {
        let (database, number) = state.as_ref();
        let fault = faults[number.fetch_add(1, Ordering::Relaxed) % faults.len()];
        match fault {
            Fault::None => forward(database, headers, body).await,
            Fault::Error(status, kind) => {
                let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"simulated"}}"#);
                let status = StatusCode::from_u16(status).expect("a status");
                (status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], body).into_response()
            }
            Fault::Closed => close(),
            Fault::ResponseLost => {
                forward(database, headers, body).await;
                close()
            }
        }
    };
    serve(Router::new().fallback(handler)).await
}

async fn forward(database: &str, headers: HeaderMap, body: Bytes) -> Response {
    let mut request = reqwest::Client::new().post(database).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length")) {
        request = request.header(name, value);
    }
    let response = request.send().await.expect("a response");
    let status = response.status();
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], response.bytes().await.expect("a body")).into_response()
}

/// Ends the connection's task, without a message on stderr.
fn close() -> ! {
    resume_unwind(Box::new(()))
}
