//! Items of the table.

use crate::world::Item;
use aws_sdk_dynamodb::types::AttributeValue;

/// In every cookie and token of [`item`]s, and in none of our output.
pub(crate) const SECRET: &str = "secret-value";

pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_millis().try_into().expect("a time")
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn map<const N: usize>(fields: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

/// The item of a customer whose cookies last for a year, with more attributes.
pub(crate) fn item<const N: usize>(pk: &str, sk: &str, more: [(&str, AttributeValue); N]) -> Item {
    let in_a_year = now_ms() / 1000 + 365 * 86_400 + 3_600;
    let cookies = map([("cid", text(SECRET)), ("cst", text(SECRET))]);
    let mut item = Item::from([
        ("pk".into(), text(pk)),
        ("sk".into(), text(sk)),
        ("version".into(), number(5)),
        ("entityId".into(), text(&format!("customer of {pk}"))),
        ("cookies".into(), cookies),
        ("cookiesLapseAt".into(), number(in_a_year)),
        ("expiresAt".into(), number(in_a_year + 2_592_000)),
        ("leaseSeq".into(), number(3)),
        ("outstanding".into(), map([])),
    ]);
    item.extend(more.map(|(name, value)| (name.to_owned(), value)));
    item
}

/// A token that was issued `age_ms` ago.
pub(crate) fn token(age_ms: u64) -> AttributeValue {
    map([
        ("accessToken", text(SECRET)),
        ("created", number(now_ms() - age_ms)),
        ("expiresIn", number(28_800_000)),
        ("seq", number(3)),
    ])
}
