//! The limit on renewals of one user's token.

use crate::clock::now_ms;
use crate::world::*;
use sandbox::Fault;
use std::time::Duration;

/// A world with the default limit.
async fn limited() -> World {
    World::new().await.without("RENEWALS_PER_MINUTE")
}

async fn renew(world: &World, times: u64) {
    for _ in 0..times {
        world.call(GetFreshToken, "alice").await.token();
    }
}

async fn a_minute_passes(world: &World) {
    world.set_number("alice", "quotaSince", now_ms() - 60_000).await;
}

#[tokio::test]
async fn get_fresh_token_in_a_loop_is_rate_limited() {
    let world = limited().await;
    renew(&world, 10).await;
    for _ in 0..3 {
        let refused = world.call(GetFreshToken, "alice").await;
        assert_eq!(refused.problem(), (429, "rate_limited"));
        assert!((1..=62).contains(&refused.retry_after()), "{}", refused.retry_after());
        assert!(refused.body()["detail"].as_str().expect("a detail").contains("RENEWALS_PER_MINUTE"));
    }
    assert_eq!(world.sandbox.calls().token, 10);
    world.call(GetFreshToken, "bob").await.token();
}

#[tokio::test]
async fn stored_tokens_are_returned_beyond_the_rate_limit() {
    let world = limited().await;
    renew(&world, 10).await;
    for _ in 0..20 {
        assert_eq!(world.call(GetToken, "alice").await.source(), "hit");
    }
    world.age_token("alice", Duration::from_hours(7)).await;
    assert_eq!(world.call(GetToken, "alice").await.source(), "hit; detail=rate-limited");
    world.call(Invalidate, "alice").await.body();
    assert_eq!(world.call(GetToken, "alice").await.problem(), (429, "rate_limited"));
    assert_eq!(world.sandbox.calls().token, 10);
}

#[tokio::test]
async fn the_rate_limit_starts_again_each_minute() {
    let world = limited().await;
    for _ in 0..2 {
        renew(&world, 10).await;
        assert_eq!(world.call(GetFreshToken, "alice").await.status(), 429);
        a_minute_passes(&world).await;
    }
    assert_eq!(world.sandbox.calls().token, 20);
}

#[tokio::test]
async fn the_rate_limit_is_configurable() {
    let world = limited().await.with("RENEWALS_PER_MINUTE", "2");
    renew(&world, 2).await;
    assert_eq!(world.call(GetFreshToken, "alice").await.status(), 429);
}

#[tokio::test]
async fn each_identity_of_a_user_has_its_own_rate_limit() {
    let world = limited().await.with("RENEWALS_PER_MINUTE", "1");
    renew(&world, 1).await;
    world.call_group(GetFreshToken, "alice", "3").await.token();
    assert_eq!(world.call_group(GetFreshToken, "alice", "3").await.status(), 429);
}

#[tokio::test]
async fn calls_for_one_group_after_the_other_are_rate_limited() {
    let world = limited().await.with("RENEWALS_PER_MINUTE", "2");
    let (minute, mut refused) = (now_ms() / 60_000, 0);
    for group in 1..=9 {
        let response = world.call_group(GetFreshToken, "alice", &group.to_string()).await;
        if response.status() == 429 {
            assert!((1..=62).contains(&response.retry_after()), "{}", response.retry_after());
            assert_eq!(response.problem(), (429, "rate_limited"));
            assert!(!world.item_at("alice", &format!("group#{group}")).await.contains_key("leaseUntil"));
            refused += 1;
        } else {
            response.token();
        }
    }
    let minutes = now_ms() / 60_000 - minute + 1;
    assert!(9 - refused <= 2 * minutes, "{refused} refused in {minutes} minutes");
    assert_eq!(world.sandbox.calls().token, 9 - refused);
    assert_eq!(world.renewals_in_groups("alice", minute).await, 9 - refused);
    // This limit is not shared with the user's own identity or with another user's groups.
    world.call(GetFreshToken, "alice").await.token();
    world.call_group(GetFreshToken, "bob", "1").await.token();
}

#[tokio::test]
async fn a_rate_limited_group_gets_its_stored_token() {
    let world = limited().await;
    let token = world.call_group(GetToken, "alice", "1").await.access_token();
    world.age_token_at("alice", "group#1", Duration::from_hours(7)).await;
    world.use_up_renewals_in_groups("alice").await;
    let stored = world.call_group(GetToken, "alice", "1").await;
    assert_eq!((stored.access_token(), stored.source()), (token, "hit; detail=rate-limited"));
    assert!(!world.item_at("alice", "group#1").await.contains_key("leaseUntil"));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_calls_do_not_use_up_the_rate_limit() {
    let world = limited().await.with("RENEWALS_PER_MINUTE", "2");
    world.sandbox.set(|settings| settings.latency_ms = 300);
    for response in world.call_at_once([GetFreshToken; 6], "alice").await {
        response.token();
    }
}

#[tokio::test]
async fn a_failed_renewal_counts_towards_the_rate_limit() {
    let world = limited().await.with("RENEWALS_PER_MINUTE", "2");
    world.sandbox.fail(Fault::OauthInvalidRequest, 2);
    for _ in 0..2 {
        assert_eq!(world.call(GetFreshToken, "alice").await.status(), 502);
        world.end_refusal("alice").await;
    }
    assert_eq!(world.call(GetFreshToken, "alice").await.status(), 429);
    assert_eq!(world.sandbox.calls().token, 2);
}

#[tokio::test]
async fn a_minute_counted_with_a_wrong_clock_does_not_lock_the_user_out() {
    let world = limited().await;
    renew(&world, 10).await;
    let a_year_ms = 31_536_000_000;
    world.set_number("alice", "quotaSince", now_ms() + a_year_ms).await;
    renew(&world, 1).await;
    let since = read_number(&world.item("alice").await["quotaSince"]);
    assert!(since <= now_ms(), "the next minute starts now");
}
