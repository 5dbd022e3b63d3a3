//! Why a call gets no token.

use super::{
    circuit::NotCalled,
    record::{Failure, Refusal},
};

/// Why a call of `getToken` or `getFreshToken` gets no token. The message is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// This guest became a user, who took over the guest's identity.
    #[error("the guest became a user")]
    GuestGone,
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
    /// LiveChat was not called, as it does not respond to other calls.
    #[error("LiveChat not called: {0}")]
    LiveChatNotCalled(#[from] NotCalled),
    /// Another call's renewal of this token did not end in time, or this call has too little time left to renew it.
    #[error("another renewal did not end in time")]
    Busy,
    /// The user logged out while a token was being renewed for this call.
    #[error("the user logged out meanwhile")]
    LoggedOut,
    /// The table could not be read or changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug of ours.
    #[error("bug: {0}")]
    Internal(String),
}

/// Why the table could not be read or changed. The message is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database refused the request, failed, or was too slow.
    #[error("DynamoDB unavailable: {0}")]
    Unavailable(String),
    /// AWS KMS was not reached, failed, or was too slow, so that cookies cannot be sealed or opened.
    #[error("AWS KMS unavailable: {0}")]
    KmsUnavailable(String),
    /// AWS KMS refused the same, and will refuse it again until somebody changes the key or the role.
    #[error("AWS KMS refused: {0}")]
    KmsRefused(String),
    /// What is stored is malformed, or a request cannot be built: a bug of ours.
    #[error("bug: {0}")]
    Internal(String),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { exception, description } => {
                Self::LiveChatRejected { exception, description, retry_after_s: Refusal::FIRST_PAUSE_S }
            }
            Failure::Unavailable { cause } => Self::LiveChatUnavailable(cause),
            Failure::KmsUnavailable { cause } => Self::Store(StoreError::KmsUnavailable(cause)),
            Failure::OutOfTime => Self::LiveChatUnavailable("too little time was left for its response".into()),
            Failure::IdentityChanged => Self::IdentityChanged,
        }
    }
}
