//! The keys that tokens are verified with, each pinned to the algorithms that go with its kind (RFC 8725, section 3.1): what a
//! token says of its own algorithm only ever chooses among these.

use crate::config::source::{ConfigError, Secret, Source};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};

/// One key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// Its name in a set of keys.
    pub(super) kid: Option<String>,
    /// What it may be used with; all of one family.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
}

/// What a kind of key can be used with; the first is what it is used with when nothing else is said.
const OF_SECRETS: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const OF_RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
const OF_P256: &[Algorithm] = &[Algorithm::ES256];
const OF_P384: &[Algorithm] = &[Algorithm::ES384];
const OF_ED25519: &[Algorithm] = &[Algorithm::EdDSA];

/// Which algorithms the site takes: `JWT_ALGORITHMS`. By default the first of each kind of key.
#[derive(Clone, Debug, Default)]
pub(super) struct Algorithms(Option<Vec<Algorithm>>);

impl Algorithms {
    const NAME: &str = "JWT_ALGORITHMS";

    /// # Errors
    /// [`ConfigError`] for a name that is none.
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        let Some(list) = source.optional(Self::NAME) else { return Ok(Self(None)) };
        let algorithms: Result<Vec<Algorithm>, _> = list.split(',').map(|name| name.trim().parse()).collect();
        algorithms.map(|list| Self(Some(list))).map_err(|_| {
            ConfigError::bad(
                Self::NAME,
                "a list out of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA",
            )
        })
    }

    /// Those for a key of the kind that goes with `all`.
    fn among(&self, all: &[Algorithm]) -> Vec<Algorithm> {
        match &self.0 {
            None => all[..1].to_vec(),
            Some(taken) => all.iter().copied().filter(|algorithm| taken.contains(algorithm)).collect(),
        }
    }

    /// A key that was given in the settings: one that no algorithm is left for is a mistake.
    fn pin(&self, all: &[Algorithm], decoding: DecodingKey) -> Result<Key, ConfigError> {
        let algorithms = self.among(all);
        if algorithms.is_empty() {
            return Err(ConfigError::bad(
                Self::NAME,
                "a list with at least one algorithm for the kind of key that is set",
            ));
        }
        Ok(Key { kid: None, algorithms, decoding })
    }

    /// # Errors
    /// [`ConfigError`] if no algorithm for secrets is taken.
    pub(super) fn of_secret(&self, secret: &Secret) -> Result<Key, ConfigError> {
        self.pin(OF_SECRETS, DecodingKey::from_secret(secret.bytes()))
    }

    /// A public key in PEM: of RSA, P-256, P-384 or Ed25519.
    ///
    /// # Errors
    /// [`ConfigError`] for anything else.
    pub(super) fn of_pem(&self, pem: &str) -> Result<Key, ConfigError> {
        // Where a line cannot have a line feed, people write `\n`.
        let pem = pem.replace("\\n", "\n");
        let pem = pem.as_bytes();
        if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
            return self.pin(OF_RSA, key);
        }
        if let Ok(key) = DecodingKey::from_ec_pem(pem) {
            // An uncompressed point: two coordinates and a byte.
            match key.try_get_as_bytes().map(<[u8]>::len) {
                Ok(65) => return self.pin(OF_P256, key),
                Ok(97) => return self.pin(OF_P384, key),
                _ => {}
            }
        }
        if let Ok(key) = DecodingKey::from_ed_pem(pem) {
            return self.pin(OF_ED25519, key);
        }
        Err(ConfigError::bad(
            "JWT_PUBLIC_KEY",
            "a public key in PEM (-----BEGIN PUBLIC KEY-----): RSA, P-256, P-384 or Ed25519",
        ))
    }

    /// A key of a set; `None` if it is of no use here: for something else than signatures, of a kind or curve that we do not
    /// know, for an algorithm that is not taken, or a secret, which has no place in a set that everybody can read.
    pub(super) fn of_jwk(&self, jwk: &Jwk) -> Option<Key> {
        let common = &jwk.common;
        let is_for_signatures = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        let all = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => OF_RSA,
            AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
                EllipticCurve::P256 => OF_P256,
                EllipticCurve::P384 => OF_P384,
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(parameters) if parameters.curve == EllipticCurve::Ed25519 => OF_ED25519,
            _ => return None,
        };
        let algorithms = match common.key_algorithm {
            None => self.among(all),
            Some(its_own) => {
                let its_own: Algorithm = its_own.try_into().ok()?;
                let taken = self.0.as_ref().is_none_or(|taken| taken.contains(&its_own));
                all.iter().copied().filter(|algorithm| taken && *algorithm == its_own).collect()
            }
        };
        if !is_for_signatures || algorithms.is_empty() {
            return None;
        }
        Some(Key { kid: common.key_id.clone(), algorithms, decoding: DecodingKey::from_jwk(jwk).ok()? })
    }
}
