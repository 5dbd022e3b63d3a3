//! The claims of a verified token or of a gateway's authorizer: how a setting names a claim, and which values are a user id.

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// The members of a JSON object: the claims of a token (RFC 7519, section 4), or its header (RFC 7515, section 4). A name that is there
/// twice, also in a nested object, makes it invalid: to choose one of the two would be a guess.
#[derive(Debug)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Unique::deserialize(deserializer)?.0 {
            Value::Object(members) => Ok(Self(members)),
            _ => Err(Error::custom("it is not an object")),
        }
    }
}

/// A value whose objects have unique names.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unique(value)) = entries.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Unique(value))) = entries.next_entry::<String, Unique>()? {
            if members.insert(name, value).is_some() {
                return Err(Error::custom("a name that is there twice"));
            }
        }
        Ok(members.into())
    }
}

/// How a setting names a claim: by its name (`sub`, `https://shop.example/uid`), by a path with dots (`data.user.id`), or by a JSON
/// Pointer (RFC 6901, `/data/user/id`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimName {
    name: String,
    /// For a path: its first step, and the rest as a JSON Pointer.
    path: Option<(String, String)>,
}

/// A claim of this name and another one at this path have different values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

impl ClaimName {
    pub(crate) fn new(name: &str) -> Self {
        let pointer = match name.strip_prefix('/') {
            Some(pointer) => Some(pointer.to_owned()),
            // `https://shop.example/uid` is a name.
            None if name.contains('.') && !name.contains("://") => {
                Some(name.replace('~', "~0").replace('/', "~1").replace('.', "/"))
            }
            None => None,
        };
        let path = pointer.map(|pointer| {
            let (first, rest) = pointer.split_at(pointer.find('/').unwrap_or(pointer.len()));
            (first.replace("~1", "/").replace("~0", "~"), rest.to_owned())
        });
        Self { name: name.to_owned(), path }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether this is the claim of that name, or inside of it.
    pub(super) fn is_within(&self, name: &str) -> bool {
        self.name == name || self.path.as_ref().is_some_and(|(first, _)| first == name)
    }

    /// The value of this claim, if all claims are strings and none is nested.
    pub(super) fn find_flat<'a>(&self, get: impl Fn(&str) -> Option<&'a String>) -> Option<&'a String> {
        let step = self.path.as_ref().filter(|(_, rest)| rest.is_empty());
        get(&self.name).or_else(|| get(&step?.0))
    }

    /// The claim's value. `get` returns the claim of a name.
    ///
    /// # Errors
    /// [`Ambiguous`] if there are two different values.
    pub(super) fn find<'a>(&self, get: impl Fn(&str) -> Option<&'a Value>) -> Result<Option<&'a Value>, Ambiguous> {
        let named = get(&self.name);
        let nested = self.path.as_ref().and_then(|(first, rest)| get(first)?.pointer(rest));
        match (named, nested) {
            (Some(named), Some(nested)) if named != nested => Err(Ambiguous),
            (named, nested) => Ok(named.or(nested)),
        }
    }

    /// The user id that the claim holds: a string, or the decimal form of an integer.
    ///
    /// # Errors
    /// What is wrong, for the log.
    pub(super) fn user_id<'a>(&self, get: impl Fn(&str) -> Option<&'a Value>) -> Result<Cow<'a, str>, &'static str> {
        match self
            .find(get)
            .map_err(|Ambiguous| "the user claim is there by its name and at its path, with two values")?
        {
            None | Some(Value::Null) => Err("the user claim is missing"),
            Some(Value::String(id)) if id.is_empty() => Err("the user claim is empty"),
            Some(Value::String(id)) => Ok(id.into()),
            Some(Value::Number(number)) => {
                let integer = number.as_i64().filter(|integer| integer.unsigned_abs() <= LARGEST_SAFE_INTEGER);
                integer
                    .map(|integer| integer.to_string().into())
                    .ok_or("the user claim is a number that is not a safe integer")
            }
            Some(_) => Err("the user claim is neither a string nor an integer"),
        }
    }
}

/// Above this, programs that keep numbers as floating point cannot tell two integers apart (RFC 8259, section 6).
const LARGEST_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Whether a claim has this value: a string, the decimal form of an integer, or `true` or `false`; or an array that contains it.
pub(super) fn has_value(claim: &Value, wanted: &str) -> bool {
    match claim {
        Value::Array(values) => values.iter().any(|value| !value.is_array() && has_value(value, wanted)),
        Value::String(text) => text == wanted,
        Value::Bool(flag) => flag.to_string() == wanted,
        Value::Number(number) => !number.is_f64() && number.to_string() == wanted,
        Value::Null | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user_id(name: &str, claims: Value) -> Result<String, &'static str> {
        let claims: Members = serde_json::from_value(claims).expect("an object");
        ClaimName::new(name).user_id(|name| claims.get(name)).map(Cow::into_owned)
    }

    #[test]
    fn a_claim_is_found_by_its_name_its_path_or_a_json_pointer() {
        for (name, claims) in [
            ("sub", json!({"sub": "alice"})),
            ("https://shop.example/uid", json!({"https://shop.example/uid": "alice"})),
            ("data.user.id", json!({"data": {"user": {"id": "alice"}}})),
            ("data.user.id", json!({"data.user.id": "alice"})),
            ("data.user.id", json!({"data.user.id": "alice", "data": {"user": {"id": "alice"}}})),
            ("emails.0", json!({"emails": ["alice", "bob"]})),
            ("/data/user/id", json!({"data": {"user": {"id": "alice"}}})),
            (
                "/https:~1~1shop.example~1claims/x-user.id",
                json!({"https://shop.example/claims": {"x-user.id": "alice"}}),
            ),
            ("/a~0b", json!({"a~b": "alice"})),
            ("/a~01", json!({"a~1": "alice"})),
        ] {
            assert_eq!(user_id(name, claims.clone()).as_deref(), Ok("alice"), "{name}: {claims}");
        }
    }

    #[test]
    fn a_claim_with_a_similar_name_or_path_is_not_found() {
        for (name, claims) in [
            ("sub", json!({"Sub": "alice", "data": {"sub": "alice"}})),
            ("data.user.id", json!({"data": {"user": "id"}})),
            ("data.user.id", json!({"data": {"user.id": "alice"}})),
            ("data..id", json!({"data": {"id": "alice"}})),
            ("/", json!({"sub": "alice"})),
            ("/sub/", json!({"sub": "alice"})),
            (".", json!({"sub": "alice"})),
            ("https://shop.example/uid", json!({"https://shop": {"example/uid": "alice"}})),
        ] {
            assert!(user_id(name, claims.clone()).is_err(), "{name}: {claims}");
        }
        let two = json!({"data.id": "alice", "data": {"id": "bob"}});
        assert!(user_id("data.id", two).expect_err("two values").contains("two values"));
    }

    #[test]
    fn only_strings_and_safe_integers_are_user_ids() {
        for (value, id) in [("4711", "4711"), ("0", "0"), ("-5", "-5"), ("9007199254740991", "9007199254740991")] {
            let claims = format!("{{\"sub\":{value}}}");
            assert_eq!(user_id("sub", serde_json::from_str(&claims).expect("JSON")).as_deref(), Ok(id));
        }
        for value in [
            "4711.0",
            "4711.5",
            "4.711e3",
            "1E3",
            "-0",
            "9007199254740992",
            "-9007199254740992",
            "18446744073709551616",
            "1e400",
            "true",
            "false",
            "null",
            "\"\"",
            "[\"alice\"]",
            "[]",
            "{\"id\":\"alice\"}",
            "{}",
        ] {
            let claims = format!("{{\"sub\":{value}}}");
            let Ok(claims) = serde_json::from_str::<Value>(&claims) else { continue };
            assert!(user_id("sub", claims).is_err(), "{value}");
        }
    }

    #[test]
    fn a_required_value_must_equal_the_whole_claim() {
        for (claim, wanted) in [
            (json!("access"), "access"),
            (json!(["id", "access"]), "access"),
            (json!(7), "7"),
            (json!(true), "true"),
            (json!(["a", 7]), "7"),
        ] {
            assert!(has_value(&claim, wanted), "{claim}");
        }
        for (claim, wanted) in [
            (json!("Access"), "access"),
            (json!("access "), "access"),
            (json!("id access"), "access"),
            (json!([["access"]]), "access"),
            (json!({"access": true}), "access"),
            (json!(null), "null"),
            (json!(7.0), "7.0"),
            (json!([]), ""),
        ] {
            assert!(!has_value(&claim, wanted), "{claim}");
        }
    }

    #[test]
    fn claims_that_are_there_twice_are_invalid() {
        for text in [
            "{\"exp\":1,\"exp\":2}",
            "{\"x\":1,\"x\":1}",
            "{\"data\":{\"id\":1,\"\\u0069d\":2}}",
            "{\"data\":[{\"id\":1,\"id\":1}]}",
            "[]",
            "null",
            "\"{}\"",
        ] {
            assert!(serde_json::from_str::<Members>(text).is_err(), "{text}");
        }
        let text = "{\"a\":[1,-1,1.5,true,null,\"b\",{\"c\":{}}],\"b\":{\"a\":[]}}";
        let members: Members = serde_json::from_str(text).expect("an object");
        assert_eq!(Value::from(members.0), serde_json::from_str::<Value>(text).expect("JSON"));
    }
}
