//! The settings that the dialogue is about.

use cip::settings::Lookup;
use std::collections::BTreeMap;

/// The account at LiveChat, and who may call.
const COMMON: [&str; 6] = [
    "LIVECHAT_CLIENT_ID",
    "LIVECHAT_ORGANIZATION_ID",
    "LIVECHAT_LICENSE_ID",
    "LIVECHAT_REDIRECT_URI",
    "ALLOWED_ORIGINS",
    "GUESTS",
];

/// How callers are verified. Another way of verifying needs others of these, so all are set together.
const VERIFICATION: [&str; 21] = [
    "AUTH",
    "ALLOW_UNVERIFIED_USERS",
    "JWT_JWKS_URL",
    "JWT_PUBLIC_KEY",
    "JWT_SECRET",
    "JWT_SECRET_ARN",
    "JWT_SECRET_PREVIOUS",
    "JWT_SECRET_PREVIOUS_ARN",
    "JWT_SECRET_ENCODING",
    "JWT_ALGORITHMS",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "JWT_AUDIENCE_CLAIM",
    "JWT_REQUIRED_CLAIMS",
    "JWT_USER_CLAIM",
    "JWT_COOKIE",
    "AUTHORIZER_CLAIM",
    "HMAC_SECRET",
    "HMAC_SECRET_ARN",
    "HMAC_SECRET_PREVIOUS",
    "HMAC_SECRET_PREVIOUS_ARN",
];

/// The authorizer of API Gateway: parameters of the stack alone, named here like the variables.
pub(super) const AUTHORIZER_ISSUER: &str = "AUTHORIZER_ISSUER";
pub(super) const AUTHORIZER_AUDIENCE: &str = "AUTHORIZER_AUDIENCE";

/// The names of all settings that setup writes.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COMMON.into_iter().chain(VERIFICATION).chain([AUTHORIZER_ISSUER, AUTHORIZER_AUDIENCE])
}

/// Settings by name. No value is empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Values(BTreeMap<String, String>);

impl Values {
    /// The settings among these that are not empty.
    pub(super) fn of(all: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut values = Self::default();
        for (name, value) in all {
            values.set(&name, value);
        }
        values
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets a setting; an empty value removes it.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into().trim().to_owned();
        if value.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.into(), value);
        }
    }

    /// The same with another value.
    #[must_use]
    pub(super) fn with(&self, name: &str, value: impl Into<String>) -> Self {
        let mut changed = self.clone();
        changed.set(name, value);
        changed
    }

    /// These settings, and of the others those that are missing here.
    #[must_use]
    pub(super) fn or(&self, others: &Self) -> Self {
        let mut all = others.clone();
        all.0.extend(self.0.clone());
        all
    }

    /// The settings of how callers are verified.
    pub(super) fn verification(&self) -> Self {
        let is_one =
            |name: &str| VERIFICATION.contains(&name) || [AUTHORIZER_ISSUER, AUTHORIZER_AUDIENCE].contains(&name);
        Self(
            self.0.iter().filter(|(name, _)| is_one(name)).map(|(name, value)| (name.clone(), value.clone())).collect(),
        )
    }

    /// The other settings.
    pub(super) fn without_verification(&self) -> Self {
        let removed = self.verification();
        let kept = self.0.iter().filter(|(name, _)| removed.get(name).is_none());
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// These settings, as the functions read them.
    pub(super) fn lookup(&self) -> Lookup<'_> {
        Lookup::new(|name| self.get(name).map(str::to_owned))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
