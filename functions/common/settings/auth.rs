//! `AUTH`, and what all its modes have in common: how callers are verified.

use super::{
    ConfigError, Lookup, details,
    jwt::JwtSettings,
    origins::{allowed_origins, allowed_origins_or_any},
    secrets::{Encoding, SecretSource, secrets},
};
use crate::auth::{ClaimName, DetailRules, Guests, Normalization, Origins};

/// How callers are verified.
#[derive(Debug)]
pub struct AuthSettings {
    /// `AUTH`.
    pub(crate) mode: AuthMode,
    /// `USER_ID_NORMALIZATION`: which spellings of a user id are the same user.
    pub(crate) normalization: Normalization,
    /// `ALLOWED_ORIGINS`: the origins of the site's pages.
    pub(crate) allowed_origins: Origins,
    /// `GUESTS` and `ADOPT_GUESTS`.
    pub(crate) guests: Guests,
}

/// The values of `AUTH`, each with its own settings.
#[derive(Debug)]
pub(crate) enum AuthMode {
    /// `jwt`: by a JSON Web Token.
    Jwt(Box<JwtSettings>),
    /// `authorizer`: by the gateway.
    Authorizer {
        /// `AUTHORIZER_CLAIM`: the claim with the user id. `sub` by default.
        claim: ClaimName,
        /// `CUSTOMER_DETAILS`.
        details: DetailRules,
    },
    /// `hmac`: by a hash of the user id.
    Hmac {
        /// `HMAC_SECRET` and `HMAC_SECRET_PREVIOUS`, or their `_ARN` variables: the newer one first.
        secrets: Vec<SecretSource>,
    },
    /// `none`: not at all. In Lambda only with `ALLOW_UNVERIFIED_USERS=true`.
    None,
}

impl AuthSettings {
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or invalid.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self, ConfigError> {
        let normalization = normalization(lookup)?;
        let mode = AuthMode::from_lookup(lookup)?;
        let allowed_origins = Origins::new(match mode {
            AuthMode::None => allowed_origins_or_any(lookup)?,
            _ => allowed_origins(lookup)?,
        });
        if mode.has_cookie() && allowed_origins.is_empty() {
            return Err(ConfigError::new(
                "JWT_COOKIE needs ALLOWED_ORIGINS: a cookie only counts in calls from pages of these origins.",
            ));
        }
        Ok(Self { mode, normalization, allowed_origins, guests: guests(lookup)? })
    }
}

/// `USER_ID_NORMALIZATION`.
///
/// # Errors
/// [`ConfigError`] if the value is not one of the three.
pub(super) fn normalization(lookup: &Lookup) -> Result<Normalization, ConfigError> {
    let normalizations =
        [("none", Normalization::None), ("nfc", Normalization::Nfc), ("nfc-lowercase", Normalization::NfcLowercase)];
    lookup.choice("USER_ID_NORMALIZATION", normalizations)
}

impl AuthMode {
    fn from_lookup(lookup: &Lookup) -> Result<Self, ConfigError> {
        const NAME: &str = "AUTH";
        const MODES: &str = "`jwt`, `authorizer`, `hmac` or `none`";
        match lookup.required(NAME, MODES)?.as_str() {
            "jwt" => Ok(Self::Jwt(Box::new(JwtSettings::from_lookup(lookup)?))),
            "authorizer" => {
                let claim = lookup.optional("AUTHORIZER_CLAIM");
                let claim = ClaimName::new(claim.as_deref().unwrap_or("sub"));
                Ok(Self::Authorizer { claim, details: details::read(lookup)? })
            }
            "hmac" => {
                details::check_unused(lookup, "hmac")?;
                Ok(Self::Hmac { secrets: user_hash_secrets(lookup)? })
            }
            "none" => {
                details::check_unused(lookup, "none")?;
                check_unverified(lookup).map(|()| Self::None)
            }
            _ => Err(ConfigError::invalid(NAME, MODES)),
        }
    }

    fn has_cookie(&self) -> bool {
        matches!(self, Self::Jwt(jwt) if jwt.cookie.is_some())
    }
}

fn guests(lookup: &Lookup) -> Result<Guests, ConfigError> {
    if !lookup.flag("GUESTS", false)? {
        return Ok(Guests::No);
    }
    Ok(Guests::Yes { adopted: lookup.flag("ADOPT_GUESTS", true)? })
}

fn user_hash_secrets(lookup: &Lookup) -> Result<Vec<SecretSource>, ConfigError> {
    let secrets = secrets(lookup, "HMAC_SECRET", Encoding::Text)?;
    if secrets.is_empty() {
        return Err(ConfigError::new(
            "AUTH=hmac needs HMAC_SECRET, or HMAC_SECRET_ARN: the secret that your server creates user hashes with.",
        ));
    }
    Ok(secrets)
}

fn check_unverified(lookup: &Lookup) -> Result<(), ConfigError> {
    let is_accepted = lookup.flag("ALLOW_UNVERIFIED_USERS", false)?;
    // Not a setting: Lambda itself sets this variable in every function.
    let is_in_lambda = lookup.raw("AWS_LAMBDA_FUNCTION_NAME").is_some();
    if is_in_lambda && !is_accepted {
        return Err(ConfigError::new(
            "AUTH=none lets anyone be anyone, so a function refuses it unless ALLOW_UNVERIFIED_USERS=true says that this \
             is wanted.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<AuthSettings, ConfigError> {
        AuthSettings::from_lookup(&Lookup::new(|name| {
            settings.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        }))
    }

    #[test]
    fn an_unknown_normalization_names_the_setting() {
        let line = read(&[("AUTH", "none"), ("USER_ID_NORMALIZATION", "lower")]).expect_err("refused").to_string();
        assert_eq!(line, "USER_ID_NORMALIZATION is invalid: expected `none`, `nfc` or `nfc-lowercase`.");
        for (word, expected) in [
            ("", Normalization::None),
            ("none", Normalization::None),
            ("nfc", Normalization::Nfc),
            ("nfc-lowercase", Normalization::NfcLowercase),
        ] {
            let settings = read(&[("AUTH", "none"), ("USER_ID_NORMALIZATION", word)]).expect("good settings");
            assert_eq!(settings.normalization, expected, "{word}");
        }
    }

    #[test]
    fn a_wildcard_origin_is_accepted_for_unverified_users_only() {
        const ANY: (&str, &str) = ("ALLOWED_ORIGINS", "https://shop.example, *");
        assert!(read(&[("AUTH", "none"), ANY]).is_ok());
        let line = read(&[("AUTH", "authorizer"), ANY]).expect_err("refused").to_string();
        assert!(line.contains("ALLOWED_ORIGINS") && line.contains("none of them `*`"), "{line}");
        assert!(
            read(&[("AUTH", "authorizer"), ("ALLOWED_ORIGINS", " , ")]).expect("no origins").allowed_origins.is_empty()
        );
    }

    #[test]
    fn guests_are_adopted_unless_the_site_says_otherwise() {
        let read = |settings: &[(&str, &str)]| {
            read(&[&[("AUTH", "none")], settings].concat()).map(|settings| settings.guests).ok()
        };
        assert_eq!(read(&[]), Some(Guests::No));
        assert_eq!(read(&[("GUESTS", "false"), ("ADOPT_GUESTS", "true")]), Some(Guests::No));
        assert_eq!(read(&[("GUESTS", "true")]), Some(Guests::Yes { adopted: true }));
        assert_eq!(read(&[("GUESTS", "true"), ("ADOPT_GUESTS", "false")]), Some(Guests::Yes { adopted: false }));
        assert_eq!(read(&[("GUESTS", "yes")]), None);
    }

    /// A secret in AWS Secrets Manager is fetched later, so that other errors are found without it.
    #[test]
    fn a_stored_secret_is_not_fetched() {
        const ARN: (&str, &str) = ("JWT_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:none");
        let settings = read(&[("AUTH", "jwt"), ARN]).expect("good settings");
        let AuthMode::Jwt(jwt) = settings.mode else { panic!("another mode") };
        assert!(matches!(&jwt.keys, crate::settings::JwtKeys::Secrets(secrets, _) if secrets.len() == 1));
        let line = read(&[("AUTH", "jwt"), ARN, ("JWT_COOKIE", "session")]).expect_err("refused").to_string();
        assert!(line.starts_with("JWT_COOKIE needs ALLOWED_ORIGINS"), "{line}");
    }
}
