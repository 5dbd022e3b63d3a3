//! The agent token, sealed.

use crate::{kms::*, world::*};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use sandbox::RefreshRotation;
use serde_json::json;

fn with_agent(world: World) -> World {
    let agent = world.sandbox.app().agent.clone();
    let credentials = json!({
        "client_id": agent.client_id, "client_secret": agent.client_secret, "refresh_token": agent.refresh_token,
    });
    world.with("LIVECHAT_GRANT", "agent_token").with("LIVECHAT_AGENT_CREDENTIALS", &credentials.to_string())
}

async fn stored(world: &World) -> Item {
    world.item_with_key("livechat", "agentToken").await["token"].as_m().expect("a map").clone()
}

#[tokio::test]
async fn the_agent_token_is_sealed_and_shared() {
    let (kms, world) = Kms::with_key(with_agent(World::new().await)).await;
    let first = world.call(GetToken, "alice").await.entity();
    let token = stored(&world).await;
    assert!(token.contains_key("sealed") && !token.contains_key("accessToken"));
    assert_eq!(kms.calls(), (1, 0));
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    assert_eq!((world.sandbox.calls().oauth, kms.calls().1), (1, 1), "another process opens it, and needs no other");
    assert!(!world.item("alice").await.contains_key("cookies"));
}

#[tokio::test]
async fn a_refresh_token_that_livechat_replaces_is_kept_sealed() {
    let (_, world) = Kms::with_key(with_agent(World::new().await)).await;
    world.sandbox.set(|settings| settings.refresh_rotation = RefreshRotation::Strict);
    let first = world.call(GetToken, "alice").await.entity();
    for _ in 0..3 {
        world.sandbox.revoke_agent_tokens();
        assert_eq!(world.spawn(GetFreshToken).await.call("alice").await.entity(), first);
        let token = stored(&world).await;
        assert!(token.contains_key("sealed") && !token.contains_key("refreshToken") && !token.contains_key("replaces"));
    }
}

#[tokio::test]
async fn an_older_agent_token_is_used_and_the_next_one_sealed() {
    let (_, world) = Kms::start(with_agent(World::new().await)).await;
    let first = world.call(GetToken, "alice").await.entity();
    assert!(stored(&world).await.contains_key("accessToken"));
    let world = world.with("COOKIES_KMS_KEY", KEY);
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    assert_eq!(world.sandbox.calls().oauth, 1);
    world.sandbox.revoke_agent_tokens();
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    assert!(stored(&world).await.contains_key("sealed"));
}

#[tokio::test]
async fn an_agent_token_that_cannot_be_opened_is_replaced_once() {
    let (kms, world) = Kms::with_key(with_agent(World::new().await)).await;
    let first = world.call(GetToken, "alice").await.entity();
    kms.deny(KEY);
    let world = world.with("COOKIES_KMS_KEY", OTHER_KEY);
    for _ in 0..2 {
        assert_eq!(world.spawn(GetFreshToken).await.call("alice").await.entity(), first);
    }
    assert_eq!(world.sandbox.calls().oauth, 2);
    let mut damaged = stored(&world).await["sealed"].as_b().expect("bytes").as_ref().to_vec();
    *damaged.last_mut().expect("bytes") ^= 1;
    world.set_at("livechat", "agentToken", ("token.sealed", AttributeValue::B(Blob::new(damaged)))).await;
    assert_eq!(world.spawn(GetFreshToken).await.call("alice").await.entity(), first);
    assert_eq!(world.sandbox.calls().oauth, 3);
}

#[tokio::test]
async fn without_kms_no_agent_token_is_requested() {
    let (kms, world) = Kms::with_key(with_agent(World::new().await)).await;
    kms.set_down(true);
    assert_eq!(world.call(GetToken, "alice").await.problem(), (503, "store_unavailable"));
    assert_eq!((world.sandbox.calls().oauth, world.sandbox.customers()), (0, 0));
    kms.set_down(false);
    world.spawn(GetToken).await.call("alice").await.token();
    kms.set_down(true);
    let problem = world.spawn(GetFreshToken).await.call("alice").await;
    assert_eq!(problem.problem(), (503, "store_unavailable"));
    assert_eq!(world.sandbox.calls().oauth, 1);
}
