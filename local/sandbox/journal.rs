//! The record of every token that the sandbox issued. Tests check a whole history of calls against it.

use std::time::Instant;

/// A token that was issued. Its points in time are those of the machine's clock, also if the sandbox's clock is wrong.
#[derive(Clone, Debug)]
pub struct Granted {
    /// When the request arrived.
    pub came: Instant,
    /// When it took effect.
    pub took_effect: Instant,
    /// The customer of the request's cookies, if they were valid.
    pub proved: Option<String>,
    /// The customer for whom the cookies were issued, even if they are no longer valid.
    pub claimed: Option<String>,
    /// The cookies were valid, but were not recognised because of [`Fault::OtherEntity`](super::Fault::OtherEntity).
    pub slipped: bool,
    /// The customer for whom the token was issued: that of the cookies, or else a new one.
    pub entity_id: String,
    /// The token.
    pub access_token: String,
    /// When the token expires.
    pub ends: Instant,
}
