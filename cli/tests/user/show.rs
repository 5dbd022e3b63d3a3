//! `cip user show` and `cip user export`.

use crate::{
    table::items::{item, map, number, text},
    world::World,
};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

#[tokio::test]
async fn show_has_the_customers_of_all_groups() {
    let world = World::new().await;
    let (common, in_group) = (world.fresh("alice", None).await, world.fresh("alice", Some(3)).await);
    world.fresh("bob", None).await;
    let shown = world.cip(&["user", "show", "alice", "--json"]).await.json();
    assert_eq!(shown["key"], "user#alice");
    let identities = shown["identities"].as_array().expect("a list");
    let ids: Vec<_> = identities.iter().map(|one| (one["group"].clone(), one["entityId"].clone())).collect();
    assert_eq!(ids, [(Value::Null, json!(common.entity_id)), (json!(3), json!(in_group.entity_id))]);
    assert_eq!((&identities[0]["tokensThatWork"], &identities[0]["tokensToRevoke"]), (&json!(1), &json!(0)));
    let text = world.cip(&["user", "show", "alice"]).await;
    assert_eq!(text.code, 0);
    assert!(text.stdout.contains(&common.entity_id) && text.stdout.contains("in 2 years"), "{}", text.stdout);
}

#[tokio::test]
async fn show_finds_the_normalized_id_and_says_if_there_is_none() {
    let world = World::new().await;
    world.fresh("alice@example.com", None).await;
    let spelt = ["user", "show", "Alice@Example.com"];
    let unknown = world.cip(&spelt).await;
    assert_eq!(unknown.code, 1);
    assert!(unknown.stdout.contains("Nothing is stored"), "{unknown:?}");
    assert_eq!(world.cip(&[&spelt[..], &["--normalize", "nfc-lowercase"]].concat()).await.code, 0);
    let another = world.cip(&["user", "show", "alice@example.com", "--issuer", "https://b.example"]).await.code;
    assert_eq!(another, 1, "the same id at another issuer is another user");
}

#[tokio::test]
async fn export_has_every_attribute_and_no_secret() {
    let world = World::new().await;
    let issued = world.fresh("alice", Some(3)).await;
    let exported = world.cip(&["user", "export", "alice"]).await.json();
    assert_eq!(exported["customers"], json!([issued.entity_id]));
    let items = exported["items"].as_array().expect("a list");
    let stored = world.items().await;
    let of_alice: Vec<_> = stored.iter().filter(|item| item["pk"].as_s().is_ok_and(|pk| pk == "user#alice")).collect();
    assert_eq!(items.len(), of_alice.len());
    let attributes: usize = items.iter().map(|item| item.as_object().expect("an object").len()).sum();
    assert_eq!(attributes, of_alice.iter().map(|item| item.len()).sum::<usize>());
    let identity = items.iter().find(|item| item["sk"] == "group#3").expect("the group's item");
    assert_eq!(identity["cookies"]["cst"], "[redacted]");
    assert_eq!(identity["token"]["accessToken"], "[redacted]");
}

#[tokio::test]
async fn cargo_local_says_where_the_table_is() {
    let world = World::new().await;
    world.fresh("alice", None).await;
    assert_eq!(world.cip_local(&["user", "show", "alice"]).await.code, 0);
    let local = format!("--local={}", world.local_url);
    let forgotten = world.run(&["user", "forget", "alice", "--yes", &local], &[("LIVECHAT_CLIENT_ID", "")]).await;
    assert_eq!(forgotten.code, 0, "{forgotten:?}");
}

#[tokio::test]
async fn an_export_of_nobody_is_said_to_be_one() {
    let world = World::new().await;
    let exported = world.cip(&["user", "export", "nobody"]).await;
    assert_eq!((exported.code, &exported.json()["items"]), (1, &json!([])), "{exported:?}");
    assert!(exported.stderr.contains("Nothing is stored"), "{exported:?}");
}

/// Clears the screen, sets the title, and writes from right to left.
const CONTROL: &str = "e\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}2J\u{7f}\r\n\u{202e}1";

#[tokio::test]
async fn what_is_stored_does_not_control_the_terminal() {
    let world = World::new().await;
    let former = map([("entityId", text(CONTROL)), ("until", number(1))]);
    let attributes = [("entityId", text(CONTROL)), ("formerIdentities", AttributeValue::L(vec![former]))];
    world.put(item("user#alice", "identity", attributes)).await;
    let path = world.file("log.jsonl", log_line());
    for arguments in [
        &["user", "show", "alice"][..],
        &["user", "show", "alice", "--json"],
        &["user", "export", "alice"],
        &["user", "forget", "alice", "--dry-run"],
        &["user", "restore", "alice", "0", "--dry-run"],
        &["logs", "alice", "--file", &path],
        &["user", "forget", "alice", "--yes", "--keep-tokens"],
    ] {
        let ran = world.run(&[&["--table", "cip"], arguments].concat(), &[("SUBJECT_KEY", "a key")]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let printed = ran.stdout + &ran.stderr;
        for character in ['\u{1b}', '\u{7}', '\u{9b}', '\u{7f}', '\r', '\u{202e}'] {
            assert!(!printed.contains(character), "{arguments:?}: {printed:?}");
        }
        assert!(printed.contains("title"), "{arguments:?}: {printed:?}");
    }
}

/// A line of the log about alice, of `user/logs.rs`, with a cause that nobody expects.
fn log_line() -> String {
    json!({
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": []}, "timestamp": "2026-01-01T10:00:00.000000Z", "level": "INFO", "message": "call",
        "operation": "getToken", "request_id": "r", "release": "0.1.0",
        "subject": "e03351407b6b171a", "outcome": "internal", "cause": CONTROL, "Calls": 1, "Duration": 12.3,
    })
    .to_string()
}
