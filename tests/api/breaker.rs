//! What a call does in each state of the gate. What changes the gate is in `counting.rs`.

mod counting;

use crate::clock::now_ms;
use crate::world::*;
use cip::renewal::circuit::Gate;
use sandbox::Fault;
use std::{collections::HashMap, time::Duration};

const MOST: u64 = Gate::MOST_UNANSWERED;
const DOWN: (u64, &str) = (503, "livechat_unavailable");

impl World {
    /// Stores a gate with this number of unanswered calls, the latest of them counted `counted_ms_ago`. It was "sent" in the
    /// future, as far as the gate accepts, so that no probe is due for a while, even on a slow machine.
    pub(crate) async fn calls_are_unanswered(&self, unanswered: u64, counted_ms_ago: u64) {
        self.set_gate(unanswered, now_ms() + Gate::SKEW_MS - 100, now_ms() - counted_ms_ago).await;
    }

    /// LiveChat responds to no call, and the gate says so.
    async fn livechat_is_down(&self) {
        self.sandbox.fail(Fault::Hang, 1_000);
        self.calls_are_unanswered(MOST, Gate::TIME_OUT_MS).await;
    }

    /// The gate says that LiveChat is down and that a probe is due. LiveChat itself is not changed.
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
    // No call, except on a slow machine, where probes become due.
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
        // A process that does not know of the outage yet looks at the gate once, and releases the lease.
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
async fn one_successful_probe_closes_the_circuit_for_all_calls() {
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
async fn a_failed_probe_keeps_the_circuit_open() {
    let world = World::new().await;
    world.sandbox.fail(Fault::Hang, 1_000);
    let functions = world.spawn_each([GetToken; 3]).await;
    world.a_probe_is_due().await;
    let began_ms = now_ms();
    for response in send_at_once(&functions, |binary, n| http_api(binary, &format!("user-{n}"), "")).await {
        assert_eq!(response.problem(), DOWN);
    }
    // One probe, and on a slow machine each further one that becomes due.
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
