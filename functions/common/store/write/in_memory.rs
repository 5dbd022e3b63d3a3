//! An in-memory DynamoDB, for [`Write`]s only. The model uses it, as it runs millions of writes.
//!
//! All numbers are whole numbers, as the store writes no others.

use super::{
    Operand, Path, Step, StoredValue, Value, Write,
    condition::{Comparison, Condition, Side},
};
use crate::store::{Outcome, item::Item};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use std::cmp::Ordering;

/// Why a write did not take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A condition did not hold.
    ConditionFailed,
    /// DynamoDB would return a `ValidationException`: the write does not fit the item, or contradicts itself.
    Invalid(&'static str),
}

/// The item after `write`, without its key. `item` is `None` if there is none yet.
pub(crate) fn apply(write: &Write, item: Option<&Item>) -> Result<Item, Refused> {
    let none = Item::default();
    let before = item.unwrap_or(&none);
    if has_overlap(write) {
        return Err(Refused::Invalid("two paths overlap"));
    }
    if !write.when.iter().all(|condition| holds(condition, before)) {
        return Err(Refused::ConditionFailed);
    }
    let mut after = before.clone();
    for (path, operand) in &write.set {
        set(&mut after, path, evaluate(operand, before)?)?;
    }
    for path in &write.remove {
        remove(&mut after, path)?;
    }
    Ok(after)
}

/// Applies `write` to `item`, as DynamoDB applies it to the stored item, and returns what it returns.
///
/// # Panics
/// If DynamoDB would return a `ValidationException`.
pub(crate) fn run(write: &Write, item: &mut Option<Item>) -> Outcome {
    match apply(write, item.as_ref()) {
        Ok(after) => {
            let before = item.replace(after);
            Outcome::Applied(match write.returned {
                ReturnValue::AllNew => item.clone(),
                ReturnValue::AllOld => before,
                _ => None,
            })
        }
        Err(Refused::ConditionFailed) => Outcome::Rejected(item.clone()),
        Err(Refused::Invalid(reason)) => panic!("an invalid write, as {reason}: {write:?}"),
    }
}

fn has_overlap(write: &Write) -> bool {
    let paths = || write.set.iter().map(|(path, _)| path).chain(&write.remove);
    let overlaps = |a: &Path, b: &Path| {
        a.attribute == b.attribute && (a.member == b.member || a.member.is_none() || b.member.is_none())
    };
    paths().enumerate().any(|(number, a)| paths().take(number).any(|b| overlaps(a, b)))
}

/// What is stored at `path`.
fn at<'a>(item: &'a Item, path: &Path) -> Option<&'a AttributeValue> {
    match (item.0.get(path.attribute), &path.member) {
        (found, None) => found,
        (Some(AttributeValue::M(map)), Some(member)) => map.get(member.as_ref()),
        _ => None,
    }
}

fn set(item: &mut Item, path: &Path, value: AttributeValue) -> Result<(), Refused> {
    match &path.member {
        None => item.0.insert(path.attribute.to_owned(), value),
        Some(member) => match item.0.get_mut(path.attribute) {
            Some(AttributeValue::M(map)) => map.insert(member.clone().into_owned(), value),
            _ => return Err(Refused::Invalid("there is no such map")),
        },
    };
    Ok(())
}

fn remove(item: &mut Item, path: &Path) -> Result<(), Refused> {
    match &path.member {
        None => item.0.remove(path.attribute),
        Some(member) => match item.0.get_mut(path.attribute) {
            Some(AttributeValue::M(map)) => map.remove(member.as_ref()),
            _ => return Err(Refused::Invalid("there is no such map")),
        },
    };
    Ok(())
}

fn evaluate(operand: &Operand, before: &Item) -> Result<AttributeValue, Refused> {
    let StoredValue { path, default, step } = match operand {
        Operand::Value(value) => return Ok(value.0.clone()),
        Operand::Stored(stored) => stored,
    };
    let default = default.as_ref().map(|Value(default)| default);
    let value = at(before, path).or(default).ok_or(Refused::Invalid("an attribute is missing"))?;
    let result = match step {
        None => return Ok(value.clone()),
        Some(Step::Plus(Value(number))) => number_of(value).zip(number_of(number)).map(|(a, b)| a + b),
        Some(Step::Minus(Value(number))) => number_of(value).zip(number_of(number)).map(|(a, b)| a - b),
    };
    result.map(|number| AttributeValue::N(number.to_string())).ok_or(Refused::Invalid("an operand is not a number"))
}

fn number_of(value: &AttributeValue) -> Option<i128> {
    value.as_n().ok().map(|digits| digits.parse().expect("a whole number"))
}

fn holds(condition: &Condition, item: &Item) -> bool {
    match condition {
        Condition::Exists(path) => at(item, path).is_some(),
        Condition::NotExists(path) => at(item, path).is_none(),
        Condition::Compare(path, comparison, side) => {
            let right = match side {
                Side::Value(value) => Some(&value.0),
                Side::Stored(path) => at(item, path),
            };
            compares(at(item, path), *comparison, right)
        }
        Condition::Between(path, lowest, highest) => {
            let value = at(item, path);
            compares(value, Comparison::AtLeast, Some(&lowest.0))
                && compares(value, Comparison::AtMost, Some(&highest.0))
        }
        Condition::All(conditions) => conditions.iter().all(|condition| holds(condition, item)),
        Condition::Any(conditions) => conditions.iter().any(|condition| holds(condition, item)),
        Condition::Not(condition) => !holds(condition, item),
    }
}

fn compares(left: Option<&AttributeValue>, comparison: Comparison, right: Option<&AttributeValue>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return comparison == Comparison::NotEqual };
    match comparison {
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::Less => order(left, right).is_some_and(Ordering::is_lt),
        Comparison::AtMost => order(left, right).is_some_and(Ordering::is_le),
        Comparison::More => order(left, right).is_some_and(Ordering::is_gt),
        Comparison::AtLeast => order(left, right).is_some_and(Ordering::is_ge),
    }
}

/// Values of different types have no order.
fn order(left: &AttributeValue, right: &AttributeValue) -> Option<Ordering> {
    match (left, right) {
        (AttributeValue::N(_), AttributeValue::N(_)) => Some(number_of(left).cmp(&number_of(right))),
        (AttributeValue::S(left), AttributeValue::S(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

impl Write {
    /// The same without the conditions whose first attribute is one of these.
    pub(crate) fn without_conditions_on(mut self, attributes: &[&str]) -> Self {
        self.when.retain(|condition| !attributes.contains(&first_attribute(condition)));
        self
    }

    /// The same without what it sets or removes in this attribute.
    pub(crate) fn without_change_of(mut self, attribute: &str) -> Self {
        self.set.retain(|(path, _)| path.attribute != attribute);
        self.remove.retain(|path| path.attribute != attribute);
        self
    }
}

fn first_attribute(condition: &Condition) -> &'static str {
    match condition {
        Condition::Exists(path)
        | Condition::NotExists(path)
        | Condition::Compare(path, ..)
        | Condition::Between(path, ..) => path.attribute,
        Condition::All(conditions) | Condition::Any(conditions) => conditions.first().map_or("", first_attribute),
        Condition::Not(condition) => first_attribute(condition),
    }
}
