//! What the operator's tool does with the table: reads all of it, and adds, moves and deletes identities. The functions have none of this.
//!
//! Writes follow the rules of the functions: an identity is never overwritten, and nothing changes under a lease that a call holds.

mod restoration;
mod table;

pub use restoration::{ItemRestoration, LeftOut, Restorable};
pub use table::Size;

use super::{
    Outcome, Store, failed, item,
    item::{Item, Key},
    lease::{KEPT_AFTER_EXPIRY_S, set_identity},
    response,
    write::{Write, not_exists, stored},
};
use crate::{
    context::Context,
    identity::{Group, GuestId, Identity, Principal, Subject, UserId},
    renewal::{StoreError, record::Record},
    time::now,
};
use aws_sdk_dynamodb::types::AttributeValue;
use std::{collections::HashMap, sync::Arc};

/// An item as DynamoDB has it.
pub type Attributes = HashMap<String, AttributeValue>;

/// The attributes of the table's key, both strings: that of the partition, and that of the order within it.
pub const KEY: [&str; 2] = [item::PK, item::SK];

/// The attribute that says when DynamoDB deletes an item, in Unix seconds.
pub const TTL: &str = item::EXPIRES_AT_S;

/// A page of a scan: some items, and where the next page begins, if there is one.
#[derive(Debug, Default)]
pub struct Page {
    /// The items.
    pub items: Vec<Attributes>,
    /// The start of the next page.
    pub next: Option<Attributes>,
    /// The read units that the page has cost.
    pub read_units: f64,
}

/// What an item is.
#[derive(Debug)]
pub enum Entry {
    /// What is stored for a subject, and when DynamoDB deletes it, in Unix seconds, if it does.
    Subject(Subject, Box<Record>, Option<u64>),
    /// The number of a principal's renewals in one minute.
    Renewals,
    /// The circuit breaker's gate.
    Gate,
    /// The agent token that all functions share.
    AgentToken,
    /// Nothing that the functions can read. The text says why, and repeats no value.
    Malformed(String),
}

impl Entry {
    /// What this item is.
    pub fn of(attributes: Attributes) -> Self {
        let text = |name: &str| attributes.get(name).and_then(|value| value.as_s().ok()).cloned();
        let (Some(pk), Some(sk)) = (text(item::PK), text(item::SK)) else {
            return Self::Malformed(format!("{} and {} must be strings", item::PK, item::SK));
        };
        if pk == "livechat" {
            return match sk.as_str() {
                "gate" => Self::Gate,
                "agentToken" => Self::AgentToken,
                _ => Self::Malformed(format!("{} is neither gate nor agentToken", item::SK)),
            };
        }
        if sk.starts_with("renewals#") {
            return Self::Renewals;
        }
        let group = match sk.strip_prefix("group#").map(Group::parse) {
            Some(Ok(group)) => Some(group),
            None if sk == "identity" => None,
            _ => return Self::Malformed(format!("{} is neither identity nor group#<number>", item::SK)),
        };
        let Some(principal) = principal(&pk) else {
            return Self::Malformed(format!("{} is neither of a user nor of a guest", item::PK));
        };
        let expires_at_s = attributes
            .get(item::EXPIRES_AT_S)
            .and_then(|value| value.as_n().ok())
            .and_then(|digits| digits.parse().ok());
        match Item::new(attributes).into_record() {
            Ok(record) => Self::Subject(Subject { principal, group }, Box::new(record), expires_at_s),
            Err(StoreError::Internal(reason)) => Self::Malformed(reason),
            Err(error) => Self::Malformed(error.to_string()),
        }
    }
}

/// The principal with this key: the inverse of [`Principal::key`].
fn principal(key: &str) -> Option<Principal> {
    let (kind, rest) = key.split_once('#')?;
    match kind {
        "user" => UserId::parse(rest).ok().map(Principal::User),
        "issuer" => {
            let (issuer, id) = rest.split_once('#')?;
            let user = UserId::parse(id).ok()?;
            Some(Principal::User(user.of_issuer(Some(Arc::from(issuer)))))
        }
        "guest" => GuestId::of_hash(rest).map(Principal::Guest),
        _ => None,
    }
}

/// The result of adding an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// It is stored.
    Inserted,
    /// The subject has this customer already: nothing was changed.
    Same,
    /// The subject has another customer, is a guest who became a user, or a call is creating a customer for it: nothing was changed.
    Taken,
}

impl Insertion {
    /// The result of adding `identity` where this record is stored, if it is rejected for that reason.
    fn rejected(record: &Record, identity: &Identity) -> Self {
        let is_same = record.identity.as_ref().is_some_and(|stored| stored.entity_id == identity.entity_id);
        if is_same { Self::Same } else { Self::Taken }
    }
}

/// Whether the table would keep the identity for now: it deletes identities some time after their cookies have expired.
pub fn is_kept(identity: &Identity) -> bool {
    identity.cookies_expire_at.plus_s(KEPT_AFTER_EXPIRY_S) > now().in_seconds()
}

/// Whether the same request may succeed later, without any change: DynamoDB throttles, fails or was too slow.
pub fn may_pass(error: &StoreError) -> bool {
    const PASSING: [&str; 9] = [
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "a response that is not DynamoDB's",
        super::CLOSED,
        super::NO_CONNECTION,
        "time-out",
    ];
    matches!(error, StoreError::Unavailable(kind) if PASSING.contains(&kind.as_str()) || kind == super::TOO_LATE)
}

/// Whether there was no connection to DynamoDB.
pub fn is_unconnected(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(kind) if kind == super::NO_CONNECTION)
}

impl Store {
    /// One page of segment `segment` of `segments` of the whole table, with at most `limit` items, from `start` on. One `Scan`.
    pub async fn scan(
        &self,
        (segment, segments): (i32, i32),
        start: Option<Attributes>,
        limit: i32,
        context: &Context,
    ) -> Result<Page, StoreError> {
        let request = self
            .client
            .scan()
            .table_name(&self.table)
            .segment(segment)
            .total_segments(segments)
            .set_exclusive_start_key(start)
            .limit(limit)
            .return_consumed_capacity(aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total);
        let page = response(request.send(), context).await?.map_err(|error| failed(&error))?;
        Ok(Page {
            items: page.items.unwrap_or_default(),
            next: page.last_evaluated_key,
            read_units: page.consumed_capacity.and_then(|capacity| capacity.capacity_units).unwrap_or_default(),
        })
    }

    /// All items of a principal: the identity, those of groups, and counts of renewals. `Query`s, strongly consistent.
    pub async fn items_of(&self, principal: &Principal, context: &Context) -> Result<Vec<Attributes>, StoreError> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let request = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :principal")
                .expression_attribute_values(":principal", AttributeValue::S(principal.key()))
                .consistent_read(true)
                .set_exclusive_start_key(start.take());
            let page = response(request.send(), context).await?.map_err(|error| failed(&error))?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// Stores `identity` for a subject that has none. One `UpdateItem`.
    pub async fn insert(
        &self,
        subject: &Subject,
        identity: &Identity,
        context: &Context,
    ) -> Result<Insertion, StoreError> {
        Ok(match self.send(item::key(subject), insertion(identity), context).await? {
            Outcome::Applied(_) => Insertion::Inserted,
            Outcome::Rejected(stored) => Insertion::rejected(&item::record(stored)?, identity),
        })
    }

    /// What [`insert`](Self::insert) would result in now. One `GetItem`.
    pub async fn try_insert(
        &self,
        subject: &Subject,
        identity: &Identity,
        context: &Context,
    ) -> Result<Insertion, StoreError> {
        let record = self.read(subject, context).await?.unwrap_or_default();
        let is_free = record.identity.is_none() && record.lease.is_none() && !record.is_adopted;
        Ok(if is_free { Insertion::Inserted } else { Insertion::rejected(&record, identity) })
    }

    /// Deletes the item with the key of `attributes`, whatever it holds by now. One `DeleteItem`.
    pub async fn delete(&self, attributes: &Attributes, context: &Context) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.table).set_key(Some(key_in(attributes)));
        response(request.send(), context).await?.map_err(|error| failed(&error))?;
        Ok(())
    }
}

/// Only where no call has stored a customer or is creating one, and where no guest has become a user.
fn insertion(identity: &Identity) -> Write {
    set_identity(Write::new().set(item::VERSION, stored(item::VERSION).or(0).plus(1)), identity)
        .when(not_exists(item::ENTITY_ID))
        .when(not_exists(item::LEASE_UNTIL_MS))
        .when(not_exists(item::ADOPTED_AT_MS))
}

/// The key in an item's attributes.
pub(super) fn key_in(attributes: &Attributes) -> Attributes {
    let is_key = |name: &str| matches!(name, item::PK | item::SK);
    attributes.iter().filter(|(name, _)| is_key(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The key of a subject's item, as attributes.
pub fn key_of(subject: &Subject) -> Attributes {
    let key: Key = item::key(subject);
    key.into_attributes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_principals_can_be_read_back() {
        let user = |id: &str| UserId::parse(id).expect("a user id");
        for principal in [
            Principal::User(user("alice")),
            Principal::User(user("a#b")),
            Principal::User(user("alice").of_issuer(Some(Arc::from("https://idp.example/")))),
            Principal::Guest(GuestId::of_secret(&[b'x'; 43]).expect("a guest")),
        ] {
            assert_eq!(super::principal(&principal.key()), Some(principal));
        }
        for key in ["livechat", "user#", "guest#xyz", "other#alice"] {
            assert_eq!(super::principal(key), None, "{key}");
        }
    }
}
