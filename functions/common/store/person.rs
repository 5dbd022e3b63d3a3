//! One person's items: shown without secrets, and deleted.

use super::{
    Store, failed, item,
    operator::{Attributes, key_in},
    response,
};
use crate::{context::Context, renewal::StoreError};
use aws_sdk_dynamodb::{operation::delete_item::DeleteItemError, types::AttributeValue};
use serde_json::{Map, Value};

/// What stands in place of a secret.
const REDACTED: &str = "[redacted]";

/// The attributes whose strings are not secret.
const SHOWN: &[&str] = &[
    item::PK,
    item::SK,
    item::ENTITY_ID,
    item::LEASE_OWNER,
    item::KIND,
    item::EXCEPTION,
    item::DESCRIPTION,
    item::SETTINGS,
];

/// An item as JSON. Every string is replaced unless it is known not to be a secret: cookies, tokens, and what another version stores.
pub fn redacted(attributes: &Attributes) -> Value {
    attributes.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect::<Map<_, _>>().into()
}

fn shown(name: &str, value: &AttributeValue) -> Value {
    match value {
        AttributeValue::N(digits) => serde_json::from_str(digits).unwrap_or(Value::Null),
        AttributeValue::Bool(value) => (*value).into(),
        AttributeValue::S(text) if SHOWN.contains(&name) => text.as_str().into(),
        AttributeValue::M(members) => redacted(members),
        AttributeValue::L(list) => list.iter().map(|value| shown(name, value)).collect(),
        _ => REDACTED.into(),
    }
}

impl Store {
    /// Deletes an item, unless it was written since these `attributes` were read. Returns whether it did. One `DeleteItem`.
    pub async fn delete_unchanged(&self, attributes: &Attributes, context: &Context) -> Result<bool, StoreError> {
        let request = self.client.delete_item().table_name(&self.table).set_key(Some(key_in(attributes)));
        let request = match attributes.get(item::VERSION) {
            Some(version) => request
                .condition_expression("#version = :version")
                .expression_attribute_values(":version", version.clone()),
            None => request.condition_expression("attribute_not_exists(#version)"),
        };
        match response(request.expression_attribute_names("#version", item::VERSION).send(), context).await? {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(failed(&error)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::{Cookies, FormerIdentity, LeaseSeq, Lifetime, MaybeSealed, Token, UnixMs},
        renewal::record::OutstandingToken,
    };

    #[test]
    fn an_item_is_shown_without_its_secrets() {
        let cookies = || MaybeSealed::from(Cookies { cid: "secret-cid".into(), cst: "secret-cst".into() });
        let lifetime = Lifetime { created: UnixMs::new(7), expires_in_ms: 9 };
        let token = Token { access_token: "secret-token".into(), lifetime, seq: LeaseSeq::new(3) };
        let former = FormerIdentity { entity_id: "before".into(), cookies: Some(cookies()), until: UnixMs::new(5) };
        let outstanding = AttributeValue::M([("3".into(), item::of_outstanding(&OutstandingToken::of(&token)))].into());
        let text = |text: &str| AttributeValue::S(text.into());
        let attributes = [
            (item::PK, text("user#alice")),
            (item::ENTITY_ID, text("entity")),
            (item::COOKIES, item::of_cookies(&cookies())),
            (item::FORMER, item::of_former(&[former])),
            (item::TOKEN, item::of_token(&token)),
            (item::OUTSTANDING, outstanding),
            ("later", text("secret of a later version")),
        ];
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let shown = redacted(&attributes);
        assert_eq!(shown["pk"], "user#alice");
        assert_eq!(shown["formerIdentities"][0]["entityId"], "before");
        assert_eq!(shown["formerIdentities"][0]["until"], 5);
        assert_eq!(shown["token"]["accessToken"], REDACTED);
        assert_eq!(shown["later"], REDACTED);
        assert!(!shown.to_string().contains("secret"), "{shown}");
    }
}
