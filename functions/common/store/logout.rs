//! A logout, in one group and in all.

use super::{
    Item, Outcome, Store, failed, item, response,
    write::{Write, exists, stored},
};
use crate::{
    context::Context,
    identity::{Group, Principal, Subject},
    renewal::{
        StoreError,
        record::{LatestLogout, Record},
        time_limits::LONGEST_WRITE,
    },
};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

impl Store {
    /// Logs the subject out: removes its token, and marks all tokens that were issued until now as to be revoked. If a renewal is in
    /// progress, its token counts as issued before the logout. Returns the record. One `UpdateItem`, which does not create an item, and
    /// may be repeated.
    pub async fn log_out(&self, subject: &Subject, context: &Context) -> Result<Record, StoreError> {
        logged_out(self.send(item::key(subject), log_out(), context).await?)
    }

    /// The groups in which the principal has an identity, or may get one soon. This leaves out made-up groups that LiveChat
    /// refused. One `Query`, or more for a principal with very many groups.
    pub async fn groups(&self, principal: &Principal, context: &Context) -> Result<Vec<Group>, StoreError> {
        const PREFIX: &str = "group#";
        let context = &context.within(LONGEST_WRITE);
        let mut groups = Vec::new();
        let mut start = None;
        loop {
            let request = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                .filter_expression("attribute_exists(#entity) OR attribute_exists(#until)")
                .projection_expression("#sk")
                .expression_attribute_names("#pk", item::PK)
                .expression_attribute_names("#sk", item::SK)
                .expression_attribute_names("#entity", item::ENTITY_ID)
                .expression_attribute_names("#until", item::LEASE_UNTIL_MS)
                .expression_attribute_values(":pk", AttributeValue::S(principal.key()))
                .expression_attribute_values(":prefix", AttributeValue::S(PREFIX.to_owned()))
                .set_exclusive_start_key(start);
            let page = response(request.send(), context).await?.map_err(|error| failed(&error))?;
            for item in page.items.unwrap_or_default() {
                let sk = Item::new(item).text(item::SK)?;
                groups.extend(sk.strip_prefix(PREFIX).and_then(|group| Group::parse(group).ok()));
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(groups);
            }
        }
    }
}

/// Removes the token, and records the number of the latest lease as that of the logout.
pub(crate) fn log_out() -> Write {
    item::next_version()
        .set(item::LOGGED_OUT_SEQ, stored(item::LEASE_SEQ))
        .remove(item::TOKEN)
        .when(exists(item::LEASE_SEQ))
        .returning(ReturnValue::AllOld)
}

/// The record after a write that [`log_out`] made.
pub(crate) fn logged_out(outcome: Outcome) -> Result<Record, StoreError> {
    let Outcome::Applied(Some(item)) = outcome else { return Ok(Record::default()) };
    // The write returns the item as it was before: a token that an earlier version stored is only there, not in the list.
    let mut record = item.into_record()?;
    record.latest_logout = LatestLogout(record.lease_seq);
    Ok(record)
}
