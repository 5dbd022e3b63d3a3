//! The identity provider's keys: a JSON Web Key Set (RFC 7517) behind `JWT_JWKS_URL`.
//!
//! Fetched at init and kept. Fetched again when a token names a key that is not in it, or when it is an hour old, so that a
//! key that was withdrawn goes; but never more than once a minute in one process, whatever tokens say. While it cannot be had,
//! the old set goes on, for a day at most.

use super::keys::{Algorithms, Key};
use crate::{
    config::source::{ConfigError, safe_url},
    error::Error,
    https,
    time::{millis, now_ms},
};
use jsonwebtoken::{Algorithm, jwk::Jwk};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::sync::Mutex;

#[derive(Debug)]
pub(super) struct Jwks {
    url: Url,
    algorithms: Algorithms,
    http: Client,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: Arc<[Key]>,
    /// When the keys were fetched; Unix time in ms, as the other clock stands still while Lambda freezes a function.
    fetched_ms: Option<u64>,
    /// When it was tried last, with or without success; Unix time in ms.
    tried_ms: Option<u64>,
}

impl Jwks {
    /// A set that is older is fetched again when it is used next.
    const MAX_AGE: Duration = Duration::from_hours(1);
    /// A set that is older is none: keys in it may have been withdrawn.
    const LONGEST_STALE: Duration = Duration::from_hours(24);
    /// Between two tries to fetch it.
    const PAUSE: Duration = Duration::from_mins(1);
    /// The same while there is no set at all, and so nobody can be verified.
    const PAUSE_WITHOUT: Duration = Duration::from_secs(2);
    /// The longest that a fetch takes. The one at init is paid by a waiting user too.
    const LONGEST_FETCH: Duration = Duration::from_secs(2);
    /// In bytes.
    const LONGEST_BODY: usize = 256 * 1024;

    /// The set behind `JWT_JWKS_URL`, `url`. If it cannot be had now, it will be tried again.
    ///
    /// # Errors
    /// [`ConfigError`] if the URL is none.
    pub(super) async fn connect(url: &str, algorithms: Algorithms) -> Result<Self, ConfigError> {
        let url = safe_url("JWT_JWKS_URL", url)?;
        let http = https::client()
            .timeout(Self::LONGEST_FETCH)
            .build()
            .map_err(|_| ConfigError::new("JWT_JWKS_URL cannot be used: TLS does not start."))?;
        let jwks = Self { url, algorithms, http, state: Mutex::default() };
        jwks.refresh(&mut *jwks.state.lock().await).await;
        Ok(jwks)
    }

    /// The keys that a token with this header can be signed with: those of its name, or if it names none the only one.
    pub(super) async fn candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Vec<Key>, Error> {
        let mut state = self.state.lock().await;
        if state.is_older_than(Self::MAX_AGE) && state.may_try() {
            self.refresh(&mut state).await;
        }
        let mut found = state.find(kid, algorithm);
        if found.is_empty() && state.may_try() {
            self.refresh(&mut state).await;
            found = state.find(kid, algorithm);
        }
        if state.is_older_than(Self::LONGEST_STALE) {
            return Err(Error::KeysUnavailable("no key set could be fetched, or not for a day".into()));
        }
        Ok(found)
    }

    async fn refresh(&self, state: &mut State) {
        state.tried_ms = Some(now_ms());
        match self.fetch().await {
            Ok(keys) => {
                state.keys = keys.into();
                state.fetched_ms = state.tried_ms;
            }
            Err(cause) => tracing::warn!(cause, kept = state.keys.len(), "the key set could not be fetched"),
        }
    }

    async fn fetch(&self) -> Result<Vec<Key>, &'static str> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let failed = |error: reqwest::Error| match error {
            error if error.is_timeout() => "no answer in time",
            error if error.is_connect() => "no connection",
            _ => "the connection broke",
        };
        let mut answer = self.http.get(self.url.clone()).send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err("the answer's status is not 200");
        }
        let body = https::body(&mut answer, Self::LONGEST_BODY).await.map_err(failed)?;
        let body = body.ok_or("the answer has more than 256 KiB")?;
        let set: Set = serde_json::from_slice(&body).map_err(|_| "the answer is no key set")?;
        // One by one: a kind of key that is not known must not take the others along.
        let jwks = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let keys: Vec<_> = jwks.filter_map(|jwk| self.algorithms.of_jwk(&jwk)).collect();
        if keys.is_empty() { Err("the key set has no key that could be used") } else { Ok(keys) }
    }
}

impl State {
    fn may_try(&self) -> bool {
        let pause = if self.is_older_than(Jwks::LONGEST_STALE) { Jwks::PAUSE_WITHOUT } else { Jwks::PAUSE };
        self.tried_ms.is_none_or(|at_ms| now_ms().abs_diff(at_ms) >= millis(pause))
    }

    /// Also when there is none, or when the clock was set back.
    fn is_older_than(&self, age: Duration) -> bool {
        self.fetched_ms.is_none_or(|at_ms| now_ms().abs_diff(at_ms) > millis(age))
    }

    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<Key> {
        let fits = |key: &&Key| key.algorithms.contains(&algorithm);
        match kid {
            Some(_) => self.keys.iter().filter(|key| key.kid.as_deref() == kid).filter(fits).cloned().collect(),
            // RFC 7515, section 4.1.4: a set of one needs no names.
            None if self.keys.len() == 1 => self.keys.iter().filter(fits).cloned().collect(),
            None => Vec::new(),
        }
    }
}
