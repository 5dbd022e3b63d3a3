//! `cip logs`.

use crate::world::{World, serve};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// `printf %s 'user#alice' | openssl dgst -sha256 -hmac 'a key' | sed 's/.*= //' | cut -c 1-16`
const ALICE: &str = "e03351407b6b171a";
/// The same with the last part of the stack's id as the key.
const ALICE_IN_STACK: &str = "c61024d336e4ee0f";
const STACK_ID: &str =
    "arn:aws:cloudformation:eu-central-1:123456789012:stack/shop/0b2f6a10-1111-11f0-8888-0a0a0a0a0a0a";

fn line(subject: &str, timestamp: &str, outcome: &str) -> String {
    let mut line = json!({
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": []}, "timestamp": timestamp, "level": "INFO", "message": "call",
        "operation": "getToken", "request_id": format!("r-{timestamp}"), "release": "0.1.0", "subject": subject,
        "outcome": outcome, "Calls": 1, "Duration": 12.3, "DynamoDbTime": 4.2,
    });
    if outcome != "ok" {
        line["cause"] = json!("LiveChat did not respond");
    }
    line.to_string()
}

#[tokio::test]
async fn calls_in_a_file_are_shown_newest_first() {
    let world = World::new().await;
    let lines = [
        line(ALICE, "2026-01-01T10:00:00.000000Z", "ok"),
        "a line of another program".into(),
        r#"{"level":"INFO","message":"started"}"#.into(),
        line("0123456789abcdef", "2026-01-01T10:00:01.000000Z", "ok"),
        format!("2026-01-01T10:00:02.000Z {}", line(ALICE, "2026-01-01T10:00:02.000000Z", "livechat_unavailable")),
        line(ALICE, "2026-01-01T10:00:01.500000Z", "ok"),
    ];
    let path = world.file("log.jsonl", lines.join("\n"));
    let path = path.as_str();
    let key = [("SUBJECT_KEY", "a key")];
    let found = world.run(&["logs", "alice", "--file", path, "--json"], &key).await.json();
    let times: Vec<_> = found
        .as_array()
        .expect("a list")
        .iter()
        .map(|call| &call["timestamp"].as_str().expect("a time")[17..21])
        .collect();
    assert_eq!(times, ["02.0", "01.5", "00.0"]);
    let text = world.run(&["logs", "alice", "--file", path, "--limit", "1"], &key).await;
    assert_eq!(text.stdout.lines().count(), 1, "{text:?}");
    for part in ["livechat_unavailable", "LiveChat did not respond", "12 ms", "DynamoDB 4 ms"] {
        assert!(text.stdout.contains(part), "{part}: {text:?}");
    }
    let recent = world.run(&["logs", "alice", "--file", path, "--since", "1h"], &key).await;
    assert_eq!(recent.code, 1, "{recent:?}");
    let keyless = world.run(&["--table", "cip", "logs", "alice", "--file", path], &[]).await;
    assert_eq!(keyless.code, 2);
    assert!(keyless.stderr.contains("SUBJECT_KEY"), "{keyless:?}");
}

type Requests = Arc<Mutex<Vec<Value>>>;

/// AWS with one stack, and one search that takes two requests.
async fn aws(State(requests): State<Requests>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(target) = headers.get("x-amz-target").and_then(|target| target.to_str().ok()) else {
        let entry = |kind: &str, name: &str, value: &str| {
            format!("<member><{kind}Key>{name}</{kind}Key><{kind}Value>{value}</{kind}Value></member>")
        };
        let stack = format!(
            "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult>\
             <Stacks><member><StackId>{STACK_ID}</StackId><StackName>shop</StackName>\
             <CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>\
             <Outputs>{}</Outputs><Parameters>{}{}</Parameters></member></Stacks></DescribeStacksResult>\
             </DescribeStacksResponse>",
            entry("Output", "LogGroup", "/the/log/group"),
            entry("Parameter", "SubjectKey", ""),
            entry("Parameter", "UserIdNormalization", "nfc-lowercase"),
        );
        return ([(CONTENT_TYPE, "text/xml")], stack).into_response();
    };
    let mut requests = requests.lock().expect("no panic");
    requests.push(serde_json::from_slice(&body).expect("JSON"));
    let message = line(ALICE_IN_STACK, "2026-01-01T10:00:00.000000Z", "ok");
    let results = [[json!({"field": "@message", "value": message}), json!({"field": "@ptr", "value": "p"})]];
    let response = match (target, requests.len()) {
        ("Logs_20140328.StartQuery", 1) => json!({"queryId": "q"}),
        ("Logs_20140328.GetQueryResults", 2) => json!({"status": "Running", "results": []}),
        ("Logs_20140328.GetQueryResults", 3) => {
            json!({"status": "Complete", "results": results, "statistics": {"bytesScanned": 2_097_152.0}})
        }
        other => panic!("unexpected: {other:?}"),
    };
    ([(CONTENT_TYPE, "application/x-amz-json-1.1")], response.to_string()).into_response()
}

#[tokio::test]
async fn calls_of_a_stack_are_searched_in_its_log_group() {
    let world = World::new().await;
    let requests = Requests::default();
    let url = serve(Router::new().fallback(aws).with_state(Arc::clone(&requests))).await;
    let endpoints = [("AWS_ENDPOINT_URL_CLOUDFORMATION", url.as_str()), ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", &url)];
    let found = world.run(&["--stack", "shop", "logs", "ALICE", "--since", "2h", "--json"], &endpoints).await;
    assert_eq!(found.code, 0, "{found:?}");
    assert_eq!(found.json()[0]["request_id"], "r-2026-01-01T10:00:00.000000Z");
    assert!(found.stderr.contains("2.00 MiB"), "{found:?}");
    let start = requests.lock().expect("no panic")[0].clone();
    assert_eq!(start["logGroupName"], "/the/log/group");
    assert!(start["queryString"].as_str().is_some_and(|query| query.contains(ALICE_IN_STACK)), "{start}");
    let seconds = |name: &str| start[name].as_i64().expect("a number");
    assert!((7_200..=7_202).contains(&(seconds("endTime") - seconds("startTime"))), "{start}");
}
