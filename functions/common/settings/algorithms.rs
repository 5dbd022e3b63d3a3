//! `JWT_ALGORITHMS`: the algorithms that tokens may be signed with.

use super::{ConfigError, Lookup};
use crate::auth::Algorithms;

const NAME: &str = "JWT_ALGORITHMS";

/// # Errors
/// [`ConfigError`] if an entry is not the name of an algorithm that can be verified.
pub(super) fn read(lookup: &Lookup) -> Result<Algorithms, ConfigError> {
    let Some(list) = lookup.optional(NAME) else { return Ok(Algorithms::default()) };
    let expected = "a list of some of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA and Ed25519";
    Algorithms::parse(&list).ok_or_else(|| ConfigError::invalid(NAME, expected))
}

/// The error if none of the listed algorithms is for the key in the settings.
pub(super) fn none_fits() -> ConfigError {
    ConfigError::invalid(NAME, "a list with at least one algorithm for the kind of key that is set")
}
