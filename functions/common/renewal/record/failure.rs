//! Why a renewal failed, for the calls that waited for it.

use crate::identity::LeaseSeq;

/// How the renewal under a lease failed, for the calls that waited for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRenewal {
    /// The lease's number.
    pub seq: LeaseSeq,
    /// What happened.
    pub failure: Failure,
}

/// Why there is no usable token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// LiveChat does not accept our settings or request; trying again soon changes nothing.
    Refused {
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
    /// AWS KMS was not reached, failed or was too slow, so LiveChat was not called; a later try may work.
    KmsUnavailable {
        /// What happened, for the log.
        cause: String,
    },
    /// This call had too little time left for a response. Says nothing about LiveChat.
    OutOfTime,
    /// It returned another customer than the one on record, or lost that one, and the site's settings refuse such a change.
    IdentityChanged,
}
