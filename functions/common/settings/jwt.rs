//! `JWT_*`: how JSON Web Tokens are verified.

use super::{
    ConfigError, Lookup,
    lookup::safe_url,
    secrets::{Encoding, SecretSource, secrets},
};
use crate::auth::{Algorithms, ClaimName, Issuers, Key, Requirement, Requirements, public_key};
use jsonwebtoken::Algorithm;
use reqwest::Url;

/// The settings of `AUTH=jwt`.
#[derive(Debug)]
pub(crate) struct JwtSettings {
    /// `JWT_JWKS_URL`, `JWT_PUBLIC_KEY` or `JWT_SECRET`, and `JWT_ALGORITHMS`.
    pub(crate) keys: JwtKeys,
    /// `JWT_ISSUER`; `None` if any issuer is accepted.
    pub(crate) issuers: Option<Issuers>,
    /// `JWT_AUDIENCE`, `JWT_AUDIENCE_CLAIM` and `JWT_REQUIRED_CLAIMS`.
    pub(crate) requirements: Requirements,
    /// `JWT_USER_CLAIM`: the claim with the user id. `sub` by default.
    pub(crate) user_claim: ClaimName,
    /// `JWT_COOKIE`: the name of the cookie that may have the token.
    pub(crate) cookie: Option<String>,
}

/// What tokens are signed with. The algorithms are those of `JWT_ALGORITHMS`, by default one for each type of key.
#[derive(Debug)]
pub(crate) enum JwtKeys {
    /// `JWT_JWKS_URL`: the identity provider's key set.
    Set(Url, Algorithms),
    /// `JWT_PUBLIC_KEY`.
    Public(Box<Key>),
    /// `JWT_SECRET` and `JWT_SECRET_PREVIOUS`, written as `JWT_SECRET_ENCODING` says, or their `_ARN` variables.
    Secrets(Vec<SecretSource>, Vec<Algorithm>),
}

impl JwtSettings {
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or invalid.
    pub(super) fn from_lookup(lookup: &Lookup) -> Result<Self, ConfigError> {
        let keys = keys(lookup)?;
        let requirements = requirements(lookup)?;
        let issuers = match lookup.list("JWT_ISSUER") {
            None => None,
            Some(entries) => Some(Issuers::parse(&entries, &requirements)?),
        };
        if matches!(keys, JwtKeys::Set(..)) {
            check_shared_keys(issuers.as_ref(), &requirements)?;
        }
        Ok(Self {
            keys,
            issuers,
            requirements,
            user_claim: ClaimName::new(lookup.optional("JWT_USER_CLAIM").as_deref().unwrap_or("sub")),
            cookie: lookup.optional("JWT_COOKIE"),
        })
    }
}

fn keys(lookup: &Lookup) -> Result<JwtKeys, ConfigError> {
    let algorithms =
        lookup.optional("JWT_ALGORITHMS").map_or(Ok(Algorithms::default()), |list| Algorithms::parse(&list))?;
    let encodings = [("text", Encoding::Text), ("base64", Encoding::Base64), ("hex", Encoding::Hex)];
    let secrets = secrets(lookup, "JWT_SECRET", lookup.choice("JWT_SECRET_ENCODING", encodings)?)?;
    match (lookup.optional("JWT_JWKS_URL"), lookup.optional("JWT_PUBLIC_KEY"), secrets.is_empty()) {
        (Some(url), None, true) => Ok(JwtKeys::Set(safe_url("JWT_JWKS_URL", &url)?, algorithms)),
        (None, Some(key), true) => Ok(JwtKeys::Public(Box::new(public_key(&key, &algorithms)?))),
        (None, None, false) => Ok(JwtKeys::Secrets(secrets, algorithms.for_secrets()?)),
        _ => Err(ConfigError::new(
            "AUTH=jwt needs exactly one of JWT_JWKS_URL, JWT_PUBLIC_KEY and JWT_SECRET (or JWT_SECRET_ARN).",
        )),
    }
}

fn requirements(lookup: &Lookup) -> Result<Requirements, ConfigError> {
    let audience = match (lookup.list("JWT_AUDIENCE"), lookup.optional("JWT_AUDIENCE_CLAIM")) {
        (Some(values), claim) => Some(Requirement::audience(claim.as_deref().unwrap_or("aud"), values)?),
        (None, None) => None,
        (None, Some(_)) => {
            return Err(ConfigError::new(
                "JWT_AUDIENCE_CLAIM needs JWT_AUDIENCE: the values that this claim may have.",
            ));
        }
    };
    Requirements::parse(audience, &lookup.list("JWT_REQUIRED_CLAIMS").unwrap_or_default())
}

/// An identity provider signs tokens for other services with the same keys. So the settings must say who issues the tokens and for
/// which service (RFC 8725, sections 3.8 and 3.9).
fn check_shared_keys(issuers: Option<&Issuers>, requirements: &Requirements) -> Result<(), ConfigError> {
    if issuers.is_none() {
        return Err(ConfigError::new(
            "JWT_ISSUER is not set: JWT_JWKS_URL needs it, the `iss` of your identity provider's tokens.",
        ));
    }
    if !requirements.name_a_service() {
        return Err(ConfigError::new(
            "JWT_JWKS_URL needs JWT_AUDIENCE (with JWT_AUDIENCE_CLAIM, if your tokens name it in another claim than `aud`) or \
             JWT_REQUIRED_CLAIMS, such as azp=https://www.example.com: your provider signs tokens for other services with the \
             same keys.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<JwtSettings, ConfigError> {
        JwtSettings::from_lookup(&Lookup::new(|name| {
            settings.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        }))
    }

    const SECRET: (&str, &str) = ("JWT_SECRET", "test-secret-one-0123456789-0123456789");
    const JWKS_URL: (&str, &str) = ("JWT_JWKS_URL", "https://login.example/jwks");
    const ISSUER: (&str, &str) = ("JWT_ISSUER", "https://login.example/");

    #[test]
    fn shared_keys_need_something_that_says_for_which_service_a_token_is() {
        for settings in [
            &[] as &[_],
            &[("JWT_REQUIRED_CLAIMS", "tid=a,tid=b")],
            &[("JWT_REQUIRED_CLAIMS", "iss=https://login.example/")],
            &[("JWT_REQUIRED_CLAIMS", "/tid=a,token_use=access,email_verified=true,ver=2.0,typ=Bearer")],
            &[("JWT_REQUIRED_CLAIMS", "scope=openid")],
            &[("JWT_AUDIENCE_CLAIM", "/iss"), ("JWT_AUDIENCE", "https://login.example/")],
        ] {
            let line = read(&[&[JWKS_URL, ISSUER], settings].concat()).expect_err("refused").to_string();
            assert!(line.contains("JWT_AUDIENCE") && line.contains("JWT_REQUIRED_CLAIMS"), "{line}");
            assert!(read(&[&[SECRET], settings].concat()).is_ok(), "{settings:?}");
        }
        for settings in [
            &[("JWT_AUDIENCE", "chat")] as &[_],
            &[("JWT_REQUIRED_CLAIMS", "azp=https://a.example")],
            &[("JWT_REQUIRED_CLAIMS", "token_use=access,client_id=a")],
            &[("JWT_REQUIRED_CLAIMS", "https://shop.example/service=chat")],
            &[("JWT_AUDIENCE_CLAIM", "scope"), ("JWT_AUDIENCE", "livechat")],
        ] {
            assert!(read(&[&[JWKS_URL, ISSUER], settings].concat()).is_ok(), "{settings:?}");
            let line = read(&[&[JWKS_URL], settings].concat()).expect_err("refused").to_string();
            assert!(line.starts_with("JWT_ISSUER is not set"), "{line}");
        }
    }

    #[test]
    fn a_malformed_value_names_its_setting() {
        for (name, value) in [
            ("JWT_REQUIRED_CLAIMS", "token_use"),
            ("JWT_REQUIRED_CLAIMS", "=access"),
            ("JWT_REQUIRED_CLAIMS", "token_use="),
            ("JWT_AUDIENCE", ","),
            ("JWT_AUDIENCE_CLAIM", "azp"),
            ("JWT_ALGORITHMS", "none"),
            ("JWT_ALGORITHMS", "RS256"),
            ("JWT_SECRET_ENCODING", "base32"),
        ] {
            let line = read(&[SECRET, (name, value)]).expect_err(value).to_string();
            assert!(line.contains(name) && !line.contains('\n'), "{line}");
        }
    }
}
