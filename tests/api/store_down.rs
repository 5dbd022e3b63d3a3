//! DynamoDB refusing, slow, or gone.

use crate::world::*;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const ALL: [Binary; 4] = [GetToken, GetFreshToken, HasToken, Invalidate];

#[tokio::test]
async fn a_database_that_refuses_is_named_as_such() {
    let world = World::new().await.with("TABLE_NAME", "no-such-table");
    for binary in ALL {
        assert_eq!(world.call(binary, "alice").await.problem(), (503, "store_unavailable".into()));
    }
    assert!(world.said().contains("ResourceNotFoundException"), "the log says why");
    assert_eq!(world.sandbox.calls().token, 0, "LiveChat is not asked for what cannot be kept");
}

#[tokio::test]
async fn a_database_that_is_gone_is_named_as_such() {
    let world = World::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    for binary in ALL {
        assert_eq!(world.call(binary, "alice").await.problem(), (503, "store_unavailable".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_not_waited_for_past_the_deadline() {
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let world = World::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", &url);
    for binary in ALL {
        let function = world.spawn(binary).await;
        let started = Instant::now();
        let answer = function.send_within(&http_api(binary, "alice", ""), Duration::from_secs(4)).await;
        assert_eq!(answer.problem(), (503, "store_unavailable".into()));
        assert!(started.elapsed() < Duration::from_secs(4));
    }
    drop(silent);
}

#[tokio::test]
async fn a_database_that_answers_nonsense_is_named_as_such() {
    // The sandbox's page is as good a nonsense as any.
    let world = World::new().await;
    let url = world.sandbox.url();
    let world = world.with("AWS_ENDPOINT_URL_DYNAMODB", &url);
    for binary in ALL {
        assert_eq!(world.call(binary, "alice").await.problem(), (503, "store_unavailable".into()));
    }
}
