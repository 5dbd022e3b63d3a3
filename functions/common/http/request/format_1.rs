//! Payload format 1.0: REST APIs, and HTTP APIs that are set to it.

use super::{Path, Request, content, headers, limited, not_a_request};
use crate::error::Error;
use lambda_http::{
    aws_lambda_events::{apigw::ApiGatewayProxyRequest, query_map::QueryMap},
    request::RequestContext,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The request of an event.
pub(super) fn request(mut event: ApiGatewayProxyRequest, payload: &RawValue) -> Result<Request, Error> {
    let path = limited(event.path)?;
    // Both have all parameters, but the one with single values has only the last value of each.
    let query = if event.multi_value_query_string_parameters.is_empty() {
        event.query_string_parameters
    } else {
        event.multi_value_query_string_parameters
    };
    // No gateway sends a parameter without a value.
    if !has_values(&query) {
        return Err(not_a_request());
    }
    Ok(Request {
        method: event.http_method,
        path: if is_of_http_api(payload) { Path::Decoded(path) } else { Path::Encoded(path) },
        route_user: event.path_parameters.remove("user"),
        query,
        headers: headers::merged(event.multi_value_headers, &event.headers),
        content: content(event.body, event.is_base64_encoded),
        gateway: RequestContext::ApiGatewayV1(event.request_context),
    })
}

/// Whether each parameter has a value. (An iterator over a `QueryMap` panics at one that has none.)
fn has_values(query: &QueryMap) -> bool {
    let query = serde_json::to_value(query).unwrap_or_default();
    query
        .as_object()
        .into_iter()
        .flatten()
        .all(|(_, values)| values.as_array().is_some_and(|values| !values.is_empty()))
}

/// Whether an event is from an HTTP API: its events name their format, those of a REST API do not.
fn is_of_http_api(payload: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Event {
        version: Option<String>,
    }
    serde_json::from_str(payload.get()).is_ok_and(|event: Event| event.version.as_deref() == Some("1.0"))
}
