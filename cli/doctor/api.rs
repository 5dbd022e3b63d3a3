//! The API as a browser sees it: whether it responds, and whether the pages of the settings may call it, and no others.

use super::{report::Report, source::Source};
use crate::http;
use cip::settings::allowed_origins;
use reqwest::{
    Client, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, ORIGIN,
    },
};
use serde_json::Value;
use std::time::Duration;

/// An origin that no site has (RFC 2606).
const STRANGER: &str = "https://another-site.invalid";

pub(super) async fn check(report: &mut Report, source: &Source) {
    let Some(base_url) = &source.base_url else {
        report.skipped("api", "No API is known: use --stack or --local, or give its address as --base-url.");
        return;
    };
    let Ok(http) = http::client(base_url).timeout(Duration::from_secs(15)).build() else { return };
    if check_response(report, &http, base_url).await {
        check_origins(report, &http, base_url, source).await;
    }
}

/// Whether a call without credentials gets a refusal from a function, or from an authorizer before it.
async fn check_response(report: &mut Report, http: &Client, base_url: &str) -> bool {
    let response = match http.get(format!("{base_url}/hasToken")).send().await {
        Ok(response) => response,
        Err(error) => {
            let fix = "Is this the stack's output BaseUrl? With a domain of your own: does its DNS record lead to the output DomainTarget?";
            report.wrong("api", format!("{base_url} does not respond: {}.", error.without_url()), fix);
            return false;
        }
    };
    let status = response.status();
    let problem: Value = serde_json::from_str(&response.text().await.unwrap_or_default()).unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or("without a code");
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST | StatusCode::OK => {
            report.ok("api", format!("{base_url} responds."));
            true
        }
        StatusCode::NOT_FOUND => {
            let fix = "The base URL has no path after the host, and ends without /getToken. With DisableExecuteApiEndpoint, the address at \
                       amazonaws.com has no routes.";
            report.wrong("api", format!("{base_url} has no route /hasToken (404)."), fix);
            false
        }
        status => {
            let fix = "The functions' log has the reason: aws logs tail <output LogGroup> --since 10m --filter-pattern '{ $.cause = * }'";
            report.wrong("api", format!("{base_url} returned {} {code}.", status.as_u16()), fix);
            true
        }
    }
}

async fn check_origins(report: &mut Report, http: &Client, base_url: &str, source: &Source) {
    // An invalid list has been reported with the settings.
    let Ok(origins) = allowed_origins(&source.lookup()) else { return };
    if origins.is_empty() {
        report.skipped("cors", "ALLOWED_ORIGINS names no page.");
        return;
    }
    let fix = if source.is_stack() {
        "Set AllowedOrigins in parameters.yaml, then: sam deploy"
    } else {
        "Start cargo local again, with this ALLOWED_ORIGINS. Behind a proxy: let it pass OPTIONS and its response's headers."
    };
    for origin in &origins {
        match preflight(http, base_url, origin, &headers_of(source)).await {
            Ok(response) => match refusal(&response, origin, &headers_of(source), source) {
                None => report.ok("cors", format!("Pages of {origin} may call.")),
                Some(why) => report.wrong("cors", format!("Pages of {origin} may not call: {why}."), fix),
            },
            Err(why) => report.skipped("cors", format!("{origin}: {why}.")),
        }
    }
    let Ok(response) = preflight(http, base_url, STRANGER, &headers_of(source)).await else { return };
    match text(&response, &ACCESS_CONTROL_ALLOW_ORIGIN) {
        Some(allowed) if allowed == STRANGER || allowed == "*" => {
            report.wrong("cors", format!("Pages of any site may call, as {allowed} is allowed."), fix);
        }
        _ => report.ok("cors", "Pages of other sites may not call."),
    }
}

/// The headers that the pages send with these settings.
fn headers_of(source: &Source) -> Vec<&'static str> {
    let is = |name: &str, value: &str| source.get(name).is_some_and(|set| set.trim() == value);
    let mut headers = vec!["content-type"];
    if is("AUTH", "jwt") || is("AUTH", "authorizer") {
        headers.push("authorization");
    }
    if is("AUTH", "hmac") {
        headers.extend(["x-user-hash", "x-user-hash-expires"]);
    }
    if is("GUESTS", "true") {
        headers.push("x-guest-id");
    }
    headers
}

/// The response's headers to what a browser sends before a call from a page.
async fn preflight(http: &Client, base_url: &str, origin: &str, headers: &[&str]) -> Result<HeaderMap, String> {
    let request = http
        .request(Method::OPTIONS, format!("{base_url}/getToken"))
        .header(ORIGIN, origin)
        .header(ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(ACCESS_CONTROL_REQUEST_HEADERS, headers.join(","));
    let response = request.send().await.map_err(|error| error.without_url().to_string())?;
    Ok(response.headers().clone())
}

/// Why a browser would refuse the page's call (Fetch Standard, section 4.8).
fn refusal(response: &HeaderMap, origin: &str, sent: &[&str], source: &Source) -> Option<String> {
    match text(response, &ACCESS_CONTROL_ALLOW_ORIGIN) {
        None => return Some("the response to the preflight has no Access-Control-Allow-Origin".into()),
        Some(allowed) if allowed != origin => return Some(format!("the API allows {allowed}")),
        Some(_) => {}
    }
    let allowed = text(response, &ACCESS_CONTROL_ALLOW_HEADERS).unwrap_or_default().to_ascii_lowercase();
    let allowed: Vec<_> = allowed.split(',').map(str::trim).collect();
    if let Some(missing) = sent.iter().find(|header| !allowed.contains(header)) {
        return Some(format!("the header {missing} is not in Access-Control-Allow-Headers"));
    }
    let needs_cookie = source.get("JWT_COOKIE").is_some_and(|name| !name.trim().is_empty());
    let is_credentialed = text(response, &ACCESS_CONTROL_ALLOW_CREDENTIALS) == Some("true");
    (needs_cookie && !is_credentialed)
        .then(|| "the session cookie is not allowed (Access-Control-Allow-Credentials)".into())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
