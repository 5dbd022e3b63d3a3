//! The record of every token that the sandbox issued. Tests check a whole history of calls against it.

use serde::{Deserialize, Serialize};
use std::time::Instant;

/// How a customer's token was requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// With the customer's cookies, or none.
    #[default]
    Cookie,
    /// With an agent's token.
    AgentToken,
    /// With an identity transfer token.
    IdentityToken,
}

/// A token that was issued. Its points in time are those of the machine's clock, also if the sandbox's clock is wrong.
#[derive(Clone, Debug)]
pub struct Granted {
    /// When the request arrived.
    pub came: Instant,
    /// When it took effect.
    pub took_effect: Instant,
    /// How the token was requested.
    pub grant: Grant,
    /// The `entity_id` that was asked for, with the agent-token grant.
    pub asked_for: Option<String>,
    /// The customer of the request's cookies, if they were valid; or the customer that was asked for.
    pub proved: Option<String>,
    /// The customer for whom the cookies were issued, even if they are no longer valid; or the customer that was asked for.
    pub claimed: Option<String>,
    /// The cookies were valid, or the customer that was asked for exists, but [`Fault::OtherEntity`](super::Fault::OtherEntity)
    /// prevented it from being recognised.
    pub slipped: bool,
    /// The customer for whom the token was issued: that of the cookies, or the one that was asked for, or else a new one.
    pub entity_id: String,
    /// The token.
    pub access_token: String,
    /// When the token expires.
    pub ends: Instant,
}
