//! Who is calling. The only place that decides whose token a request is about.
//!
//! | `AUTH` | the user is | which is in |
//! |---|---|---|
//! | `jwt` | a claim of a signed token | `auth/jwt.rs`, its keys in `auth/keys.rs` |
//! | `authorizer` | a claim that the gateway has verified | `auth/authorizer.rs` |
//! | `hmac` | the user of the path, if the request has the hash of that id | `auth/user_hash.rs` |
//! | `none` | the user of the path | here |
//!
//! With `GUESTS=true`, a caller that sends an `X-Guest-Id` and no credentials is a guest. A caller with bad credentials is never a
//! guest, but is refused.

mod authorizer;
mod claims;
mod jwt;
mod keys;
mod normalization;
mod origins;
mod user_hash;

use crate::{
    error::Error,
    identity::{GuestId, Principal, UserId},
    settings::{AuthMode, AuthSettings, ConfigError, Guests},
    time::Deadline,
};
use authorizer::Authorizer;
use jwt::Jwt;
use lambda_http::{http::HeaderMap, request::RequestContext};
use std::sync::Arc;
use user_hash::UserHash;

pub(crate) use claims::ClaimName;
pub(crate) use jwt::{Issuers, Requirement, Requirements};
pub(crate) use keys::{Algorithms, Key, public_key};
pub(crate) use normalization::Normalization;
pub(crate) use origins::Origins;

/// The latest expiry of a credential; Unix time in s. Today's time in ms is later, and would be a credential that never expires.
const LAST_END_S: u64 = 100_000_000_000;

/// The header with a guest's secret.
pub const GUEST_HEADER: &str = "x-guest-id";

/// How callers are verified: `AUTH`, and what belongs to it.
#[derive(Clone, Debug)]
pub struct Auth {
    mode: Mode,
    normalization: Normalization,
    guests: Guests,
}

#[derive(Clone, Debug)]
enum Mode {
    /// No verification: the caller is the user of the path. For trials, and behind a gateway that verifies.
    None,
    Jwt(Arc<Jwt>),
    Authorizer(Authorizer),
    Hmac(Arc<UserHash>),
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

/// What a request says about who sent it.
#[derive(Clone, Debug)]
pub struct Sender<'a> {
    /// All headers, with all cookies in `Cookie`.
    pub headers: &'a HeaderMap,
    /// What the gateway says, which no caller can set; `None` if there is no gateway.
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
}

impl Auth {
    /// How callers are verified, as the settings say, with the keys that this needs: secrets in AWS Secrets Manager and the identity
    /// provider's key set are fetched.
    ///
    /// # Errors
    /// [`ConfigError`] if a secret cannot be fetched, or is too short. A key set that cannot be fetched now is fetched later.
    pub async fn connect(settings: AuthSettings) -> Result<Self, ConfigError> {
        let AuthSettings { mode, normalization, allowed_origins, guests } = settings;
        let mode = match mode {
            AuthMode::None => Mode::None,
            AuthMode::Jwt(jwt) => Mode::Jwt(Arc::new(Jwt::connect(*jwt, normalization, allowed_origins).await?)),
            AuthMode::Authorizer { claim } => Mode::Authorizer(Authorizer::new(claim, normalization)),
            AuthMode::Hmac { secrets } => Mode::Hmac(Arc::new(UserHash::connect(secrets).await?)),
        };
        Ok(Self { mode, normalization, guests })
    }

    /// Verifies who sent a request.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if nothing says who the user is, or if what says so is malformed;
    /// [`Error::Unauthenticated`]; [`Error::UserMismatch`] if the path names another user than the credentials;
    /// [`Error::KeysUnavailable`] if there are no keys to verify with.
    pub async fn caller(&self, sender: Sender<'_>, deadline: Deadline) -> Result<Caller, Error> {
        let guest = match self.guests {
            Guests::No => None,
            Guests::Yes { .. } => guest(sender.headers)?,
        };
        let named = sender.user_in_path.as_ref().map(|user| self.normalization.of(user)).transpose()?;
        match (self.verified(&sender, named.as_ref(), deadline).await?, guest) {
            (Some(user), guest) => {
                // The path has no issuer: it only repeats what the user is called.
                if named.is_some_and(|named| named.as_str() != user.as_str()) {
                    return Err(Error::UserMismatch);
                }
                let was_guest = guest.filter(|_| self.guests == Guests::Yes { adopted: true });
                Ok(Caller { principal: Principal::User(user), was_guest })
            }
            (None, Some(guest)) if sender.user_in_path.is_none() => {
                Ok(Caller { principal: Principal::Guest(guest), was_guest: None })
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
    ) -> Result<Option<UserId>, Error> {
        match &self.mode {
            Mode::None => Ok(named.cloned()),
            Mode::Jwt(jwt) => jwt.user(sender.headers, deadline).await,
            Mode::Authorizer(authorizer) => authorizer.user(sender.gateway),
            // The hash is of the id as it was sent.
            Mode::Hmac(hash) => Ok(hash.user(sender.headers, sender.user_in_path.as_ref())?.and(named.cloned())),
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

/// The guest who a request comes from, or came from until they logged in.
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

/// A header is there more than once, so it is not clear which value counts.
#[derive(Clone, Copy, Debug)]
struct Repeated;

#[cfg(test)]
mod tests;
