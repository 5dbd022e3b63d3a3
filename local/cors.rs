//! CORS: which pages may call from a browser. On AWS, API Gateway applies the template's CORS settings before a function is
//! called. `cors/refusals.rs` says in the log why a page may not call.

mod refusals;

pub(crate) use refusals::is_of;

use crate::settings::Settings;
use axum::{
    Router,
    http::{
        HeaderName, HeaderValue, Method,
        header::{AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER},
    },
};
use cip::settings::allowed_origins;
use std::time::Duration;
use tower_http::cors::CorsLayer;

/// How long browsers may cache the response to a preflight.
const MAX_AGE: Duration = Duration::from_hours(2);

/// The request headers that pages may send: the credentials of callers, and what monitoring scripts add to every request of a page
/// (Sentry's headers, W3C *Trace Context* and *Baggage*). The template has the same list.
const HEADERS: [HeaderName; 9] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("x-user-hash"),
    HeaderName::from_static("x-user-hash-expires"),
    HeaderName::from_static("x-guest-id"),
    HeaderName::from_static("sentry-trace"),
    HeaderName::from_static("baggage"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// Lets the pages that the settings name call `api`, and logs why others may not.
///
/// # Errors
/// One line that names the setting, if it has `*`, an invalid origin or an invalid header name.
pub fn apply(api: Router, settings: &Settings) -> Result<Router, String> {
    let api = match layer(settings)? {
        Some(cors) => api.layer(cors),
        None => api,
    };
    Ok(refusals::explain(api, &origins(settings)?))
}

/// The origins of `ALLOWED_ORIGINS`.
///
/// # Errors
/// One line that names the setting, if an origin is invalid.
pub fn origins(settings: &Settings) -> Result<Vec<String>, String> {
    allowed_origins(&settings.lookup()).map_err(|error| error.to_string())
}

/// Allows the origins of `ALLOWED_ORIGINS`, which are compared exactly, to send the usual headers and those of `ALLOWED_HEADERS`.
/// `None` if there are no such origins: then no response has CORS headers.
///
/// # Errors
/// One line that names the setting, if it has `*`, an invalid origin or an invalid header name.
fn layer(settings: &Settings) -> Result<Option<CorsLayer>, String> {
    let origins = origins(settings)?;
    let headers = allowed_headers(&settings.get("ALLOWED_HEADERS").unwrap_or_default())?;
    if origins.is_empty() {
        return Ok(None);
    }
    let layer = CorsLayer::new()
        .allow_origin(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(headers)
        .expose_headers([RETRY_AFTER, DATE, HeaderName::from_static("x-logout")])
        .max_age(MAX_AGE)
        .allow_credentials(true);
    Ok(Some(layer))
}

/// [`HEADERS`] and those of a list. `*` is refused: in a response that allows credentials, it means a header whose name is `*`.
fn allowed_headers(list: &str) -> Result<Vec<HeaderName>, String> {
    let more = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    let more: Option<Vec<_>> = more.map(|name| name.parse().ok().filter(|_| name != "*")).collect();
    let more = more.ok_or(
        "ALLOWED_HEADERS is invalid: expected a list of header names, such as \
         x-datadog-trace-id,x-datadog-parent-id, none of them `*`.",
    )?;
    Ok(HEADERS.into_iter().chain(more).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, http::Request, response::Response};
    use lambda_http::tower::ServiceExt;

    const ORIGINS: (&str, &str) = ("ALLOWED_ORIGINS", "https://shop.example, http://localhost:5173");

    fn with(settings: &[(&str, &str)]) -> Settings {
        settings.iter().fold(Settings::default(), |all, (name, value)| all.with(name, *value))
    }

    async fn send(settings: &[(&str, &str)], method: Method, origin: &str) -> Response {
        let mut router = Router::new().fallback(async || "served");
        if let Some(layer) = layer(&with(settings)).expect("good settings") {
            router = router.layer(layer);
        }
        let request = Request::builder()
            .method(method)
            .uri("/getToken")
            .header("origin", origin)
            .header("access-control-request-method", "GET");
        router.oneshot(request.body(Body::empty()).expect("a good request")).await.expect("a response")
    }

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().expect("a string"))
    }

    #[tokio::test]
    async fn an_origin_must_match_exactly() {
        for origin in ["https://shop.example", "http://localhost:5173"] {
            for method in [Method::OPTIONS, Method::GET] {
                let response = send(&[ORIGINS], method, origin).await;
                assert_eq!(header(&response, "access-control-allow-origin"), Some(origin));
            }
        }
        for origin in [
            "https://shop.example.evil.test",
            "https://shop.exampl",
            "http://shop.example",
            "https://shop.example:8443",
            "https://shop.example/",
            "https://SHOP.example",
            "http://localhost:5174",
            "null",
            "*",
            "",
        ] {
            for method in [Method::OPTIONS, Method::GET] {
                let response = send(&[ORIGINS], method, origin).await;
                assert_eq!(header(&response, "access-control-allow-origin"), None, "{origin}");
            }
        }
    }

    #[tokio::test]
    async fn a_preflight_allows_what_the_template_allows() {
        let response = send(&[ORIGINS], Method::OPTIONS, "https://shop.example").await;
        assert_eq!(header(&response, "access-control-allow-methods"), Some("GET,POST"));
        assert_eq!(
            header(&response, "access-control-allow-headers"),
            Some(
                "authorization,content-type,x-user-hash,x-user-hash-expires,x-guest-id,sentry-trace,baggage,traceparent,tracestate"
            )
        );
        assert_eq!(header(&response, "access-control-max-age"), Some("7200"));
        assert_eq!(header(&response, "access-control-allow-credentials"), Some("true"));
        let response = send(&[ORIGINS], Method::GET, "https://shop.example").await;
        assert_eq!(header(&response, "access-control-expose-headers"), Some("retry-after,date,x-logout"));
    }

    #[tokio::test]
    async fn without_allowed_origins_there_are_no_cors_headers() {
        for settings in [&[] as &[(&str, &str)], &[("ALLOWED_ORIGINS", " , ")]] {
            let response = send(settings, Method::GET, "http://localhost:5173").await;
            assert!(response.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
        }
    }

    #[tokio::test]
    async fn origins_of_apps_and_extensions_can_be_allowed() {
        const ID: &str = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";
        let settings =
            [("ALLOWED_ORIGINS", "capacitor://localhost,chrome-extension://abcdefghijklmnopabcdefghijklmnop")];
        for (origin, allowed) in [("capacitor://localhost", true), (ID, true), ("ionic://localhost", false)] {
            for method in [Method::OPTIONS, Method::GET] {
                let response = send(&settings, method, origin).await;
                assert_eq!(header(&response, "access-control-allow-origin"), allowed.then_some(origin));
            }
        }
    }

    #[tokio::test]
    async fn a_site_may_allow_more_headers() {
        let settings = [ORIGINS, ("ALLOWED_HEADERS", " X-Datadog-Trace-Id, newrelic,")];
        let response = send(&settings, Method::OPTIONS, "https://shop.example").await;
        let headers = header(&response, "access-control-allow-headers").expect("headers");
        assert!(headers.starts_with("authorization,") && headers.ends_with(",tracestate,x-datadog-trace-id,newrelic"));
        for list in ["*", "x-a,*", "x a", "x-a;x-b", "x:y"] {
            let line = layer(&with(&[ORIGINS, ("ALLOWED_HEADERS", list)])).expect_err(list);
            assert!(line.contains("ALLOWED_HEADERS") && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn the_error_for_an_invalid_origin_shows_the_correct_spelling() {
        let line = layer(&with(&[("ALLOWED_ORIGINS", "https://Shop.example/")])).expect_err("refused");
        assert!(line.contains("must be written https://shop.example."), "{line}");
    }

    #[test]
    fn an_asterisk_is_refused_as_an_origin() {
        for list in ["*", "https://shop.example,*"] {
            let line = layer(&with(&[("ALLOWED_ORIGINS", list)])).expect_err(list);
            assert!(line.contains("ALLOWED_ORIGINS") && !line.contains('\n'), "{line}");
        }
    }
}
