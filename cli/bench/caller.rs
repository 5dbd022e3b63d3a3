//! Calls of the four operations, and how long they take.

use crate::{failure::Failure, http};
use cip::identity::UserId;
use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use reqwest::{
    Client, Method, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde::Deserialize;
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

/// API Gateway ends a call after 30 s.
const LONGEST_CALL: Duration = Duration::from_secs(31);

/// Who calls.
#[derive(Debug, Args)]
#[command(next_help_heading = "Caller")]
pub(crate) struct Credentials {
    /// The user in the path. Required unless the credentials name the user.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// A file with the user's token, sent as `Authorization: Bearer`.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Another header, such as `X-User-Hash: …`. May be repeated.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
}

impl Credentials {
    /// # Errors
    /// [`Failure::Input`], which repeats no value.
    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        for header in &self.headers {
            let (name, value) =
                header.split_once(':').ok_or_else(|| Failure::Input("--header must be NAME: VALUE.".into()))?;
            let name = HeaderName::from_bytes(name.trim().as_bytes())
                .map_err(|_| Failure::Input("--header has an invalid name.".into()))?;
            headers.insert(name, secret(value.trim())?);
        }
        if let Some(file) = &self.token_file {
            let token =
                fs::read_to_string(file).map_err(|error| Failure::Input(format!("{}: {error}", file.display())))?;
            headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", token.trim()))?);
        }
        Ok(headers)
    }
}

fn secret(value: &str) -> Result<HeaderValue, Failure> {
    let value = HeaderValue::from_str(value);
    let mut value =
        value.map_err(|_| Failure::Input("A header's value has a character that is not allowed.".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sends calls.
#[derive(Debug)]
pub(super) struct Caller {
    client: Client,
    base: Url,
    user: Option<String>,
}

/// One call's result.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) took: Duration,
    /// Or the error's code.
    pub(super) outcome: Result<(), String>,
    /// The response is one of this service.
    pub(super) is_ours: bool,
    /// LiveChat issued a token for this call.
    pub(super) called_livechat: bool,
}

impl Caller {
    /// # Errors
    /// [`Failure::Input`]
    pub(super) fn new(url: &str, credentials: &Credentials) -> Result<Self, Failure> {
        let base = http::address("The URL", url)?;
        if base.scheme() != "https" && !http::is_loopback(&base) {
            return Err(Failure::Input(format!("{url} must begin with https://, except on this machine.")));
        }
        if let Some(user) = &credentials.user {
            UserId::parse(user).map_err(|error| Failure::Input(error.to_string()))?;
            if matches!(user.as_str(), "." | "..") {
                return Err(Failure::Input("The user ids . and .. cannot be in a path.".into()));
            }
        }
        let client = http::client(url)
            .default_headers(credentials.headers()?)
            .redirect(Policy::none())
            .timeout(LONGEST_CALL)
            .build()
            .map_err(|error| Failure::Input(error.to_string()))?;
        Ok(Self { client, base, user: credentials.user.clone() })
    }

    /// Calls `operation` that many times, `at_once` at the same time.
    pub(super) async fn calls(
        &self,
        (method, operation): (&Method, &str),
        number: u32,
        at_once: usize,
        progress: &ProgressBar,
    ) -> Vec<Call> {
        let calls = stream::iter(0..number).map(|_| self.call(method, operation)).buffer_unordered(at_once);
        calls.inspect(|_| progress.inc(1)).collect().await
    }

    pub(super) async fn call(&self, method: &Method, operation: &str) -> Call {
        let started = Instant::now();
        let result = self.client.request(method.clone(), self.url(operation)).send().await;
        let (status, headers, body) = match result {
            Ok(response) => (response.status(), response.headers().clone(), response.bytes().await),
            Err(error) => return Call::unanswered(started, &error),
        };
        let took = started.elapsed();
        let body = match body {
            Ok(body) => body,
            Err(error) => return Call::unanswered(started, &error),
        };
        let problem = serde_json::from_slice::<Problem>(&body).ok();
        let source = headers.get("cache-status").and_then(|source| source.to_str().ok()).unwrap_or_default();
        Call {
            took,
            is_ours: problem.is_some() || source.starts_with("livechat-cip") || matches!(&*body, b"true" | b"false"),
            called_livechat: source.contains("fwd=") && !source.contains("collapsed"),
            outcome: match problem {
                _ if status.is_success() => Ok(()),
                Some(problem) => Err(format!("{} {}", status.as_u16(), problem.code)),
                None => Err(status.as_u16().to_string()),
            },
        }
    }

    fn url(&self, operation: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(operation).extend(&self.user);
        }
        url
    }
}

impl Call {
    fn unanswered(started: Instant, error: &reqwest::Error) -> Self {
        let why = if error.is_timeout() { "no response in time" } else { "no connection" };
        Self { took: started.elapsed(), outcome: Err(why.into()), is_ours: false, called_livechat: false }
    }
}

/// An error of this service.
#[derive(Deserialize)]
struct Problem {
    code: String,
}
