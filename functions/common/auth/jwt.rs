//! `AUTH=jwt`: the user is a claim of a JSON Web Token (RFC 7519) that the site's identity provider signed. It comes in
//! `Authorization`, or in the site's own session cookie.
//!
//! | file | what it decides |
//! |---|---|
//! | `bearer.rs`, `session_cookie.rs` | where the token is |
//! | `compact.rs` | which key its header chooses, and whether that key signed it |
//! | `issuers.rs` | whether its issuer is accepted, and which issuers have the same users |
//! | `requirements.rs` | whether it is valid now, and for this service |

mod bearer;
mod compact;
mod crypto;
#[cfg(feature = "operator")]
mod explain;
mod issuers;
mod requirements;
mod session_cookie;

use super::{
    Verified,
    claims::{ClaimName, Members},
    details::DetailRules,
    keys::{Jwks, Key},
    normalization::Normalization,
};
use crate::{
    auth::{Credential, Error},
    time::{self, Deadline},
};
use compact::Compact;
use lambda_http::http::HeaderMap;
use std::borrow::Cow;

pub(super) use compact::key_name;
pub(crate) use issuers::{InvalidIssuers, Issuers};
#[cfg(feature = "operator")]
pub(super) use requirements::LEEWAY_S;
pub(crate) use requirements::{Requirement, Requirements};
pub(crate) use session_cookie::SessionCookie;

/// How tokens are verified.
#[derive(Debug)]
pub(crate) struct Jwt {
    keys: Keys,
    claims: ClaimRules,
    normalization: Normalization,
    cookie: Option<SessionCookie>,
}

/// What tokens are signed with.
#[derive(Debug)]
pub(crate) enum Keys {
    /// The keys of the settings. The `kid` of a token is ignored.
    Fixed(Vec<Key>),
    /// The identity provider's key set.
    Set(Box<Jwks>),
}

/// What the claims of a token must say, and which of them is the user.
#[derive(Debug)]
pub(crate) struct ClaimRules {
    /// The issuers that are accepted; `None` if any issuer is.
    pub(crate) issuers: Option<Issuers>,
    /// What else the claims must say.
    pub(crate) requirements: Requirements,
    /// The claim with the user id.
    pub(crate) user_claim: ClaimName,
    /// What else agents may see of the claims.
    pub(crate) details: DetailRules,
}

impl Jwt {
    /// Verifies tokens with these keys and by these rules. `cookie` may have a token too.
    pub(crate) fn new(
        keys: Keys,
        claims: ClaimRules,
        normalization: Normalization,
        cookie: Option<SessionCookie>,
    ) -> Self {
        crypto::install();
        Self { keys, claims, normalization, cookie }
    }

    /// What callers must send.
    pub(super) fn expected(&self) -> Credential {
        if self.cookie.is_some() { Credential::BearerOrCookie } else { Credential::Bearer }
    }

    /// The user that the request's token names; `None` if the request has no token.
    ///
    /// Each cookie is verified on its own. All valid ones must name the same user.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a token that is not accepted, [`Error::InvalidRequest`] if its user id is invalid, and
    /// [`Error::KeysUnavailable`].
    pub(super) async fn user(&self, headers: &HeaderMap, deadline: Deadline) -> Result<Option<Verified>, Error> {
        let tokens = match (bearer::token(headers), &self.cookie) {
            (Ok(Some(token)), _) => Ok(vec![token.to_owned()]),
            (Ok(None), Some(cookie)) => cookie.tokens(headers),
            (Ok(None), None) => Ok(Vec::new()),
            (Err(cause), _) => Err(cause),
        };
        let (mut user, mut refusal) = (None, None);
        for token in tokens.map_err(|cause| self.refused(cause))? {
            match self.verify(&token, deadline).await {
                Ok(another) if user.as_ref().is_some_and(|one: &Verified| one.user != another.user) => {
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

    async fn verify(&self, token: &str, deadline: Deadline) -> Result<Verified, Error> {
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

    fn user_of(&self, claims: &Members, key: &Key) -> Result<Verified, Error> {
        self.claims.requirements.check(claims, time::now().as_u64()).map_err(|cause| self.refused(cause))?;
        if key.issuer.as_ref().is_some_and(|issuer| !issuers::vouches_for(issuer, claims)) {
            return Err(self.refused("the key that signed the token is for another issuer's tokens"));
        }
        let users = match &self.claims.issuers {
            Some(issuers) => issuers.accept(claims).map_err(|cause| self.refused(cause))?,
            None => None,
        };
        let id = self.claims.user_claim.user_id(|name| claims.get(name)).map_err(|cause| self.refused(cause))?;
        let user = self.normalization.user_id(&id)?.of_issuer(users);
        Ok(Verified { user, details: self.claims.details.read(|name| claims.get(name)) })
    }

    fn refused(&self, cause: impl Into<Cow<'static, str>>) -> Error {
        Error::Unauthenticated { expected: self.expected(), cause: cause.into() }
    }
}

const WRONG_KEY: &str = "the signature is wrong";
const WRONG_SECRET: &str =
    "the signature is wrong: another secret, or one that is written in another way (see JWT_SECRET_ENCODING)";
