//! The account that the sandbox knows, and its two apps.

use serde_json::json;

/// The account and the app of the page.
#[derive(Clone, Debug)]
pub struct App {
    /// `client_id`.
    pub client_id: String,
    /// `license_id`, for v1.
    pub license_id: u64,
    /// `organization_id`, for v2.
    pub organization_id: String,
    /// Whitelisted redirect URIs. A redirect URI is accepted if scheme and host are the same, and its path starts with the path of
    /// one of these.
    pub redirect_uris: Vec<String>,
    /// The app of the backend.
    pub agent: AgentApp,
}

/// A server-side app. Its agent tokens may act for the account's customers.
#[derive(Clone, Debug)]
pub struct AgentApp {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: String,
    /// A refresh token that is valid from the start.
    pub refresh_token: String,
    /// Whitelisted redirect URIs, compared like those of [`App`].
    pub redirect_uris: Vec<String>,
}

impl AgentApp {
    /// Its credentials and refresh token as JSON, for `LIVECHAT_AGENT_CREDENTIALS`.
    pub fn credentials(&self) -> String {
        let Self { client_id, client_secret, refresh_token, .. } = self;
        json!({"client_id": client_id, "client_secret": client_secret, "refresh_token": refresh_token}).to_string()
    }
}

impl App {
    /// The made-up account of `cargo local`, for a page at `page` (an origin, followed by a slash).
    pub fn for_page(page: impl Into<String>) -> Self {
        Self::for_redirect_uris(vec![page.into()])
    }

    /// The same account. Both apps have these redirect URIs.
    pub fn for_redirect_uris(redirect_uris: Vec<String>) -> Self {
        Self {
            client_id: "sandbox-client".into(),
            license_id: 100_000_001,
            organization_id: "11111111-2222-4333-8444-555555555555".into(),
            redirect_uris: redirect_uris.clone(),
            agent: AgentApp {
                client_id: "sandbox-agent-client".into(),
                client_secret: "sandbox-agent-secret".into(),
                refresh_token: "sandbox-refresh-token".into(),
                redirect_uris,
            },
        }
    }
}
