//! How the sandbox behaves without faults. Most settings choose between behaviours that LiveChat does not document.

use serde::{Deserialize, Serialize};

/// How the sandbox behaves without faults. `PATCH /sandbox/settings` changes it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Settings {
    /// The minimum duration of a call of the API, in ms. The call takes effect at the end of this time, even if its caller has
    /// closed the connection.
    pub latency_ms: u64,
    /// The most that is added to the latency at random, in ms.
    pub jitter_ms: u64,
    /// The lifetime of a customer's token, in s.
    pub expires_in: u64,
    /// What happens to `__lc_cst` at each call.
    pub cst: CstMode,
    /// The result for cookies that are not valid: the customer was forgotten or never existed, or the secret is invalid.
    pub forgotten: Forgotten,
    /// What the revocation of a customer's token does.
    pub revocation: Revocation,
    /// How far the sandbox's clock is ahead, in ms; negative if it is behind. The expiry of tokens, the header `Date` and the
    /// `Expires` of cookies are by this clock.
    pub clock_skew_ms: i64,
    /// The lifetime of an agent's access token, in s.
    pub agent_expires_in: u64,
    /// The scope of new access tokens of an agent.
    pub agent_scope: AgentScope,
    /// Whether a refresh token can be used more than once.
    pub refresh_rotation: RefreshRotation,
    /// The result of the agent-token grant for an `entity_id` that is not known.
    pub unknown_entity: UnknownEntity,
    /// Whether a customer's token can be turned into a code for another one.
    pub identity_transfer: IdentityTransfer,
}

impl Settings {
    const LONGEST_LATENCY_MS: u64 = 600_000;
    const LONGEST_LIFE_S: u64 = 63_072_000;
    const MOST_SKEW_MS: u64 = 31_536_000_000;

    /// # Errors
    /// What is invalid, in a sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        let most = |name, value: u64, most: u64| {
            if value > most { Err(format!("{name} is {value}; the maximum is {most}")) } else { Ok(()) }
        };
        most("latencyMs", self.latency_ms, Self::LONGEST_LATENCY_MS)?;
        most("jitterMs", self.jitter_ms, Self::LONGEST_LATENCY_MS)?;
        most("expiresIn", self.expires_in, Self::LONGEST_LIFE_S)?;
        most("agentExpiresIn", self.agent_expires_in, Self::LONGEST_LIFE_S)?;
        most("the amount of clockSkewMs", self.clock_skew_ms.unsigned_abs(), Self::MOST_SKEW_MS)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            jitter_ms: 0,
            expires_in: 28_800,
            cst: CstMode::default(),
            forgotten: Forgotten::default(),
            revocation: Revocation::default(),
            clock_skew_ms: 0,
            agent_expires_in: 28_800,
            agent_scope: AgentScope::default(),
            refresh_rotation: RefreshRotation::default(),
            unknown_entity: UnknownEntity::default(),
            identity_transfer: IdentityTransfer::default(),
        }
    }
}

/// What happens to a customer's secret, `__lc_cst`, at each call. LiveChat does not document it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CstMode {
    /// It stays the same.
    Constant,
    /// Each call returns a new secret, and all former secrets stay valid.
    #[default]
    Rotating,
    /// Each call returns a new secret, and the former secret is invalid at once.
    Strict,
}

/// The result for cookies of a customer that LiveChat has forgotten or never knew. LiveChat does not document it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgotten {
    /// A new customer, as without cookies.
    #[default]
    NewCustomer,
    /// The identity error `identity_lost`, and no token.
    IdentityLost,
}

/// What the revocation of a token does. LiveChat does not document whether the customer's other tokens stay valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// It revokes this token.
    #[default]
    Token,
    /// It revokes all tokens of the customer.
    Customer,
    /// It fails with status 500.
    #[serde(rename = "http_500")]
    Http500,
}

/// The scope of an agent's access token. The agent-token grant needs `customers:own`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentScope {
    /// `customers:own`.
    #[default]
    #[serde(rename = "customers:own")]
    CustomersOwn,
    /// `customers:ro`, which is not enough.
    #[serde(rename = "customers:ro")]
    CustomersRo,
}

/// What happens to a refresh token when it is used. LiveChat documents `constant` for server-side apps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefreshRotation {
    /// It stays the same.
    #[default]
    Constant,
    /// Each refresh returns a new refresh token, and the former one is invalid at once.
    Strict,
}

/// Whether the holder of a customer's token gets an identity transfer token. LiveChat documents that, but not for which apps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityTransfer {
    /// It does, as documented.
    #[default]
    Allowed,
    /// The OAuth error `access_denied`.
    Refused,
}

/// The result of the agent-token grant for an `entity_id` that is not known. LiveChat does not document it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownEntity {
    /// The OAuth error `resource_not_found`, with status 404.
    #[default]
    ResourceNotFound,
    /// The OAuth error `invalid_request`, with status 400.
    InvalidRequest,
    /// The identity error `identity_lost`, with status 200.
    IdentityLost,
}
