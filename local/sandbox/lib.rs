//! A stand-in for LiveChat, which development machines and tests cannot reach, or should not load with requests.
//!
//! | LiveChat's API | endpoints | files |
//! |---|---|---|
//! | [Customer Accounts API](https://platform.text.com/docs/authorization/customer-authorization), both versions | `/customer/token`, `/v2/customer/token`, `/v2/customer/{organization_id}/{group_id}/token`, `/customer/info`, `/v2/customer/info`, `/customer/identity_transfer`, `/v2/customer/identity_transfer` | `token.rs`, `cookie_grant.rs`, `agent_grant.rs`, `transfer.rs` |
//! | [OAuth for agents](https://platform.text.com/docs/authorization/oauth-authorization), the authorization code grant | `GET /`, `/v2/token` | `authorize.rs`, `oauth.rs` |
//! | [Customer Chat API](https://platform.text.com/docs/messaging/customer-chat-api/) | `POST /v3.6/customer/action/update_customer` | `update_customer.rs` |
//!
//! It is strict where LiveChat may be strict. With the cookie grant, it creates a *new customer, with 200*, for cookies of another
//! version or group, for one cookie without the other, and for an unknown secret. With the setting `forgotten`, an invalid pair of
//! cookies gets the error `identity_lost` instead. With the agent-token grant, an unknown `entity_id` gets an error, and the
//! `client_id` must be that of the [`AgentApp`].
//! Other settings choose between behaviours that LiveChat does not document, and faults can be injected: see [`Settings`],
//! [`Fault`] and the admin API in `admin.rs`; `explained.rs` explains each fault and setting to people. Tests use the methods in
//! `controls.rs`. The chats in `chat.rs` stand in for LiveChat's own chats.
//!
//! The functions also call DynamoDB: [`database`] is an embedded one. [`access`] decides who may call the sandbox and the
//! database, and [`folder`] makes their files readable for the owner only.
//!
//! This package does not depend on `livechat-cip`, so that the tests of `livechat-cip` can depend on it.

pub mod access;
mod admin;
mod agent_grant;
mod agents;
mod app;
mod authorize;
mod chat;
mod codes;
mod connector;
mod controls;
mod cookie_grant;
mod cookies;
mod customers;
pub mod database;
mod date;
mod details;
mod explained;
mod fault;
mod faulty;
pub mod folder;
mod journal;
mod oauth;
mod params;
mod pending;
mod redirect;
mod refused;
mod settings;
mod token;
mod transfer;
mod update_customer;

pub use agents::AgentGranted;
pub use app::{AgentApp, App};
pub use details::CustomerDetails;
pub use fault::Fault;
pub use journal::{Grant, Granted};
pub use pending::Share;
pub use settings::{
    AgentScope, CstMode, Forgotten, IdentityTransfer, RefreshRotation, Revocation, Settings, UnknownEntity,
};

use agents::Agents;
use axum::{
    Router,
    http::{
        HeaderValue, Method,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    routing::{get, post},
};
use chat::Chats;
use codes::Codes;
use cookie::time::OffsetDateTime;
use customers::Customers;
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::net::TcpListener;
use tower_http::cors::CorsLayer;

/// The number of calls of each endpoint.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Calls {
    /// The token endpoints of customers; failed calls count too.
    pub token: u64,
    /// Details of a customer's token.
    pub info: u64,
    /// Revocations of a customer's token.
    pub revoke: u64,
    /// Tokens for the agent, `POST /v2/token`; failed calls count too.
    pub oauth: u64,
    /// Revocations of the agent's tokens.
    pub agent_revoke: u64,
    /// Updates of a customer; failed calls count too.
    pub update_customer: u64,
    /// Identity transfer tokens; failed calls count too. Their exchange counts as `token`.
    pub identity_transfer: u64,
}

#[derive(Debug, Default)]
struct State {
    settings: Settings,
    stored: Stored,
    calls: Calls,
    faults: pending::Pending,
    codes: Codes,
    transfers: transfer::Transfers,
    journal: Vec<Granted>,
    waiting: Waiting,
}

/// The part of the state that outlives the process, if there is a file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    #[serde(flatten)]
    customers: Customers,
    /// Files of older versions have no chats.
    #[serde(default)]
    chats: Chats,
    /// Files of older versions have no tokens of the agent.
    #[serde(default)]
    agents: Agents,
}

impl State {
    /// The time by the sandbox's clock; Unix time in ms.
    fn now_ms(&self) -> u64 {
        unix_ms().saturating_add_signed(self.settings.clock_skew_ms)
    }
}

/// The number of callers of the token endpoint that wait for its response.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting {
    now: usize,
    most: usize,
}

/// A running sandbox.
#[derive(Clone, Debug)]
pub struct Sandbox {
    app: Arc<App>,
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    file: Option<Arc<PathBuf>>,
    callers: Arc<Callers>,
}

/// Who may call a sandbox, in addition to programs that call it by its address.
#[derive(Clone, Debug, Default)]
pub struct Callers {
    /// Other names to accept in `Host`.
    pub hosts: Vec<String>,
    /// The origins whose pages may use the admin API and the chats.
    pub origins: Vec<HeaderValue>,
}

impl Sandbox {
    /// Serves on `listener` in the background until the runtime ends. Stores the customers, their chats, and all tokens in `file`, if
    /// there is one: otherwise a stored database would have customers that the sandbox no longer knows. Proxies on this machine
    /// may call it.
    ///
    /// # Errors
    /// If the listener has no address, or the file was not written by a sandbox.
    pub fn start(listener: TcpListener, app: App, file: Option<&Path>) -> std::io::Result<Self> {
        let callers = Callers { hosts: vec![access::ON_ANY_PORT.into()], origins: vec![] };
        Self::start_for(callers, listener, app, file)
    }

    /// Like [`start`](Self::start), but accepts only programs that call it by the listener's address, and these callers.
    ///
    /// # Errors
    /// If the listener has no address, or the file was not written by a sandbox.
    pub fn start_for(callers: Callers, listener: TcpListener, app: App, file: Option<&Path>) -> std::io::Result<Self> {
        let mut state = State::default();
        if let Some(file) = file.filter(|file| file.exists()) {
            state.stored = serde_json::from_slice(&std::fs::read(file)?)?;
        }
        state.stored.agents.install(&app.agent.refresh_token);
        let sandbox = Self {
            app: Arc::new(app),
            state: Arc::new(Mutex::new(state)),
            address: listener.local_addr()?,
            file: file.map(|file| Arc::new(file.to_owned())),
            callers: Arc::new(callers),
        };
        sandbox.serve_on(listener)?;
        Ok(sandbox)
    }

    /// Serves on another listener too.
    ///
    /// # Errors
    /// If the listener has no address.
    pub fn serve_on(&self, listener: TcpListener) -> std::io::Result<()> {
        let router = access::by_host(self.router(), &listener, &self.callers.hosts)?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(())
    }

    fn router(&self) -> Router {
        let tokens = post(token::v2).delete(token::revoke);
        Router::new()
            .route("/customer/token", post(token::v1).delete(token::revoke))
            .route("/customer/info", get(token::info))
            .route("/v2/customer/token", tokens)
            .route("/v2/customer/{organization_id}/{group_id}/token", post(token::v2_group))
            .route("/v2/customer/info", get(token::info))
            .route("/customer/identity_transfer", post(transfer::create_v1))
            .route("/v2/customer/identity_transfer", post(transfer::create_v2))
            .route("/", get(authorize::redirect))
            .route("/v2/token", post(oauth::token).delete(oauth::revoke))
            .route("/v3.6/customer/action/update_customer", post(update_customer::update))
            // Only the routes for pages are restricted by `Origin`: backends call LiveChat's own routes with their site's origin.
            .merge(access::by_page(self.for_pages(), self.callers.origins.clone()))
            .layer(axum::middleware::map_response_with_state(self.clone(), date::set))
            .with_state(self.clone())
    }

    fn for_pages(&self) -> Router<Self> {
        let cors = CorsLayer::new()
            .allow_origin(self.callers.origins.clone())
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers([AUTHORIZATION, CONTENT_TYPE]);
        admin::router().merge(chat::router()).layer(cors)
    }

    /// Its URL, for `LIVECHAT_ACCOUNTS_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The account that it knows.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The time by the sandbox's clock; Unix time in ms.
    fn now_ms(&self) -> u64 {
        self.state().now_ms()
    }

    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::from_millis(self.now_ms())
    }

    fn store(&self) {
        let Some(file) = &self.file else { return };
        let state = self.state();
        let written = serde_json::to_vec(&state.stored).map_err(Into::into).and_then(|json| folder::write(file, &json));
        if let Err(error) = written {
            eprintln!("the sandbox cannot store its customers in {}: {error}", file.display());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A fault may end a call by unwinding, but never in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_for_latency(&self) {
        let Settings { latency_ms, jitter_ms, .. } = self.state().settings;
        let wait_ms = latency_ms + fastrand::u64(..=jitter_ms);
        if wait_ms > 0 {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    /// Counts a caller as waiting until the returned value is dropped.
    fn wait(&self) -> impl Drop + use<> {
        struct Waits(Sandbox);
        impl Drop for Waits {
            fn drop(&mut self) {
                self.0.state().waiting.now -= 1;
            }
        }
        let mut state = self.state();
        state.waiting.now += 1;
        state.waiting.most = state.waiting.most.max(state.waiting.now);
        Waits(self.clone())
    }
}

/// The time by this machine's clock; Unix time in ms.
fn unix_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_millis().try_into().unwrap_or(u64::MAX)
}
