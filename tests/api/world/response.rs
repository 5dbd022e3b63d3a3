//! What a function returns.

use serde_json::Value;

/// A response in API Gateway's format.
#[derive(Clone, Debug)]
pub(crate) struct GatewayResponse {
    event: Value,
    body: Value,
}

impl GatewayResponse {
    /// Reads the event. Every response has a body in JSON.
    pub(super) fn new(event: Value) -> Self {
        let body = serde_json::from_str(event["body"].as_str().expect("a body")).expect("JSON");
        Self { event, body }
    }

    pub(crate) fn status(&self) -> u64 {
        self.event["statusCode"].as_u64().expect("a status")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let of_rest_api = &self.event["multiValueHeaders"][name][0];
        self.event["headers"][name].as_str().or(of_rest_api.as_str()).unwrap_or_default()
    }

    pub(crate) fn body(&self) -> Value {
        self.body.clone()
    }

    /// The token object.
    pub(crate) fn token(&self) -> Value {
        assert_eq!(self.status(), 200, "{}", self.event);
        self.body()
    }

    pub(crate) fn entity(&self) -> String {
        self.token()["entityId"].as_str().expect("an entity id").to_owned()
    }

    pub(crate) fn access_token(&self) -> String {
        self.token()["accessToken"].as_str().expect("an access token").to_owned()
    }

    /// Where the token came from.
    pub(crate) fn source(&self) -> &str {
        self.header("cache-status").strip_prefix("livechat-cip; ").unwrap_or_default()
    }

    /// The status and code of a problem, after checking its format.
    pub(crate) fn problem(&self) -> (u64, &str) {
        let body = &self.body;
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.event);
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(body["status"], self.status());
        for member in ["title", "detail", "requestId"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {body}");
        }
        assert_eq!(body["livechatCode"].is_string(), self.status() == 502, "{body}");
        if [429, 502, 503].contains(&self.status()) {
            assert!(self.retry_after() > 0, "{}", self.event);
        }
        (self.status(), body["code"].as_str().expect("a code"))
    }

    /// The header `Retry-After`, in s.
    pub(crate) fn retry_after(&self) -> u64 {
        self.header("retry-after").parse().expect("a number of seconds")
    }
}
