//! A guest becomes a user: the identity moves from one item to another, in one transaction.

use super::{FENCE, SET_IDENTITY, Store, answer, failed, item, number, with_identity};
use crate::{
    error::Error,
    identity::{Identity, Lease, Outstanding, Subject},
    time::{Deadline, now_ms},
};
use aws_sdk_dynamodb::{
    operation::{transact_write_items::TransactWriteItemsError, update_item::builders::UpdateItemFluentBuilder},
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
    /// Moves `identity` and the `outstanding` tokens, which are the guest's as of `guest_version`, to the user, who must have none,
    /// under the user's `lease`, which goes on. From then on the guest can have no lease and so no identity again. One
    /// `TransactWriteItems` of two items.
    #[expect(clippy::too_many_arguments, reason = "both sides of the move, and what moves")]
    pub async fn adopt(
        &self,
        user: &Subject,
        lease: &Lease,
        guest: &Subject,
        guest_version: u64,
        identity: &Identity,
        outstanding: &Outstanding,
        deadline: Deadline,
    ) -> Result<Adopted, Error> {
        let request = self
            .client
            .transact_write_items()
            .transact_items(part(&self.move_in(user, lease, identity, outstanding))?)
            .transact_items(part(&self.move_out(guest, guest_version))?);
        let Err(error) = answer(request.send(), deadline).await? else {
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

    fn move_in(
        &self,
        user: &Subject,
        lease: &Lease,
        identity: &Identity,
        outstanding: &Outstanding,
    ) -> UpdateItemFluentBuilder {
        with_identity(self.update_fenced(user, lease), identity)
            .update_expression(format!(
                "SET {SET_IDENTITY} #outstanding = :outstanding, #unproven = :yes, #version = #version + :one"
            ))
            .condition_expression(format!("{FENCE} AND attribute_not_exists(#entity)"))
            .expression_attribute_names("#outstanding", item::OUTSTANDING)
            .expression_attribute_names("#unproven", item::UNPROVEN)
            .expression_attribute_values(":outstanding", item::of_all_outstanding(outstanding))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
    }

    /// The end of a lease goes too, so that a holder who was presumed dead stores nothing.
    fn move_out(&self, guest: &Subject, guest_version: u64) -> UpdateItemFluentBuilder {
        self.update(guest)
            .update_expression(
                "SET #adopted = :now, #version = #version + :one \
                 REMOVE #entity, #cookies, #lapse, #former, #t, #outstanding, #until, #failed, #refused",
            )
            .condition_expression("#version = :version AND attribute_exists(#entity)")
            .expression_attribute_names("#adopted", item::ADOPTED_AT_MS)
            .expression_attribute_names("#entity", item::ENTITY_ID)
            .expression_attribute_names("#cookies", item::COOKIES)
            .expression_attribute_names("#lapse", item::COOKIES_LAPSE_AT_S)
            .expression_attribute_names("#former", item::FORMER)
            .expression_attribute_names("#t", item::TOKEN)
            .expression_attribute_names("#outstanding", item::OUTSTANDING)
            .expression_attribute_names("#until", item::LEASE_UNTIL_MS)
            .expression_attribute_names("#failed", item::FAILED)
            .expression_attribute_names("#refused", item::REFUSED)
            .expression_attribute_values(":now", number(now_ms()))
            .expression_attribute_values(":version", number(guest_version))
    }
}

/// The same update as a part of a transaction, which answers no items.
fn part(request: &UpdateItemFluentBuilder) -> Result<TransactWriteItem, Error> {
    let input = request.as_input();
    let update = Update::builder()
        .set_table_name(input.get_table_name().clone())
        .set_key(input.get_key().clone())
        .set_update_expression(input.get_update_expression().clone())
        .set_condition_expression(input.get_condition_expression().clone())
        .set_expression_attribute_names(input.get_expression_attribute_names().clone())
        .set_expression_attribute_values(input.get_expression_attribute_values().clone())
        .build()
        .map_err(|_| Error::Internal("a transaction lacks a part".into()))?;
    Ok(TransactWriteItem::builder().update(update).build())
}
