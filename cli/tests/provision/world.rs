//! `cip provision`, for the table of a test.

use crate::world::{self, Item, TABLE};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    ops::Deref,
    process::{Output, Stdio},
};
use tokio::process::Command;

pub(crate) struct World(world::World);

impl Deref for World {
    type Target = world::World;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl World {
    /// With a `cargo local` that compares user ids without case, and has the group 3.
    pub(crate) async fn new() -> Self {
        Self(world::World::with_local(json!({ "normalization": "nfc-lowercase", "groups": "3" })).await)
    }

    /// A file with these users.
    pub(crate) fn users(&self, number: usize) -> String {
        let users: Vec<_> = (0..number).map(|number| format!("user-{number}")).collect();
        self.file("users.txt", users.join("\n"))
    }

    /// The command for the table, without a terminal. It waits for nothing but failures.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.0.command(&[&["provision", "--table", TABLE, "--json"], arguments].concat())
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
        let output = command.stdin(Stdio::null()).output().await.expect("it runs");
        self.check_for_secrets(&[&output.stdout[..], &output.stderr].concat()).await;
        output
    }

    /// Calls `getToken` of the functions. Returns the entity id.
    pub(crate) async fn get_token(&self, user: &str) -> String {
        let token = self.call("getToken", user).await;
        token["entityId"].as_str().unwrap_or_else(|| panic!("{token}")).to_owned()
    }

    /// The customers in the table, by the key of the user, and of the group if there is one.
    pub(crate) async fn stored(&self) -> HashMap<String, String> {
        let text = |value: &AttributeValue| value.as_s().expect("a string").clone();
        let customer = |item: Item| {
            let key = format!("{} {}", text(&item["pk"]), text(&item["sk"]));
            Some((key.trim_end_matches(" identity").to_owned(), text(item.get("entityId")?)))
        };
        self.items().await.into_iter().filter_map(customer).collect()
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
