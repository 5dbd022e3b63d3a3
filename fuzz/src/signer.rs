//! An identity provider's signing keys, two of each kind, and the tokens that they sign. They were created with openssl only for these
//! targets. They never change, so that an input that was found can be reproduced.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// All keys: the first four are of one provider, the others of another.
pub static ALL: LazyLock<Vec<Signer>> = LazyLock::new(|| {
    PEMS.iter()
        .flat_map(|[rsa, p256, p384, ed]| {
            let ec = |algorithm, pem| EcdsaKeyPair::from_pkcs8(algorithm, &der(pem), &SystemRandom::new());
            [
                Signer::Rsa(RsaKeyPair::from_pkcs8(&der(rsa)).expect("a key")),
                Signer::P256(ec(&ECDSA_P256_SHA256_FIXED_SIGNING, p256).expect("a key")),
                Signer::P384(ec(&ECDSA_P384_SHA384_FIXED_SIGNING, p384).expect("a key")),
                Signer::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der(ed)).expect("a key")),
            ]
        })
        .collect()
});

const PEMS: [[&str; 4]; 2] = [
    [
        include_str!("../keys/rsa-1.pem"),
        include_str!("../keys/p256-1.pem"),
        include_str!("../keys/p384-1.pem"),
        include_str!("../keys/ed25519-1.pem"),
    ],
    [
        include_str!("../keys/rsa-2.pem"),
        include_str!("../keys/p256-2.pem"),
        include_str!("../keys/p384-2.pem"),
        include_str!("../keys/ed25519-2.pem"),
    ],
];

/// A private key.
pub enum Signer {
    /// Of 2048 bits.
    Rsa(RsaKeyPair),
    /// On P-256.
    P256(EcdsaKeyPair),
    /// On P-384.
    P384(EcdsaKeyPair),
    /// Of Ed25519.
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// The algorithms that it can sign with. The first one is the default.
    pub fn algorithms(&self) -> &'static [&'static str] {
        match self {
            Self::Rsa(_) => &["RS256", "PS256"],
            Self::P256(_) => &["ES256"],
            Self::P384(_) => &["ES384"],
            Self::Ed25519(_) => &["EdDSA"],
        }
    }

    /// The `kty` and `crv` of its JSON Web Key.
    pub fn kind(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Rsa(_) => ("RSA", None),
            Self::P256(_) => ("EC", Some("P-256")),
            Self::P384(_) => ("EC", Some("P-384")),
            Self::Ed25519(_) => ("OKP", Some("Ed25519")),
        }
    }

    /// The public key's parts, by their names in a JSON Web Key.
    pub fn parts(&self) -> Vec<(&'static str, Vec<u8>)> {
        match self {
            Self::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                vec![("n", public.n), ("e", public.e)]
            }
            Self::P256(pair) | Self::P384(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                vec![("x", x.to_vec()), ("y", y.to_vec())]
            }
            Self::Ed25519(pair) => vec![("x", pair.public_key().as_ref().to_vec())],
        }
    }

    /// Its JSON Web Key, without a name.
    pub fn jwk(&self) -> Value {
        let (kty, crv) = self.kind();
        let mut key = json!({ "kty": kty });
        if let Some(crv) = crv {
            key["crv"] = json!(crv);
        }
        for (name, bytes) in self.parts() {
            key[name] = json!(BASE64_URL_SAFE_NO_PAD.encode(bytes));
        }
        key
    }

    /// The public key as a `SubjectPublicKeyInfo` (RFC 5280; RFC 3279, RFC 5480 and RFC 8410 for the first bytes).
    pub fn spki(&self) -> Vec<u8> {
        let beginning = match self {
            // The lengths are the same for every key of 2048 bits with an exponent of three bytes.
            Self::Rsa(_) => "30820122300d06092a864886f70d01010105000382010f00",
            Self::P256(_) => "3059301306072a8648ce3d020106082a8648ce3d030107034200",
            Self::P384(_) => "3076301006072a8648ce3d020106052b81040022036200",
            Self::Ed25519(_) => "302a300506032b6570032100",
        };
        let key = match self {
            Self::Rsa(pair) => pair.public().as_ref(),
            Self::P256(pair) | Self::P384(pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
        };
        let digits: Vec<_> = beginning.chars().filter_map(|digit| digit.to_digit(16)).collect();
        let begin = digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok());
        begin.chain(key.iter().copied()).collect()
    }

    /// A token with this header and these claims, signed.
    pub fn token(&self, algorithm: &str, header: &str, claims: &str) -> String {
        compact(header, claims, |message| self.sign(algorithm, message))
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let padding: &dyn ring::signature::RsaEncoding =
                    if algorithm == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature).expect("a signature");
                signature
            }
            Self::P256(pair) | Self::P384(pair) => pair.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// A token that is signed with a secret, with `HS256`, `HS384` or `HS512`.
pub fn with_secret(algorithm: &str, secret: &[u8], header: &str, claims: &str) -> String {
    let algorithm = match algorithm {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let key = hmac::Key::new(algorithm, secret);
    compact(header, claims, |message| hmac::sign(&key, message).as_ref().to_vec())
}

/// The JWS Compact Serialization (RFC 7515, section 7.1).
fn compact(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// The decoded bytes of a PEM file.
fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    BASE64_STANDARD.decode(text).expect("base64")
}
