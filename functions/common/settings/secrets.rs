//! `JWT_SECRET`, `HMAC_SECRET` and their variants: a secret that the site's own server shares with these functions.

use super::{ConfigError, Lookup};
use crate::base64;
use secrecy::{ExposeSecret, SecretSlice};

/// The shortest secret, in bytes: as long as the hash that it is for (RFC 7518, section 3.2).
pub const SHORTEST_SECRET: usize = 32;

/// The bytes of a secret that is long enough.
#[derive(Clone, Debug)]
pub(crate) struct Secret(SecretSlice<u8>);

/// Where a secret is.
#[derive(Clone, Debug)]
pub(crate) enum SecretSource {
    /// `<name>`: the variable has the secret itself.
    Inline(Secret),
    /// `<name>_ARN`: AWS Secrets Manager has it.
    Stored(StoredSecret),
}

/// A secret in AWS Secrets Manager.
#[derive(Clone, Debug)]
pub(crate) struct StoredSecret {
    /// What the secret is called here, such as `JWT_SECRET`.
    pub(crate) name: String,
    /// The variable with the ARN.
    pub(crate) variable: String,
    pub(crate) arn: String,
    /// How its characters are to be read.
    pub(crate) encoding: Encoding,
}

/// How a secret's bytes are written: `JWT_SECRET_ENCODING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Its characters are its bytes.
    Text,
    Base64,
    Hex,
}

impl Secret {
    /// The secret that `variable` has, written as `encoding` says.
    ///
    /// # Errors
    /// [`ConfigError`] if it is written in another way, or too short.
    pub(crate) fn decode(variable: &str, text: &str, encoding: Encoding) -> Result<Self, ConfigError> {
        let bytes = match encoding {
            Encoding::Text => text.as_bytes().to_vec(),
            Encoding::Base64 => base64::decode(text)
                .ok_or_else(|| ConfigError::invalid(variable, "base64, as JWT_SECRET_ENCODING says"))?,
            Encoding::Hex => hex::decode(text)
                .map_err(|_| ConfigError::invalid(variable, "hexadecimal, as JWT_SECRET_ENCODING says"))?,
        };
        Self::new(variable, bytes, encoding)
    }

    /// # Errors
    /// [`ConfigError`] if there are too few bytes.
    pub(crate) fn new(variable: &str, bytes: Vec<u8>, encoding: Encoding) -> Result<Self, ConfigError> {
        if bytes.len() >= SHORTEST_SECRET {
            return Ok(Self(bytes.into()));
        }
        let decoded = if encoding == Encoding::Text { "" } else { " after decoding" };
        let expected =
            format!("a secret of at least {SHORTEST_SECRET} bytes{decoded}: create one with `openssl rand -base64 48`");
        Err(ConfigError::invalid(variable, &expected))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

/// The secret `name` and, during a rotation, `<name>_PREVIOUS`: the newer one first. Each is in its variable, or in AWS Secrets
/// Manager under the ARN in `<variable>_ARN`. Empty if none is set.
pub(super) fn secrets(lookup: &Lookup, name: &str, encoding: Encoding) -> Result<Vec<SecretSource>, ConfigError> {
    let previous = format!("{name}_PREVIOUS");
    match (secret(lookup, name, encoding)?, secret(lookup, &previous, encoding)?) {
        (None, Some(_)) => {
            Err(ConfigError::new(format!("{previous} is set and {name} is not: {name} must be the newer secret.")))
        }
        (current, previous) => Ok(current.into_iter().chain(previous).collect()),
    }
}

fn secret(lookup: &Lookup, name: &str, encoding: Encoding) -> Result<Option<SecretSource>, ConfigError> {
    let variable = format!("{name}_ARN");
    match (lookup.optional(name), lookup.optional(&variable)) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(SecretSource::Inline(Secret::decode(name, &text, encoding)?))),
        (None, Some(arn)) => {
            Ok(Some(SecretSource::Stored(StoredSecret { name: name.to_owned(), variable, arn, encoding })))
        }
        (Some(_), Some(_)) => Err(ConfigError::new(format!("{name} and {variable} are both set: set one of them."))),
    }
}
