//! One key of a key set: a JSON Web Key (RFC 7517), as providers really write them. A key whose meaning is clear is changed to the
//! format that the library reads. Any other key is reported, with the reason.

use super::{Algorithms, Key, KeyKind, RSA_BITS};
use crate::{auth::jwt::key_name, base64};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde_json::{Map, Value};

/// Why a key of a set is not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unused {
    /// It is for something else: encryption, another algorithm than those of `JWT_ALGORITHMS`, or a kind of key that is not supported.
    Unsuited(&'static str),
    /// It is malformed, or must not be in a public set.
    Faulty(&'static str),
}
use Unused::{Faulty, Unsuited};

/// What only a private key has (RFC 7518, sections 6.2.2 and 6.3.2).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// The key's name, short enough for a log line.
pub(super) fn name(key: &Value) -> Option<String> {
    key.get("kid").and_then(key_name).map(|kid| kid.chars().take(100).collect())
}

/// # Errors
/// Why the key is not used.
pub(super) fn read(key: Value, algorithms: &Algorithms) -> Result<Key, Unused> {
    let Value::Object(mut key) = key else { return Err(Faulty("it is not an object")) };
    match key.get("kty").and_then(Value::as_str) {
        Some("RSA" | "EC" | "OKP") => {}
        // The set is public.
        Some("oct") => return Err(Faulty("it is a secret, and has no place in a public set")),
        Some(_) => return Err(Unsuited("its kty is not supported")),
        None => return Err(Faulty("its kty is missing")),
    }
    let issuer = key.get("issuer").and_then(Value::as_str).map(str::to_owned);
    repair(&mut key)?;
    let key: Jwk = serde_json::from_value(key.into())
        .map_err(|_| Faulty("it is malformed, or of a curve that is not supported"))?;
    let algorithms = usable(&key, algorithms)?;
    let decoding = DecodingKey::from_jwk(&key).map_err(|_| Faulty("it is malformed"))?;
    Ok(Key { kid: key.common.key_id, issuer, algorithms, decoding })
}

fn repair(key: &mut Map<String, Value>) -> Result<(), Unused> {
    key.retain(|_, value| !value.is_null());
    if PRIVATE.iter().any(|member| key.contains_key(*member)) {
        return Err(Faulty("it is a private key, with which everybody who reads the set can sign"));
    }
    // They are not used, so a malformed one must not make the key unusable.
    for certificate in ["x5c", "x5t", "x5u", "x5t#S256"] {
        key.remove(certificate);
    }
    if let Some(kid) = key.get_mut("kid") {
        *kid = key_name(kid).ok_or(Faulty("its kid is not a string"))?.into();
    }
    if key.get("alg").is_some_and(|alg| alg == "Ed25519") {
        key.insert("alg".into(), "EdDSA".into());
    }
    let curve = key.get("crv").and_then(Value::as_str).unwrap_or_default();
    match (key["kty"].as_str().unwrap_or_default(), curve) {
        ("RSA", _) => repair_rsa(key),
        ("EC", "P-256") => repair_coordinates(key, &["x", "y"], 32),
        ("EC", "P-384") => repair_coordinates(key, &["x", "y"], 48),
        ("OKP", "Ed25519") => repair_coordinates(key, &["x"], 32),
        _ => Err(Unsuited("its curve is not supported")),
    }
}

/// `Base64urlUInt` has no zero bytes at its beginning (RFC 7518, section 2), but libraries that print a signed number add one.
fn repair_rsa(key: &mut Map<String, Value>) -> Result<(), Unused> {
    for name in ["n", "e"] {
        let bytes = bytes(key, name)?;
        let number = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        let is_odd = number.last().is_some_and(|byte| byte % 2 == 1);
        if !is_odd {
            return Err(Faulty("its n or e is not odd, so it is not an RSA key"));
        }
        if name == "n" && !RSA_BITS.contains(&bits(number)) {
            return Err(Faulty("its RSA modulus has less than 2048 or more than 8192 bits"));
        }
        key.insert(name.into(), base64::encode(number).into());
    }
    Ok(())
}

fn bits(number: &[u8]) -> u64 {
    let leading = number.first().map_or(0, |byte| byte.leading_zeros());
    number.len() as u64 * 8 - u64::from(leading)
}

/// A coordinate has the full size of its curve (RFC 7518, section 6.2.1.2; RFC 8037, section 2). Libraries that print numbers leave out
/// leading zero bytes of a coordinate of P-256 or P-384, or add one. A coordinate of Ed25519 is not a number.
fn repair_coordinates(key: &mut Map<String, Value>, names: &[&str], size: usize) -> Result<(), Unused> {
    let is_number = names.len() == 2;
    for name in names {
        let bytes = bytes(key, name)?;
        let extra = bytes.len().saturating_sub(size);
        let coordinate = match bytes.len() {
            length if length == size => bytes,
            _ if !is_number || bytes[..extra].iter().any(|byte| *byte != 0) => {
                return Err(Faulty("its x or y does not have the size of its curve"));
            }
            length if length > size => bytes[extra..].to_vec(),
            length => [vec![0; size - length], bytes].concat(),
        };
        key.insert((*name).into(), base64::encode(&coordinate).into());
    }
    Ok(())
}

fn bytes(key: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unused> {
    let text = key.get(name).and_then(Value::as_str).ok_or(Faulty("one of its numbers is missing"))?;
    base64::decode(text).filter(|bytes| !bytes.is_empty()).ok_or(Faulty("one of its numbers is not base64"))
}

/// The algorithms that the key, its set and the site allow.
fn usable(key: &Jwk, accepted: &Algorithms) -> Result<Vec<Algorithm>, Unused> {
    let common = &key.common;
    let is_for_signatures = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !is_for_signatures {
        return Err(Unsuited("it is not for signatures"));
    }
    let kind = kind(key).ok_or(Unsuited("its kty is not supported"))?;
    let algorithms = match common.key_algorithm {
        None => accepted.for_key(kind),
        Some(
            KeyAlgorithm::RSA1_5
            | KeyAlgorithm::RSA_OAEP
            | KeyAlgorithm::RSA_OAEP_256
            | KeyAlgorithm::UNKNOWN_ALGORITHM,
        ) => {
            return Err(Unsuited("its alg is not one for signatures, or is not supported"));
        }
        Some(own) => {
            let own: Algorithm = own.try_into().map_err(|_| Unsuited("its alg is not supported"))?;
            if !kind.algorithms().contains(&own) {
                return Err(Faulty("its alg is not for its kind of key"));
            }
            accepted.accept(own).then(|| vec![own])
        }
    };
    algorithms.ok_or(Unsuited("its alg is not in JWT_ALGORITHMS"))
}

fn kind(key: &Jwk) -> Option<KeyKind> {
    match &key.algorithm {
        AlgorithmParameters::RSA(_) => Some(KeyKind::Rsa),
        AlgorithmParameters::EllipticCurve(parameters) if parameters.curve == EllipticCurve::P256 => {
            Some(KeyKind::P256)
        }
        AlgorithmParameters::EllipticCurve(parameters) if parameters.curve == EllipticCurve::P384 => {
            Some(KeyKind::P384)
        }
        AlgorithmParameters::OctetKeyPair(parameters) if parameters.curve == EllipticCurve::Ed25519 => {
            Some(KeyKind::Ed25519)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A modulus of 2048 bits, which is all that matters here.
    fn modulus() -> Vec<u8> {
        (0..256u32).map(|nth| if nth == 0 { 0xc1 } else { u8::try_from(nth).unwrap_or(0) | 1 }).collect()
    }

    fn read(key: Value) -> Result<Key, Unused> {
        super::read(key, &Algorithms::default())
    }

    fn same(one: &Key, other: &Key) -> bool {
        format!("{:?}", one.decoding.kind()) == format!("{:?}", other.decoding.kind())
    }

    fn url_safe(bytes: &[u8]) -> String {
        base64::encode(bytes)
    }

    #[test]
    fn an_rsa_key_may_have_padding_leading_zeros_and_extra_members() {
        use ::base64::{Engine, prelude::BASE64_STANDARD};
        let n = modulus();
        let usual = read(json!({"kty": "RSA", "kid": "k", "n": url_safe(&n), "e": "AQAB"})).expect("a key");
        let zero = [vec![0], n.clone()].concat();
        for key in [
            json!({"kty": "RSA", "kid": "k", "n": url_safe(&zero), "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "k", "n": url_safe(&n), "e": "AAEAAQ"}),
            json!({"kty": "RSA", "kid": "k", "n": format!("{}==", url_safe(&n)), "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "k", "n": BASE64_STANDARD.encode(&n), "e": "AQAB"}),
            json!({"kty": "RSA", "kid": "k", "n": url_safe(&n), "e": "AQAB", "use": null, "alg": null, "x5c": "odd", "x5t": 7}),
            json!({"kty": "RSA", "kid": "k", "n": url_safe(&n), "e": "AQAB", "alg": "RS256", "use": "sig", "key_ops": ["verify"]}),
        ] {
            let read = read(key.clone()).unwrap_or_else(|why| panic!("{why:?}: {key}"));
            assert!(same(&read, &usual) && read.kid.as_deref() == Some("k"), "{key}");
        }
    }

    #[test]
    fn a_kid_may_be_a_number() {
        let key = read(json!({"kty": "RSA", "kid": 1, "n": url_safe(&modulus()), "e": "AQAB"})).expect("a key");
        assert_eq!(key.kid.as_deref(), Some("1"));
    }

    #[test]
    fn a_coordinate_is_padded_or_cut_to_the_size_of_its_curve() {
        for (curve, size) in [("P-256", 32), ("P-384", 48)] {
            let (x, y) = ([vec![0], vec![7; size - 1]].concat(), vec![9; size]);
            let key = |x: &[u8], y: &[u8]| json!({"kty": "EC", "crv": curve, "x": url_safe(x), "y": url_safe(y)});
            let usual = read(key(&x, &y)).expect("a key");
            for (x, y) in [(x[1..].to_vec(), y.clone()), (x.clone(), [vec![0], y.clone()].concat())] {
                assert!(same(&read(key(&x, &y)).expect("a key"), &usual), "{curve}");
            }
            for (x, y) in [([vec![1], x.clone()].concat(), y.clone()), (vec![0xff; size + 1], y.clone()), (x, vec![])] {
                assert!(matches!(read(key(&x, &y)), Err(Faulty(_))), "{curve}");
            }
        }
        // A coordinate of Ed25519 is not a number.
        for length in [31, 33] {
            let key = json!({"kty": "OKP", "crv": "Ed25519", "x": url_safe(&vec![0; length])});
            assert!(matches!(read(key), Err(Faulty(_))), "{length}");
        }
    }

    #[test]
    fn ed25519_has_two_names() {
        for alg in ["EdDSA", "Ed25519"] {
            let key = json!({"kty": "OKP", "crv": "Ed25519", "alg": alg, "x": url_safe(&[7; 32])});
            assert_eq!(read(key).expect("a key").algorithms, [Algorithm::EdDSA]);
        }
    }

    #[test]
    fn a_faulty_key_is_not_reported_as_unsuited() {
        let rsa = |more: Value| {
            let mut key = json!({"kty": "RSA", "n": url_safe(&modulus()), "e": "AQAB"});
            key.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            key
        };
        for key in [
            json!(7),
            json!({}),
            json!({"kty": "oct", "k": "AAAA"}),
            rsa(json!({"n": "§"})),
            rsa(json!({"n": 7})),
            rsa(json!({"n": url_safe(&modulus()[..128])})),
            rsa(json!({"n": url_safe(&[modulus(), vec![2]].concat())})),
            rsa(json!({"n": url_safe(&vec![0; 256])})),
            rsa(json!({"e": "AA"})),
            rsa(json!({"e": "AQAC"})),
            rsa(json!({"kid": ["a"]})),
            rsa(json!({"alg": "ES256"})),
            rsa(json!({"alg": "HS256"})),
            rsa(json!({"use": 7})),
            rsa(json!({"d": "AQAB"})),
        ] {
            assert!(matches!(read(key.clone()), Err(Faulty(_))), "{key}");
        }
        for key in [
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
            json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
            json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
            rsa(json!({"use": "enc"})),
            rsa(json!({"alg": "RSA-OAEP-256"})),
            rsa(json!({"key_ops": ["encrypt"]})),
        ] {
            assert!(matches!(read(key.clone()), Err(Unsuited(_))), "{key}");
        }
    }
}
