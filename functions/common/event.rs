//! What arrives from API Gateway, made safe to parse.
//!
//! `lambda_http` understands the events of HTTP APIs (payload 2.0 or 1.0), REST APIs and function URLs, but it builds a
//! URI out of what a caller sent and panics when that is none. HTTP APIs hand the path over already decoded, so a user id
//! with a space is enough; REST APIs and function URLs hand it over as it was sent. Here each becomes a path that is
//! percent-encoded exactly once, so that the rest of the code has one rule, and what a URI is built from can do no harm.

use base64::{Engine, prelude::BASE64_STANDARD};
use lambda_http::{
    Context, LambdaEvent,
    http::{HeaderMap, header::HOST},
    request::LambdaRequest,
};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::mem;

/// Every character that a URI cannot have in a path or query as it is. `%` stays: what it begins was encoded before.
const NOT_IN_A_URI: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
/// What is encoded in a path that was decoded: everything but the separator.
const DECODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The longest path and query, in bytes; API Gateway takes 10,240 with all headers.
const LONGEST_URI: usize = 16 * 1024;

/// The longest content that is looked at, in bytes.
const LONGEST_CONTENT: usize = 1024;

/// Marks a request whose event could not be understood.
#[derive(Clone, Copy, Debug)]
pub struct NotAnHttpEvent;

/// An event as Lambda hands it over.
pub type RawEvent = LambdaEvent<Box<RawValue>>;

/// What the request's sender put into it, as far as an operation could want it; `None` if it is more than that, or not in the
/// form that the event says.
#[derive(Clone, Debug)]
pub(crate) struct Content(pub(crate) Option<Vec<u8>>);

/// The event of one HTTP request, and its content; `None` if it is no such event, or one that no gateway would let through.
pub(crate) fn parse(payload: &RawValue) -> Option<(LambdaRequest, Content)> {
    let mut event: LambdaRequest = serde_json::from_str(payload.get()).ok()?;
    let content = match &mut event {
        LambdaRequest::ApiGatewayV2(event) => {
            let domain = event.request_context.domain_name.take().unwrap_or_default();
            let sent_as_is = domain.contains(".lambda-url.");
            event.raw_path =
                Some(once_encoded(event.raw_path.as_deref(), if sent_as_is { NOT_IN_A_URI } else { DECODED })?);
            event.raw_query_string = Some(encoded_query(event.raw_query_string.as_deref())?);
            event.request_context.stage = None;
            forget_host(&mut event.headers);
            content(event.body.take(), mem::take(&mut event.is_base64_encoded))
        }
        LambdaRequest::ApiGatewayV1(event) => {
            event.request_context.domain_name = None;
            event.request_context.stage = None;
            let form = if is_of_an_http_api(payload) { DECODED } else { NOT_IN_A_URI };
            event.path = Some(once_encoded(event.path.as_deref(), form)?);
            // Both have the same headers, but this one only the last value of each.
            if !event.multi_value_headers.is_empty() {
                event.headers.clear();
            }
            forget_host(&mut event.headers);
            forget_host(&mut event.multi_value_headers);
            content(event.body.take(), mem::take(&mut event.is_base64_encoded))
        }
        _ => return None,
    };
    Some((event, content))
}

/// `lambda_http` would panic at a body that is not what the event says it is, and only one operation takes any.
fn content(body: Option<String>, is_base64_encoded: bool) -> Content {
    let body = body.unwrap_or_default();
    if body.len() > LONGEST_CONTENT {
        return Content(None);
    }
    Content(if is_base64_encoded { BASE64_STANDARD.decode(body).ok() } else { Some(body.into_bytes()) })
}

/// Whether an event of the form 1.0 is from an HTTP API that was set to it: those name the form, REST APIs do not.
fn is_of_an_http_api(payload: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Form {
        version: Option<String>,
    }
    serde_json::from_str(payload.get()).is_ok_and(|form: Form| form.version.as_deref() == Some("1.0"))
}

/// An event that stands for one that is none.
pub(crate) fn blank() -> LambdaRequest {
    let mut event = lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest::default();
    event.raw_path = Some("/".into());
    LambdaRequest::ApiGatewayV2(event)
}

fn once_encoded(path: Option<&str>, set: &'static AsciiSet) -> Option<String> {
    let path = utf8_percent_encode(path.unwrap_or_default(), set).to_string();
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    (path.len() <= LONGEST_URI).then_some(path)
}

fn encoded_query(query: Option<&str>) -> Option<String> {
    let query = utf8_percent_encode(query.unwrap_or_default(), NOT_IN_A_URI).to_string();
    (query.len() <= LONGEST_URI).then_some(query)
}

/// No operation asks under which name it was called, and a name that is none would end the function.
fn forget_host(headers: &mut HeaderMap) {
    headers.remove(HOST);
    headers.remove("x-forwarded-proto");
}

/// A context as Lambda makes it, for those who call a function without Lambda.
pub fn context(request_id: impl Into<String>, deadline_ms: u64) -> Context {
    let mut context = Context::default();
    context.request_id = request_id.into();
    context.deadline = deadline_ms;
    context
}
