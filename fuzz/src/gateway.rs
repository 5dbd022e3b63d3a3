//! Requests as the gateways pass them on, and the expected result of each.

use crate::path::{decoded, group_number, is_user_id, user_in};
use cip::operation::Name;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The kinds of gateway. They differ in the path that they pass on.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// HTTP API with payload format 2.0: the path is decoded.
    HttpApi,
    /// HTTP API with payload format 1.0: the path is decoded too.
    HttpApi1,
    /// REST API: the path is as it was sent.
    RestApi,
    /// Function URL: the path is as it was sent.
    FunctionUrl,
}

impl Gateway {
    fn decodes(self) -> bool {
        matches!(self, Self::HttpApi | Self::HttpApi1)
    }
}

/// A request of a page.
#[derive(Arbitrary, Debug)]
pub struct PageRequest<'a> {
    gateway: Gateway,
    /// The index of the operation in the path.
    operation: u8,
    /// Stage and base path.
    prefix: Vec<&'a str>,
    user: User<'a>,
    parameter: Parameter<'a>,
    query: Vec<(Key<'a>, Group<'a>)>,
    method: u8,
    rest: Rest<'a>,
}

/// The part of the path after the operation.
#[derive(Arbitrary, Debug)]
enum User<'a> {
    None,
    /// An id, percent-encoded where it must be, and at the other characters whose bit is set.
    Id(&'a str, u64),
    /// Any text, even if it is badly encoded.
    AsIs(&'a str),
    /// An id of about the maximum length.
    Long(char, u8),
}

impl User<'_> {
    /// The id, and the bits for its encoding.
    fn id(&self) -> Option<(Cow<'_, str>, u64)> {
        match self {
            Self::Id(id, bits) => Some((Cow::Borrowed(id), *bits)),
            Self::Long(char, more) => {
                let bytes = 248 + usize::from(more % 16);
                Some((Cow::Owned(char.to_string().repeat(bytes / char.len_utf8())), 0))
            }
            Self::None | Self::AsIs(_) => None,
        }
    }
}

/// The path parameter `{user}` of the route.
#[derive(Arbitrary, Debug)]
enum Parameter<'a> {
    Absent,
    Same,
    Encoded(u64),
    Another(&'a str),
    OfAnotherName(&'a str),
}

#[derive(Arbitrary, Debug)]
enum Key<'a> {
    Group,
    Other(&'a str),
}

impl Key<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Group => "group",
            Self::Other(other) => other,
        }
    }
}

#[derive(Arbitrary, Debug)]
enum Group<'a> {
    Number(u32),
    Small(u8),
    /// A number with other characters.
    Nearly(u8, u32),
    Text(&'a str),
}

impl Group<'_> {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Small(number) => (number % 16).to_string(),
            Self::Nearly(which, number) => NEARLY[usize::from(*which) % NEARLY.len()].replace('N', &number.to_string()),
            Self::Text(text) => (*text).to_owned(),
        }
    }
}

/// The rest of a request, which must not change the result.
#[derive(Arbitrary, Debug)]
struct Rest<'a> {
    stage: &'a str,
    domain: &'a str,
    host: Option<&'a str>,
    proto: Option<&'a str>,
    cookie: Option<&'a str>,
    body: Option<&'a str>,
    is_base64: bool,
}

/// The expected result of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// A call for this user and group.
    Call(String, Option<u32>),
    /// One of these codes.
    Refusal(Vec<&'static str>),
}

const NEARLY: [&str; 9] = ["+N", "-N", "0N", "N0", " N", "N ", "N.0", "N\0", ""];
const METHODS: [&str; 10] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "BREW"];

impl PageRequest<'_> {
    /// The event, as JSON.
    pub fn event(&self) -> Value {
        match self.gateway {
            Gateway::HttpApi | Gateway::FunctionUrl => self.payload_2(),
            Gateway::HttpApi1 | Gateway::RestApi => self.payload_1(),
        }
    }

    /// The expected result of the function of `operation`.
    pub fn expected(&self, operation: Name) -> Expected {
        let mut codes = Vec::new();
        let user = match user_in(&self.path(), operation, self.gateway.decodes()) {
            None => return Expected::Refusal(vec!["not_found"]),
            Some(Ok(user)) if is_user_id(&user) => Some(user),
            Some(_) => None,
        };
        if let (Some(user), Some((meant, _))) = (&user, self.user.id()) {
            let ambiguous = self.segments().any(|segment| segment == operation.as_str());
            assert!(
                *user == meant || ambiguous || self.operation() != operation,
                "the second parser reads {meant:?} as {user:?}"
            );
        }
        let same = match (self.parameter(), &user) {
            (None, _) => true,
            (Some(in_route), Some(user)) => {
                in_route == *user || decoded(&in_route).is_ok_and(|in_route| in_route == *user)
            }
            (Some(_), None) => false,
        };
        let groups: Vec<_> = self.groups().collect();
        let group = match groups.as_slice() {
            [] => Ok(None),
            [one] => group_number(one).map(Some).ok_or(()),
            _ => Err(()),
        };
        if user.is_none() || !same || group.is_err() {
            codes.push("invalid_request");
        }
        if !matches!(self.method(), "GET" | "POST") {
            codes.push("method_not_allowed");
        }
        match (user, group) {
            (Some(user), Ok(group)) if codes.is_empty() => Expected::Call(user, group),
            _ => Expected::Refusal(codes),
        }
    }

    /// The operation in its path.
    pub fn operation(&self) -> Name {
        Name::ALL[usize::from(self.operation) % Name::ALL.len()]
    }

    fn method(&self) -> &'static str {
        METHODS[usize::from(self.method) % METHODS.len()]
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        self.prefix.iter().take(3).flat_map(|prefix| prefix.split('/'))
    }

    fn path(&self) -> String {
        let mut path: String =
            self.segments().chain([self.operation().as_str()]).flat_map(|segment| ["/", segment]).collect();
        match (&self.user, self.user.id()) {
            (User::AsIs(text), _) => path.extend(["/", text]),
            (_, Some((id, _))) if self.gateway.decodes() => path.extend(["/", &id]),
            (_, Some((id, bits))) => path.extend(["/", &encoded(&id, bits)]),
            (_, None) => {}
        }
        path
    }

    fn parameter(&self) -> Option<String> {
        let user = match (&self.user, self.user.id()) {
            (User::AsIs(text), _) => Cow::Borrowed(*text),
            (_, id) => id?.0,
        };
        match self.parameter {
            Parameter::Absent | Parameter::OfAnotherName(_) => None,
            Parameter::Same => Some(user.into_owned()),
            Parameter::Encoded(bits) => Some(encoded(&user, bits)),
            Parameter::Another(other) => Some(other.to_owned()),
        }
    }

    fn groups(&self) -> impl Iterator<Item = String> {
        self.pairs().filter_map(|(key, value)| (key == "group").then_some(value))
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, String)> {
        self.query.iter().take(4).map(|(key, value)| (key.text(), value.text()))
    }

    fn path_parameters(&self) -> Value {
        match (self.parameter(), &self.parameter) {
            (Some(user), _) => json!({"user": user}),
            (None, Parameter::OfAnotherName(proxy)) => json!({"proxy": proxy}),
            (None, _) => Value::Null,
        }
    }

    fn headers(&self) -> Value {
        let all = [("host", self.rest.host), ("x-forwarded-proto", self.rest.proto), ("cookie", self.rest.cookie)];
        let present = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        present
            .filter(|(_, value)| !value.chars().any(char::is_control))
            .map(|(name, value)| (name, json!(value)))
            .collect()
    }

    fn payload_2(&self) -> Value {
        let query: Vec<_> =
            self.pairs().map(|(key, value)| format!("{}={}", encoded(key, 0), encoded(&value, 0))).collect();
        let domain = match self.gateway {
            Gateway::FunctionUrl => "abc.lambda-url.eu-central-1.on.aws".to_owned(),
            _ => self.rest.domain.replace(".lambda-url.", ""),
        };
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": self.path(), "rawQueryString": query.join("&"),
            "headers": self.headers(), "pathParameters": self.path_parameters(), "body": self.rest.body,
            "requestContext": {
                "domainName": domain, "stage": self.rest.stage,
                "http": {"method": self.method(), "path": "/", "sourceIp": "192.0.2.1", "userAgent": "t"}
            },
            "isBase64Encoded": self.rest.is_base64
        })
    }

    fn payload_1(&self) -> Value {
        let (mut one, mut all) = (Map::new(), Map::new());
        for (key, value) in self.pairs() {
            if let Some(values) = all.entry(key).or_insert_with(|| json!([])).as_array_mut() {
                values.push(json!(value));
            }
            one.insert(key.to_owned(), json!(value));
        }
        let mut event = json!({
            "resource": "/getToken/{user+}", "path": self.path(), "httpMethod": self.method(),
            "headers": self.headers(), "multiValueHeaders": null,
            "queryStringParameters": one, "multiValueQueryStringParameters": all,
            "pathParameters": self.path_parameters(), "stageVariables": null,
            "requestContext": {
                "stage": self.rest.stage, "domainName": self.rest.domain, "httpMethod": self.method(),
                "path": "/", "identity": {}
            },
            "body": self.rest.body, "isBase64Encoded": self.rest.is_base64
        });
        if self.gateway == Gateway::HttpApi1 {
            event["version"] = json!("1.0");
        }
        event
    }
}

/// The percent-encoded text. Plain characters are encoded if their bit is set.
fn encoded(text: &str, bits: u64) -> String {
    let mut encoded = String::new();
    for (n, char) in text.chars().enumerate() {
        let plain = char.is_ascii_alphanumeric() || "-._~/@!$'()*,:".contains(char);
        if plain && bits >> (n % 64) & 1 == 0 {
            encoded.push(char);
        } else {
            let mut buffer = [0; 4];
            encoded.extend(char.encode_utf8(&mut buffer).bytes().map(|byte| format!("%{byte:02X}")));
        }
    }
    encoded
}
