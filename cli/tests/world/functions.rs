//! The functions' own operations, on the sandbox and the table of a test.

use super::{TABLE, World};
use axum::{Json, Router, extract::Request, routing::get};
use cip::{
    context::Context,
    error::Error,
    identity::{Group, GuestId, Issued, Principal, Subject, UserId},
    livechat::Accounts,
    operation::{Call, Renewer, Reply},
    settings::Settings,
    store::Store,
    time::Deadline,
};
use local::gateway::Gateway;
use sandbox::Sandbox;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// What `cargo local` has: the functions' renewer, and the router of their gateway. `changes` are of its `/config.json`.
pub(super) async fn start(sandbox: &Sandbox, store: &Store, dynamodb_url: &str, changes: Value) -> (Renewer, Router) {
    let settings = local::settings::Settings::default()
        .with_sandbox(sandbox.app(), &sandbox.url())
        .with("TABLE_NAME", TABLE)
        .with("ALLOW_UNVERIFIED_USERS", "true");
    let Settings { common, livechat, renewals } = Settings::from_lookup(&settings.lookup()).expect("settings");
    let accounts = Accounts::new(livechat).expect("a client");
    let renewer = Renewer::new(store.clone(), accounts.clone(), renewals, common.groups.clone());
    let gateway = Gateway::connect(common, renewer.clone(), store.clone(), accounts).await.expect("a gateway");
    let gateway = Arc::new(gateway);
    let mut config = json!({
        "dynamodbUrl": dynamodb_url, "table": TABLE, "accountsUrl": sandbox.url(), "clientId": sandbox.app().client_id,
        "organizationId": sandbox.app().organization_id, "licenseId": null,
        "livechat": "sandbox", "auth": "none", "guests": false, "developmentLogin": false,
    });
    config.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    let router = Router::new()
        .route("/config.json", get(async || Json(config)))
        .fallback(async move |request: Request| gateway.serve(request).await);
    (renewer, router)
}

impl World {
    /// `getFreshToken` for a user.
    pub(crate) async fn fresh(&self, user: &str, group: Option<u32>) -> Issued {
        self.try_fresh(user, group).await.unwrap_or_else(|error| panic!("no token: {error}"))
    }

    /// The same, which may fail.
    pub(crate) async fn try_fresh(&self, user: &str, group: Option<u32>) -> Result<Issued, Error> {
        self.get_fresh_token(subject(user, group)).await
    }

    /// `getFreshToken` for the guest with this secret.
    pub(crate) async fn fresh_as_guest(&self, secret: &str) -> Issued {
        let guest = GuestId::of_secret(secret.as_bytes()).expect("a good secret");
        let subject = Subject { principal: Principal::Guest(guest), group: None };
        self.get_fresh_token(subject).await.unwrap_or_else(|error| panic!("no token: {error}"))
    }

    async fn get_fresh_token(&self, subject: Subject) -> Result<Issued, Error> {
        let call = Call { subject, was_guest: None, details: None, logout: false };
        match self.renewer.get_fresh_token(&call, &context()).await? {
            Reply::Token(obtained) => Ok(obtained.issued),
            other => panic!("no token: {other:?}"),
        }
    }

    /// Calls `cargo local`, as a page does.
    pub(crate) async fn call(&self, operation: &str, user: &str) -> Value {
        let response = reqwest::get(format!("{}/{operation}/{user}", self.local_url)).await.expect("a response");
        serde_json::from_str(&response.text().await.expect("a body")).expect("JSON")
    }
}

pub(crate) fn subject(user: &str, group: Option<u32>) -> Subject {
    let user = UserId::parse(user).expect("a user id");
    Subject { principal: Principal::User(user), group: group.map(Group) }
}

pub(crate) fn context() -> Context {
    Context::new(Deadline::after(Duration::from_secs(10)))
}
