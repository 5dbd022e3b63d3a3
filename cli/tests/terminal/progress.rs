//! Progress bars and colors: for people only.

use crate::world::World;
use std::process::Stdio;

async fn world() -> World {
    let world = World::new().await;
    for number in 0..30 {
        world.put(crate::table::items::item(&format!("user#{number}"), "identity", [])).await;
    }
    world
}

/// Slow enough for a bar to be drawn.
const SLOWLY: [&str; 3] = ["stats", "--read-units", "8"];

#[tokio::test(flavor = "multi_thread")]
async fn a_bar_is_drawn_on_a_terminal() {
    let world = world().await;
    let ended = world.terminal(&SLOWLY, &[]).end();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.shown.contains("Reading") && ended.shown.contains("/30"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_and_a_dumb_terminal_get_no_bar_and_no_control_characters() {
    let world = world().await;
    let piped = world.cip(&SLOWLY).await;
    assert_eq!((piped.code, piped.stderr.as_str()), (0, ""));
    assert!(!piped.stdout.contains('\u{1b}'), "{piped:?}");
    let dumb = world.terminal(&SLOWLY, &[("TERM", "dumb")]).end();
    assert!(!dumb.shown.contains("Reading") && !dumb.shown.contains('\u{1b}'), "{dumb:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_color_and_a_dumb_terminal_get_no_colors() {
    let world = world().await;
    let is_colored = |variables: &[(&str, &str)]| {
        let ended = world.terminal(&["doctor"], variables).end();
        assert!(ended.shown.contains("Time to live") || ended.shown.contains("table"), "{ended:?}");
        // "Select Graphic Rendition": ESC [ numbers m.
        let sequences = ended.shown.split("\u{1b}[").skip(1);
        sequences
            .map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'))
            .any(|rest| rest.starts_with('m'))
    };
    assert!(is_colored(&[]));
    assert!(!is_colored(&[("NO_COLOR", "1")]));
    assert!(!is_colored(&[("TERM", "dumb")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_enough_is_no_error() {
    let world = world().await;
    for arguments in [&["stats"][..], &["--help"], &["user", "show", "3"]] {
        let mut command = world.command(&[&["--table", crate::world::TABLE], arguments].concat());
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        // `output` would replace stdout.
        let ran =
            command.stdout(Stdio::from(writer)).spawn().expect("it starts").wait_with_output().await.expect("it ends");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!((ran.status.code(), said.as_ref()), (Some(0), ""), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_cannot_be_printed_is_an_error() {
    let world = world().await;
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
    let mut command = world.command(&["--table", crate::world::TABLE, "user", "export", "3"]);
    let ran = command.stdout(Stdio::from(full)).spawn().expect("it starts").wait_with_output().await.expect("it ends");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("The result cannot be printed"), "{said}");
}
