//! User ids as the functions of a site read them.

use super::{ConfigError, Lookup, auth};
use crate::{
    auth::Normalization,
    identity::{InvalidId, UserId},
};

/// Reads user ids.
#[derive(Clone, Copy, Debug)]
pub struct UserIds(Normalization);

impl UserIds {
    /// As `USER_ID_NORMALIZATION` says.
    ///
    /// # Errors
    /// [`ConfigError`] if it is invalid.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, ConfigError> {
        auth::normalization(lookup).map(Self)
    }

    /// The user with this id.
    ///
    /// # Errors
    /// [`InvalidId`] that says what to change.
    pub fn parse(self, id: &str) -> Result<UserId, InvalidId> {
        self.0.user_id(id)
    }
}
