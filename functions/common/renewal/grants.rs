//! The two ways to get a token from LiveChat, and the order in which a renewal tries them.

use crate::identity::Identity;

/// How LiveChat is asked for a token.
///
/// Source: <https://platform.text.com/docs/authorization/customer-authorization>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// The customer's cookies prove who the customer is.
    Cookie,
    /// An agent's token gives access to all customers, and the request has the customer's id.
    AgentToken,
}

/// The grants that the site's settings allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grants {
    /// The cookie grant alone.
    Cookie,
    /// The cookie grant. A customer without working cookies is asked for with an agent token.
    CookieThenAgentToken,
    /// The agent-token grant. A customer that it does not find is asked for with the stored cookies, if there are any.
    AgentToken,
}

impl Grants {
    /// The grant that creates customers, and that is tried first for those who exist.
    pub(crate) fn first(self) -> GrantType {
        match self {
            Self::Cookie | Self::CookieThenAgentToken => GrantType::Cookie,
            Self::AgentToken => GrantType::AgentToken,
        }
    }

    /// The grants to try for a customer on record, in this order. Empty if there are no cookies, and no agent token may be used.
    pub(crate) fn for_customer(self, identity: &Identity) -> impl Iterator<Item = GrantType> + use<> {
        let all: &[GrantType] = match self {
            Self::Cookie => &[GrantType::Cookie],
            Self::CookieThenAgentToken => &[GrantType::Cookie, GrantType::AgentToken],
            Self::AgentToken => &[GrantType::AgentToken, GrantType::Cookie],
        };
        let has_cookies = identity.cookies.is_some();
        all.iter().copied().filter(move |grant| has_cookies || *grant == GrantType::AgentToken)
    }
}
