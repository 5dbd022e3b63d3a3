//! A token that a call gets.

use super::Error;
use crate::identity::Issued;

/// A token that a call gets, and where it came from.
#[derive(Clone, Debug)]
pub struct Obtained {
    /// The token and its customer.
    pub issued: Issued,
    /// Where it came from.
    pub source: Source,
}

/// Where a token came from. The stored token is a cache of the latest one that LiveChat issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The store.
    Stored,
    /// The store, because the token could not be renewed; the error that prevented it.
    StoredDespite(Error),
    /// LiveChat, called by this call or, if `collapsed`, by another one that this call waited for.
    LiveChat {
        /// Why LiveChat was called.
        why: Why,
        /// Another call called LiveChat.
        collapsed: bool,
    },
}

/// Why LiveChat had to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There was no token.
    Miss,
    /// The token had too little time left.
    Stale,
    /// The caller wanted a fresh one.
    Request,
}
