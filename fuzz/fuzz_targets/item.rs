//! Items of any shape. A valid item must be read as it is. An invalid item must be an error that quotes nothing of it.
#![no_main]

use cip::{
    identity::{Cookies, LeaseSeq, MaybeSealed, UnixMs},
    renewal::{
        StoreError,
        agent_token::AgentRecord,
        record::{Lease, Quota, Record, Refusal, TokenOrigin},
    },
};
use fuzz::items::{
    Item, NOW_MS, SHAPES, Shape, agent_item, has_agent_token, has_valid_lease, is_valid, item, number_at, text_at,
};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary, Unstructured},
    fuzz_target,
};
use secrecy::ExposeSecret;

/// The longest time that a refusal by LiveChat is remembered, in ms.
const LONGEST_PAUSE_MS: u64 = 300_000;

#[derive(Debug)]
enum Stored {
    Subject(Item),
    AgentToken(Item),
}

impl<'a> Arbitrary<'a> for Stored {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        if u.ratio(1, 8)? { agent_item(u).map(Self::AgentToken) } else { item(u).map(Self::Subject) }
    }
}

fuzz_target!(|stored: Stored| match stored {
    Stored::Subject(item) => check_subject(&item),
    Stored::AgentToken(item) => check_agent_token(item),
});

/// A malformed token counts as missing, as it can be refreshed. A malformed lease is an error.
fn check_agent_token(item: Item) {
    match AgentRecord::try_from(item.clone()) {
        Ok(record) => {
            assert_eq!(record.lease, lease_of(&item));
            assert!(record.token.is_some() || !has_agent_token(&item));
            let Some(token) = record.token else { return };
            let text = |name| text_at(&item, &["token", name]);
            // No sealed secret is generated.
            let secrets = token.secrets.as_open().expect("in the clear");
            assert_eq!(Some(secrets.access_token.expose_secret()), text("accessToken"));
            assert_eq!(Some(token.client_id.as_str()), text("clientId"));
            let numbers = ["created", "expiresIn", "seq"].map(|name| number_at(&item, &["token", name]));
            let read = [token.lifetime.created.as_u64(), token.lifetime.expires_in_ms, token.seq.as_u64()];
            assert_eq!(read.map(Some), numbers);
            let successor = secrets.successor.as_ref();
            assert_eq!(successor.map(|one| one.refresh_token.expose_secret()), text("refreshToken"));
            for now_ms in [0, NOW_MS, 1 << 53] {
                let now = UnixMs::new(now_ms);
                assert!(!token.lifetime.is_usable(now) || token.lifetime.is_live(now));
            }
        }
        Err(StoreError::Internal(what)) => {
            assert!(!has_valid_lease(&item), "{what}");
            assert!(names().any(|name| what == message(name)), "{what:?}");
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn check_subject(item: &Item) {
    let (once, twice) = (Record::try_from(item.clone()), Record::try_from(item.clone()));
    assert_eq!(format!("{once:?}"), format!("{twice:?}"));
    match once {
        Ok(record) => {
            check_same(&record, item);
            for now_ms in [0, NOW_MS, 1 << 53] {
                check_use(&record, UnixMs::new(now_ms));
            }
        }
        Err(StoreError::Internal(what)) => {
            assert!(!is_valid(item), "{what}");
            assert!(names().any(|name| what == message(name)), "{what:?}");
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn message(name: &str) -> String {
    format!("the stored item's `{name}` is missing or malformed")
}

/// The names of all attributes, at any depth.
fn names() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().flat_map(|(name, shape)| {
        let (Shape::Map(inner) | Shape::MapOf(inner) | Shape::List(inner)) = shape else { return vec![*name] };
        inner.iter().map(|(name, _)| *name).chain([*name]).collect()
    })
}

/// Checks that the record has the values of the item.
fn check_same(record: &Record, item: &Item) {
    check_identity(record, item);
    check_tokens(record, item);
    check_lease(record, item);
    check_hints(record, item);
}

fn check_identity(record: &Record, item: &Item) {
    assert_eq!(record.identity.is_some(), item.contains_key("entityId"));
    if let Some(identity) = &record.identity {
        assert_eq!(Some(identity.entity_id.as_str()), text_at(item, &["entityId"]));
        let stored =
            item.contains_key("cookiesLapseAt").then(|| number_at(item, &["cookiesLapseAt"]).expect("a number"));
        assert_eq!(identity.cookies_expire_at.as_u64(), stored.unwrap_or(u64::MAX));
        let cookies = |name| text_at(item, &["cookies", name]);
        assert_eq!(exposed(identity.cookies.as_ref().and_then(MaybeSealed::as_open)), (cookies("cid"), cookies("cst")));
        assert!(!identity.entity_id.is_empty());
        let former = item.get("formerIdentities").map_or(&[][..], |list| list.as_l().expect("a list"));
        assert_eq!(identity.former.len(), former.len());
        for (read, stored) in identity.former.iter().zip(former) {
            let stored = stored.as_m().expect("a map");
            assert_eq!(Some(read.entity_id.as_str()), text_at(stored, &["entityId"]));
            assert_eq!(
                exposed(read.cookies.as_ref().and_then(MaybeSealed::as_open)),
                (text_at(stored, &["cid"]), text_at(stored, &["cst"]))
            );
            assert_eq!(Some(read.until.as_u64()), number_at(stored, &["until"]));
        }
    }
}

fn check_tokens(record: &Record, item: &Item) {
    assert_eq!(record.token.is_some(), item.contains_key("token"));
    if let Some(token) = &record.token {
        let access_token = token.access_token.expose_secret();
        assert!(!access_token.is_empty());
        assert_eq!(Some(access_token), text_at(item, &["token", "accessToken"]));
        let numbers = ["created", "expiresIn", "seq"].map(|name| number_at(item, &["token", name]));
        assert_eq!(
            [token.lifetime.created.as_u64(), token.lifetime.expires_in_ms, token.seq.as_u64()].map(Some),
            numbers
        );
    }
    assert_eq!(record.latest_logout.0, positive_at(item, "loggedOutSeq").map(LeaseSeq::new));
    assert_eq!(record.revoke_again, positive_at(item, "revokeAgain").map(UnixMs::new));
    let listed = item.get("outstanding").map_or(0, |tokens| tokens.as_m().expect("a map").len());
    assert!([listed, listed + 1].contains(&record.outstanding.0.len()));
    // The last one may be the stored token: earlier versions did not list it.
    for token in record.outstanding.0.iter().take(listed) {
        assert_eq!(
            Some(token.access_token.expose_secret()),
            text_at(item, &["outstanding", &token.key, "accessToken"])
        );
        let numbers = ["ends", "seq"].map(|name| number_at(item, &["outstanding", &token.key, name]));
        assert_eq!([token.expires_at.as_u64(), number_of(token.origin)].map(Some), numbers);
    }
}

fn check_lease(record: &Record, item: &Item) {
    assert_eq!(record.lease_seq, positive_at(item, "leaseSeq").map(LeaseSeq::new));
    assert_eq!(record.lease, lease_of(item));
    let quota = item.contains_key("quotaSince").then(|| Quota {
        since: number_at(item, &["quotaSince"]).map(UnixMs::new).expect("a number"),
        last_seq: number_at(item, &["quotaLastSeq"]).map(LeaseSeq::new).expect("a number"),
    });
    assert_eq!(record.quota, quota);
}

/// The lease of an item that was accepted. A number may be spelled as DynamoDB never does, such as `+1`, if its value is clear.
fn lease_of(item: &Item) -> Option<Lease> {
    item.contains_key("leaseUntil").then(|| Lease {
        owner: text_at(item, &["leaseOwner"]).expect("an owner").to_owned(),
        seq: number_at(item, &["leaseSeq"]).map(LeaseSeq::new).expect("a number"),
        until: number_at(item, &["leaseUntil"]).map(UnixMs::new).expect("a number"),
    })
}

fn check_hints(record: &Record, item: &Item) {
    if let Some(failed) = &record.failed {
        assert_eq!(Some(failed.seq.as_u64()), number_at(item, &["failedRenewal", "seq"]));
    }
    if let Some(update) = &record.details {
        let numbers = ["again", "failures"].map(|name| number_at(item, &["details", name]));
        assert_eq!([update.again.as_u64(), update.failures].map(Some), numbers);
        let texts = ["entityId", "hash"].map(|name| text_at(item, &["details", name]));
        assert_eq!([&update.entity_id, &update.hash].map(|text| Some(text.as_str())), texts);
    }
    if let Some(refusal) = &record.refusal {
        let numbers = ["until", "times"].map(|name| number_at(item, &["refused", name]));
        assert_eq!([refusal.until.as_u64(), refusal.times].map(Some), numbers);
        let texts = ["settings", "exception", "description"].map(|name| text_at(item, &["refused", name]));
        assert_eq!(
            [&refusal.settings, &refusal.exception, &refusal.description].map(|text| Some(text.as_str())),
            texts
        );
    }
}

/// A number that reads as missing if it is 0.
fn positive_at(item: &Item, name: &str) -> Option<u64> {
    number_at(item, &[name]).filter(|number| *number > 0)
}

/// The number of a token's lease, as it is stored.
fn number_of(origin: TokenOrigin) -> u64 {
    match origin {
        TokenOrigin::Guest => 0,
        TokenOrigin::Lease(seq) => seq.as_u64(),
    }
}

/// The values of the cookies; `None` for an empty one, or if there are none.
fn exposed(cookies: Option<&Cookies>) -> (Option<&str>, Option<&str>) {
    let some = |value: fn(&Cookies) -> &str| cookies.map(value).filter(|value| !value.is_empty());
    (some(|cookies| cookies.cid.expose_secret()), some(|cookies| cookies.cst.expose_secret()))
}

/// Checks that the record can be used, even if the clock of its writer was wrong.
fn check_use(record: &Record, now: UnixMs) {
    if let Some(token) = &record.token {
        assert!(!token.lifetime.is_usable(now) || token.lifetime.is_live(now));
    }
    if let Some(lease) = record.held(now) {
        assert!(lease.safe_for_ms(now) < 2 * Lease::LENGTH_MS, "a lease that never expires");
    }
    assert!(record.spent_for_ms(now).is_none_or(|left| left <= 2 * Quota::WINDOW_MS), "a quota that never ends");
    if let Some(refusal) = &record.refusal {
        let (settings, exception) = (refusal.settings.as_str(), "invalid_client");
        assert!(!refusal.applies_to(&format!("other than {settings}"), now), "the refusal applies to other settings");
        if refusal.applies_to(settings, now) {
            assert!(record.refusal_of(settings, now).is_some());
            assert!(
                refusal.until > now && refusal.until.ms_since(now) <= 2 * LONGEST_PAUSE_MS,
                "a refusal that never ends"
            );
        }
        let next = Refusal::first(settings, exception, "", now).after(Some(refusal), now);
        assert!(next.times >= 1 && next.applies_to(settings, now));
        assert!(next.until.ms_since(now) <= LONGEST_PAUSE_MS);
    }
    let may_be_returned = record.token.as_ref().is_some_and(|token| !record.latest_logout.ends(token.seq));
    assert_eq!(record.issued().is_some(), record.identity.is_some() && may_be_returned);
    let (due, logout) = (record.due_revocations(now), record.latest_logout);
    let logged_out_seq = logout.0.map_or(0, LeaseSeq::as_u64);
    assert!(due.iter().all(|token| number_of(token.origin) <= logged_out_seq));
    let first = record.outstanding.to_revoke_before_another(logout, now);
    assert!(first.len() >= due.len());
    let keys: Vec<_> = first.into_iter().map(|token| token.key).collect();
    let _ = record.outstanding.has_room(&keys, now);
    assert!(record.outstanding.clone().into_adopted(now).0.iter().all(|token| token.origin == TokenOrigin::Guest));
}
