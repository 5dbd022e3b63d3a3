//! The store against DynamoDB, embedded or Amazon's: conditions, fencing, and items that were not written by this version.

use crate::world::*;
use cip::{
    context::Context,
    identity::{Cookies, Identity, LeaseSeq, Lifetime, Subject, Token, UnixMs, UnixSeconds},
    renewal::{
        Bookkeeping, Commitment, GroupCount, StoreError,
        record::{FailedRenewal, Failure, Lease, Record, Refusal},
    },
    store::{Acquire, Acquisition, Commit, Release, Store},
    time::{Deadline, now},
};
use secrecy::ExposeSecret;
use std::{num::NonZeroU32, time::Duration};

/// Identifies the settings for LiveChat.
const SETTINGS: &str = "0123456789abcdef";

fn soon() -> Context {
    Context::new(Deadline::after(Duration::from_secs(5)))
}

fn identity(entity_id: &str) -> Identity {
    let cookies = Cookies { cid: entity_id.into(), cst: "a-secret".into() };
    Identity {
        entity_id: entity_id.into(),
        cookies: Some(cookies.into()),
        cookies_expire_at: UnixSeconds::new(2_000_000_000),
        former: vec![],
        awaits_first_token: false,
    }
}

fn token(seq: u64) -> Token {
    let lifetime = Lifetime { created: now(), expires_in_ms: 28_800_000 };
    Token { access_token: format!("access-{seq}").into(), lifetime, seq: LeaseSeq::new(seq) }
}

/// The lease that was acquired.
fn acquired(acquisition: Acquisition) -> Lease {
    match acquisition {
        Acquisition::Acquired(lease, _) => lease,
        Acquisition::Rejected(record) => panic!("refused: {record:?}"),
    }
}

/// A request for the lease, with the usual settings.
fn request_of(owner: &str, unless_newer_than: Option<u64>) -> Acquire<'_> {
    Acquire { owner, unless_newer_than: unless_newer_than.map(LeaseSeq::new), settings: SETTINGS }
}

async fn acquire(store: &Store, subject: &Subject, request: Acquire<'_>) -> Acquisition {
    store.acquire(subject, request, &soon()).await.expect("a response")
}

/// Commits a token of the customer with this entity id.
async fn commit(store: &Store, subject: &Subject, lease: &Lease, (entity_id, token): (&str, &Token)) -> Commitment {
    let identity = identity(entity_id);
    let result = Commit { lease, identity: &identity, token, bookkeeping: &Bookkeeping::default() };
    store.commit(subject, result, &soon()).await.expect("a response")
}

type Reason<'a> = (Option<&'a FailedRenewal>, Option<&'a Refusal>);

async fn release(store: &Store, subject: &Subject, lease: &Lease, (failed, refusal): Reason<'_>) {
    let end = Release { lease, failed, refusal, bookkeeping: &Bookkeeping::default() };
    store.release(subject, end, &soon()).await.expect("a response");
}

/// The subject's record.
async fn read(store: &Store, subject: &Subject) -> Record {
    store.read(subject, &soon()).await.expect("a response").expect("a record")
}

/// Acquires the lease, whatever token is stored.
async fn acquire_lease(store: &Store, subject: &Subject, owner: &str) -> Lease {
    acquired(acquire(store, subject, request_of(owner, None)).await)
}

#[tokio::test]
async fn a_lease_has_one_owner_until_it_is_committed() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    assert!(store.read(&alice, &soon()).await.expect("a response").is_none());
    let lease = acquired(acquire(&store, &alice, request_of("a", Some(0))).await);
    assert_eq!(lease.seq, LeaseSeq::new(1));
    match acquire(&store, &alice, request_of("b", Some(0))).await {
        Acquisition::Rejected(record) => assert_eq!(record.lease, Some(lease.clone())),
        Acquisition::Acquired(..) => panic!("acquired twice"),
    }
    let stored = commit(&store, &alice, &lease, ("e", &token(1))).await;
    assert_eq!(stored, Commitment::Committed);
    let record = read(&store, &alice).await;
    assert_eq!(record.lease, None);
    assert_eq!(record.identity.expect("an identity").open_cookies().expect("cookies").cst.expose_secret(), "a-secret");
    assert_eq!(record.token.expect("a token").access_token.expose_secret(), "access-1");
    assert_eq!(acquired(acquire(&store, &alice, request_of("b", Some(1))).await).seq, LeaseSeq::new(2));
}

#[tokio::test]
async fn delayed_writes_change_nothing() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let lease = acquire_lease(&store, &alice, "a").await;
    commit(&store, &alice, &lease, ("e", &token(1))).await;
    let before = world.item("alice").await;
    // The lease has ended, and its owner's first write arrives a second time.
    let acquisition = acquire(&store, &alice, request_of("a", None)).await;
    assert!(matches!(acquisition, Acquisition::Rejected(_)), "{acquisition:?}");
    assert_eq!(before, world.item("alice").await);
    // The token is dropped, and then the lease owner's second write arrives a second time.
    store.drop_token(&alice, &soon()).await.expect("a response");
    let stored = commit(&store, &alice, &lease, ("e", &token(1))).await;
    assert_eq!(stored, Commitment::LeaseLost);
    assert!(read(&store, &alice).await.token.is_none());
}

#[tokio::test]
async fn a_commit_fails_if_another_owners_token_with_the_same_number_is_stored() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let lease = acquire_lease(&store, &alice, "a").await;
    // The item is deleted, and another owner's first lease has the same number.
    let delete = world.dynamodb.delete_item().table_name(&world.table);
    delete.key("pk", string("user#alice")).key("sk", string("identity")).send().await.expect("a response");
    let other = acquire_lease(&store, &alice, "b").await;
    assert_eq!(other.seq, lease.seq);
    let others_token = Token { access_token: "another".into(), ..token(1) };
    commit(&store, &alice, &other, ("other", &others_token)).await;
    let stored = commit(&store, &alice, &lease, ("e", &token(1))).await;
    assert_eq!(stored, Commitment::LeaseLost);
}

#[tokio::test]
async fn a_lease_released_without_a_failure_records_none() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let lease = acquire_lease(&store, &alice, "a").await;
    release(&store, &alice, &lease, (None, None)).await;
    let record = read(&store, &alice).await;
    assert!(record.failed.is_none() && record.lease.is_none());
}

#[tokio::test]
async fn acquiring_again_with_the_same_owner_returns_the_same_lease() {
    // What the SDK does when the first response was lost.
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let first = acquire_lease(&store, &alice, "a").await;
    let again = acquire_lease(&store, &alice, "a").await;
    assert_eq!(first, again);
}

#[tokio::test]
async fn committing_again_succeeds() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let lease = acquire_lease(&store, &alice, "a").await;
    for _ in 0..2 {
        let stored = commit(&store, &alice, &lease, ("e", &token(1))).await;
        assert_eq!(stored, Commitment::Committed);
    }
}

#[tokio::test]
async fn a_newer_token_prevents_the_lease() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let lease = acquire_lease(&store, &alice, "a").await;
    commit(&store, &alice, &lease, ("e", &token(1))).await;
    match acquire(&store, &alice, request_of("b", Some(0))).await {
        Acquisition::Rejected(record) => assert_eq!(record.token.expect("a token").seq, LeaseSeq::new(1)),
        Acquisition::Acquired(..) => panic!("there is a token"),
    }
    assert_eq!(acquired(acquire(&store, &alice, request_of("b", Some(1))).await).seq, LeaseSeq::new(2));
}

#[tokio::test]
async fn a_lost_lease_cannot_commit_or_release() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let lost = acquire_lease(&store, &alice, "a").await;
    world.set_number("alice", "leaseUntil", 1).await;
    let lease = acquire_lease(&store, &alice, "b").await;
    assert_eq!(lease.seq, LeaseSeq::new(2));
    let before = world.item("alice").await;
    let stored = commit(&store, &alice, &lost, ("lost", &token(1))).await;
    assert_eq!(stored, Commitment::LeaseLost);
    let failed = FailedRenewal { seq: LeaseSeq::new(1), failure: Failure::IdentityChanged };
    release(&store, &alice, &lost, (Some(&failed), None)).await;
    assert_eq!(before, world.item("alice").await);
    let same_owner_other_number = Lease { seq: LeaseSeq::new(1), ..lease };
    let stored = commit(&store, &alice, &same_owner_other_number, ("x", &token(1))).await;
    assert_eq!(stored, Commitment::LeaseLost);
}

#[tokio::test]
async fn a_released_lease_records_the_failure_until_the_next_success() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let lease = acquire_lease(&store, &alice, "a").await;
    let failed = FailedRenewal { seq: LeaseSeq::new(1), failure: Failure::Unavailable { cause: "status 503".into() } };
    release(&store, &alice, &lease, (Some(&failed), None)).await;
    let record = read(&store, &alice).await;
    assert_eq!((record.failed, record.lease), (Some(failed), None));
    let day_from_now = now().in_seconds().as_u64() + 86_400;
    let expires = read_number(&world.item("alice").await["expiresAt"]);
    assert!(expires.abs_diff(day_from_now) < 60, "an item without an identity expires after a day");
    let lease = acquire_lease(&store, &alice, "b").await;
    commit(&store, &alice, &lease, ("e", &token(2))).await;
    let record = read(&store, &alice).await;
    assert_eq!(record.failed, None);
    let kept_until = read_number(&world.item("alice").await["expiresAt"]);
    assert_eq!(kept_until, 2_000_000_000 + 30 * 86_400);
}

fn refusal() -> Refusal {
    Refusal::first(SETTINGS, "invalid_client", "no such app", now())
}

async fn refused(store: &Store, subject: &Subject) -> Refusal {
    let (lease, refusal) = (acquire_lease(store, subject, "refused").await, refusal());
    let failure = Failure::Refused { exception: "invalid_client".into(), description: "no such app".into() };
    let failed = FailedRenewal { seq: lease.seq, failure };
    release(store, subject, &lease, (Some(&failed), Some(&refusal))).await;
    refusal
}

#[tokio::test]
async fn a_refusal_blocks_the_lease_for_the_same_settings_until_a_success() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let refusal = refused(&store, &alice).await;
    let before = world.item("alice").await;
    match acquire(&store, &alice, request_of("a", None)).await {
        Acquisition::Rejected(record) => assert_eq!((record.refusal, record.lease), (Some(refusal), None)),
        Acquisition::Acquired(..) => panic!("LiveChat would refuse again"),
    }
    assert_eq!(before, world.item("alice").await);
    let lease = acquired(
        acquire(&store, &alice, Acquire { owner: "b", unless_newer_than: None, settings: "other settings" }).await,
    );
    assert_eq!(lease.seq, LeaseSeq::new(2), "the refused attempt used up no sequence number");
    // What the SDK does when the first response was lost.
    let again = acquired(
        acquire(&store, &alice, Acquire { owner: "b", unless_newer_than: None, settings: "other settings" }).await,
    );
    assert_eq!(again, lease);
    commit(&store, &alice, &lease, ("e", &token(2))).await;
    let record = read(&store, &alice).await;
    assert_eq!((record.refusal, record.failed), (None, None));
    assert_eq!(acquire_lease(&store, &alice, "c").await.seq, LeaseSeq::new(3));
}

#[tokio::test]
async fn a_failure_of_another_kind_keeps_the_refusal() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let refusal = refused(&store, &alice).await;
    for (owner, failed) in [("a", None), ("b", Some(Failure::Unavailable { cause: "status 503".into() }))] {
        let lease = acquired(
            acquire(&store, &alice, Acquire { owner, unless_newer_than: None, settings: "other settings" }).await,
        );
        let failed = failed.map(|failure| FailedRenewal { seq: lease.seq, failure });
        release(&store, &alice, &lease, (failed.as_ref(), None)).await;
        let record = read(&store, &alice).await;
        assert_eq!((record.failed, record.refusal.as_ref()), (failed, Some(&refusal)));
    }
}

#[tokio::test]
async fn a_lease_acquired_despite_an_unreadable_refusal_is_recognised() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    refused(&store, &alice).await;
    world.set("alice", "refused.times", string("x")).await;
    let lease = acquire_lease(&store, &alice, "a").await;
    assert_eq!(acquire_lease(&store, &alice, "a").await, lease, "as after a lost response");
    match acquire(&store, &alice, request_of("b", None)).await {
        Acquisition::Rejected(record) => assert_eq!(record.lease, Some(lease)),
        Acquisition::Acquired(..) => panic!("acquired twice"),
    }
}

#[tokio::test]
async fn a_lost_lease_cannot_store_a_refusal() {
    let (world, alice) = (World::new().await, subject("alice", None));
    let store = world.store();
    let lost = acquire_lease(&store, &alice, "a").await;
    world.set_number("alice", "leaseUntil", 1).await;
    acquire_lease(&store, &alice, "b").await;
    let before = world.item("alice").await;
    release(&store, &alice, &lost, (None, Some(&refusal()))).await;
    assert_eq!(before, world.item("alice").await);
}

#[tokio::test]
async fn dropping_a_token_keeps_the_identity() {
    let (world, alice) = (World::new().await, subject("alice", Some(7)));
    let store = world.store();
    store.drop_token(&alice, &soon()).await.expect("a response");
    assert!(world.item_at("alice", "group#7").await.is_empty());
    let lease = acquire_lease(&store, &alice, "a").await;
    commit(&store, &alice, &lease, ("e", &token(1))).await;
    let lifetime = store.read_lifetime(&alice, &soon()).await.expect("a response").expect("a token");
    assert_eq!(lifetime.expires_in_ms, 28_800_000);
    store.drop_token(&alice, &soon()).await.expect("a response");
    assert_eq!(store.read_lifetime(&alice, &soon()).await.expect("a response"), None);
    let record = read(&store, &alice).await;
    assert_eq!(record.identity.expect("an identity").entity_id, "e");
    assert!(record.token.is_none());
}

#[tokio::test]
async fn a_malformed_item_is_an_error_and_stays_unchanged() {
    let (world, alice) = (World::new().await, subject("alice", None));
    world.call(GetToken, "alice").await.token();
    world.set("alice", "cookies", string("secret")).await;
    assert!(matches!(world.store().read(&alice, &soon()).await, Err(StoreError::Internal(_))));
    assert_eq!(world.call(GetToken, "alice").await.problem(), (500, "internal"));
    assert_eq!(world.item("alice").await["cookies"], string("secret"));
}

#[tokio::test]
async fn renewals_in_groups_are_counted_by_minute_and_expire_after_a_day() {
    let world = World::new().await;
    let store = world.store();
    let principal = |name: &str| subject(name, None).principal;
    let count = async |name, at| {
        store
            .count_in_groups(&principal(name), at, NonZeroU32::new(2).expect("2 is not 0"), &soon())
            .await
            .expect("a response")
    };
    let uncount = async |name, at| store.uncount_in_groups(&principal(name), at, &soon()).await.expect("a response");
    let counted = async |minute| {
        let item = world.item_at("alice", &format!("renewals#{minute}")).await;
        ["renewals", "expiresAt"].map(|name| item.get(name).map(|value| value.as_n().expect("a number").clone()))
    };
    let minute = 30_000_000;
    let at = UnixMs::new(minute * 60_000 + 12_345);
    let spent = GroupCount::QuotaSpent { left_ms: 47_655 };
    for expected in [GroupCount::Counted, GroupCount::Counted, spent, spent] {
        assert_eq!(count("alice", at).await, expected);
    }
    assert_eq!(counted(minute).await, [Some("2".into()), Some("1800086412".into())]);
    assert_eq!(count("bob", at).await, GroupCount::Counted);
    assert_eq!(count("alice", UnixMs::new((minute + 1) * 60_000)).await, GroupCount::Counted);

    uncount("alice", at).await;
    assert_eq!(counted(minute + 1).await[0], Some("1".into()));
    assert_eq!(count("alice", at).await, GroupCount::Counted);
    for _ in 0..3 {
        uncount("alice", at).await;
    }
    assert_eq!(counted(minute).await[0], Some("0".into()));
    uncount("carol", at).await;
    assert!(world.item_at("carol", &format!("renewals#{minute}")).await.is_empty(), "nothing was counted");
}
