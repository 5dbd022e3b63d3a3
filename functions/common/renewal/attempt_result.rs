//! One call to LiveChat for a token: what it returns, and how it fails.

use super::{circuit::Sign, record::Failure};
use crate::identity::{Cookies, Lifetime, UnixSeconds};
use secrecy::SecretString;

/// A token that LiveChat has just issued, and what proves from now on who it is for.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The customer.
    pub entity_id: String,
    /// The token.
    pub access_token: SecretString,
    /// Its age and life.
    pub lifetime: Lifetime,
    /// The cookies to send with the next call. `None` if an agent token was sent for it: then LiveChat sets no cookies.
    pub cookies: Option<Cookies>,
    /// When the cookies expire, or how long the customer is kept without any.
    pub cookies_expire_at: UnixSeconds,
}

/// LiveChat's code for a customer that it no longer knows.
pub(crate) const IDENTITY_LOST: &str = "identity_lost";
/// Our own code for a customer who can only be asked for with an agent token, where the settings have none.
pub(crate) const AGENT_TOKEN_REQUIRED: &str = "agent_token_required";
/// Our own code for an agent's credentials that LiveChat refuses, or that are for another account.
pub(crate) const AGENT_TOKEN_REFUSED: &str = "agent_token_refused";
/// The description of a refusal for which LiveChat gives none.
pub(crate) const UNEXPLAINED: &str = "without an explanation";

/// Why an attempt gave no token.
#[derive(Debug, PartialEq, Eq)]
pub enum AttemptError {
    /// The request was not sent: getting ready took the time that LiveChat needs. With a new lease it has the full time.
    NotReady {
        /// Another request was sent before: LiveChat did not accept the agent token.
        was_called: bool,
    },
    /// The request was not sent: there is no agent token for it.
    NoAgentToken(String),
    /// The request never reached LiveChat.
    Unsent(String),
    /// It was sent, and the response was lost: it may have taken effect.
    Lost(String),
    /// There was no response in time: the request may have been sent, and have taken effect.
    TimedOut,
    /// As `TimedOut`, but with a shorter time-out, because the call had too little time left.
    CutShort,
    /// LiveChat returned a temporary error.
    Down(String),
    /// LiveChat returned 429: too many requests.
    Throttled,
    /// LiveChat refused, and would refuse the same request again.
    Refused {
        /// LiveChat's code.
        exception: String,
        /// LiveChat's description.
        description: String,
    },
    /// LiveChat no longer knows the customer whose cookies or id it was sent.
    IdentityLost,
    /// The response is malformed: it matches no format that LiveChat documents.
    MalformedResponse(String),
}

impl AttemptError {
    /// What the error shows about LiveChat: if there was a response, LiveChat is up.
    pub(crate) fn sign(&self) -> Sign {
        match self {
            Self::TimedOut => Sign::NoResponse,
            Self::Unsent(_) | Self::Lost(_) => Sign::Broken,
            Self::NotReady { .. } | Self::NoAgentToken(_) | Self::CutShort => Sign::None,
            Self::Down(_)
            | Self::Throttled
            | Self::Refused { .. }
            | Self::IdentityLost
            | Self::MalformedResponse(_) => Sign::Response,
        }
    }
}

impl From<AttemptError> for Failure {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Refused { exception, description } => Self::Refused { exception, description },
            AttemptError::IdentityLost => {
                Self::Refused { exception: IDENTITY_LOST.into(), description: UNEXPLAINED.into() }
            }
            AttemptError::TimedOut => Self::Unavailable { cause: "no response in time".into() },
            AttemptError::NotReady { .. } | AttemptError::CutShort => Self::OutOfTime,
            AttemptError::NoAgentToken(cause) => Self::Unavailable { cause: format!("no agent token: {cause}") },
            AttemptError::Throttled => Self::Unavailable { cause: "status 429".into() },
            AttemptError::Unsent(cause)
            | AttemptError::Lost(cause)
            | AttemptError::Down(cause)
            | AttemptError::MalformedResponse(cause) => Self::Unavailable { cause },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_time_out_counts_as_no_response() {
        let because = String::new;
        for (error, sign) in [
            (AttemptError::TimedOut, Sign::NoResponse),
            (AttemptError::CutShort, Sign::None),
            (AttemptError::NotReady { was_called: false }, Sign::None),
            (AttemptError::NoAgentToken(because()), Sign::None),
            (AttemptError::Unsent(because()), Sign::Broken),
            (AttemptError::Lost(because()), Sign::Broken),
            (AttemptError::Down(because()), Sign::Response),
            (AttemptError::Throttled, Sign::Response),
            (AttemptError::MalformedResponse(because()), Sign::Response),
            (AttemptError::IdentityLost, Sign::Response),
            (AttemptError::Refused { exception: because(), description: because() }, Sign::Response),
        ] {
            assert_eq!(error.sign(), sign, "{error:?}");
        }
    }
}
