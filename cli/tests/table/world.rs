//! The service of a test, and the binary.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use axum::{Json, Router, extract::Request, routing::get};
use cip::{livechat::Accounts, operation::Renewer, settings::Settings, store::Store};
use local::gateway::Gateway;
use sandbox::{App, Sandbox, database};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::Arc,
};
use tokio::net::TcpListener;

pub(crate) const TABLE: &str = "cip";
/// In every cookie and token of [`item`]s, and in none of our output.
pub(crate) const SECRET: &str = "secret-value";

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) dynamodb: Client,
    /// Of the four routes.
    pub(crate) url: String,
    /// For files.
    pub(crate) folder: tempfile::TempDir,
}

/// What the binary printed, and how it ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let app = App::for_page("https://shop.example/");
        let sandbox = Sandbox::start(listener().await, app, None).expect("a sandbox");
        let dynamodb_url = database::start(vec![listener().await], None).expect("a database");
        let dynamodb = database::client(&dynamodb_url);
        database::create_table(&dynamodb, TABLE).await.expect("a table");
        let listener = listener().await;
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let config = json!({
            "dynamodbUrl": dynamodb_url, "table": TABLE, "accountsUrl": sandbox.url(), "clientId": sandbox.app().client_id,
            "livechat": "sandbox", "auth": "none", "guests": false, "developmentLogin": false,
        });
        let router = router(&sandbox, &dynamodb).await.route("/config.json", get(async || Json(config)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { sandbox, dynamodb, url, folder: tempfile::tempdir().expect("a folder") }
    }

    /// Runs `cip`, against this service unless `arguments` say something else.
    pub(crate) async fn cip(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cip"));
        command.arg(format!("--local={}", self.url)).args(arguments).stdin(Stdio::null());
        let output: Output =
            tokio::task::spawn_blocking(move || command.output()).await.expect("a result").expect("the binary");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let ran = Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        for printed in [&ran.stdout, &ran.stderr] {
            assert!(!printed.contains(SECRET), "{printed}");
        }
        ran
    }

    /// Calls the service.
    pub(crate) async fn call(&self, operation: &str, user: &str) -> Value {
        let response = reqwest::get(format!("{}/{operation}/{user}", self.url)).await.expect("a response");
        serde_json::from_str(&response.text().await.expect("a body")).expect("JSON")
    }

    pub(crate) async fn put(&self, item: Item) {
        self.dynamodb.put_item().table_name(TABLE).set_item(Some(item)).send().await.expect("stored");
    }

    pub(crate) async fn items(&self) -> Vec<Item> {
        self.dynamodb.scan().table_name(TABLE).send().await.expect("items").items.unwrap_or_default()
    }

    pub(crate) async fn delete_all(&self) {
        for mut item in self.items().await {
            item.retain(|name, _| matches!(name.as_str(), "pk" | "sk"));
            self.dynamodb.delete_item().table_name(TABLE).set_key(Some(item)).send().await.expect("deleted");
        }
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("written");
        path.to_string_lossy().into_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("not JSON: {} {}", self.stdout, self.stderr))
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

async fn router(sandbox: &Sandbox, dynamodb: &Client) -> Router {
    let settings = local::settings::Settings::default()
        .with_sandbox(sandbox.app(), &sandbox.url())
        .with("TABLE_NAME", TABLE)
        .with("ALLOW_UNVERIFIED_USERS", "true");
    let Settings { common, livechat, renewals } = Settings::from_lookup(&settings.lookup()).expect("settings");
    let accounts = Accounts::new(livechat).expect("a client");
    let store = Store::new(dynamodb.clone(), TABLE);
    let renewer = Renewer::new(store.clone(), accounts.clone(), renewals, common.groups.clone());
    let gateway = Arc::new(Gateway::connect(common, renewer, store, accounts).await.expect("a gateway"));
    Router::new().fallback(async move |request: Request| gateway.serve(request).await)
}

pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_millis().try_into().expect("a time")
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn map<const N: usize>(fields: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

/// The item of a customer whose cookies last for a year, with more attributes.
pub(crate) fn item<const N: usize>(pk: &str, sk: &str, more: [(&str, AttributeValue); N]) -> Item {
    let in_a_year = now_ms() / 1000 + 365 * 86_400 + 3_600;
    let cookies = map([("cid", text(SECRET)), ("cst", text(SECRET))]);
    let mut item = Item::from([
        ("pk".into(), text(pk)),
        ("sk".into(), text(sk)),
        ("version".into(), number(5)),
        ("entityId".into(), text(&format!("customer of {pk}"))),
        ("cookies".into(), cookies),
        ("cookiesLapseAt".into(), number(in_a_year)),
        ("expiresAt".into(), number(in_a_year + 2_592_000)),
        ("leaseSeq".into(), number(3)),
        ("outstanding".into(), map([])),
    ]);
    item.extend(more.map(|(name, value)| (name.to_owned(), value)));
    item
}

/// A token that was issued `age_ms` ago.
pub(crate) fn token(age_ms: u64) -> AttributeValue {
    map([
        ("accessToken", text(SECRET)),
        ("created", number(now_ms() - age_ms)),
        ("expiresIn", number(28_800_000)),
        ("seq", number(3)),
    ])
}
