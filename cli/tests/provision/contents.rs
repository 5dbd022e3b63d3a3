//! What a file may hold, and what is left out of it.

use crate::provision::world::{World, result, said};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;

/// The reports of the skipped records, by line.
fn reported(report: &str) -> Vec<Value> {
    let mut reported: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    reported.sort_by_key(|one| one["line"].as_u64());
    reported
}

#[tokio::test]
async fn lines_that_are_no_user_are_reported_with_number_and_reason() {
    let world = World::new().await;
    let long = "x".repeat(257);
    let endless = "y".repeat(70_000);
    let cases: [(&[u8], &str); 10] = [
        (b"\xef\xbb\xbfalice\r", ""),
        (b"", ""),
        (b"bob ", "space"),
        (b"\xff\xfe", "UTF-8"),
        (long.as_bytes(), "257 bytes"),
        (endless.as_bytes(), "64 KiB"),
        (b"a\tb", "control character"),
        ("a\u{9b}2J".as_bytes(), "control character"),
        (b"alice", "repeats"),
        ("zo\u{eb}".as_bytes(), ""),
    ];
    let file = world.file("users.txt", cases.map(|(line, _)| line).join(&b'\n'));
    let report = world.path("skipped.jsonl");
    let (code, done) = world.provision(&[&file, "--report", report.to_str().expect("a path")]).await;
    assert_eq!((code, &done["created"], &done["records"]), (1, &json!(2), &json!(9)), "{done}");
    let mut stored: Vec<_> = world.stored().await.into_keys().collect();
    stored.sort_unstable();
    assert_eq!(stored, ["user#alice", "user#zo\u{eb}"]);
    let report = std::fs::read_to_string(report).expect("a report");
    assert!(!report.contains('\u{9b}'), "{report:?}");
    let reported = reported(&report);
    let expected: Vec<_> = (1..).zip(&cases).filter(|(_, (_, reason))| !reason.is_empty()).collect();
    assert_eq!(reported.len(), expected.len());
    for (one, (number, (_, reason))) in reported.iter().zip(expected) {
        assert_eq!(one["line"], number);
        assert!(one["reason"].as_str().expect("a reason").contains(reason), "{one}, and not {reason}");
    }
}

#[tokio::test]
async fn objects_that_are_no_user_are_reported_with_number_and_reason() {
    let world = World::new().await;
    let hash = "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9";
    let cases = [
        (r#"{"user": "alice", "group": 3}"#.to_owned(), ""),
        (r#"{"user": "bob", "group": 4}"#.into(), "GROUPS"),
        (format!(r#"{{"guestIdHash": "{hash}"}}"#), "guest"),
        (format!(r#"{{"user": "alice", "guestIdHash": "{hash}"}}"#), "guest"),
        (r#"{"user": "bob", "name": "Bob"}"#.into(), "a field that"),
        (r#"{"user": 7}"#.into(), "`user`"),
        (r#"{"group": 3}"#.into(), "`user`"),
        (r#"{"user": "bob", "group": -1}"#.into(), "`group`"),
        (r#"{"user": "bob", "issuer": "a#b"}"#.into(), "issuer"),
        (r#"{"user": ""}"#.into(), "empty"),
        (r#"{"user": "bob""#.into(), "not a JSON object"),
        ("carol".into(), "not a JSON object"),
        (r#"{"user": "ALICE", "group": 3}"#.into(), "repeats"),
    ];
    let text: Vec<_> = cases.iter().map(|(line, _)| line.as_str()).collect();
    let file = world.file("users.list", text.join("\n"));
    let report = world.path("skipped.jsonl");
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cip"));
    let local = format!("--local={}", world.local_url);
    command.args(["provision", &file, &local, "--yes", "--json", "--report"]).arg(&report);
    let (code, done) = result(&world.finish(command).await);
    assert_eq!((code, &done["created"], world.sandbox.customers()), (1, &json!(1), 1), "{done}");
    assert_eq!(world.stored().await.into_keys().collect::<Vec<_>>(), ["user#alice group#3"]);
    let reported = reported(&std::fs::read_to_string(report).expect("a report"));
    assert_eq!(reported.len(), cases.len() - 1);
    for ((number, (_, reason)), one) in (1..).zip(&cases).skip(1).zip(&reported) {
        assert_eq!(one["line"], number);
        assert!(one["reason"].as_str().expect("a reason").contains(reason), "{one}, and not {reason}");
    }
}

#[tokio::test]
async fn groups_are_refused_before_a_call_if_the_api_has_none() {
    let world = World::new().await;
    let file = world.file("users.jsonl", r#"{"user": "alice", "group": 3}"#);
    let mut command = world.command(&[&file, "--yes"]);
    let license = world.sandbox.app().license_id.to_string();
    command.env_remove("LIVECHAT_ORGANIZATION_ID").env("LIVECHAT_LICENSE_ID", license);
    let (code, done) = result(&world.finish(command).await);
    assert_eq!((code, world.sandbox.calls().token), (1, 0), "{done}");
    assert!(done["skipped"][0]["reason"].as_str().expect("a reason").contains("LIVECHAT_ORGANIZATION_ID"), "{done}");
}

#[tokio::test]
async fn a_file_of_another_kind_is_refused_before_a_call() {
    let world = World::new().await;
    let utf16: Vec<u8> = "\u{feff}alice\nbob\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for file in [
        world.file("array.json", r#"[{"user": "alice"}]"#),
        world.file("quoted.csv", "\"alice\",\"bob\"\n"),
        world.file("utf16.txt", utf16),
        world.file("other.sqlite", "SQLite format 3\0 and more"),
        world.path("missing.txt").to_string_lossy().into_owned(),
        world.path("").to_string_lossy().into_owned(),
    ] {
        let run = world.run(&[&file, "--yes"]).await;
        assert_eq!(run.status.code(), Some(2), "{file}: {}", said(&run));
        assert!(said(&run).contains(&file), "{}", said(&run));
    }
    assert_eq!((world.sandbox.calls().token, world.items().await.len()), (0, 0));
}

#[tokio::test]
async fn an_empty_file_is_done_at_once() {
    let world = World::new().await;
    for content in ["", "\n \r\n"] {
        let (code, done) = world.provision(&[&world.file("users.txt", content)]).await;
        assert_eq!((code, &done["records"], &done["created"]), (0, &json!(0), &json!(0)), "{done}");
    }
}

#[tokio::test]
async fn users_are_read_from_stdin_but_an_answer_is_not() {
    let world = World::new().await;
    let run = world.run(&["-"]).await;
    assert_eq!(run.status.code(), Some(2));
    assert!(said(&run).contains("--yes"), "{}", said(&run));

    let mut child = world.command(&["-", "--yes"]).stdin(Stdio::piped()).spawn().expect("it runs");
    child.stdin.take().expect("stdin").write_all(b"alice\nbob").await.expect("it reads");
    let (code, done) = result(&child.wait_with_output().await.expect("it ends"));
    assert_eq!((code, &done["created"], world.sandbox.customers()), (0, &json!(2), 2), "{done}");
}

#[tokio::test]
async fn the_file_with_the_users_is_not_overwritten() {
    let world = World::new().await;
    let file = world.users(2);
    for option in ["--output", "--report"] {
        let run = world.run(&[&file, "--yes", option, &file]).await;
        assert_eq!(run.status.code(), Some(2), "{}", said(&run));
    }
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "user-0\nuser-1");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_found_before_a_call() {
    let world = World::new().await;
    let path = world.path("no-folder/customers.jsonl");
    for option in ["--output", "--report"] {
        let run = world.run(&[&world.users(2), "--yes", option, path.to_str().expect("a path")]).await;
        assert_eq!((run.status.code(), world.sandbox.calls().token), (Some(2), 0), "{}", said(&run));
    }
}

#[tokio::test]
async fn an_output_that_is_no_file_is_neither_replaced_nor_written() {
    let world = World::new().await;
    let (pipe, dangling) = (world.path("pipe"), world.path("dangling"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    std::os::unix::fs::symlink(world.path("nowhere"), &dangling).expect("a link");
    for output in [&pipe, &dangling, &world.path("")] {
        let before = output.symlink_metadata().expect("there").file_type();
        for mode in ["--dry-run", "--yes"] {
            let run = world.run(&[&world.users(2), mode, "--output", output.to_str().expect("a path")]).await;
            assert_eq!(run.status.code(), Some(2), "{output:?}: {}", said(&run));
            assert!(said(&run).contains("cannot be used"), "{}", said(&run));
        }
        assert_eq!(output.symlink_metadata().expect("there").file_type(), before);
    }
    assert_eq!((world.sandbox.calls().token, world.path("nowhere").exists()), (0, false));
}

#[tokio::test]
async fn the_target_of_a_link_is_replaced_and_the_link_stays() {
    let world = World::new().await;
    let link = world.path("link");
    std::os::unix::fs::symlink(world.file("customers.jsonl", "of an earlier run"), &link).expect("a link");
    let (code, done) = world.provision(&[&world.users(2), "--output", link.to_str().expect("a path")]).await;
    assert_eq!(code, 0, "{done}");
    assert!(link.symlink_metadata().expect("there").is_symlink());
    assert_eq!(std::fs::read_to_string(world.path("customers.jsonl")).expect("a file").lines().count(), 2);
}

#[tokio::test]
async fn a_file_that_stdin_or_stdout_uses_is_not_written() {
    let world = World::new().await;
    let users = world.users(2);
    let mut from_stdin = world.command(&["-", "--yes", "--report", &users]);
    from_stdin.stdin(std::fs::File::open(&users).expect("a file"));
    assert_eq!(from_stdin.status().await.expect("it runs").code(), Some(2));
    assert_eq!(std::fs::read_to_string(&users).expect("a file"), "user-0\nuser-1");
    let result = world.path("result.json");
    for option in ["--output", "--report"] {
        let mut to_stdout = world.command(&[&users, "--yes", option, "result.json"]);
        to_stdout.stdin(Stdio::null()).stdout(std::fs::File::create(&result).expect("a file"));
        assert_eq!(to_stdout.status().await.expect("it runs").code(), Some(2), "{option}");
    }
    assert_eq!(world.sandbox.calls().token, 0);
}
