//! The four operations: one file each, and what they have in common.
//!
//! | operation | what it does | DynamoDB | LiveChat |
//! |---|---|---|---|
//! | `getToken` | returns the stored token while it is usable, else *renews* | one read | – |
//! | `getFreshToken` | returns a token that was issued after the call came | *renewal* | |
//! | *renewal* | one call at a time for each subject | two writes and a read; three writes for a group | one call |
//! | `hasToken` | whether a live token is stored | one read | – |
//! | `invalidate` | drops the token, keeps the identity | one write | – |
//! | `invalidate`, as a logout | the same with all groups, then revokes all tokens | one query; two writes for each group | one call for each token |
//!
//! While LiveChat's [refusal](crate::renewal::record::Refusal) applies, `getToken` reads it with the token and `getFreshToken` finds it
//! in its first write; neither calls LiveChat.
//!
//! | file | what it holds |
//! |---|---|
//! | `operation/renewer.rs` | renewal, as `getToken` and `getFreshToken` use it; `renewer/driver.rs` carries it out |
//! | `operation/agent_tokens.rs` | the agent token that all functions share |
//! | `operation/breaker.rs` | the circuit breaker for LiveChat |
//! | `operation/customer_details.rs` | what agents see of the customer |
//! | `operation/logout.rs` | a logout |
//! | `operation/revocation.rs` | how a logout and an adoption revoke tokens |
//!
//! While tokens must still be revoked, each renewal and logout tries that. `getToken` and `invalidate` do so once a minute at most.

mod agent_tokens;
mod breaker;
mod customer_details;
mod get_fresh_token;
mod get_token;
mod has_token;
mod invalidate;
mod logout;
mod renewer;
mod revocation;

pub use customer_details::CustomerUpdate;
pub(crate) use customer_details::Sent;
pub use get_fresh_token::GetFreshToken;
pub use get_token::GetToken;
pub use has_token::HasToken;
pub use invalidate::Invalidate;
pub use renewer::Renewer;

use crate::{
    context::Context,
    error::Error,
    identity::{CustomerDetails, GuestId, Subject},
    renewal::{Obtained, Source},
    settings::{Account, Common, ConfigError, Lookup},
};
use std::future;

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

    /// Opens the connections that the first call will use. Takes at most a second, and never fails.
    fn open_connections(&self) -> impl Future<Output = ()> {
        future::ready(())
    }

    /// The LiveChat account that the tokens of this operation are for; empty if it returns no token.
    fn account(&self) -> Account {
        Account::default()
    }

    /// The update of a customer's details that is due after a call with this reply.
    fn customer_update(&self, _call: &Call, _reply: &Reply) -> Option<CustomerUpdate> {
        None
    }

    /// Serves one call.
    fn call(&self, call: &Call, context: &Context) -> impl Future<Output = Result<Reply, Error>> + Send;
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
    /// What agents may see of the user.
    pub details: Option<CustomerDetails>,
    /// `invalidate`: the user logs out.
    pub logout: bool,
}

/// The result of an operation.
#[derive(Clone, Debug)]
pub enum Reply {
    /// `getToken`, `getFreshToken`.
    Token(Obtained),
    /// `hasToken`.
    HasToken(bool),
    /// `invalidate`.
    Invalidated,
    /// `invalidate`, as a logout.
    LoggedOut {
        /// LiveChat has revoked every token that the user was given. If not, a later call repeats the revocation.
        is_complete: bool,
    },
}

impl Reply {
    /// Where the token came from, if the reply has one.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Token(obtained) => Some(&obtained.source),
            Self::HasToken(_) | Self::Invalidated | Self::LoggedOut { .. } => None,
        }
    }
}
