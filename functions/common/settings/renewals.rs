//! `RENEWALS_PER_MINUTE`, `ON_IDENTITY_CHANGE`, and with `sealing.rs` `COOKIES_KMS_KEY`: how `getToken` and `getFreshToken` renew tokens.

use super::{ConfigError, CookiesKey, Lookup, sealing, telemetry};
use crate::renewal::OnIdentityChange;
use secrecy::SecretString;
use std::num::NonZeroU32;

/// How tokens are renewed.
#[derive(Clone, Debug)]
pub struct Renewals {
    /// `ON_IDENTITY_CHANGE`: `replace`, the default, or `reject`.
    pub on_identity_change: OnIdentityChange,
    /// `RENEWALS_PER_MINUTE`: how many renewals of one user's token may reach LiveChat in a minute. All the user's tokens
    /// for groups share a second limit of the same size. 10 by default, far more than a person's browsing needs.
    pub per_minute: NonZeroU32,
    /// `COOKIES_KMS_KEY`: the key with which cookies and agents' tokens are sealed. Without it, they are stored in the clear.
    pub cookies_key: Option<CookiesKey>,
    /// `SUBJECT_KEY`: the key of the hash of a customer's details that is stored.
    pub subject_key: Option<SecretString>,
}

impl Renewals {
    const DEFAULT_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, ConfigError> {
        let choices = [("replace", OnIdentityChange::Replace), ("reject", OnIdentityChange::Reject)];
        Ok(Self {
            on_identity_change: lookup.choice("ON_IDENTITY_CHANGE", choices)?,
            per_minute: per_minute(lookup)?,
            cookies_key: sealing::read(lookup)?,
            subject_key: telemetry::subject_key(lookup),
        })
    }
}

fn per_minute(lookup: &Lookup) -> Result<NonZeroU32, ConfigError> {
    const NAME: &str = "RENEWALS_PER_MINUTE";
    match lookup.optional(NAME) {
        None => Ok(Renewals::DEFAULT_PER_MINUTE),
        Some(number) => number.parse().map_err(|_| ConfigError::invalid(NAME, "an integer from 1 on, such as 10")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &'static str, value: &'static str) -> Result<Renewals, ConfigError> {
        Renewals::from_lookup(&Lookup::new(move |other| (other == name).then(|| value.to_owned())))
    }

    #[test]
    fn a_changed_identity_is_replaced_by_default() {
        let read = |value| read("ON_IDENTITY_CHANGE", value).map(|renewals| renewals.on_identity_change);
        assert_eq!(read("").ok(), Some(OnIdentityChange::Replace));
        assert_eq!(read("replace").ok(), Some(OnIdentityChange::Replace));
        assert_eq!(read("reject").ok(), Some(OnIdentityChange::Reject));
        let line = read("ignore").expect_err("refused").to_string();
        assert_eq!(line, "ON_IDENTITY_CHANGE is invalid: expected `replace` or `reject`.");
    }

    #[test]
    fn the_limit_of_renewals_is_10_by_default_and_at_least_1() {
        let read = |value| read("RENEWALS_PER_MINUTE", value).map(|renewals| renewals.per_minute.get());
        assert_eq!(read("").ok(), Some(10));
        assert_eq!(read("1").ok(), Some(1));
        for bad in ["0", "-1", "ten", "1.5", "4294967296"] {
            assert!(read(bad).expect_err("refused").to_string().contains("RENEWALS_PER_MINUTE"), "{bad}");
        }
    }
}
