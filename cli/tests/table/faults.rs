//! A DynamoDB that throttles, fails, closes connections and loses responses.

mod proxy;

use super::items::item;
use crate::world::{Item, Ran, TABLE, World};
use futures_util::future::join_all;
use proxy::{Fault, proxy};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{Instant, timeout};

const USERS: usize = 60;
const PASSPHRASE: &str = "a long passphrase\n";

/// Every second request fails, in another way than the one before. So some requests fail in all of the SDK's three tries.
const BAD: [Fault; 12] = [
    Fault::Error(400, "ProvisionedThroughputExceededException"),
    Fault::None,
    Fault::Error(400, "ThrottlingException"),
    Fault::None,
    Fault::Error(500, "InternalServerError"),
    Fault::None,
    Fault::Closed,
    Fault::None,
    Fault::ResponseLost,
    Fault::None,
    Fault::Error(503, "ServiceUnavailable"),
    Fault::None,
];

async fn stored() -> World {
    let world = World::new().await;
    for number in 0..USERS {
        world.put(item(&format!("user#{number}"), "identity", [])).await;
    }
    world
}

async fn run(world: &World, database: &str, arguments: &[&str]) -> Ran {
    let arguments = [&["--table", TABLE, "--json"], arguments].concat();
    world.run(&arguments, &[("AWS_ENDPOINT_URL_DYNAMODB", database)]).await
}

/// What is stored, without what differs after a restore.
fn customers(items: &[Item]) -> BTreeSet<(String, String)> {
    let text = |item: &Item, name: &str| item[name].as_s().expect("a string").clone();
    items.iter().map(|item| (text(item, "pk"), text(item, "entityId"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_item_is_counted_once() {
    let world = stored().await;
    let ran = run(&world, &proxy(&world.dynamodb_url, &BAD).await, &["stats"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!((&ran.json()["items"], &ran.json()["identities"]["users"]), (&json!(USERS), &json!(USERS)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_and_its_restore_are_complete() {
    let world = stored().await;
    let before = customers(&world.items().await);
    let (bad, passphrase) = (proxy(&world.dynamodb_url, &BAD).await, world.file("passphrase", PASSPHRASE));
    let ran = run(&world, &bad, &["backup", "b.age", "--passphrase-file", &passphrase]).await;
    assert_eq!((ran.code, &ran.json()["items"]), (0, &json!(USERS)), "{ran:?}");
    world.delete_all().await;
    let ran = run(&world, &bad, &["restore", "b.age", "--passphrase-file", &passphrase, "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    // After a lost response, the next try finds the item.
    let count = |name: &str| ran.json()[name].as_u64().expect("a number");
    assert_eq!(count("restored") + count("same"), USERS as u64, "{ran:?}");
    assert_eq!(customers(&world.items().await), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_complete() {
    let world = World::new().await;
    let line = |n| json!({"user": format!("{n}"), "entityId": format!("e{n}"), "cid": "cid-value", "cst": "cst-value"});
    let lines: Vec<_> = (0..USERS).map(|number| line(number).to_string()).collect();
    let file = world.file("users.jsonl", lines.join("\n"));
    let ran = run(&world, &proxy(&world.dynamodb_url, &BAD).await, &["import", &file, "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let count = |name: &str| ran.json()[name].as_u64().expect("a number");
    assert_eq!(count("written") + count("unchanged"), USERS as u64, "{ran:?}");
    assert_eq!(customers(&world.items().await).len(), USERS);
}

/// Runs all commands that read or write many items. Returns what each printed, and how long it took.
async fn run_all(world: &World, database: &str) -> Vec<(String, Ran, Duration)> {
    let passphrase = world.file("passphrase", PASSPHRASE);
    let line = json!({"user": "new", "entityId": "e", "cid": "cid-value", "cst": "cst-value"}).to_string();
    let file = world.file("users.jsonl", &line);
    let made = run(world, &world.dynamodb_url, &["backup", "b.age", "--passphrase-file", &passphrase]).await;
    assert_eq!(made.code, 0, "{made:?}");
    let commands = [
        vec!["stats"],
        vec!["backup", "new.age", "--passphrase-file", &passphrase],
        vec!["restore", "b.age", "--passphrase-file", &passphrase, "--yes"],
        vec!["import", &file, "--yes"],
    ];
    let one = async |arguments: &Vec<&str>| {
        let start = Instant::now();
        let ran = timeout(Duration::from_mins(3), run(world, database, arguments)).await.expect("it ends");
        (arguments.join(" "), ran, start.elapsed())
    };
    join_all(commands.iter().map(one)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_without_an_end_is_an_error_after_a_minute() {
    let world = stored().await;
    let database = proxy(&world.dynamodb_url, &[Fault::Error(400, "ThrottlingException")]).await;
    for (name, ran, time) in run_all(&world, &database).await {
        assert_eq!(ran.code, 3, "{name}: {ran:?}");
        assert!(ran.stderr.contains("ThrottlingException"), "{name}: {ran:?}");
        assert!((50..120).contains(&time.as_secs()), "{name}: {time:?}");
    }
    assert!(!world.path("new.age").exists());
    let files = std::fs::read_dir(world.folder.path()).expect("a folder").count();
    assert_eq!(files, 3, "b.age, passphrase and users.jsonl");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_reached_is_an_error_at_once() {
    let world = stored().await;
    for (name, ran, time) in run_all(&world, "http://127.0.0.1:1").await {
        assert_eq!(ran.code, 3, "{name}: {ran:?}");
        assert!(ran.stderr.contains("no connection"), "{name}: {ran:?}");
        assert!(time < Duration::from_secs(30), "{name}: {time:?}");
    }
}
