//! Where settings come from, and why one is refused: the reader that all of them go through.

use crate::secrets::Manager;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// Why a function cannot start: one line for the person who deploys it.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// `main` prints an error that ends it with `Debug`; this one is made to be read.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ConfigError {
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }

    /// A value that cannot be; it may be secret, and is not repeated.
    pub(crate) fn bad(name: &str, must_be: &str) -> Self {
        Self(format!("{name} has a value that it cannot have: it must be {must_be}."))
    }
}

/// A secret that the site's own server shares with these functions.
#[derive(Clone, Debug)]
pub(crate) struct Secret(SecretString);

/// The shortest secret, in bytes: as long as the hash that it is for (RFC 7518, section 3.2).
pub const SHORTEST_SECRET: usize = 32;

impl Secret {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// Where settings come from: the process's environment, or what a test or `cargo local` puts in its place.
pub struct Source<'a>(Box<LookUp<'a>>);

type LookUp<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Source<'static> {
    /// The process's environment.
    pub fn environment() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }
}

impl<'a> Source<'a> {
    /// Settings looked up with `look_up`.
    pub fn new(look_up: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self(Box::new(look_up))
    }

    /// A variable that is empty counts as not set: that is how templates leave one out.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &str, what: &str) -> Result<String, ConfigError> {
        self.optional(name).ok_or_else(|| ConfigError(format!("{name} is not set: it must be {what}.")))
    }

    /// The parts of a list with commas between; what is empty is none.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let list = self.optional(name).unwrap_or_default();
        list.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, ConfigError> {
        match self.optional(name).as_deref() {
            None => Ok(default),
            Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ConfigError::bad(name, "`true` or `false`")),
        }
    }

    /// The secret `name` and, while it is being rotated, `<name>_PREVIOUS`: the newer one first. Either is in a variable, or in
    /// AWS Secrets Manager, with the variable `<name>_ARN` for where.
    pub(crate) async fn secrets(&self, name: &str) -> Result<Vec<Secret>, ConfigError> {
        let previous = format!("{name}_PREVIOUS");
        let manager = Manager::default();
        match (self.secret(name, &manager).await?, self.secret(&previous, &manager).await?) {
            (None, Some(_)) => {
                Err(ConfigError(format!("{previous} is set and {name} is not: {name} must be the newer secret.")))
            }
            (current, previous) => Ok(current.into_iter().chain(previous).collect()),
        }
    }

    async fn secret(&self, name: &str, manager: &Manager) -> Result<Option<Secret>, ConfigError> {
        let arn_name = format!("{name}_ARN");
        let (at, secret) = match (self.optional(name), self.optional(&arn_name)) {
            (None, None) => return Ok(None),
            (Some(secret), None) => (name, secret.into()),
            (None, Some(arn)) => {
                let read = manager.read(&arn, name).await;
                (arn_name.as_str(), read.map_err(|why| ConfigError(format!("{arn_name} {why}.")))?)
            }
            (Some(_), Some(_)) => {
                return Err(ConfigError(format!("{name} and {arn_name} are both set: set one of them.")));
            }
        };
        if secret.expose_secret().len() < SHORTEST_SECRET {
            return Err(ConfigError::bad(at, "a secret of at least 32 bytes: make it with `openssl rand -base64 48`"));
        }
        Ok(Some(Secret(secret)))
    }
}

/// A URL that what is secret may travel to, or what is trusted may come from: unencrypted only where it does not leave the
/// machine.
pub(crate) fn safe_url(name: &str, address: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(address).ok().filter(|url| url.fragment().is_none());
    let safe = |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(url));
    url.filter(safe).ok_or_else(|| ConfigError::bad(name, "an https:// address (http:// only for this machine)"))
}

fn is_this_machine(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "host.docker.internal") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        None => false,
    }
}
