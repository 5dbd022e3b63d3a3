//! Questions: only `yes` is a yes.

use crate::world::World;
use serde_json::json;

/// A world in which alice has a customer, and what the command asks before it deletes that.
async fn forgetting() -> World {
    let world = World::new().await;
    world.fresh("alice", None).await;
    world
}

const QUESTION: &str = "Type yes to continue: ";

#[tokio::test(flavor = "multi_thread")]
async fn yes_is_a_yes() {
    let world = forgetting().await;
    let ended = world.terminal(&["user", "forget", "alice"], &[]).expect(QUESTION).line("yes").end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.shown.contains("\"isComplete\":true"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_else_is_a_no() {
    let world = forgetting().await;
    let before = world.items().await;
    for answer in ["", "y", "YES", "no", "yes please", "\u{fe0f}yes"] {
        let ended = world.terminal(&["user", "forget", "alice"], &[]).expect(QUESTION).line(answer).end();
        assert_eq!(ended.code, 4, "{ended:?}");
        assert!(ended.shown.contains("cip: nothing was changed"), "{ended:?}");
    }
    assert_eq!(world.items().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_d_is_a_no_on_a_line_of_its_own() {
    let world = forgetting().await;
    let before = world.items().await;
    let ended = world.terminal(&["user", "forget", "alice"], &[]).expect(QUESTION).control('d').end();
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.shown.contains("\ncip: nothing was changed"), "{ended:?}");
    assert_eq!(world.items().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_command() {
    let world = forgetting().await;
    let before = world.items().await;
    let ended = world.terminal(&["user", "forget", "alice"], &[]).expect(QUESTION).control('c').end();
    assert_eq!((ended.code, ended.has_echo), (130, true), "{ended:?}");
    assert!(ended.shown.contains("\ncip: interrupted"), "{ended:?}");
    assert_eq!(world.items().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_shows_what_it_found_before_it_asks() {
    let world = World::new().await;
    let line = json!({"user": "alice", "entityId": "e1", "cid": "cid-value", "cst": "cst-value"}).to_string();
    let file = world.file("users.jsonl", [line.as_str(), "not JSON"].join("\n"));
    let refused = world.terminal(&["import", &file], &[]).expect(QUESTION).line("no").end();
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.shown.contains("2 records read") && refused.shown.contains("not a JSON object"), "{refused:?}");
    assert!(world.items().await.is_empty());
    let agreed = world.terminal(&["import", &file], &[]).expect(QUESTION).line("yes").end();
    assert_eq!((agreed.code, world.items().await.len()), (1, 1), "{agreed:?}");
    assert!(!agreed.shown.contains("cst-value"), "{agreed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_calls_livechat_only_after_a_yes() {
    let world = World::new().await;
    let settings: Vec<_> = world.environment().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let settings =
        [&settings[..], &["AUTH=hmac".into(), "HMAC_SECRET=01234567890123456789012345678901".into()]].concat();
    let file = world.file("settings.env", settings.join("\n"));
    let doctor = |answer: &str| {
        let mut terminal = world.terminal(&["doctor", "--env-file", &file], &[]);
        terminal.expect("Call LiveChat once").expect(QUESTION).line(answer).end()
    };
    let refused = doctor("no");
    assert_eq!(world.sandbox.calls().token, 0);
    assert!(refused.shown.contains("LiveChat was not called"), "{refused:?}");
    let agreed = doctor("yes");
    assert_eq!(world.sandbox.calls().token, 1, "{agreed:?}");
    assert!(agreed.shown.contains("LiveChat issued a token"), "{agreed:?}");
    let json = world.terminal(&["doctor", "--env-file", &file, "--json"], &[]).end();
    assert!(!json.shown.contains(QUESTION), "a program cannot answer: {json:?}");
}

/// The question is on stderr, which the person does not see.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_where_nobody_reads_it() {
    let world = forgetting().await;
    let before = world.items().await;
    let ended = world.terminal_of(r#""$0" "$@" 2>said"#, &["user", "forget", "alice"], &[]).end();
    assert_eq!(ended.code, 2, "{ended:?}");
    let said = std::fs::read_to_string(world.path("said")).expect("a file");
    assert!(said.contains("--yes"), "{said}");
    assert_eq!(world.items().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_as_before_after_a_signal_during_a_question() {
    let world = World::new().await;
    let settings: Vec<_> = world.environment().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let file = world.file(".env", settings.join("\n"));
    for (arguments, question) in
        [(&["agent", "login", "--env-file", &file][..], "Client id of"), (&["backup", "b.age"], "Passphrase: ")]
    {
        let mut terminal = world.terminal_of(r#"echo $$ >shell; "$0" "$@""#, arguments, &[]);
        terminal.expect(question);
        let shell = std::fs::read_to_string(world.path("shell")).expect("its process id");
        let sent = std::process::Command::new("pkill").args(["-TERM", "-x", "cip", "-P", shell.trim()]).status();
        assert!(sent.expect("it is sent").success());
        let ended = terminal.end();
        assert_eq!((ended.code, ended.has_echo), (143, true), "{ended:?}");
    }
}
