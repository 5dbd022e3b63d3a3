//! The one item that is nobody's: the gate of the [circuit breaker](crate::breaker), at `pk` = `livechat`,
//! `sk` = `gate`.

use super::{Store, Update, answer, failed, item, number};
use crate::{breaker::Gate, error::Error, time::Deadline, time::now_ms};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use item::Item;

const UNANSWERED: &str = "unanswered";
const LAST_SENT_MS: &str = "lastSent";

/// What became of a try to pass the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The call may be sent.
    Granted {
        /// How many are now without an answer, this one among them.
        unanswered: u64,
    },
    /// It may not; this is how the gate stands.
    Refused(Gate),
}

impl Store {
    /// Counts one more call that is about to be sent to LiveChat, if the gate has room or it is time for a probe. One
    /// `UpdateItem`. A try of the SDK's that got through and whose answer was lost counts twice, which the next answer of
    /// LiveChat's mends.
    pub async fn enter_gate(&self, deadline: Deadline) -> Result<Admission, Error> {
        let now_ms = now_ms();
        let (earliest_ms, latest_ms) = Gate::no_probe_between_ms(now_ms);
        let (pk, sk) = key();
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(item::PK, pk)
            .key(item::SK, sk)
            .update_expression("SET #unanswered = if_not_exists(#unanswered, :zero) + :one, #sent = :now")
            .condition_expression(
                "attribute_not_exists(#unanswered) OR #unanswered < :most OR NOT #sent BETWEEN :earliest AND :latest",
            )
            .expression_attribute_names("#unanswered", UNANSWERED)
            .expression_attribute_names("#sent", LAST_SENT_MS)
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":most", number(Gate::MOST_UNANSWERED))
            .expression_attribute_values(":earliest", number(earliest_ms))
            .expression_attribute_values(":latest", number(latest_ms))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(match self.send(request, deadline).await? {
            Update::Done(item) => Admission::Granted { unanswered: gate(item)?.unanswered },
            Update::Refused(item) => Admission::Refused(gate(item)?),
        })
    }

    /// How the gate stands. One `GetItem`, not strongly consistent: it is only for those who wait.
    pub async fn read_gate(&self, deadline: Deadline) -> Result<Gate, Error> {
        let (pk, sk) = key();
        let request = self.client.get_item().table_name(&self.table).key(item::PK, pk).key(item::SK, sk);
        let answer = answer(request.send(), deadline).await?.map_err(|error| failed(&error))?;
        gate(answer.item.map(Item::new))
    }

    /// LiveChat answers: all calls before count as answered. One `UpdateItem`.
    pub async fn empty_gate(&self, deadline: Deadline) -> Result<(), Error> {
        let (pk, sk) = key();
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(item::PK, pk)
            .key(item::SK, sk)
            .update_expression("REMOVE #unanswered, #sent")
            .expression_attribute_names("#unanswered", UNANSWERED)
            .expression_attribute_names("#sent", LAST_SENT_MS);
        self.send(request, deadline).await.map(|_| ())
    }
}

fn key() -> (AttributeValue, AttributeValue) {
    (AttributeValue::S("livechat".into()), AttributeValue::S("gate".into()))
}

fn gate(item: Option<Item>) -> Result<Gate, Error> {
    let Some(mut item) = item.filter(|item| item.has(UNANSWERED)) else { return Ok(Gate::default()) };
    Ok(Gate { unanswered: item.number(UNANSWERED)?, last_sent_ms: item.number(LAST_SENT_MS)? })
}
