//! What is written, what is skipped and why, and what is never printed.

use super::customers::{Api, Customer};
use crate::world::World;
use serde_json::{Value, json};

/// A line that would be imported.
fn line(user: &str, entity_id: &str) -> String {
    json!({"user": user, "entityId": entity_id, "cid": "cid-value", "cst": "cst-value"}).to_string()
}

/// The numbers of the skipped records, with the reason.
fn skipped(result: &Value) -> Vec<(String, Value)> {
    let groups = result["skipped"].as_array().expect("a list").iter();
    groups.map(|group| (group["reason"].as_str().expect("a reason").to_owned(), group["first"].clone())).collect()
}

#[tokio::test]
async fn a_second_run_changes_nothing_even_after_a_renewal() {
    let world = World::new().await;
    let customer = world.customer(Api::V2).await;
    let text = json!({"user": "alice", "entityId": customer.entity_id, "cid": customer.cid, "cst": customer.cst});
    let file = world.file("users.jsonl", text.to_string());
    assert_eq!(world.import(&[&file, "--yes"]).await.1["written"], 1);
    world.get_token(Api::V2, "alice").await;
    let before = world.items().await;

    let (code, result) = world.import(&[&file, "--yes"]).await;
    assert_eq!((code, &result["written"], &result["unchanged"]), (0, &json!(0), &json!(1)), "{result}");
    assert_eq!(world.items().await, before);
}

#[tokio::test]
async fn a_stored_identity_is_never_overwritten() {
    let world = World::new().await;
    let stored = world.get_token(Api::V2, "alice").await;
    let file = world.file("users.jsonl", line("alice", "another"));
    let before = world.items().await;
    for mode in ["--yes", "--dry-run"] {
        let (code, result) = world.import(&[&file, mode]).await;
        assert_eq!((code, skipped(&result)[0].1.clone()), (1, json!([1])), "{result}");
        assert!(skipped(&result)[0].0.contains("another customer"), "{result}");
    }
    assert_eq!(world.items().await, before);
    assert_eq!(world.get_token(Api::V2, "alice").await, stored);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_written_and_writes_nothing() {
    let world = World::new().await;
    let file = world.file("users.jsonl", [line("alice", "e1"), line("bob", "e2")].join("\n"));
    let (code, result) = world.import(&[&file, "--dry-run"]).await;
    assert_eq!((code, &result["written"], &result["isDryRun"]), (0, &json!(2), &json!(true)), "{result}");
    assert!(world.items().await.is_empty());
}

#[tokio::test]
async fn without_a_terminal_and_without_yes_nothing_is_written() {
    let world = World::new().await;
    let file = world.file("users.jsonl", line("alice", "e1"));
    let output = world.import_as_text(&[&file]).await;
    let said = &output.stderr;
    assert_eq!(output.code, 2, "{said}");
    assert!(said.contains("1 record read") && said.contains("--yes"), "{said}");
    assert!(world.items().await.is_empty());
}

#[tokio::test]
async fn invalid_lines_are_skipped_with_their_number_and_without_their_values() {
    let world = World::new().await;
    let with = |field: &str, value: Value| {
        let mut object: Value = serde_json::from_str(&line("carol", "e9")).expect("an object");
        object[field] = value;
        object.to_string()
    };
    let cases = [
        (line("alice", "e1"), ""),
        ("[\"secret-value\"]".into(), "not a JSON object"),
        (with("secret-value", json!(1)), "a field that"),
        (with("user", json!("")), "user id is empty"),
        (with("user", json!(7)), "`user`"),
        (with("issuer", json!("a#b")), "issuer"),
        (with("guestIdHash", json!("00")), "`guestIdHash`"),
        (with("group", json!(-1)), "`group`"),
        (with("entityId", json!("secret value")), "entity id"),
        (with("cid", json!("__lc_cst=secret-value")), "__lc_cid"),
        (with("cst", json!("secret-value; x")), "__lc_cst"),
        (with("cookiesExpireAt", json!(1_700_000_000_000_u64)), "`cookiesExpireAt`"),
        (with("cookiesExpireAt", json!(1_500_000_000)), "more than 30 days ago"),
    ];
    let text: Vec<_> = cases.iter().map(|(line, _)| line.as_str()).collect();
    let file = world.file("users.jsonl", text.join("\n"));
    let report = world.path("skipped.jsonl");
    let output = world.import_as_text(&[&file, "--yes", "--json", "--report", report.to_str().expect("a path")]).await;

    assert_eq!(output.code, 1);
    let result = output.json();
    assert_eq!(result["written"], 1, "{result}");
    let report = std::fs::read_to_string(report).expect("a report");
    let mut reported: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    reported.sort_by_key(|one| one["line"].as_u64());
    assert_eq!(reported.len(), cases.len() - 1);
    for ((number, (_, reason)), one) in (1..).zip(&cases).skip(1).zip(&reported) {
        assert_eq!(one["line"], number);
        assert!(one["reason"].as_str().expect("a reason").contains(reason), "{one}, and not {reason}");
    }
    let printed = [output.stdout, output.stderr, report].concat();
    for secret in ["secret", "cid-value", "cst-value"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[tokio::test]
async fn records_that_contradict_each_other_are_all_skipped() {
    let world = World::new().await;
    let lines = [
        line("alice", "e1"),
        line("ALICE", "e2"),
        line("bob", "e3"),
        line("carol", "e3"),
        line("dave", "e4"),
        line("dave", "e4"),
    ];
    let file = world.file("users.jsonl", lines.join("\n"));
    let (code, result) = world.import(&[&file, "--yes", "--normalize", "nfc-lowercase"]).await;
    assert_eq!((code, &result["written"]), (1, &json!(1)), "{result}");
    let numbers: Vec<_> = skipped(&result).into_iter().map(|(_, numbers)| numbers).collect();
    assert_eq!(numbers, [json!([6]), json!([1, 2]), json!([3, 4])], "{result}");
}

#[tokio::test]
async fn a_broken_file_is_refused_without_its_values() {
    let world = World::new().await;
    let customer = world.customer(Api::V1).await;
    let value = Customer::value(&customer.cst);
    let half = world.file("half.json", format!("{{\"alice\": {{\"__lc_cst\": \"{value}\""));
    let list = world.file("list.json", format!("\"{value}\""));
    let other = world.file("other.sqlite", "SQLite format 3\0 and nothing more");
    let unknown = world.file("users.txt", "");
    for file in [half, list, other, unknown] {
        let output = world.import_as_text(&[&file, "--yes"]).await;
        let said = &output.stderr;
        assert_eq!(output.code, 2, "{said}");
        assert!(said.contains(&file) && !said.contains(&value), "{said}");
    }
    assert!(world.items().await.is_empty());
}

#[tokio::test]
async fn the_report_never_replaces_the_file() {
    let world = World::new().await;
    let text = line("alice", "e1");
    let file = world.file("users.jsonl", &text);
    std::fs::hard_link(&file, world.path("hard")).expect("a link");
    std::os::unix::fs::symlink(&file, world.path("soft")).expect("a link");
    for report in [&file, "./users.jsonl", "hard", "soft"] {
        for mode in ["--dry-run", "--yes"] {
            let output = world.import_as_text(&[&file, mode, "--report", report]).await;
            assert_eq!(output.code, 2, "{report}: {output:?}");
            assert!(output.stderr.contains("different files"), "{output:?}");
        }
    }
    let mut from_stdin = world.import_command(&["-", "--format", "lines", "--dry-run", "--report", "users.jsonl"]);
    from_stdin.stdin(std::fs::File::open(&file).expect("a file"));
    assert_eq!(from_stdin.status().await.expect("it runs").code(), Some(2));
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), text);
    assert!(world.items().await.is_empty());
}
