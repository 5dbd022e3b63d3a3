//! The four operations, and what each can answer.

use crate::{
    identity::{GuestId, Issued, Subject},
    time::Deadline,
};
use std::fmt;

/// One of the four, each a function of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The stored token, or a new one.
    GetToken,
    /// A new token.
    GetFreshToken,
    /// Whether there is a token.
    HasToken,
    /// Drops the token.
    Invalidate,
}

impl Operation {
    /// All four.
    pub const ALL: [Self; 4] = [Self::GetToken, Self::GetFreshToken, Self::HasToken, Self::Invalidate];

    /// Its name in LiveChat's documentation, and in the path.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetToken => "getToken",
            Self::GetFreshToken => "getFreshToken",
            Self::HasToken => "hasToken",
            Self::Invalidate => "invalidate",
        }
    }
}

/// One call of an operation: what the rules need to know of a request.
#[derive(Clone, Debug)]
pub struct Call {
    /// Whose token it is about.
    pub subject: Subject,
    /// The guest who this user was until now, and whose identity they take over if they have none yet.
    pub was_guest: Option<GuestId>,
    /// `invalidate`: the user logs out.
    pub logout: bool,
    /// When the answer must be ready.
    pub deadline: Deadline,
}

/// The result of an operation.
#[derive(Debug)]
pub enum Reply {
    /// `getToken`, `getFreshToken`.
    Token {
        /// The token and its customer.
        issued: Issued,
        /// Where it came from.
        source: Source,
    },
    /// `hasToken`.
    HasToken(bool),
    /// `invalidate`.
    Invalidated,
    /// `invalidate`, as a logout.
    LoggedOut {
        /// LiveChat has revoked every token that the user was given. If not, the next call that can reach LiveChat tells it.
        is_complete: bool,
    },
}

impl Reply {
    /// Where the token came from, if the reply is one.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Token { source, .. } => Some(source),
            Self::HasToken(_) | Self::Invalidated | Self::LoggedOut { .. } => None,
        }
    }
}

/// Where a token came from. Displayed in the words of `Cache-Status` (RFC 9211): the stored token is a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The store.
    Stored,
    /// The store, because it could not be renewed; the code of the error that prevented it.
    StoredDespite(&'static str),
    /// LiveChat, asked by this call or, if `collapsed`, by another one that this call waited for.
    LiveChat {
        /// What made it necessary.
        why: Why,
        /// Another call asked.
        collapsed: bool,
    },
}

/// Why LiveChat had to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There was no token.
    Miss,
    /// The token had too little time left.
    Stale,
    /// The caller wanted a fresh one.
    Request,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored => f.write_str("hit"),
            Self::StoredDespite(code) => write!(f, "hit; detail={}", code.replace('_', "-")),
            Self::LiveChat { why, collapsed } => {
                let why = match why {
                    Why::Miss => "miss",
                    Why::Stale => "stale",
                    Why::Request => "request",
                };
                write!(f, "fwd={why}{}", if *collapsed { "; collapsed" } else { "" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_in_the_words_of_rfc_9211() {
        let livechat = |why, collapsed| Source::LiveChat { why, collapsed }.to_string();
        assert_eq!(Source::Stored.to_string(), "hit");
        assert_eq!(Source::StoredDespite("livechat_unavailable").to_string(), "hit; detail=livechat-unavailable");
        assert_eq!(livechat(Why::Miss, false), "fwd=miss");
        assert_eq!(livechat(Why::Stale, true), "fwd=stale; collapsed");
        assert_eq!(livechat(Why::Request, false), "fwd=request");
    }
}
