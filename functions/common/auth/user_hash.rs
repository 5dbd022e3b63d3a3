//! `AUTH=hmac`: the site's own server gives its page the user's id and a MAC of the id, and the page sends both.
//!
//! `X-User-Hash` is the HMAC-SHA256 (RFC 2104) of the user id, with `HMAC_SECRET` as the key, in hexadecimal. With
//! `X-User-Hash-Expires` (Unix time in s), it is the HMAC of the user id, a line feed and that number. The site's server must not
//! sign an id with a line feed (docs/authentication.md), or one kind of hash could be used as the other. Here such ids are invalid.

use super::{LAST_END_S, no_user, only};
use crate::{
    auth::{Credential, Error, Secret},
    identity::UserId,
    time,
};
use lambda_http::http::HeaderMap;
use ring::hmac;

const HASH_HEADER: &str = "x-user-hash";
const EXPIRES_HEADER: &str = "x-user-hash-expires";

/// The secrets: `HMAC_SECRET`, and `HMAC_SECRET_PREVIOUS` while they are being rotated.
#[derive(Debug)]
pub(crate) struct UserHash {
    keys: Vec<hmac::Key>,
}

impl UserHash {
    /// Accepts a hash that was created with one of these secrets.
    pub(crate) fn new(secrets: &[Secret]) -> Self {
        Self { keys: secrets.iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.bytes())).collect() }
    }

    /// The user of the path, if the request has the right hash; `None` if it has no hash.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a hash that is not accepted, [`Error::InvalidRequest`] if the path has no user.
    pub(super) fn user(&self, headers: &HeaderMap, in_path: Option<&UserId>) -> Result<Option<UserId>, Error> {
        let hash = only(headers, HASH_HEADER).map_err(|_| refused("two hashes"))?;
        let expires = only(headers, EXPIRES_HEADER).map_err(|_| refused("two expiries"))?;
        let Some(hash) = hash else { return Ok(None) };
        let user = in_path.ok_or_else(|| no_user("hmac"))?;
        let hash = hex::decode(hash).map_err(|_| refused("the hash is not in hexadecimal"))?;
        let mut message = user.as_str().as_bytes().to_vec();
        if let Some(expires) = expires {
            message.push(b'\n');
            message.extend_from_slice(expires);
        }
        // In constant time.
        if !self.keys.iter().any(|key| hmac::verify(key, &message, &hash).is_ok()) {
            return Err(refused("the hash is not the one of this user id"));
        }
        if expires.is_some_and(|expires| !is_ahead(expires)) {
            return Err(refused("the hash has expired, or its expiry is not in s"));
        }
        Ok(Some(user.clone()))
    }
}

/// Whether a time, Unix time in s, is in the future.
fn is_ahead(expires: &[u8]) -> bool {
    let expires_s: Option<u64> = std::str::from_utf8(expires).ok().and_then(|digits| digits.parse().ok());
    expires_s.is_some_and(|expires_s| expires_s > time::now().in_seconds().as_u64() && expires_s < LAST_END_S)
}

fn refused(cause: &'static str) -> Error {
    Error::Unauthenticated { expected: Credential::UserHash, cause: cause.into() }
}
