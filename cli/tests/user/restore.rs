//! `cip user restore`.

use crate::world::{World, context, subject};
use sandbox::Fault;
use serde_json::json;

#[tokio::test]
async fn a_customer_that_livechat_mistook_is_restored_and_gets_tokens_again() {
    let world = World::new().await;
    let first = world.fresh("alice", None).await.entity_id;
    world.sandbox.fail(Fault::OtherEntity, 2);
    let second = world.fresh("alice", None).await.entity_id;
    assert_ne!(first, second);
    let before = world.items().await;
    let dry = world.cip(&["user", "restore", "alice", "0", "--dry-run", "--json"]).await;
    assert_eq!(dry.json(), json!({"entityId": first, "replaced": second, "dryRun": true}));
    assert_eq!(world.items().await, before);
    let restored = world.cip(&["user", "restore", "alice", &first]).await;
    assert_eq!(restored.code, 0, "{restored:?}");
    let record = world.store.read(&subject("alice", None), &context()).await.expect("a read").expect("a record");
    assert!(record.token.is_none(), "the next getToken asks LiveChat");
    assert_eq!(world.fresh("alice", None).await.entity_id, first);
    let shown = world.cip(&["user", "show", "alice", "--json"]).await.json();
    assert_eq!(shown["identities"][0]["former"][0]["entityId"], second, "the restoration is on record");
    let undone = world.cip(&["user", "restore", "alice", "0"]).await;
    assert_eq!(undone.code, 0);
    assert_eq!(world.fresh("alice", None).await.entity_id, second);
}

#[tokio::test]
async fn the_cookies_of_a_customer_that_livechat_forgot_are_sent_again() {
    let world = World::new().await;
    let first = world.fresh("alice", Some(3)).await.entity_id;
    world.sandbox.forget(&first);
    let second = world.fresh("alice", Some(3)).await.entity_id;
    assert_eq!(world.cip(&["user", "restore", "alice", "0", "--group", "3"]).await.code, 0);
    let third = world.fresh("alice", Some(3)).await.entity_id;
    let claimed = world.sandbox.journal().last().and_then(|granted| granted.claimed.clone());
    assert_eq!(claimed, Some(first.clone()));
    let shown = world.cip(&["user", "show", "alice", "--json"]).await.json();
    let identity =
        shown["identities"].as_array().and_then(|all| all.iter().find(|one| one["group"] == 3)).expect("one");
    assert_eq!(identity["entityId"], third);
    let former: Vec<_> = identity["former"].as_array().expect("a list").iter().map(|one| &one["entityId"]).collect();
    assert_eq!(former, [&json!(second), &json!(first)], "none is lost");
}

#[tokio::test]
async fn only_a_former_customer_of_that_user_can_be_restored() {
    let world = World::new().await;
    world.fresh("alice", None).await;
    let bobs = world.fresh("bob", None).await.entity_id;
    for (user, which) in [("alice", "0"), ("alice", bobs.as_str()), ("alice", "-1"), ("nobody", "0")] {
        let refused = world.cip(&["user", "restore", user, "--", which]).await;
        assert_eq!(refused.code, 2, "{refused:?}");
    }
}
