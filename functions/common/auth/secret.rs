//! A secret that the site's own server shares with the functions: it signs tokens or user hashes with it.

use secrecy::{ExposeSecret, SecretSlice};

/// The shortest secret, in bytes: as long as a SHA-256 hash (RFC 7518, section 3.2).
pub const SHORTEST_SECRET: usize = 32;

/// The bytes of a secret that is long enough. Its `Debug` does not show them.
#[derive(Clone, Debug)]
pub(crate) struct Secret(SecretSlice<u8>);

impl Secret {
    /// The secret with these bytes; `None` if they are fewer than [`SHORTEST_SECRET`].
    pub(crate) fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() >= SHORTEST_SECRET).then(|| Self(bytes.into()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}
