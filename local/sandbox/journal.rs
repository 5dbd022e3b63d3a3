//! What the sandbox remembers of every token that it issued, for tests that check a whole history against it.

use std::time::Instant;

/// A token that was issued. Points in time are the machine's, whatever the sandbox's own clock says.
#[derive(Clone, Debug)]
pub struct Granted {
    /// When the request came.
    pub came: Instant,
    /// When it took effect.
    pub took_effect: Instant,
    /// The customer whom the request's cookies proved.
    pub proved: Option<String>,
    /// The customer whose cookies they were, even if they no longer prove anything.
    pub claimed: Option<String>,
    /// The cookies would have proved it, and were not recognised, as asked for by
    /// [`Fault::OtherEntity`](super::Fault::OtherEntity).
    pub slipped: bool,
    /// The customer for whom the token was issued: the proven one, or else a new one.
    pub entity_id: String,
    /// The token.
    pub access_token: String,
    /// When the token ends.
    pub ends: Instant,
}
