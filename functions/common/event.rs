//! What arrives from API Gateway, made safe to parse.
//!
//! `lambda_http` understands the events of HTTP APIs (payload 2.0 or 1.0), REST APIs and function URLs, but it builds a
//! URI out of what a caller sent and panics when that is none. HTTP APIs hand the path over already decoded, so a user id
//! with a space is enough; REST APIs and function URLs hand it over as it was sent. Here each becomes a path that is
//! percent-encoded exactly once, so that the rest of the code has one rule, and what a URI is built from can do no harm.
//!
//! It also drops all cookies if one of them cannot be in a header. Who sent a credential must not come out as somebody who sent
//! none, so what a header cannot have is replaced, and no header or cookie is lost.

use base64::{Engine, prelude::BASE64_STANDARD};
use lambda_http::{
    Context, LambdaEvent,
    http::{
        HeaderMap, HeaderValue,
        header::{COOKIE, HOST},
    },
    request::LambdaRequest,
};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
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
    let mut event = read(payload)?;
    let content = match &mut event {
        LambdaRequest::ApiGatewayV2(event) => {
            let domain = event.request_context.domain_name.take().unwrap_or_default();
            let sent_as_is = domain.contains(".lambda-url.");
            event.raw_path =
                Some(once_encoded(event.raw_path.as_deref(), if sent_as_is { NOT_IN_A_URI } else { DECODED })?);
            event.raw_query_string = Some(encoded_query(event.raw_query_string.as_deref())?);
            event.request_context.stage = None;
            keep_cookies(&mut event.headers, &event.cookies.take().unwrap_or_default());
            forget_host(&mut event.headers);
            content(event.body.take(), mem::take(&mut event.is_base64_encoded))
        }
        LambdaRequest::ApiGatewayV1(event) => {
            event.request_context.domain_name = None;
            event.request_context.stage = None;
            let form = if is_of_an_http_api(payload) { DECODED } else { NOT_IN_A_URI };
            event.path = Some(once_encoded(event.path.as_deref(), form)?);
            // Both have the same headers, but this one only the last value of each.
            let last_values = mem::take(&mut event.headers);
            for name in last_values
                .keys()
                .filter(|name| !event.multi_value_headers.contains_key(*name))
                .cloned()
                .collect::<Vec<_>>()
            {
                for value in last_values.get_all(&name) {
                    event.multi_value_headers.append(&name, value.clone());
                }
            }
            forget_host(&mut event.multi_value_headers);
            content(event.body.take(), mem::take(&mut event.is_base64_encoded))
        }
        _ => return None,
    };
    Some((event, content))
}

fn read(payload: &RawValue) -> Option<LambdaRequest> {
    serde_json::from_str(payload.get()).ok().or_else(|| {
        let mut event: Value = serde_json::from_str(payload.get()).ok()?;
        for name in ["headers", "multiValueHeaders"] {
            event.get_mut(name).into_iter().for_each(make_fit_for_headers);
        }
        serde_json::from_str(&event.to_string()).ok()
    })
}

fn make_fit_for_headers(value: &mut Value) {
    match value {
        Value::String(text) => *text = fit_for_a_header(text),
        Value::Array(values) => values.iter_mut().for_each(make_fit_for_headers),
        Value::Object(values) => values.values_mut().for_each(make_fit_for_headers),
        _ => {}
    }
}

/// A text that a header can have. A credential that is not right as it was sent is not right in this form either.
fn fit_for_a_header(text: &str) -> String {
    text.replace(|character: char| character.is_ascii_control() && character != '\t', "\u{fffd}")
}

/// Puts the list of cookies into the header, with those that are there already and not in the list.
fn keep_cookies(headers: &mut HeaderMap, list: &[String]) {
    let each = |text: &str| {
        let cookies =
            text.split(';').map(|cookie| cookie.trim_matches([' ', '\t'])).filter(|cookie| !cookie.is_empty());
        cookies.map(str::to_owned).collect::<Vec<_>>()
    };
    let list: Vec<_> = list.iter().flat_map(|text| each(&fit_for_a_header(text))).collect();
    if list.is_empty() {
        return;
    }
    let lines = headers.get_all(COOKIE).iter().flat_map(|line| each(&String::from_utf8_lossy(line.as_bytes())));
    let more: Vec<_> = lines.filter(|cookie| !list.contains(cookie)).collect();
    if let Ok(all) = HeaderValue::from_str(&[list, more].concat().join("; ")) {
        headers.insert(COOKIE, all);
    }
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
