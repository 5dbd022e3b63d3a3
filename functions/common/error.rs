//! Everything that can go wrong with a call, as facts. What the caller is told is in `http/problem.rs`.

use crate::{auth::Credential, breaker::NotCalled, identity::Refusal};
use std::borrow::Cow;
use tracing::Level;

/// What went wrong with a call. The text of an error is for the log. It contains no secret and no user id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request has no user, or a user id or group that cannot be one. Says what to change.
    #[error("{0}")]
    InvalidRequest(String),
    /// The caller is not verified: credentials are missing, expired or wrong.
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
    /// This guest became a user, who took over the guest's identity.
    #[error("the guest became a user")]
    GuestGone,
    /// The keys to verify callers with are not available.
    #[error("keys unavailable: {0}")]
    KeysUnavailable(String),
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
    /// LiveChat returned another customer than the one on record, or lost that one, and the site's settings refuse such a change.
    #[error("LiveChat no longer knows the customer on record")]
    IdentityChanged,
    /// This user's token was renewed more often than the site allows.
    #[error("too many renewals for one user")]
    RateLimited {
        /// When the user may renew again, in s from now.
        retry_after_s: u32,
    },
    /// LiveChat does not accept our settings.
    #[error("LiveChat refused: {exception}: {description}")]
    LiveChatRejected {
        /// LiveChat's code.
        exception: String,
        /// LiveChat's description.
        description: String,
        /// When LiveChat is called again for this subject, in s from now.
        retry_after_s: u32,
    },
    /// LiveChat is down or slow, or its response is malformed.
    #[error("LiveChat unavailable: {0}")]
    LiveChatUnavailable(String),
    /// LiveChat was not called, as it does not answer other calls.
    #[error("LiveChat not called: {0}")]
    LiveChatNotCalled(NotCalled),
    /// DynamoDB refused the request, failed, or was too slow.
    #[error("DynamoDB unavailable: {0}")]
    StoreUnavailable(String),
    /// Another call is renewing this token and was not ready in time, or this call has too little time left to renew it.
    #[error("another renewal did not end in time")]
    Busy,
    /// The user logged out while a token was being renewed for this call.
    #[error("the user logged out meanwhile")]
    LoggedOut,
    /// A bug of ours.
    #[error("bug: {0}")]
    Internal(String),
}

impl Error {
    /// The log level: debug for a caller's mistake, info for a refused caller, warn for a temporary error, error for what
    /// somebody must repair.
    pub fn level(&self) -> Level {
        match self {
            Self::InvalidRequest(_) | Self::NotFound | Self::MethodNotAllowed => Level::DEBUG,
            Self::Unauthenticated { .. }
            | Self::UserMismatch
            | Self::GuestGone
            | Self::UnknownGroup { .. }
            | Self::LoggedOut => Level::INFO,
            Self::IdentityChanged
            | Self::RateLimited { .. }
            | Self::LiveChatUnavailable(_)
            | Self::LiveChatNotCalled(_)
            | Self::Busy => Level::WARN,
            Self::LiveChatRejected { .. }
            | Self::StoreUnavailable(_)
            | Self::KeysUnavailable(_)
            | Self::Internal(_) => Level::ERROR,
        }
    }
}

/// Why LiveChat gave no usable token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It does not accept our settings or request; trying again soon changes nothing.
    Rejected {
        /// LiveChat's code, such as `invalid_client`.
        exception: String,
        /// LiveChat's description, or one of ours if LiveChat gave none.
        description: String,
    },
    /// It is down or slow, or its response is malformed; a later try may work.
    Unavailable {
        /// What happened, for the log.
        cause: String,
    },
    /// This call had too little time left for a response. Says nothing about LiveChat.
    OutOfTime,
    /// It returned another customer than the one on record, or lost that one, and the site's settings refuse such a change.
    IdentityChanged,
}

impl Failure {
    /// Whether LiveChat processed the request and returned a decision.
    pub fn is_an_answer(&self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::IdentityChanged)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected { exception, description } => {
                Self::LiveChatRejected { exception, description, retry_after_s: Refusal::FIRST_PAUSE_S }
            }
            Failure::Unavailable { cause } => Self::LiveChatUnavailable(cause),
            Failure::OutOfTime => Self::LiveChatUnavailable("too little time was left for its response".into()),
            Failure::IdentityChanged => Self::IdentityChanged,
        }
    }
}
