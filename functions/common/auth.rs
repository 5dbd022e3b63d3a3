//! Who is calling. The only module that decides whose token a request is for.
//!
//! | `AUTH` | the user is | code |
//! |---|---|---|
//! | `jwt` | a claim of a signed token | `auth/jwt.rs`, its keys in `auth/keys.rs` |
//! | `authorizer` | a claim that the gateway has verified | `auth/authorizer.rs` |
//! | `hmac` | the user of the path, if the request has the hash of that id | `auth/user_hash.rs` |
//! | `none` | the user of the path | here |
//!
//! With `GUESTS=true`, a caller that sends an `X-Guest-Id` and no credentials is a guest. A caller with bad credentials is never a
//! guest, but is refused.
//!
//! This module uses `identity`, and `clients` to fetch key sets. It does not use [`settings`](crate::settings), which turns variables
//! into the types here; [`connect_auth`](crate::connect_auth) creates an [`Auth`] from them.

mod authorizer;
mod claims;
mod details;
mod error;
mod jwt;
mod keys;
mod normalization;
#[cfg(feature = "operator")]
pub mod operator;
mod origins;
mod secret;
mod user_hash;

use crate::{
    identity::{CustomerDetails, GuestId, Principal, UserId},
    time::Deadline,
};
use lambda_http::{http::HeaderMap, request::RequestContext};
use std::sync::Arc;

pub(crate) use authorizer::Authorizer;
pub(crate) use claims::ClaimName;
pub(crate) use details::{Detail, DetailRules};
pub use error::Error;
pub(crate) use jwt::{ClaimRules, InvalidIssuers, Issuers, Jwt, Keys, Requirement, Requirements, SessionCookie};
pub(crate) use keys::{Algorithms, Jwks, Key, KeyKind, RSA_BITS};
pub use normalization::Normalization;
pub(crate) use origins::Origins;
pub use secret::SHORTEST_SECRET;
pub(crate) use secret::Secret;
pub(crate) use user_hash::UserHash;

/// The latest expiry that is accepted; Unix time in s. A later one is probably in ms by mistake: the credential would never expire.
const LAST_END_S: u64 = 100_000_000_000;

/// The header with a guest's secret.
pub const GUEST_HEADER: &str = "x-guest-id";

/// Verifies callers, as `AUTH` and the settings of its mode say.
#[derive(Clone, Debug)]
pub struct Auth {
    mode: Mode,
    normalization: Normalization,
    guests: Guests,
}

/// The values of `AUTH`, each with its keys and rules.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// No verification: the caller is the user of the path. For trials, and behind a gateway that verifies.
    None,
    /// A signed token says who the user is.
    Jwt(Arc<Jwt>),
    /// The gateway has verified the user.
    Authorizer(Authorizer),
    /// The request has a hash of the user id in the path.
    Hmac(Arc<UserHash>),
}

/// Whether visitors who are not logged in have identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guests {
    /// `GUESTS=false`, the default.
    No,
    /// `GUESTS=true`.
    Yes {
        /// `ADOPT_GUESTS`: whether a user takes over the identity that they had as a guest. `true` by default.
        adopted: bool,
    },
}

/// What a caller must send to be verified: depends on `AUTH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A JWT in `Authorization`.
    Bearer,
    /// A JWT in `Authorization` or in the site's session cookie.
    BearerOrCookie,
    /// What the gateway's authorizer accepts.
    Gateway,
    /// A hash of the user id.
    UserHash,
}

/// The parts of a request that say who sent it.
#[derive(Clone, Debug)]
pub struct Sender<'a> {
    /// All headers, with all cookies in `Cookie`.
    pub headers: &'a HeaderMap,
    /// The gateway's context, which no caller can set; `None` if there is no gateway.
    pub gateway: Option<&'a RequestContext>,
    /// The `{user}` of the path.
    pub user_in_path: Option<UserId>,
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// A verified user, or a guest.
    pub principal: Principal,
    /// The guest that this user was until now.
    pub was_guest: Option<GuestId>,
    /// What the credentials say about the user that agents may see: `CUSTOMER_DETAILS`.
    pub details: Option<CustomerDetails>,
}

/// A user, as verified credentials name them.
#[derive(Clone, Debug)]
struct Verified {
    user: UserId,
    /// What else the credentials say, if `CUSTOMER_DETAILS` asks for it.
    details: Option<CustomerDetails>,
}

impl From<UserId> for Verified {
    fn from(user: UserId) -> Self {
        Self { user, details: None }
    }
}

impl Auth {
    /// Verifies callers in this mode. `normalization` is for the user ids in paths.
    pub(crate) fn new(mode: Mode, normalization: Normalization, guests: Guests) -> Self {
        Self { mode, normalization, guests }
    }

    /// Verifies who sent a request.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if the request has no user, or if its user id or guest id is malformed;
    /// [`Error::Unauthenticated`]; [`Error::UserMismatch`] if the path names another user than the credentials;
    /// [`Error::KeysUnavailable`] if there are no keys to verify with.
    pub async fn caller(&self, sender: Sender<'_>, deadline: Deadline) -> Result<Caller, Error> {
        let guest = match self.guests {
            Guests::No => None,
            Guests::Yes { .. } => guest(sender.headers)?,
        };
        let named = sender.user_in_path.as_ref().map(|user| self.normalization.of(user)).transpose()?;
        match (self.verified(&sender, named.as_ref(), deadline).await?, guest) {
            (Some(Verified { user, details }), guest) => {
                // The path has no issuer: it only repeats the user id.
                if named.is_some_and(|named| named.as_str() != user.as_str()) {
                    return Err(Error::UserMismatch);
                }
                let was_guest = guest.filter(|_| self.guests == Guests::Yes { adopted: true });
                Ok(Caller { principal: Principal::User(user), was_guest, details })
            }
            (None, Some(guest)) if sender.user_in_path.is_none() => {
                Ok(Caller { principal: Principal::Guest(guest), was_guest: None, details: None })
            }
            (None, _) => Err(self.no_credentials()),
        }
    }

    /// The verified user; `None` if the request has no credentials at all. `named` is the user of the path, normalized.
    async fn verified(
        &self,
        sender: &Sender<'_>,
        named: Option<&UserId>,
        deadline: Deadline,
    ) -> Result<Option<Verified>, Error> {
        let named = || named.cloned().map(Verified::from);
        match &self.mode {
            Mode::None => Ok(named()),
            Mode::Jwt(jwt) => jwt.user(sender.headers, deadline).await,
            Mode::Authorizer(authorizer) => authorizer.user(sender.gateway),
            // The hash is of the id as it was sent.
            Mode::Hmac(hash) => Ok(hash.user(sender.headers, sender.user_in_path.as_ref())?.and(named())),
        }
    }

    /// A request without credentials.
    fn no_credentials(&self) -> Error {
        let expected = match &self.mode {
            Mode::None => return no_user("none"),
            Mode::Jwt(jwt) => jwt.expected(),
            Mode::Authorizer(_) => Credential::Gateway,
            Mode::Hmac(_) => Credential::UserHash,
        };
        Error::Unauthenticated { expected, cause: "no credentials".into() }
    }
}

/// The error for a path without a user, in a mode that needs one.
fn no_user(auth: &str) -> Error {
    Error::InvalidRequest(format!(
        "The request does not say which user it is for: with AUTH={auth} the path must end in /{{user}}, such as \
         /getToken/4711."
    ))
}

/// The guest that a request comes from, or the guest that its user was until they logged in.
fn guest(headers: &HeaderMap) -> Result<Option<GuestId>, Error> {
    match only(headers, GUEST_HEADER) {
        Ok(secret) => Ok(secret.map(GuestId::of_secret).transpose()?),
        Err(Repeated) => Err(Error::InvalidRequest("X-Guest-Id must be given once.".into())),
    }
}

/// The value of a header that a request may have only once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, Repeated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(lambda_http::http::HeaderValue::as_bytes)),
        _ => Err(Repeated),
    }
}

/// A header is there more than once, so it is not clear which value is valid.
#[derive(Clone, Copy, Debug)]
struct Repeated;

#[cfg(test)]
mod tests;
