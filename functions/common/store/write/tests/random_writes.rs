//! Random writes and items. They use few names and values, so that they often concern the same attributes.

use super::*;
use condition::{Comparison, Side};

const ATTRIBUTES: [&str; 6] = ["a", "b", "c", "seq", "token", "map"];
const MEMBERS: [&str; 3] = ["x", "y", "1"];

/// Any item, or none.
pub(super) fn item(rng: &mut Rng) -> Option<Item> {
    rng.u8(0..8).ne(&0).then(|| {
        let mut item = Item::default();
        for attribute in ATTRIBUTES {
            if rng.u8(0..4) > 0 {
                let is_map = attribute == "map" && rng.u8(0..8) > 0;
                item.0.insert(attribute.to_owned(), if is_map { some_map(rng) } else { value(rng) });
            }
        }
        item
    })
}

/// Any write that changes something.
pub(super) fn write(rng: &mut Rng) -> Write {
    let write = Write::new();
    let mut write = if rng.bool() { write.set(path(rng), operand(rng)) } else { write.remove(path(rng)) };
    for _ in 0..rng.u8(0..2) {
        write = write.set(path(rng), operand(rng));
    }
    for _ in 0..rng.u8(0..2) {
        write = write.remove(path(rng));
    }
    for _ in 0..rng.u8(0..3) {
        write = write.when(condition(rng, 2));
    }
    write.returning(pick(rng, &[ReturnValue::None, ReturnValue::AllOld, ReturnValue::AllNew]))
}

fn pick<T: Clone>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.usize(..all.len())].clone()
}

fn path(rng: &mut Rng) -> Path {
    let attribute = pick(rng, &ATTRIBUTES);
    if rng.u8(0..3) == 0 { member("map", pick(rng, &MEMBERS)) } else { attribute.into() }
}

fn value(rng: &mut Rng) -> AttributeValue {
    match rng.u8(0..8) {
        0 => AttributeValue::Bool(rng.bool()),
        1 => AttributeValue::L(vec![number(rng.u64(0..2))]),
        2 => some_map(rng),
        _ => scalar(rng),
    }
}

fn some_map(rng: &mut Rng) -> AttributeValue {
    map([("x", scalar(rng)), ("y", scalar(rng))])
}

/// A number or a string: what DynamoDB can put in order.
fn scalar(rng: &mut Rng) -> AttributeValue {
    match rng.u8(0..4) {
        0 => string(pick(rng, &["s", "t", "tt"])),
        1 => number(u64::MAX - rng.u64(0..3)),
        _ => number(rng.u64(0..4)),
    }
}

fn operand(rng: &mut Rng) -> Operand {
    let source = stored(path(rng));
    match rng.u8(0..8) {
        0 => source.into(),
        1 => source.or(value(rng)).into(),
        2 => source.plus(rng.u64(0..3)).into(),
        3 => source.or(rng.u64(0..3)).minus(rng.u64(0..6)).into(),
        _ => value(rng).into(),
    }
}

fn condition(rng: &mut Rng, depth: u8) -> Condition {
    match rng.u8(0..if depth > 0 { 8 } else { 5 }) {
        0 => exists(path(rng)),
        1 => not_exists(path(rng)),
        2 => {
            let lowest = rng.u64(0..3);
            between(path(rng), lowest..=lowest + rng.u64(0..3))
        }
        3 | 4 => comparison(rng),
        5 => all([condition(rng, depth - 1), condition(rng, depth - 1)]),
        6 => any([condition(rng, depth - 1), condition(rng, depth - 1)]),
        _ => not(condition(rng, depth - 1)),
    }
}

/// DynamoDB rejects a comparison of a path with itself, and can order numbers and strings only.
fn comparison(rng: &mut Rng) -> Condition {
    let (left, right) = (path(rng), path(rng));
    if rng.u8(0..4) == 0 && left != right {
        return pick(rng, &[less, at_most, more, at_least, equals, not_equals])(left, right);
    }
    if rng.bool() {
        return pick(rng, &[equals, not_equals])(left, value(rng));
    }
    let comparison = pick(rng, &[Comparison::Less, Comparison::AtMost, Comparison::More, Comparison::AtLeast]);
    Condition::Compare(left, comparison, Side::from(scalar(rng)))
}
