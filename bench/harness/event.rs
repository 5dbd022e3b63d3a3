//! The events of an HTTP API (payload format 2.0).

use clap::ValueEnum;
use serde_json::{Value, json};

/// The event of `getToken` that the tests use too.
const GET_TOKEN: &str = include_str!("../../tests/events/get-token.json");

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    GetToken,
    GetFreshToken,
    HasToken,
    Invalidate,
    /// `invalidate` that also revokes the user's tokens.
    Logout,
}

impl Operation {
    /// The name in the path.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetToken => "getToken",
            Self::GetFreshToken => "getFreshToken",
            Self::HasToken => "hasToken",
            Self::Invalidate | Self::Logout => "invalidate",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::GetToken | Self::HasToken => "GET",
            Self::GetFreshToken | Self::Invalidate | Self::Logout => "POST",
        }
    }

    /// The operation whose name a binary's path has, as in `GetToken/bootstrap` or `get-token`.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let letters = path.replace('-', "").to_lowercase();
        [Self::GetFreshToken, Self::GetToken, Self::HasToken, Self::Invalidate]
            .into_iter()
            .find(|operation| letters.contains(&operation.name().to_lowercase()))
    }

    /// Who makes the next of many calls: `user`, but a new user for a fresh token. A user who gets many fresh tokens has old ones, which a
    /// call must first revoke.
    pub(crate) fn caller(self, user: &str) -> String {
        if self == Self::GetFreshToken { new_user() } else { user.to_owned() }
    }

    /// The event of a call for this user.
    pub(crate) fn event(self, user: &str) -> String {
        self.event_with(user, &[])
    }

    /// The event of a call for this user with more headers.
    pub(crate) fn event_with(self, user: &str, headers: &[(String, String)]) -> String {
        let mut event: Value = serde_json::from_str(GET_TOKEN).expect("the event is JSON");
        let path = format!("/{}/{user}", self.name());
        let route = format!("{} /{}/{{user+}}", self.method(), self.name());
        event["rawPath"] = json!(path);
        event["routeKey"] = json!(route);
        event["requestContext"]["routeKey"] = json!(route);
        event["requestContext"]["http"]["path"] = json!(path);
        event["requestContext"]["http"]["method"] = json!(self.method());
        event["pathParameters"]["user"] = json!(user);
        for (name, value) in headers {
            event["headers"][name] = json!(value);
        }
        if self == Self::Logout {
            event["headers"]["content-type"] = json!("application/json");
            event["body"] = json!(r#"{"logout": true}"#);
        }
        event.to_string()
    }
}

/// A user id that was not used before.
pub(crate) fn new_user() -> String {
    format!("bench-{:012x}", fastrand::u64(..1 << 48))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_binary_names_its_operation() {
        assert_eq!(Operation::of_path(".aws-sam/build/GetToken/bootstrap"), Some(Operation::GetToken));
        assert_eq!(Operation::of_path("target/release/get-fresh-token"), Some(Operation::GetFreshToken));
        assert_eq!(Operation::of_path("bootstrap"), None);
    }

    #[test]
    fn an_event_names_user_and_route() {
        let event: Value = serde_json::from_str(&Operation::Logout.event("anna")).expect("JSON");
        assert_eq!(event["rawPath"], "/invalidate/anna");
        assert_eq!(event["requestContext"]["http"]["method"], "POST");
        assert_eq!(event["body"], r#"{"logout": true}"#);
    }
}
