//! The store's own writes, and items that they may find.

use super::*;
use crate::{
    identity::{
        Cookies, DetailsUpdate, FormerIdentity, Identity, LeaseSeq, Lifetime, MaybeSealed, Token, UnixMs, UnixSeconds,
        Version,
    },
    renewal::{
        Bookkeeping, RevokeAgain,
        agent_token::{AgentSecrets, AgentToken, Stored, StoredAgentToken, Successor},
        circuit::Gate,
        record::{FailedRenewal, Failure, Lease, Outstanding, OutstandingToken, Quota, Refusal, TokenOrigin},
    },
    store::{
        Commit, Release, adoption,
        agent_token::{self, Reason, Scope},
        details, gate, groups, lease, logout, revocation, token,
    },
};
use std::num::NonZeroU32;

const NOW: UnixMs = UnixMs::new(1_700_000_000_000);
const OWNERS: [&str; 2] = ["a", "b"];
const SETTINGS: [&str; 2] = ["0123456789abcdef", "fedcba9876543210"];

/// One of the store's writes, all equally often, and an item that it may find. Some of the items are malformed.
pub(super) fn write_and_item(rng: &mut Rng, number: u32) -> (Write, Option<Item>) {
    let is_there = rng.u8(0..6) > 0;
    match number % 22 {
        0..=3 => (acquire(rng), is_there.then(|| subject_item(rng))),
        4 => (commit(rng), is_there.then(|| held_item(rng))),
        5 => (release(rng), is_there.then(|| held_item(rng))),
        6 => (adoption::move_in(&held(rng), &identity(), &outstanding()), is_there.then(|| held_item(rng))),
        7 => (adoption::move_out(Version::new(rng.u64(0..3)), NOW), is_there.then(|| subject_item(rng))),
        8 => (token::drop(), is_there.then(|| subject_item(rng))),
        9 => (logout::log_out(), is_there.then(|| subject_item(rng))),
        10 => (revocation::record(&bookkeeping(rng)), is_there.then(|| subject_item(rng))),
        11 => (
            groups::count(NOW, NonZeroU32::new(rng.u32(1..4)).expect("it is not 0")),
            is_there.then(|| groups_item(rng)),
        ),
        12 => (groups::uncount(), is_there.then(|| groups_item(rng))),
        13 => (details::claim(&details_update(rng), NOW), is_there.then(|| subject_item(rng))),
        14 => (details::settle(&details_update(rng)), is_there.then(|| subject_item(rng))),
        15..=17 => (gate_write(rng), is_there.then(|| gate_item(rng))),
        _ => (agent_write(rng), is_there.then(|| agent_item(rng))),
    }
}

fn pick<'a>(rng: &mut Rng, all: &[&'a str]) -> &'a str {
    all[rng.usize(..all.len())]
}

fn acquire(rng: &mut Rng) -> Write {
    let unless_newer_than = rng.bool().then(|| LeaseSeq::new(rng.u64(0..4)));
    let settings = rng.u8(0..3).ne(&0).then(|| pick(rng, &SETTINGS));
    lease::acquire(pick(rng, &OWNERS), unless_newer_than, settings, NOW)
}

fn commit(rng: &mut Rng) -> Write {
    let lifetime = Lifetime { created: NOW, expires_in_ms: 28_800_000 };
    let token = Token { access_token: "access".into(), lifetime, seq: LeaseSeq::new(rng.u64(2..4)) };
    lease::commit(Commit { lease: &held(rng), identity: &identity(), token: &token, bookkeeping: &bookkeeping(rng) })
}

fn release(rng: &mut Rng) -> Write {
    let failed = rng.bool().then_some(FailedRenewal { seq: LeaseSeq::new(1), failure: Failure::OutOfTime });
    let refusal = rng.bool().then(|| Refusal::first(SETTINGS[0], "invalid_client", "", NOW));
    lease::release(Release {
        lease: &held(rng),
        failed: failed.as_ref(),
        refusal: refusal.as_ref(),
        bookkeeping: &bookkeeping(rng),
    })
}

fn gate_write(rng: &mut Rng) -> Write {
    match rng.u8(0..6) {
        0 => gate::count(NOW),
        1 => gate::count_late(NOW),
        2 => gate::count_first(NOW),
        3 => gate::probe(NOW),
        4 => gate::uncount(),
        _ => gate::empty(),
    }
}

fn agent_write(rng: &mut Rng) -> Write {
    let refusal = Refusal::first(SETTINGS[0], "invalid_grant", "", NOW);
    match rng.u8(0..6) {
        0..=2 => {
            let seen = match rng.u8(0..4) {
                0 => Stored::Nothing,
                1 => Stored::Malformed,
                _ => Stored::Token(LeaseSeq::new(rng.u64(0..4))),
            };
            agent_token::acquire(pick(rng, &OWNERS), seen, NOW)
        }
        3 => agent_token::commit(&held(rng), &agent(rng), if rng.bool() { Reason::Due } else { Reason::Rejected }),
        4 => agent_token::release(&held(rng), rng.bool().then_some(&refusal)),
        _ => {
            let scope = if rng.bool() { Scope::OneRequest } else { Scope::All };
            agent_token::refuse(LeaseSeq::new(rng.u64(0..4)), &refusal, scope)
        }
    }
}

fn agent(rng: &mut Rng) -> StoredAgentToken {
    let lifetime = Lifetime { created: NOW, expires_in_ms: 28_800_000 };
    let successor = rng.bool().then(|| Successor { of: "0123456789abcdef".into(), refresh_token: "refresh".into() });
    let secrets = AgentSecrets { access_token: "access".into(), successor }.into();
    AgentToken { secrets, client_id: "app".into(), lifetime, seq: LeaseSeq::new(2) }
}

fn held(rng: &mut Rng) -> Lease {
    Lease { owner: if rng.u8(0..4) == 0 { "b" } else { "a" }.into(), seq: LeaseSeq::new(2), until: NOW.plus_ms(10_000) }
}

fn cookies() -> MaybeSealed<Cookies> {
    Cookies { cid: "cid".into(), cst: "cst".into() }.into()
}

fn details_update(rng: &mut Rng) -> DetailsUpdate {
    let hash = pick(rng, &["h1", "h2"]).into();
    DetailsUpdate { entity_id: pick(rng, &["entity", "before"]).into(), hash, again: NOW, failures: rng.u64(0..2) }
}

fn identity() -> Identity {
    let former = FormerIdentity { entity_id: "before".into(), cookies: Some(cookies()), until: NOW };
    Identity {
        entity_id: "entity".into(),
        cookies: Some(cookies()),
        cookies_expire_at: UnixSeconds::new(2_000_000_000),
        former: vec![former],
        awaits_first_token: false,
    }
}

fn outstanding() -> Outstanding {
    let token = |key: &str| OutstandingToken {
        key: key.into(),
        access_token: key.into(),
        expires_at: NOW,
        origin: TokenOrigin::Guest,
    };
    Outstanding(vec![token("guest-1"), token("guest-2")])
}

fn bookkeeping(rng: &mut Rng) -> Bookkeeping {
    let quota = rng.bool().then_some(Quota { since: NOW, last_seq: LeaseSeq::new(9) });
    let forget = ["1", "2", "guest-1"].into_iter().filter(|_| rng.u8(0..4) == 0).map(str::to_owned).collect();
    Bookkeeping { quota, forget, revoke_again: revoke_again(rng) }
}

fn revoke_again(rng: &mut Rng) -> RevokeAgain {
    [RevokeAgain::Unchanged, RevokeAgain::WhenDue, RevokeAgain::NotBefore(NOW)][rng.usize(..3)]
}

/// A time near now, often at the border of what a condition accepts.
fn time_ms(rng: &mut Rng) -> AttributeValue {
    let distance_ms = [0, 1, 2_000, 10_000, 20_000, 59_999, 60_000, 310_000][rng.usize(..8)];
    let time = if rng.bool() { NOW.plus_ms(distance_ms) } else { NOW.minus_ms(distance_ms) };
    number(time.plus_ms(rng.u64(0..2)).as_u64())
}

/// An item with some of these attributes. A few of them are malformed.
fn some<const N: usize>(attributes: [(&str, AttributeValue); N], rng: &mut Rng) -> Item {
    let mut item = Item::default();
    for (name, value) in attributes {
        match rng.u8(0..24) {
            0..=4 => {}
            5 => drop(item.0.insert(name.to_owned(), string("malformed"))),
            _ => drop(item.0.insert(name.to_owned(), value)),
        }
    }
    item
}

fn subject_item(rng: &mut Rng) -> Item {
    let token = map([("accessToken", string("t")), ("seq", number(rng.u64(0..4)))]);
    let refused = [("until", time_ms(rng)), ("settings", string(pick(rng, &SETTINGS)))];
    let refused = AttributeValue::M(some(refused, rng).0);
    let one = || map([("accessToken", string("t")), ("seq", number(1))]);
    let details = [
        ("entityId", string(pick(rng, &["entity", "before"]))),
        ("hash", string(pick(rng, &["h1", "h2"]))),
        ("again", time_ms(rng)),
        ("failures", number(rng.u64(0..2))),
    ];
    let details = AttributeValue::M(some(details, rng).0);
    let quota_since = number(if rng.bool() { NOW } else { NOW.minus_ms(60_000) }.as_u64());
    let mut item = some(
        [
            ("version", number(rng.u64(0..3))),
            ("entityId", string("entity")),
            ("cookiesLapseAt", number(1_800_000_000)),
            ("token", token),
            ("outstanding", map([("1", one()), ("2", one())])),
            ("refused", refused),
            ("details", details),
            ("leaseSeq", number(rng.u64(0..4))),
            ("leaseOwner", string(pick(rng, &OWNERS))),
            ("leaseUntil", time_ms(rng)),
            ("quotaSince", quota_since),
            ("quotaLastSeq", number(rng.u64(0..4))),
        ],
        rng,
    );
    if rng.u8(0..8) == 0 {
        item.0.insert("adoptedAt".to_owned(), number(NOW.as_u64()));
    }
    item
}

/// An item on which the fence of [`held`] mostly holds.
fn held_item(rng: &mut Rng) -> Item {
    let mut item = subject_item(rng);
    item.0.insert("leaseOwner".to_owned(), string("a"));
    item.0.insert("leaseSeq".to_owned(), number(2));
    item
}

/// The item of the agent token. Often the fence of [`held`] holds.
fn agent_item(rng: &mut Rng) -> Item {
    if rng.bool() { held_item(rng) } else { subject_item(rng) }
}

fn groups_item(rng: &mut Rng) -> Item {
    some([("renewals", number(rng.u64(0..4)))], rng)
}

fn gate_item(rng: &mut Rng) -> Item {
    let sent_ms = number(NOW.minus_ms([0, 799, 800, 801, 10_000, 10_001][rng.usize(..6)]).as_u64());
    let unanswered = number(rng.u64(0..=Gate::MOST_UNANSWERED));
    some([("unanswered", unanswered), ("lastSent", sent_ms.clone()), ("lastCounted", sent_ms)], rng)
}
