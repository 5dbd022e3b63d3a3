//! The agent-token grant: alone, and as the fallback of the cookie grant.

use crate::{clock::now_ms, world::*};
use sandbox::{AgentScope, CstMode, Fault, RefreshRotation, UnknownEntity};
use serde_json::json;
use std::collections::HashSet;

/// The credentials of the sandbox's agent, as the setting has them.
fn credentials(world: &World) -> String {
    let agent = &world.sandbox.app().agent;
    json!({
        "client_id": agent.client_id, "client_secret": agent.client_secret, "refresh_token": agent.refresh_token,
    })
    .to_string()
}

/// The cookie grant, with an agent's token as the fallback.
pub(crate) fn with_fallback(world: World) -> World {
    let credentials = credentials(&world);
    world.with("LIVECHAT_GRANT", "cookie").with("LIVECHAT_AGENT_CREDENTIALS", &credentials)
}

/// The agent-token grant.
pub(crate) fn with_agent(world: World) -> World {
    with_fallback(world).with("LIVECHAT_GRANT", "agent_token")
}

fn metric(world: &World, name: &str) -> u64 {
    let lines = world.call_lines_after(0).into_iter();
    lines.filter_map(|line| line[name].as_u64()).sum()
}

#[tokio::test]
async fn a_customer_whose_cookies_are_dead_is_recovered_and_not_replaced() {
    let world = with_fallback(World::new().await);
    let first = world.call(GetToken, "alice").await.entity();
    assert_eq!(world.sandbox.calls().oauth, 0, "an agent's token is requested only when it is needed");
    world.sandbox.kill_cookies(&first);
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    let item = world.item("alice").await;
    assert!(!item.contains_key("cookies"), "they do not work, so they are not tried again");
    assert!(world.former_identities("alice").await.is_empty());
    assert_eq!(metric(&world, "IdentitiesRecovered"), 1);
    assert_eq!(metric(&world, "IdentitiesChanged"), 0);
    let before = world.sandbox.calls();
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    let after = world.sandbox.calls();
    assert_eq!((after.token - before.token, after.oauth - before.oauth), (1, 0), "a renewal costs one call, as before");
}

#[tokio::test]
async fn without_an_agent_dead_cookies_change_the_identity_once_and_on_record() {
    let world = World::new().await;
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.kill_cookies(&first);
    let next = world.call(GetFreshToken, "alice").await.entity();
    assert_ne!(next, first);
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), next);
    assert_eq!(world.former_identities("alice").await.len(), 1);
}

/// The worst case of the cookie grant: LiveChat replaces the secret with each response, and one response is lost.
#[tokio::test]
async fn a_lost_response_with_new_cookies_loses_no_customer() {
    let world = with_fallback(World::new().await);
    world.sandbox.set(|settings| settings.cst = CstMode::Strict);
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.fail(Fault::ResetAfter, 2);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (503, "livechat_unavailable"));
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
}

#[tokio::test]
async fn with_the_agent_token_grant_a_customer_has_no_cookies() {
    let world = with_agent(World::new().await);
    let first = world.call(GetToken, "alice").await;
    let item = world.item("alice").await;
    assert!(!item.contains_key("cookies"));
    assert!(read_number(&item["expiresAt"]) > read_number(&item["cookiesLapseAt"]));
    for binary in [GetToken, GetFreshToken, GetToken] {
        assert_eq!(world.call(binary, "alice").await.entity(), first.entity());
    }
    let calls = world.sandbox.calls();
    assert_eq!((calls.token, calls.oauth, world.sandbox.customers()), (2, 1, 1));
    assert!(world.sandbox.journal().iter().all(|granted| granted.grant == sandbox::Grant::AgentToken));
}

#[tokio::test]
async fn concurrent_first_calls_create_one_customer_and_one_agent_token() {
    let world = with_agent(World::new().await);
    let all = world.call_at_once([GetToken, GetToken, GetFreshToken, GetToken, GetFreshToken, GetToken], "alice").await;
    let entities: HashSet<_> = all.iter().map(GatewayResponse::entity).collect();
    assert_eq!((entities.len(), world.sandbox.customers()), (1, 1));
    assert_eq!(world.sandbox.calls().oauth, 1);
}

#[tokio::test]
async fn users_of_many_processes_share_one_agent_token() {
    let world = with_agent(World::new().await);
    let functions = world.spawn_each([GetToken; 8]).await;
    let all = send_at_once(&functions, |binary, n| http_api(binary, &format!("user-{n}"), "")).await;
    assert!(all.iter().all(|response| response.status() == 200));
    assert_eq!((world.sandbox.calls().oauth, world.sandbox.live_agent_tokens()), (1, 1));
}

#[tokio::test]
async fn switching_between_the_grants_keeps_every_customer() {
    let mut world = World::new().await;
    let alice = world.call(GetToken, "alice").await.entity();
    world = with_agent(world);
    let bob = world.call(GetToken, "bob").await.entity();
    for (world_with, times) in [(with_fallback as fn(World) -> World, 2), (with_agent, 2)] {
        world = world_with(world);
        for _ in 0..times {
            assert_eq!(world.call(GetFreshToken, "alice").await.entity(), alice);
            assert_eq!(world.call(GetFreshToken, "bob").await.entity(), bob);
        }
    }
    assert_eq!(world.sandbox.customers(), 2);
    world = world.without("LIVECHAT_AGENT_CREDENTIALS").with("LIVECHAT_GRANT", "cookie");
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), alice, "the cookies were kept");
    let refused = world.call(GetFreshToken, "bob").await;
    assert_eq!(refused.problem(), (502, "livechat_rejected"));
    assert_eq!(refused.body()["livechatCode"], "agent_token_required");
    assert_eq!(world.item("bob").await["entityId"], string(&bob), "and nobody gets another customer");
}

#[tokio::test]
async fn a_revoked_agent_token_is_replaced_within_the_call() {
    let world = with_agent(World::new().await);
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.revoke_agent_tokens();
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    assert_eq!(world.sandbox.calls().oauth, 2);
    let fresh = world.spawn(GetFreshToken).await;
    assert_eq!(fresh.call("alice").await.entity(), first);
    assert_eq!(world.sandbox.calls().oauth, 2, "all functions take the new one from the table");
}

/// The token in memory and the one in the table can both be revoked. The call gets a third.
#[tokio::test]
async fn a_function_that_missed_a_revocation_survives_the_next_one() {
    let world = with_agent(World::new().await);
    let [late, other] = [world.spawn(GetFreshToken).await, world.spawn(GetFreshToken).await];
    let first = late.call("alice").await.entity();
    for _ in 0..2 {
        world.sandbox.revoke_agent_tokens();
        assert_eq!(other.call("alice").await.entity(), first);
    }
    world.sandbox.revoke_agent_tokens();
    assert_eq!(late.call("alice").await.entity(), first);
    assert_eq!(world.sandbox.calls().oauth, 4);
}

#[tokio::test]
async fn an_agent_token_is_refreshed_before_it_expires_and_by_one_call() {
    let world = with_agent(World::new().await);
    world.sandbox.set(|settings| settings.agent_expires_in = 4);
    world.call(GetToken, "alice").await.token();
    tokio::time::sleep(std::time::Duration::from_millis(3_200)).await;
    let functions = world.spawn_each([GetFreshToken; 6]).await;
    let all = send_at_once(&functions, |binary, n| http_api(binary, &format!("user-{n}"), "")).await;
    assert!(all.iter().all(|response| response.status() == 200));
    assert_eq!(world.sandbox.calls().oauth, 2);
    assert!(world.sandbox.most_live_agent_tokens() <= 2);
}

#[tokio::test]
async fn a_dead_refresh_token_is_reported_and_changes_no_customer() {
    let world = with_agent(World::new().await);
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.kill_refresh_token();
    world.sandbox.revoke_agent_tokens();
    let refused = world.call(GetFreshToken, "alice").await;
    assert_eq!(refused.problem(), (502, "livechat_rejected"));
    assert_eq!(refused.body()["livechatCode"], "agent_token_refused");
    assert!(
        refused.body()["detail"].as_str().expect("text").contains("LIVECHAT_AGENT_CREDENTIALS_ARN"),
        "what to change"
    );
    let oauth = world.sandbox.calls().oauth;
    assert_eq!(world.call(GetFreshToken, "bob").await.problem(), (502, "livechat_rejected"));
    assert_eq!(world.sandbox.calls().oauth, oauth, "LiveChat is not asked again for each user");
    assert_eq!(world.call(GetToken, "alice").await.entity(), first, "the stored token is returned while it is live");
    assert!(metric(&world, "AgentTokenFailures") >= 1, "the alarm's metric");
    assert_eq!(world.item("alice").await["entityId"], string(&first));
}

#[tokio::test]
async fn while_livechats_oauth_server_is_down_a_live_agent_token_is_used() {
    let world = with_agent(World::new().await);
    world.sandbox.set(|settings| settings.agent_expires_in = 60);
    let first = world.call(GetToken, "alice").await.entity();
    world.set_at("livechat", "agentToken", ("token.created", number(now_ms() - 50_000))).await;
    world.sandbox.fail_oauth(Fault::Http503, 9);
    let fresh = world.spawn(GetFreshToken).await;
    for _ in 0..3 {
        assert_eq!(fresh.call("alice").await.entity(), first);
    }
    assert_eq!(world.sandbox.calls().oauth, 2, "a refresh that failed is not repeated for each call");
}

#[tokio::test]
async fn without_any_agent_token_calls_fail_and_recover() {
    let world = with_agent(World::new().await);
    for fault in [Fault::Http503, Fault::ResetBefore, Fault::Html] {
        world.sandbox.fail_oauth(fault, 1);
        assert_eq!(world.call(GetToken, "alice").await.problem(), (503, "livechat_unavailable"), "{fault:?}");
        assert_eq!(world.sandbox.customers(), 0);
        world.set_at("livechat", "agentToken", ("refused.until", number(1))).await;
    }
    assert_eq!(world.call(GetToken, "alice").await.status(), 200);
}

#[tokio::test]
async fn an_agent_without_the_scope_is_refused_after_one_more_try() {
    let world = with_agent(World::new().await);
    world.sandbox.set(|settings| settings.agent_scope = AgentScope::CustomersRo);
    let refused = world.call(GetToken, "alice").await;
    assert_eq!(refused.body()["livechatCode"], "agent_token_refused");
    assert!(refused.body()["detail"].as_str().expect("text").contains("customers:own"));
    assert_eq!((world.sandbox.calls().oauth, world.sandbox.customers()), (2, 0));
    for user in ["bob", "carol"] {
        assert_eq!(world.call(GetToken, user).await.body()["livechatCode"], "agent_token_refused");
    }
    assert_eq!(world.sandbox.calls().oauth, 2, "no more tokens are issued for each user");
}

#[tokio::test]
async fn a_slow_livechat_gives_tokens_with_an_agent_too() {
    for with in [with_fallback as fn(World) -> World, with_agent] {
        let world = with(World::new().await);
        world.sandbox.set(|settings| settings.latency_ms = 2_600);
        let first = world.call(GetToken, "alice").await.entity();
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
        assert_eq!((world.sandbox.customers(), world.sandbox.live_agent_tokens() <= 1), (1, true));
    }
}

/// A live agent token that is due for a refresh is used as long as there is no other.
#[tokio::test]
async fn a_slow_refresh_of_a_live_agent_token_fails_nobody() {
    let world = with_agent(World::new().await);
    let first = world.call(GetToken, "alice").await.entity();
    world.set_at("livechat", "agentToken", ("token.created", number(now_ms() - 27_000_000))).await;
    world.sandbox.set(|settings| settings.latency_ms = 2_600);
    let functions = world.spawn_each([GetFreshToken; 4]).await;
    let all = send_at_once(&functions, |binary, n| http_api(binary, &format!("user-{n}"), "")).await;
    assert!(all.iter().all(|response| response.status() == 200));
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    assert_eq!(world.sandbox.calls().oauth, 2);
}

#[tokio::test]
async fn a_malformed_agent_token_is_replaced() {
    let world = with_agent(World::new().await);
    let first = world.call(GetToken, "alice").await.entity();
    for malformed in [("token.created", string("now")), ("token.seq", string("x")), ("token", string("x"))] {
        world.set_at("livechat", "agentToken", malformed.clone()).await;
        let fresh = world.spawn(GetFreshToken).await;
        assert_eq!(fresh.call("alice").await.entity(), first, "{malformed:?}");
    }
}

/// The customer has no cookies, so an agent is the only one who could not find it. An agent of another account finds none.
#[tokio::test]
async fn a_customer_that_only_an_agent_could_find_is_replaced_by_an_agent_only() {
    let world = with_fallback(World::new().await);
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.kill_cookies(&first);
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    world.sandbox.forget(&first);
    assert_ne!(world.call(GetFreshToken, "alice").await.entity(), first);
    let journal = world.sandbox.journal();
    assert_eq!(journal.last().expect("a token").grant, sandbox::Grant::AgentToken);
}

#[tokio::test]
async fn a_group_that_may_be_made_up_causes_no_refresh_and_stops_nobody() {
    let world = with_agent(World::new().await);
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.set(|settings| settings.agent_scope = AgentScope::CustomersRo);
    world.sandbox.revoke_agent_tokens();
    for group in ["7", "8"] {
        assert_eq!(world.call_group(GetToken, "alice", group).await.problem(), (404, "unknown_group"));
    }
    assert_eq!((world.sandbox.calls().oauth, metric(&world, "AgentTokenFailures")), (1, 0));
    world.sandbox.set(|settings| settings.agent_scope = AgentScope::CustomersOwn);
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
}

/// A token that LiveChat has issued in place of a rejected one, and does not accept either, is not replaced by each call.
#[tokio::test]
async fn a_denial_costs_one_new_agent_token_however_slow_livechat_is() {
    let world = with_agent(World::new().await);
    world.call(GetToken, "alice").await.token();
    world.sandbox.set(|settings| {
        settings.agent_scope = AgentScope::CustomersRo;
        settings.latency_ms = 900;
    });
    world.sandbox.revoke_agent_tokens();
    for _ in 0..3 {
        assert_eq!(world.call(GetFreshToken, "alice").await.body()["livechatCode"], "agent_token_refused");
    }
    assert_eq!(world.sandbox.calls().oauth, 2);
}

#[tokio::test]
async fn a_dead_refresh_token_is_no_fault_of_the_group() {
    let world = with_agent(World::new().await);
    world.sandbox.kill_refresh_token();
    let refused = world.call_group(GetToken, "alice", "3").await;
    assert_eq!(refused.problem(), (502, "livechat_rejected"));
}

#[tokio::test]
async fn an_agent_of_another_account_asks_for_no_customer() {
    let world = with_agent(World::new().await).with("LIVECHAT_ORGANIZATION_ID", "99999999-2222-4333-8444-555555555555");
    let refused = world.call(GetToken, "alice").await;
    assert_eq!(refused.body()["livechatCode"], "agent_token_refused");
    assert_eq!((world.sandbox.calls().token, world.sandbox.customers()), (0, 0));
}

#[tokio::test]
async fn a_forgotten_customer_is_replaced_once_and_on_record_with_an_agent_too() {
    for with in [with_fallback as fn(World) -> World, with_agent] {
        let world = with(World::new().await);
        let first = world.call(GetToken, "alice").await.entity();
        world.sandbox.forget(&first);
        let next = world.call(GetFreshToken, "alice").await.entity();
        assert_ne!(next, first);
        assert_eq!(world.former_identities("alice").await[0]["entityId"], string(&first));
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), next);
        let world = world.with("ON_IDENTITY_CHANGE", "reject");
        world.sandbox.forget(&next);
        assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (409, "identity_changed"));
    }
}

#[tokio::test]
async fn an_error_that_may_be_about_the_settings_replaces_no_customer() {
    let world = with_agent(World::new().await);
    world.sandbox.set(|settings| settings.unknown_entity = UnknownEntity::InvalidRequest);
    let first = world.call(GetToken, "alice").await.entity();
    world.sandbox.forget(&first);
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (502, "livechat_rejected"));
    assert_eq!(world.item("alice").await["entityId"], string(&first));
}

#[tokio::test]
async fn groups_have_customers_of_their_own_with_an_agent() {
    let world = with_agent(World::new().await);
    let user = world.call(GetToken, "alice").await.entity();
    let group = world.call_group(GetToken, "alice", "3").await.entity();
    assert_ne!(user, group);
    assert_eq!(world.call_group(GetFreshToken, "alice", "3").await.entity(), group);
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), user);
}

#[tokio::test]
async fn version_1_of_the_api_has_the_agent_token_grant_too() {
    let world = with_agent(World::new().await).with_v1();
    let first = world.call(GetToken, "alice").await.entity();
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn a_refresh_token_that_livechat_replaces_is_kept() {
    let world = with_agent(World::new().await);
    world.sandbox.set(|settings| settings.refresh_rotation = RefreshRotation::Strict);
    let first = world.call(GetToken, "alice").await.entity();
    for _ in 0..3 {
        world.sandbox.revoke_agent_tokens();
        assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    }
}

#[tokio::test]
async fn a_logout_works_for_a_customer_without_cookies() {
    let world = with_agent(World::new().await);
    let first = world.call(GetToken, "alice").await;
    world.send(Invalidate, &as_logout(http_api(Invalidate, "alice", ""))).await;
    assert!(!world.sandbox.works(&first.access_token()));
    assert_eq!(world.call(GetToken, "alice").await.entity(), first.entity());
}
