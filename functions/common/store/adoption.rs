//! A guest becomes a user: the identity moves from one item to another, in one transaction.

use super::{Store, failed, item, number, too_slow};
use crate::{
    error::Error,
    identity::{Identity, Lease, Subject},
    time::{Deadline, now_ms},
};
use aws_sdk_dynamodb::{
    error::BuildError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, TransactWriteItem, Update},
};

/// What became of a try to move a guest's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// It is the user's, and the guest is no more.
    Yes,
    /// The user's lease was no longer ours, or the user has an identity by now: nothing was changed.
    LeaseLost,
    /// The guest's record is not what it was when it was read: nothing was changed.
    GuestChanged,
}

impl Store {
    /// Moves `identity`, which is the guest's as of `guest_version`, to the user, who must have none, under the user's
    /// `lease`, which goes on. From then on the guest can have no lease and so no identity again. One `TransactWriteItems` of
    /// two items.
    pub async fn adopt(
        &self,
        user: &Subject,
        lease: &Lease,
        guest: &Subject,
        guest_version: u64,
        identity: &Identity,
        deadline: Deadline,
    ) -> Result<Adopted, Error> {
        let move_in = self.move_in(user, lease, identity).map_err(|_| unbuilt())?;
        let move_out = self.move_out(guest, guest_version).map_err(|_| unbuilt())?;
        let request = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(move_in).build())
            .transact_items(TransactWriteItem::builder().update(move_out).build());
        let Err(error) = deadline.bound(request.send()).await.map_err(|_| too_slow())? else {
            return Ok(Adopted::Yes);
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let mut reasons =
                    cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default());
                match (reasons.next(), reasons.next()) {
                    (Some("ConditionalCheckFailed"), _) => Ok(Adopted::LeaseLost),
                    // Somebody else is writing one of them right now: as good as a change.
                    (_, Some("ConditionalCheckFailed" | "TransactionConflict")) | (Some("TransactionConflict"), _) => {
                        Ok(Adopted::GuestChanged)
                    }
                    _ => Err(failed(&error)),
                }
            }
            _ => Err(failed(&error)),
        }
    }

    fn move_in(&self, user: &Subject, lease: &Lease, identity: &Identity) -> Result<Update, BuildError> {
        let (pk, sk) = item::key(user);
        Update::builder()
            .table_name(&self.table)
            .key(item::PK, pk)
            .key(item::SK, sk)
            .update_expression(
                "SET #entity = :entity, #cookies = :cookies, #lapse = :lapse, #former = :former, #expires = :expires, \
                 #version = #version + :one",
            )
            .condition_expression(
                "#owner = :owner AND #seq = :seq AND attribute_exists(#until) AND attribute_not_exists(#entity)",
            )
            .expression_attribute_names("#entity", item::ENTITY_ID)
            .expression_attribute_names("#cookies", item::COOKIES)
            .expression_attribute_names("#lapse", item::COOKIES_LAPSE_AT_S)
            .expression_attribute_names("#former", item::FORMER)
            .expression_attribute_names("#expires", item::EXPIRES_AT_S)
            .expression_attribute_names("#version", item::VERSION)
            .expression_attribute_names("#owner", item::LEASE_OWNER)
            .expression_attribute_names("#seq", item::LEASE_SEQ)
            .expression_attribute_names("#until", item::LEASE_UNTIL_MS)
            .expression_attribute_values(":entity", AttributeValue::S(identity.entity_id.clone()))
            .expression_attribute_values(":cookies", item::of_cookies(&identity.cookies))
            .expression_attribute_values(":lapse", number(identity.cookies_lapse_at_s))
            .expression_attribute_values(":former", item::of_former(&identity.former))
            .expression_attribute_values(":expires", number(identity.cookies_lapse_at_s + Self::KEPT_AFTER_LAPSE_S))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":owner", AttributeValue::S(lease.owner.clone()))
            .expression_attribute_values(":seq", number(lease.seq))
            .build()
    }

    /// The end of a lease goes too, so that a holder who was presumed dead stores nothing.
    fn move_out(&self, guest: &Subject, guest_version: u64) -> Result<Update, BuildError> {
        let (pk, sk) = item::key(guest);
        Update::builder()
            .table_name(&self.table)
            .key(item::PK, pk)
            .key(item::SK, sk)
            .update_expression(
                "SET #adopted = :now, #version = #version + :one REMOVE #entity, #cookies, #lapse, #former, #t, #until, #failed",
            )
            .condition_expression("#version = :version AND attribute_exists(#entity)")
            .expression_attribute_names("#adopted", item::ADOPTED_AT_MS)
            .expression_attribute_names("#version", item::VERSION)
            .expression_attribute_names("#entity", item::ENTITY_ID)
            .expression_attribute_names("#cookies", item::COOKIES)
            .expression_attribute_names("#lapse", item::COOKIES_LAPSE_AT_S)
            .expression_attribute_names("#former", item::FORMER)
            .expression_attribute_names("#t", item::TOKEN)
            .expression_attribute_names("#until", item::LEASE_UNTIL_MS)
            .expression_attribute_names("#failed", item::FAILED)
            .expression_attribute_values(":now", number(now_ms()))
            .expression_attribute_values(":version", number(guest_version))
            .expression_attribute_values(":one", number(1))
            .build()
    }
}

fn unbuilt() -> Error {
    Error::Internal("a transaction lacks a part".into())
}
