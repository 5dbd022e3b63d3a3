//! The gate of the [circuit breaker](crate::renewal::circuit): one item for all subjects, at `pk` = `livechat`, `sk` = `gate`. It
//! does not exist before LiveChat is late for the first time, and has no attributes while LiveChat is on time.
//!
//! | attribute | type | holds |
//! |---|---|---|
//! | `unanswered` | N | the number of calls without a response |
//! | `lastSent` | N | Unix time in ms: when the latest call was counted, or the latest probe was sent |
//! | `lastCounted` | N | Unix time in ms: when the latest call was counted |

use super::{
    Outcome, Store, failed,
    item::{Item, Key},
    response,
    write::{Condition, Write, all, any, at_least, between, exists, not, not_exists, stored},
};
use crate::{
    context::Context,
    identity::UnixMs,
    renewal::{StoreError, circuit::Gate},
    time::now,
};

const UNANSWERED: &str = "unanswered";
const LAST_SENT_MS: &str = "lastSent";
const LAST_COUNTED_MS: &str = "lastCounted";

/// The result of a try to pass the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The call may be sent.
    Granted,
    /// The call may not be sent, or the gate has changed. This is what is stored.
    Refused(Gate),
}

impl Store {
    /// Counts one more call that is about to be sent to LiveChat, if some are without a response and there is room. One `UpdateItem`. If
    /// a try of the SDK's takes effect and its response is lost, the call counts twice, until LiveChat's next response.
    pub async fn count_call(&self, context: &Context) -> Result<Admission, StoreError> {
        self.pass_gate(count(now()), context).await
    }

    /// Counts a call for which LiveChat's response is late, if there is room, and returns whether it did. One `UpdateItem`, and one more
    /// if the gate's content is out of date.
    pub async fn count_late_call(&self, context: &Context) -> Result<bool, StoreError> {
        match self.pass_gate(count_late(now()), context).await? {
            Admission::Granted => return Ok(true),
            Admission::Refused(gate) if gate.is_current(now()) => return Ok(false),
            Admission::Refused(_) => {}
        }
        Ok(self.pass_gate(count_first(now()), context).await? == Admission::Granted)
    }

    /// Records that a probe is about to be sent to LiveChat, if the gate is full and no other was sent for a while. One `UpdateItem`.
    pub async fn note_probe(&self, context: &Context) -> Result<Admission, StoreError> {
        self.pass_gate(probe(now()), context).await
    }

    /// Undoes the count of a call that is not sent, or that shows nothing about LiveChat. One `UpdateItem`.
    pub async fn uncount_call(&self, context: &Context) -> Result<(), StoreError> {
        self.send(key(), uncount(), context).await.map(|_| ())
    }

    /// The gate. One `GetItem`, not strongly consistent: a count that is off by one does no harm.
    pub async fn read_gate(&self, context: &Context) -> Result<Gate, StoreError> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key().into_attributes()));
        let response = response(request.send(), context).await?.map_err(|error| failed(&error))?;
        gate(response.item.map(Item::new))
    }

    /// Empties the gate, as LiveChat responds: earlier calls no longer count. One `UpdateItem`, which changes nothing if the gate
    /// is empty already.
    pub async fn empty_gate(&self, context: &Context) -> Result<(), StoreError> {
        self.send(key(), empty(), context).await.map(|_| ())
    }

    async fn pass_gate(&self, write: Write, context: &Context) -> Result<Admission, StoreError> {
        admission(self.send(key(), write, context).await?)
    }
}

fn key() -> Key {
    Key { pk: "livechat".into(), sk: "gate".into() }
}

/// Counts one more call at `now`, if some are without a response and there is room.
pub(crate) fn count(now: UnixMs) -> Write {
    let has_room = between(UNANSWERED, 1..=Gate::MOST_UNANSWERED - 1);
    sent_and_counted(now).set(UNANSWERED, stored(UNANSWERED).plus(1)).when(has_room).when(is_current(now))
}

/// Counts one more call at `now`, if there is room.
pub(crate) fn count_late(now: UnixMs) -> Write {
    let has_room = between(UNANSWERED, 0..=Gate::MOST_UNANSWERED - 1);
    sent_and_counted(now)
        .set(UNANSWERED, stored(UNANSWERED).or(0).plus(1))
        .when(any([not_exists(UNANSWERED), all([has_room, is_current(now)])]))
}

/// Counts one call at `now`, and no other, if the gate is empty or its content is out of date.
pub(crate) fn count_first(now: UnixMs) -> Write {
    sent_and_counted(now).set(UNANSWERED, 1).when(any([not_exists(UNANSWERED), not(is_current(now))]))
}

/// Records that a probe is sent at `now`, if the gate is full and a probe is due.
pub(crate) fn probe(now: UnixMs) -> Write {
    Write::new()
        .set(LAST_SENT_MS, now)
        .when(at_least(UNANSWERED, Gate::MOST_UNANSWERED))
        .when(between(LAST_SENT_MS, Gate::probe_due_times(now)))
}

/// Undoes the count of one call.
pub(crate) fn uncount() -> Write {
    Write::new().set(UNANSWERED, stored(UNANSWERED).minus(1)).when(at_least(UNANSWERED, 1))
}

/// Empties the gate.
pub(crate) fn empty() -> Write {
    Write::new().remove(UNANSWERED).remove(LAST_SENT_MS).remove(LAST_COUNTED_MS).when(exists(UNANSWERED))
}

/// The result of a write that [`count`], [`count_late`], [`count_first`] or [`probe`] returned.
pub(crate) fn admission(outcome: Outcome) -> Result<Admission, StoreError> {
    Ok(match outcome {
        Outcome::Applied(_) => Admission::Granted,
        Outcome::Rejected(item) => Admission::Refused(gate(item)?),
    })
}

fn sent_and_counted(now: UnixMs) -> Write {
    Write::new().set(LAST_SENT_MS, now).set(LAST_COUNTED_MS, now)
}

/// The gate's content is not out of date.
fn is_current(now: UnixMs) -> Condition {
    between(LAST_SENT_MS, Gate::current_times(now))
}

fn gate(item: Option<Item>) -> Result<Gate, StoreError> {
    let Some(mut item) = item.filter(|item| item.has(UNANSWERED)) else { return Ok(Gate::default()) };
    let last_sent = item.time(LAST_SENT_MS)?;
    // A version before this one did not write it.
    let last_counted = if item.has(LAST_COUNTED_MS) { item.time(LAST_COUNTED_MS)? } else { last_sent };
    Ok(Gate { unanswered: item.number(UNANSWERED)?, last_sent, last_counted })
}
