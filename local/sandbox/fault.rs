//! The ways in which a call of the sandbox can fail, and the endpoints that can.
//!
//! Latency, jitter and a wrong clock, which affect all calls, are [`Settings`](super::Settings). To forget a customer, use the
//! admin API. `pending.rs` chooses the calls that fail.

use serde::{Deserialize, Serialize};

/// An endpoint whose calls can fail on request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Endpoint {
    /// The token endpoints of customers, with either grant.
    #[default]
    Token,
    /// `POST /v2/token`, for agents.
    Oauth,
    /// `update_customer`.
    UpdateCustomer,
}

impl Endpoint {
    pub(super) const ALL: [Self; 3] = [Self::Token, Self::Oauth, Self::UpdateCustomer];
}

/// One way in which a call fails. Unless a fault says that the token was issued, the call has no effect. For a token of an agent,
/// `entity_id` and cookies do not exist; for an update of a customer, "issued" means that the update was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Status 500 with an empty body.
    #[serde(rename = "http_500")]
    Http500,
    /// Status 503 with an empty body.
    #[serde(rename = "http_503")]
    Http503,
    /// Status 429 with an empty body.
    #[serde(rename = "http_429")]
    Http429,
    /// An HTML page in place of JSON, with 200.
    Html,
    /// An empty body, with 200.
    Empty,
    /// The first half of the JSON; the token was issued.
    Truncated,
    /// A valid response, padded to more than 64 KiB; the token was issued.
    Huge,
    /// The headers and the first bytes at once, the rest within ten seconds; the token was issued.
    SlowBody,
    /// JSON without `entity_id` and `expires_in` (for an agent, without `access_token` and `expires_in`); the token was issued.
    MissingFields,
    /// A valid response without cookies; the token was issued.
    NoCookies,
    /// A valid response without `__lc_cst`; the token was issued.
    OneCookie,
    /// A valid response with other cookies before, between and after the two; the token was issued.
    ExtraCookies,
    /// A valid response whose cookies have `Expires`, but no `Max-Age`; the token was issued.
    ExpiresOnly,
    /// `expires_in` is 0; the token was issued.
    ExpiresZero,
    /// `expires_in` is negative; the token was issued.
    ExpiresNegative,
    /// `expires_in` is a thousand years; the token was issued.
    ExpiresAbsurd,
    /// The OAuth error `server_error`.
    OauthServerError,
    /// The OAuth error `invalid_request`, as for a redirect URI that is not whitelisted.
    OauthInvalidRequest,
    /// The OAuth error `resource_not_found` with 404, as for a group that does not exist.
    OauthResourceNotFound,
    /// The OAuth error `temporarily_unavailable` with 200.
    #[serde(rename = "oauth_in_200")]
    OauthIn200,
    /// An identity error.
    IdentityException,
    /// The cookies are not recognised. The result is that for a forgotten customer, which the setting `forgotten` decides: by
    /// default, a new customer, for whom the token was issued. With the agent-token grant, always a new customer in the place of
    /// the one in `entity_id`.
    OtherEntity,
    /// The connection is cut before the call takes effect.
    ResetBefore,
    /// The connection is cut after the call took effect: the token was issued.
    ResetAfter,
    /// No response for a minute; the call has no effect.
    Hang,
    /// No response for a minute; the token was issued.
    HangAfter,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::Http500,
        Self::Http503,
        Self::Http429,
        Self::Html,
        Self::Empty,
        Self::Truncated,
        Self::Huge,
        Self::SlowBody,
        Self::MissingFields,
        Self::NoCookies,
        Self::OneCookie,
        Self::ExtraCookies,
        Self::ExpiresOnly,
        Self::ExpiresZero,
        Self::ExpiresNegative,
        Self::ExpiresAbsurd,
        Self::OauthServerError,
        Self::OauthInvalidRequest,
        Self::OauthResourceNotFound,
        Self::OauthIn200,
        Self::IdentityException,
        Self::OtherEntity,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::Hang,
        Self::HangAfter,
    ];

    /// Whether calls of this endpoint can fail in this way.
    pub(super) fn applies_to(self, endpoint: Endpoint) -> bool {
        match endpoint {
            Endpoint::Token => true,
            Endpoint::Oauth => !matches!(
                self,
                Self::NoCookies
                    | Self::OneCookie
                    | Self::ExtraCookies
                    | Self::ExpiresOnly
                    | Self::OtherEntity
                    | Self::OauthResourceNotFound
            ),
            Endpoint::UpdateCustomer => matches!(
                self,
                Self::Http500
                    | Self::Http503
                    | Self::Http429
                    | Self::Html
                    | Self::ResetBefore
                    | Self::ResetAfter
                    | Self::Hang
                    | Self::HangAfter
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_the_names_of_the_admin_api() {
        let name = |fault: Fault| serde_json::to_value(fault).expect("a name");
        assert_eq!(name(Fault::Http503), "http_503");
        assert_eq!(name(Fault::OauthIn200), "oauth_in_200");
        assert_eq!(name(Fault::ResetBefore), "reset_before");
    }
}
