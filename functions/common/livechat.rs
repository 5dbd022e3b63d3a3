//! LiveChat's Customer Accounts API in both versions: the cookie grant and the agent-token grant. Only this module knows its wire format.
//!
//! Source: <https://platform.text.com/docs/authorization/customer-authorization>. `oauth.rs` gets agents' tokens,
//! and `customer.rs` tells LiveChat what agents see of a customer.

pub(crate) mod customer;
#[cfg(feature = "operator")]
pub mod imported;
#[cfg(feature = "operator")]
mod load;
pub(crate) mod oauth;
#[cfg(feature = "operator")]
mod operator;
pub mod response;
mod transport;

#[cfg(feature = "operator")]
pub use load::Load;

use crate::{
    clients::{
        https::{self, Server},
        roots::Roots,
    },
    context::Context,
    identity::{Group, Identity, MaybeSealed, UnixMs},
    renewal::{
        self, AttemptError, Grant,
        agent_token::{AgentSecrets, AgentToken},
        record::Failure,
        time_limits::ATTEMPT_TIMEOUT,
    },
    settings::{LiveChat, Tenant},
    time::now,
};
use reqwest::{
    Client, RequestBuilder, StatusCode,
    header::{CONTENT_TYPE, COOKIE, ORIGIN},
};
use response::Response;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// Why a call with an agent's token gave no token.
#[derive(Debug)]
pub(crate) enum AgentCallError {
    /// LiveChat does not accept the agent's token: it was revoked, for example. This is LiveChat's code.
    TokenRejected(String),
    /// The agent belongs to another account than the site's.
    OtherAccount,
    /// Anything else.
    Failed(AttemptError),
}

impl AgentCallError {
    /// The error, if it is not about the agent's token.
    pub(crate) fn failed(&self) -> Option<&AttemptError> {
        match self {
            Self::Failed(error) => Some(error),
            Self::TokenRejected(_) | Self::OtherAccount => None,
        }
    }
}

/// The API's client.
#[derive(Clone, Debug)]
pub struct Accounts {
    http: Client,
    /// Shared, as each call works on a clone.
    settings: Arc<LiveChat>,
    fingerprint: Arc<str>,
    #[cfg(feature = "operator")]
    load: Load,
}

impl Accounts {
    /// A time-out that is shorter than the full one by at most this still counts as full.
    const NEARLY: Duration = Duration::from_millis(200);
    /// The longest response, in bytes.
    const LONGEST_BODY: usize = 65_536;
    /// A frozen function's connections die silently, so only recent ones are reused.
    const IDLE_CONNECTION: Duration = Duration::from_secs(10);

    /// A client with these settings. It connects when it is first used.
    ///
    /// # Errors
    /// Only if the TLS library does not support its own defaults. No setting can cause this.
    pub fn new(settings: LiveChat) -> Result<Self, reqwest::Error> {
        let http = https::client(Roots::Mozilla)
            // As long as the whole call may take: a slow connection is a slow LiveChat, and no other address is tried meanwhile.
            .connect_timeout(ATTEMPT_TIMEOUT)
            .pool_idle_timeout(Self::IDLE_CONNECTION)
            .build()?;
        Ok(Self {
            http,
            fingerprint: settings.fingerprint().into(),
            settings: Arc::new(settings),
            #[cfg(feature = "operator")]
            load: Load::default(),
        })
    }

    /// The calls for tokens so far, and whether LiveChat asks for a pause.
    #[cfg(feature = "operator")]
    pub fn load(&self) -> &Load {
        &self.load
    }

    /// Opens a connection to LiveChat, which the first call then uses. If that fails, the first call opens one.
    pub async fn open_connection(&self) {
        Server::new(self.http.clone(), self.settings.accounts_url.as_str()).open_connection().await;
    }

    /// The site's settings for LiveChat.
    pub fn settings(&self) -> &LiveChat {
        &self.settings
    }

    /// Identifies these settings: [`LiveChat::fingerprint`].
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The same, as a shared string.
    pub(crate) fn shared_fingerprint(&self) -> Arc<str> {
        Arc::clone(&self.fingerprint)
    }

    /// Whether LiveChat issues tokens for groups: its v1 API does not.
    pub fn has_group_tokens(&self) -> bool {
        matches!(self.settings.tenant, Tenant::Organization(_))
    }

    /// Tells LiveChat to revoke a token, once. Returns whether the token is known not to work any more: LiveChat revoked it, or did
    /// not know it.
    pub async fn revoke(&self, token: &SecretString, context: &Context) -> bool {
        let time = context.left().min(ATTEMPT_TIMEOUT);
        let cut_short = time + Self::NEARLY < ATTEMPT_TIMEOUT;
        // A group's token is revoked at the same URL as a token without a group.
        let request = self
            .http
            .delete(self.url(None))
            .timeout(time)
            .header(ORIGIN, &self.settings.origin)
            .bearer_auth(token.expose_secret());
        let response = context.metrics.live_chat_time.measure(request.send()).await;
        let is_failure = match &response {
            Ok(response) => response.status().is_server_error(),
            Err(error) => !(cut_short && error.is_timeout()),
        };
        context.metrics.live_chat_calls.increment();
        context.metrics.live_chat_failures.increment_if(is_failure);
        let cause = match response {
            Ok(response) if response.status().is_success() => return true,
            Ok(response) if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND) => {
                return true;
            }
            Ok(response) => format!("status {}", response.status().as_u16()),
            Err(error) => renewal::Error::from(Failure::from(transport::error(error, cut_short))).to_string(),
        };
        tracing::warn!(cause, "LiveChat could not be told to revoke a token");
        false
    }

    /// One call for a token with the cookie grant: for the customer `known`, whose cookies must be open, or for a new one.
    ///
    /// # Errors
    /// After any [`AttemptError`] but [`Refused`](AttemptError::Refused) and [`IdentityLost`](AttemptError::IdentityLost), LiveChat may
    /// have issued a token all the same, and changed the cookies.
    pub async fn token(
        &self,
        group: Option<Group>,
        known: Option<&Identity>,
        context: &Context,
    ) -> Result<Grant, AttemptError> {
        let mut request = self.request(group, self.body());
        match known.and_then(|identity| identity.cookies.as_ref()) {
            Some(MaybeSealed::Open(cookies)) => request = request.header(COOKIE, response::cookie_header(cookies)?),
            // Without cookies, LiveChat would create another customer.
            Some(MaybeSealed::Sealed(_)) => return Err(AttemptError::Unsent("the cookies are still sealed".into())),
            None => {}
        }
        let (response, called_at) = self.send(request, context).await?;
        response::read(response, None, known, called_at)
    }

    /// One call for a token with an agent's token: for the customer `known`, or for a new one.
    ///
    /// # Errors
    /// As [`token`](Self::token), or if LiveChat does not accept the agent's token.
    pub(crate) async fn token_by_agent(
        &self,
        agent: &AgentToken<AgentSecrets>,
        group: Option<Group>,
        known: Option<&Identity>,
        context: &Context,
    ) -> Result<Grant, AgentCallError> {
        let mut body = json!({ "grant_type": "agent_token", "response_type": "token", "client_id": agent.client_id });
        if let Some(identity) = known {
            body["entity_id"] = json!(identity.entity_id);
        }
        let request = self.request(group, body.to_string()).bearer_auth(agent.secrets.access_token.expose_secret());
        let (response, called_at) = self.send(request, context).await.map_err(AgentCallError::Failed)?;
        if let Some(exception) = response::rejected_agent_token(&response) {
            return Err(AgentCallError::TokenRejected(exception));
        }
        if response::is_of_another_account(&response, &self.settings.account()) {
            return Err(AgentCallError::OtherAccount);
        }
        let agent_token = Some(&agent.secrets.access_token);
        response::read(response, agent_token, known, called_at).map_err(AgentCallError::Failed)
    }

    /// Sends a request for a token. Returns the response, and the time before the request was sent: a token that seems older than it is
    /// gets renewed early, which does no harm.
    async fn send(&self, request: RequestBuilder, context: &Context) -> Result<(Response, UnixMs), AttemptError> {
        let called_at = now();
        let time = context.left().min(ATTEMPT_TIMEOUT);
        let cut_short = time < ATTEMPT_TIMEOUT;
        let in_time = |error| transport::error(error, cut_short);
        #[cfg(feature = "operator")]
        self.load.count();
        let mut response = request.timeout(time).send().await.map_err(in_time)?;
        #[cfg(feature = "operator")]
        self.load.note(&response);
        let body = https::body(&mut response, Self::LONGEST_BODY).await.map_err(in_time)?;
        let body = body.ok_or_else(|| AttemptError::MalformedResponse("a response of more than 64 KiB".into()))?;
        Ok((Response::new(response.status(), response.headers().clone(), &body), called_at))
    }

    fn request(&self, group: Option<Group>, body: String) -> RequestBuilder {
        let request = self.http.post(self.url(group)).header(CONTENT_TYPE, "application/json");
        request.header(ORIGIN, &self.settings.origin).body(body)
    }

    fn url(&self, group: Option<Group>) -> String {
        let base = self.settings.accounts_url.as_str().trim_end_matches('/');
        match (&self.settings.tenant, group) {
            (Tenant::Organization(id), Some(Group(group))) => format!("{base}/v2/customer/{id}/{group}/token"),
            (Tenant::Organization(_), None) => format!("{base}/v2/customer/token"),
            (Tenant::License(_), _) => format!("{base}/customer/token"),
        }
    }

    /// The body of the cookie grant.
    fn body(&self) -> String {
        let (tenant, id) = match &self.settings.tenant {
            Tenant::License(id) => ("license_id", json!(id)),
            Tenant::Organization(id) => ("organization_id", json!(id)),
        };
        let grant = json!({
            "grant_type": "cookie",
            "response_type": "token",
            "client_id": self.settings.client_id,
            tenant: id,
            "redirect_uri": self.settings.redirect_uri,
        });
        grant.to_string()
    }
}
