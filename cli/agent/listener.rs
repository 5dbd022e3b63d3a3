//! The page on this machine that LiveChat sends the browser to: it receives one code, and says that the browser is done.

use super::redirect::{Answer, Redirect};
use crate::failure::Failure;
use axum::{
    Router,
    extract::{Request, State},
    http::{
        Method, StatusCode,
        header::{CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, REFERRER_POLICY},
    },
    response::{Html, IntoResponse, Response},
};
use reqwest::Url;
use std::{io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    time::timeout,
};

const DONE: &str = "LiveChat has sent the code. Go back to the terminal: it says whether everything is right. You can close this page.";
const REFUSED: &str = "LiveChat has sent no code. Go back to the terminal: it says why. You can close this page.";
const OTHER: &str = "This is not the answer to the login in the terminal. Open the address that the terminal shows.";

/// How long the browser may take to read the page.
const LONGEST_RESPONSE: Duration = Duration::from_secs(2);

/// Listens, only on this machine.
pub(super) struct Listener {
    listeners: Vec<TcpListener>,
    expected: Expected,
    answers: mpsc::Receiver<Answer>,
}

/// Which request is waited for.
#[derive(Clone)]
struct Expected {
    path: Arc<str>,
    state: Arc<str>,
    answered: mpsc::Sender<Answer>,
}

impl Listener {
    /// Listens for the request with `state`; `None` if the redirect URI is not of this machine.
    ///
    /// # Errors
    /// [`Failure::Input`] if another program has the port.
    pub(super) async fn open(redirect: &Redirect, state: &str) -> Result<Option<Self>, Failure> {
        let Some((addresses, port)) = redirect.of_this_machine() else { return Ok(None) };
        let mut listeners = Vec::new();
        for address in addresses {
            match TcpListener::bind(SocketAddr::new(address, port)).await {
                Ok(listener) => listeners.push(listener),
                // Not every machine has both versions of the Internet Protocol.
                Err(error) if error.kind() == ErrorKind::AddrNotAvailable && !listeners.is_empty() => {}
                Err(error) => {
                    return Err(Failure::Input(format!(
                        "{address}, port {port}, cannot be listened at: {error}. End the program that uses it, or paste the address of \
                         the browser instead (--paste)."
                    )));
                }
            }
        }
        let (answered, answers) = mpsc::channel(1);
        let (path, state) = (redirect.url.path().into(), state.into());
        Ok(Some(Self { listeners, expected: Expected { path, state, answered }, answers }))
    }

    /// Waits for the browser. Requests of anything else are refused, and change nothing.
    ///
    /// # Errors
    /// [`Failure::Service`] if it does not come in time.
    pub(super) async fn answer(mut self, longest: Duration) -> Result<Answer, Failure> {
        let (stop, stopped) = watch::channel(());
        let servers: Vec<_> = self
            .listeners
            .into_iter()
            .map(|listener| {
                let (router, mut stopped) =
                    (Router::new().fallback(respond).with_state(self.expected.clone()), stopped.clone());
                let stopped = async move { stopped.changed().await.unwrap_or(()) };
                tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await })
            })
            .collect();
        let answer = timeout(longest, self.answers.recv()).await.ok().flatten();
        let _ = stop.send(());
        for server in servers {
            // A browser may keep a connection open that it does not use.
            let _ = timeout(LONGEST_RESPONSE, server).await;
        }
        answer.ok_or_else(|| {
            let after = humantime::format_duration(longest);
            Failure::Service(format!(
                "The browser did not come back within {after}. Nothing was stored: run the command again."
            ))
        })
    }
}

async fn respond(State(expected): State<Expected>, request: Request) -> Response {
    let uri = request.uri();
    if request.method() != Method::GET || uri.path() != &*expected.path {
        return page(StatusCode::NOT_FOUND, OTHER);
    }
    let address = Url::parse(&format!("http://localhost{uri}"));
    let Some(answer) = address.ok().and_then(|address| Answer::of(&address, &expected.state).ok()) else {
        return page(StatusCode::BAD_REQUEST, OTHER);
    };
    let words = if matches!(answer, Answer::Code(_)) { DONE } else { REFUSED };
    match expected.answered.try_send(answer) {
        Ok(()) => page(StatusCode::OK, words),
        // There was one already.
        Err(_) => page(StatusCode::CONFLICT, OTHER),
    }
}

fn page(status: StatusCode, words: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>cip agent login</title>\
         <body style=\"font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto; padding: 0 1rem\"><p>{words}</p></body></html>\n"
    );
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
        (REFERRER_POLICY, "no-referrer"),
        (CONNECTION, "close"),
    ];
    (status, headers, Html(html)).into_response()
}
