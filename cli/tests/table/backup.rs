use super::items::{SECRET, item, map, now_ms, number, text, token};
use crate::world::{Item, Ran, World};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const PASSPHRASE: &str = "a long passphrase\n";

async fn back_up(world: &World, name: &str) -> (String, Ran) {
    let (file, passphrase) = (world.path(name).to_string_lossy().into_owned(), world.file("passphrase", PASSPHRASE));
    let ran = world.cip_local(&["backup", &file, "--passphrase-file", &passphrase, "--json"]).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    (file, ran)
}

async fn restore(world: &World, file: &str, more: &[&str]) -> Ran {
    let passphrase = world.file("passphrase", PASSPHRASE);
    world.cip_local(&[&["restore", file, "--json", "--passphrase-file", &passphrase], more].concat()).await
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn customer(item: &Item) -> Option<&str> {
    item.get("entityId").and_then(|id| id.as_s().ok()).map(String::as_str)
}

#[tokio::test(flavor = "multi_thread")]
async fn users_keep_their_customers_after_a_loss_of_the_table() {
    let world = World::new().await;
    let before = world.call("getToken", "alice").await;
    world.call("getToken", "alice?group=3").await;
    let (file, ran) = back_up(&world, "b.age").await;
    assert_eq!(ran.json()["items"], 2, "the count of the group's renewals is left out");
    world.delete_all().await;
    let ran = restore(&world, &file, &["--yes"]).await;
    assert_eq!((ran.code, &ran.json()["restored"]), (0, &2.into()), "{}", ran.stderr);
    let created = world.sandbox.customers();
    let after = world.call("getToken", "alice").await;
    assert_eq!(after["entityId"], before["entityId"]);
    assert_ne!(after["accessToken"], before["accessToken"], "a caller may have had a newer token than the backup's");
    assert_eq!(world.sandbox.customers(), created);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_token_is_neither_backed_up_nor_touched_by_a_restore() {
    let world = World::new().await;
    let (pk, sk) = (("pk".to_owned(), text("livechat")), ("sk".to_owned(), text("agentToken")));
    let agent = Item::from([pk, sk, ("token".to_owned(), token(1)), ("leaseSeq".to_owned(), number(3))]);
    world.put(agent.clone()).await;
    world.put(item("user#alice", "identity", [])).await;
    let (file, ran) = back_up(&world, "b.age").await;
    assert_eq!(ran.json()["items"], 1, "alice alone");
    let ran = restore(&world, &file, &["--yes"]).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = world.cip_local(&["user", "forget", "alice", "--yes", "--keep-tokens"]).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(world.items().await, [agent]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_readable_for_its_owner_only_and_encrypted() {
    let world = World::new().await;
    world.put(item("user#alice", "identity", [])).await;
    let (file, _) = back_up(&world, "b.age").await;
    let content = fs::read(&file).expect("a file");
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(content.starts_with(b"age-encryption.org/v1\n-> scrypt "));
    let has = |text: &str| content.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!has(SECRET) && !has("alice"));
    assert_eq!(names(world.folder.path()), ["b.age", "passphrase"], "no temporary file is left");
    let again = world.cip_local(&["backup", &file, "--passphrase-file", &world.file("passphrase", PASSPHRASE)]).await;
    assert_eq!(again.code, 2, "an existing file is kept: {}", again.stderr);
    assert_eq!(fs::read(&file).expect("a file"), content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_interrupted_can_be_repeated() {
    let world = World::new().await;
    for user in 0..20 {
        world.put(item(&format!("user#{user}"), "identity", [])).await;
    }
    let (file, _) = back_up(&world, "b.age").await;
    for user in 0..8 {
        let key = Item::from([("pk".into(), text(&format!("user#{user}"))), ("sk".into(), text("identity"))]);
        world.dynamodb.delete_item().table_name(crate::world::TABLE).set_key(Some(key)).send().await.expect("deleted");
    }
    let first = restore(&world, &file, &["--yes"]).await.json();
    assert_eq!((&first["restored"], &first["same"]), (&8.into(), &12.into()));
    let items = world.items().await;
    let second = restore(&world, &file, &["--yes"]).await.json();
    assert_eq!((&second["restored"], &second["same"]), (&0.into(), &20.into()));
    assert!(items.iter().all(|item| customer(item).is_some()) && world.items().await == items);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_came_back_meanwhile_keeps_the_new_customer() {
    let world = World::new().await;
    world.put(item("user#alice", "identity", [("entityId", text("old"))])).await;
    let (file, _) = back_up(&world, "b.age").await;
    world.put(item("user#alice", "identity", [("entityId", text("new"))])).await;
    let ran = restore(&world, &file, &["--yes"]).await;
    assert_eq!((ran.code, &ran.json()["taken"]), (1, &1.into()));
    assert_eq!(world.items().await.first().and_then(customer), Some("new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_and_a_token_are_not_restored_but_the_token_can_still_be_revoked() {
    let world = World::new().await;
    let listed = map([("accessToken", text(SECRET)), ("ends", number(now_ms() + 1_000_000)), ("seq", number(3))]);
    let more = [
        ("token", token(1)),
        ("outstanding", map([("3", listed)])),
        ("leaseUntil", number(now_ms() + 10_000)),
        ("leaseOwner", text("o")),
    ];
    world.put(item("user#alice", "identity", more)).await;
    let (file, _) = back_up(&world, "b.age").await;
    world.delete_all().await;
    restore(&world, &file, &["--yes"]).await;
    let items = world.items().await;
    let item = items.first().expect("an item");
    assert!(!item.contains_key("token") && !item.contains_key("leaseUntil"));
    assert_eq!(item.get("leaseSeq"), Some(&number(3)));
    assert!(item["outstanding"].as_m().expect("a map").contains_key("3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_passphrase_and_a_damaged_file_are_told_apart_and_change_nothing() {
    let world = World::new().await;
    for user in 0..300 {
        world.put(item(&format!("user#{user}"), "identity", [("other", text(&format!("{user}").repeat(300)))])).await;
    }
    let (file, _) = back_up(&world, "b.age").await;
    world.delete_all().await;
    let wrong = world.file("wrong", "another passphrase\n");
    let ran = world.cip_local(&["restore", &file, "--yes", "--passphrase-file", &wrong]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("The passphrase is not that of"), "{}", ran.stderr);
    let content = fs::read(&file).expect("a file");
    let altered = |at: usize| {
        let mut content = content.clone();
        content[at] ^= 1;
        content
    };
    let end = content.len();
    let more = [&content[..], b"x"].concat();
    for (name, content) in [
        ("cut at the end", &content[..end - 1]),
        ("cut in the middle", &content[..end / 2]),
        ("cut before the first item", &content[..250]),
        ("cut in the header", &content[..60]),
        ("altered in the middle", &altered(end / 2)),
        ("altered at the end", &altered(end - 1)),
        ("longer", &more),
    ] {
        let damaged = world.path("damaged");
        fs::write(&damaged, content).expect("written");
        let ran = restore(&world, &damaged.to_string_lossy(), &["--yes"]).await;
        assert_eq!(ran.code, 2, "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains("truncated"), "{name}: {}", ran.stderr);
    }
    assert!(world.items().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_without_a_confirmation_or_in_a_dry_run() {
    let world = World::new().await;
    world.put(item("user#alice", "identity", [])).await;
    world.put(item("user#bob", "identity", [("cookies", text("malformed"))])).await;
    let (file, _) = back_up(&world, "b.age").await;
    world.delete_all().await;
    let ran = restore(&world, &file, &[]).await;
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    let ran = restore(&world, &file, &["--dry-run"]).await;
    assert_eq!((ran.code, &ran.json()["restored"]), (1, &1.into()), "an item is malformed");
    assert!(world.items().await.is_empty());
    let ran = world.cip_local(&["backup", &world.path("none.age").to_string_lossy(), "--dry-run"]).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!world.path("none.age").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_passphrase_is_refused() {
    let world = World::new().await;
    let short = world.file("short", "short\n");
    let ran = world.cip_local(&["backup", &world.path("b.age").to_string_lossy(), "--passphrase-file", &short]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("12 characters"), "{}", ran.stderr);
    assert_eq!(names(world.folder.path()), ["short"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_tried_before_anybody_types_a_passphrase() {
    let world = World::new().await;
    std::os::unix::fs::symlink(world.path("nowhere"), world.path("link")).expect("a link");
    let refused = [
        (["restore", "missing.age"], "missing.age"),
        (["backup", "no-folder/b.age"], "no-folder/b.age"),
        (["backup", "link"], "exists"),
    ];
    for (arguments, words) in refused {
        let ran = world.cip(&arguments).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains(words) && !ran.stderr.contains("passphrase"), "{ran:?}");
    }
    assert_eq!(names(world.folder.path()), ["link"]);
}

/// A terminal that is closed ends a command, unless `nohup` has started it.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_leaves_no_file_and_is_ignored_after_nohup() {
    let world = World::new().await;
    for number in 0..30 {
        world.put(item(&format!("user#{number}"), "identity", [])).await;
    }
    world.file("passphrase", PASSPHRASE);
    for (before, units, code) in [("", "1", 129), ("trap '' HUP;", "8", 0)] {
        let script = format!("{before} exec \"$0\" \"$@\"");
        let cip = env!("CARGO_BIN_EXE_cip");
        let arguments = ["--table", "cip", "backup", "b.age", "--read-units", units, "--passphrase-file", "passphrase"];
        let mut command = tokio::process::Command::new("/bin/sh");
        command.args(["-c", &script, cip]).args(arguments).env_clear().envs(world.environment());
        let running = command.current_dir(world.folder.path()).kill_on_drop(true).spawn().expect("it runs");
        while names(world.folder.path()).len() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let process = running.id().expect("it runs").to_string();
        let sent = tokio::process::Command::new("kill").args(["-HUP", &process]).status().await;
        assert!(sent.expect("it is sent").success());
        let ended = running.wait_with_output().await.expect("it ends");
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        let files: &[&str] = if code == 0 { &["b.age", "passphrase"] } else { &["passphrase"] };
        assert_eq!(names(world.folder.path()), files);
    }
}
