//! Which claims agents may see as the customer's name, e-mail and session fields, and which values are fit for that. A value that is
//! not is left out: no user is refused because of it.

use super::claims::ClaimName;
use crate::identity::CustomerDetails;
use icu_properties::{
    CodePointSetData,
    props::{DefaultIgnorableCodePoint, VariationSelector},
};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// `CUSTOMER_DETAILS`: each detail with its claim. Empty if agents may see none.
#[derive(Clone, Debug, Default)]
pub(crate) struct DetailRules(Vec<(Detail, ClaimName)>);

/// What agents see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The name.
    Name,
    /// The e-mail address.
    Email,
    /// The session field with this key.
    Field(String),
}

/// The longest e-mail address that can be used for SMTP, in bytes (RFC 5321, section 4.5.3.1.3).
const LONGEST_EMAIL: usize = 254;
/// The longest name or value of a field, in characters. LiveChat documents no limit.
const LONGEST_TEXT: usize = 256;

impl DetailRules {
    pub(crate) fn new(rules: Vec<(Detail, ClaimName)>) -> Self {
        Self(rules)
    }

    /// What the claims say. `get` returns the claim of a name. `None` if there is nothing that agents may see.
    pub(super) fn read<'a>(&self, get: impl Fn(&str) -> Option<&'a Value>) -> Option<CustomerDetails> {
        let mut details = CustomerDetails { name: None, email: None, fields: Vec::new() };
        for (detail, claim) in &self.0 {
            // Whatever it is used for: agents would take it for the user's.
            if claim.is_within("email") && !is_true(get("email_verified")) {
                continue;
            }
            // With two values for one claim, neither is trusted.
            let Ok(Some(value)) = claim.find(&get) else { continue };
            match detail {
                Detail::Name => details.name = value.as_str().and_then(text),
                Detail::Email => details.email = value.as_str().and_then(text).filter(|email| is_email(email)),
                Detail::Field(key) => details.fields.extend(scalar(value).map(|value| (key.clone(), value))),
            }
        }
        let is_empty = details.name.is_none() && details.email.is_none() && details.fields.is_empty();
        (!is_empty).then_some(details)
    }

    /// The same for claims that are all strings.
    pub(super) fn read_flat(&self, claims: &HashMap<String, String>) -> Option<CustomerDetails> {
        if self.0.is_empty() {
            return None;
        }
        let claims: Map<_, _> = claims.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        self.read(|name| claims.get(name))
    }
}

/// Whether `email_verified` is true. Amazon Cognito and API Gateway write it as a string.
fn is_true(claim: Option<&Value>) -> bool {
    matches!(claim, Some(Value::Bool(true))) || claim.and_then(Value::as_str) == Some("true")
}

fn is_email(text: &str) -> bool {
    let has_both_parts = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    has_both_parts && text.len() <= LONGEST_EMAIL && !text.contains(char::is_whitespace)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(string) => text(string),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The text without spaces around it, if agents can read it as it is written.
fn text(text: &str) -> Option<String> {
    let text = text.trim();
    let is_fit = text.chars().count() <= LONGEST_TEXT && text.chars().any(is_visible);
    (is_fit && !text.chars().any(is_refused)).then(|| text.to_owned())
}

fn is_visible(char: char) -> bool {
    const BRAILLE_BLANK: char = '\u{2800}';
    !(char.is_whitespace() || is_invisible(char) || char == BRAILLE_BLANK)
}

/// Whether a text with this character can look like another one, or like two lines. The invisible ones include all that change the
/// direction of text (Unicode Standard Annex 9, section 2). Some scripts and emoji need joiners and variation selectors.
fn is_refused(char: char) -> bool {
    const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];
    const SEPARATORS: [char; 2] = ['\u{2028}', '\u{2029}'];
    let is_needed = || JOINERS.contains(&char) || CodePointSetData::new::<VariationSelector>().contains(char);
    char.is_control() || SEPARATORS.contains(&char) || (is_invisible(char) && !is_needed())
}

/// `Default_Ignorable_Code_Point` of the Unicode Character Database (Unicode Standard Annex 44).
fn is_invisible(char: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(claims: &Value) -> Option<CustomerDetails> {
        let field = Detail::Field("plan".into());
        let rules = [(Detail::Name, "name"), (Detail::Email, "email"), (field, "subscription.plan")];
        let rules = DetailRules::new(rules.map(|(detail, claim)| (detail, ClaimName::new(claim))).into());
        rules.read(|name| claims.get(name))
    }

    fn name(value: &Value) -> Option<String> {
        read(&json!({ "name": value })).and_then(|details| details.name)
    }

    fn email(claim: &str, claims: &Value) -> Option<String> {
        let rules = DetailRules::new(vec![(Detail::Email, ClaimName::new(claim))]);
        rules.read(|name| claims.get(name)).and_then(|details| details.email)
    }

    #[test]
    fn the_chosen_claims_are_read_and_no_others() {
        let claims = json!({
            "sub": "4711", "name": " Alice ", "email": "alice@shop.example", "email_verified": true, "phone": "1",
            "subscription": {"plan": "pro", "since": 2020}
        });
        let details = read(&claims).expect("details");
        assert_eq!((details.name.as_deref(), details.email.as_deref()), (Some("Alice"), Some("alice@shop.example")));
        assert_eq!(details.fields, [("plan".to_owned(), "pro".to_owned())]);
        assert_eq!(read(&json!({"sub": "4711", "plan": "pro"})), None);
        assert_eq!(DetailRules::default().read(|name| claims.get(name)), None);
    }

    #[test]
    fn an_email_that_the_signer_has_not_verified_is_left_out() {
        const EMAIL: &str = "alice@shop.example";
        for verified in [json!(true), json!("true")] {
            let claims = json!({"email": EMAIL, "email_verified": verified});
            assert_eq!(email("email", &claims).as_deref(), Some(EMAIL));
            assert_eq!(email("/email", &claims).as_deref(), Some(EMAIL));
        }
        for verified in [json!(false), json!("false"), json!("TRUE"), json!(1), json!("1"), json!([true]), json!(null)]
        {
            let claims = json!({"email": EMAIL, "email_verified": verified});
            assert_eq!((email("email", &claims), email("/email", &claims)), (None, None), "{verified}");
        }
        assert_eq!(email("email", &json!({ "email": EMAIL })), None);
        assert_eq!(email("contact.mail", &json!({"contact": {"mail": EMAIL}})).as_deref(), Some(EMAIL));
    }

    #[test]
    fn an_unverified_email_is_not_a_name_or_a_field_either() {
        for claim in ["email", "/email"] {
            let rules = [(Detail::Name, claim), (Detail::Field("mail".into()), claim)];
            let rules = DetailRules::new(rules.map(|(detail, claim)| (detail, ClaimName::new(claim))).into());
            let read = |verified: bool| {
                let claims = json!({"email": "alice@shop.example", "email_verified": verified});
                rules.read(|name| claims.get(name))
            };
            assert_eq!(read(false), None, "{claim}");
            assert_eq!(read(true).map(|details| (details.name.is_some(), details.fields.len())), Some((true, 1)));
        }
        let of_manager = json!({"email": {"manager": "bob@shop.example"}, "email_verified": false});
        let rules = DetailRules::new(vec![(Detail::Field("m".into()), ClaimName::new("email.manager"))]);
        assert_eq!(rules.read(|name| of_manager.get(name)), None);
    }

    #[test]
    fn text_must_be_visible_and_in_its_own_order() {
        for invisible in
            ["\u{200b}", "\u{200d}", "\u{2060}", "\u{feff}", "\u{ad}", "\u{fe0f}", "\u{3164}", "\u{2800}", "\u{e0041}"]
        {
            assert_eq!(name(&json!(invisible)), None, "{invisible:?}");
            assert_eq!(name(&json!(format!(" {invisible} \u{2009}{invisible}"))), None, "{invisible:?}");
        }
        for char in [
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(name(&json!(format!("Alice{char}Liddell"))), None, "{char:?}");
        }
        // Persian and Hindi spelling and emoji need joiners and variation selectors.
        for shown in ["علی\u{200c}رضا", "क्\u{200d}ष", "👩\u{200d}🚀", "❤\u{fe0f}", "葛\u{e0100}", "O’Neil", "مريم", "…"]
        {
            assert_eq!(name(&json!(shown)).as_deref(), Some(shown));
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_left_out() {
        assert_eq!(name(&json!("é".repeat(256))), Some("é".repeat(256)));
        for value in [
            json!(""),
            json!("  "),
            json!("a\nb"),
            json!("a\u{7f}"),
            json!("a\u{85}b"),
            json!("\u{202e}ecila"),
            json!("é".repeat(257)),
            json!(7),
            json!(null),
            json!(["Alice"]),
            json!({"first": "Alice"}),
        ] {
            assert_eq!(name(&value), None, "{value}");
        }
        for value in ["alice", "@shop.example", "alice@", "a b@shop.example", &format!("a@{}", "x".repeat(253))] {
            assert_eq!(email("mail", &json!({ "mail": value })), None, "{value}");
        }
        let field =
            |value: Value| read(&json!({"subscription": {"plan": value}})).map(|details| details.fields[0].1.clone());
        assert_eq!((field(json!(7)), field(json!(true))), (Some("7".into()), Some("true".into())));
        assert_eq!((field(json!(["a"])), field(json!({})), field(json!("\0"))), (None, None, None));
        let two_values = json!({"name": "Alice", "subscription.plan": "a", "subscription": {"plan": "b"}});
        assert_eq!(read(&two_values), read(&json!({"name": "Alice"})));
    }

    #[test]
    fn claims_that_are_strings_are_read_in_the_same_way() {
        let claims = |verified: &str| {
            let pairs = [("email", "alice@shop.example"), ("email_verified", verified), ("name", "Alice")];
            HashMap::from(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
        };
        let rules = [(Detail::Name, "/name"), (Detail::Email, "email")];
        let rules = DetailRules::new(rules.map(|(detail, claim)| (detail, ClaimName::new(claim))).into());
        let verified = rules.read_flat(&claims("true")).expect("details");
        assert_eq!((verified.name.as_deref(), verified.email.as_deref()), (Some("Alice"), Some("alice@shop.example")));
        assert_eq!(rules.read_flat(&claims("false")).expect("details").email, None);
        assert_eq!(DetailRules::default().read_flat(&claims("true")), None);
    }
}
