//! What a call does in each state of the gate, and what LiveChat's responses do to the gate.

use crate::world::*;
use cip::{renewal::circuit::Gate, time::now_ms};
use sandbox::Fault;
use std::{collections::HashMap, time::Duration};
use tokio::task::JoinSet;

const MOST: u64 = Gate::MOST_UNANSWERED;
const DOWN: (u64, &str) = (503, "livechat_unavailable");

impl World {
    /// As if this number of calls had no response, the latest of them counted `counted_ms_ago`. No probe is due for a
    /// while, however slow this machine is: the latest one was sent as far ahead as a clock may be.
    pub(crate) async fn calls_are_unanswered(&self, unanswered: u64, counted_ms_ago: u64) {
        self.set_gate(unanswered, now_ms() + Gate::SKEW_MS - 100, now_ms() - counted_ms_ago).await;
    }

    /// LiveChat responds to no call, and all functions could know.
    async fn livechat_is_down(&self) {
        self.sandbox.fail(Fault::Hang, 1_000);
        self.calls_are_unanswered(MOST, Gate::TIME_OUT_MS).await;
    }

    /// The same, and it is time to find out whether it is back.
    async fn a_probe_is_due(&self) {
        self.set_gate(MOST, now_ms() - Gate::PROBE_EVERY_MS, now_ms() - Gate::TIME_OUT_MS).await;
    }

    async fn set_gate(&self, unanswered: u64, last_sent_ms: u64, last_counted_ms: u64) {
        let item = HashMap::from([
            ("pk".to_owned(), string("livechat")),
            ("sk".to_owned(), string("gate")),
            ("unanswered".to_owned(), number(unanswered)),
            ("lastSent".to_owned(), number(last_sent_ms)),
            ("lastCounted".to_owned(), number(last_counted_ms)),
        ]);
        self.dynamodb.put_item().table_name(&self.table).set_item(Some(item)).send().await.expect("a change");
    }

    /// The gate's item; empty if there is none.
    pub(crate) async fn gate(&self) -> Item {
        self.item_with_key("livechat", "gate").await
    }

    /// The number of calls that it counts as unanswered.
    pub(crate) async fn unanswered(&self) -> u64 {
        self.gate().await.get("unanswered").map_or(0, read_number)
    }

    async fn until_unanswered(&self, calls: u64) {
        until("the number of unanswered calls", async || self.unanswered().await == calls).await;
    }

    /// Whether any call to LiveChat was late, by the functions' own measurement.
    fn was_ever_late(&self) -> bool {
        self.call_lines_after(0).iter().any(|line| line["LiveChatTime"].as_f64().is_some_and(|ms| ms >= 100.0))
    }
}

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
    // Others are counted before they are sent, and any response ends the count.
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
    // While other calls are unanswered, it is counted with them.
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

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_at_a_full_gate_without_the_lease() {
    let world = World::new().await.with("RENEWALS_PER_MINUTE", "1");
    world.calls_are_unanswered(MOST, 0).await;
    let call = world.spawn(GetToken).await.call_in_background("alice");
    until("a released lease", async || {
        let item = world.item("alice").await;
        item.contains_key("leaseOwner") && !item.contains_key("leaseUntil")
    })
    .await;
    assert_eq!(world.sandbox.calls().token, 0);
    assert!(!world.item("alice").await.contains_key("failedRenewal"));
    world.set_gate(MOST - 1, now_ms(), now_ms()).await;
    assert_eq!(call.await.expect("a response").source(), "fwd=miss");
    assert_eq!(world.unanswered().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_stops_waiting_at_the_gate_once_livechat_is_down() {
    let world = World::new().await;
    world.sandbox.fail(Fault::Hang, 1_000);
    let function = world.spawn(GetToken).await;
    world.calls_are_unanswered(MOST, Gate::TIME_OUT_MS - 1_500).await;
    assert_eq!(function.call("alice").await.problem(), DOWN);
    assert!(world.item("alice").await.contains_key("leaseOwner"), "it had acquired the lease");
    // On a slow machine a probe may be due by then.
    assert!(world.sandbox.calls().token <= 1);
}

#[tokio::test]
async fn calls_fail_fast_while_livechat_is_down() {
    let world = World::new().await;
    world.livechat_is_down().await;
    let function = world.spawn(GetFreshToken).await;
    let began_ms = now_ms();
    assert_eq!(function.call("late").await.problem(), DOWN);
    assert!(!world.item("late").await.contains_key("leaseUntil"), "the lease is released");
    assert!(world.item("late").await.contains_key("failedRenewal"), "and the failure is recorded");
    assert_eq!(function.call("later").await.problem(), DOWN);
    if now_ms() - began_ms < Gate::PROBE_EVERY_MS {
        assert!(world.item("later").await.is_empty(), "a process that knows of the outage sends no request");
    }
    for n in 0..5 {
        assert_eq!(world.call(GetToken, &format!("late-{n}")).await.problem(), DOWN);
    }
    // None, except on a slow machine, where probes come due.
    assert!(world.sandbox.calls().token <= (now_ms() - began_ms) / Gate::PROBE_EVERY_MS);
}

#[tokio::test]
async fn a_stored_token_is_returned_without_a_renewal_while_livechat_is_down() {
    for unanswered in [1, MOST] {
        let world = World::new().await;
        let mut tokens = HashMap::new();
        for user in ["alice", "bob"] {
            tokens.insert(user, world.call(GetToken, user).await.access_token());
            world.age_token(user, Duration::from_hours(7)).await;
        }
        let function = world.spawn(GetToken).await;
        let calls = world.sandbox.calls().token;
        world.calls_are_unanswered(unanswered, Gate::TIME_OUT_MS).await;
        let began_ms = now_ms();
        // A process that does not know of the outage yet looks once, and releases the lease.
        let stored = function.call("alice").await;
        assert_eq!(
            (stored.access_token(), stored.source()),
            (tokens["alice"].clone(), "hit; detail=livechat-unavailable")
        );
        let item = world.item("alice").await;
        assert!(!item.contains_key("leaseUntil"));
        let version = world.item("bob").await["version"].clone();
        let stored = function.call("bob").await;
        if now_ms() - began_ms < Gate::PROBE_EVERY_MS {
            assert_eq!(
                (stored.access_token(), stored.source()),
                (tokens["bob"].clone(), "hit; detail=livechat-unavailable")
            );
            assert_eq!(world.item("bob").await["version"], version, "no write for the second user");
            assert_eq!(world.sandbox.calls().token, calls);
        }
    }
}

#[tokio::test]
async fn an_expired_token_is_not_returned_while_livechat_is_down() {
    let world = World::new().await;
    world.call(GetToken, "alice").await.token();
    world.age_token("alice", Duration::from_hours(8)).await;
    world.livechat_is_down().await;
    assert_eq!(world.call(GetToken, "alice").await.problem(), DOWN);
}

#[tokio::test]
async fn one_successful_probe_opens_the_gate_for_all_calls() {
    for who in ["somebody new", "somebody known"] {
        let world = World::new().await;
        world.call(GetToken, "somebody known").await.token();
        world.age_token("somebody known", Duration::from_hours(7)).await;
        world.a_probe_is_due().await;
        world.spawn(GetToken).await.call(who).await.token();
        assert_eq!(world.unanswered().await, 0, "{who}");
        let other = world.spawn(GetToken).await;
        for n in 0..=MOST {
            other.call(&format!("victim-{n}")).await.token();
        }
    }
}

#[tokio::test]
async fn a_failed_probe_keeps_the_gate_closed() {
    let world = World::new().await;
    world.sandbox.fail(Fault::Hang, 1_000);
    let functions = world.spawn_each([GetToken; 3]).await;
    world.a_probe_is_due().await;
    let began_ms = now_ms();
    for response in send_at_once(&functions, |binary, n| http_api(binary, &format!("user-{n}"), "")).await {
        assert_eq!(response.problem(), DOWN);
    }
    // One, and on a slow machine one more for each that comes due.
    let due = 1 + (now_ms() - began_ms) / Gate::PROBE_EVERY_MS;
    assert!((1..=due).contains(&world.sandbox.calls().token));
    assert_eq!(world.unanswered().await, MOST, "a probe adds nothing");
}

#[tokio::test]
async fn a_gate_written_with_a_wrong_clock_does_not_block_calls() {
    let world = World::new().await;
    let year_ms = 31_536_000_000;
    for (at_ms, user) in [(now_ms() + year_ms, "alice"), (now_ms() - year_ms, "bob")] {
        world.set_gate(MOST, at_ms, at_ms).await;
        world.spawn(GetToken).await.call(user).await.token();
    }
    // And a late call starts the count again.
    world.sandbox.fail(Fault::Hang, 1);
    assert_eq!(world.call(GetToken, "carol").await.problem(), DOWN);
    assert_eq!(world.unanswered().await, 1);
}

#[tokio::test]
async fn a_gate_written_by_the_previous_version_does_not_block_calls() {
    let world = World::new().await;
    let change = world.dynamodb.update_item().table_name(&world.table);
    let change = change.key("pk", string("livechat")).key("sk", string("gate"));
    let change = change.update_expression("SET unanswered = :most, lastSent = :at");
    let change = change.expression_attribute_values(":most", number(MOST));
    let change = change.expression_attribute_values(":at", number(now_ms() - Gate::TIME_OUT_MS));
    change.send().await.expect("a change");
    world.call(GetToken, "alice").await.token();
    assert_eq!(world.unanswered().await, 0);
}

#[tokio::test]
async fn a_renewal_that_did_not_reach_livechat_does_not_use_up_the_rate_limit() {
    let world = World::new().await.with("RENEWALS_PER_MINUTE", "2");
    world.call(GetFreshToken, "alice").await.token();
    for _ in 0..3 {
        let function = world.spawn(GetFreshToken).await;
        world.livechat_is_down().await;
        assert_eq!(function.call("alice").await.problem(), DOWN);
    }
    world.sandbox.reset();
    world.a_probe_is_due().await;
    let function = world.spawn(GetFreshToken).await;
    function.call("alice").await.token();
    assert_eq!(function.call("alice").await.problem(), (429, "rate_limited"));
}

#[tokio::test]
async fn a_renewal_that_did_not_reach_livechat_does_not_use_up_the_limit_for_groups() {
    let world = World::new().await.with("RENEWALS_PER_MINUTE", "2").with("GROUPS", "3,4");
    let minute = now_ms() / 60_000;
    world.call_group(GetFreshToken, "alice", "3").await.token();
    for _ in 0..3 {
        let function = world.spawn(GetFreshToken).await;
        world.livechat_is_down().await;
        let response = function.send(&http_api(GetFreshToken, "alice", "group=3")).await;
        assert_eq!(response.problem(), DOWN);
    }
    assert_eq!(world.renewals_in_groups("alice", minute).await, 1);
    world.sandbox.reset();
    world.a_probe_is_due().await;
    world.spawn(GetFreshToken).await.send(&http_api(GetFreshToken, "alice", "group=4")).await.token();
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
async fn refusals_do_not_close_the_gate() {
    let world = World::new().await;
    world.sandbox.fail(Fault::OauthInvalidRequest, 100);
    for n in 0..3 * MOST {
        assert_eq!(world.call(GetToken, &format!("user-{n}")).await.status(), 502);
    }
    assert_eq!(world.sandbox.calls().token, 3 * MOST);
}

#[tokio::test]
async fn failures_among_successes_do_not_close_the_gate() {
    let world = World::new().await;
    for n in 0..3 * MOST {
        world.sandbox.fail(Fault::Http503, 1);
        assert_eq!(world.call(GetToken, &format!("user-{n}")).await.status(), 503);
        world.call(GetToken, &format!("user-{n}")).await.token();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_late_calls_at_once_do_not_close_the_gate() {
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
async fn calls_without_a_connection_close_the_gate() {
    // Its queue of connections is full, and it accepts none of them: the kernel drops all others.
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
async fn a_fast_error_for_an_unknown_group_does_not_open_the_gate() {
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
