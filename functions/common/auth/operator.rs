//! What the operator's tool learns about how callers are verified: which keys there are, and why a token is accepted or refused. The
//! functions have none of this.

use super::{
    Auth, Mode,
    jwt::Keys,
    keys::{Algorithms, Jwks},
};
use crate::{safe_url, time::Deadline};

/// How far clocks may be apart, in s.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number")]
pub const LEEWAY_S: u64 = super::jwt::LEEWAY_S as u64;

/// What tokens are verified with.
#[derive(Debug)]
pub enum KeySource {
    /// The key set at this URL, or why it cannot be read.
    Set(String, Result<Vec<ListedKey>, String>),
    /// Keys of the settings.
    Fixed(Vec<ListedKey>),
}

/// A key, without the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// Its name, if it has one.
    pub kid: Option<String>,
    /// The algorithms that it is used with, or why it is not used.
    pub algorithms: Result<Vec<String>, &'static str>,
}

/// What was found about a token. No text has the token, a secret, a user id, or a claim that no setting is compared with.
#[derive(Debug)]
pub struct Explanation {
    /// What was looked at, in the order of the functions.
    pub steps: Vec<Step>,
    /// What the functions decide, with their reason.
    pub verdict: Result<(), String>,
}

/// One thing that must be right about a token.
#[derive(Debug)]
pub struct Step {
    /// `format`, `signature`, `time`, `user`, or the setting that the token is compared with.
    pub about: &'static str,
    /// What is right, or what is wrong.
    pub finding: Result<String, String>,
}

impl Auth {
    /// What tokens are verified with, fetched now; `None` in a mode without tokens.
    pub async fn key_source(&self) -> Option<KeySource> {
        let Mode::Jwt(jwt) = &self.mode else { return None };
        Some(match jwt.keys() {
            Keys::Fixed(keys) => KeySource::Fixed(keys.iter().map(super::keys::Key::describe).collect()),
            Keys::Set(set) => KeySource::Set(set.url().to_string(), set.inspect().await),
        })
    }

    /// Why a token is accepted or refused; `None` in a mode without tokens.
    pub async fn explain(&self, token: &str, deadline: Deadline) -> Option<Explanation> {
        let Mode::Jwt(jwt) = &self.mode else { return None };
        Some(jwt.explain(token, deadline).await)
    }

    /// The issuers that are accepted; empty if any is, or in a mode without tokens.
    pub fn issuers(&self) -> Vec<&str> {
        let Mode::Jwt(jwt) = &self.mode else { return Vec::new() };
        jwt.issuers()
    }
}

/// Whether trusted data may come from this URL: `https`, or `http` on this machine, and without a fragment.
pub fn is_safe(url: &str) -> bool {
    safe_url::parse(url).is_some()
}

/// The key set at a URL, which may be an OpenID configuration that names a set on the same host.
///
/// # Errors
/// Why it cannot be read.
pub async fn key_set(url: &str) -> Result<Vec<ListedKey>, String> {
    let url = safe_url::parse(url).ok_or("it is not an https:// address")?;
    let set = Jwks::connect(url, Algorithms::default()).await.map_err(|error| error.to_string())?;
    set.inspect().await
}
