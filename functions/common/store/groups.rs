//! How many renewals a user or guest has had in a minute in all groups together. A caller can name any group, and each has an
//! item and so a quota of its own: who goes through them one by one has to meet a limit too.
//!
//! One item for each minute, at the principal's `pk` and `sk` = `renewals#<minutes since 1970>`, which DynamoDB deletes a day later
//! (TTL). A clock that is wrong counts in another minute, and harms nobody else's.

use super::{Store, Update, item, number};
use crate::{error::Error, identity::Principal, time::Deadline};
use aws_sdk_dynamodb::{operation::update_item::builders::UpdateItemFluentBuilder, types::AttributeValue};

const RENEWALS: &str = "renewals";
const MINUTE_MS: u64 = 60_000;
/// How long the item of a minute is kept, in s.
const KEPT_FOR_S: u64 = 86_400;

impl Store {
    /// Counts one more renewal in one of the principal's groups, if there were fewer than `most` in the minute of `at_ms`, which is
    /// Unix time in ms. Else answers how long that minute still lasts, in ms. One `UpdateItem`. A try of the SDK's that got through and
    /// whose answer was lost counts twice.
    pub async fn count_in_groups(
        &self,
        principal: &Principal,
        at_ms: u64,
        most: u32,
        deadline: Deadline,
    ) -> Result<Result<(), u64>, Error> {
        let request = self
            .update_minute(principal, at_ms)
            .update_expression("SET #renewals = if_not_exists(#renewals, :zero) + :one, #expires = :expires")
            .condition_expression("attribute_not_exists(#renewals) OR #renewals < :most")
            .expression_attribute_names("#expires", item::EXPIRES_AT_S)
            .expression_attribute_values(":most", number(most.into()))
            .expression_attribute_values(":expires", number(at_ms / 1000 + KEPT_FOR_S));
        Ok(match self.send(request, deadline).await? {
            Update::Done(_) => Ok(()),
            Update::Refused(_) => Err(MINUTE_MS - at_ms % MINUTE_MS),
        })
    }

    /// Takes back what was counted in the minute of `at_ms`. One `UpdateItem`.
    pub async fn uncount_in_groups(&self, principal: &Principal, at_ms: u64, deadline: Deadline) -> Result<(), Error> {
        let request = self
            .update_minute(principal, at_ms)
            .update_expression("SET #renewals = #renewals - :one")
            .condition_expression("#renewals > :zero");
        self.send(request, deadline).await.map(|_| ())
    }

    fn update_minute(&self, principal: &Principal, at_ms: u64) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(item::PK, AttributeValue::S(principal.key()))
            .key(item::SK, AttributeValue::S(format!("renewals#{}", at_ms / MINUTE_MS)))
            .expression_attribute_names("#renewals", RENEWALS)
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
    }
}
