//! The ways in which a call to LiveChat can fail, and what they show about LiveChat.

use super::answer::{IDENTITY_LOST, UNEXPLAINED};
use crate::{breaker::Sign, error::Failure};

/// Why an attempt gave no token.
#[derive(Debug, PartialEq, Eq)]
pub enum Miss {
    /// The request never reached LiveChat.
    Unsent(String),
    /// It was sent, and the answer was lost: it may have taken effect.
    Lost(String),
    /// No answer came in time: it may have been sent, and have taken effect.
    TimedOut,
    /// The same, with a shortened time-out: the caller had no more time.
    CutShort,
    /// LiveChat said that it cannot answer now.
    Down(String),
    /// LiveChat said that it was asked too often.
    Throttled,
    /// LiveChat refused, and will again.
    Rejected {
        /// LiveChat's code.
        exception: String,
        /// LiveChat's words.
        description: String,
    },
    /// LiveChat no longer knows the customer whose cookies it was sent.
    IdentityLost,
    /// The answer is not one of LiveChat's documented ones.
    Malformed(String),
}

impl Miss {
    pub(super) fn of_transport(error: reqwest::Error, cut_short: bool) -> Self {
        // The URL is ours and not secret, but does not belong in an error message.
        let error = error.without_url();
        // Also while it connects: then nothing was sent, but no time is left to try again.
        if error.is_timeout() {
            if cut_short { Self::CutShort } else { Self::TimedOut }
        } else if error.is_connect() {
            Self::Unsent("no connection".into())
        } else if error.is_builder() {
            Self::Unsent("the request cannot be built".into())
        } else {
            Self::Lost("the connection broke before the answer was complete".into())
        }
    }

    /// What it says about LiveChat: that it is up, if there was a response.
    pub(super) fn sign(&self) -> Sign {
        match self {
            Self::TimedOut => Sign::Silence,
            Self::Unsent(_) | Self::Lost(_) => Sign::Broken,
            Self::CutShort => Sign::None,
            Self::Down(_) | Self::Throttled | Self::Rejected { .. } | Self::IdentityLost | Self::Malformed(_) => {
                Sign::Answer
            }
        }
    }
}

impl From<Miss> for Failure {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::Rejected { exception, description } => Self::Rejected { exception, description },
            Miss::IdentityLost => Self::Rejected { exception: IDENTITY_LOST.into(), description: UNEXPLAINED.into() },
            Miss::TimedOut => Self::Unavailable { cause: "no answer in time".into() },
            Miss::CutShort => Self::OutOfTime,
            Miss::Throttled => Self::Unavailable { cause: "status 429".into() },
            Miss::Unsent(cause) | Miss::Lost(cause) | Miss::Down(cause) | Miss::Malformed(cause) => {
                Self::Unavailable { cause }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_time_out_is_silence() {
        let because = String::new;
        for (miss, sign) in [
            (Miss::TimedOut, Sign::Silence),
            (Miss::CutShort, Sign::None),
            (Miss::Unsent(because()), Sign::Broken),
            (Miss::Lost(because()), Sign::Broken),
            (Miss::Down(because()), Sign::Answer),
            (Miss::Throttled, Sign::Answer),
            (Miss::Malformed(because()), Sign::Answer),
            (Miss::IdentityLost, Sign::Answer),
            (Miss::Rejected { exception: because(), description: because() }, Sign::Answer),
        ] {
            assert_eq!(miss.sign(), sign, "{miss:?}");
        }
    }
}
