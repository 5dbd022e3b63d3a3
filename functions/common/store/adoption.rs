//! Adoption: a guest's identity moves to the user's item, in one transaction.

use super::{
    Store, failed, item,
    lease::{fenced, set_identity},
    response,
    write::{Write, equals, exists, not_exists},
};
use crate::{
    context::Context,
    identity::{Identity, Subject, UnixMs, Version},
    renewal::{
        Adopted, Move, StoreError,
        record::{Lease, Outstanding},
    },
    time::now,
};
use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, CancellationReason, TransactWriteItem},
};

/// One write's part in a transaction that was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its condition did not hold.
    ConditionFailed,
    /// Another transaction was writing the item.
    Conflict,
    /// It did not cause the cancellation, or for an unknown reason.
    Other,
}

impl Store {
    /// Moves a guest's identity and tokens to a user, who must have no identity, under the user's lease, which continues. From then on the
    /// guest can acquire no lease, and so gets no identity again. One `TransactWriteItems` of two items.
    pub async fn adopt(
        &self,
        (user, guest): (&Subject, &Subject),
        moved: &Move,
        context: &Context,
    ) -> Result<Adopted, StoreError> {
        let Move { lease, guest_version, identity, outstanding } = moved;
        let request = self
            .client
            .transact_write_items()
            .transact_items(self.part(user, move_in(lease, identity, outstanding))?)
            .transact_items(self.part(guest, move_out(*guest_version, now()))?);
        let Err(error) = response(request.send(), context).await? else {
            return Ok(Adopted::Yes);
        };
        let adopted = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(reason)) => {
                let mut parts = reason.cancellation_reasons().iter().map(Part::of);
                let mut next = || parts.next().unwrap_or(Part::Other);
                cancelled(next(), next())
            }
            _ => None,
        };
        adopted.ok_or_else(|| failed(&error))
    }

    fn part(&self, subject: &Subject, write: Write) -> Result<TransactWriteItem, StoreError> {
        let update = write.into_part(item::key(subject), &self.table);
        let update = update.map_err(|_| StoreError::Internal("a transaction lacks a part".into()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

impl Part {
    fn of(reason: &CancellationReason) -> Self {
        match reason.code() {
            Some("ConditionalCheckFailed") => Self::ConditionFailed,
            Some("TransactionConflict") => Self::Conflict,
            _ => Self::Other,
        }
    }
}

/// The result of a cancelled transaction. `None` if neither item was the reason.
pub(crate) fn cancelled(user: Part, guest: Part) -> Option<Adopted> {
    match (user, guest) {
        (Part::ConditionFailed, _) => Some(Adopted::UserChanged),
        // With a conflict, another write changes one of the items right now.
        (_, Part::ConditionFailed | Part::Conflict) | (Part::Conflict, _) => Some(Adopted::GuestChanged),
        (Part::Other, Part::Other) => None,
    }
}

/// Stores the guest's identity and tokens as the user's, under the user's `lease`, which continues.
pub(crate) fn move_in(lease: &Lease, identity: &Identity, outstanding: &Outstanding) -> Write {
    set_identity(fenced(lease), identity)
        .set(item::OUTSTANDING, item::of_all_outstanding(outstanding))
        .set(item::UNPROVEN, AttributeValue::Bool(true))
        .when(not_exists(item::ENTITY_ID))
}

/// Removes the guest's identity and tokens, and the expiry of its lease, so that the lease's owner can no longer store anything.
pub(crate) fn move_out(guest_version: Version, now: UnixMs) -> Write {
    let gone = [
        item::ENTITY_ID,
        item::COOKIES,
        item::COOKIES_LAPSE_AT_S,
        item::FORMER,
        item::TOKEN,
        item::OUTSTANDING,
        item::LEASE_UNTIL_MS,
        item::FAILED,
        item::REFUSED,
    ];
    gone.into_iter()
        .fold(item::next_version(), Write::remove)
        .set(item::ADOPTED_AT_MS, now)
        .when(equals(item::VERSION, guest_version))
        .when(exists(item::ENTITY_ID))
}
