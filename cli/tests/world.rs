//! What a test starts: the sandbox, an embedded DynamoDB with a table, the functions' operations on both, and the binary.

mod functions;
mod program;

pub(crate) use functions::{context, subject};
pub(crate) use program::Ran;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use axum::Router;
use cip::{operation::Renewer, store::Store};
use sandbox::{App, Sandbox, database};
use serde_json::{Value, json};
use std::{collections::HashMap, path::PathBuf};
use tokio::net::TcpListener;

pub(crate) const TABLE: &str = "cip";
pub(crate) const REDIRECT_URI: &str = "https://shop.example/";

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) dynamodb: Client,
    pub(crate) dynamodb_url: String,
    pub(crate) store: Store,
    /// The URL of a `cargo local` with this sandbox and this table.
    pub(crate) local_url: String,
    /// The files of this test. It is the working directory of the binary.
    pub(crate) folder: tempfile::TempDir,
    renewer: Renewer,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_local(json!({})).await
    }

    /// With these changes of what `cargo local` says of itself.
    pub(crate) async fn with_local(changes: Value) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let local = listener().await;
        // `cargo local` serves the page itself.
        let page = format!("{}/", url_of(&local));
        let app = App { redirect_uris: vec![REDIRECT_URI.into(), page], ..App::for_page("") };
        let sandbox = Sandbox::start(listener().await, app, None).expect("a sandbox");
        let dynamodb_url = database::start(vec![listener().await], None).expect("a database");
        let dynamodb = database::client(&dynamodb_url);
        database::create_table(&dynamodb, TABLE).await.expect("a table");
        let store = Store::new(dynamodb.clone(), TABLE);
        let (renewer, router) = functions::start(&sandbox, &store, &dynamodb_url, changes).await;
        let local_url = serve_on(local, router);
        let folder = tempfile::tempdir().expect("a folder");
        Self { sandbox, dynamodb, dynamodb_url, store, local_url, folder, renewer }
    }

    /// All items of the table.
    pub(crate) async fn items(&self) -> Vec<Item> {
        let pages = self.dynamodb.scan().table_name(TABLE).into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.expect("a scan")
    }

    pub(crate) async fn put(&self, item: Item) {
        self.dynamodb.put_item().table_name(TABLE).set_item(Some(item)).send().await.expect("stored");
    }

    pub(crate) async fn delete_all(&self) {
        for mut item in self.items().await {
            item.retain(|name, _| matches!(name.as_str(), "pk" | "sk"));
            self.dynamodb.delete_item().table_name(TABLE).set_key(Some(item)).send().await.expect("deleted");
        }
    }

    /// The path of a file of this test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }
}

/// A free port of this machine.
pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

/// Serves in the background. Returns the URL.
pub(crate) async fn serve(router: Router) -> String {
    serve_on(listener().await, router)
}

fn serve_on(listener: TcpListener, router: Router) -> String {
    let url = url_of(&listener);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn url_of(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().expect("an address"))
}
