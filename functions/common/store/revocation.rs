//! What is stored about tokens that LiveChat must revoke: a logout, and what became of it.

use super::{Bookkeeping, Item, Store, Update, answer, failed, item, number};
use crate::{
    error::Error,
    identity::{Group, Principal, Record, Subject},
    time::Deadline,
};
use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValue},
};

/// The parts of an update expression that [`with`] adds names and values for.
pub(super) struct Expression {
    /// `#again = :again,` or nothing.
    pub(super) set: &'static str,
    /// A path for each token that is forgotten, each after a comma.
    pub(super) remove: String,
}

/// `request` with the names and values of `bookkeeping`, and what its update expression needs for it.
pub(super) fn with(
    mut request: UpdateItemFluentBuilder,
    bookkeeping: &Bookkeeping,
) -> (UpdateItemFluentBuilder, Expression) {
    let mut remove = String::new();
    for (number, key) in bookkeeping.forget.iter().enumerate() {
        let name = format!("#old{number}");
        remove = remove + ", #outstanding." + &name;
        request = request.expression_attribute_names(name, key);
    }
    if !remove.is_empty() {
        request = request.expression_attribute_names("#outstanding", item::OUTSTANDING);
    }
    let mut set = "";
    if let Some(again_ms) = bookkeeping.revoke_again_ms {
        set = "#again = :again,";
        request = request
            .expression_attribute_names("#again", item::REVOKE_AGAIN_MS)
            .expression_attribute_values(":again", number(again_ms));
    }
    (request, Expression { set, remove })
}

impl Store {
    /// A logout: drops the token, and marks all that were issued until now as to be revoked; returns the record. If a renewal is under
    /// way, its token counts as issued before the logout. One `UpdateItem`, which makes no item where none is, and may be repeated.
    pub async fn log_out(&self, subject: &Subject, deadline: Deadline) -> Result<Record, Error> {
        let request = self
            .update(subject)
            .update_expression("SET #version = #version + :one, #out = #seq REMOVE #t")
            .condition_expression("attribute_exists(#seq)")
            .expression_attribute_names("#t", item::TOKEN)
            .expression_attribute_names("#seq", item::LEASE_SEQ)
            .expression_attribute_names("#out", item::LOGGED_OUT_SEQ)
            .return_values(ReturnValue::AllOld);
        match self.send(request, deadline).await? {
            Update::Done(Some(item)) => {
                // From what was there before, as a token of an earlier version is in no list of its own.
                let mut record = item.into_record()?;
                record.logged_out_seq = record.lease_seq;
                Ok(record)
            }
            Update::Done(None) | Update::Refused(_) => Ok(Record::default()),
        }
    }

    /// Records what became of revocations. One `UpdateItem`.
    pub async fn record_revocations(
        &self,
        subject: &Subject,
        bookkeeping: &Bookkeeping,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let (request, expression) = with(self.update(subject), bookkeeping);
        let (set, remove) = (expression.set, expression.remove);
        let remove = remove.strip_prefix(',').map_or(String::new(), |paths| format!(" REMOVE{paths}"));
        let request = request
            .update_expression(format!("SET {set} #version = #version + :one{remove}"))
            .condition_expression("attribute_exists(#outstanding)")
            .expression_attribute_names("#outstanding", item::OUTSTANDING);
        self.send(request, deadline).await.map(|_| ())
    }

    /// The groups in which the principal has an identity, or is about to get one. One `Query`, or more for somebody with very many
    /// groups. A group that was made up, and that LiveChat refused, is not among them.
    pub async fn groups(&self, principal: &Principal, deadline: Deadline) -> Result<Vec<Group>, Error> {
        const PREFIX: &str = "group#";
        let deadline = deadline.within(Self::LONGEST_WRITE);
        let text = |text: &str| AttributeValue::S(text.to_owned());
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
                .expression_attribute_values(":prefix", text(PREFIX))
                .set_exclusive_start_key(start);
            let page = answer(request.send(), deadline).await?.map_err(|error| failed(&error))?;
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
