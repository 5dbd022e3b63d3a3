//! Where settings come from, and why one is refused: the reader that all of them go through.

use super::names;
use crate::{
    base64,
    clients::secrets::{Manager, Stored},
};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretSlice};
use std::{fmt, sync::LazyLock};

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
pub(crate) struct Secret(SecretSlice<u8>);

/// The shortest secret, in bytes: as long as the hash that it is for (RFC 7518, section 3.2).
pub const SHORTEST_SECRET: usize = 32;

impl Secret {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

/// How a secret's bytes are written: `JWT_SECRET_ENCODING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Its characters are its bytes.
    Text,
    Base64,
    Hex,
}

impl Encoding {
    const NAME: &str = "JWT_SECRET_ENCODING";

    /// # Errors
    /// [`ConfigError`] for an unknown value.
    pub(crate) fn read(source: &Source) -> Result<Self, ConfigError> {
        match source.optional(Self::NAME).as_deref() {
            None | Some("text") => Ok(Self::Text),
            Some("base64") => Ok(Self::Base64),
            Some("hex") => Ok(Self::Hex),
            Some(_) => Err(ConfigError::bad(Self::NAME, "`text`, `base64` or `hex`")),
        }
    }

    fn decode(self, name: &str, text: &str) -> Result<Vec<u8>, ConfigError> {
        match self {
            Self::Text => Ok(text.as_bytes().to_vec()),
            Self::Base64 => {
                base64::decode(text).ok_or_else(|| ConfigError::bad(name, "base64, as JWT_SECRET_ENCODING says"))
            }
            Self::Hex => {
                hex::decode(text).map_err(|_| ConfigError::bad(name, "hexadecimal, as JWT_SECRET_ENCODING says"))
            }
        }
    }
}

/// Where settings come from: the process's environment, or what a test or `cargo local` puts in its place.
pub struct Source<'a> {
    look_up: Box<LookUp<'a>>,
    names: Box<Names<'a>>,
}

type LookUp<'a> = dyn Fn(&str) -> Option<String> + 'a;
type Names<'a> = dyn Fn() -> Vec<String> + 'a;

/// The process's environment, copied once: to look one variable up, the system's own functions search and copy all over again. What is
/// not Unicode is no setting.
fn variables() -> &'static [(String, String)] {
    static VARIABLES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
        let all = std::env::vars_os();
        all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
    });
    &VARIABLES
}

impl Source<'static> {
    /// The process's environment.
    pub fn environment() -> Self {
        Self::new(|name| variables().iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()))
            .with_names(|| variables().iter().map(|(name, _)| name.clone()).collect())
    }
}

impl<'a> Source<'a> {
    /// Settings looked up with `look_up`. What else there is stays unknown, so that misspelt names are not found.
    pub fn new(look_up: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self { look_up: Box::new(look_up), names: Box::new(Vec::new) }
    }

    /// The same, with the names of all variables that there are.
    #[must_use]
    pub fn with_names(self, names: impl Fn() -> Vec<String> + 'a) -> Self {
        Self { names: Box::new(names), ..self }
    }

    /// The names of all variables, as far as they are known.
    pub(crate) fn names(&self) -> Vec<String> {
        (self.names)()
    }

    /// A variable that is empty counts as not set: that is how templates leave one out.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        debug_assert!(names::may_be_read(name), "{name} is missing in settings/names.rs");
        self.raw(name)
    }

    /// The same for any variable, also one that is no setting.
    pub(crate) fn raw(&self, name: &str) -> Option<String> {
        (self.look_up)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
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
    pub(crate) async fn secrets(&self, name: &str, encoding: Encoding) -> Result<Vec<Secret>, ConfigError> {
        let previous = format!("{name}_PREVIOUS");
        let manager = Manager::default();
        match (self.secret(name, encoding, &manager).await?, self.secret(&previous, encoding, &manager).await?) {
            (None, Some(_)) => {
                Err(ConfigError(format!("{previous} is set and {name} is not: {name} must be the newer secret.")))
            }
            (current, previous) => Ok(current.into_iter().chain(previous).collect()),
        }
    }

    async fn secret(&self, name: &str, encoding: Encoding, manager: &Manager) -> Result<Option<Secret>, ConfigError> {
        let arn_name = format!("{name}_ARN");
        let (at, secret) = match (self.optional(name), self.optional(&arn_name)) {
            (None, None) => return Ok(None),
            (Some(secret), None) => (name, encoding.decode(name, &secret)?),
            (None, Some(arn)) => {
                let stored = manager.read(&arn, name).await;
                let secret = match stored.map_err(|why| ConfigError(format!("{arn_name} {why}.")))? {
                    Stored::Text(text) => encoding.decode(&arn_name, text.expose_secret())?,
                    Stored::Bytes(bytes) => bytes.expose_secret().to_vec(),
                };
                (arn_name.as_str(), secret)
            }
            (Some(_), Some(_)) => {
                return Err(ConfigError(format!("{name} and {arn_name} are both set: set one of them.")));
            }
        };
        if secret.len() < SHORTEST_SECRET {
            let decoded = if encoding == Encoding::Text { "" } else { " after decoding" };
            let wanted = format!("a secret of at least 32 bytes{decoded}: make it with `openssl rand -base64 48`");
            return Err(ConfigError::bad(at, &wanted));
        }
        Ok(Some(Secret(secret.into())))
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
