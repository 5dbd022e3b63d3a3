//! The parameters of an OAuth request: a query, or a body that is form-encoded.

use super::refused::Refused;
use std::collections::HashMap;

/// Parameters by name.
pub(super) struct Params(HashMap<String, String>);

impl Params {
    /// # Errors
    /// If a parameter is there twice (RFC 6749, section 3.1).
    pub(super) fn read(pairs: Vec<(String, String)>) -> Result<Self, Refused> {
        let length = pairs.len();
        let params: HashMap<_, _> = pairs.into_iter().collect();
        if params.len() < length {
            return Err(Refused::bad("invalid_request", "a parameter is included more than once"));
        }
        Ok(Self(params))
    }

    /// The value of a parameter. One without a value counts as missing (RFC 6749, section 3.1).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// # Errors
    /// If the parameter is missing: with `why`.
    pub(super) fn require(&self, name: &str, why: &'static str) -> Result<&str, Refused> {
        self.get(name).ok_or(Refused::bad("invalid_request", why))
    }
}
