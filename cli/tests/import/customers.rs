//! Customers of another server, and the command.

use crate::world::{REDIRECT_URI, Ran, TABLE, World, context, subject};
use cip::{
    livechat::Accounts,
    operation::{Call, GetToken, Operation, Renewer, Reply},
    settings::{Groups, LiveChat, Lookup, Renewals},
};
use serde_json::{Value, json};
use tokio::process::Command;

/// Which version of LiveChat's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// With a licence: the samples use it.
    V1,
    /// With an organization.
    V2,
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

    /// `cip import`, without a terminal.
    pub(crate) fn import_command(&self, arguments: &[&str]) -> Command {
        self.command(&[&["import", "--table", TABLE], arguments].concat())
    }

    /// Runs `cip import` to its end. Returns its exit code and its result.
    pub(crate) async fn import(&self, arguments: &[&str]) -> (i32, Value) {
        let ran = self.import_as_text(&[arguments, &["--json"]].concat()).await;
        (ran.code, ran.json())
    }

    /// The same, with all that it printed.
    pub(crate) async fn import_as_text(&self, arguments: &[&str]) -> Ran {
        self.finish(&mut self.import_command(arguments), "").await
    }

    /// The customer for whom `getToken` returns a token, by the functions' own code.
    pub(crate) async fn get_token(&self, api: Api, user: &str) -> String {
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
        let get_token = GetToken { renewer: Renewer::new(self.store.clone(), accounts, renewals, Groups::default()) };
        let call = Call { subject: subject(user, None), was_guest: None, details: None, logout: false };
        match get_token.call(&call, &context()).await.expect("a token") {
            Reply::Token(obtained) => obtained.issued.entity_id,
            other => panic!("{other:?}"),
        }
    }
}
