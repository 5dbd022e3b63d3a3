//! The keys that tokens are verified with, each pinned to the algorithms that go with its kind (RFC 8725, section 3.1): what a
//! token says of its own algorithm only ever chooses among these.
//!
//! | file | where a key comes from |
//! |---|---|
//! | `public_key.rs` | `JWT_PUBLIC_KEY` |
//! | `jwks.rs` | the set behind `JWT_JWKS_URL`: fetched, kept, fetched again |
//! | `jwk.rs` | one key of a set, as providers really write them |

mod jwk;
mod jwks;
mod public_key;

use crate::settings::{ConfigError, Secret};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

pub(super) use jwks::Jwks;
pub(crate) use public_key::public_key;

/// One key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// Its name in a set of keys.
    kid: Option<String>,
    /// Whose tokens it may sign, if its set says so. Where several tenants share one set, as at Microsoft Entra, some keys are for one
    /// tenant only. May have a place for the token's tenant.
    pub(super) issuer: Option<String>,
    /// What it may be used with; all of one family.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
}

impl Key {
    /// A secret, for these algorithms.
    pub(super) fn of_secret(secret: &Secret, algorithms: Vec<Algorithm>) -> Self {
        Self { kid: None, issuer: None, algorithms, decoding: DecodingKey::from_secret(secret.bytes()) }
    }

    pub(super) fn is_secret(&self) -> bool {
        self.decoding.family() == AlgorithmFamily::Hmac
    }
}

/// The algorithms of each kind of key. The first one is the default.
const OF_SECRETS: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
const OF_RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];
const OF_P256: &[Algorithm] = &[Algorithm::ES256];
const OF_P384: &[Algorithm] = &[Algorithm::ES384];
const OF_ED25519: &[Algorithm] = &[Algorithm::EdDSA];

/// The length of an RSA key's modulus, in bits (RFC 7518, section 3.3, and what `ring` supports).
const RSA_BITS: std::ops::RangeInclusive<u64> = 2048..=8192;

/// The algorithm of this name. `EdDSA` stands for several algorithms, of which only `Ed25519` (RFC 9864) is supported.
pub(super) fn algorithm_named(name: &str) -> Option<Algorithm> {
    if name == "Ed25519" { Some(Algorithm::EdDSA) } else { name.parse().ok() }
}

/// The algorithms that the site accepts: `JWT_ALGORITHMS`. By default the first of each kind of key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Algorithms(Option<Vec<Algorithm>>);

impl Algorithms {
    const NAME: &str = "JWT_ALGORITHMS";

    /// # Errors
    /// [`ConfigError`] for an unknown name.
    pub(crate) fn parse(list: &str) -> Result<Self, ConfigError> {
        let algorithms: Option<Vec<Algorithm>> = list.split(',').map(|name| algorithm_named(name.trim())).collect();
        algorithms.map(|list| Self(Some(list))).ok_or_else(|| {
            ConfigError::invalid(
                Self::NAME,
                "a list of some of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA and Ed25519",
            )
        })
    }

    /// The accepted algorithms of a kind of key, which has `all` of these.
    fn among(&self, all: &[Algorithm]) -> Vec<Algorithm> {
        match &self.0 {
            None => all[..1].to_vec(),
            Some(taken) => all.iter().copied().filter(|algorithm| taken.contains(algorithm)).collect(),
        }
    }

    /// The same for a key in the settings.
    ///
    /// # Errors
    /// [`ConfigError`] if there are none: the key could never be used.
    fn for_key(&self, all: &[Algorithm]) -> Result<Vec<Algorithm>, ConfigError> {
        let algorithms = self.among(all);
        if algorithms.is_empty() {
            return Err(ConfigError::invalid(
                Self::NAME,
                "a list with at least one algorithm for the kind of key that is set",
            ));
        }
        Ok(algorithms)
    }

    /// The accepted algorithms for secrets.
    ///
    /// # Errors
    /// [`ConfigError`] if there are none.
    pub(crate) fn for_secrets(&self) -> Result<Vec<Algorithm>, ConfigError> {
        self.for_key(OF_SECRETS)
    }

    /// A public key in the settings, with its algorithms.
    fn pin(&self, all: &[Algorithm], decoding: DecodingKey) -> Result<Key, ConfigError> {
        Ok(Key { kid: None, issuer: None, algorithms: self.for_key(all)?, decoding })
    }
}
