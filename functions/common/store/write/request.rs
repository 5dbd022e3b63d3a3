//! A write as DynamoDB's expressions. Each distinct name and value has one placeholder (`#a0`, `:v0`): many of
//! the names are reserved words, and DynamoDB rejects a placeholder that a request defines and does not use.

use super::{
    Operand, Path, Step, StoredValue, Value, Write,
    condition::{Comparison, Condition, Side},
};
use crate::store::item::Key;
use aws_sdk_dynamodb::{
    error::BuildError,
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure, Update},
};
use std::{borrow::Cow, collections::HashMap, mem};

impl Write {
    /// This write of the item at `key`, as the content of `request`.
    pub(crate) fn into_request(self, key: Key, request: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        let returned = self.returned.clone();
        let Expressions { update, condition, names, values } = Expressions::of(self);
        request
            .set_key(Some(key.into_attributes()))
            .update_expression(update)
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values(returned)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// This write of the item at `key` in `table`, as a part of a transaction. A transaction returns no items.
    pub(crate) fn into_part(self, key: Key, table: &str) -> Result<Update, BuildError> {
        let Expressions { update, condition, names, values } = Expressions::of(self);
        Update::builder()
            .table_name(table)
            .set_key(Some(key.into_attributes()))
            .update_expression(update)
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build()
    }
}

/// A write as DynamoDB accepts it. An expression that would be empty is `None`, as DynamoDB rejects empty ones.
struct Expressions {
    update: String,
    condition: Option<String>,
    names: Option<HashMap<String, String>>,
    values: Option<HashMap<String, AttributeValue>>,
}

impl Expressions {
    fn of(write: Write) -> Self {
        let mut writer = Writer::default();
        writer.update(write.set, write.remove);
        let update = mem::take(&mut writer.text);
        writer.list(write.when, " AND ", Writer::condition);
        Self {
            update,
            condition: (!writer.text.is_empty()).then_some(writer.text),
            names: (!writer.names.is_empty()).then(|| writer.names.into_iter().collect()),
            values: (!writer.values.is_empty()).then(|| writer.values.into_iter().collect()),
        }
    }
}

/// The expression that is being written, and the placeholders so far: few, so that searching them one by one is quick.
#[derive(Default)]
struct Writer {
    text: String,
    names: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Writer {
    fn update(&mut self, set: Vec<(Path, Operand)>, remove: Vec<Path>) {
        if !set.is_empty() {
            self.text.push_str("SET ");
        }
        self.list(set, ", ", |writer, (path, operand)| {
            writer.path(path);
            writer.text.push_str(" = ");
            writer.operand(operand);
        });
        if !remove.is_empty() {
            self.text.push_str(if self.text.is_empty() { "REMOVE " } else { " REMOVE " });
        }
        self.list(remove, ", ", Self::path);
    }

    fn operand(&mut self, operand: Operand) {
        let StoredValue { path, default, step } = match operand {
            Operand::Value(value) => return self.value(value),
            Operand::Stored(stored) => stored,
        };
        match default {
            None => self.path(path),
            Some(default) => {
                self.text.push_str("if_not_exists(");
                self.path(path);
                self.text.push_str(", ");
                self.value(default);
                self.text.push(')');
            }
        }
        let (sign, number) = match step {
            None => return,
            Some(Step::Plus(number)) => (" + ", number),
            Some(Step::Minus(number)) => (" - ", number),
        };
        self.text.push_str(sign);
        self.value(number);
    }

    fn condition(&mut self, condition: Condition) {
        match condition {
            Condition::Exists(path) => self.call("attribute_exists", path),
            Condition::NotExists(path) => self.call("attribute_not_exists", path),
            Condition::Compare(path, comparison, side) => {
                self.path(path);
                self.text.push_str(symbol(comparison));
                match side {
                    Side::Value(value) => self.value(value),
                    Side::Stored(path) => self.path(path),
                }
            }
            Condition::Between(path, lowest, highest) => {
                self.path(path);
                self.text.push_str(" BETWEEN ");
                self.value(lowest);
                self.text.push_str(" AND ");
                self.value(highest);
            }
            Condition::All(conditions) => self.group(conditions, " AND "),
            Condition::Any(conditions) => self.group(conditions, " OR "),
            Condition::Not(condition) => {
                self.text.push_str("NOT ");
                self.condition(*condition);
            }
        }
    }

    fn group(&mut self, conditions: Vec<Condition>, between: &str) {
        self.text.push('(');
        self.list(conditions, between, Self::condition);
        self.text.push(')');
    }

    fn call(&mut self, function: &str, path: Path) {
        self.text.push_str(function);
        self.text.push('(');
        self.path(path);
        self.text.push(')');
    }

    fn list<T>(&mut self, parts: Vec<T>, between: &str, write: impl Fn(&mut Self, T)) {
        for (number, part) in parts.into_iter().enumerate() {
            if number > 0 {
                self.text.push_str(between);
            }
            write(self, part);
        }
    }

    fn path(&mut self, path: Path) {
        self.name(path.attribute.into());
        if let Some(member) = path.member {
            self.text.push('.');
            self.name(member);
        }
    }

    fn name(&mut self, name: Cow<'static, str>) {
        let known = self.names.iter().position(|(_, known)| *known == name);
        let number = known.unwrap_or_else(|| {
            self.names.push((format!("#a{}", self.names.len()), name.into_owned()));
            self.names.len() - 1
        });
        self.text.push_str(&self.names[number].0);
    }

    fn value(&mut self, Value(value): Value) {
        let known = self.values.iter().position(|(_, known)| *known == value);
        let number = known.unwrap_or_else(|| {
            self.values.push((format!(":v{}", self.values.len()), value));
            self.values.len() - 1
        });
        self.text.push_str(&self.values[number].0);
    }
}

fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => " = ",
        Comparison::NotEqual => " <> ",
        Comparison::Less => " < ",
        Comparison::AtMost => " <= ",
        Comparison::More => " > ",
        Comparison::AtLeast => " >= ",
    }
}
