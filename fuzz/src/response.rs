//! The HTTP contract: what must hold of every response, whatever the event was.

use crate::function::{INSIDE, REQUEST_ID};
use cip::operation::Name;
use serde_json::Value;

/// Each problem code with its status.
const CODES: [(&str, u64); 13] = [
    ("invalid_request", 400),
    ("unauthenticated", 401),
    ("user_mismatch", 403),
    ("not_found", 404),
    ("method_not_allowed", 405),
    ("identity_changed", 409),
    ("rate_limited", 429),
    ("livechat_rejected", 502),
    ("livechat_unavailable", 503),
    ("store_unavailable", 503),
    ("busy", 503),
    ("internal", 500),
    ("none", 200),
];

/// Checks a response. Returns its body, and its code if it is a problem.
pub fn check(operation: Name, response: &Value) -> (Value, Option<String>) {
    let status = response["statusCode"].as_u64().expect("a status");
    assert_eq!(response["isBase64Encoded"], false);
    assert_eq!(header(response, "cache-control"), Some("no-store"));
    assert_eq!(header(response, "x-content-type-options"), Some("nosniff"));
    assert_eq!(header(response, "set-cookie"), None);
    assert!(response["cookies"].as_array().is_none_or(Vec::is_empty));
    let body: Value = serde_json::from_str(response["body"].as_str().expect("a body")).expect("the body is JSON");
    if status == 200 {
        assert_eq!(header(response, "content-type"), Some("application/json"));
        assert_eq!(header(response, "retry-after"), None);
        check_result(operation, &body);
        return (body, None);
    }
    let code = check_problem(status, response, &body);
    (body, Some(code))
}

/// The value of a header. For REST APIs, headers are in `multiValueHeaders`.
fn header<'a>(response: &'a Value, name: &str) -> Option<&'a str> {
    match (&response["headers"][name], &response["multiValueHeaders"][name]) {
        (Value::String(one), Value::Null) => Some(one),
        (Value::Null, Value::Array(all)) => {
            assert_eq!(all.len(), 1, "{name} occurs twice");
            all[0].as_str()
        }
        (Value::Null, Value::Null) => None,
        odd => panic!("{name}: {odd:?}"),
    }
}

fn names(body: &Value) -> Vec<&str> {
    let mut names: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn check_result(operation: Name, body: &Value) {
    match operation {
        Name::GetToken | Name::GetFreshToken => {
            let all =
                ["accessToken", "creationDate", "entityId", "expiresIn", "licenseId", "organizationId", "tokenType"];
            assert_eq!(names(body), all);
            assert_eq!((&body["accessToken"], &body["tokenType"]), (&"dal:token".into(), &"Bearer".into()));
            assert_eq!((&body["licenseId"], &body["organizationId"]), (&1.into(), &"o".into()));
            assert!(body["creationDate"].is_u64() && body["expiresIn"].is_u64());
        }
        Name::HasToken => assert!(body.is_boolean()),
        Name::Invalidate => assert!(body.is_null()),
    }
}

fn check_problem(status: u64, response: &Value, body: &Value) -> String {
    assert_eq!(header(response, "content-type"), Some("application/problem+json"));
    let mut members = vec!["code", "detail", "requestId", "status", "title"];
    // LiveChat's own code, if LiveChat refused the call.
    if status == 502 {
        members.insert(2, "livechatCode");
    }
    assert_eq!(names(body), members);
    let code = body["code"].as_str().expect("a code");
    assert!(CODES.contains(&(code, status)), "{code} with status {status}");
    assert_eq!(body["status"], status);
    assert_eq!(body["requestId"], REQUEST_ID);
    assert!(["title", "detail"].iter().all(|name| body[name].as_str().is_some_and(|text| !text.is_empty())));
    assert!(!response.to_string().contains(INSIDE), "a text for the log is in the response");
    let retry_after_s = header(response, "retry-after").map(|seconds| seconds.parse::<u32>().expect("seconds"));
    assert_eq!(retry_after_s.is_some_and(|seconds| seconds > 0), matches!(status, 429 | 502 | 503));
    assert_eq!(header(response, "allow"), (status == 405).then_some("GET, POST"));
    code.to_owned()
}
