//! The identity provider's keys: a JSON Web Key Set (RFC 7517) behind `JWT_JWKS_URL`.
//!
//! Fetched at init and kept. Fetched again when a token is signed by none of its keys, or when it is an hour old, so that a
//! withdrawn key is dropped; but in one process at most once a minute, or every 2 s without a usable set. While it cannot be fetched,
//! the old set is used, for a day at most.

use super::{
    Algorithms, Key,
    jwk::{self, Unused},
};
#[cfg(feature = "operator")]
use crate::auth::operator::ListedKey;
use crate::{
    auth::Error,
    clients::{https, roots::Roots},
    safe_url,
    time::{self, millis},
};
use jsonwebtoken::Algorithm;
use reqwest::{Client, Response, Url};
use serde_json::Value;
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::sync::Mutex;

#[derive(Debug)]
pub(crate) struct Jwks {
    url: Url,
    algorithms: Algorithms,
    http: Client,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: Arc<[Key]>,
    /// When the keys were fetched; Unix time in ms, because the monotonic clock stops while Lambda freezes a function.
    fetched_ms: Option<u64>,
    /// When it was tried last, with or without success; Unix time in ms.
    tried_ms: Option<u64>,
}

/// A document that a provider has at the URL.
enum Document {
    /// Keys, as the provider writes them.
    Keys(Vec<Value>),
    /// An OpenID configuration (OpenID Connect Discovery 1.0, section 3), which says where the keys are.
    Elsewhere(String),
}

/// Why there are no keys, for the log.
type Fault = Cow<'static, str>;

impl Jwks {
    /// A set that is older is fetched again when it is used next.
    const MAX_AGE: Duration = Duration::from_hours(1);
    /// A set that is older is not used any more: keys in it may have been withdrawn.
    const LONGEST_STALE: Duration = Duration::from_hours(24);
    /// The shortest interval between two tries to fetch it.
    const PAUSE: Duration = Duration::from_mins(1);
    /// The same while there is no usable set, so that no caller can be verified.
    const PAUSE_WITHOUT: Duration = Duration::from_secs(2);
    /// The longest duration of a fetch. A user may wait for it, at init too.
    const LONGEST_FETCH: Duration = Duration::from_secs(2);
    /// In bytes.
    const LONGEST_BODY: usize = 256 * 1024;

    /// The key set at `JWT_JWKS_URL`. If it cannot be fetched now, it is fetched later.
    ///
    /// # Errors
    /// If the TLS library does not support its own defaults.
    pub(crate) async fn connect(url: Url, algorithms: Algorithms) -> Result<Self, reqwest::Error> {
        let http = https::client(Roots::Mozilla).timeout(Self::LONGEST_FETCH).build()?;
        let jwks = Self { url, algorithms, http, state: Mutex::default() };
        jwks.refresh(&mut *jwks.state.lock().await).await;
        Ok(jwks)
    }

    /// The keys that a token with this header can be signed with.
    ///
    /// # Errors
    /// [`Error::KeysUnavailable`] if no key set could be fetched for a day.
    pub(in crate::auth) async fn candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Vec<Key>, Error> {
        let mut state = self.state.lock().await;
        let is_unknown = state.find(kid, algorithm).is_empty();
        if (is_unknown || state.is_older_than(Self::MAX_AGE)) && state.may_try() {
            self.refresh(&mut state).await;
        }
        if state.is_older_than(Self::LONGEST_STALE) {
            return Err(Error::KeysUnavailable("no key set could be fetched, or not for a day".into()));
        }
        Ok(state.find(kid, algorithm))
    }

    /// As `candidates`, but from a newer set, for a token that no candidate has signed: the provider may have replaced a key and kept its
    /// name, or replaced a key without a name. Empty if the last try to fetch the set was less than [`Self::PAUSE`] ago.
    pub(in crate::auth) async fn newer_candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<Key> {
        let mut state = self.state.lock().await;
        if !state.may_try() {
            return Vec::new();
        }
        self.refresh(&mut state).await;
        state.find(kid, algorithm)
    }

    async fn refresh(&self, state: &mut State) {
        state.tried_ms = Some(time::now().as_u64());
        match self.keys().await {
            Ok(keys) => {
                state.keys = keys.into();
                state.fetched_ms = state.tried_ms;
            }
            Err(cause) => {
                tracing::warn!(
                    cause = &*cause,
                    kept = state.keys.len(),
                    "the key set of JWT_JWKS_URL could not be fetched"
                );
            }
        }
    }

    async fn keys(&self) -> Result<Vec<Key>, Fault> {
        self.usable(self.listed().await?)
    }

    /// All keys of the set. If the URL has an OpenID configuration, they are fetched from where it says, on the same host.
    async fn listed(&self) -> Result<Vec<Value>, Fault> {
        let place = match self.fetch(&self.url).await? {
            Document::Keys(keys) => return Ok(keys),
            Document::Elsewhere(place) => place,
        };
        let next = safe_url::parse(&place).filter(|next| next.host() == self.url.host());
        let next = next.ok_or_else(|| elsewhere(&place))?;
        match self.fetch(&next).await? {
            Document::Keys(keys) => Ok(keys),
            Document::Elsewhere(place) => Err(elsewhere(&place)),
        }
    }

    async fn fetch(&self, url: &Url) -> Result<Document, Fault> {
        let failed = |error: reqwest::Error| match error {
            error if error.is_timeout() => "no response in time",
            error if error.is_connect() => "no connection",
            _ => "the connection broke",
        };
        let mut response = self.http.get(url.clone()).send().await.map_err(failed)?;
        check_status(&response)?;
        let body = https::body(&mut response, Self::LONGEST_BODY).await.map_err(failed)?;
        read(&body.ok_or("the response has more than 256 KiB")?)
    }

    /// The keys that tokens can be verified with.
    fn usable(&self, keys: Vec<Value>) -> Result<Vec<Key>, Fault> {
        // One by one: a bad key must not make the others unusable.
        let mut usable = Vec::new();
        let mut reasons = Vec::new();
        for key in keys {
            let kid = jwk::name(&key);
            match jwk::read(key, &self.algorithms) {
                Ok(key) => usable.push(key),
                Err(Unused::Unsuited(cause)) => reasons.push((kid, cause)),
                Err(Unused::Faulty(cause)) => {
                    tracing::warn!(kid, cause, "a key of the key set cannot be used");
                    reasons.push((kid, cause));
                }
            }
        }
        match (usable.is_empty(), reasons.first()) {
            (false, _) => Ok(usable),
            (true, None) => Err("the key set is empty".into()),
            (true, Some((kid, cause))) => {
                let kid = kid.as_deref().unwrap_or_default();
                Err(format!("the key set has no usable key; the first one, {kid:?}: {cause}").into())
            }
        }
    }
}

#[cfg(feature = "operator")]
impl Jwks {
    /// Where the set is.
    pub(in crate::auth) fn url(&self) -> &Url {
        &self.url
    }

    /// All keys of the set, fetched now.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(in crate::auth) async fn inspect(&self) -> Result<Vec<ListedKey>, String> {
        let keys = self.listed().await.map_err(Cow::into_owned)?;
        Ok(keys.into_iter().map(|key| self.describe(key)).collect())
    }

    fn describe(&self, key: Value) -> ListedKey {
        let kid = jwk::name(&key);
        match jwk::read(key, &self.algorithms) {
            Ok(key) => ListedKey { kid, ..key.describe() },
            Err(Unused::Unsuited(cause) | Unused::Faulty(cause)) => ListedKey { kid, algorithms: Err(cause) },
        }
    }
}

fn read(body: &[u8]) -> Result<Document, Fault> {
    // RFC 8259, section 8.1: a reader may ignore a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let Ok(Value::Object(mut document)) = serde_json::from_slice(body) else {
        return Err("the response is not a key set: it is not a JSON object, but perhaps a page for people".into());
    };
    match (document.remove("keys"), document.remove("jwks_uri")) {
        (Some(Value::Array(keys)), _) => Ok(Document::Keys(keys)),
        (None, Some(Value::String(place))) => Ok(Document::Elsewhere(place)),
        _ if document.values().any(is_certificate) => {
            Err("the response has certificates: set JWT_JWKS_URL to where your provider has them as a JSON Web Key Set"
                .into())
        }
        _ => Err("the response is not a key set: it has no array `keys`".into()),
    }
}

/// A redirect is not followed: no setting says that the keys may come from there.
fn check_status(response: &Response) -> Result<(), Fault> {
    match response.status() {
        status if status.is_success() => Ok(()),
        status if status.is_redirection() => Err(format!(
            "the response has the status {}: set JWT_JWKS_URL to the address that it leads to",
            status.as_u16()
        )
        .into()),
        status => Err(format!("the response has the status {}", status.as_u16()).into()),
    }
}

fn is_certificate(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("-----BEGIN CERTIFICATE"))
}

fn elsewhere(place: &str) -> Fault {
    let place: String = place.chars().take(300).collect();
    format!("the response is an OpenID configuration, which has its keys elsewhere: set JWT_JWKS_URL={place:?}").into()
}

impl State {
    fn may_try(&self) -> bool {
        let pause = if self.is_older_than(Jwks::LONGEST_STALE) { Jwks::PAUSE_WITHOUT } else { Jwks::PAUSE };
        self.tried_ms.is_none_or(|at_ms| time::now().as_u64().abs_diff(at_ms) >= millis(pause))
    }

    /// True also if there is no set, or if the clock was set back.
    fn is_older_than(&self, age: Duration) -> bool {
        self.fetched_ms.is_none_or(|at_ms| time::now().as_u64().abs_diff(at_ms) > millis(age))
    }

    /// The keys of that name, or, if there are none, the keys without a name. For a token without a `kid`, all keys (RFC 7515,
    /// section 4.1.4: the name is a hint). Each key is pinned to its algorithms, and the provider vouches for all of them.
    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<Key> {
        /// The most keys that one token is verified with.
        const MOST: usize = 32;
        let fitting = || self.keys.iter().filter(|key| key.algorithms.contains(&algorithm));
        let named: Vec<_> =
            fitting().filter(|key| kid.is_some() && key.kid.as_deref() == kid).take(MOST).cloned().collect();
        if named.is_empty() {
            fitting().filter(|key| kid.is_none() || key.kid.is_none()).take(MOST).cloned().collect()
        } else {
            named
        }
    }
}
