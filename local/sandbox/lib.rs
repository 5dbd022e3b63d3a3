//! A stand-in for accounts.livechat.com, which development machines and tests cannot reach, or should not load with requests.
//!
//! It has the token, info and revoke endpoints of both versions of the Customer Accounts API
//! (<https://platform.text.com/docs/authorization/customer-authorization>). It is strict where LiveChat may be strict: for cookies
//! of another version or group, for one cookie without the other, and for an unknown secret, it creates a *new customer, with
//! 200*. With the setting `forgotten`, an invalid pair of cookies gets the error `identity_lost` instead.
//! Other settings choose between behaviours that LiveChat does not document, and faults can be injected: see [`Settings`],
//! [`Fault`] and the admin API in `admin.rs`; `explained.rs` explains each fault to people. The chats in `chat.rs` stand in for LiveChat's own chats.
//!
//! The functions also call DynamoDB: [`database`] is an embedded one. [`access`] decides who may call the sandbox and the
//! database, and [`folder`] makes their files readable for the owner only.
//!
//! This package does not depend on `livechat-cip`, so that the tests of `livechat-cip` can depend on it.

pub mod access;
mod admin;
mod chat;
mod connector;
mod cookies;
mod customers;
pub mod database;
mod explained;
mod fault;
pub mod folder;
mod journal;
mod token;

pub use customers::{CstMode, Forgotten, Revocation};
pub use fault::{Fault, Share};
pub use journal::Granted;

use axum::{
    Router,
    http::{
        HeaderValue, Method,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    routing::{get, post},
};
use chat::Chats;
use cookie::time::OffsetDateTime;
use customers::Customers;
use fault::Planned;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::net::TcpListener;
use tower_http::cors::CorsLayer;

/// The app and the account that the sandbox knows.
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
}

impl App {
    /// The made-up account of `cargo local`, for a page at `page` (an origin, followed by a slash).
    pub fn for_page(page: impl Into<String>) -> Self {
        Self {
            client_id: "sandbox-client".into(),
            license_id: 100_000_001,
            organization_id: "11111111-2222-4333-8444-555555555555".into(),
            redirect_uris: vec![page.into()],
        }
    }
}

/// How the sandbox behaves without faults. `PATCH /sandbox/settings` changes it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// The minimum duration of a call of the API, in ms. The call takes effect at the end of this time, even if its caller has
    /// closed the connection.
    pub latency_ms: u64,
    /// The most that is added to the latency at random, in ms.
    pub jitter_ms: u64,
    /// The lifetime of a token, in s.
    pub expires_in: u64,
    /// What happens to `__lc_cst` at each call.
    pub cst: CstMode,
    /// The result for cookies that are not valid: the customer was forgotten or never existed, or the secret is invalid.
    pub forgotten: Forgotten,
    /// What the revocation of a token does.
    pub revocation: Revocation,
    /// How far the sandbox's clock is ahead, in ms; negative if it is behind. The expiry of tokens, the header `Date` and the
    /// `Expires` of cookies are by this clock.
    pub clock_skew_ms: i64,
}

impl Settings {
    const LONGEST_LATENCY_MS: u64 = 600_000;
    const LONGEST_LIFE_S: u64 = 63_072_000;
    const MOST_SKEW_MS: u64 = 31_536_000_000;

    /// # Errors
    /// What is invalid, in a sentence.
    fn check(&self) -> Result<(), String> {
        let most = |name, value: u64, most: u64| {
            if value > most { Err(format!("{name} is {value}; the maximum is {most}")) } else { Ok(()) }
        };
        most("latencyMs", self.latency_ms, Self::LONGEST_LATENCY_MS)?;
        most("jitterMs", self.jitter_ms, Self::LONGEST_LATENCY_MS)?;
        most("expiresIn", self.expires_in, Self::LONGEST_LIFE_S)?;
        most("the amount of clockSkewMs", self.clock_skew_ms.unsigned_abs(), Self::MOST_SKEW_MS)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            jitter_ms: 0,
            expires_in: 28_800,
            cst: CstMode::default(),
            forgotten: Forgotten::default(),
            revocation: Revocation::default(),
            clock_skew_ms: 0,
        }
    }
}

/// The number of calls of each endpoint.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Calls {
    /// The token endpoints; failed calls count too.
    pub token: u64,
    /// Token details.
    pub info: u64,
    /// Revocations.
    pub revoke: u64,
}

#[derive(Debug, Default)]
struct State {
    settings: Settings,
    stored: Stored,
    calls: Calls,
    faults: fault::Pending,
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
    /// Serves on `listener` in the background until the runtime ends. Stores the customers, their tokens and chats in `file`, if
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
            // Only the routes for pages are restricted by `Origin`: backends call LiveChat's own routes with their site's origin.
            .merge(access::by_page(self.for_pages(), self.callers.origins.clone()))
            .layer(axum::middleware::map_response_with_state(self.clone(), token::date))
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

    /// Changes its settings.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state().settings);
    }

    /// Makes the next `times` calls of the token endpoint fail in this way.
    pub fn fail(&self, fault: Fault, times: u32) {
        self.state().faults.add(Planned { fault, times, group: None });
    }

    /// Makes the next `times` calls of the token endpoint for this group fail in this way.
    pub fn fail_group(&self, fault: Fault, times: u32, group: u64) {
        self.state().faults.add(Planned { fault, times, group: Some(group) });
    }

    /// Makes a share of the calls of the token endpoint fail at random, from now on. It replaces the former share.
    pub fn fail_share(&self, share: Share) {
        self.state().faults.set_share(share);
    }

    /// The number of calls that each fault has affected.
    pub fn faults_hit(&self) -> HashMap<Fault, u64> {
        self.state().faults.hits().clone()
    }

    /// Every token that it issued since the start or the latest reset, in order. The journal is not stored in the file.
    pub fn journal(&self) -> Vec<Granted> {
        self.state().journal.clone()
    }

    /// The largest number of callers of the token endpoint that waited for its response at the same time.
    pub fn most_waiting(&self) -> usize {
        self.state().waiting.most
    }

    /// The number of customers that it has created.
    pub fn customers(&self) -> u64 {
        self.state().stored.customers.created()
    }

    /// The number of calls of each endpoint.
    pub fn calls(&self) -> Calls {
        self.state().calls
    }

    /// Forgets a customer and its chat, as LiveChat may do. From then on its cookies get the result of [`Settings::forgotten`].
    pub fn forget(&self, entity_id: &str) {
        {
            let Stored { customers, chats } = &mut self.state().stored;
            customers.forget(entity_id);
            chats.forget(entity_id);
        }
        self.store();
    }

    /// Restores the state at the start: no customers, no faults, the default settings.
    pub fn reset(&self) {
        {
            let mut state = self.state();
            let now = state.waiting.now;
            *state = State { waiting: Waiting { now, most: now }, ..State::default() };
        }
        self.store();
    }

    /// Whether a token is valid: it was issued, has not expired and was not revoked.
    pub fn works(&self, access_token: &str) -> bool {
        let now_ms = self.now_ms();
        self.state().stored.customers.details(access_token, now_ms).is_some()
    }

    /// The time by the sandbox's clock; Unix time in ms.
    fn now_ms(&self) -> u64 {
        unix_ms().saturating_add_signed(self.state().settings.clock_skew_ms)
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
