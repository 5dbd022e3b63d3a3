//! Which error it is if there is no response from LiveChat.

use crate::renewal::{AttemptError, record::Failure};

/// `is_cut_short`: the time-out was shorter than the full one.
pub(super) fn error(error: reqwest::Error, is_cut_short: bool) -> AttemptError {
    // The URL is ours and not secret, but does not belong in an error message.
    let error = error.without_url();
    // This includes a time-out of the connection: nothing was sent then, but no time is left to try again.
    if error.is_timeout() {
        if is_cut_short { AttemptError::CutShort } else { AttemptError::TimedOut }
    } else if error.is_connect() {
        AttemptError::Unsent("no connection".into())
    } else if error.is_builder() {
        AttemptError::Unsent("the request cannot be built".into())
    } else {
        AttemptError::Lost("the connection broke before the response was complete".into())
    }
}

/// The cause of the error, for a log or a record.
pub(super) fn cause(error: reqwest::Error) -> String {
    match Failure::from(self::error(error, false)) {
        Failure::Unavailable { cause } => cause,
        _ => "no response in time".into(),
    }
}
