//! The page with two devices, and what it has to know.

use axum::{
    Json, Router,
    http::{
        HeaderName, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    routing::get,
};
use serde::Serialize;

/// What the page asks for as `/config.json`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// `sandbox` or `real`.
    pub livechat: &'static str,
    /// Where tokens come from.
    pub accounts_url: String,
    /// The account, in v2.
    pub organization_id: Option<String>,
    /// The account, in v1.
    pub license_id: Option<u64>,
    /// The app.
    pub client_id: String,
    /// The sandbox's admin API.
    pub sandbox_url: Option<String>,
    /// The database.
    pub dynamodb_url: String,
    /// The table in it.
    pub table: String,
    /// `AUTH`.
    pub auth: String,
    /// `GUESTS`.
    pub guests: bool,
    /// Whether there is a development login, at `/dev/credentials`.
    pub development_login: bool,
}

/// The sandbox's admin API is on another port; everything else comes from here.
const POLICY: &str = "default-src 'self'; connect-src 'self' http://127.0.0.1:* http://localhost:*";

type File = ([(HeaderName, &'static str); 3], &'static str);

fn file(content_type: &'static str, text: &'static str) -> File {
    ([(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-cache"), (CONTENT_SECURITY_POLICY, POLICY)], text)
}

/// The page's routes.
pub fn router(config: Config) -> Router {
    Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", include_str!("page/index.html"))))
        .route("/page.css", get(async || file("text/css; charset=utf-8", include_str!("page/page.css"))))
        .route("/page.js", get(async || file("text/javascript; charset=utf-8", include_str!("page/page.js"))))
        .route("/session.js", get(async || file("text/javascript; charset=utf-8", include_str!("page/session.js"))))
        .route("/config.json", get(async || Json(config)))
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
}
