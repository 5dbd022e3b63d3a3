//! The page with two devices, and what it has to know.

use axum::{
    Json, Router,
    http::{
        StatusCode,
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
    /// The sandbox's admin API and chats.
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

/// The sandbox is on another port; everything else comes from here.
const POLICY: &str = "default-src 'self'; connect-src 'self' http://127.0.0.1:* http://localhost:*; frame-src 'self'; \
                      frame-ancestors 'self'; base-uri 'none'";

/// For the devices, where the chat is LiveChat's own widget: it is loaded from there, calls there, and brings styles along.
const POLICY_WITH_LIVECHAT: &str = "default-src 'self'; script-src 'self' https://*.livechatinc.com; \
     style-src 'self' 'unsafe-inline'; \
     connect-src 'self' https://*.livechatinc.com wss://*.livechatinc.com https://*.livechat.com wss://*.livechat.com \
     https://*.text.com wss://*.text.com; \
     frame-src https://*.livechatinc.com https://*.livechat.com https://*.text.com; \
     img-src 'self' data: https://*.livechatinc.com https://*.livechat.com https://*.text.com; \
     media-src https://*.livechatinc.com https://*.livechat.com https://*.text.com; \
     font-src 'self' data: https://*.livechatinc.com; frame-ancestors 'self'; base-uri 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

const DEVICE: &str = "/device.html";

/// Path, type and text.
const FILES: [(&str, &str, &str); 19] = [
    ("/", HTML, include_str!("page/index.html")),
    (DEVICE, HTML, include_str!("page/device.html")),
    ("/theme.css", CSS, include_str!("page/theme.css")),
    ("/page.css", CSS, include_str!("page/page.css")),
    ("/device.css", CSS, include_str!("page/device.css")),
    ("/page.js", JAVASCRIPT, include_str!("page/page.js")),
    ("/frames.js", JAVASCRIPT, include_str!("page/frames.js")),
    ("/log.js", JAVASCRIPT, include_str!("page/log.js")),
    ("/mood.js", JAVASCRIPT, include_str!("page/mood.js")),
    ("/story.js", JAVASCRIPT, include_str!("page/story.js")),
    ("/verdict.js", JAVASCRIPT, include_str!("page/verdict.js")),
    ("/device.js", JAVASCRIPT, include_str!("page/device.js")),
    ("/hood.js", JAVASCRIPT, include_str!("page/hood.js")),
    ("/chat.js", JAVASCRIPT, include_str!("page/chat.js")),
    ("/widget.js", JAVASCRIPT, include_str!("page/widget.js")),
    ("/observe.js", JAVASCRIPT, include_str!("page/observe.js")),
    ("/login.js", JAVASCRIPT, include_str!("page/login.js")),
    ("/dom.js", JAVASCRIPT, include_str!("page/dom.js")),
    // What sites use: the page takes it as they do.
    ("/livechat-cip.js", JAVASCRIPT, include_str!("../web/livechat-cip.js")),
];

/// The page's routes.
pub fn router(config: Config) -> Router {
    let is_real = config.livechat == "real";
    let mut router = Router::new();
    for (path, content_type, text) in FILES {
        let policy = if is_real && path == DEVICE { POLICY_WITH_LIVECHAT } else { POLICY };
        let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-cache"), (CONTENT_SECURITY_POLICY, policy)];
        router = router.route(path, get(async move || (headers, text)));
    }
    router.route("/config.json", get(async || Json(config))).route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
}
