//! A stand-in for Lambda's runtime API, for one function process
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use crate::Result;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{Response, StatusCode},
    routing::{get, post},
};
use serde_json::Value;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

/// The longest wait for a function. Valgrind makes a function up to a hundred times slower.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The stand-in. It serves until the runtime ends.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    events: mpsc::Sender<Invocation>,
    polls: watch::Receiver<Polls>,
}

/// The function's requests for an event so far.
#[derive(Clone, Copy, Debug, Default)]
struct Polls {
    count: usize,
    first: Option<Instant>,
}

#[derive(Debug)]
struct Invocation {
    event: String,
    response: oneshot::Sender<Handled>,
}

/// A handled event.
#[derive(Debug)]
pub(crate) struct Handled {
    handed_out: Instant,
    /// When the whole response had arrived.
    pub(crate) received: Instant,
    body: Bytes,
}

impl Handled {
    /// From handing out the event to the whole response.
    pub(crate) fn took(&self) -> Duration {
        self.received - self.handed_out
    }

    /// The function's response, as API Gateway gets it.
    pub(crate) fn response(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// # Errors
    /// If the response is not a success.
    pub(crate) fn check(self) -> Result<Self> {
        let response = self.response();
        match response["statusCode"].as_u64() {
            Some(200..=299) => Ok(self),
            _ => Err(format!("the function returned {response}").into()),
        }
    }
}

#[derive(Debug)]
struct Inner {
    events: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    polls: watch::Sender<Polls>,
    pending: Mutex<HashMap<String, (Instant, oneshot::Sender<Handled>)>>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (events, receiver) = mpsc::channel(1);
        let (sender, polls) = watch::channel(Polls::default());
        let inner = Inner { events: receiver.into(), polls: sender, pending: Mutex::default() };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(response))
            .route("/2018-06-01/runtime/init/error", post(async || StatusCode::ACCEPTED))
            .with_state(Arc::new(inner));
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, events, polls })
    }

    /// Waits until the function has requested its first event: the end of its init.
    pub(crate) async fn ready(&self) -> Result<Instant> {
        self.polled(1).await?;
        self.polls.borrow().first.ok_or_else(|| "no request for an event".into())
    }

    /// Waits until the function has requested so many events.
    pub(crate) async fn polled(&self, count: usize) -> Result<()> {
        let mut polls = self.polls.clone();
        let reached = polls.wait_for(|polls| polls.count >= count);
        timeout(LONGEST_WAIT, reached).await.map_err(|_| "the function did not request an event in time")??;
        Ok(())
    }

    /// Gives the function an event, and waits for the response.
    pub(crate) async fn handle(&self, event: String) -> Result<Handled> {
        let (response, receiver) = oneshot::channel();
        self.events.send(Invocation { event, response }).await?;
        Ok(timeout(LONGEST_WAIT, receiver).await.map_err(|_| "the function did not respond in time")??)
    }
}

async fn next(State(inner): State<Arc<Inner>>) -> Response<Body> {
    let now = Instant::now();
    inner.polls.send_modify(|polls| {
        polls.first.get_or_insert(now);
        polls.count += 1;
    });
    let Some(Invocation { event, response }) = inner.events.lock().await.recv().await else {
        return std::future::pending().await;
    };
    let id = format!("{:032x}", fastrand::u128(..));
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + 5 * LONGEST_WAIT;
    let answer = Response::builder()
        .header("Lambda-Runtime-Aws-Request-Id", &id)
        .header("Lambda-Runtime-Deadline-Ms", deadline.as_millis().to_string())
        .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:000000000000:function:bench")
        .header("Lambda-Runtime-Trace-Id", "Root=1-674029c1-5f1d2c3b4a5968778695a4b3;Sampled=0")
        .header("Content-Type", "application/json")
        .body(event.into())
        .expect("good headers");
    inner.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (Instant::now(), response));
    answer
}

async fn response(State(inner): State<Arc<Inner>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    let received = Instant::now();
    let pending = inner.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    if let Some((handed_out, response)) = pending {
        let _ = response.send(Handled { handed_out, received, body });
    }
    StatusCode::ACCEPTED
}
