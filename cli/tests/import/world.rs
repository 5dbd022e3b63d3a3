//! A sandbox, an embedded database with a table, and the binary.

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use cip::{
    context::Context,
    identity::{Group, Principal, Subject, UserId},
    livechat::Accounts,
    operation::{Call, GetToken, Operation, Renewer, Reply},
    settings::{Groups, LiveChat, Lookup, Renewals},
    store::Store,
    time::Deadline,
};
use sandbox::{App, Sandbox, database};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{net::TcpListener, process::Command};

const REDIRECT_URI: &str = "https://shop.example/";

/// Which version of LiveChat's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// With a licence: the samples use it.
    V1,
    /// With an organization.
    V2,
}

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) dynamodb: Client,
    pub(crate) url: String,
    folder: PathBuf,
}

/// A customer at LiveChat, with the `Set-Cookie` headers that the backend got.
#[derive(Clone, Debug)]
pub(crate) struct Customer {
    pub(crate) entity_id: String,
    pub(crate) cid: String,
    pub(crate) cst: String,
}

impl Customer {
    /// The value of a `Set-Cookie` header.
    pub(crate) fn value(header: &str) -> String {
        let pair = header.split(';').next().expect("a pair");
        pair.split_once('=').expect("a value").1.to_owned()
    }
}

impl World {
    pub(crate) const TABLE: &str = "cip";

    pub(crate) async fn new(name: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let free = async || TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let app = App { redirect_uris: vec![REDIRECT_URI.into()], ..App::for_page("") };
        let sandbox = Sandbox::start(free().await, app, None).expect("a sandbox");
        let url = database::start(vec![free().await], None).expect("a database");
        let dynamodb = database::client(&url);
        database::create_table(&dynamodb, Self::TABLE).await.expect("a table");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self { sandbox, dynamodb, url, folder }
    }

    /// The path of a file of this test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file, and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("a file");
        self.path(name).to_str().expect("a path").to_owned()
    }

    /// A new customer, as another server creates one.
    pub(crate) async fn customer(&self, api: Api) -> Customer {
        let app = self.sandbox.app();
        let mut body = json!({"grant_type": "cookie", "response_type": "token", "client_id": app.client_id,
                              "redirect_uri": REDIRECT_URI});
        let path = match api {
            Api::V1 => {
                body["license_id"] = app.license_id.into();
                "/customer/token"
            }
            Api::V2 => {
                body["organization_id"] = app.organization_id.clone().into();
                "/v2/customer/token"
            }
        };
        let request = reqwest::Client::new().post(format!("{}{path}", self.sandbox.url()));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await.expect("a response");
        let headers = response.headers().get_all("set-cookie").iter();
        let headers: Vec<_> = headers.map(|line| line.to_str().expect("a string").to_owned()).collect();
        let header = |name: &str| headers.iter().find(|line| line.starts_with(name)).expect("a cookie").clone();
        let (cid, cst) = (header("__lc_cid="), header("__lc_cst="));
        let body: Value = serde_json::from_str(&response.text().await.expect("a body")).expect("JSON");
        Customer { entity_id: body["entity_id"].as_str().expect("an id").into(), cid, cst }
    }

    /// The command, without a terminal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cip"));
        command.args(["import", "--table", Self::TABLE]).args(arguments);
        command.env_clear().envs(database::ENVIRONMENT).env("AWS_ENDPOINT_URL_DYNAMODB", &self.url);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs the command to its end. Returns its exit code and its result.
    pub(crate) async fn import(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        let result = serde_json::from_slice(&output.stdout);
        let result = result.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().expect("a code"), result)
    }

    /// The same, with all that it printed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.expect("it runs")
    }

    /// All stored items.
    pub(crate) async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let pages = self.dynamodb.scan().table_name(Self::TABLE).into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.expect("a scan")
    }

    /// The customer for whom `getToken` returns a token, by the functions' own code.
    pub(crate) async fn get_token(&self, api: Api, user: &str, group: Option<u32>) -> String {
        let app = self.sandbox.app();
        let lookup = Lookup::new(|name| match name {
            "LIVECHAT_CLIENT_ID" => Some(app.client_id.clone()),
            "LIVECHAT_LICENSE_ID" => Some(app.license_id.to_string()),
            "LIVECHAT_ORGANIZATION_ID" => (api == Api::V2).then(|| app.organization_id.clone()),
            "LIVECHAT_REDIRECT_URI" => Some(REDIRECT_URI.into()),
            "LIVECHAT_ACCOUNTS_URL" => Some(self.sandbox.url()),
            _ => None,
        });
        let accounts = Accounts::new(LiveChat::from_lookup(&lookup).expect("settings")).expect("a client");
        let renewals = Renewals::from_lookup(&lookup).expect("settings");
        let store = Store::new(self.dynamodb.clone(), Self::TABLE);
        let get_token = GetToken { renewer: Renewer::new(store, accounts, renewals, Groups::default()) };
        let principal = Principal::User(UserId::parse(user).expect("a user id"));
        let subject = Subject { principal, group: group.map(Group) };
        let call = Call { subject, was_guest: None, details: None, logout: false };
        let context = Context::new(Deadline::after(Duration::from_secs(10)));
        match get_token.call(&call, &context).await.expect("a token") {
            Reply::Token(obtained) => obtained.issued.entity_id,
            other => panic!("{other:?}"),
        }
    }
}
