//! A killed run, and a DynamoDB that throttles or cannot be reached.

use crate::world::{Ran, World, listener};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
};

fn lines(count: usize) -> String {
    let line =
        |n| json!({"user": format!("user-{n}"), "entityId": format!("e{n}"), "cid": "c", "cst": "s"}).to_string();
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_killed_run_is_continued_by_the_next_one() {
    let world = World::new().await;
    let count = 2_000;
    let file = world.file("users.jsonl", lines(count));
    let mut running = world.import_command(&[&file, "--yes", "--concurrency", "2"]).spawn().expect("it runs");
    while world.items().await.len() < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.kill().await.expect("it was running");
    let done = world.items().await.len();
    assert!(done < count, "the run was killed too late");

    let (code, result) = world.import(&[&file, "--yes"]).await;
    assert_eq!((code, &result["unchanged"], &result["written"]), (0, &json!(done), &json!(count - done)), "{result}");
    assert_eq!(world.items().await.len(), count);
}

/// A database that serves one request on its first connection, throttles each request on the next ones, up to the `last` one, and then
/// works again.
async fn throttling(database: &str, last: usize) -> String {
    let listener = listener().await;
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let database = database.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        for number in 0.. {
            let (mut caller, _) = listener.accept().await.expect("a connection");
            let mut database = TcpStream::connect(&database).await.expect("a connection");
            tokio::spawn(async move {
                if number == 0 {
                    forward_once(&mut caller, &mut database).await?;
                    forward_once(&mut database, &mut caller).await
                } else if number <= last {
                    throttle(&mut caller).await
                } else {
                    copy_bidirectional(&mut caller, &mut database).await.map(drop)
                }
            });
        }
    });
    url
}

/// Forwards a small message, which arrives in one piece.
async fn forward_once(from: &mut TcpStream, to: &mut TcpStream) -> std::io::Result<()> {
    let mut message = vec![0; 16_384];
    let length = from.read(&mut message).await?;
    to.write_all(&message[..length]).await
}

async fn throttle(caller: &mut TcpStream) -> std::io::Result<()> {
    const BODY: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"too fast"}"#;
    let _ = caller.read(&mut vec![0; 16_384]).await?;
    let head = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0";
    let length = BODY.len();
    caller.write_all(format!("{head}\r\nContent-Length: {length}\r\n\r\n{BODY}").as_bytes()).await
}

#[tokio::test]
async fn throttled_writes_are_repeated() {
    let world = World::new().await;
    let file = world.file("users.jsonl", lines(40));
    // The SDK tries each of the 40 writes three times, and then gives up.
    let url = throttling(&world.dynamodb_url, 200).await;
    let output = world.import_command(&[&file, "--yes", "--json"]).env("AWS_ENDPOINT_URL_DYNAMODB", url).output().await;
    let output: Ran = output.expect("it runs").into();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(world.items().await.len(), 40);
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_said_at_once() {
    let world = World::new().await;
    let file = world.file("users.jsonl", lines(2));
    let output =
        world.import_command(&[&file, "--yes"]).env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1").output();
    let output = tokio::time::timeout(Duration::from_secs(20), output).await.expect("it ends").expect("it runs");
    let output = Ran::from(output);
    assert_eq!(output.code, 3, "{}", output.stderr);
}
