//! `JWT_SECRET`, `HMAC_SECRET` and their variants: a secret that the site's own server shares with these functions.

use super::{ConfigError, Lookup};
use crate::{
    auth::{SHORTEST_SECRET, Secret},
    base64,
};

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
    /// The name of the setting, such as `JWT_SECRET`.
    pub(crate) name: String,
    /// The variable with the ARN.
    pub(crate) variable: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// How its characters are to be read.
    encoding: Encoding,
}

/// How a secret's bytes are written: `JWT_SECRET_ENCODING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Its characters are its bytes.
    Text,
    /// Base64, in either alphabet.
    Base64,
    /// Hexadecimal.
    Hex,
}

impl StoredSecret {
    /// The secret, if AWS Secrets Manager has it as characters.
    ///
    /// # Errors
    /// [`ConfigError`] if they are not in the encoding that the settings say, or if the secret is too short.
    pub(crate) fn decode(&self, text: &str) -> Result<Secret, ConfigError> {
        decode(&self.variable, text, self.encoding)
    }

    /// The secret, if AWS Secrets Manager has it as bytes.
    ///
    /// # Errors
    /// [`ConfigError`] if the secret is too short.
    pub(crate) fn of_bytes(&self, bytes: Vec<u8>) -> Result<Secret, ConfigError> {
        long_enough(&self.variable, bytes, self.encoding)
    }
}

/// The secret that `variable` has, written as `encoding` says.
fn decode(variable: &str, text: &str, encoding: Encoding) -> Result<Secret, ConfigError> {
    let bytes =
        match encoding {
            Encoding::Text => text.as_bytes().to_vec(),
            Encoding::Base64 => base64::decode(text)
                .ok_or_else(|| ConfigError::invalid(variable, "base64, as JWT_SECRET_ENCODING says"))?,
            Encoding::Hex => hex::decode(text)
                .map_err(|_| ConfigError::invalid(variable, "hexadecimal, as JWT_SECRET_ENCODING says"))?,
        };
    long_enough(variable, bytes, encoding)
}

fn long_enough(variable: &str, bytes: Vec<u8>, encoding: Encoding) -> Result<Secret, ConfigError> {
    Secret::new(bytes).ok_or_else(|| {
        let decoded = if encoding == Encoding::Text { "" } else { " after decoding" };
        let expected =
            format!("a secret of at least {SHORTEST_SECRET} bytes{decoded}: create one with `openssl rand -base64 48`");
        ConfigError::invalid(variable, &expected)
    })
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
        (Some(text), None) => Ok(Some(SecretSource::Inline(decode(name, &text, encoding)?))),
        (None, Some(arn)) => {
            Ok(Some(SecretSource::Stored(StoredSecret { name: name.to_owned(), variable, arn, encoding })))
        }
        (Some(_), Some(_)) => Err(ConfigError::new(format!("{name} and {variable} are both set: set one of them."))),
    }
}
