//! The one item that is nobody's: the gate of the [circuit breaker](crate::breaker), at `pk` = `livechat`,
//! `sk` = `gate`. It does not exist before LiveChat is late for the first time, and has no attributes while it is not.
//!
//! | attribute | type | holds |
//! |---|---|---|
//! | `unanswered` | N | how many calls are without an answer |
//! | `lastSent` | N | Unix time in ms: when the latest call was counted, or the latest probe was sent |
//! | `lastCounted` | N | Unix time in ms: when the latest call was counted |

use super::{Store, Update, answer, failed, item, number};
use crate::{breaker::Gate, error::Error, time::Deadline, time::now_ms};
use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use item::Item;

const UNANSWERED: &str = "unanswered";
const LAST_SENT_MS: &str = "lastSent";
const LAST_COUNTED_MS: &str = "lastCounted";

/// What became of a try to pass the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The call may be sent.
    Granted,
    /// It may not, or the gate is not as it was; this is how it stands.
    Refused(Gate),
}

impl Store {
    /// Counts one more call that is about to be sent to LiveChat, if some are without an answer and there is room. One
    /// `UpdateItem`. A try of the SDK's that got through and whose answer was lost counts twice, which the next answer of
    /// LiveChat's mends.
    pub async fn count_call(&self, deadline: Deadline) -> Result<Admission, Error> {
        let request = self
            .update_gate("SET #unanswered = #unanswered + :one, #sent = :now, #counted = :now")
            .condition_expression("#unanswered BETWEEN :one AND :most AND #sent BETWEEN :earliest AND :latest");
        self.pass_gate(between(counted(request, Gate::MOST_UNANSWERED - 1)), deadline).await
    }

    /// Counts a call that LiveChat is late to answer, if there is room, and says whether it did. One `UpdateItem`, and one
    /// more if what is in the gate is out of date.
    pub async fn count_late_call(&self, deadline: Deadline) -> Result<bool, Error> {
        let request = self
            .update_gate("SET #unanswered = if_not_exists(#unanswered, :zero) + :one, #sent = :now, #counted = :now")
            .condition_expression(
                "attribute_not_exists(#unanswered) \
                 OR (#unanswered BETWEEN :zero AND :most AND #sent BETWEEN :earliest AND :latest)",
            )
            .expression_attribute_values(":zero", number(0));
        match self.pass_gate(between(counted(request, Gate::MOST_UNANSWERED - 1)), deadline).await? {
            Admission::Granted => return Ok(true),
            Admission::Refused(gate) if gate.is_current(now_ms()) => return Ok(false),
            Admission::Refused(_) => {}
        }
        let request = self
            .update_gate("SET #unanswered = :one, #sent = :now, #counted = :now")
            .condition_expression("attribute_not_exists(#unanswered) OR NOT #sent BETWEEN :earliest AND :latest");
        let request = request.expression_attribute_names("#counted", LAST_COUNTED_MS);
        let request = between(request.expression_attribute_values(":one", number(1)));
        Ok(self.pass_gate(request, deadline).await? == Admission::Granted)
    }

    /// Notes that a probe is about to be sent to LiveChat, if the gate is full and none was for a while. One `UpdateItem`.
    pub async fn note_probe(&self, deadline: Deadline) -> Result<Admission, Error> {
        let now_ms = now_ms();
        let (earliest_ms, _) = Gate::current_between_ms(now_ms);
        let request = self
            .update_gate("SET #sent = :now")
            .condition_expression("#unanswered >= :most AND #sent BETWEEN :earliest AND :due")
            .expression_attribute_values(":now", number(now_ms))
            .expression_attribute_values(":most", number(Gate::MOST_UNANSWERED))
            .expression_attribute_values(":earliest", number(earliest_ms))
            .expression_attribute_values(":due", number(Gate::probe_if_sent_by_ms(now_ms)));
        self.pass_gate(request, deadline).await
    }

    /// A call that was counted is not sent, or shows nothing about LiveChat. One `UpdateItem`.
    pub async fn uncount_call(&self, deadline: Deadline) -> Result<(), Error> {
        let (pk, sk) = key();
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(item::PK, pk)
            .key(item::SK, sk)
            .update_expression("SET #unanswered = #unanswered - :one")
            .condition_expression("#unanswered >= :one")
            .expression_attribute_names("#unanswered", UNANSWERED)
            .expression_attribute_values(":one", number(1));
        self.send(request, deadline).await.map(|_| ())
    }

    /// How the gate stands. One `GetItem`, not strongly consistent: a call more or less decides nothing.
    pub async fn read_gate(&self, deadline: Deadline) -> Result<Gate, Error> {
        let (pk, sk) = key();
        let request = self.client.get_item().table_name(&self.table).key(item::PK, pk).key(item::SK, sk);
        let answer = answer(request.send(), deadline).await?.map_err(|error| failed(&error))?;
        gate(answer.item.map(Item::new))
    }

    /// LiveChat answers: all calls before count as answered. One `UpdateItem`, which changes nothing if another call's was first.
    pub async fn empty_gate(&self, deadline: Deadline) -> Result<(), Error> {
        let request = self
            .update_gate("REMOVE #unanswered, #sent, #counted")
            .condition_expression("attribute_exists(#unanswered)")
            .expression_attribute_names("#counted", LAST_COUNTED_MS);
        self.send(request, deadline).await.map(|_| ())
    }

    fn update_gate(&self, expression: &str) -> UpdateItemFluentBuilder {
        let (pk, sk) = key();
        self.client
            .update_item()
            .table_name(&self.table)
            .key(item::PK, pk)
            .key(item::SK, sk)
            .update_expression(expression)
            .expression_attribute_names("#unanswered", UNANSWERED)
            .expression_attribute_names("#sent", LAST_SENT_MS)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    async fn pass_gate(&self, request: UpdateItemFluentBuilder, deadline: Deadline) -> Result<Admission, Error> {
        Ok(match self.send(request, deadline).await? {
            Update::Done(_) => Admission::Granted,
            Update::Refused(item) => Admission::Refused(gate(item)?),
        })
    }
}

fn key() -> (AttributeValue, AttributeValue) {
    (AttributeValue::S("livechat".into()), AttributeValue::S("gate".into()))
}

/// The names and values of an update that counts a call if at most `most` are in the gate.
fn counted(request: UpdateItemFluentBuilder, most: u64) -> UpdateItemFluentBuilder {
    request
        .expression_attribute_names("#counted", LAST_COUNTED_MS)
        .expression_attribute_values(":one", number(1))
        .expression_attribute_values(":most", number(most))
}

/// The values of the time now, and of the times at which what is in the gate is not out of date.
fn between(request: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
    let now_ms = now_ms();
    let (earliest_ms, latest_ms) = Gate::current_between_ms(now_ms);
    request
        .expression_attribute_values(":now", number(now_ms))
        .expression_attribute_values(":earliest", number(earliest_ms))
        .expression_attribute_values(":latest", number(latest_ms))
}

fn gate(item: Option<Item>) -> Result<Gate, Error> {
    let Some(mut item) = item.filter(|item| item.has(UNANSWERED)) else { return Ok(Gate::default()) };
    let last_sent_ms = item.number(LAST_SENT_MS)?;
    // A version before this one did not write it.
    let last_counted_ms = if item.has(LAST_COUNTED_MS) { item.number(LAST_COUNTED_MS)? } else { last_sent_ms };
    Ok(Gate { unanswered: item.number(UNANSWERED)?, last_sent_ms, last_counted_ms })
}
