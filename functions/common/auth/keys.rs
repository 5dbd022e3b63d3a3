//! The keys that tokens are verified with, each pinned to the algorithms of its kind (RFC 8725, section 3.1): the algorithm in
//! a token's header only chooses among these.
//!
//! | file | where a key comes from |
//! |---|---|
//! | `jwks.rs` | the set behind `JWT_JWKS_URL`: fetched, kept, fetched again |
//! | `jwk.rs` | one key of a set, as providers really write them |
//! | `settings/public_key.rs` | `JWT_PUBLIC_KEY` |

mod jwk;
mod jwks;

use super::Secret;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

pub(crate) use jwks::Jwks;

/// One key, with the algorithms that it is used with.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// Its name in a set of keys.
    kid: Option<String>,
    /// The issuer whose tokens it may sign, if its set names one. In a set for several tenants, as at Microsoft Entra, some keys are
    /// for one tenant only. May have a placeholder for the token's tenant.
    pub(super) issuer: Option<String>,
    /// The algorithms that it may be used with; all of one family.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
}

impl Key {
    /// A public key of this kind; `None` if none of its algorithms is accepted, so that it could never be used.
    pub(crate) fn public(kind: KeyKind, decoding: DecodingKey, accepted: &Algorithms) -> Option<Self> {
        Some(Self { kid: None, issuer: None, algorithms: accepted.for_key(kind)?, decoding })
    }

    /// A secret, for these algorithms.
    pub(crate) fn of_secret(secret: &Secret, algorithms: Vec<Algorithm>) -> Self {
        Self { kid: None, issuer: None, algorithms, decoding: DecodingKey::from_secret(secret.bytes()) }
    }

    /// Its name and algorithms.
    #[cfg(feature = "operator")]
    pub(super) fn describe(&self) -> super::operator::ListedKey {
        super::operator::ListedKey {
            kid: self.kid.clone(),
            algorithms: Ok(self.algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect()),
        }
    }

    pub(super) fn is_secret(&self) -> bool {
        self.decoding.family() == AlgorithmFamily::Hmac
    }
}

/// The kinds of keys that tokens can be signed with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyKind {
    /// A secret, for an HMAC.
    Secret,
    /// An RSA key with a modulus of [`RSA_BITS`].
    Rsa,
    /// A key of the elliptic curve P-256.
    P256,
    /// A key of the elliptic curve P-384.
    P384,
    /// A key of Ed25519.
    Ed25519,
}

impl KeyKind {
    /// The algorithms that a key of this kind can be used with. The first one is the default.
    fn algorithms(self) -> &'static [Algorithm] {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
        match self {
            Self::Secret => &[HS256, HS384, HS512],
            Self::Rsa => &[RS256, RS384, RS512, PS256, PS384, PS512],
            Self::P256 => &[ES256],
            Self::P384 => &[ES384],
            Self::Ed25519 => &[EdDSA],
        }
    }
}

/// The length of an RSA key's modulus, in bits (RFC 7518, section 3.3, and what `ring` supports).
pub(crate) const RSA_BITS: std::ops::RangeInclusive<u64> = 2048..=8192;

/// The algorithm of this name. `EdDSA` stands for several algorithms, of which only `Ed25519` (RFC 9864) is supported.
pub(super) fn algorithm_named(name: &str) -> Option<Algorithm> {
    if name == "Ed25519" { Some(Algorithm::EdDSA) } else { name.parse().ok() }
}

/// The algorithms that the site accepts: `JWT_ALGORITHMS`. By default the first of each kind of key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Algorithms(Option<Vec<Algorithm>>);

impl Algorithms {
    /// The algorithms of a list of names with commas between; `None` if a name is unknown.
    pub(crate) fn parse(list: &str) -> Option<Self> {
        let algorithms: Option<Vec<Algorithm>> = list.split(',').map(|name| algorithm_named(name.trim())).collect();
        algorithms.map(|list| Self(Some(list)))
    }

    /// The accepted algorithms for a key of this kind; `None` if there are none, so that the key could never be used.
    pub(crate) fn for_key(&self, kind: KeyKind) -> Option<Vec<Algorithm>> {
        let all = kind.algorithms();
        let accepted: Vec<_> = match &self.0 {
            None => all[..1].to_vec(),
            Some(accepted) => all.iter().copied().filter(|algorithm| accepted.contains(algorithm)).collect(),
        };
        Some(accepted).filter(|accepted| !accepted.is_empty())
    }

    /// Whether the site accepts this algorithm for a key that names it.
    fn accept(&self, algorithm: Algorithm) -> bool {
        self.0.as_ref().is_none_or(|accepted| accepted.contains(&algorithm))
    }
}
