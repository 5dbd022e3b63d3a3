//! The four operations: one file each, and what they have in common.

mod get_fresh_token;
mod get_token;
mod has_token;
mod invalidate;

pub use get_fresh_token::GetFreshToken;
pub use get_token::GetToken;
pub use has_token::HasToken;
pub use invalidate::Invalidate;

use crate::{
    error::Error,
    identity::{GuestId, Issued, Subject},
    settings::{Account, Common, ConfigError, Lookup},
    time::Deadline,
};

/// One of the four operations, with what it needs to serve calls.
pub trait Operation: Sized + Send + Sync + 'static {
    /// Its name.
    const NAME: Name;

    /// The settings of the operation alone.
    type Settings;

    /// Reads all settings of the operation's function.
    ///
    /// # Errors
    /// [`ConfigError`] for the first setting that is missing or invalid.
    fn read(lookup: &Lookup<'_>) -> Result<(Common, Self::Settings), ConfigError>;

    /// Creates the clients that the operation needs.
    ///
    /// # Errors
    /// When a client cannot be created.
    fn connect(common: &Common, settings: Self::Settings) -> impl Future<Output = Result<Self, lambda_http::Error>>;

    /// The LiveChat account that the tokens of this operation are for; empty if it returns no token.
    fn account(&self) -> Account {
        Account::default()
    }

    /// Serves one call.
    fn call(&self, call: &Call) -> impl Future<Output = Result<Reply, Error>> + Send;
}

/// The name of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `getToken`
    GetToken,
    /// `getFreshToken`
    GetFreshToken,
    /// `hasToken`
    HasToken,
    /// `invalidate`
    Invalidate,
}

impl Name {
    /// All four.
    pub const ALL: [Self; 4] = [Self::GetToken, Self::GetFreshToken, Self::HasToken, Self::Invalidate];

    /// The name as LiveChat's documentation and the path have it.
    pub fn as_str(self) -> &'static str {
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
    /// When the response must be ready.
    pub deadline: Deadline,
}

/// The result of an operation.
#[derive(Clone, Debug)]
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
    /// Where the token came from, if the reply has one.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Token { source, .. } => Some(source),
            Self::HasToken(_) | Self::Invalidated | Self::LoggedOut { .. } => None,
        }
    }
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
