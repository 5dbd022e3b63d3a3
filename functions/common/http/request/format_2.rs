//! Payload format 2.0: HTTP APIs and function URLs.

use super::{Path, Request, content, headers, limited};
use crate::error::Error;
use lambda_http::{aws_lambda_events::apigw::ApiGatewayV2httpRequest, request::RequestContext};

/// The request of an event.
pub(super) fn request(mut event: ApiGatewayV2httpRequest) -> Result<Request, Error> {
    let mut headers = event.headers;
    headers::add_cookies(&mut headers, &event.cookies.unwrap_or_default());
    let path = limited(event.raw_path)?;
    let domain = event.request_context.domain_name.as_deref().unwrap_or_default();
    let is_function_url = domain.contains(".lambda-url.");
    // Not `queryStringParameters`: there, the values of one parameter are joined with commas.
    let query = limited(event.raw_query_string)?;
    Ok(Request {
        method: event.request_context.http.method.clone(),
        path: if is_function_url { Path::Encoded(path) } else { Path::Decoded(path) },
        route_user: event.path_parameters.remove("user"),
        query: query.parse().unwrap_or_default(),
        headers,
        content: content(event.body, event.is_base64_encoded),
        gateway: RequestContext::ApiGatewayV2(event.request_context),
    })
}
