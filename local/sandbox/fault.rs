//! The ways in which the sandbox can go wrong on request.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// One way in which a call of the token endpoint goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Status 500, without a word.
    #[serde(rename = "http_500")]
    Http500,
    /// Status 503, without a word.
    #[serde(rename = "http_503")]
    Http503,
    /// Status 429, without a word.
    #[serde(rename = "http_429")]
    Http429,
    /// A page instead of JSON, with 200.
    Html,
    /// Nothing, with 200.
    Empty,
    /// Half of the JSON; the token was issued.
    Truncated,
    /// JSON without `entity_id` and `expires_in`; the token was issued.
    MissingFields,
    /// A good answer without cookies.
    NoCookies,
    /// A good answer without `__lc_cst`.
    OneCookie,
    /// `expires_in` is 0.
    ExpiresZero,
    /// `expires_in` is negative.
    ExpiresNegative,
    /// `expires_in` is a thousand years.
    ExpiresAbsurd,
    /// The OAuth error `server_error`.
    OauthServerError,
    /// The OAuth error `invalid_request`, as for a redirect URI that is not whitelisted.
    OauthInvalidRequest,
    /// The OAuth error `temporarily_unavailable` with 200.
    #[serde(rename = "oauth_in_200")]
    OauthIn200,
    /// An identity error.
    IdentityException,
    /// The cookies are not recognised: a new customer.
    OtherEntity,
    /// The connection is cut before the call took effect.
    ResetBefore,
    /// The connection is cut after the call took effect.
    ResetAfter,
    /// No answer for a minute; the call takes no effect.
    Hang,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Http500,
        Self::Http503,
        Self::Http429,
        Self::Html,
        Self::Empty,
        Self::Truncated,
        Self::MissingFields,
        Self::NoCookies,
        Self::OneCookie,
        Self::ExpiresZero,
        Self::ExpiresNegative,
        Self::ExpiresAbsurd,
        Self::OauthServerError,
        Self::OauthInvalidRequest,
        Self::OauthIn200,
        Self::IdentityException,
        Self::OtherEntity,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::Hang,
    ];
}

/// A fault and how many more calls it will hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Planned {
    pub(super) fault: Fault,
    #[serde(default = "once")]
    pub(super) times: u32,
}

fn once() -> u32 {
    1
}

/// What is still to go wrong, in order.
#[derive(Debug, Default)]
pub(super) struct Pending(VecDeque<Planned>);

impl Pending {
    pub(super) fn add(&mut self, fault: Fault, times: u32) {
        if times > 0 {
            self.0.push_back(Planned { fault, times });
        }
    }

    /// The fault of the next call.
    pub(super) fn next(&mut self) -> Option<Fault> {
        let planned = self.0.front_mut()?;
        let fault = planned.fault;
        planned.times -= 1;
        if planned.times == 0 {
            self.0.pop_front();
        }
        Some(fault)
    }

    pub(super) fn list(&self) -> Vec<Planned> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_order_and_end() {
        let mut pending = Pending::default();
        pending.add(Fault::Html, 2);
        pending.add(Fault::Empty, 0);
        pending.add(Fault::Hang, 1);
        let all: Vec<_> = std::iter::from_fn(|| pending.next()).collect();
        assert_eq!(all, [Fault::Html, Fault::Html, Fault::Hang]);
    }

    #[test]
    fn names_are_those_of_the_admin_api() {
        let name = |fault: Fault| serde_json::to_value(fault).expect("a name");
        assert_eq!(name(Fault::Http503), "http_503");
        assert_eq!(name(Fault::OauthIn200), "oauth_in_200");
        assert_eq!(name(Fault::ResetBefore), "reset_before");
    }
}
