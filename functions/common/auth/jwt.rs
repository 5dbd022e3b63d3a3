//! `AUTH=jwt`: the user is a claim of a JSON Web Token (RFC 7519) that the site's identity provider signed. It comes in
//! `Authorization`, or in the site's own session cookie.
//!
//! | file | what it decides |
//! |---|---|
//! | `bearer.rs`, `session_cookie.rs` | where the token is |
//! | `compact.rs` | which key its header chooses, and whether that key signed it |
//! | `issuers.rs` | whether its issuer counts, and whose users are the same people |
//! | `requirements.rs` | whether it is valid now, and for this service |

mod bearer;
mod compact;
mod crypto;
mod issuers;
mod requirements;
mod session_cookie;

use super::{
    claims::{ClaimName, Members},
    keys::{Jwks, Key},
    normalization::Normalization,
    origins::Origins,
};
use crate::{
    auth::Credential,
    clients::secrets,
    error::Error,
    identity::UserId,
    settings::{ConfigError, JwtKeys, JwtSettings},
    time::{Deadline, now_ms},
};
use compact::Compact;
use lambda_http::http::HeaderMap;
use session_cookie::SessionCookie;
use std::borrow::Cow;

pub(super) use compact::key_name;
pub(crate) use issuers::Issuers;
pub(crate) use requirements::{Requirement, Requirements};

/// How tokens are verified.
#[derive(Debug)]
pub(super) struct Jwt {
    keys: Keys,
    issuers: Option<Issuers>,
    requirements: Requirements,
    user_claim: ClaimName,
    normalization: Normalization,
    cookie: Option<SessionCookie>,
}

#[derive(Debug)]
enum Keys {
    /// Those of the settings. A token's `kid` means nothing to them.
    Fixed(Vec<Key>),
    Set(Box<Jwks>),
}

impl Jwt {
    /// # Errors
    /// [`ConfigError`] if a secret cannot be fetched, or is too short.
    pub(super) async fn connect(
        settings: JwtSettings,
        normalization: Normalization,
        origins: Origins,
    ) -> Result<Self, ConfigError> {
        crypto::install();
        let JwtSettings { keys, issuers, requirements, user_claim, cookie } = settings;
        Ok(Self {
            keys: Keys::connect(keys).await?,
            issuers,
            requirements,
            user_claim,
            normalization,
            cookie: cookie.map(|name| SessionCookie::new(name, origins)),
        })
    }

    /// What callers have to send.
    pub(super) fn expected(&self) -> Credential {
        if self.cookie.is_some() { Credential::BearerOrCookie } else { Credential::Bearer }
    }

    /// The user whom the request's token names; `None` if it has none.
    ///
    /// Of several cookies each counts for itself: they must name one user between them.
    pub(super) async fn user(&self, headers: &HeaderMap, deadline: Deadline) -> Result<Option<UserId>, Error> {
        let tokens = match (bearer::token(headers), &self.cookie) {
            (Ok(Some(token)), _) => Ok(vec![token.to_owned()]),
            (Ok(None), Some(cookie)) => cookie.tokens(headers),
            (Ok(None), None) => Ok(Vec::new()),
            (Err(cause), _) => Err(cause),
        };
        let (mut user, mut refusal) = (None, None);
        for token in tokens.map_err(|cause| self.refused(cause))? {
            match self.verify(&token, deadline).await {
                Ok(another) if user.as_ref().is_some_and(|user| *user != another) => {
                    return Err(self.refused("two cookies name two users"));
                }
                Ok(another) => user = Some(another),
                Err(Error::KeysUnavailable(cause)) => return Err(Error::KeysUnavailable(cause)),
                Err(error) => refusal = Some(error),
            }
        }
        match (user, refusal) {
            (None, Some(error)) => Err(error),
            (user, _) => Ok(user),
        }
    }

    async fn verify(&self, token: &str, deadline: Deadline) -> Result<UserId, Error> {
        let token = Compact::parse(token).map_err(|cause| self.refused(cause))?;
        let key = self.signer(&token, deadline).await?;
        let claims = token.claims().map_err(|cause| self.refused(cause))?;
        self.user_of(&claims, &key)
    }

    /// The key that signed the token.
    async fn signer(&self, token: &Compact<'_>, deadline: Deadline) -> Result<Key, Error> {
        let (kid, algorithm) = (token.kid.as_deref(), token.algorithm);
        let among = |keys: &[Key]| keys.iter().find(|key| token.is_signed_with(&key.decoding)).cloned();
        let set = match &self.keys {
            Keys::Fixed(keys) => {
                let candidates: Vec<_> =
                    keys.iter().filter(|key| key.algorithms.contains(&algorithm)).cloned().collect();
                return among(&candidates).ok_or_else(|| {
                    self.refused(match candidates.first() {
                        None => "the token's algorithm is not one that the key is used with (see JWT_ALGORITHMS)",
                        Some(key) if key.is_secret() => WRONG_SECRET,
                        Some(_) => WRONG_KEY,
                    })
                });
            }
            Keys::Set(set) => set,
        };
        let no_time = |_| Error::KeysUnavailable("no time was left to fetch them".into());
        let candidates = deadline.bound(set.candidates(kid, algorithm)).await.map_err(no_time)??;
        if let Some(key) = among(&candidates) {
            return Ok(key);
        }
        let newer = deadline.bound(set.newer_candidates(kid, algorithm)).await.map_err(no_time)?;
        let nothing_fits = "the key set has no key of that kid for that algorithm (see JWT_ALGORITHMS)";
        among(&newer).ok_or_else(|| self.refused(if candidates.is_empty() { nothing_fits } else { WRONG_KEY }))
    }

    fn user_of(&self, claims: &Members, key: &Key) -> Result<UserId, Error> {
        self.requirements.check(claims, now_ms()).map_err(|cause| self.refused(cause))?;
        if key.issuer.as_ref().is_some_and(|issuer| !issuers::vouches_for(issuer, claims)) {
            return Err(self.refused("the key that signed the token is for another issuer's tokens"));
        }
        let users = match &self.issuers {
            Some(issuers) => issuers.accept(claims).map_err(|cause| self.refused(cause))?,
            None => None,
        };
        let id = self.user_claim.user_id(|name| claims.get(name)).map_err(|cause| self.refused(cause))?;
        Ok(self.normalization.user_id(&id)?.of_issuer(users))
    }

    fn refused(&self, cause: impl Into<Cow<'static, str>>) -> Error {
        Error::Unauthenticated { expected: self.expected(), cause: cause.into() }
    }
}

impl Keys {
    async fn connect(keys: JwtKeys) -> Result<Self, ConfigError> {
        match keys {
            JwtKeys::Set(url, algorithms) => Ok(Self::Set(Box::new(Jwks::connect(url, algorithms).await?))),
            JwtKeys::Public(key) => Ok(Self::Fixed(vec![*key])),
            JwtKeys::Secrets(secrets, algorithms) => {
                let secrets = secrets::fetch(secrets).await?;
                Ok(Self::Fixed(secrets.iter().map(|secret| Key::of_secret(secret, algorithms.clone())).collect()))
            }
        }
    }
}

const WRONG_KEY: &str = "the signature is wrong";
const WRONG_SECRET: &str =
    "the signature is wrong: another secret, or one that is written in another way (see JWT_SECRET_ENCODING)";
