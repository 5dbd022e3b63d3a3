//! `JWT_*`: how JSON Web Tokens are verified.

use super::{
    ConfigError, Lookup, algorithms, details,
    lookup::safe_url,
    public_key::public_key,
    secrets::{Encoding, SecretSource, secrets},
};
use crate::auth::{
    Algorithms, ClaimName, ClaimRules, InvalidIssuers, Issuers, Key, KeyKind, Requirement, Requirements,
};
use jsonwebtoken::Algorithm;
use reqwest::Url;

/// The settings of `AUTH=jwt`.
#[derive(Debug)]
pub(crate) struct JwtSettings {
    /// `JWT_JWKS_URL`, `JWT_PUBLIC_KEY` or `JWT_SECRET`, and `JWT_ALGORITHMS`.
    pub(crate) keys: JwtKeys,
    /// `JWT_ISSUER`; `JWT_AUDIENCE`, `JWT_AUDIENCE_CLAIM` and `JWT_REQUIRED_CLAIMS`; `JWT_USER_CLAIM`, by default `sub`;
    /// `CUSTOMER_DETAILS`.
    pub(crate) claims: ClaimRules,
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
        let issuers = issuers(lookup, &requirements)?;
        if matches!(keys, JwtKeys::Set(..)) {
            check_shared_keys(issuers.as_ref(), &requirements)?;
        }
        let user_claim = ClaimName::new(lookup.optional("JWT_USER_CLAIM").as_deref().unwrap_or("sub"));
        let claims = ClaimRules { issuers, requirements, user_claim, details: details::read(lookup)? };
        Ok(Self { keys, claims, cookie: lookup.optional("JWT_COOKIE") })
    }
}

fn keys(lookup: &Lookup) -> Result<JwtKeys, ConfigError> {
    let algorithms = algorithms::read(lookup)?;
    let encodings = [("text", Encoding::Text), ("base64", Encoding::Base64), ("hex", Encoding::Hex)];
    let secrets = secrets(lookup, "JWT_SECRET", lookup.choice("JWT_SECRET_ENCODING", encodings)?)?;
    match (lookup.optional("JWT_JWKS_URL"), lookup.optional("JWT_PUBLIC_KEY"), secrets.is_empty()) {
        (Some(url), None, true) => Ok(JwtKeys::Set(safe_url("JWT_JWKS_URL", &url)?, algorithms)),
        (None, Some(key), true) => Ok(JwtKeys::Public(Box::new(public_key(&key, &algorithms)?))),
        (None, None, false) => {
            Ok(JwtKeys::Secrets(secrets, algorithms.for_key(KeyKind::Secret).ok_or_else(algorithms::none_fits)?))
        }
        _ => Err(ConfigError::new(
            "AUTH=jwt needs exactly one of JWT_JWKS_URL, JWT_PUBLIC_KEY and JWT_SECRET (or JWT_SECRET_ARN).",
        )),
    }
}

fn issuers(lookup: &Lookup, requirements: &Requirements) -> Result<Option<Issuers>, ConfigError> {
    const NAME: &str = "JWT_ISSUER";
    let Some(entries) = lookup.list(NAME) else { return Ok(None) };
    Issuers::parse(&entries, requirements).map(Some).map_err(|invalid| match invalid {
        InvalidIssuers::Malformed => {
            ConfigError::invalid(NAME, "the `iss` of your tokens, or several with commas between, without `#`")
        }
        InvalidIssuers::Repeated => ConfigError::new("JWT_ISSUER names an issuer twice: name each once."),
        InvalidIssuers::NoTenants => ConfigError::new(
            "JWT_ISSUER has a place for the token's tenant, so JWT_REQUIRED_CLAIMS must list the tenants whose users may call, such as \
             tid=aaaabbbb-0000-cccc-1111-dddd2222eeee,tid=bbbbcccc-1111-dddd-2222-eeee3333ffff.",
        ),
    })
}

fn requirements(lookup: &Lookup) -> Result<Requirements, ConfigError> {
    let audience = match (lookup.list("JWT_AUDIENCE"), lookup.optional("JWT_AUDIENCE_CLAIM")) {
        (Some(values), _) if values.is_empty() => {
            return Err(ConfigError::invalid("JWT_AUDIENCE", "at least one audience"));
        }
        (Some(values), claim) => Some(Requirement::audience(claim.as_deref().unwrap_or("aud"), values)),
        (None, None) => None,
        (None, Some(_)) => {
            return Err(ConfigError::new(
                "JWT_AUDIENCE_CLAIM needs JWT_AUDIENCE: the values that this claim may have.",
            ));
        }
    };
    let entries = lookup.list("JWT_REQUIRED_CLAIMS").unwrap_or_default();
    let claims: Result<Vec<_>, _> = entries.iter().map(|entry| required_claim(entry)).collect();
    Ok(Requirements::new(audience, &claims?))
}

/// Name and value of an entry `name=value` in `JWT_REQUIRED_CLAIMS`.
fn required_claim(entry: &str) -> Result<(&str, &str), ConfigError> {
    let pair = entry.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
    pair.filter(|(name, value)| !name.is_empty() && !value.is_empty()).ok_or_else(|| {
        ConfigError::invalid("JWT_REQUIRED_CLAIMS", "a list such as token_use=access,azp=https://www.example.com")
    })
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
    fn a_key_set_needs_an_audience_or_a_claim_that_names_the_service() {
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
            ("JWT_ISSUER", ","),
            ("JWT_ISSUER", "|"),
            ("JWT_ISSUER", "https://a.example,https://a.example"),
            ("JWT_ISSUER", "https://a.example,https://b.example/#x"),
            ("JWT_ISSUER", "https://sts.example/{tid}/"),
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
        let line = read(&[SECRET, ("JWT_ISSUER", "https://sts.example/{tid}/")]).expect_err("no tenants").to_string();
        assert!(line.contains("JWT_REQUIRED_CLAIMS"), "{line}");
    }
}
