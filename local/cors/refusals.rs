//! Says in the log why a browser does not let a page call. The browser itself tells the page only that the request failed.

use axum::{
    Router,
    extract::Request,
    http::{
        HeaderMap, HeaderName, Method,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN,
        },
    },
    middleware::{Next, from_fn},
};
use std::sync::Arc;

/// Logs each refusal by a response of `api`. `origins` are those of `ALLOWED_ORIGINS`.
pub(super) fn explain(api: Router, origins: &[String]) -> Router {
    let origins: Arc<[String]> = origins.into();
    api.layer(from_fn(move |request: Request, next: Next| {
        let origins = Arc::clone(&origins);
        async move {
            let (method, asked) = (request.method().clone(), request.headers().clone());
            let response = next.run(request).await;
            if let Some(refusal) = refusal(&method, &asked, response.headers(), &origins) {
                tracing::warn!("{refusal}");
            }
            response
        }
    }))
}

/// Why the browser refuses; `None` if it does not.
fn refusal(method: &Method, asked: &HeaderMap, allowed: &HeaderMap, origins: &[String]) -> Option<String> {
    let origin = value(asked, ORIGIN)?;
    if is_of(origin, asked) {
        return None;
    }
    if value(allowed, ACCESS_CONTROL_ALLOW_ORIGIN) != Some(origin) {
        return Some(unknown_origin(origin, origins));
    }
    if method != Method::OPTIONS {
        return None;
    }
    if let Some(method) = value(asked, ACCESS_CONTROL_REQUEST_METHOD)
        && !lists(allowed, ACCESS_CONTROL_ALLOW_METHODS, method)
    {
        return Some(format!("the page at {origin} may not send {method}: the routes take GET and POST"));
    }
    let wanted = value(asked, ACCESS_CONTROL_REQUEST_HEADERS)?.split(',').map(str::trim);
    let more: Vec<_> = wanted.filter(|name| !lists(allowed, ACCESS_CONTROL_ALLOW_HEADERS, name)).collect();
    let more = more.join(",");
    (!more.is_empty())
        .then(|| format!("the page at {origin} may not send {more}: start again with these headers in ALLOWED_HEADERS"))
}

fn unknown_origin(origin: &str, origins: &[String]) -> String {
    // Pages from files and sandboxed frames have this origin.
    if origin == "null" {
        return "a page from a file or in a sandboxed frame has no origin that can be allowed: serve it from http://localhost".into();
    }
    let all = [origins, &[origin.to_owned()]].concat().join(",");
    format!("origin {origin} is not in ALLOWED_ORIGINS: start again with ALLOWED_ORIGINS={all}")
}

/// Whether a request with these headers was sent to the server of its page.
pub(crate) fn is_of(origin: &str, headers: &HeaderMap) -> bool {
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some() && host == value(headers, HOST)
}

fn value(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the list in this header has `entry`.
fn lists(headers: &HeaderMap, name: HeaderName, entry: &str) -> bool {
    value(headers, name).is_some_and(|list| list.split(',').any(|allowed| allowed.trim().eq_ignore_ascii_case(entry)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cors, settings::Settings};
    use axum::body::Body;
    use lambda_http::tower::ServiceExt;

    const ORIGINS: &str = "http://localhost:5173";

    /// Why a browser refuses the response of `cargo local` to this request.
    async fn refused(method: Method, asked: &[(&str, &str)]) -> Option<String> {
        let settings = Settings::default().with("ALLOWED_ORIGINS", ORIGINS);
        let cors = cors::layer(&settings).expect("good settings").expect("origins");
        let request = Request::builder().method(method.clone()).uri("/getToken").header("host", "127.0.0.1:3000");
        let request = asked.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Body::empty()).expect("a good request");
        let asked = request.headers().clone();
        let response =
            Router::new().fallback(async || "served").layer(cors).oneshot(request).await.expect("a response");
        refusal(&method, &asked, response.headers(), &[ORIGINS.to_owned()])
    }

    #[tokio::test]
    async fn an_unknown_origin_is_named_with_the_setting_that_would_allow_it() {
        let preflight = ("access-control-request-method", "GET");
        for asked in [&[("origin", "http://localhost:8055"), preflight], &[("origin", "http://localhost:8055"); 1][..]]
        {
            for method in [Method::OPTIONS, Method::GET] {
                assert_eq!(
                    refused(method, asked).await.as_deref(),
                    Some(
                        "origin http://localhost:8055 is not in ALLOWED_ORIGINS: start again with \
                         ALLOWED_ORIGINS=http://localhost:5173,http://localhost:8055"
                    )
                );
            }
        }
        let of_a_file = refused(Method::GET, &[("origin", "null")]).await.expect("refused");
        assert!(of_a_file.contains("from a file"), "{of_a_file}");
    }

    #[tokio::test]
    async fn an_unknown_header_or_method_is_named() {
        let origin = ("origin", ORIGINS);
        let headers = ("access-control-request-headers", "authorization,x-shop");
        let line = refused(Method::OPTIONS, &[origin, ("access-control-request-method", "GET"), headers]).await;
        assert!(line.is_some_and(|line| line.contains("may not send x-shop: ")));
        let line = refused(Method::OPTIONS, &[origin, ("access-control-request-method", "PUT")]).await;
        assert!(line.is_some_and(|line| line.contains("may not send PUT: ")));
    }

    #[tokio::test]
    async fn what_is_allowed_is_not_mentioned() {
        let get = ("access-control-request-method", "GET");
        let headers = ("access-control-request-headers", "authorization, Content-Type");
        assert_eq!(refused(Method::OPTIONS, &[("origin", ORIGINS), get, headers]).await, None);
        assert_eq!(refused(Method::GET, &[("origin", ORIGINS)]).await, None);
        assert_eq!(refused(Method::POST, &[("origin", "http://127.0.0.1:3000")]).await, None);
        // Our own page behind a tunnel, which ends TLS.
        assert_eq!(refused(Method::POST, &[("origin", "https://127.0.0.1:3000")]).await, None);
        assert_eq!(refused(Method::GET, &[]).await, None);
    }
}
