//! The passphrase of a backup, as a person types it.

use super::Ended;
use crate::world::World;

const PASSPHRASE: &str = "correct horse battery staple";

async fn world() -> World {
    let world = World::new().await;
    world.fresh("alice", None).await;
    world
}

fn back_up(world: &World, first: &str, second: &str) -> Ended {
    let mut terminal = world.terminal(&["backup", "b.age"], &[]);
    terminal.expect("Passphrase: ").line(first).expect("Repeat the passphrase: ").line(second).end()
}

/// The files of the test, hidden ones too.
fn files(world: &World) -> usize {
    std::fs::read_dir(world.folder.path()).expect("a folder").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_passphrase_is_not_shown_and_opens_the_backup() {
    let world = world().await;
    let ended = back_up(&world, PASSPHRASE, PASSPHRASE);
    assert_eq!((ended.code, ended.has_echo), (0, true), "{ended:?}");
    assert!(!ended.shown.contains("horse"), "{ended:?}");
    let ended = world.terminal(&["restore", "b.age", "--dry-run"], &[]).expect("Passphrase: ").line(PASSPHRASE).end();
    assert_eq!((ended.code, ended.has_echo), (0, true), "{ended:?}");
    assert!(!ended.shown.contains("horse") && ended.shown.contains("b.age is complete"), "{ended:?}");
    let wrong =
        world.terminal(&["restore", "b.age", "--dry-run"], &[]).expect("Passphrase: ").line("wrong horse").end();
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(!wrong.shown.contains("horse"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_that_is_empty_or_mistyped_the_second_time_is_refused() {
    let world = world().await;
    let ended = back_up(&world, PASSPHRASE, "correct horse battery stable");
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.shown.contains("differ") && !ended.shown.contains("horse"), "{ended:?}");
    let ended = world.terminal(&["backup", "b.age"], &[]).expect("Passphrase: ").line("").end();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.shown.contains("12 characters"), "{ended:?}");
    assert_eq!(files(&world), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_and_ctrl_d_leave_a_terminal_that_shows_what_is_typed() {
    let world = world().await;
    for (key, code) in [('c', 130), ('d', 4)] {
        let ended = world.terminal(&["backup", "b.age"], &[]).expect("Passphrase: ").control(key).end();
        assert_eq!((ended.code, ended.has_echo), (code, true), "{ended:?}");
    }
    assert_eq!(files(&world), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_backup_leaves_no_file() {
    let world = world().await;
    for number in 0..40 {
        world.put(crate::table::items::item(&format!("user#{number}"), "identity", [])).await;
    }
    // One unit a second: it reads until it is interrupted.
    let passphrase = world.file("passphrase", PASSPHRASE);
    let arguments = ["backup", "b.age", "--read-units", "1", "--passphrase-file", &passphrase];
    let mut terminal = world.terminal(&arguments, &[]);
    terminal.expect("Reading");
    while files(&world) < 2 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let ended = terminal.control('c').end();
    assert_eq!((ended.code, ended.has_echo), (130, true), "{ended:?}");
    assert_eq!(files(&world), 1, "only the passphrase's");
}
