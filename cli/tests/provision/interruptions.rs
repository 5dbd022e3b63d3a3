//! A run that is killed or interrupted.

use crate::provision::world::{World, result, said};
use serde_json::json;
use std::time::Duration;
use tokio::process::Child;

const COUNT: usize = 120;

async fn until_stored(world: &World, count: usize) {
    let wait = async {
        while world.stored().await.len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), wait).await.expect("the customers are stored");
}

/// Sends the signal of this name, with the system's own program.
async fn signal(child: &Child, name: &str) {
    let process = child.id().expect("it runs").to_string();
    let sent = tokio::process::Command::new("kill").args([format!("-{name}"), process]).status().await;
    assert!(sent.expect("it is sent").success());
}

#[tokio::test]
async fn a_killed_run_is_continued_without_a_second_customer_for_anybody_stored() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 20);
    let file = world.users(COUNT);
    let mut running = world.command(&[&file, "--yes", "--rate", "500", "--concurrency", "3"]).spawn().expect("it runs");
    until_stored(&world, 10).await;
    running.kill().await.expect("it was running");
    let before = world.stored().await;
    assert!(before.len() < COUNT, "the run was killed too late");

    let (code, done) = world.provision(&[&file]).await;
    assert_eq!((code, &done["existing"]), (0, &json!(before.len())), "{done}");
    let after = world.stored().await;
    assert_eq!(after.len(), COUNT);
    for (user, entity_id) in before {
        assert_eq!(after[&user], entity_id, "{user} has another customer");
    }
    // What LiveChat created for the calls in progress was not stored, as in a function that dies.
    let lost = usize::try_from(world.sandbox.customers()).expect("few") - COUNT;
    assert!(lost <= 3, "{lost} customers were lost");
}

#[tokio::test]
async fn an_interrupted_run_stores_what_was_in_progress() {
    for name in ["INT", "TERM", "HUP"] {
        let world = World::new().await;
        world.sandbox.set(|settings| settings.latency_ms = 100);
        let (file, output) = (world.users(COUNT), world.path("customers.jsonl"));
        let path = output.to_str().expect("a path");
        let running = world.command(&[&file, "--yes", "--rate", "500", "--output", path]).spawn().expect("it runs");
        until_stored(&world, 5).await;
        signal(&running, name).await;
        let run = running.wait_with_output().await.expect("it ends");
        let (code, done) = result(&run);
        assert_eq!(code, 130, "{}", said(&run));
        assert!(said(&run).contains("Run the command again"), "{}", said(&run));
        let stored = world.stored().await.len();
        assert!(stored < COUNT, "the run was interrupted too late");
        assert_eq!((&done["created"], &done["notDone"]), (&json!(stored), &json!(COUNT - stored)), "{done}");
        assert_eq!(world.sandbox.customers(), stored as u64, "each customer is stored");
        assert_eq!(std::fs::read_to_string(&output).expect("a file").lines().count(), stored);
        assert_eq!(std::fs::read_dir(world.folder.path()).expect("a folder").count(), 2, "users and customers");

        let (code, done) = world.provision(&[&file]).await;
        assert_eq!((code, &done["created"]), (0, &json!(COUNT - stored)), "{done}");
        assert_eq!(world.sandbox.customers(), COUNT as u64);
    }
}

#[tokio::test]
async fn a_second_interrupt_ends_calls_in_progress() {
    let world = World::new().await;
    world.sandbox.fail(sandbox::Fault::Hang, 4);
    let running = world.command(&[&world.users(COUNT), "--yes", "--rate", "500"]).spawn().expect("it runs");
    while world.sandbox.calls().token < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = std::time::Instant::now();
    signal(&running, "INT").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    signal(&running, "INT").await;
    let (code, done) = result(&running.wait_with_output().await.expect("it ends"));
    assert_eq!((code, &done["notDone"]), (130, &json!(COUNT)), "{done}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

/// The quota is that of a minute, so the user is tried again when it ends. The test does not wait for that.
#[tokio::test]
async fn a_user_with_more_groups_than_the_quota_allows_is_neither_failed_nor_called_for() {
    let world = World::new().await;
    let lines: Vec<_> = (0..5).map(|group| json!({"user": "alice", "group": group}).to_string()).collect();
    let mut command = world.command(&[&world.file("users.jsonl", lines.join("\n")), "--yes", "--rate", "500"]);
    let running = command.env("RENEWALS_PER_MINUTE", "2").spawn().expect("it runs");
    until_stored(&world, 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    signal(&running, "INT").await;
    let (code, done) = result(&running.wait_with_output().await.expect("it ends"));
    // More than two if the minute has just ended.
    let created = done["created"].as_u64().expect("a number");
    assert!(code == 130 && (2..=4).contains(&created), "{done}");
    assert_eq!((&done["skipped"], &done["livechatCalls"]), (&json!([]), &json!(created)), "{done}");
    assert_eq!(world.sandbox.customers(), created);
}

/// A refusal counts for a minute for the user who got it. The test does not wait for that.
#[tokio::test]
async fn a_refusal_that_is_remembered_for_one_user_does_not_stop_the_others() {
    let world = World::new().await;
    world.sandbox.fail(sandbox::Fault::OauthInvalidRequest, 1);
    let file = world.users(3);
    let run = world.run(&[&file, "--yes", "--concurrency", "1"]).await;
    assert_eq!((run.status.code(), world.sandbox.calls().token), (Some(3), 1), "{}", said(&run));

    // The site's owner has corrected the app at LiveChat, not the settings.
    let running = world.command(&[&file, "--yes", "--rate", "500"]).spawn().expect("it runs");
    until_stored(&world, 2).await;
    signal(&running, "INT").await;
    let (code, done) = result(&running.wait_with_output().await.expect("it ends"));
    assert_eq!((code, &done["created"], &done["notDone"]), (130, &json!(2), &json!(1)), "{done}");
}

/// `cip provision … 2>&1 | tee log`, and Ctrl-C: `tee` ends first.
#[tokio::test]
async fn customers_are_stored_even_if_nobody_reads_what_is_said() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 100);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = world.command(&[&world.users(COUNT), "--yes", "--rate", "500"]);
    let running = command.stderr(writer).spawn().expect("it runs");
    drop(command);
    until_stored(&world, 5).await;
    signal(&running, "INT").await;
    let (code, done) = result(&running.wait_with_output().await.expect("it ends"));
    let stored = world.stored().await.len();
    assert_eq!((code, &done["created"], world.sandbox.customers()), (130, &json!(stored), stored as u64), "{done}");

    let (_, writer) = std::io::pipe().expect("a pipe");
    world.sandbox.fail(sandbox::Fault::Http500, 1);
    let run = world.command(&[&world.file("other.txt", "alice"), "--yes"]).stderr(writer).output().await;
    assert_eq!(run.expect("it ran").status.code(), Some(0));
}
