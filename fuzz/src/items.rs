//! Items of the table: the shape that `store/item.rs` documents, and items that have it or nearly have it.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use std::collections::HashMap;

/// An item, or a map in one.
pub type Item = HashMap<String, AttributeValue>;

/// The shape of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A string that is not empty.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A whole number.
    Number,
    /// A map with all these members.
    Map(&'static [(&'static str, Shape)]),
    /// A map of any names to maps with all these members.
    MapOf(&'static [(&'static str, Shape)]),
    /// A list of maps with all these members.
    List(&'static [(&'static str, Shape)]),
}
use Shape::{List, Map, MapOf, Number, OneOf, Text};

/// Every attribute that is read, and its shape.
pub const SHAPES: &[(&str, Shape)] = &[
    ("entityId", Text),
    ("cookies", Map(&[("cid", Text), ("cst", Text)])),
    ("cookiesLapseAt", Number),
    ("formerIdentities", List(&[("entityId", Text), ("cid", Text), ("cst", Text), ("until", Number)])),
    ("token", Map(&[("accessToken", Text), ("created", Number), ("expiresIn", Number), ("seq", Number)])),
    ("outstanding", MapOf(&[("accessToken", Text), ("ends", Number), ("seq", Number)])),
    ("loggedOutSeq", Number),
    ("revokeAgain", Number),
    ("details", Map(&[("entityId", Text), ("hash", Text), ("again", Number), ("failures", Number)])),
    ("leaseSeq", Number),
    ("leaseOwner", Text),
    ("leaseUntil", Number),
    ("failedRenewal", Map(&[("seq", Number), ("kind", OneOf(KINDS)), ("exception", Text), ("description", Text)])),
    (
        "refused",
        Map(&[("until", Number), ("times", Number), ("settings", Text), ("exception", Text), ("description", Text)]),
    ),
    ("quotaSince", Number),
    ("quotaLastSeq", Number),
    ("adoptedAt", Number),
    ("version", Number),
];
/// Every attribute of the agent token's item that is read, and its shape.
pub const AGENT_SHAPES: &[(&str, Shape)] = &[
    ("token", Map(AGENT_TOKEN)),
    ("leaseSeq", Number),
    ("leaseOwner", Text),
    ("leaseUntil", Number),
    (
        "refused",
        Map(&[("until", Number), ("times", Number), ("settings", Text), ("exception", Text), ("description", Text)]),
    ),
    ("version", Number),
];
const AGENT_TOKEN: &[(&str, Shape)] = &[
    ("accessToken", Text),
    ("clientId", Text),
    ("created", Number),
    ("expiresIn", Number),
    ("seq", Number),
    ("refreshToken", Text),
    ("replaces", Text),
];
const KINDS: &[&str] = &["rejected", "unavailable", "outOfTime", "identityChanged", "of another version"];
/// Attributes that belong together: if an item has the first one, it must have the others.
const TOGETHER: &[&[&str]] =
    &[&["cookies", "entityId"], &["leaseUntil", "leaseOwner", "leaseSeq"], &["quotaSince", "quotaLastSeq"]];
/// Attributes that are hints. They are ignored if they have another shape.
const HINTS: &[&str] = &["failedRenewal", "refused", "details"];
/// The point in time at which items are read; Unix time in ms.
pub const NOW_MS: u64 = 1_700_000_000_123;
const DEEPEST: usize = 3;

/// Whether an item must be accepted: all its attributes have the right shape.
pub fn is_valid(item: &Item) -> bool {
    let fits = |(name, shape): &(&str, Shape)| item.get(*name).is_none_or(|value| fits(*shape, value));
    SHAPES.iter().filter(|(name, _)| !HINTS.contains(name)).all(fits)
        && TOGETHER
            .iter()
            .all(|names| !item.contains_key(names[0]) || names.iter().all(|name| item.contains_key(*name)))
}

/// Whether the agent token of an item must be read: it has all its fields in the right shape.
pub fn has_agent_token(item: &Item) -> bool {
    item.get("token").is_some_and(|token| fits(Map(AGENT_TOKEN), token))
}

/// Whether the lease of an item, if it has one, must be read: it has all its fields in the right shape.
pub fn has_valid_lease(item: &Item) -> bool {
    let lease = AGENT_SHAPES.iter().filter(|(name, _)| name.starts_with("lease"));
    !item.contains_key("leaseUntil")
        || lease.into_iter().all(|(name, shape)| item.get(*name).is_some_and(|value| fits(*shape, value)))
}

fn fits(shape: Shape, value: &AttributeValue) -> bool {
    let has_all = |fields: &[(&str, Shape)], item: &Item| {
        fields.iter().all(|(name, shape)| item.get(*name).is_some_and(|value| fits(*shape, value)))
    };
    match (shape, value) {
        (Text, AttributeValue::S(text)) => !text.is_empty(),
        (OneOf(all), AttributeValue::S(text)) => all.contains(&text.as_str()),
        (Number, AttributeValue::N(digits)) => number(digits).is_some(),
        (Map(fields), AttributeValue::M(item)) => has_all(fields, item),
        (MapOf(fields), AttributeValue::M(maps)) => {
            maps.values().all(|one| matches!(one, AttributeValue::M(item) if has_all(fields, item)))
        }
        (List(fields), AttributeValue::L(list)) => {
            list.iter().all(|one| matches!(one, AttributeValue::M(item) if has_all(fields, item)))
        }
        _ => false,
    }
}

/// A number in DynamoDB's own spelling.
fn number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

/// The value at a path of names.
pub fn at<'a>(item: &'a Item, path: &[&str]) -> Option<&'a AttributeValue> {
    let (first, rest) = path.split_first()?;
    match (item.get(*first), rest) {
        (found, []) => found,
        (Some(AttributeValue::M(inner)), _) => at(inner, rest),
        _ => None,
    }
}

/// The string at a path.
pub fn text_at<'a>(item: &'a Item, path: &[&str]) -> Option<&'a str> {
    at(item, path)?.as_s().ok().map(String::as_str)
}

/// The number at a path. It is parsed as an `i128`, so that every 64-bit number fits.
pub fn number_at(item: &Item, path: &[&str]) -> Option<u64> {
    u64::try_from(at(item, path)?.as_n().ok()?.parse::<i128>().ok()?).ok()
}

/// An item in which each attribute has the right shape, has another one, or is missing.
pub fn item(u: &mut Unstructured) -> Result<Item> {
    item_of(u, SHAPES)
}

/// The same for the item of the agent token.
pub fn agent_item(u: &mut Unstructured) -> Result<Item> {
    item_of(u, AGENT_SHAPES)
}

fn item_of(u: &mut Unstructured, shapes: &[(&str, Shape)]) -> Result<Item> {
    let mut item = fields(u, shapes)?;
    for _ in 0..u.int_in_range(0..=2)? {
        item.insert(String::from(u.arbitrary::<&str>()?), any(u, 0)?);
    }
    Ok(item)
}

fn fields(u: &mut Unstructured, shapes: &[(&str, Shape)]) -> Result<Item> {
    let mut item = Item::new();
    for (name, shape) in shapes {
        let value = match u.int_in_range(0..=15)? {
            0 => continue,
            1 => any(u, 0)?,
            _ => fitting(u, *shape)?,
        };
        item.insert((*name).to_owned(), value);
    }
    Ok(item)
}

fn fitting(u: &mut Unstructured, shape: Shape) -> Result<AttributeValue> {
    Ok(match shape {
        Text => AttributeValue::S(u.arbitrary()?),
        OneOf(all) => AttributeValue::S((*u.choose(all)?).to_owned()),
        Number => AttributeValue::N(whole_number(u)?.to_string()),
        Map(shapes) => AttributeValue::M(fields(u, shapes)?),
        MapOf(shapes) => {
            let length = u.int_in_range(0..=6)?;
            let one = |_| Ok((u.int_in_range(0..=99)?.to_string(), AttributeValue::M(fields(u, shapes)?)));
            AttributeValue::M((0..length).map(one).collect::<Result<_>>()?)
        }
        List(shapes) => {
            let length = u.int_in_range(0..=6)?;
            AttributeValue::L((0..length).map(|_| Ok(AttributeValue::M(fields(u, shapes)?))).collect::<Result<_>>()?)
        }
    })
}

fn whole_number(u: &mut Unstructured) -> Result<u64> {
    Ok(match u.int_in_range(0..=3)? {
        0 => u.int_in_range(0..=9)?,
        1 => NOW_MS - 100_000 + u.int_in_range(0..=200_000)?,
        2 => u64::MAX - u.int_in_range(0..=9)?,
        _ => u.arbitrary()?,
    })
}

/// Any value.
fn any(u: &mut Unstructured, depth: usize) -> Result<AttributeValue> {
    Ok(match u.int_in_range(0..=if depth < DEEPEST { 10 } else { 8 })? {
        0 => AttributeValue::S(u.arbitrary()?),
        1 => AttributeValue::N(u.arbitrary()?),
        2 => AttributeValue::N(u.arbitrary::<i128>()?.to_string()),
        3 => AttributeValue::Bool(u.arbitrary()?),
        4 => AttributeValue::Null(u.arbitrary()?),
        5 => AttributeValue::B(Blob::new(u.arbitrary::<Vec<u8>>()?)),
        6 => AttributeValue::Ss(u.arbitrary()?),
        7 => AttributeValue::Ns(u.arbitrary()?),
        8 => AttributeValue::Bs(u.arbitrary::<Vec<Vec<u8>>>()?.into_iter().map(Blob::new).collect()),
        9 => {
            let length = u.int_in_range(0..=3)?;
            AttributeValue::L((0..length).map(|_| any(u, depth + 1)).collect::<Result<_>>()?)
        }
        _ => {
            let length = u.int_in_range(0..=3)?;
            AttributeValue::M((0..length).map(|_| Ok((u.arbitrary()?, any(u, depth + 1)?))).collect::<Result<_>>()?)
        }
    })
}
