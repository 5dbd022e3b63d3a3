//! `JWT_PUBLIC_KEY`: one public key in PEM (RFC 7468), also as consoles, templates and `.env` files change it: in one line with `\n`,
//! `\r\n` or spaces for line feeds, in quotes, or the base64 alone.

use super::{ConfigError, algorithms::none_fits};
use crate::{
    auth::{Algorithms, Key, KeyKind, RSA_BITS},
    base64,
};
use ::base64::{Engine, prelude::BASE64_STANDARD};
use jsonwebtoken::DecodingKey;
use simple_asn1::ASN1Block;

const NAME: &str = "JWT_PUBLIC_KEY";
const WANTED: &str = "a public key in PEM (-----BEGIN PUBLIC KEY-----): RSA, P-256, P-384 or Ed25519";

/// # Errors
/// [`ConfigError`] that says why this is not a key to verify with.
pub(super) fn public_key(text: &str, algorithms: &Algorithms) -> Result<Key, ConfigError> {
    let (label, body) = parts(text)?;
    if label.is_some_and(|label| label.contains("PRIVATE")) {
        return Err(private());
    }
    let der = base64::decode(&body).ok_or_else(|| ConfigError::invalid(NAME, WANTED))?;
    match Structure::of(&der) {
        Structure::Private => Err(private()),
        Structure::Spki => of_spki(&der, algorithms),
        Structure::Pkcs1 => of_rsa(&der, "RSA PUBLIC KEY", algorithms),
        Structure::Certificate => Err(ConfigError::invalid(
            NAME,
            "a public key, found a certificate: `openssl x509 -in certificate.pem -noout -pubkey` prints its key",
        )),
        Structure::Other => Err(ConfigError::invalid(NAME, WANTED)),
    }
}

/// The label, if there is one, and the base64.
fn parts(text: &str) -> Result<(Option<&str>, String), ConfigError> {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    let unescaped = |body: &str| body.replace("\\\\", "\\").replace("\\r", "\n").replace("\\n", "\n");
    let text = text.trim_matches(['"', '\'']);
    let Some((_, rest)) = text.split_once(BEGIN) else { return Ok((None, unescaped(text))) };
    let parts = rest.split_once("-----").and_then(|(label, rest)| Some((label, rest.split_once(END)?)));
    match parts {
        Some((_, (_, rest))) if rest.contains(BEGIN) => {
            Err(ConfigError::invalid(NAME, "one public key, found several parts"))
        }
        Some((label, (body, _))) => Ok((Some(label), unescaped(body))),
        None => Err(ConfigError::invalid(
            NAME,
            "a public key in PEM from `-----BEGIN PUBLIC KEY-----` to `-----END PUBLIC KEY-----`",
        )),
    }
}

/// The ASN.1 structures that a key is likely to be in, told apart by their items.
enum Structure {
    /// `SubjectPublicKeyInfo` (RFC 5280, section 4.1): the algorithm of a public key, and the key.
    Spki,
    /// `RSAPublicKey` (RFC 8017, appendix A.1.1): modulus and exponent.
    Pkcs1,
    /// PKCS #8, PKCS #1 or SEC 1: each has a version, and after it several numbers or a string of bytes.
    Private,
    /// `Certificate` (RFC 5280, section 4.1): the signed part, the algorithm, and the signature.
    Certificate,
    /// Anything else.
    Other,
}

impl Structure {
    fn of(der: &[u8]) -> Self {
        let blocks = simple_asn1::from_der(der).unwrap_or_default();
        let [ASN1Block::Sequence(_, items)] = blocks.as_slice() else { return Self::Other };
        match items.as_slice() {
            [ASN1Block::Sequence(..), ASN1Block::BitString(..)] => Self::Spki,
            [ASN1Block::Integer(..), ASN1Block::Integer(..)] => Self::Pkcs1,
            [ASN1Block::Integer(..), ..] => Self::Private,
            [ASN1Block::Sequence(..), ASN1Block::Sequence(..), ASN1Block::BitString(..)] => Self::Certificate,
            _ => Self::Other,
        }
    }
}

fn of_spki(der: &[u8], algorithms: &Algorithms) -> Result<Key, ConfigError> {
    let pem = pem("PUBLIC KEY", der);
    if DecodingKey::from_rsa_pem(&pem).is_ok() {
        return of_rsa(der, "PUBLIC KEY", algorithms);
    }
    if let Ok(key) = DecodingKey::from_ec_pem(&pem) {
        // An uncompressed point: two coordinates and a byte.
        return match key.try_get_as_bytes().map(<[u8]>::len) {
            Ok(65) => pin(KeyKind::P256, key, algorithms),
            Ok(97) => pin(KeyKind::P384, key, algorithms),
            _ => Err(ConfigError::invalid(NAME, "a key of another curve: P-256, P-384 or Ed25519")),
        };
    }
    match DecodingKey::from_ed_pem(&pem) {
        Ok(key) => pin(KeyKind::Ed25519, key, algorithms),
        Err(_) => Err(ConfigError::invalid(NAME, WANTED)),
    }
}

fn of_rsa(der: &[u8], label: &str, algorithms: &Algorithms) -> Result<Key, ConfigError> {
    let key = DecodingKey::from_rsa_pem(&pem(label, der)).map_err(|_| ConfigError::invalid(NAME, WANTED))?;
    let pkcs1 = key.try_get_as_bytes().ok().and_then(|der| simple_asn1::from_der(der).ok()).unwrap_or_default();
    let bits = match pkcs1.first() {
        Some(ASN1Block::Sequence(_, items)) => match items.first() {
            Some(ASN1Block::Integer(_, modulus)) => modulus.bits(),
            _ => 0,
        },
        _ => 0,
    };
    if !RSA_BITS.contains(&bits) {
        let wanted = format!("an RSA key of {} to {} bits, found one of {bits}", RSA_BITS.start(), RSA_BITS.end());
        return Err(ConfigError::invalid(NAME, &wanted));
    }
    pin(KeyKind::Rsa, key, algorithms)
}

/// The key, with the accepted algorithms of its kind.
fn pin(kind: KeyKind, key: DecodingKey, algorithms: &Algorithms) -> Result<Key, ConfigError> {
    Key::public(kind, key, algorithms).ok_or_else(none_fits)
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der)).into_bytes()
}

fn private() -> ConfigError {
    ConfigError::new(
        "JWT_PUBLIC_KEY is a private key, which belongs on no machine but the one that signs: replace it if anybody could see it, and \
         set its public key here (`openssl pkey -in private.pem -pubout` prints it).",
    )
}
