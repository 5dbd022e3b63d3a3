//! The requests that a write becomes, and the same writes in memory and in a database.

use super::*;
use crate::{
    context::Context,
    renewal::StoreError,
    store::{
        Outcome, Store,
        item::{Item, Key, PK, SK},
    },
    time::Deadline,
};
use aws_sdk_dynamodb::Client;
use fastrand::Rng;
use in_memory::Refused;
use std::{collections::HashMap, time::Duration};

mod random_writes;
mod store_writes;

const TABLE: &str = "table";

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn string(string: &str) -> AttributeValue {
    AttributeValue::S(string.to_owned())
}

fn map<const N: usize>(members: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// An embedded DynamoDB with items that tests put there.
struct Database {
    store: Store,
    items: u64,
    /// The numbers of writes that took effect, that were rejected, and that were invalid.
    results: [u32; 3],
}

impl Database {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let client: Client =
            sandbox::database::client(&sandbox::database::start(vec![listener], None).expect("a database"));
        sandbox::database::create_table(&client, TABLE).await.expect("a table");
        Self { store: Store::new(client, TABLE), items: 0, results: [0; 3] }
    }

    /// Applies `write` to `item` in memory and in the database, and fails if there is any difference.
    async fn compare(&mut self, write: &Write, item: Option<&Item>) {
        self.items += 1;
        let key = || Key { pk: self.items.to_string(), sk: "item".into() };
        if let Some(item) = item {
            self.put(key(), item.clone()).await;
        }
        let context = Context::new(Deadline::after(Duration::from_secs(10)));
        let outcome = self.store.send(key(), write.clone(), &context).await;
        let stored = self.get(key()).await;
        let case = || format!("{write:?}\non {:?}", item.map(|item| &item.0));
        let mut expected = item.cloned();
        if let Err(Refused::Invalid(_)) = in_memory::apply(write, item) {
            assert!(
                matches!(&outcome, Err(StoreError::Unavailable(kind)) if kind == "ValidationException"),
                "{}",
                case()
            );
            self.results[2] += 1;
        } else {
            let outcome = outcome.unwrap_or_else(|error| panic!("{error} for {}", case()));
            self.results[usize::from(matches!(outcome, Outcome::Rejected(_)))] += 1;
            assert_eq!(plain(outcome), plain(in_memory::run(write, &mut expected)), "{}", case());
        }
        assert!(stored == expected, "stored {:?}\n{}", stored.map(|item| item.0), case());
    }

    async fn put(&self, key: Key, mut item: Item) {
        item.0.extend(key.into_attributes());
        let request = self.store.client.put_item().table_name(TABLE).set_item(Some(item.0));
        request.send().await.expect("a stored item");
    }

    async fn get(&self, key: Key) -> Option<Item> {
        let request = self.store.client.get_item().table_name(TABLE).set_key(Some(key.into_attributes()));
        request.send().await.expect("a response").item.map(Item::new).map(without_key)
    }
}

fn without_key(mut item: Item) -> Item {
    item.0.retain(|name, _| name != PK && name != SK);
    item
}

/// The outcome without keys. If a write created the item, the embedded database returns the key alone as the old item, so an empty item
/// counts as no item here.
fn plain(outcome: Outcome) -> Outcome {
    let plain = |item: Option<Item>| item.map(without_key).filter(|item| *item != Item::default());
    match outcome {
        Outcome::Applied(item) => Outcome::Applied(plain(item)),
        Outcome::Rejected(item) => Outcome::Rejected(plain(item)),
    }
}

#[test]
fn a_request_has_one_placeholder_for_each_distinct_name_and_value() {
    let write = Write::new()
        .set("seq", stored("seq").or(0).plus(1))
        .set(member("outstanding", "7"), 1)
        .set("count", stored("seq").minus(1))
        .remove("token")
        .remove(member("outstanding", "6"))
        .when(any([not_exists("token"), not(between("until", 0..=9))]))
        .when(not_equals("count", Path::from("seq")));
    let update = write.into_part(Key { pk: "p".into(), sk: "s".into() }, TABLE).expect("a part");
    assert_eq!(
        update.update_expression(),
        "SET #a0 = if_not_exists(#a0, :v0) + :v1, #a1.#a2 = :v1, #a3 = #a0 - :v1 REMOVE #a4, #a1.#a5"
    );
    assert_eq!(
        update.condition_expression(),
        Some("(attribute_not_exists(#a4) OR NOT #a6 BETWEEN :v0 AND :v2) AND #a3 <> #a0")
    );
    let names = ["seq", "outstanding", "7", "count", "token", "6", "until"].into_iter().enumerate();
    let names = names.map(|(number, name)| (format!("#a{number}"), name.to_owned())).collect();
    assert_eq!(update.expression_attribute_names(), Some(&names));
    let values = [0, 1, 9].into_iter().enumerate();
    let values = values.map(|(place, value)| (format!(":v{place}"), number(value))).collect();
    assert_eq!(update.expression_attribute_values(), Some(&values));
}

#[test]
fn a_request_has_no_empty_expressions() {
    let update = Write::new().remove("a").into_part(Key { pk: "p".into(), sk: "s".into() }, TABLE).expect("a part");
    assert_eq!(update.update_expression(), "REMOVE #a0");
    assert_eq!((update.condition_expression(), update.expression_attribute_values()), (None, None));
}

#[test]
fn debug_output_shows_no_strings() {
    let write = Write::new().set("a", "a-secret").set("b", 12).when(equals("c", map([("d", string("a-secret"))])));
    let text = format!("{write:?}");
    assert!(text.contains("12") && text.contains("[REDACTED]") && !text.contains("a-secret"), "{text}");
    let item = Item::new(HashMap::from([("name".to_owned(), string("a-secret"))]));
    assert_eq!(format!("{item:?}"), r#"{"name"}"#);
}

#[tokio::test]
async fn a_write_in_memory_gives_the_result_of_a_database() {
    let (mut database, mut rng) = (Database::start().await, Rng::with_seed(1));
    for _ in 0..600 {
        let (write, item) = (random_writes::write(&mut rng), random_writes::item(&mut rng));
        database.compare(&write, item.as_ref()).await;
    }
    assert!(database.results.iter().all(|number| *number > 50), "{:?}", database.results);
}

#[tokio::test]
async fn the_stores_own_writes_in_memory_give_the_result_of_a_database() {
    let (mut database, mut rng) = (Database::start().await, Rng::with_seed(2));
    for number in 0..500 {
        let (write, item) = store_writes::write_and_item(&mut rng, number);
        database.compare(&write, item.as_ref()).await;
    }
    assert!(database.results[0] > 50 && database.results[1] > 50, "{:?}", database.results);
}
