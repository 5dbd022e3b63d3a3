//! Sealed cookies that were changed, or moved to another item: an error, and never another customer.

use super::envelope;
use crate::{kms::*, world::*};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};

fn sealed(envelope: Vec<u8>) -> AttributeValue {
    AttributeValue::M([("sealed".to_owned(), AttributeValue::B(Blob::new(envelope)))].into())
}

async fn assert_refused(world: &World, user: &str, entity: &str) {
    let calls = world.sandbox.calls().token;
    assert_eq!(world.call(GetFreshToken, user).await.problem(), (500, "internal"));
    assert_eq!(world.sandbox.calls().token, calls, "LiveChat is not called");
    let item = world.item(user).await;
    assert_eq!(item["entityId"], string(entity));
    assert!(!item.contains_key("leaseUntil"));
}

#[tokio::test]
async fn cookies_of_another_users_item_are_refused() {
    let (_, world) = Kms::with_key(World::new().await).await;
    let alice = world.call(GetToken, "alice").await.entity();
    world.call(GetToken, "mallory").await.token();
    // Whoever may write the table gives alice's item the cookies of mallory's, or mallory's item those of alice's.
    let (of_alice, of_mallory) = (world.item("alice").await, world.item("mallory").await);
    world.set("mallory", "cookies", of_alice["cookies"].clone()).await;
    assert_refused(&world, "mallory", of_mallory["entityId"].as_s().expect("text")).await;
    world.set("mallory", "entityId", of_alice["entityId"].clone()).await;
    assert_refused(&world, "mallory", &alice).await;
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), alice);
    world.set("mallory", "entityId", of_mallory["entityId"].clone()).await;
    world.set("mallory", "cookies", of_mallory["cookies"].clone()).await;
    assert_eq!(
        world.call(GetFreshToken, "mallory").await.entity(),
        of_mallory["entityId"].as_s().expect("text").as_str()
    );
}

#[tokio::test]
async fn cookies_of_the_same_users_group_are_refused() {
    let (_, world) = Kms::with_key(World::new().await).await;
    let user = world.call(GetToken, "alice").await.entity();
    world.call_group(GetToken, "alice", "3").await.token();
    let of_group = world.item_at("alice", "group#3").await;
    world.set("alice", "cookies", of_group["cookies"].clone()).await;
    assert_refused(&world, "alice", &user).await;
}

#[tokio::test]
async fn damaged_cookies_are_refused() {
    let (_, world) = Kms::with_key(World::new().await).await;
    let first = world.call(GetToken, "alice").await.entity();
    let whole = envelope(&world.item("alice").await["cookies"]);
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let longer = [&whole[..], &[0]].concat();
    for bytes in [
        flipped(0),
        flipped(1),
        flipped(whole.len() - 1),
        whole[..whole.len() - 1].to_vec(),
        whole[..8].to_vec(),
        vec![],
        longer,
    ] {
        world.set("alice", "cookies", sealed(bytes)).await;
        assert_refused(&world, "alice", &first).await;
    }
    // A data key that AWS KMS does not know.
    world.set("alice", "cookies", sealed(flipped(20))).await;
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (503, "store_unavailable"));
    assert!(world.output().contains("InvalidCiphertextException"));
    world.set("alice", "cookies", string("odd")).await;
    assert_refused_as_malformed(&world).await;
    world.set("alice", "cookies", AttributeValue::M([("sealed".to_owned(), string("odd"))].into())).await;
    assert_refused_as_malformed(&world).await;
    world.set("alice", "cookies", sealed(whole)).await;
    assert_eq!(world.call(GetFreshToken, "alice").await.entity(), first);
    assert_eq!(world.sandbox.customers(), 1);
}

async fn assert_refused_as_malformed(world: &World) {
    assert_eq!(world.call(GetFreshToken, "alice").await.problem(), (500, "internal"));
    world.expire_lease("alice").await;
}
