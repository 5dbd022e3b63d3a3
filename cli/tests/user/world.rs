//! The world of a test: a sandbox, a table with the functions' own operations, and the binary.

use cip::{
    context::Context,
    error::Error,
    identity::{Group, GuestId, Issued, Principal, Subject, UserId},
    livechat::Accounts,
    operation::{Call, Renewer, Reply},
    settings::{Groups, LiveChat, Lookup, Renewals},
    store::Store,
    time::Deadline,
};
use sandbox::{App, Sandbox, database};
use serde_json::Value;
use std::{
    process::{Command, Stdio},
    time::Duration,
};
use tokio::net::TcpListener;

const TABLE: &str = "cip-test";

/// What all tests need.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) store: Store,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    renewer: Renewer,
    environment: Vec<(String, String)>,
}

/// What the binary has printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = || async { TcpListener::bind("127.0.0.1:0").await.expect("a free port") };
        let app = App::for_page("https://shop.example/");
        let sandbox = Sandbox::start(listener().await, app, None).expect("a sandbox");
        let url = database::start(vec![listener().await], None).expect("a database");
        let dynamodb = database::client(&url);
        database::create_table(&dynamodb, TABLE).await.expect("a table");
        let livechat = [
            ("LIVECHAT_CLIENT_ID", sandbox.app().client_id.clone()),
            ("LIVECHAT_ORGANIZATION_ID", sandbox.app().organization_id.clone()),
            ("LIVECHAT_REDIRECT_URI", "https://shop.example/".into()),
            ("LIVECHAT_ACCOUNTS_URL", sandbox.url()),
        ];
        let find = |name: &str| livechat.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let lookup = Lookup::new(find);
        let accounts = Accounts::new(LiveChat::from_lookup(&lookup).expect("settings")).expect("a client");
        let store = Store::new(dynamodb.clone(), TABLE);
        let renewals = Renewals::from_lookup(&lookup).expect("settings");
        let renewer = Renewer::new(store.clone(), accounts, renewals, Groups::default());
        let aws = [("AWS_ENDPOINT_URL_DYNAMODB", url)];
        let aws = aws.into_iter().chain(database::ENVIRONMENT.map(|(name, value)| (name, value.to_owned())));
        let environment = livechat.iter().cloned().chain(aws).map(|(name, value)| (name.to_owned(), value)).collect();
        Self { sandbox, store, dynamodb, renewer, environment }
    }

    /// `getFreshToken` for a user.
    pub(crate) async fn fresh(&self, user: &str, group: Option<u32>) -> Issued {
        self.call(user, group).await.unwrap_or_else(|error| panic!("no token: {error}"))
    }

    /// `getFreshToken` for the guest with this secret.
    pub(crate) async fn fresh_as_guest(&self, secret: &str) -> Issued {
        let guest = GuestId::of_secret(secret.as_bytes()).expect("a good secret");
        let subject = Subject { principal: Principal::Guest(guest), group: None };
        self.get_fresh_token(subject).await.unwrap_or_else(|error| panic!("no token: {error}"))
    }

    /// The same as `fresh`, which may fail.
    pub(crate) async fn call(&self, user: &str, group: Option<u32>) -> Result<Issued, Error> {
        self.get_fresh_token(subject(user, group)).await
    }

    async fn get_fresh_token(&self, subject: Subject) -> Result<Issued, Error> {
        let call = Call { subject, was_guest: None, details: None, logout: false };
        match self.renewer.get_fresh_token(&call, &context()).await? {
            Reply::Token(obtained) => Ok(obtained.issued),
            other => panic!("no token: {other:?}"),
        }
    }

    /// A variable of the binary.
    pub(crate) fn variable(&self, name: &str) -> &str {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value).expect("it is set")
    }

    /// Runs the binary with this table. Nothing secret may be printed.
    pub(crate) async fn cip(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["--table", TABLE], arguments].concat(), &[]).await
    }

    /// Runs the binary with other variables too.
    pub(crate) async fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cip"));
        command.env_clear().envs(self.environment.iter().cloned()).envs(variables.iter().copied());
        command.args(arguments).stdin(Stdio::null());
        let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("a process");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let ran = Ran { code: ran.status.code().expect("a code"), stdout: text(ran.stdout), stderr: text(ran.stderr) };
        self.check_for_secrets(&ran).await;
        ran
    }

    async fn check_for_secrets(&self, ran: &Ran) {
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        for granted in self.sandbox.journal() {
            assert!(!printed.contains(&granted.access_token), "a token was printed");
        }
        for item in self.items().await {
            if let Some(cookies) = item.get("cookies").and_then(|cookies| cookies.as_m().ok()) {
                let cst = cookies["cst"].as_s().expect("a string");
                assert!(!printed.contains(cst), "a cookie was printed");
            }
        }
    }

    /// The number of items that are of no user.
    pub(crate) async fn gates(&self) -> usize {
        self.items().await.iter().filter(|item| item["pk"].as_s().is_ok_and(|pk| pk == "livechat")).count()
    }

    /// All items.
    pub(crate) async fn items(&self) -> Vec<cip::store::operator::Attributes> {
        self.dynamodb.scan().table_name(TABLE).send().await.expect("a scan").items.unwrap_or_default()
    }
}

pub(crate) fn subject(user: &str, group: Option<u32>) -> Subject {
    let user = UserId::parse(user).expect("a user id");
    Subject { principal: Principal::User(user), group: group.map(Group) }
}

pub(crate) fn context() -> Context {
    Context::new(Deadline::after(Duration::from_secs(10)))
}
