//! A sandbox, an embedded database with a table, the four functions as `cargo local` runs them, and the binary.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use axum::{Json, Router, extract::Request, routing::get};
use cip::{livechat::Accounts, operation::Renewer, settings::Settings, store::Store};
use local::gateway::Gateway;
use sandbox::{App, Sandbox, database};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::PathBuf,
    process::{Output, Stdio},
    sync::Arc,
};
use tokio::{net::TcpListener, process::Command};

pub(crate) const TABLE: &str = "cip";
pub(crate) const REDIRECT_URI: &str = "https://shop.example/";

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) dynamodb: Client,
    pub(crate) database_url: String,
    /// Of the four routes.
    pub(crate) url: String,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let local = listener().await;
        let url = format!("http://{}", local.local_addr().expect("an address"));
        let app = App { redirect_uris: vec![REDIRECT_URI.into(), format!("{url}/")], ..App::for_page("") };
        let sandbox = Sandbox::start(listener().await, app, None).expect("a sandbox");
        let database_url = database::start(vec![listener().await], None).expect("a database");
        let dynamodb = database::client(&database_url);
        database::create_table(&dynamodb, TABLE).await.expect("a table");
        let config = json!({
            "dynamodbUrl": database_url, "table": TABLE, "accountsUrl": sandbox.url(), "clientId": sandbox.app().client_id,
            "organizationId": sandbox.app().organization_id, "livechat": "sandbox", "auth": "none", "guests": false,
            "normalization": "nfc-lowercase", "groups": "3", "developmentLogin": false,
        });
        let router = functions(&sandbox, &dynamodb).await.route("/config.json", get(async || Json(config)));
        tokio::spawn(async move { axum::serve(local, router).await });
        Self { sandbox, dynamodb, database_url, url, folder: tempfile::tempdir().expect("a folder") }
    }

    /// The path of a file of this test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).expect("written");
        self.path(name).to_str().expect("a path").to_owned()
    }

    /// A file with these users.
    pub(crate) fn users(&self, number: usize) -> String {
        let users: Vec<_> = (0..number).map(|number| format!("user-{number}")).collect();
        self.file("users.txt", users.join("\n"))
    }

    /// The command for the table, without a terminal. It waits for nothing but failures.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cip"));
        let app = self.sandbox.app();
        command.env_clear().envs(database::ENVIRONMENT).envs([
            ("AWS_ENDPOINT_URL_DYNAMODB", self.database_url.as_str()),
            ("LIVECHAT_CLIENT_ID", &app.client_id),
            ("LIVECHAT_ORGANIZATION_ID", &app.organization_id),
            ("LIVECHAT_REDIRECT_URI", REDIRECT_URI),
            ("LIVECHAT_ACCOUNTS_URL", &self.sandbox.url()),
        ]);
        command.args(["provision", "--table", TABLE, "--json"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs the command with `--yes` at a high rate. Returns its exit code and its result.
    pub(crate) async fn provision(&self, arguments: &[&str]) -> (i32, Value) {
        result(&self.run(&[arguments, &["--yes", "--rate", "500"]].concat()).await)
    }

    /// Runs the command, with all that it printed, which has no secret.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        self.finish(self.command(arguments)).await
    }

    /// Runs a command to its end.
    pub(crate) async fn finish(&self, mut command: Command) -> Output {
        let output = command.output().await.expect("it runs");
        self.check_for_secrets(&[&output.stdout[..], &output.stderr].concat()).await;
        output
    }

    /// No token or cookie may be in what was printed or written.
    pub(crate) async fn check_for_secrets(&self, printed: &[u8]) {
        let printed = String::from_utf8_lossy(printed);
        for granted in self.sandbox.journal() {
            assert!(!printed.contains(&granted.access_token), "a token was printed");
        }
        for item in self.items().await {
            if let Some(Ok(cookies)) = item.get("cookies").map(AttributeValue::as_m) {
                let cst = cookies["cst"].as_s().expect("a string");
                assert!(!printed.contains(cst), "a cookie was printed");
            }
        }
    }

    /// Calls `getToken` of the functions. Returns the entity id.
    pub(crate) async fn get_token(&self, user: &str) -> String {
        let response = reqwest::get(format!("{}/getToken/{user}", self.url)).await.expect("a response");
        let token: Value = serde_json::from_str(&response.text().await.expect("a body")).expect("JSON");
        token["entityId"].as_str().unwrap_or_else(|| panic!("{token}")).to_owned()
    }

    /// The customers in the table, by the key of the user, and of the group if there is one.
    pub(crate) async fn stored(&self) -> HashMap<String, String> {
        let text = |value: &AttributeValue| value.as_s().expect("a string").clone();
        let items = self.items().await.into_iter();
        let stored = items.filter_map(|item| {
            let key = format!("{} {}", text(&item["pk"]), text(&item["sk"]));
            Some((key.trim_end_matches(" identity").to_owned(), text(item.get("entityId")?)))
        });
        stored.collect()
    }

    /// All stored items.
    pub(crate) async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let pages = self.dynamodb.scan().table_name(TABLE).into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.expect("a scan")
    }
}

/// The exit code and the result of a command that has ended.
pub(crate) fn result(output: &Output) -> (i32, Value) {
    let result = serde_json::from_slice(&output.stdout);
    let result = result.unwrap_or_else(|_| panic!("{}", said(output)));
    (output.status.code().expect("a code"), result)
}

/// What a command said on stderr.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

async fn functions(sandbox: &Sandbox, dynamodb: &Client) -> Router {
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
