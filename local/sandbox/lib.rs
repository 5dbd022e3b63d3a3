//! A stand-in for accounts.livechat.com, which development machines and tests cannot reach or must not bother.
//!
//! It knows the token, info and revoke endpoints of both versions of the Customer Accounts API
//! (<https://platform.text.com/docs/authorization/customer-authorization>), and is strict where LiveChat may be: cookies
//! of another version or group, one cookie of the two, or a secret that it does not know make a *new customer, with 200*; or,
//! if it is set so, whole cookies that prove nobody get the error `identity_lost`.
//! What it does about things that nobody outside LiveChat knows can be chosen, and it misbehaves on request:
//! see [`Settings`], [`Fault`] and the admin API in `admin.rs`. The chats in `chat.rs` stand in for LiveChat's own.
//!
//! Beside it is the rest of what the functions call: [`database`], an embedded DynamoDB. [`access`] says who may call either,
//! and [`folder`] keeps their files for the owner alone.
//!
//! This package does not depend on `livechat-cip`, so that the tests of that one can use it.

pub mod access;
mod admin;
mod chat;
mod cookies;
mod customers;
pub mod database;
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
    /// Whitelisted redirect URIs: scheme and host must be the same, the path must begin alike.
    pub redirect_uris: Vec<String>,
}

impl App {
    /// The made-up account of `cargo local`, for a page at `page` (an origin with a slash behind it).
    pub fn for_page(page: impl Into<String>) -> Self {
        Self {
            client_id: "sandbox-client".into(),
            license_id: 100_000_001,
            organization_id: "11111111-2222-4333-8444-555555555555".into(),
            redirect_uris: vec![page.into()],
        }
    }
}

/// How the sandbox behaves while nothing is wrong. `PATCH /sandbox/settings` changes any of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// How long each call to the API takes at least, in ms; it takes effect at the end of that, also when its caller
    /// has gone meanwhile.
    pub latency_ms: u64,
    /// How much longer it takes at most, in ms, by chance.
    pub jitter_ms: u64,
    /// How long a token lives, in s.
    pub expires_in: u64,
    /// What becomes of `__lc_cst`.
    pub cst: CstMode,
    /// The result for cookies that prove no customer: it was forgotten, the secret is invalid, or they never did.
    pub forgotten: Forgotten,
    /// What revoking a token does.
    pub revocation: Revocation,
    /// How far the sandbox's clock is ahead, in ms; negative if it is behind. The ends of tokens, the header `Date` and
    /// `Expires` of cookies follow it.
    pub clock_skew_ms: i64,
}

impl Settings {
    const LONGEST_LATENCY_MS: u64 = 600_000;
    const LONGEST_LIFE_S: u64 = 63_072_000;
    const MOST_SKEW_MS: u64 = 31_536_000_000;

    /// What is wrong with them, in a sentence.
    fn check(&self) -> Result<(), String> {
        let most = |name, value: u64, most: u64| {
            if value > most { Err(format!("{name} is {value}; {most} is the most")) } else { Ok(()) }
        };
        most("latencyMs", self.latency_ms, Self::LONGEST_LATENCY_MS)?;
        most("jitterMs", self.jitter_ms, Self::LONGEST_LATENCY_MS)?;
        most("expiresIn", self.expires_in, Self::LONGEST_LIFE_S)?;
        most("clockSkewMs, either way,", self.clock_skew_ms.unsigned_abs(), Self::MOST_SKEW_MS)
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

/// How often each endpoint was called.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Calls {
    /// Token endpoints, whatever came of it.
    pub token: u64,
    /// Token details.
    pub info: u64,
    /// Revocations.
    pub revoke: u64,
}

#[derive(Debug, Default)]
struct State {
    settings: Settings,
    kept: Kept,
    calls: Calls,
    faults: fault::Pending,
    journal: Vec<Granted>,
    waiting: Waiting,
}

/// What outlives the process, if there is a file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    customers: Customers,
    /// Older files have none.
    #[serde(default)]
    chats: Chats,
}

/// Callers of the token endpoint who wait for its answer.
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

/// Who may call a sandbox, beside programs that call it by its address.
#[derive(Clone, Debug, Default)]
pub struct Callers {
    /// What may be in `Host` too.
    pub hosts: Vec<String>,
    /// The origins whose pages may use the admin API and the chats.
    pub origins: Vec<HeaderValue>,
}

impl Sandbox {
    /// Serves on `listener` in the background, until the runtime ends. Keeps its customers, their tokens and chats in `file`,
    /// if there is one: a database that is kept would outlive them otherwise. Proxies on this machine may stand before it.
    ///
    /// # Errors
    /// If the listener has no address, or the file is not a sandbox's.
    pub fn start(listener: TcpListener, app: App, file: Option<&Path>) -> std::io::Result<Self> {
        let callers = Callers { hosts: vec![access::ON_ANY_PORT.into()], origins: vec![] };
        Self::start_for(callers, listener, app, file)
    }

    /// The same, for programs that call it by the listener's address, and for these callers.
    ///
    /// # Errors
    /// If the listener has no address, or the file is not a sandbox's.
    pub fn start_for(callers: Callers, listener: TcpListener, app: App, file: Option<&Path>) -> std::io::Result<Self> {
        let mut state = State::default();
        if let Some(kept) = file.filter(|file| file.exists()) {
            state.kept = serde_json::from_slice(&std::fs::read(kept)?)?;
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
            .layer(axum::middleware::map_response_with_state(self.clone(), token::date))
            // LiveChat's own part is called by programs, which say an `Origin` too: the site's.
            .merge(access::by_page(self.for_pages(), self.callers.origins.clone()))
            .with_state(self.clone())
    }

    fn for_pages(&self) -> Router<Self> {
        let cors = CorsLayer::new()
            .allow_origin(self.callers.origins.clone())
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers([AUTHORIZATION, CONTENT_TYPE]);
        admin::router().merge(chat::router()).layer(cors)
    }

    /// Where it listens: `LIVECHAT_ACCOUNTS_URL`.
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

    /// Changes how it behaves.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state().settings);
    }

    /// Makes the next `times` calls of the token endpoint go wrong in this way.
    pub fn fail(&self, fault: Fault, times: u32) {
        self.state().faults.add(Planned { fault, times, group: None });
    }

    /// The same of the next `times` calls for this group.
    pub fn fail_group(&self, fault: Fault, times: u32, group: u64) {
        self.state().faults.add(Planned { fault, times, group: Some(group) });
    }

    /// Makes a share of the calls of the token endpoint go wrong at random, from now on and in place of the share before.
    pub fn fail_share(&self, share: Share) {
        self.state().faults.set_share(share);
    }

    /// How often each fault has hit a call.
    pub fn faults_hit(&self) -> HashMap<Fault, u64> {
        self.state().faults.hits().clone()
    }

    /// Every token that it issued since the start or the latest reset, in order. It is not kept in the file.
    pub fn journal(&self) -> Vec<Granted> {
        self.state().journal.clone()
    }

    /// The most callers of the token endpoint that ever waited for its answer at the same time.
    pub fn most_waiting(&self) -> usize {
        self.state().waiting.most
    }

    /// How many customers it has made.
    pub fn customers(&self) -> u64 {
        self.state().kept.customers.made()
    }

    /// How often it was called.
    pub fn calls(&self) -> Calls {
        self.state().calls
    }

    /// Forgets a customer and what they wrote, as LiveChat may: from then on its cookies get what [`Settings::forgotten`] says.
    pub fn forget(&self, entity_id: &str) {
        {
            let Kept { customers, chats } = &mut self.state().kept;
            customers.forget(entity_id);
            chats.forget(entity_id);
        }
        self.keep();
    }

    /// Everything as at the start.
    pub fn reset(&self) {
        {
            let mut state = self.state();
            let now = state.waiting.now;
            *state = State { waiting: Waiting { now, most: now }, ..State::default() };
        }
        self.keep();
    }

    /// Whether a token works: it was issued, has not expired and was not revoked.
    pub fn works(&self, access_token: &str) -> bool {
        let now_ms = self.now_ms();
        self.state().kept.customers.details(access_token, now_ms).is_some()
    }

    /// By its own clock; Unix time in ms.
    fn now_ms(&self) -> u64 {
        unix_ms().saturating_add_signed(self.state().settings.clock_skew_ms)
    }

    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::from_millis(self.now_ms())
    }

    fn keep(&self) {
        let Some(file) = &self.file else { return };
        let state = self.state();
        let kept = serde_json::to_vec(&state.kept).map_err(Into::into).and_then(|kept| folder::write(file, &kept));
        if let Err(error) = kept {
            eprintln!("the sandbox cannot keep its customers in {}: {error}", file.display());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A fault may end a call by unwinding; what it leaves is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_time(&self) {
        let Settings { latency_ms, jitter_ms, .. } = self.state().settings;
        let takes_ms = latency_ms + fastrand::u64(..=jitter_ms);
        if takes_ms > 0 {
            tokio::time::sleep(Duration::from_millis(takes_ms)).await;
        }
    }

    /// Counts a caller as waiting for as long as what is returned lives.
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
