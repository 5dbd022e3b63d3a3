//! The page with two devices, its configuration, and the chat panel for pages of one's own.

use axum::{
    Json, Router,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    routing::get,
};
use serde::Serialize;

/// The content of `/config.json`, which the page reads.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// `sandbox` or `real`.
    pub livechat: &'static str,
    /// The URL of LiveChat's Customer Accounts API, or of the sandbox.
    pub accounts_url: String,
    /// The account, for version 2 of the API.
    pub organization_id: Option<String>,
    /// The account, for version 1 of the API.
    pub license_id: Option<u64>,
    /// The client id of the app.
    pub client_id: String,
    /// `LIVECHAT_GRANT`, if it is set.
    pub grant: Option<String>,
    /// `LIVECHAT_AGENT_CREDENTIALS`, if it is that of the sandbox's agent, which is no secret. Those of a real agent are never here.
    pub sandbox_agent: Option<String>,
    /// The URL of the sandbox's admin API and chats; `None` with a real account.
    pub sandbox_url: Option<String>,
    /// The URL of the database.
    pub dynamodb_url: String,
    /// The name of the table.
    pub table: String,
    /// `AUTH`.
    pub auth: String,
    /// `GUESTS`.
    pub guests: bool,
    /// `USER_ID_NORMALIZATION`, if different spellings of an id can be one user.
    pub normalization: Option<String>,
    /// `GROUPS`, if it is set.
    pub groups: Option<String>,
    /// Whether a guest who logs in keeps the customer: `ADOPT_GUESTS`.
    pub adopts_guests: bool,
    /// Whether there is a development login, at `/dev/credentials`.
    pub development_login: bool,
}

/// The page may call the sandbox, which is on another port. Everything else comes from this server.
const POLICY: &str = "default-src 'self'; connect-src 'self' http://127.0.0.1:* http://localhost:*; frame-src 'self'; \
                      frame-ancestors 'self'; base-uri 'none'";

/// The frame of the chat panel. A page of one's own may show it if its origin may call the API.
fn policy_of_panel(origins: &[String]) -> String {
    POLICY.replace("frame-ancestors 'self'", &format!("frame-ancestors 'self' {}", origins.join(" ")))
}

/// For the devices if the chat is LiveChat's own widget: its scripts come from LiveChat, call LiveChat, and add inline styles.
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
const PANEL: &str = "/panel.html";

/// Path, content type and content.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    (DEVICE, HTML, include_str!("page/device.html")),
    (PANEL, HTML, include_str!("page/panel.html")),
    ("/theme.css", CSS, include_str!("page/theme.css")),
    ("/page.css", CSS, include_str!("page/page.css")),
    ("/device.css", CSS, include_str!("page/device.css")),
    ("/panel.css", CSS, include_str!("page/panel.css")),
    ("/no-script.css", CSS, include_str!("page/no-script.css")),
    ("/page.js", JAVASCRIPT, include_str!("page/page.js")),
    ("/frames.js", JAVASCRIPT, include_str!("page/frames.js")),
    ("/sources.js", JAVASCRIPT, include_str!("page/sources.js")),
    ("/log.js", JAVASCRIPT, include_str!("page/log.js")),
    ("/faults.js", JAVASCRIPT, include_str!("page/faults.js")),
    ("/try-it.js", JAVASCRIPT, include_str!("page/try-it.js")),
    ("/offer.js", JAVASCRIPT, include_str!("page/offer.js")),
    ("/customers.js", JAVASCRIPT, include_str!("page/customers.js")),
    ("/verdict.js", JAVASCRIPT, include_str!("page/verdict.js")),
    ("/device.js", JAVASCRIPT, include_str!("page/device.js")),
    ("/begun.js", JAVASCRIPT, include_str!("page/begun.js")),
    ("/busy.js", JAVASCRIPT, include_str!("page/busy.js")),
    ("/internals.js", JAVASCRIPT, include_str!("page/internals.js")),
    ("/chat.js", JAVASCRIPT, include_str!("page/chat.js")),
    ("/widget.js", JAVASCRIPT, include_str!("page/widget.js")),
    ("/observe.js", JAVASCRIPT, include_str!("page/observe.js")),
    ("/login.js", JAVASCRIPT, include_str!("page/login.js")),
    ("/timeline.css", CSS, include_str!("page/timeline.css")),
    ("/timeline.js", JAVASCRIPT, include_str!("page/timeline.js")),
    ("/timeline/model.js", JAVASCRIPT, include_str!("page/timeline/model.js")),
    ("/timeline/words.js", JAVASCRIPT, include_str!("page/timeline/words.js")),
    ("/timeline/scale.js", JAVASCRIPT, include_str!("page/timeline/scale.js")),
    ("/timeline/shapes.js", JAVASCRIPT, include_str!("page/timeline/shapes.js")),
    ("/timeline/draw.js", JAVASCRIPT, include_str!("page/timeline/draw.js")),
    ("/timeline/layout.js", JAVASCRIPT, include_str!("page/timeline/layout.js")),
    ("/timeline/legend.js", JAVASCRIPT, include_str!("page/timeline/legend.js")),
    ("/timeline/table.js", JAVASCRIPT, include_str!("page/timeline/table.js")),
    ("/dom.js", JAVASCRIPT, include_str!("page/dom.js")),
    ("/panel.js", JAVASCRIPT, include_str!("page/panel.js")),
    // For pages of one's own.
    ("/chat-panel.js", JAVASCRIPT, include_str!("page/chat-panel.js")),
    // The script that sites use. The page uses it in the same way.
    ("/livechat-cip.js", JAVASCRIPT, include_str!("../web/livechat-cip.js")),
    ("/livechat-cip.min.js", JAVASCRIPT, include_str!("../web/livechat-cip.min.js")),
];

/// The page's routes. Pages of these origins may show the chat panel.
pub fn router(config: Config, origins: &[String]) -> Router {
    let is_real = config.livechat == "real";
    let mut router = Router::new();
    for &(path, content_type, text) in FILES {
        let policy = match path {
            PANEL => policy_of_panel(origins),
            DEVICE if is_real => POLICY_WITH_LIVECHAT.to_owned(),
            _ => POLICY.to_owned(),
        };
        let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-cache")];
        router = router.route(path, get(async move || (headers, [(CONTENT_SECURITY_POLICY, policy)], text)));
    }
    router.route("/config.json", get(async || Json(config))).route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
}
