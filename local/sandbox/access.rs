//! Who may call a port: which names are accepted in `Host`, and the pages of which origins.
//!
//! Browsers let any page send requests to this machine. A page of another origin cannot read a response without CORS headers.
//! An attacker can make the name of that page's site resolve to this machine (DNS rebinding), but then `Host` has this name.

use axum::{
    Router,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{HOST, ORIGIN},
        uri::Authority,
    },
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use std::{io, sync::Arc};
use tokio::net::TcpListener;

/// The name that containers have for the machine that they run on. It is not in public DNS, so no site can have it.
pub const OF_CONTAINERS: &str = "host.docker.internal";

/// This machine, with any port: for tests, whose proxies have ports of their own.
pub const ON_ANY_PORT: &str = "127.0.0.1";

/// Passes a request to `router` if its `Host` is the address of `listener` or one of `more`. A name in `more` without a port
/// matches any port. Other requests get 421 (RFC 9110, section 15.5.20).
///
/// # Errors
/// If the listener has no address.
pub fn by_host(router: Router, listener: &TcpListener, more: &[String]) -> io::Result<Router> {
    let mut hosts = names(listener)?;
    hosts.extend(more.iter().map(|name| name.to_ascii_lowercase()));
    let hosts: Arc<[String]> = hosts.into();
    Ok(router.layer(from_fn(move |request: Request, next: Next| {
        let hosts = Arc::clone(&hosts);
        async move { if is_for(&hosts, &request) { next.run(request).await } else { misdirected(&hosts) } }
    })))
}

/// Passes a request to `router` if it comes from a page of one of these origins, or not from a page at all. Other requests get
/// 403.
pub fn by_page<S: Clone + Send + Sync + 'static>(router: Router<S>, origins: Vec<HeaderValue>) -> Router<S> {
    let origins: Arc<[HeaderValue]> = origins.into();
    router.layer(from_fn(move |request: Request, next: Next| {
        let is_allowed = !is_of_another_page(request.headers(), &origins);
        async move { if is_allowed { next.run(request).await } else { forbidden() } }
    }))
}

/// The origins of the pages that `listener` serves.
///
/// # Errors
/// If the listener has no address.
pub fn origins(listener: &TcpListener) -> io::Result<Vec<HeaderValue>> {
    // Browsers leave out the default port.
    let origin = |name: String| format!("http://{}", name.strip_suffix(":80").unwrap_or(&name));
    names(listener)?.into_iter().map(|name| HeaderValue::try_from(origin(name)).map_err(io::Error::other)).collect()
}

/// The names of a listener in `Host`, if there is no proxy before it.
fn names(listener: &TcpListener) -> io::Result<Vec<String>> {
    let address = listener.local_addr()?;
    let mut names = vec![address.to_string()];
    if address.ip().is_loopback() {
        names.push(format!("localhost:{}", address.port()));
    }
    Ok(names)
}

/// Whether a request names at least one host, and all hosts that it names are in `hosts`.
fn is_for(hosts: &[String], request: &Request) -> bool {
    let header = request.headers().get_all(HOST).iter().map(|value| value.to_str().ok()?.parse().ok());
    let mut named = header.chain(request.uri().authority().cloned().map(Some)).peekable();
    named.peek().is_some() && named.all(|host| host.is_some_and(|host| is_one_of(hosts, &host)))
}

fn is_one_of(hosts: &[String], named: &Authority) -> bool {
    let name = named.host().to_ascii_lowercase();
    let with_port = format!("{name}:{}", named.port_u16().unwrap_or(80));
    !named.as_str().contains('@') && hosts.iter().any(|host| *host == name || *host == with_port)
}

/// Browsers send `Origin` with every request that may change something, and `Sec-Fetch-Site` with all requests.
fn is_of_another_page(headers: &HeaderMap, origins: &[HeaderValue]) -> bool {
    let mut named = headers.get_all(ORIGIN).iter().peekable();
    if named.peek().is_some() {
        return !named.all(|origin| origins.contains(origin));
    }
    headers.get_all("sec-fetch-site").iter().any(|site| site != "none" && site != "same-origin")
}

fn misdirected(hosts: &[String]) -> Response {
    let text = format!(
        "This port of `cargo local` only accepts requests whose Host is {}. If you called this machine by another of its \
         names, or through a proxy or tunnel, start again with --allow-host NAME.\n",
        hosts.join(" or ")
    );
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
}

fn forbidden() -> Response {
    (StatusCode::FORBIDDEN, "This port of `cargo local` does not accept requests from pages of other origins.\n")
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request {
        let request = Request::builder().uri(uri);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(Body::empty()).expect("a good request")
    }

    #[test]
    fn a_host_must_match_exactly() {
        let hosts = ["127.0.0.1:3001", "[::1]:3001", "localhost:3001", "shop.test", "localhost:80"].map(str::to_owned);
        for host in ["127.0.0.1:3001", "[::1]:3001", "LocalHost:3001", "shop.test", "Shop.test:8443", "localhost"] {
            assert!(is_for(&hosts, &request("/", &[("host", host)])), "{host}");
        }
        for host in [
            "",
            "evil.test",
            "evil.test:3001",
            "127.0.0.1",
            "127.0.0.1:3000",
            "127.0.0.1.evil.test:3001",
            "localhost.evil.test:3001",
            "x@127.0.0.1:3001",
            "127.0.0.1:3001@evil.test",
            "127.0.0.1:3001, evil.test",
            "0x7f.1:3001",
            "shop.test.",
            "\u{e9}",
        ] {
            assert!(!is_for(&hosts, &request("/", &[("host", host)])), "{host}");
        }
    }

    #[test]
    fn every_host_that_a_request_names_must_match() {
        let hosts = ["127.0.0.1:3001".to_owned()];
        let (good, bad) = (("host", "127.0.0.1:3001"), ("host", "evil.test:3001"));
        assert!(is_for(&hosts, &request("http://127.0.0.1:3001/", &[good])));
        assert!(!is_for(&hosts, &request("http://127.0.0.1:3001/", &[bad])));
        assert!(!is_for(&hosts, &request("http://evil.test:3001/", &[good])));
        assert!(!is_for(&hosts, &request("/", &[good, bad])));
        assert!(!is_for(&hosts, &request("/", &[])));
    }

    #[test]
    fn a_page_of_another_origin_is_recognised() {
        let origins = [HeaderValue::from_static("http://127.0.0.1:3000")];
        let is_another = |headers: &[_]| is_of_another_page(request("/", headers).headers(), &origins);
        assert!(!is_another(&[]));
        assert!(!is_another(&[("origin", "http://127.0.0.1:3000"), ("sec-fetch-site", "same-site")]));
        assert!(!is_another(&[("sec-fetch-site", "none")]));
        for origin in ["http://127.0.0.1:5173", "http://localhost:3000", "https://evil.test", "null", ""] {
            assert!(is_another(&[("origin", origin)]), "{origin}");
            assert!(is_another(&[("origin", "http://127.0.0.1:3000"), ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", "x"] {
            assert!(is_another(&[("sec-fetch-site", site)]), "{site}");
        }
    }
}
