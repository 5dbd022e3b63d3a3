//! Items of the table: the form that `store/item.rs` documents, and items that have it or nearly have it.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use std::collections::HashMap;

/// An item, or a map in one.
pub type Item = HashMap<String, AttributeValue>;

/// The form of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A string that is not empty.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A whole number.
    Number,
    /// A map with all of these.
    Map(&'static [(&'static str, Form)]),
    /// A map of maps with all of these, by any name.
    MapOf(&'static [(&'static str, Form)]),
    /// A list of maps with all of these.
    List(&'static [(&'static str, Form)]),
}
use Form::{List, Map, MapOf, Number, OneOf, Text};

/// Every attribute that is read.
pub const FORM: &[(&str, Form)] = &[
    ("entityId", Text),
    ("cookies", Map(&[("cid", Text), ("cst", Text)])),
    ("cookiesLapseAt", Number),
    ("formerIdentities", List(&[("entityId", Text), ("cid", Text), ("cst", Text), ("until", Number)])),
    ("token", Map(&[("accessToken", Text), ("created", Number), ("expiresIn", Number), ("seq", Number)])),
    ("outstanding", MapOf(&[("accessToken", Text), ("ends", Number), ("seq", Number)])),
    ("loggedOutSeq", Number),
    ("revokeAgain", Number),
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
const KINDS: &[&str] = &["rejected", "unavailable", "outOfTime", "identityChanged", "of another version"];
/// Attributes that mean something only together: the first, when it is there, needs the others.
const TOGETHER: &[&[&str]] = &[
    &["entityId", "cookies", "cookiesLapseAt"],
    &["leaseUntil", "leaseOwner", "leaseSeq"],
    &["quotaSince", "quotaLastSeq"],
];
/// Attributes that are hints, and read as none if they have another form.
const HINTS: &[&str] = &["failedRenewal", "refused"];
/// A point in time that items are read at; Unix time in ms.
pub const NOW_MS: u64 = 1_700_000_000_123;
const DEEPEST: usize = 3;

/// Whether an item must be readable: all that it has is of the right form.
pub fn is_whole(item: &Item) -> bool {
    let fits = |(name, form): &(&str, Form)| item.get(*name).is_none_or(|value| fits(*form, value));
    FORM.iter().filter(|(name, _)| !HINTS.contains(name)).all(fits)
        && TOGETHER
            .iter()
            .all(|names| !item.contains_key(names[0]) || names.iter().all(|name| item.contains_key(*name)))
}

fn fits(form: Form, value: &AttributeValue) -> bool {
    let has_all = |fields: &[(&str, Form)], item: &Item| {
        fields.iter().all(|(name, form)| item.get(*name).is_some_and(|value| fits(*form, value)))
    };
    match (form, value) {
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

/// A number as DynamoDB writes it.
fn number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

/// What a path of names leads to.
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

/// The number at a path, read with more room than it needs.
pub fn number_at(item: &Item, path: &[&str]) -> Option<u64> {
    u64::try_from(at(item, path)?.as_n().ok()?.parse::<i128>().ok()?).ok()
}

/// An item: each attribute is of the right form, of another one, or not there.
pub fn item(u: &mut Unstructured) -> Result<Item> {
    let mut item = fields(u, FORM)?;
    for _ in 0..u.int_in_range(0..=2)? {
        item.insert(String::from(u.arbitrary::<&str>()?), any(u, 0)?);
    }
    Ok(item)
}

fn fields(u: &mut Unstructured, form: &[(&str, Form)]) -> Result<Item> {
    let mut item = Item::new();
    for (name, form) in form {
        let value = match u.int_in_range(0..=15)? {
            0 => continue,
            1 => any(u, 0)?,
            _ => right(u, *form)?,
        };
        item.insert((*name).to_owned(), value);
    }
    Ok(item)
}

fn right(u: &mut Unstructured, form: Form) -> Result<AttributeValue> {
    Ok(match form {
        Text => AttributeValue::S(u.arbitrary()?),
        OneOf(all) => AttributeValue::S((*u.choose(all)?).to_owned()),
        Number => AttributeValue::N(whole_number(u)?.to_string()),
        Map(form) => AttributeValue::M(fields(u, form)?),
        MapOf(form) => {
            let length = u.int_in_range(0..=6)?;
            let one = |_| Ok((u.int_in_range(0..=99)?.to_string(), AttributeValue::M(fields(u, form)?)));
            AttributeValue::M((0..length).map(one).collect::<Result<_>>()?)
        }
        List(form) => {
            let length = u.int_in_range(0..=6)?;
            AttributeValue::L((0..length).map(|_| Ok(AttributeValue::M(fields(u, form)?))).collect::<Result<_>>()?)
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

/// Any value at all.
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
