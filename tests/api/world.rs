//! The world of a test: a sandbox, a table of its own, and functions as processes.
//!
//! | file | what it holds |
//! |---|---|
//! | `function` | functions as processes |
//! | `events` | what a gateway sends to them |
//! | `response` | what they return |
//! | `output` | what they log, and the check for secrets at the end of every test |
//! | `items` | what is stored |
//! | `wait` | waiting for what happens in another process |
//! | `services` | other services on this machine |

mod events;
mod function;
mod items;
mod output;
mod response;
mod services;
mod wait;

pub(crate) use {
    events::*,
    function::{Function, send_at_once},
    items::*,
    output::Output,
    response::GatewayResponse,
    services::*,
    wait::*,
};

use aws_sdk_dynamodb::Client;
use sandbox::{App, Sandbox, database};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::net::TcpListener;

/// The site's redirect URI, which is on the sandbox's list.
const REDIRECT_URI: &str = "https://shop.example/";

/// One of the four binaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Binary {
    GetToken,
    GetFreshToken,
    HasToken,
    Invalidate,
}
pub(crate) use Binary::*;

impl Binary {
    pub(crate) const ALL: [Self; 4] = [GetToken, GetFreshToken, HasToken, Invalidate];

    pub(crate) fn path(self) -> &'static str {
        match self {
            GetToken => env!("CARGO_BIN_EXE_get-token"),
            GetFreshToken => env!("CARGO_BIN_EXE_get-fresh-token"),
            HasToken => env!("CARGO_BIN_EXE_has-token"),
            Invalidate => env!("CARGO_BIN_EXE_invalidate"),
        }
    }

    /// The operation's name in a path.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            GetToken => "getToken",
            GetFreshToken => "getFreshToken",
            HasToken => "hasToken",
            Invalidate => "invalidate",
        }
    }
}

/// A sandbox, a table, and settings for functions. All that they log or return is checked for secrets at the end.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) dynamodb: Client,
    pub(crate) table: String,
    settings: HashMap<String, String>,
    output: Output,
    running: Mutex<HashMap<Binary, Arc<Function>>>,
}

impl World {
    /// A new world, with an organization (v2).
    pub(crate) async fn new() -> Self {
        let app = App { redirect_uris: vec![REDIRECT_URI.into()], ..App::for_page("") };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let sandbox = Sandbox::start(listener, app, None).expect("a sandbox");
        let url = if let Ok(url) = std::env::var("DYNAMODB_LOCAL_URL") {
            url
        } else {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            database::start(vec![listener], None).expect("a database in memory")
        };
        let dynamodb = database::client(&url);
        let table = format!("cip-{}", uuid::Uuid::new_v4());
        database::create_table(&dynamodb, &table).await.expect("a table");
        let settings = settings(&sandbox, &table, url);
        Self { sandbox, dynamodb, table, settings, output: Output::default(), running: Mutex::default() }
    }

    /// The same world with another setting. The functions restart with it at their next call, as after a deployment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.settings.insert(name.into(), value.into());
        self
    }

    /// The same world with a v1 licence only.
    pub(crate) fn with_v1(self) -> Self {
        self.without("LIVECHAT_ORGANIZATION_ID")
    }

    /// The same world without a setting.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.settings.remove(name);
        self
    }

    /// The value of a setting.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        self.settings.get(name).cloned()
    }

    /// Calls an operation for a user, as a page would through an HTTP API. The process is kept for the next call.
    pub(crate) async fn call(&self, binary: Binary, user: &str) -> GatewayResponse {
        self.send(binary, &http_api(binary, user, "")).await
    }

    /// The same for a group.
    pub(crate) async fn call_group(&self, binary: Binary, user: &str, group: &str) -> GatewayResponse {
        self.send(binary, &http_api(binary, user, &format!("group={group}"))).await
    }

    /// The same as the guest with this secret.
    pub(crate) async fn call_as_guest(&self, binary: Binary, secret: &str) -> GatewayResponse {
        self.send(binary, &as_guest(binary, secret)).await
    }

    /// The same for a user who was the guest with this secret before they logged in.
    pub(crate) async fn call_as_former_guest(&self, binary: Binary, user: &str, secret: &str) -> GatewayResponse {
        self.send(binary, &as_former_guest(binary, user, secret)).await
    }

    /// Sends an event of any kind.
    pub(crate) async fn send(&self, binary: Binary, event: &Value) -> GatewayResponse {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).get(&binary).cloned();
        let function = if let Some(function) = running {
            function
        } else {
            let function = Arc::new(self.spawn(binary).await);
            self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(binary, function.clone());
            function
        };
        function.send(event).await
    }
}

/// The settings that all functions have.
fn settings(sandbox: &Sandbox, table: &str, database_url: String) -> HashMap<String, String> {
    let app = sandbox.app();
    let settings = [
        ("TABLE_NAME", table.to_owned()),
        ("AUTH", "none".into()),
        ("ALLOW_UNVERIFIED_USERS", "true".into()),
        ("LIVECHAT_CLIENT_ID", app.client_id.clone()),
        ("LIVECHAT_LICENSE_ID", app.license_id.to_string()),
        ("LIVECHAT_ORGANIZATION_ID", app.organization_id.clone()),
        ("LIVECHAT_REDIRECT_URI", REDIRECT_URI.into()),
        ("LIVECHAT_ACCOUNTS_URL", sandbox.url()),
        ("LIVECHAT_API_URL", sandbox.url()),
        ("AWS_ENDPOINT_URL_DYNAMODB", database_url),
        // Tests renew more often than any user.
        ("RENEWALS_PER_MINUTE", "1000".into()),
        ("RUST_LOG", "trace".into()),
    ];
    let settings = settings.into_iter().chain(database::ENVIRONMENT.map(|(name, value)| (name, value.to_owned())));
    settings.map(|(name, value)| (name.to_owned(), value)).collect()
}
