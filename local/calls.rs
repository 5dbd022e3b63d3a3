//! The calls of the four routes, as they happen: a line for the terminal, and each step for the page.
//!
//! | file | what it holds |
//! |---|---|
//! | `calls/line.rs` | a call as a line for the terminal |
//! | `calls/steps.rs` | where the steps come from |
//! | `calls/stream.rs` | `GET /dev/calls`: the events that the page draws |

mod line;
mod steps;
mod stream;

pub use steps::Steps;

use crate::{
    cors::is_of,
    gateway::{self, Insight},
};
use axum::{
    Router,
    extract::Request,
    http::{
        HeaderMap, Method, StatusCode,
        header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, REFERER},
    },
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::{broadcast, watch};

/// Watches calls. Clones watch together.
#[derive(Clone, Debug)]
pub struct Calls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    started: Instant,
    latest: AtomicU64,
    events: broadcast::Sender<Event>,
    /// Whether the streams must end.
    stopped: watch::Sender<bool>,
    /// Hashes subjects, so that the page can tell them apart.
    hasher: RandomState,
    prints: bool,
}

tokio::task_local! {
    /// The call that the current task serves.
    static CURRENT: Call;
}

/// A call, by its number.
#[derive(Clone, Debug)]
struct Call {
    number: u64,
    calls: Calls,
}

/// Something that has happened in a call.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    /// Calls are numbered from 1.
    call: u64,
    /// When, in ms since the start of this process.
    at_ms: f64,
    #[serde(flatten)]
    what: What,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum What {
    /// The call has arrived.
    Request {
        /// The operation, or the path if no operation has it.
        operation: String,
        /// `laptop` or `phone` for the devices of the page, or the origin of another page.
        from: Option<String>,
    },
    /// A step begins.
    Begin { step: String },
    /// A step ends. [`cip::telemetry::steps`] lists what it says.
    End {
        step: String,
        result: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        lease: Option<u64>,
    },
    /// The call has its response.
    Response {
        status: u16,
        /// Two calls with the same value are of the same user or guest, in the same group.
        subject: Option<String>,
        user: Option<String>,
        /// The parameters of `Cache-Status` (RFC 9211).
        source: Option<String>,
        /// The code of a problem.
        code: Option<String>,
    },
}

impl Calls {
    /// The number of events that a slow reader may be behind. It misses earlier ones.
    const MOST_EVENTS: usize = 4096;

    /// Watches calls from now on. With `prints`, each is also a line on stdout.
    pub fn new(prints: bool) -> Self {
        Self(Arc::new(Shared {
            started: Instant::now(),
            latest: AtomicU64::new(0),
            events: broadcast::Sender::new(Self::MOST_EVENTS),
            stopped: watch::Sender::new(false),
            hasher: RandomState::new(),
            prints,
        }))
    }

    /// Ends all streams of events. The server ends only when all of its responses have ended.
    pub fn stop(&self) {
        self.0.stopped.send_replace(true);
    }

    /// Watches the calls that `api` serves.
    pub fn watch(&self, api: Router) -> Router {
        let calls = self.clone();
        api.layer(from_fn(move |request: Request, next: Next| {
            let calls = calls.clone();
            async move { calls.serve(request, next).await }
        }))
    }

    /// `GET /dev/calls`: what happens, as Server-Sent Events. Each is a JSON object.
    pub fn router(&self) -> Router {
        let calls = self.clone();
        Router::new().route("/dev/calls", get(async move |headers: HeaderMap| stream::respond(&calls, &headers)))
    }

    async fn serve(&self, request: Request, next: Next) -> Response {
        // A CORS preflight, not a call.
        if request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return next.run(request).await;
        }
        let call = Call { number: self.0.latest.fetch_add(1, Ordering::Relaxed) + 1, calls: self.clone() };
        // As on Lambda, the call goes on if its client closes the connection.
        let served = tokio::spawn(CURRENT.scope(call.clone(), call.serve(request, next)));
        served.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

impl Call {
    async fn serve(self, request: Request, next: Next) -> Response {
        let operation = operation_of(&request);
        self.happened(What::Request { operation: operation.clone(), from: page_of(request.headers()) });
        let arrived = Instant::now();
        let response = next.run(request).await;
        let line = line::Line::of(operation, &response, arrived.elapsed());
        let subject = response.extensions().get().and_then(|insight: &Insight| insight.subject.as_ref());
        self.happened(What::Response {
            status: line.status.as_u16(),
            subject: subject.map(|subject| format!("{:x}", self.calls.0.hasher.hash_one(subject))),
            user: line.user.clone(),
            source: line.source.clone(),
            code: line.code.clone(),
        });
        if self.calls.0.prints {
            line.print();
        }
        response
    }

    fn happened(&self, what: What) {
        let Shared { started, events, .. } = &*self.calls.0;
        let at_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        // It fails if nobody reads the events.
        let _ = events.send(Event { call: self.number, at_ms, what });
    }
}

/// The operation of the path; for other paths, the method and the path.
fn operation_of(request: &Request) -> String {
    let path = request.uri().path();
    match gateway::operation_of(path) {
        Some(name) => name.as_str().to_owned(),
        None => format!("{} {}", request.method(), line::printable(path)),
    }
}

/// Which page made a call: a device of our own page, or another page.
fn page_of(headers: &HeaderMap) -> Option<String> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = header(ORIGIN).filter(|origin| !is_of(origin, headers));
    let device = || header(REFERER)?.split_once("/device.html?name=").map(|(_, name)| name);
    origin.or_else(device).map(str::to_owned)
}
