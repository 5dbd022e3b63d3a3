//! What `cargo local` says about calls: in the terminal, and to its page.

use crate::helpers::{Local, TestFolder, client, send};
use reqwest::{Method, StatusCode, header::ORIGIN};
use serde_json::Value;
use std::time::Duration;

/// The events of these calls, up to the last one's response.
async fn events(local: &Local, paths: &[&str]) -> Vec<Value> {
    let mut stream = send(client().get(format!("{}/dev/calls", local.api))).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    for path in paths {
        send(client().get(format!("{}{path}", local.api))).await;
    }
    let (mut text, mut seen) = (String::new(), 0);
    while seen < paths.len() {
        let chunk = tokio::time::timeout(Duration::from_secs(30), stream.chunk()).await.expect("an event in time");
        text.push_str(std::str::from_utf8(&chunk.expect("the stream").expect("no end")).expect("UTF-8"));
        seen = text.matches("\"type\":\"response\"").count();
    }
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|event| serde_json::from_str(event).expect("JSON"))
        .collect()
}

/// The ends of the steps of a call, such as `acquire: acquired, 1`.
fn steps(events: &[Value], call: u64) -> Vec<String> {
    let ends = events.iter().filter(|event| event["call"] == call && event["type"] == "end");
    ends.map(|end| {
        let lease = end["lease"].as_u64().map(|lease| format!(", {lease}")).unwrap_or_default();
        format!("{}: {}{lease}", end["step"].as_str().unwrap_or("?"), end["result"].as_str().unwrap_or("?"))
    })
    .filter(|step| !step.contains("circuit"))
    .collect()
}

#[tokio::test]
async fn the_page_sees_each_step_of_each_call() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &["--memory"]);
    let paths = ["/getToken/alice", "/getToken/alice", "/getFreshToken/alice", "/hasToken/alice", "/invalidate/alice"];
    let events = events(&local, &paths).await;
    for (call, expected) in [
        &["read: no token", "acquire: acquired, 1", "token: issued", "commit: committed, 1"][..],
        &["read: token, 1"],
        &["acquire: acquired, 2", "token: issued", "commit: committed, 2"],
        &["read: token"],
        &["drop: dropped"],
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(steps(&events, call as u64 + 1), expected, "{}", paths[call]);
    }
    let of_type =
        |wanted: &str| events.iter().filter(move |event| event["type"] == wanted).cloned().collect::<Vec<_>>();
    let begun = of_type("begin").len();
    assert!(begun > 0 && begun == of_type("end").len(), "{events:?}");
    let sources: Vec<_> = of_type("response").iter().map(|response| response["source"].clone()).collect();
    assert_eq!(sources[..3], ["fwd=miss", "hit", "fwd=request"]);
    assert!(of_type("response").iter().all(|response| response["user"] == "alice" && response["status"] == 200));
    let at_ms: Vec<_> = events.iter().map(|event| event["atMs"].as_f64().expect("ms")).collect();
    assert!(at_ms.is_sorted(), "{at_ms:?}");
}

/// Guards against: the timeline of a page waits for the end of such a call.
#[tokio::test]
async fn a_call_ends_although_its_client_has_gone() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &["--memory"]);
    let slow = client().patch(format!("{}/sandbox/settings", local.sandbox)).body(r#"{"latencyMs": 1500}"#);
    assert!(send(slow).await.status().is_success());
    let mut stream = send(client().get(format!("{}/dev/calls", local.api))).await;
    let gone = client().get(format!("{}/getToken/alice", local.api)).timeout(Duration::from_millis(300)).send().await;
    assert!(gone.expect_err("no response in time").is_timeout());
    let mut text = String::new();
    while !text.contains("\"type\":\"response\"") {
        let chunk = tokio::time::timeout(Duration::from_secs(30), stream.chunk()).await.expect("an event in time");
        text.push_str(std::str::from_utf8(&chunk.expect("the stream").expect("no end")).expect("UTF-8"));
    }
    assert!(text.contains("\"result\":\"committed\""), "{text}");
}

/// Guards against: after Ctrl+C, the process waits for the pages that are open.
#[cfg(unix)]
#[tokio::test]
async fn an_interrupt_ends_the_stream_and_the_process() {
    let folder = TestFolder::new();
    let mut local = Local::start(&folder.0, &["--memory"]);
    let mut stream = send(client().get(format!("{}/dev/calls", local.api))).await;
    let interrupt = std::process::Command::new("kill").args(["-INT", &local.process.id().to_string()]).status();
    assert!(interrupt.expect("it can be started").success());
    let end = tokio::time::timeout(Duration::from_secs(30), stream.chunk()).await.expect("the end in time");
    assert!(end.expect("a complete stream").is_none());
    drop(stream);
    let exited = tokio::task::spawn_blocking(move || local.process.wait().map(|status| status.success()));
    let exited = tokio::time::timeout(Duration::from_secs(30), exited).await.expect("the end of the process in time");
    assert!(exited.expect("no panic").expect("a child of this test"));
}

/// The events have the names of users.
#[tokio::test]
async fn only_its_own_page_sees_the_steps() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &["--memory"]);
    for origin in ["http://localhost:5173", "https://evil.test", "null"] {
        let refused = send(client().get(format!("{}/dev/calls", local.api)).header(ORIGIN, origin)).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    let same_site = client().get(format!("{}/dev/calls", local.api)).header("sec-fetch-site", "same-site");
    assert_eq!(send(same_site).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_call_is_one_short_line() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &["--memory"]);
    let before = local.output().lines().count();
    for path in ["/getToken/alice", "/getFreshToken/alice", "/invalidate/alice", "/nothing"] {
        send(client().get(format!("{}{path}", local.api))).await;
    }
    let output = local.output();
    let lines: Vec<_> = output.lines().skip(before).collect();
    for (line, parts) in lines.iter().zip([
        &["getToken", "alice", "200", "miss", "ms"][..],
        &["getFreshToken", "alice", "200", "fresh", "ms"],
        &["invalidate", "alice", "200", "dropped", "ms"],
        &["GET", "/nothing", "–", "404", "not_found", "ms", "no"],
    ]) {
        let words: Vec<_> = line.split_whitespace().collect();
        assert!(parts.iter().all(|part| words.contains(part)) && line.chars().count() < 100, "{line}");
    }
    assert_eq!(lines.len(), 4, "{output}");
}

#[tokio::test]
async fn the_log_can_be_that_of_the_functions() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &["--memory", "--log", "json"]);
    send(client().get(format!("{}/getToken/alice", local.api))).await;
    let output = local.output();
    let lines: Vec<Value> = output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(lines.len(), 1, "{output}");
    assert_eq!((&lines[0]["operation"], &lines[0]["outcome"]), (&"getToken".into(), &"ok".into()));
    assert!(!output.contains("alice"), "{output}");
}

/// Guards against: the page says "Failed to fetch", and nobody says why.
#[tokio::test]
async fn a_refused_preflight_is_explained() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &["--memory"]);
    let preflight = client()
        .request(Method::OPTIONS, format!("{}/getToken/alice", local.api))
        .header(ORIGIN, "http://localhost:8055")
        .header("access-control-request-method", "GET");
    send(preflight).await;
    let output = local.output();
    let why = "origin http://localhost:8055 is not in ALLOWED_ORIGINS: start again with ALLOWED_ORIGINS=http://localhost:8055";
    assert_eq!(output.matches(why).count(), 1, "{output}");
    assert!(!output.contains("OPTIONS"), "a preflight is not a call: {output}");
}
