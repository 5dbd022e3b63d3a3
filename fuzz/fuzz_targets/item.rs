//! Items of any shape. A valid item must be read as it is. An invalid item must be an error that quotes nothing of it.
#![no_main]

use cip::{
    identity::Cookies,
    renewal::{
        StoreError,
        record::{Lease, Quota, Record, Refusal},
    },
};
use fuzz::items::{Item, NOW_MS, SHAPES, Shape, is_valid, item, number_at, text_at};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary, Unstructured},
    fuzz_target,
};
use secrecy::ExposeSecret;

/// The longest time that a refusal by LiveChat is remembered, in ms.
const LONGEST_PAUSE_MS: u64 = 300_000;

#[derive(Debug)]
struct Stored(Item);

impl<'a> Arbitrary<'a> for Stored {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        item(u).map(Self)
    }
}

fuzz_target!(|stored: Stored| {
    let Stored(item) = stored;
    let (once, twice) = (Record::try_from(item.clone()), Record::try_from(item.clone()));
    assert_eq!(format!("{once:?}"), format!("{twice:?}"));
    match once {
        Ok(record) => {
            check_same(&record, &item);
            for now_ms in [0, NOW_MS, 1 << 53] {
                check_use(&record, now_ms);
            }
        }
        Err(StoreError::Internal(what)) => {
            assert!(!is_valid(&item), "{what}");
            assert!(names().any(|name| what == message(name)), "{what:?}");
        }
        Err(other @ StoreError::Unavailable(_)) => panic!("{other:?}"),
    }
});

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
        assert_eq!(Some(identity.cookies_lapse_at_s), number_at(item, &["cookiesLapseAt"]));
        let cookies = |name| text_at(item, &["cookies", name]);
        assert_eq!(exposed(&identity.cookies), (cookies("cid"), cookies("cst")));
        assert!(!identity.entity_id.is_empty());
        let former = item.get("formerIdentities").map_or(&[][..], |list| list.as_l().expect("a list"));
        assert_eq!(identity.former.len(), former.len());
        for (read, stored) in identity.former.iter().zip(former) {
            let stored = stored.as_m().expect("a map");
            assert_eq!(Some(read.entity_id.as_str()), text_at(stored, &["entityId"]));
            assert_eq!(exposed(&read.cookies), (text_at(stored, &["cid"]), text_at(stored, &["cst"])));
            assert_eq!(Some(read.until_ms), number_at(stored, &["until"]));
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
        assert_eq!([token.lifetime.created_ms, token.lifetime.expires_in_ms, token.seq].map(Some), numbers);
    }
    assert_eq!(record.logged_out_seq, number_at(item, &["loggedOutSeq"]).unwrap_or(0));
    assert_eq!(record.revoke_again_ms, number_at(item, &["revokeAgain"]).unwrap_or(0));
    let listed = item.get("outstanding").map_or(0, |tokens| tokens.as_m().expect("a map").len());
    assert!([listed, listed + 1].contains(&record.outstanding.0.len()));
    // The last one may be the stored token: earlier versions did not list it.
    for token in record.outstanding.0.iter().take(listed) {
        assert_eq!(
            Some(token.access_token.expose_secret()),
            text_at(item, &["outstanding", &token.key, "accessToken"])
        );
        let numbers = ["ends", "seq"].map(|name| number_at(item, &["outstanding", &token.key, name]));
        assert_eq!([token.ends_ms, token.seq].map(Some), numbers);
    }
}

fn check_lease(record: &Record, item: &Item) {
    assert_eq!(record.lease_seq, number_at(item, &["leaseSeq"]).unwrap_or(0));
    let lease = item.contains_key("leaseUntil").then(|| Lease {
        owner: text_at(item, &["leaseOwner"]).expect("an owner").to_owned(),
        seq: number_at(item, &["leaseSeq"]).expect("a number"),
        until_ms: number_at(item, &["leaseUntil"]).expect("a number"),
    });
    assert_eq!(record.lease, lease);
    let quota = item.contains_key("quotaSince").then(|| Quota {
        since_ms: number_at(item, &["quotaSince"]).expect("a number"),
        last_seq: number_at(item, &["quotaLastSeq"]).expect("a number"),
    });
    assert_eq!(record.quota, quota);
}

fn check_hints(record: &Record, item: &Item) {
    if let Some(failed) = &record.failed {
        assert_eq!(Some(failed.seq), number_at(item, &["failedRenewal", "seq"]));
    }
    if let Some(refusal) = &record.refusal {
        let numbers = ["until", "times"].map(|name| number_at(item, &["refused", name]));
        assert_eq!([refusal.until_ms, refusal.times].map(Some), numbers);
        let texts = ["settings", "exception", "description"].map(|name| text_at(item, &["refused", name]));
        assert_eq!(
            [&refusal.settings, &refusal.exception, &refusal.description].map(|text| Some(text.as_str())),
            texts
        );
    }
}

/// The values of the cookies; `None` for an empty one.
fn exposed(cookies: &Cookies) -> (Option<&str>, Option<&str>) {
    let some = |value| Some(value).filter(|value: &&str| !value.is_empty());
    (some(cookies.cid.expose_secret()), some(cookies.cst.expose_secret()))
}

/// Checks that the record can be used, even if the clock of its writer was wrong.
fn check_use(record: &Record, now_ms: u64) {
    if let Some(token) = &record.token {
        assert!(!token.lifetime.is_usable(now_ms) || token.lifetime.is_live(now_ms));
    }
    if let Some(lease) = record.held(now_ms) {
        assert!(lease.safe_for_ms(now_ms) < 2 * Lease::LENGTH_MS, "a lease that never expires");
    }
    assert!(record.spent_for_ms(now_ms).is_none_or(|left| left <= 2 * Quota::WINDOW_MS), "a quota that never ends");
    if let Some(refusal) = &record.refusal {
        let (settings, exception) = (refusal.settings.as_str(), "invalid_client");
        assert!(
            !refusal.applies_to(&format!("other than {settings}"), now_ms),
            "the refusal applies to other settings"
        );
        if refusal.applies_to(settings, now_ms) {
            assert!(record.refusal_of(settings, now_ms).is_some());
            assert!(
                refusal.until_ms > now_ms && refusal.until_ms - now_ms <= 2 * LONGEST_PAUSE_MS,
                "a refusal that never ends"
            );
        }
        let next = Refusal::after(Some(refusal), settings, exception, "", now_ms);
        assert!(next.times >= 1 && next.applies_to(settings, now_ms));
        assert!(next.until_ms - now_ms <= LONGEST_PAUSE_MS);
    }
    let may_be_returned = record.token.as_ref().is_some_and(|token| token.seq > record.logged_out_seq);
    assert_eq!(record.issued().is_some(), record.identity.is_some() && may_be_returned);
    let (due, logged_out_seq) = (record.due_revocations(now_ms), record.logged_out_seq);
    assert!(due.iter().all(|token| token.seq <= logged_out_seq));
    let first = record.outstanding.to_revoke_before_another(logged_out_seq, now_ms);
    assert!(first.len() >= due.len());
    let keys: Vec<_> = first.into_iter().map(|token| token.key).collect();
    let _ = record.outstanding.has_room(&keys, now_ms);
    assert!(record.outstanding.clone().into_adopted(now_ms).0.iter().all(|token| token.seq == 0));
}
