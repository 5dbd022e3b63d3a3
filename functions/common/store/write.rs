//! One `UpdateItem` as data: what it sets and removes, and the conditions under which it takes effect.
//!
//! ```text
//! Write::new()
//!     .set(LEASE_OWNER, "a")
//!     .set(LEASE_SEQ, stored(LEASE_SEQ).or(0).plus(1))
//!     .remove(TOKEN)
//!     .when(any([not_exists(ADOPTED_AT_MS), less(LEASE_SEQ, 7)]))
//! ```
//!
//! A [`Write`] does no I/O and reads no clock, so two of them can be compared, and one can run on an item in memory. `write/request.rs`
//! turns it into a request to DynamoDB.

mod condition;
#[cfg(test)]
pub(crate) mod in_memory;
mod request;
#[cfg(test)]
mod tests;

pub(crate) use condition::{
    Condition, all, any, at_least, at_most, between, equals, exists, less, more, not, not_equals, not_exists,
};

use crate::identity::{LeaseSeq, UnixMs, UnixSeconds, Version};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use std::{borrow::Cow, fmt};

/// One `UpdateItem`, without the item's key. Like DynamoDB's, it creates the item if there is none and the conditions hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Write {
    set: Vec<(Path, Operand)>,
    remove: Vec<Path>,
    /// All of them must hold.
    when: Vec<Condition>,
    returned: ReturnValue,
}

impl Write {
    /// A write that changes nothing, has no condition and returns no item.
    pub(crate) fn new() -> Self {
        Self { set: Vec::new(), remove: Vec::new(), when: Vec::new(), returned: ReturnValue::None }
    }

    /// Stores `operand` at `path`.
    pub(crate) fn set(mut self, path: impl Into<Path>, operand: impl Into<Operand>) -> Self {
        self.set.push((path.into(), operand.into()));
        self
    }

    /// Removes what is stored at `path`, if there is anything.
    pub(crate) fn remove(mut self, path: impl Into<Path>) -> Self {
        self.remove.push(path.into());
        self
    }

    /// Adds a condition: the write takes effect only if it holds, and all others too.
    pub(crate) fn when(mut self, condition: Condition) -> Self {
        self.when.push(condition);
        self
    }

    /// Which item DynamoDB returns when the write takes effect. If a condition fails, it always returns the stored item.
    pub(crate) fn returning(self, returned: ReturnValue) -> Self {
        Self { returned, ..self }
    }
}

/// An attribute, or a member of a map that is an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    attribute: &'static str,
    member: Option<Cow<'static, str>>,
}

impl From<&'static str> for Path {
    fn from(attribute: &'static str) -> Self {
        Self { attribute, member: None }
    }
}

/// The `member` of the map `attribute`.
pub(crate) fn member(attribute: &'static str, member: impl Into<Cow<'static, str>>) -> Path {
    Path { attribute, member: Some(member.into()) }
}

/// A value that is stored or compared. Its `Debug` output shows numbers only.
#[derive(Clone, PartialEq)]
pub(crate) struct Value(AttributeValue);

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            AttributeValue::N(digits) => f.write_str(digits),
            _ => f.write_str("[REDACTED]"),
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self(AttributeValue::N(number.to_string()))
    }
}

impl From<UnixMs> for Value {
    fn from(time: UnixMs) -> Self {
        time.as_u64().into()
    }
}

impl From<UnixSeconds> for Value {
    fn from(time: UnixSeconds) -> Self {
        time.as_u64().into()
    }
}

impl From<LeaseSeq> for Value {
    fn from(seq: LeaseSeq) -> Self {
        seq.as_u64().into()
    }
}

impl From<Version> for Value {
    fn from(version: Version) -> Self {
        version.as_u64().into()
    }
}

impl From<&str> for Value {
    fn from(string: &str) -> Self {
        Self(AttributeValue::S(string.to_owned()))
    }
}

impl From<AttributeValue> for Value {
    fn from(value: AttributeValue) -> Self {
        Self(value)
    }
}

/// What [`Write::set`] stores.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// This value.
    Value(Value),
    /// The value at a path before the write: the path that is set, or another.
    Stored(StoredValue),
}

impl<V> From<V> for Operand
where
    Value: From<V>,
{
    fn from(value: V) -> Self {
        Self::Value(value.into())
    }
}

impl From<StoredValue> for Operand {
    fn from(stored: StoredValue) -> Self {
        Self::Stored(stored)
    }
}

/// The value at a path before the write. Without a stored value it needs a default, or the write is invalid.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredValue {
    path: Path,
    default: Option<Value>,
    step: Option<Step>,
}

/// A change of a stored number.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Plus(Value),
    Minus(Value),
}

/// What is stored at `path` before the write.
pub(crate) fn stored(path: impl Into<Path>) -> StoredValue {
    StoredValue { path: path.into(), default: None, step: None }
}

impl StoredValue {
    /// The same, or `default` if nothing is stored there.
    pub(crate) fn or(self, default: impl Into<Value>) -> Self {
        Self { default: Some(default.into()), ..self }
    }

    /// The same, which must be a number, plus `number`.
    pub(crate) fn plus(self, number: u64) -> Self {
        Self { step: Some(Step::Plus(number.into())), ..self }
    }

    /// The same, which must be a number, minus `number`.
    pub(crate) fn minus(self, number: u64) -> Self {
        Self { step: Some(Step::Minus(number.into())), ..self }
    }
}
