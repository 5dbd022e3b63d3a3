//! Why a caller was not verified.

use super::Credential;
use crate::identity::InvalidId;
use std::borrow::Cow;

/// Why a caller was not verified. The text of an error is for the log. It contains no secret and no user id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request has no user, or its user id or guest id is invalid. The text says what to change.
    #[error("{0}")]
    InvalidRequest(String),
    /// Credentials are missing, expired or wrong.
    #[error("not authenticated: {cause}")]
    Unauthenticated {
        /// What the caller must send.
        expected: Credential,
        /// What is wrong, for the log. The caller is not told, as it would help an attacker.
        cause: Cow<'static, str>,
    },
    /// The verified user is not the user in the path.
    #[error("the verified user is not the user in the path")]
    UserMismatch,
    /// The keys to verify callers with are not available.
    #[error("keys unavailable: {0}")]
    KeysUnavailable(String),
}

impl From<InvalidId> for Error {
    fn from(invalid: InvalidId) -> Self {
        Self::InvalidRequest(invalid.to_string())
    }
}
