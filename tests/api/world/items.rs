//! What is stored: read and changed without a function.

use super::World;
use crate::clock::now_ms;
use aws_sdk_dynamodb::types::AttributeValue;
use cip::{
    identity::{Group, GuestId, Principal, Subject, UserId},
    store::Store,
};
use std::{collections::HashMap, time::Duration};

/// A stored item, or a map in one.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A subject, as the functions read it from a request.
pub(crate) fn subject(user: &str, group: Option<u32>) -> Subject {
    Subject { principal: Principal::User(UserId::parse(user).expect("a valid id")), group: group.map(Group) }
}

/// A number for an item.
pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A string for an item.
pub(crate) fn string(string: &str) -> AttributeValue {
    AttributeValue::S(string.into())
}

/// The number in an item.
pub(crate) fn read_number(value: &AttributeValue) -> u64 {
    value.as_n().expect("a number").parse().expect("a number")
}

fn user_key(user: &str) -> String {
    format!("user#{user}")
}

fn guest_key(secret: &str) -> String {
    format!("guest#{}", GuestId::of_secret(secret.as_bytes()).expect("a valid secret").as_str())
}

impl World {
    /// The store, as the functions use it.
    pub(crate) fn store(&self) -> Store {
        Store::new(self.dynamodb.clone(), &self.table)
    }

    /// The user's stored item; empty if there is none.
    pub(crate) async fn item(&self, user: &str) -> Item {
        self.item_at(user, "identity").await
    }

    /// The user's stored item at this sort key.
    pub(crate) async fn item_at(&self, user: &str, sk: &str) -> Item {
        self.item_with_key(&user_key(user), sk).await
    }

    /// The stored item of the guest with this secret.
    pub(crate) async fn guest_item(&self, secret: &str) -> Item {
        self.item_with_key(&guest_key(secret), "identity").await
    }

    /// The stored item with this key; empty if there is none.
    pub(crate) async fn item_with_key(&self, pk: &str, sk: &str) -> Item {
        let request = self.dynamodb.get_item().table_name(&self.table).key("pk", string(pk)).key("sk", string(sk));
        let response = request.consistent_read(true).send().await;
        response.expect("a response from DynamoDB").item.unwrap_or_default()
    }

    /// The user's former customers on record.
    pub(crate) async fn former_identities(&self, user: &str) -> Vec<Item> {
        let item = self.item(user).await;
        let former = item["formerIdentities"].as_l().expect("a list").iter();
        former.map(|identity| identity.as_m().expect("a map").clone()).collect()
    }

    /// Changes an attribute of the user's stored item. The path can be nested, as in `token.created`.
    pub(crate) async fn set(&self, user: &str, path: &str, value: AttributeValue) {
        self.set_at(&user_key(user), "identity", (path, value)).await;
    }

    /// The same with a number.
    pub(crate) async fn set_number(&self, user: &str, path: &str, value: u64) {
        self.set(user, path, number(value)).await;
    }

    /// Changes an attribute of the stored item of the guest with this secret.
    pub(crate) async fn set_for_guest(&self, secret: &str, path: &str, value: AttributeValue) {
        self.set_at(&guest_key(secret), "identity", (path, value)).await;
    }

    /// Changes an attribute of the item with this key.
    pub(crate) async fn set_at(&self, pk: &str, sk: &str, (path, value): (&str, AttributeValue)) {
        let names: Vec<_> = path.split('.').map(|name| format!("#{name}")).collect();
        let mut request = self.dynamodb.update_item().table_name(&self.table);
        for name in &names {
            request = request.expression_attribute_names(name, &name[1..]);
        }
        let request = request.key("pk", string(pk)).key("sk", string(sk));
        let request = request.update_expression(format!("SET {} = :value", names.join(".")));
        request.expression_attribute_values(":value", value).send().await.expect("a change");
    }

    /// Ages the user's stored token, as if time had passed.
    pub(crate) async fn age_token(&self, user: &str, by: Duration) {
        self.age_token_at(user, "identity", by).await;
    }

    /// The same, at this sort key.
    pub(crate) async fn age_token_at(&self, user: &str, sk: &str, by: Duration) {
        let token = self.item_at(user, sk).await["token"].as_m().expect("a map").clone();
        let created = read_number(&token["created"]) - cip::time::millis(by);
        self.set_at(&user_key(user), sk, ("token.created", number(created))).await;
    }

    /// Lets the user's lease expire, as if its owner had been stopped for a minute.
    pub(crate) async fn expire_lease(&self, user: &str) {
        self.set_number(user, "leaseUntil", now_ms() - 60_000).await;
    }

    /// Uses up the renewals of the user's groups, in this minute and the next one.
    pub(crate) async fn use_up_renewals_in_groups(&self, user: &str) {
        let minute = now_ms() / 60_000;
        for minute in [minute, minute + 1] {
            self.set_at(&user_key(user), &format!("renewals#{minute}"), ("renewals", number(1000))).await;
        }
    }

    /// The number of counted renewals of the user's groups, from the minute `since` on (in minutes since 1970).
    pub(crate) async fn renewals_in_groups(&self, user: &str, since: u64) -> u64 {
        let mut sum = 0;
        for minute in since..=now_ms() / 60_000 {
            sum += self.item_at(user, &format!("renewals#{minute}")).await.get("renewals").map_or(0, read_number);
        }
        sum
    }

    /// Ends LiveChat's refusal of the user, as if time had passed.
    pub(crate) async fn end_refusal(&self, user: &str) {
        self.set_number(user, "refused.until", now_ms()).await;
    }
}
