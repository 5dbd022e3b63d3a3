//! Processes that crash, or are delayed beyond their lease, while they refresh the agent token.

use crate::{
    agent_token::with_agent,
    clock::now_ms,
    proxy::{Mode, Proxy},
    world::*,
};
use sandbox::Fault;
use std::{collections::HashSet, time::Duration};
use tokio::task::JoinHandle;

const TIMEOUT: Duration = Duration::from_secs(15);

async fn agent_item(world: &World) -> Item {
    world.item_with_key("livechat", "agentToken").await
}

async fn set_agent_item(world: &World, path: &str, value: u64) {
    world.set_at("livechat", "agentToken", (path, number(value))).await;
}

/// Waits until LiveChat has issued this number of agent tokens.
async fn until_issued(world: &World, tokens: usize) {
    until("an agent token", async || world.sandbox.agent_journal().len() >= tokens).await;
}

fn seq_of_token(item: &Item) -> u64 {
    read_number(&item["token"].as_m().expect("a map")["seq"])
}

/// A process that dies after LiveChat has issued the token, and before it is stored.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_refresh_is_taken_over_from_a_crashed_process_when_its_lease_has_expired() {
    let world = with_agent(World::new().await);
    // LiveChat issues the token, and the response never arrives.
    world.sandbox.fail_oauth(Fault::HangAfter, 1);
    let crashing = world.spawn(GetToken).await;
    crashing.start(&http_api(GetToken, "alice", ""), TIMEOUT).await;
    until_issued(&world, 1).await;
    crashing.kill();
    let item = agent_item(&world).await;
    assert!(item.contains_key("leaseUntil") && !item.contains_key("token"));
    // There is no other token, so the next calls wait for the lease of the dead process to expire.
    let all = world.call_at_once([GetToken, GetFreshToken, GetToken], "bob").await;
    let entities: HashSet<_> = all.iter().map(GatewayResponse::entity).collect();
    assert_eq!((entities.len(), world.sandbox.customers()), (1, 1));
    assert_eq!(
        (world.sandbox.calls().oauth, world.sandbox.live_agent_tokens()),
        (2, 2),
        "one is lost, and one is used"
    );
    let item = agent_item(&world).await;
    assert_eq!((seq_of_token(&item), item.contains_key("leaseUntil")), (2, false));
}

/// At most three agent tokens are live: the one in use, the new one, and the one of the process that died.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_during_a_refresh_leaves_one_more_token_and_stops_nobody() {
    let world = with_agent(World::new().await);
    let first = world.call(GetToken, "alice").await.entity();
    // It has less than an hour left.
    set_agent_item(&world, "token.created", now_ms() - 27_000_000).await;
    world.sandbox.fail_oauth(Fault::HangAfter, 1);
    let crashing = world.spawn(GetFreshToken).await;
    crashing.start(&http_api(GetFreshToken, "bob", ""), TIMEOUT).await;
    until_issued(&world, 2).await;
    crashing.kill();
    let fresh = world.spawn(GetFreshToken).await;
    assert_eq!(fresh.call("alice").await.entity(), first, "the stored token is used meanwhile");
    assert_eq!(world.sandbox.calls().oauth, 2);
    set_agent_item(&world, "leaseUntil", now_ms() - 1).await;
    let fresh = world.spawn(GetFreshToken).await;
    assert_eq!(fresh.call("alice").await.entity(), first);
    assert_eq!((world.sandbox.calls().oauth, world.sandbox.most_live_agent_tokens()), (3, 3));
    assert_eq!(seq_of_token(&agent_item(&world).await), 3);
}

/// The process is not dead, only slow: LiveChat's response comes after others have taken over its lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresher_that_lost_its_lease_stores_nothing() {
    let world = with_agent(World::new().await);
    world.sandbox.set(|settings| settings.latency_ms = 1_500);
    let [late, quick] = [world.spawn(GetToken).await, world.spawn(GetToken).await];
    let late = late.call_in_background("alice");
    until("a refresh", async || world.sandbox.calls().oauth == 1).await;
    set_agent_item(&world, "leaseUntil", now_ms() - 1).await;
    world.sandbox.set(|settings| settings.latency_ms = 0);
    let quick = quick.call("bob").await;
    let stored = agent_item(&world).await;
    assert_eq!(seq_of_token(&stored), 2);
    let late = late.await.expect("a response");
    assert_ne!(late.entity(), quick.entity());
    assert_eq!(world.sandbox.calls().oauth, 2);
    assert_eq!(agent_item(&world).await["token"], stored["token"]);
    assert_eq!(agent_item(&world).await["leaseSeq"], number(2));
    assert_eq!(world.spawn(GetFreshToken).await.call("alice").await.entity(), late.entity());
    assert_eq!(world.sandbox.calls().oauth, 2, "and all others use the stored token");
}

/// A call of `getToken` that waits for LiveChat's response to a refresh, and the proxy between it and the table. Meanwhile there is no
/// other request to the table.
async fn call_during_a_refresh(world: &World) -> (Proxy, JoinHandle<GatewayResponse>) {
    let proxy = world.proxy_to("AWS_ENDPOINT_URL_DYNAMODB").await;
    let function = world.spawn_with_dynamodb(GetToken, proxy.url()).await;
    world.sandbox.set(|settings| settings.latency_ms = 500);
    let call = function.call_in_background("alice");
    until("a refresh", async || world.sandbox.calls().oauth == 1).await;
    (proxy, call)
}

/// The response to the write is lost, and its repetition is rejected, as the lease has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_to_the_write_of_a_token_costs_no_other_token() {
    let world = with_agent(World::new().await);
    let (proxy, call) = call_during_a_refresh(&world).await;
    proxy.lose_next_response();
    let first = call.await.expect("a response").entity();
    assert!(!proxy.loses_next(), "a response was lost");
    let item = agent_item(&world).await;
    assert_eq!((seq_of_token(&item), item.contains_key("leaseUntil")), (1, false));
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    assert_eq!((world.sandbox.calls().oauth, world.sandbox.most_live_agent_tokens()), (1, 1));
}

/// The table cannot be written: the token is used by its process, and the next one gets another after the lease has expired.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_stored_locks_nobody_out() {
    let world = with_agent(World::new().await);
    let (proxy, call) = call_during_a_refresh(&world).await;
    proxy.set(Mode::Refuse);
    let failed = call.await.expect("a response");
    assert_eq!(failed.status(), 503);
    assert!(!agent_item(&world).await.contains_key("token"));
    world.sandbox.set(|settings| settings.latency_ms = 0);
    assert_eq!(world.call(GetToken, "bob").await.status(), 200);
    assert_eq!((world.sandbox.calls().oauth, world.sandbox.live_agent_tokens()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_functions_that_find_the_token_expired_refresh_it_once() {
    let world = with_agent(World::new().await);
    world.call(GetToken, "alice").await.token();
    world.sandbox.set(|settings| settings.latency_ms = 300);
    for round in 2..5 {
        set_agent_item(&world, "token.created", now_ms() - 28_800_000).await;
        // New processes: they have no token in memory.
        let functions = world.spawn_each([GetFreshToken, GetFreshToken]).await;
        let all = send_at_once(&functions, |binary, n| http_api(binary, &format!("user-{n}"), "")).await;
        assert!(all.iter().all(|response| response.status() == 200));
        assert_eq!(world.sandbox.calls().oauth, round);
    }
}
