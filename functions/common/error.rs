//! Everything that can go wrong with a call. What the caller is told is in `http/problem.rs`.

use crate::{
    auth,
    identity::InvalidId,
    renewal::{self, StoreError},
};
use tracing::Level;

/// What went wrong with a call. The text of an error is for the log. It contains no secret and no user id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request is malformed, or its user id or group is invalid. The text says what to change.
    #[error("{0}")]
    InvalidRequest(String),
    /// The caller is not verified.
    #[error(transparent)]
    Auth(#[from] auth::Error),
    /// LiveChat refuses the group that the request names, or the site does not list it.
    #[error("unknown group: {}", refusal.as_deref().unwrap_or("not in GROUPS"))]
    UnknownGroup {
        /// LiveChat's code and description, if LiveChat refused; `None` if the site does not list the group.
        refusal: Option<String>,
    },
    /// The path is not one of this function's operation.
    #[error("no such path")]
    NotFound,
    /// The operations take GET and POST.
    #[error("no such method")]
    MethodNotAllowed,
    /// The call gets no token.
    #[error(transparent)]
    Renewal(renewal::Error),
    /// What is stored could not be read or changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug of ours.
    #[error("bug: {0}")]
    Internal(String),
}

impl From<renewal::Error> for Error {
    fn from(error: renewal::Error) -> Self {
        match error {
            renewal::Error::Store(error) => Self::Store(error),
            error => Self::Renewal(error),
        }
    }
}

impl From<InvalidId> for Error {
    fn from(invalid: InvalidId) -> Self {
        Self::InvalidRequest(invalid.to_string())
    }
}

impl Error {
    /// The log level: debug for a caller's mistake, info for a refused caller, warn for a problem at LiveChat or too many
    /// calls, error for a problem of the site's settings or services, or a bug.
    pub fn level(&self) -> Level {
        match self {
            Self::InvalidRequest(_) | Self::NotFound | Self::MethodNotAllowed => Level::DEBUG,
            Self::Auth(error) => level_of_auth(error),
            Self::UnknownGroup { .. } => Level::INFO,
            Self::Renewal(error) => level_of_renewal(error),
            Self::Store(_) | Self::Internal(_) => Level::ERROR,
        }
    }
}

fn level_of_auth(error: &auth::Error) -> Level {
    use auth::Error;
    match error {
        Error::InvalidRequest(_) => Level::DEBUG,
        Error::Unauthenticated { .. } | Error::UserMismatch => Level::INFO,
        Error::KeysUnavailable(_) => Level::ERROR,
    }
}

fn level_of_renewal(error: &renewal::Error) -> Level {
    use renewal::Error;
    match error {
        Error::GuestGone | Error::LoggedOut => Level::INFO,
        Error::IdentityChanged
        | Error::RateLimited { .. }
        | Error::LiveChatUnavailable(_)
        | Error::LiveChatNotCalled(_)
        | Error::Busy => Level::WARN,
        Error::LiveChatRejected { .. } | Error::Store(_) | Error::Internal(_) => Level::ERROR,
    }
}
