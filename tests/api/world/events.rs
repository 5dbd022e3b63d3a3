//! The events that a gateway sends to a function.

use super::Binary;
use serde_json::{Value, json};

/// A guest's secret, which their browser keeps.
pub(crate) const GUEST: &str = "guest-secret-0123456789-0123456789-0123456789";

/// The event that an HTTP API sends for `/{operation}/{user}`, with the path decoded.
pub(crate) fn http_api(binary: Binary, user: &str, query: &str) -> Value {
    let path = format!("/{}/{user}", binary.operation());
    let mut event: Value = serde_json::from_str(include_str!("../../events/get-token.json")).expect("JSON");
    event["rawPath"] = json!(path);
    event["rawQueryString"] = json!(query);
    event["requestContext"]["http"]["path"] = json!(path);
    event["pathParameters"] = json!({"user": user});
    event
}

/// The same with headers, and with a path that names a user only if there is one.
pub(crate) fn request(binary: Binary, user: Option<&str>, headers: &[(&str, &str)]) -> Value {
    let mut event = http_api(binary, user.unwrap_or_default(), "");
    if user.is_none() {
        let path = json!(format!("/{}", binary.operation()));
        event["rawPath"] = path.clone();
        event["requestContext"]["http"]["path"] = path;
        event["pathParameters"] = json!({});
    }
    for (name, value) in headers {
        match *name {
            "cookie" => event["cookies"] = json!(value.split("; ").collect::<Vec<_>>()),
            _ => event["headers"][*name] = json!(value),
        }
    }
    event
}

/// A request of the guest with this secret.
pub(crate) fn as_guest(binary: Binary, secret: &str) -> Value {
    request(binary, None, &[("x-guest-id", secret)])
}

/// A request of a user who was the guest with this secret before they logged in.
pub(crate) fn as_former_guest(binary: Binary, user: &str, secret: &str) -> Value {
    request(binary, Some(user), &[("x-guest-id", secret)])
}

/// The same event with another query.
pub(crate) fn with_query(mut event: Value, query: &str) -> Value {
    event["rawQueryString"] = json!(query);
    event
}

/// The same event as a logout.
pub(crate) fn as_logout(event: Value) -> Value {
    as_post(event, "application/json", "{\"logout\":true}")
}

/// The same event as a POST with this body.
pub(crate) fn as_post(mut event: Value, content_type: &str, body: &str) -> Value {
    event["requestContext"]["http"]["method"] = json!("POST");
    event["headers"]["content-type"] = json!(content_type);
    event["body"] = json!(body);
    event
}
