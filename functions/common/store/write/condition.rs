//! When a write takes effect. A comparison with a missing attribute, or with one of another type, does not hold, except for
//! [`not_equals`].

use super::{Path, Value};
use std::ops::RangeInclusive;

/// A condition on the item before the write. If there is no item, all attributes count as missing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// Something is stored there.
    Exists(Path),
    /// Nothing is stored there.
    NotExists(Path),
    /// What is stored there compares like this with the right side.
    Compare(Path, Comparison, Side),
    /// What is stored there is not less than the first number, and not more than the second.
    Between(Path, Value, Value),
    /// All of these hold.
    All(Vec<Self>),
    /// At least one of these holds.
    Any(Vec<Self>),
    /// This one does not hold.
    Not(Box<Self>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// The right side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Side {
    /// This value.
    Value(Value),
    /// What is stored there.
    Stored(Path),
}

impl<V> From<V> for Side
where
    Value: From<V>,
{
    fn from(value: V) -> Self {
        Self::Value(value.into())
    }
}

impl From<Path> for Side {
    fn from(path: Path) -> Self {
        Self::Stored(path)
    }
}

/// Something is stored at `path`.
pub(crate) fn exists(path: impl Into<Path>) -> Condition {
    Condition::Exists(path.into())
}

/// Nothing is stored at `path`.
pub(crate) fn not_exists(path: impl Into<Path>) -> Condition {
    Condition::NotExists(path.into())
}

/// What is stored at `path` is the same as `side`.
pub(crate) fn equals(path: impl Into<Path>, side: impl Into<Side>) -> Condition {
    Condition::Compare(path.into(), Comparison::Equal, side.into())
}

/// What is stored at `path` differs from `side`, or nothing is stored there.
pub(crate) fn not_equals(path: impl Into<Path>, side: impl Into<Side>) -> Condition {
    Condition::Compare(path.into(), Comparison::NotEqual, side.into())
}

/// What is stored at `path` is less than `side`.
pub(crate) fn less(path: impl Into<Path>, side: impl Into<Side>) -> Condition {
    Condition::Compare(path.into(), Comparison::Less, side.into())
}

/// What is stored at `path` is less than `side`, or the same.
pub(crate) fn at_most(path: impl Into<Path>, side: impl Into<Side>) -> Condition {
    Condition::Compare(path.into(), Comparison::AtMost, side.into())
}

/// What is stored at `path` is more than `side`.
pub(crate) fn more(path: impl Into<Path>, side: impl Into<Side>) -> Condition {
    Condition::Compare(path.into(), Comparison::More, side.into())
}

/// What is stored at `path` is more than `side`, or the same.
pub(crate) fn at_least(path: impl Into<Path>, side: impl Into<Side>) -> Condition {
    Condition::Compare(path.into(), Comparison::AtLeast, side.into())
}

/// The number that is stored at `path` is in `range`. DynamoDB rejects the whole write if the range is empty.
pub(crate) fn between(path: impl Into<Path>, range: RangeInclusive<impl Into<Value>>) -> Condition {
    let (lowest, highest) = range.into_inner();
    Condition::Between(path.into(), lowest.into(), highest.into())
}

/// All of `conditions` hold.
pub(crate) fn all(conditions: impl Into<Vec<Condition>>) -> Condition {
    Condition::All(conditions.into())
}

/// At least one of `conditions` holds.
pub(crate) fn any(conditions: impl Into<Vec<Condition>>) -> Condition {
    Condition::Any(conditions.into())
}

/// `condition` does not hold.
pub(crate) fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}
