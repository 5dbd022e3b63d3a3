//! A former identity is restored: LiveChat returned another customer by mistake, or the person asks for the earlier chats.

use super::{
    Outcome, Store, item, lease,
    write::{Write, equals, not_exists, stored},
};
use crate::{
    context::Context,
    identity::{Identity, Subject, UnixMs, Version},
    renewal::{StoreError, record::Record},
    time::now,
};

/// The result of restoring a former identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormerRestoration {
    /// It is the subject's identity, and the other one is a former one.
    Restored,
    /// The record has no such former identity.
    NoSuchIdentity,
    /// A renewal is in progress: nothing was changed.
    Leased,
    /// What is stored has changed since it was read: nothing was changed.
    Changed,
}

impl Store {
    /// Makes the former identity with this `index` the identity of the subject, whose `record` was read before. One `UpdateItem`.
    pub async fn restore_former(
        &self,
        subject: &Subject,
        record: &Record,
        index: usize,
        context: &Context,
    ) -> Result<FormerRestoration, StoreError> {
        let now = now();
        let Some(write) = exchange(record, index, now) else { return Ok(FormerRestoration::NoSuchIdentity) };
        restored(self.send(item::key(subject), write, context).await?, now)
    }
}

/// Exchanges the identity. The next call needs a token of the restored customer, so the stored one is removed; a logout still
/// revokes it. If LiveChat does not know the restored customer either, that counts as a change of the identity like any other.
///
/// The lease of a renewal whose process died is ended: if that process is only slow, it must not store the customer that it got.
fn exchange(record: &Record, index: usize, now: UnixMs) -> Option<Write> {
    let current = record.identity.as_ref()?;
    let identity = exchanged(current.clone(), index, now)?;
    let write = lease::set_identity(Write::new().set(item::VERSION, stored(item::VERSION).or(0).plus(1)), &identity)
        .remove(item::TOKEN)
        .remove(item::UNPROVEN)
        .remove(item::LEASE_UNTIL_MS)
        .when(equals(item::ENTITY_ID, current.entity_id.as_str()))
        .when(lease::is_free(now));
    Some(match record.version {
        // Made by hand.
        version if version == Version::default() => write.when(not_exists(item::VERSION)),
        version => write.when(equals(item::VERSION, version)),
    })
}

/// `identity`, with the customer that it had before. How long that customer's cookies last is not stored, so the date stays.
fn exchanged(mut identity: Identity, index: usize, now: UnixMs) -> Option<Identity> {
    if index >= identity.former.len() {
        return None;
    }
    let before = identity.former.remove(index);
    let cookies_expire_at = identity.cookies_expire_at;
    Some(Identity {
        entity_id: before.entity_id,
        cookies: before.cookies,
        cookies_expire_at,
        former: identity.into_former(true, now),
        awaits_first_token: false,
    })
}

fn restored(outcome: Outcome, now: UnixMs) -> Result<FormerRestoration, StoreError> {
    Ok(match outcome {
        Outcome::Applied(_) => FormerRestoration::Restored,
        Outcome::Rejected(item) if item::record(item.clone())?.held(now).is_some() => FormerRestoration::Leased,
        Outcome::Rejected(_) => FormerRestoration::Changed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::{Cookies, FormerIdentity, LeaseSeq, Lifetime, MaybeSealed, Token, UnixSeconds},
        renewal::record::Lease,
        store::{item::Item, write::in_memory},
    };
    use aws_sdk_dynamodb::types::AttributeValue;
    use secrecy::ExposeSecret;
    use std::collections::HashMap;

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    fn cookies(of: &str) -> MaybeSealed<Cookies> {
        Cookies { cid: of.into(), cst: format!("{of}-cst").into() }.into()
    }

    /// A user whose customer was `a`, then `b`, and is `c`, and who has a token.
    fn item() -> Item {
        let former = |entity: &str, until| FormerIdentity {
            entity_id: entity.into(),
            cookies: Some(cookies(entity)),
            until: UnixMs::new(until),
        };
        let identity = Identity {
            entity_id: "c".into(),
            cookies: Some(cookies("c")),
            cookies_expire_at: UnixSeconds::new(1_800_000_000),
            former: vec![former("a", 1), former("b", 2)],
            awaits_first_token: false,
        };
        let lifetime = Lifetime { created: NOW, expires_in_ms: 28_800_000 };
        let token = Token { access_token: "token".into(), lifetime, seq: LeaseSeq::new(3) };
        let write = lease::set_identity(Write::new().set(item::VERSION, 7), &identity)
            .set(item::TOKEN, item::of_token(&token))
            .set(item::UNPROVEN, AttributeValue::Bool(true));
        in_memory::apply(&write, None).expect("an item")
    }

    fn record(item: &Item) -> Record {
        item.clone().into_record().expect("a record")
    }

    fn with(mut item: Item, attributes: [(&str, AttributeValue); 3]) -> Item {
        let all: HashMap<_, _> = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        item.0.extend(all);
        item
    }

    fn leased_until(item: Item, until: UnixMs) -> Item {
        with(
            item,
            [
                (item::LEASE_UNTIL_MS, AttributeValue::N(until.as_u64().to_string())),
                (item::LEASE_OWNER, AttributeValue::S("o".into())),
                (item::LEASE_SEQ, AttributeValue::N("4".into())),
            ],
        )
    }

    fn run(read: &Item, index: usize, stored: &mut Option<Item>) -> FormerRestoration {
        let write = exchange(&record(read), index, NOW).expect("a write");
        restored(in_memory::run(&write, stored), NOW).expect("a readable item")
    }

    #[test]
    fn the_customers_change_places_and_none_is_lost() {
        let mut stored = Some(item());
        assert_eq!(run(&item(), 0, &mut stored), FormerRestoration::Restored);
        let record = record(&stored.expect("an item"));
        let identity = record.identity.expect("an identity");
        assert_eq!(
            (identity.entity_id.as_str(), identity.open_cookies().expect("cookies").cst.expose_secret()),
            ("a", "a-cst")
        );
        let former: Vec<_> = identity.former.iter().map(|one| (one.entity_id.as_str(), one.until.as_u64())).collect();
        assert_eq!(former, [("b", 2), ("c", NOW.as_u64())]);
        let before = identity.former[1].cookies.as_ref().and_then(MaybeSealed::as_open);
        assert_eq!(before.expect("cookies").cst.expose_secret(), "c-cst");
        assert!(record.token.is_none() && !identity.awaits_first_token);
        assert_eq!(record.version, Version::new(8));
    }

    #[test]
    fn only_a_former_identity_that_exists_is_restore_former() {
        assert!(exchange(&record(&item()), 2, NOW).is_none());
        assert!(exchange(&Record::default(), 0, NOW).is_none());
    }

    #[test]
    fn nothing_changes_during_a_renewal_or_after_another_write() {
        let leased = leased_until(item(), NOW.plus_ms(5_000));
        assert_eq!(run(&leased, 0, &mut Some(leased.clone())), FormerRestoration::Leased);
        let mut written = item();
        written.0.insert(item::VERSION.to_owned(), AttributeValue::N("8".into()));
        let mut stored = Some(written.clone());
        assert_eq!(run(&item(), 0, &mut stored), FormerRestoration::Changed);
        assert_eq!(stored, Some(written));
        assert_eq!(run(&item(), 0, &mut None), FormerRestoration::Changed, "it was deleted");
    }

    /// Otherwise a slow owner of the lease would store the customer that it got with the cookies before.
    #[test]
    fn the_lease_of_a_process_that_died_is_ended() {
        let abandoned = leased_until(item(), NOW.minus_ms(1));
        let mut stored = Some(abandoned.clone());
        assert_eq!(run(&abandoned, 1, &mut stored), FormerRestoration::Restored);
        let lease = Lease { owner: "o".into(), seq: LeaseSeq::new(4), until: NOW.minus_ms(1) };
        let commit = lease::fenced(&lease);
        assert!(matches!(in_memory::run(&commit, &mut stored), Outcome::Rejected(_)));
    }

    #[test]
    fn an_item_without_a_version_can_be_restored() {
        let mut by_hand = item();
        by_hand.0.remove(item::VERSION);
        let mut stored = Some(by_hand.clone());
        assert_eq!(run(&by_hand, 0, &mut stored), FormerRestoration::Restored);
        assert_eq!(record(&stored.expect("an item")).version, Version::new(1));
    }
}
