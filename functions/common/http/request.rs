//! Requests: the event of any gateway, as one type.
//!
//! | gateway | payload format | path in the event | file |
//! |---|---|---|---|
//! | HTTP API | 2.0 | decoded | `request/format_2.rs` |
//! | function URL | 2.0 | as it was sent | `request/format_2.rs` |
//! | HTTP API | 1.0 | decoded | `request/format_1.rs` |
//! | REST API | 1.0 | as it was sent | `request/format_1.rs` |
//!
//! The events are those of `lambda_http`, but not its requests: it builds a URI from what a caller sent and panics if that is not
//! valid, and it drops all cookies if one of them is not valid in a header. Here no header or cookie is lost, so that a caller with
//! a bad credential never looks like a caller without one.

mod format_1;
mod format_2;
mod headers;

use crate::error::Error;
use base64::{Engine, prelude::BASE64_STANDARD};
use lambda_http::{
    aws_lambda_events::{
        apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest},
        query_map::QueryMap,
    },
    http::{HeaderMap, Method},
    request::RequestContext,
};
use serde_json::{Value, value::RawValue};

/// The longest path, and the longest query, in bytes. API Gateway allows 10,240 for the request line and all headers.
const LONGEST_TARGET: usize = 16 * 1024;
/// The longest content that is kept, in bytes. No operation needs more.
const LONGEST_CONTENT: usize = 1024;

/// An HTTP request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: Path,
    /// The `{user}` of the gateway's route, decoded or not: that depends on the gateway.
    pub(super) route_user: Option<String>,
    /// The query's parameters, with all values of each.
    pub(super) query: QueryMap,
    /// The headers, with all values of each. All cookies are in `Cookie`.
    pub(super) headers: HeaderMap,
    /// The content, decoded; `None` if it is longer than [`LONGEST_CONTENT`], or not what the event says it is.
    pub(super) content: Option<Vec<u8>>,
    /// What the gateway says about the caller.
    pub(super) gateway: RequestContext,
}

/// The payload format of an event. Its response must have the same format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// 1.0.
    V1,
    /// 2.0.
    #[default]
    V2,
}

/// A path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// The gateway has decoded it.
    Decoded(String),
    /// Percent-encoded, as it was sent.
    Encoded(String),
}

impl Request {
    /// Reads the event of an HTTP API, a REST API or a function URL, and tells the format that its response must have.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for any other JSON, and for a request that no gateway would pass.
    pub(super) fn read(payload: &RawValue) -> (Format, Result<Self, Error>) {
        match parse(payload.get()).or_else(|| parse(&with_valid_headers(payload)?)) {
            Some(Event::V2(event)) => (Format::V2, format_2::request(*event)),
            Some(Event::V1(event)) => (Format::V1, format_1::request(*event, payload)),
            None => (Format::default(), Err(not_a_request())),
        }
    }
}

fn not_a_request() -> Error {
    Error::InvalidRequest(
        "The event is not one of an HTTP API, a REST API or a function URL (payload format 2.0 or 1.0).".into(),
    )
}

/// A path or query of an event.
fn limited(target: Option<String>) -> Result<String, Error> {
    let target = target.unwrap_or_default();
    if target.len() > LONGEST_TARGET {
        return Err(Error::InvalidRequest(format!("Path and query can have at most {LONGEST_TARGET} bytes each.")));
    }
    Ok(target)
}

/// An event, by its payload format.
enum Event {
    V1(Box<ApiGatewayProxyRequest>),
    V2(Box<ApiGatewayV2httpRequest>),
}

/// The event. Format 2.0 comes first because it is the usual one. An event of format 1.0 does not have its `requestContext.http`.
fn parse(payload: &str) -> Option<Event> {
    let v2 = serde_json::from_str(payload).map(|event| Event::V2(Box::new(event)));
    v2.or_else(|_| serde_json::from_str(payload).map(|event| Event::V1(Box::new(event)))).ok()
}

/// If an event cannot be parsed, the reason can be a header's value that HTTP does not allow. This is the same event with valid ones.
fn with_valid_headers(payload: &RawValue) -> Option<String> {
    let mut event: Value = serde_json::from_str(payload.get()).ok()?;
    for name in ["headers", "multiValueHeaders"] {
        event.get_mut(name).into_iter().for_each(headers::make_valid);
    }
    Some(event.to_string())
}

fn content(body: Option<String>, is_base64_encoded: bool) -> Option<Vec<u8>> {
    let body = body.unwrap_or_default();
    if body.len() > LONGEST_CONTENT {
        return None;
    }
    if is_base64_encoded { BASE64_STANDARD.decode(body).ok() } else { Some(body.into_bytes()) }
}
