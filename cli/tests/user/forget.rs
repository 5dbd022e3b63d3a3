//! `cip user forget`.

use crate::{
    table::items::{item, text},
    world::{World, context, subject},
};
use sandbox::Revocation;
use std::time::Duration;

const GUEST: &str = "guest-secret-0123456789-0123456789-0123456789";

/// The number of items that are of no user.
async fn gates(world: &World) -> usize {
    world.items().await.iter().filter(|item| item["pk"].as_s().is_ok_and(|pk| pk == "livechat")).count()
}

#[tokio::test]
async fn forget_leaves_no_item_and_no_live_token() {
    let world = World::new().await;
    let mut issued = vec![world.fresh("alice", None).await, world.fresh("alice", None).await];
    issued.push(world.fresh("alice", Some(3)).await);
    let bobs = world.fresh("bob", None).await;
    let before = world.items().await.len();
    let forgotten =
        world.run(&["--table", "cip", "user", "forget", "alice", "--yes"], &[("SUBJECT_KEY", "a key")]).await;
    assert_eq!(forgotten.code, 0, "{forgotten:?}");
    let journal = world.sandbox.journal();
    assert_eq!(journal.iter().filter(|one| world.sandbox.works(&one.access_token)).count(), 1, "only bob's works");
    assert!(world.store.items_of(&subject("alice", None).principal, &context()).await.expect("a query").is_empty());
    assert!(world.items().await.iter().any(|item| item["pk"].as_s().is_ok_and(|pk| pk == "user#bob")));
    assert_eq!(forgotten.stdout.lines().count(), 1, "one line for the records: {forgotten:?}");
    let line = forgotten.json();
    assert_eq!((&line["action"], &line["isComplete"]), (&"forget".into(), &true.into()));
    assert_eq!((&line["tokensRevoked"], &line["customers"]), (&3.into(), &2.into()));
    assert_eq!(line["itemsDeleted"], before - 1 - gates(&world).await);
    assert_eq!(line["subject"], "e03351407b6b171a");
    for one in &issued {
        assert!(!forgotten.stdout.contains(&one.entity_id) && forgotten.stderr.contains(&one.entity_id));
    }
    assert!(!forgotten.stderr.contains(&bobs.entity_id) && !forgotten.stdout.contains("alice"));
    let again = world.cip(&["user", "forget", "alice", "--yes", "--json"]).await;
    assert_eq!((again.code, &again.json()["itemsDeleted"]), (0, &0.into()));
}

#[tokio::test]
async fn forget_changes_nothing_in_a_dry_run_or_without_consent() {
    let world = World::new().await;
    let issued = world.fresh("alice", None).await;
    let before = world.items().await;
    let dry = world.cip(&["user", "forget", "alice", "--dry-run"]).await;
    assert_eq!(dry.code, 0);
    assert!(dry.stdout.contains(&issued.entity_id), "{dry:?}");
    let unasked = world.cip(&["user", "forget", "alice"]).await;
    assert_eq!(unasked.code, 2);
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    assert_eq!(world.items().await, before);
    assert_eq!(world.sandbox.calls().revoke, 0);
}

#[tokio::test]
async fn forget_keeps_what_is_needed_to_revoke_a_token() {
    let world = World::new().await;
    world.fresh("alice", None).await;
    world.sandbox.set(|settings| settings.revocation = Revocation::Http500);
    let failed = world.cip(&["user", "forget", "alice", "--yes"]).await;
    assert_eq!(failed.code, 3);
    assert!(failed.stderr.contains("could not be told to revoke 1"), "{failed:?}");
    assert_eq!(failed.json()["isComplete"], false);
    let record = world.store.read(&subject("alice", None), &context()).await.expect("a read").expect("a record");
    assert!(record.issued().is_none() && record.outstanding.0.len() == 1, "it is logged out, and the token is kept");
    let kept = world.cip(&["user", "forget", "alice", "--yes", "--keep-tokens"]).await;
    assert_eq!((kept.code, &kept.json()["tokensRevoked"]), (0, &0.into()));
    assert!(world.store.read(&subject("alice", None), &context()).await.expect("a read").is_none());
}

#[tokio::test]
async fn forget_waits_for_a_renewal_in_progress() {
    let world = World::new().await;
    world.fresh("alice", None).await;
    world.sandbox.set(|settings| settings.latency_ms = 1_500);
    let forgetting = async {
        while world
            .store
            .read(&subject("alice", None), &context())
            .await
            .expect("a read")
            .expect("a record")
            .lease
            .is_none()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        world.cip(&["user", "forget", "alice", "--yes"]).await
    };
    let (renewed, forgotten) = tokio::join!(world.try_fresh("alice", None), forgetting);
    assert_eq!(forgotten.code, 0, "{forgotten:?}");
    assert!(world.store.read(&subject("alice", None), &context()).await.expect("a read").is_none());
    let journal = world.sandbox.journal();
    assert_eq!(journal.len(), 2, "the renewal was in progress: {renewed:?}");
    assert!(journal.iter().all(|one| !world.sandbox.works(&one.access_token)));
}

#[tokio::test]
async fn a_guest_is_named_by_the_secret_or_its_hash() {
    let world = World::new().await;
    let hash = cip::identity::GuestId::of_secret(GUEST.as_bytes()).expect("a guest").as_str().to_owned();
    for arguments in [[GUEST, "--guest"], [hash.as_str(), "--guest-hash"]] {
        let entity_id = world.fresh_as_guest(GUEST).await.entity_id;
        let shown = world.cip(&[&["user", "show", "--json"], &arguments[..]].concat()).await;
        assert_eq!(shown.json()["identities"][0]["entityId"], entity_id);
        let forgotten = world.cip(&[&["user", "forget", "--yes"], &arguments[..]].concat()).await;
        assert_eq!(forgotten.code, 0, "{forgotten:?}");
        assert!(!forgotten.stdout.contains(GUEST) && !forgotten.stderr.contains(GUEST));
    }
    let malformed = world.cip(&["user", "show", "too-short", "--guest"]).await;
    assert_eq!(malformed.code, 2);
    assert!(!malformed.stderr.contains("too-short"), "{malformed:?}");
}

#[tokio::test]
async fn forget_keeps_an_item_that_it_cannot_read_and_says_so() {
    for malformed in ["identity", "group#3"] {
        let world = World::new().await;
        let readable = world.fresh("alice", if malformed == "identity" { Some(5) } else { None }).await;
        let attributes = [("cookies", text("malformed")), ("entityId", text("lost-customer"))];
        world.put(item("user#alice", malformed, attributes)).await;
        let forgotten = world.cip(&["user", "forget", "alice", "--yes"]).await;
        assert_eq!((forgotten.code, &forgotten.json()["isComplete"]), (1, &false.into()), "{forgotten:?}");
        assert!(forgotten.stderr.contains("--keep-tokens"), "{forgotten:?}");
        for id in [&readable.entity_id, "lost-customer"] {
            assert!(forgotten.stderr.contains(id), "{id}: {forgotten:?}");
        }
        let principal = subject("alice", None).principal;
        let rest = world.store.items_of(&principal, &context()).await.expect("a query");
        assert_eq!(rest.len(), 1, "{malformed}: {rest:?}");
        assert_eq!(rest[0]["sk"], text(malformed));
        assert!(world.sandbox.journal().iter().all(|one| !world.sandbox.works(&one.access_token)), "{forgotten:?}");

        let complete = world.cip(&["user", "forget", "alice", "--yes", "--keep-tokens", "--json"]).await;
        assert_eq!((complete.code, &complete.json()["isComplete"]), (0, &true.into()), "{complete:?}");
        assert_eq!(complete.json()["entityIds"], serde_json::json!(["lost-customer"]));
        assert!(world.store.items_of(&principal, &context()).await.expect("a query").is_empty());
    }
}
