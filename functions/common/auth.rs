//! Who is calling. The only place that decides whose token a request is about.
//!
//! | `AUTH` | the user is | which is in |
//! |---|---|---|
//! | `jwt` | a claim of a signed token | `auth/jwt.rs`, its keys in `auth/keys.rs` |
//! | `authorizer` | a claim that the gateway has verified | `auth/authorizer.rs` |
//! | `hmac` | the one of the path, if their hash comes along | `auth/user_hash.rs` |
//! | `none` | the one of the path | here |
//!
//! Besides, with `GUESTS=true`, somebody who sends no credentials but an `X-Guest-Id` is a guest. Bad credentials make nobody
//! a guest: they are refused.

mod authorizer;
mod claims;
mod jwt;
mod keys;
mod normalization;
mod origins;
mod user_hash;

use crate::{
    error::{Credential, Error},
    identity::{GuestId, Principal, UserId},
    settings::source::{ConfigError, Source},
    time::Deadline,
};
use authorizer::Authorizer;
use jwt::Jwt;
use lambda_http::{Request, http::HeaderMap};
use normalization::Normalization;
use origins::Origins;
use std::sync::Arc;
use user_hash::UserHash;

pub use origins::allowed_origins;

/// No credential ends later; Unix time in s. A time of our days in ms is beyond it, and would be a credential without an end.
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
    /// Not at all: a caller is whoever the path says. For trying things out, and behind a gateway that verifies.
    None,
    Jwt(Arc<Jwt>),
    Authorizer(Authorizer),
    Hmac(Arc<UserHash>),
}

/// Whether visitors who are not logged in have identities: `GUESTS`, `ADOPT_GUESTS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guests {
    No,
    Yes { adopted: bool },
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// A verified user, or a guest.
    pub principal: Principal,
    /// The guest who this user was until now.
    pub was_guest: Option<GuestId>,
}

impl Auth {
    /// No verification and no guests.
    pub const NONE: Self = Self { mode: Mode::None, normalization: Normalization::None, guests: Guests::No };

    /// How callers are verified, as the settings say; has the keys that this takes.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or bad.
    pub async fn read(source: &Source<'_>) -> Result<Self, ConfigError> {
        let normalization = Normalization::read(source)?;
        let mode = match source.required("AUTH", "`jwt`, `authorizer`, `hmac` or `none`")?.as_str() {
            "jwt" => Mode::Jwt(Arc::new(Jwt::read(source, normalization).await?)),
            "authorizer" => Mode::Authorizer(Authorizer::read(source, normalization)),
            "hmac" => Mode::Hmac(Arc::new(UserHash::read(source).await?)),
            "none" => accepted_unverified(source)?,
            _ => return Err(ConfigError::bad("AUTH", "`jwt`, `authorizer`, `hmac` or `none`")),
        };
        match mode {
            Mode::None => Origins::check_unverified(source)?,
            _ => {
                Origins::read(source)?;
            }
        }
        let guests = if source.flag("GUESTS", false)? {
            Guests::Yes { adopted: source.flag("ADOPT_GUESTS", true)? }
        } else {
            Guests::No
        };
        Ok(Self { mode, normalization, guests })
    }

    /// Who sent a request: `in_path` is the `{user}` of its path.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when nothing says who the user is, or in a form that cannot be right;
    /// [`Error::Unauthenticated`]; [`Error::UserMismatch`] when the path names somebody else;
    /// [`Error::KeysUnavailable`] when there are no keys to verify with.
    pub async fn caller(
        &self,
        request: &Request,
        in_path: Option<UserId>,
        deadline: Deadline,
    ) -> Result<Caller, Error> {
        let guest = match self.guests {
            Guests::No => None,
            Guests::Yes { .. } => guest(request.headers())?,
        };
        let named = in_path.as_ref().map(|user| self.normalization.of(user)).transpose()?;
        match (self.verified(request, in_path.as_ref(), named.as_ref(), deadline).await?, guest) {
            (Some(user), guest) => {
                // The path has no issuer: it is the user's own word for who they are.
                if named.is_some_and(|named| named.as_str() != user.as_str()) {
                    return Err(Error::UserMismatch);
                }
                let was_guest = guest.filter(|_| self.guests == Guests::Yes { adopted: true });
                Ok(Caller { principal: Principal::User(user), was_guest })
            }
            (None, Some(guest)) if in_path.is_none() => {
                Ok(Caller { principal: Principal::Guest(guest), was_guest: None })
            }
            (None, _) => Err(self.nobody()),
        }
    }

    /// The verified user; `None` if the request has no credentials at all. `named` is the user of the path in the site's spelling.
    async fn verified(
        &self,
        request: &Request,
        in_path: Option<&UserId>,
        named: Option<&UserId>,
        deadline: Deadline,
    ) -> Result<Option<UserId>, Error> {
        match &self.mode {
            Mode::None => Ok(named.cloned()),
            Mode::Jwt(jwt) => jwt.user(request.headers(), deadline).await,
            Mode::Authorizer(authorizer) => authorizer.user(request),
            // The hash is of the id as it was sent.
            Mode::Hmac(hash) => Ok(hash.user(request.headers(), in_path)?.and(named.cloned())),
        }
    }

    /// A request without credentials.
    fn nobody(&self) -> Error {
        let expected = match &self.mode {
            Mode::None => return no_user("none"),
            Mode::Jwt(jwt) => jwt.expected(),
            Mode::Authorizer(_) => Credential::Gateway,
            Mode::Hmac(_) => Credential::UserHash,
        };
        Error::Unauthenticated { expected, cause: "no credentials".into() }
    }
}

fn accepted_unverified(source: &Source) -> Result<Mode, ConfigError> {
    let accepted = source.flag("ALLOW_UNVERIFIED_USERS", false)?;
    // Lambda itself sets this variable in every function.
    if !accepted && source.optional("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        return Err(ConfigError::new(
            "AUTH=none lets anyone be anyone, so a function refuses it unless ALLOW_UNVERIFIED_USERS=true says that this \
             is wanted.",
        ));
    }
    Ok(Mode::None)
}

/// A path that does not name the user, in a mode that needs it to.
fn no_user(auth: &str) -> Error {
    Error::InvalidRequest(format!(
        "The request does not say which user it is for: with AUTH={auth} the path must end in /{{user}}, such as \
         /getToken/4711."
    ))
}

/// The guest who a request comes from, or came from until they logged in.
fn guest(headers: &HeaderMap) -> Result<Option<GuestId>, Error> {
    match only(headers, GUEST_HEADER) {
        Ok(secret) => secret.map(GuestId::of_secret).transpose(),
        Err(Repeated) => Err(Error::InvalidRequest("X-Guest-Id must be given once.".into())),
    }
}

/// The value of a header that may be there once at most.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, Repeated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(lambda_http::http::HeaderValue::as_bytes)),
        _ => Err(Repeated),
    }
}

/// A header is there more than once, so that which one counts would be a guess.
#[derive(Clone, Copy, Debug)]
struct Repeated;

#[cfg(test)]
mod tests;
