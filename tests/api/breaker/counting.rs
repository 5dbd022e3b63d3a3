//! What LiveChat's responses, or their absence, do to the gate.

use super::{DOWN, MOST};
use crate::world::*;
use sandbox::Fault;
use std::{collections::HashMap, time::Duration};
use tokio::task::JoinSet;

#[tokio::test]
async fn the_gate_is_not_written_while_livechat_responds_in_time() {
    for _ in 0..10 {
        let world = World::new().await;
        for n in 0..10 {
            for binary in [GetToken, GetFreshToken] {
                world.call(binary, &format!("user-{n}")).await.token();
            }
        }
        let gate = world.gate().await;
        if !world.was_ever_late() {
            assert_eq!(gate, HashMap::new());
            return;
        }
    }
    panic!("this machine is too slow to tell");
}

#[tokio::test]
async fn the_gate_is_not_written_for_fast_errors() {
    let fast = [Fault::Http500, Fault::Http429, Fault::Html, Fault::OauthInvalidRequest, Fault::ResetBefore];
    for _ in 0..10 {
        let world = World::new().await;
        for (n, fault) in fast.into_iter().enumerate() {
            world.sandbox.fail(fault, 2);
            for call in 0..2 {
                assert!([502, 503].contains(&world.call(GetToken, &format!("user-{n}-{call}")).await.status()));
            }
        }
        let gate = world.gate().await;
        if !world.was_ever_late() {
            assert_eq!((gate, world.sandbox.calls().token), (HashMap::new(), 10));
            return;
        }
    }
    panic!("this machine is too slow to tell");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_call_is_counted_until_livechat_responds() {
    let world = World::new().await;
    // Longer than usual, and shorter than the time-out.
    world.sandbox.set(|settings| settings.latency_ms = 2_000);
    let call = world.spawn(GetToken).await.call_in_background("alice");
    world.until_unanswered(1).await;
    assert_eq!(world.sandbox.customers(), 0, "the call still waits");
    call.await.expect("a response").token();
    assert_eq!(world.unanswered().await, 0);
    assert_eq!(world.sandbox.calls().token, 1);
}

#[tokio::test]
async fn a_call_without_a_response_stays_counted() {
    let world = World::new().await;
    world.sandbox.fail(Fault::Hang, 1);
    assert_eq!(world.call(GetToken, "alice").await.problem(), DOWN);
    assert_eq!(world.unanswered().await, 1);
    // From then on, calls are counted before they are sent, and any response resets the count.
    world.sandbox.fail(Fault::Http503, 1);
    assert_eq!(world.call(GetToken, "bob").await.problem(), DOWN);
    assert_eq!(world.unanswered().await, 0);
}

#[tokio::test]
async fn a_broken_connection_does_not_count_as_unanswered() {
    let world = World::new().await;
    world.calls_are_unanswered(2, 0).await;
    world.sandbox.fail(Fault::ResetBefore, 1);
    assert_eq!(world.call(GetToken, "alice").await.problem(), DOWN);
    assert_eq!(world.unanswered().await, 2);
}

#[tokio::test]
async fn a_hang_for_an_unknown_group_is_not_evidence_of_an_outage() {
    let world = World::new().await;
    world.sandbox.fail_group(Fault::Hang, 2, 7);
    assert_eq!(world.call_group(GetToken, "alice", "7").await.problem(), DOWN);
    assert_eq!(world.gate().await, HashMap::new());
    // While other calls are unanswered, it is counted before it is sent, and uncounted when it gets no response.
    world.calls_are_unanswered(2, 0).await;
    assert_eq!(world.call_group(GetToken, "alice", "7").await.problem(), DOWN);
    assert_eq!(world.unanswered().await, 2);
    world.call_group(GetToken, "alice", "7").await.token();
    assert_eq!(world.unanswered().await, 0);
}

#[tokio::test]
async fn a_hang_for_a_known_group_is_evidence_of_an_outage() {
    let world = World::new().await;
    world.call_group(GetToken, "alice", "7").await.token();
    world.sandbox.fail_group(Fault::Hang, 1, 7);
    assert_eq!(world.call_group(GetFreshToken, "alice", "7").await.problem(), DOWN);
    assert_eq!(world.unanswered().await, 1);
}

/// One caller requests a group for which LiveChat has this fault, while 30 others come for the first time.
async fn one_caller_beside_others(fault: Fault) {
    const OTHERS: usize = 30;
    const GROUP: u64 = 4_000_000_000;
    let world = World::new().await.with("RENEWALS_PER_MINUTE", "10").with("RUST_LOG", "info");
    world.sandbox.fail_group(fault, 1_000, GROUP);
    let failing = world.spawn_each([GetToken; 4]).await;
    let function = world.spawn(GetToken).await;
    let mut callers = JoinSet::new();
    for failing in failing {
        callers.spawn(async move {
            for _ in 0..10 {
                failing.send(&http_api(GetToken, "failing", &format!("group={GROUP}"))).await;
            }
        });
    }
    for n in 0..OTHERS {
        function.call(&format!("user-{n}")).await.token();
    }
    callers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_for_one_callers_group_do_not_affect_other_users() {
    for fault in [Fault::Http503, Fault::Html, Fault::Hang] {
        one_caller_beside_others(fault).await;
    }
}

#[tokio::test]
async fn refusals_do_not_open_the_circuit() {
    let world = World::new().await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 100);
    for n in 0..3 * MOST {
        assert_eq!(world.call(GetToken, &format!("user-{n}")).await.status(), 502);
    }
    assert_eq!(world.sandbox.calls().token, 3 * MOST);
}

#[tokio::test]
async fn failures_among_successes_do_not_open_the_circuit() {
    let world = World::new().await;
    for n in 0..3 * MOST {
        world.sandbox.fail(Fault::Http503, 1);
        assert_eq!(world.call(GetToken, &format!("user-{n}")).await.status(), 503);
        world.call(GetToken, &format!("user-{n}")).await.token();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_late_calls_at_once_do_not_open_the_circuit() {
    let world = World::new().await.with("RUST_LOG", "info");
    // Long enough for all of them to wait at the same time, and to be late.
    world.sandbox.set(|settings| settings.latency_ms = 500);
    let functions = world.spawn_each((0..2 * MOST).map(|_| GetToken)).await;
    for response in send_at_once(&functions, |binary, n| http_api(binary, &format!("user-{n}"), "")).await {
        response.token();
    }
    assert_eq!(world.sandbox.customers(), 2 * MOST);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_a_connection_open_the_circuit() {
    // A server whose queue of connections is full and that accepts none: the kernel drops all others.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let listener = socket.listen(1).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(300), tokio::net::TcpStream::connect(address)).await
    {
        queue.push(stream);
    }
    let world = World::new().await.with("RUST_LOG", "info").with("LIVECHAT_ACCOUNTS_URL", &format!("http://{address}"));
    let mut calls = JoinSet::new();
    for n in 0..MOST {
        let function = world.spawn(GetToken).await;
        calls.spawn(async move { function.call(&format!("user-{n}")).await });
    }
    for response in calls.join_all().await {
        assert_eq!(response.problem(), DOWN);
    }
    assert_eq!(world.unanswered().await, MOST);
    let function = world.spawn(GetToken).await;
    assert_eq!(function.call("late").await.problem(), DOWN);
    let lines = world.call_lines(usize::try_from(MOST).expect("few") + 1).await;
    assert!(lines.iter().rev().skip(1).all(|line| line["LiveChatCalls"] == 1), "no call was retried");
    drop((listener, queue));
}

#[tokio::test]
async fn a_fast_error_for_an_unknown_group_does_not_close_the_circuit() {
    let world = World::new().await;
    world.a_probe_is_due().await;
    // It is not used as the probe either.
    world.sandbox.fail(Fault::Http500, 1);
    let response = world.spawn(GetToken).await.send(&http_api(GetToken, "mallory", "group=999")).await;
    assert_eq!((response.problem(), world.sandbox.calls().token), (DOWN, 0));
    world.calls_are_unanswered(3, 0).await;
    assert_eq!(world.spawn(GetToken).await.send(&http_api(GetToken, "mallory", "group=999")).await.status(), 503);
    assert_eq!((world.unanswered().await, world.sandbox.calls().token), (3, 1));
}
