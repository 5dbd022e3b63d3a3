//! Responses: what each result of an operation looks like in HTTP, and the JSON that a gateway takes it in.

use super::{problem::Problem, request::Format};
use crate::{
    operation::Reply,
    renewal::{Obtained, Source, Why},
    settings::Account,
};
use lambda_http::{
    Body,
    aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use problem_details::ProblemDetails;
use secrecy::ExposeSecret;
use serde::Serialize;

/// Says whether LiveChat has revoked all tokens of a user who logged out (`complete`), or a later call must tell it to (`pending`).
const LOGOUT_HEADER: &str = "x-logout";

/// A response to one request.
#[derive(Debug)]
pub(super) struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Response {
    /// The response of an operation that succeeded. `account` is the LiveChat account that its token is for.
    pub(super) fn of_reply(reply: &Reply, account: &Account) -> Self {
        match reply {
            Reply::Token(Obtained { issued, source }) => {
                let token = TokenObject {
                    access_token: issued.token.access_token.expose_secret(),
                    entity_id: &issued.entity_id,
                    expires_in: issued.token.lifetime.expires_in_ms,
                    token_type: "Bearer",
                    creation_date: issued.token.lifetime.created.as_u64(),
                    license_id: account.license_id,
                    organization_id: account.organization_id.as_deref(),
                };
                let mut response = Self::json(&token, "application/json");
                // RFC 9211.
                if let Ok(status) = HeaderValue::from_str(&format!("livechat-cip; {}", cache_status(source))) {
                    response.headers.insert("cache-status", status);
                }
                response
            }
            Reply::HasToken(has) => Self::json(has, "application/json"),
            Reply::Invalidated => Self::json(&(), "application/json"),
            Reply::LoggedOut { is_complete } => {
                let mut response = Self::json(&(), "application/json");
                let state = if *is_complete { "complete" } else { "pending" };
                response.headers.insert(LOGOUT_HEADER, HeaderValue::from_static(state));
                response
            }
        }
    }

    /// The response for a problem.
    pub(super) fn of_problem(problem: Problem, request_id: &str) -> Self {
        let Problem { status, code, title, detail, livechat_code, retry_after_s, allow, challenge } = problem;
        let details = ProblemDetails::new()
            .with_status(status)
            .with_title(title)
            .with_detail(detail)
            .with_extensions(Extensions { code, request_id, livechat_code });
        let mut response = Self { status, ..Self::json(&details, "application/problem+json") };
        if let Some(seconds) = retry_after_s {
            response.headers.insert(RETRY_AFTER, spread(status, seconds).into());
        }
        for (name, value) in [(ALLOW, allow), (WWW_AUTHENTICATE, challenge)] {
            response.headers.extend(value.map(|value| (name, HeaderValue::from_static(value))));
        }
        response
    }

    fn json(body: &impl Serialize, content_type: &'static str) -> Self {
        let body = serde_json::to_string(body).expect("a response body is always valid JSON");
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (lambda_http::http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        Self { status: StatusCode::OK, headers: headers.into_iter().collect(), body }
    }

    /// The response in the format that the gateway expects.
    pub(super) fn in_format(self, format: Format) -> GatewayResponse {
        let status_code = self.status.as_u16().into();
        let body = Some(Body::Text(self.body));
        match format {
            Format::V1 => {
                let mut response = ApiGatewayProxyResponse::default();
                (response.status_code, response.body) = (status_code, body);
                // A REST API would send a header twice if it were in `headers` too.
                response.multi_value_headers = self.headers;
                GatewayResponse::V1(response)
            }
            Format::V2 => {
                let mut response = ApiGatewayV2httpResponse::default();
                (response.status_code, response.body) = (status_code, body);
                response.headers = self.headers;
                GatewayResponse::V2(response)
            }
        }
    }
}

/// A response as API Gateway or a function URL takes it: to be serialized as JSON.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum GatewayResponse {
    /// For REST APIs, and HTTP APIs with payload format 1.0.
    V1(ApiGatewayProxyResponse),
    /// For HTTP APIs with payload format 2.0, and function URLs.
    V2(ApiGatewayV2httpResponse),
}

/// Where a token came from, in the terms of `Cache-Status` (RFC 9211): the stored token is a cache in front of LiveChat.
pub(super) fn cache_status(source: &Source) -> String {
    match source {
        Source::Stored => "hit".into(),
        Source::StoredDespite(error) => format!("hit; detail={}", Problem::of_renewal(error).code.replace('_', "-")),
        Source::LiveChat { why, collapsed } => {
            let why = match why {
                Why::Miss => "miss",
                Why::Stale => "stale",
                Why::Request => "request",
            };
            format!("fwd={why}{}", if *collapsed { "; collapsed" } else { "" })
        }
    }
}

/// The token object of a Custom Identity Provider, exactly
/// (<https://platform.text.com/docs/extending-chat-widget/custom-identity-provider>): times in ms, and no cookie.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenObject<'a> {
    access_token: &'a str,
    entity_id: &'a str,
    expires_in: u64,
    token_type: &'static str,
    creation_date: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'a str>,
}

/// The members that our problems have beside those of RFC 9457.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extensions<'a> {
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    livechat_code: Option<String>,
}

/// Pages that were refused in the same second should not all come back in the same second: `Retry-After` is up to two seconds later
/// than the earliest time that helps, at random. A refusal by LiveChat is about one user, so its time is not spread.
fn spread(status: StatusCode, seconds: u32) -> u32 {
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => seconds.saturating_add(fastrand::u32(0..=2)),
        _ => seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth,
        renewal::{Error, StoreError, circuit::NotCalled},
    };

    #[test]
    fn cache_status_has_the_terms_of_rfc_9211() {
        let livechat = |why, collapsed| cache_status(&Source::LiveChat { why, collapsed });
        assert_eq!(cache_status(&Source::Stored), "hit");
        for error in [Error::LiveChatUnavailable("status 503".into()), NotCalled::CircuitOpen.into()] {
            assert_eq!(cache_status(&Source::StoredDespite(error)), "hit; detail=livechat-unavailable");
        }
        assert_eq!(livechat(Why::Miss, false), "fwd=miss");
        assert_eq!(livechat(Why::Stale, true), "fwd=stale; collapsed");
        assert_eq!(livechat(Why::Request, false), "fwd=request");
    }

    #[test]
    fn callers_refused_in_the_same_second_come_back_at_different_times() {
        let because = String::new;
        let refused = Error::LiveChatRejected { exception: because(), description: because(), retry_after_s: 60 };
        for (error, seconds) in [
            (Error::Busy.into(), vec![1, 2, 3]),
            (Error::LiveChatUnavailable(because()).into(), vec![1, 2, 3]),
            (Error::LiveChatNotCalled(NotCalled::GateFull).into(), vec![1, 2, 3]),
            (StoreError::Unavailable(because()).into(), vec![1, 2, 3]),
            (auth::Error::KeysUnavailable(because()).into(), vec![1, 2, 3]),
            (Error::RateLimited { retry_after_s: 7 }.into(), vec![7, 8, 9]),
            (Error::RateLimited { retry_after_s: u32::MAX }.into(), vec![u32::MAX]),
            (refused.into(), vec![60]),
        ] {
            let response = || Response::of_problem(Problem::of(&error), "r");
            let seen: std::collections::BTreeSet<u32> = (0..1_000)
                .map(|_| response().headers[RETRY_AFTER].to_str().expect("text").parse().expect("seconds"))
                .collect();
            assert_eq!(seen.into_iter().collect::<Vec<_>>(), seconds, "{error:?}");
        }
    }
}
