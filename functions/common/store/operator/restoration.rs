//! An item of a backup goes back into the table.
//!
//! Restored are the customer, its cookies and former ones, the tokens to revoke at a logout, and the mark of a guest who became a user.
//! What only makes sense at the time of the backup is not: the lease, the quota, failures and refusals. The token is not either: a caller
//! may have a newer one by now, and `getToken` returns no older token than `getFreshToken` did. The first call gets a new one.

use super::{
    super::{
        Outcome, Store,
        item::{self, Key},
        lease::is_free,
        write::{Write, any, at_most, not_exists, stored},
    },
    Attributes, Entry,
};
use crate::{
    context::Context,
    identity::{LeaseSeq, Subject, UnixMs},
    renewal::{StoreError, record::Record},
    time::now,
};

/// An item of a backup that can be restored.
#[derive(Debug)]
pub struct Restorable {
    /// Whose item it is.
    pub subject: Subject,
    attributes: Attributes,
    record: Record,
}

/// Why an item of a backup is not restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It has no customer: a count of renewals, the circuit breaker's gate, or a first renewal that failed.
    NoIdentity,
    /// DynamoDB would delete it at once, as the cookies expired a month ago.
    Expired,
    /// The functions could not read it. The text says why, and repeats no value.
    Malformed(String),
}

/// The result of restoring an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemRestoration {
    /// It is stored.
    Restored,
    /// The table has this customer already: nothing was changed.
    Same,
    /// The table has another customer for the subject, or a newer item: nothing was changed.
    Taken,
}

impl Restorable {
    /// # Errors
    /// Why the item is not restored.
    pub fn of(attributes: Attributes, now: UnixMs) -> Result<Self, LeftOut> {
        let (subject, record, expires_at_s) = match Entry::of(attributes.clone()) {
            Entry::Subject(subject, record, expires_at_s) => (subject, *record, expires_at_s),
            Entry::Renewals | Entry::Gate | Entry::AgentToken => return Err(LeftOut::NoIdentity),
            Entry::Malformed(reason) => return Err(LeftOut::Malformed(reason)),
        };
        if record.identity.is_none() && !record.is_adopted {
            return Err(LeftOut::NoIdentity);
        }
        if expires_at_s.is_some_and(|expiry| expiry <= now.in_seconds().as_u64()) {
            return Err(LeftOut::Expired);
        }
        Ok(Self { subject, attributes, record })
    }

    fn key(&self) -> Key {
        item::key(&self.subject)
    }

    /// Only where there is no customer, nobody is creating one, and no lease or write is later than those of the backup.
    fn write(&self, now: UnixMs) -> Write {
        let version = self.record.version.as_u64();
        let seq = self.record.lease_seq.unwrap_or(LeaseSeq::BEFORE_FIRST);
        let unchanged = [
            item::EXPIRES_AT_S,
            item::ENTITY_ID,
            item::COOKIES,
            item::COOKIES_LAPSE_AT_S,
            item::FORMER,
            item::LOGGED_OUT_SEQ,
            item::REVOKE_AGAIN_MS,
            item::UNPROVEN,
            item::LEASE_SEQ,
            item::ADOPTED_AT_MS,
        ];
        let mut write = Write::new()
            .set(item::VERSION, version + 1)
            .set(item::OUTSTANDING, item::of_all_outstanding(&self.record.outstanding))
            // A renewal whose process died can no longer store its customer.
            .remove(item::LEASE_UNTIL_MS)
            .when(not_exists(item::ENTITY_ID))
            .when(not_exists(item::ADOPTED_AT_MS))
            .when(is_free(now))
            .when(any([not_exists(item::LEASE_SEQ), at_most(item::LEASE_SEQ, seq)]))
            .when(any([not_exists(item::VERSION), at_most(item::VERSION, version)]));
        for name in unchanged {
            if let Some(value) = self.attributes.get(name) {
                write = write.set(name, value.clone());
            }
        }
        match self.attributes.get(item::LEASE_OWNER) {
            Some(owner) => write.set(item::LEASE_OWNER, stored(item::LEASE_OWNER).or(owner.clone())),
            None => write,
        }
    }

    /// The result of a write that [`write`](Self::write) made.
    fn restored(&self, outcome: Outcome) -> ItemRestoration {
        let record = match outcome {
            Outcome::Applied(_) => return ItemRestoration::Restored,
            Outcome::Rejected(stored) => item::record(stored),
        };
        // What is malformed may be a customer.
        let Ok(record) = record else { return ItemRestoration::Taken };
        let is_same = match (&record.identity, &self.record.identity) {
            (Some(stored), Some(ours)) => stored.entity_id == ours.entity_id,
            (None, None) => record.is_adopted && self.record.is_adopted,
            _ => false,
        };
        if is_same { ItemRestoration::Same } else { ItemRestoration::Taken }
    }
}

impl Store {
    /// Stores an item of a backup, if it would replace nothing. One `UpdateItem`, which may be repeated.
    pub async fn restore_item(&self, item: &Restorable, context: &Context) -> Result<ItemRestoration, StoreError> {
        Ok(item.restored(self.send(item.key(), item.write(now()), context).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        item::Item,
        lease::{acquire, acquired},
        write::in_memory,
    };
    use aws_sdk_dynamodb::types::AttributeValue;
    use std::collections::HashMap;

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.into())
    }

    /// An item after seven leases, of which the last is held, with a token that the last but one got.
    fn backed_up(entity_id: &str) -> Attributes {
        let map = |fields: &[(&str, AttributeValue)]| {
            AttributeValue::M(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
        };
        let token = [("accessToken", text("t")), ("created", item::number(NOW.as_u64())), ("seq", item::number(6))];
        let listed = map(&[("accessToken", text("t")), ("ends", item::number(NOW.as_u64())), ("seq", item::number(6))]);
        [
            (item::PK, text("user#alice")),
            (item::SK, text("identity")),
            (item::VERSION, item::number(20)),
            (item::ENTITY_ID, text(entity_id)),
            (item::COOKIES, map(&[("cid", text("c")), ("cst", text("s"))])),
            (item::COOKIES_LAPSE_AT_S, item::number(1_760_000_000)),
            (item::EXPIRES_AT_S, item::number(1_762_000_000)),
            (item::TOKEN, map(&[&token[..], &[("expiresIn", item::number(28_800_000))]].concat())),
            (item::OUTSTANDING, map(&[("6", listed)])),
            (item::LEASE_SEQ, item::number(7)),
            (item::LEASE_OWNER, text("o")),
            (item::LEASE_UNTIL_MS, item::number(NOW.plus_ms(10_000).as_u64())),
            (item::QUOTA_SINCE_MS, item::number(NOW.as_u64())),
            (item::QUOTA_LAST_SEQ, item::number(7)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn restore(attributes: Attributes, into: &mut Option<Item>) -> ItemRestoration {
        let item = Restorable::of(attributes, NOW).expect("an item that can be restored");
        let outcome = in_memory::run(&item.write(NOW), into);
        item.restored(outcome)
    }

    fn existing(attributes: &[(&str, AttributeValue)]) -> Item {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Item::new(attributes.collect::<HashMap<_, _>>())
    }

    #[test]
    fn a_restored_user_has_the_customer_and_can_renew_at_once_with_a_later_number() {
        let mut stored = None;
        assert_eq!(restore(backed_up("e"), &mut stored), ItemRestoration::Restored);
        let record = item::record(stored.clone()).expect("a record");
        assert_eq!(record.identity.map(|identity| identity.entity_id).as_deref(), Some("e"));
        assert!(record.token.is_none(), "a caller may have a newer token by now");
        assert_eq!(record.outstanding.0.len(), 1, "a logout must revoke the token");
        let outcome = in_memory::run(&acquire("another", None, None, NOW), &mut stored);
        match acquired(outcome, "another").expect("a record") {
            crate::store::lease::Attempt::Decided(crate::store::Acquisition::Acquired(lease, _)) => {
                assert_eq!(lease.seq, LeaseSeq::new(8));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_second_restore_changes_nothing() {
        let mut stored = None;
        restore(backed_up("e"), &mut stored);
        let before = stored.clone();
        assert_eq!(restore(backed_up("e"), &mut stored), ItemRestoration::Same);
        assert_eq!(restore(backed_up("another"), &mut stored), ItemRestoration::Taken);
        assert!(stored == before);
    }

    #[test]
    fn what_is_newer_or_in_use_is_kept() {
        let until = |ms| (item::LEASE_UNTIL_MS, item::number(ms));
        for (stored, result) in [
            (existing(&[(item::LEASE_SEQ, item::number(7))]), ItemRestoration::Restored),
            (existing(&[(item::LEASE_SEQ, item::number(8))]), ItemRestoration::Taken),
            (existing(&[(item::VERSION, item::number(20))]), ItemRestoration::Restored),
            (existing(&[(item::VERSION, item::number(21))]), ItemRestoration::Taken),
            (existing(&[(item::ADOPTED_AT_MS, item::number(1))]), ItemRestoration::Taken),
            (
                existing(&[until(NOW.as_u64()), (item::LEASE_OWNER, text("p")), (item::LEASE_SEQ, item::number(1))]),
                ItemRestoration::Taken,
            ),
            (
                existing(&[
                    until(NOW.as_u64() - 1),
                    (item::LEASE_OWNER, text("p")),
                    (item::LEASE_SEQ, item::number(1)),
                ]),
                ItemRestoration::Restored,
            ),
        ] {
            let stored = Some(stored);
            let mut after = stored.clone();
            assert_eq!(restore(backed_up("e"), &mut after), result, "{stored:?}");
            assert_eq!(after == stored, result == ItemRestoration::Taken, "{stored:?}");
        }
    }

    #[test]
    fn what_has_no_customer_or_has_expired_is_left_out() {
        let without = |names: &[&str]| {
            let mut attributes = backed_up("e");
            attributes.retain(|name, _| !names.contains(&name.as_str()));
            Restorable::of(attributes, NOW).err()
        };
        assert_eq!(without(&[item::ENTITY_ID, item::COOKIES]), Some(LeftOut::NoIdentity));
        assert!(matches!(without(&[item::ENTITY_ID]), Some(LeftOut::Malformed(_))));
        // The customer was created with an agent token.
        assert_eq!(without(&[item::COOKIES]), None);
        let late = UnixMs::new(1_762_000_000_000);
        assert!(Restorable::of(backed_up("e"), late.minus_ms(1000)).is_ok());
        assert_eq!(Restorable::of(backed_up("e"), late).err(), Some(LeftOut::Expired));
    }
}
