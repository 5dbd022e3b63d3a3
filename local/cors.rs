//! Which pages may call from a browser: the CORS of the template's HTTP API, where API Gateway does it in front of the
//! functions.

use crate::settings::Settings;
use axum::http::{
    HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER},
};
use std::time::Duration;
use tower_http::cors::CorsLayer;

/// How long browsers may remember an answer to a preflight.
const MAX_AGE: Duration = Duration::from_hours(2);

/// The pages of `ALLOWED_ORIGINS`, compared exactly; `None` if there are none, and then no preflight is answered.
///
/// # Errors
/// One line that names the setting, if an origin in it is `*` or cannot be in a header.
pub fn layer(settings: &Settings) -> Result<Option<CorsLayer>, String> {
    let list = settings.get("ALLOWED_ORIGINS").unwrap_or_default();
    let origins: Option<Vec<_>> =
        list.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(of_one_origin).collect();
    let origins = origins.ok_or(
        "ALLOWED_ORIGINS has a value that it cannot have: it must be a list of origins, such as \
         https://www.example.com,http://localhost:5173, none of them `*`.",
    )?;
    if origins.is_empty() {
        return Ok(None);
    }
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            HeaderName::from_static("x-user-hash"),
            HeaderName::from_static("x-user-hash-expires"),
            HeaderName::from_static("x-guest-id"),
        ])
        .expose_headers([RETRY_AFTER, DATE, HeaderName::from_static("x-logout")])
        .max_age(MAX_AGE)
        .allow_credentials(true);
    Ok(Some(layer))
}

/// What an `Origin` must be like to be this one.
fn of_one_origin(origin: &str) -> Option<HeaderValue> {
    if origin == "*" { None } else { HeaderValue::from_str(origin).ok() }
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

    async fn ask(settings: &[(&str, &str)], method: Method, origin: &str) -> Response {
        let mut router = Router::new().fallback(async || "answered");
        if let Some(layer) = layer(&with(settings)).expect("good settings") {
            router = router.layer(layer);
        }
        let request = Request::builder()
            .method(method)
            .uri("/getToken")
            .header("origin", origin)
            .header("access-control-request-method", "GET");
        router.oneshot(request.body(Body::empty()).expect("a good request")).await.expect("an answer")
    }

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().expect("text"))
    }

    #[tokio::test]
    async fn an_origin_is_compared_whole() {
        for origin in ["https://shop.example", "http://localhost:5173"] {
            for method in [Method::OPTIONS, Method::GET] {
                let answer = ask(&[ORIGINS], method, origin).await;
                assert_eq!(header(&answer, "access-control-allow-origin"), Some(origin));
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
                let answer = ask(&[ORIGINS], method, origin).await;
                assert_eq!(header(&answer, "access-control-allow-origin"), None, "{origin}");
            }
        }
    }

    #[tokio::test]
    async fn a_preflight_says_what_the_template_says() {
        let answer = ask(&[ORIGINS], Method::OPTIONS, "https://shop.example").await;
        assert_eq!(header(&answer, "access-control-allow-methods"), Some("GET,POST"));
        assert_eq!(
            header(&answer, "access-control-allow-headers"),
            Some("authorization,content-type,x-user-hash,x-user-hash-expires,x-guest-id")
        );
        assert_eq!(header(&answer, "access-control-max-age"), Some("7200"));
        assert_eq!(header(&answer, "access-control-allow-credentials"), Some("true"));
        let answer = ask(&[ORIGINS], Method::GET, "https://shop.example").await;
        assert_eq!(header(&answer, "access-control-expose-headers"), Some("retry-after,date,x-logout"));
    }

    #[tokio::test]
    async fn by_default_there_are_no_origins() {
        for settings in [&[] as &[(&str, &str)], &[("ALLOWED_ORIGINS", " , ")]] {
            let answer = ask(settings, Method::GET, "http://localhost:5173").await;
            assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
        }
    }

    #[test]
    fn everybody_is_not_taken_for_an_origin() {
        for list in ["*", "https://shop.example,*"] {
            let line = layer(&with(&[("ALLOWED_ORIGINS", list)])).expect_err(list);
            assert!(line.contains("ALLOWED_ORIGINS") && !line.contains('\n'), "{line}");
        }
    }
}
