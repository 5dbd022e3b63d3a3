//! Key sets: valid ones with changes, and a second parser that finds the signers whose keys are in a set.

use crate::{provider::PORT, signer};
use base64::{Engine, prelude::*};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use serde_json::{Map, Value, json};

/// The `kid`s that keys have if nothing is changed.
pub const NAMES: &[&str] =
    &["rsa-1", "p256-1", "p384-1", "ed25519-1", "rsa-2", "p256-2", "p384-2", "ed25519-2", "1", ""];

/// A test case: the documents that a provider returns, and one setting.
#[derive(Debug, Default)]
pub struct Case {
    /// `JWT_ALGORITHMS`.
    pub algorithms: Option<&'static str>,
    /// The document at the URL in the settings, and the document at any other URL of the provider.
    pub documents: [Vec<u8>; 2],
}

const ALGORITHMS: &[Option<&str>] = &[
    None,
    None,
    Some("RS256,ES256"),
    Some("PS256, RS256"),
    Some("Ed25519"),
    Some("EdDSA,ES384"),
    Some("HS256,ES256"),
    Some("HS256,HS384,HS512,RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,EdDSA,Ed25519"),
];

impl Case {
    /// From text: the first document, and after a line `---` the second.
    pub fn of_text(text: &[u8]) -> Self {
        const BETWEEN: &[u8] = b"\n---\n";
        let end = text.windows(BETWEEN.len()).position(|part| part == BETWEEN);
        let (first, second) = end.map_or((text, &b""[..]), |end| (&text[..end], &text[end + BETWEEN.len()..]));
        Self { algorithms: None, documents: [first.to_vec(), second.to_vec()] }
    }

    /// From bytes: a valid set in which some fields are changed, alone or behind an OpenID configuration.
    ///
    /// # Errors
    /// If there are no bytes left.
    pub fn of_bytes(u: &mut Unstructured) -> Result<Self> {
        let algorithms = *u.choose(ALGORITHMS)?;
        let set = document(u)?;
        let documents = if u.ratio(1, 8)? {
            let url = match u.int_in_range(0..=5)? {
                0 => "https://127.0.0.1.evil.example/jwks.json".into(),
                1 => "https://evil.example/jwks.json".into(),
                2 => format!("http://evil@{}", HERE.trim_start_matches("http://")),
                3 => format!("{HERE}jwks.json"),
                _ => format!("{HERE}keys"),
            };
            let configuration = json!({"issuer": "https://login.example/", "jwks_uri": url});
            [configuration.to_string().into_bytes(), set]
        } else {
            [set, Vec::new()]
        };
        Ok(Self { algorithms, documents })
    }
}

const HERE: &str = "http://127.0.0.1:PORT/";

fn document(u: &mut Unstructured) -> Result<Vec<u8>> {
    let mut keys = Vec::new();
    for nth in 0..u.int_in_range(0..=6)? {
        keys.push(if u.ratio(1, 10)? { any(u, 0)? } else { key(u, nth)? });
    }
    let mut document = json!({ "keys": keys });
    if u.ratio(1, 8)? {
        let name = *u.choose(&["keys", "jwks_uri", "issuer", "more"])?;
        document[name] = any(u, 0)?;
    }
    let text = if u.ratio(1, 8)? { format!("{document:#}") } else { document.to_string() };
    Ok(match u.int_in_range(0..=15)? {
        0 => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        1 => [text.as_bytes(), u.arbitrary::<&[u8]>()?].concat(),
        2 => text.into_bytes().into_iter().skip(1).collect(),
        _ => text.into_bytes(),
    })
}

/// A key of one of the signers, with up to two fields changed.
fn key(u: &mut Unstructured, nth: usize) -> Result<Value> {
    let which = if u.ratio(1, 2)? { nth % 4 } else { u.int_in_range(0..=7)? };
    let mut key = signer::ALL[which].jwk();
    if !u.ratio(1, 6)? {
        key["kid"] = json!(if u.ratio(1, 6)? { *u.choose(NAMES)? } else { NAMES[which] });
    }
    if u.ratio(1, 3)? {
        key["alg"] = json!(u.choose(signer::ALL[which].algorithms())?);
    }
    if u.ratio(1, 4)? {
        key["use"] = json!("sig");
    }
    for _ in 0..u.int_in_range(0..=2)? {
        change(u, key.as_object_mut().expect("an object"))?;
    }
    Ok(key)
}

const FIELDS: &[&str] = &[
    "kid", "alg", "use", "key_ops", "kty", "crv", "x", "y", "n", "e", "k", "d", "p", "q", "oth", "x5c", "x5t", "x5u",
    "x5t#S256", "ext",
];
const TEXTS: &[&str] = &[
    "RSA",
    "EC",
    "OKP",
    "oct",
    "AKP",
    "P-256",
    "P-384",
    "P-521",
    "secp256k1",
    "Ed25519",
    "X25519",
    "EdDSA",
    "RS256",
    "RS384",
    "PS256",
    "ES256",
    "ES384",
    "HS256",
    "ECDH-ES",
    "RSA-OAEP",
    "RSA1_5",
    "none",
    "sig",
    "enc",
    "SIG",
    "verify",
    "sign",
    "deriveKey",
    "AQAB",
    "AAEAAQ",
    "Aw",
    "",
    "1",
];
/// A secret, or a part of a private key, that a provider has published by mistake. It must not be logged.
pub const PRIVATE: &str = "cHJpdmF0ZS01ZTFmLTc3YzItZG8tbm90LWxvZy1tZQ";

fn change(u: &mut Unstructured, key: &mut Map<String, Value>) -> Result<()> {
    let name = *u.choose(FIELDS)?;
    let old = key.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&old).unwrap_or_default();
    let new = match u.int_in_range(0..=13)? {
        0 => {
            key.remove(name);
            return Ok(());
        }
        1 => Value::Null,
        2 => json!(*u.choose(TEXTS)?),
        3 => json!([*u.choose(TEXTS)?, *u.choose(TEXTS)?]),
        4 => any(u, 0)?,
        5 => json!(u.arbitrary::<&str>()?),
        6 => json!(PRIVATE),
        // Libraries write numbers differently: with a zero byte more or less, another alphabet, padding, or line breaks.
        7 => json!(BASE64_URL_SAFE_NO_PAD.encode([&[0], bytes.as_slice()].concat())),
        8 => json!(BASE64_STANDARD.encode(&bytes)),
        9 => json!(BASE64_URL_SAFE.encode(&bytes)),
        10 => {
            let (first, rest) = old.split_at(old.len() / 2);
            json!(format!("{first}\n {rest}"))
        }
        11 => json!(BASE64_URL_SAFE_NO_PAD.encode(bytes.get(1..).unwrap_or_default())),
        12 => {
            let mut bytes = bytes;
            let index = u.choose_index(bytes.len().max(1))?;
            if let Some(byte) = bytes.get_mut(index) {
                *byte ^= u.arbitrary::<u8>()?;
            }
            json!(BASE64_URL_SAFE_NO_PAD.encode(bytes))
        }
        _ => {
            let other = signer::ALL[u.int_in_range(0..=7)?].jwk();
            other.get(name).cloned().unwrap_or_default()
        }
    };
    key.insert(name.into(), new);
    Ok(())
}

fn any(u: &mut Unstructured, depth: usize) -> Result<Value> {
    Ok(match u.int_in_range(0..=if depth < 3 { 7 } else { 5 })? {
        0 => Value::Null,
        1 => json!(u.arbitrary::<bool>()?),
        2 => json!(u.arbitrary::<i64>()?),
        3 => json!(f64::from(u.arbitrary::<i32>()?) / 4.0),
        4 => json!(*u.choose(TEXTS)?),
        5 => json!(u.arbitrary::<&str>()?),
        6 => (0..u.int_in_range(0..=3)?).map(|_| any(u, depth + 1)).collect::<Result<Vec<_>>>()?.into(),
        _ => {
            let length = u.int_in_range(0..=3)?;
            let one = |_| Ok(((*u.choose(FIELDS)?).to_owned(), any(u, depth + 1)?));
            (0..length).map(one).collect::<Result<Map<_, _>>>()?.into()
        }
    })
}

/// The keys in a provider's documents.
#[derive(Debug, PartialEq)]
pub enum Keys {
    /// There is no key set.
    None,
    /// There is a key set.
    Some {
        /// The elements of `keys`.
        keys: Vec<Value>,
        /// Whether a function must find them; if not, it may find them.
        surely: bool,
    },
    /// The document has a URL that a test must not call.
    Unclear,
}

/// Parses a provider's documents: a key set, or an OpenID configuration with the URL of a key set on the same host.
pub fn parse(documents: &[Vec<u8>; 2], port: u16) -> Keys {
    let here = HERE.replace(PORT, &port.to_string());
    let first = object(&documents[0]);
    let url = match (first.get("keys"), first.get("jwks_uri")) {
        (Some(Value::Array(keys)), _) => return Keys::Some { keys: keys.clone(), surely: true },
        (None, Some(Value::String(url))) => url.as_str(),
        _ => return Keys::None,
    };
    let Some(path) = url.strip_prefix(&here) else {
        let is_foreign = url.starts_with("https://evil.example/")
            || url.starts_with("https://127.0.0.1.evil.example/")
            || !url.contains("//");
        let has_a_user_name = url.starts_with("http://evil@127.0.0.1:");
        return match (is_foreign, has_a_user_name) {
            (true, _) => Keys::None,
            // With a user name, the host is the same.
            (_, true) if url.ends_with(&here["http://".len()..]) => match object(&documents[1]).remove("keys") {
                Some(Value::Array(keys)) => Keys::Some { keys, surely: false },
                _ => Keys::None,
            },
            _ => Keys::Unclear,
        };
    };
    if path == "jwks.json" {
        return Keys::None;
    }
    let is_plain = !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_lowercase());
    match object(&documents[1]).remove("keys") {
        Some(Value::Array(keys)) => Keys::Some { keys, surely: is_plain },
        _ => Keys::None,
    }
}

fn object(document: &[u8]) -> Map<String, Value> {
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    serde_json::from_slice(document).unwrap_or_default()
}

/// The name of a key, if it has one.
pub fn name(key: &Value) -> Option<String> {
    match key.get("kid")? {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether this element of a set is the signer's key.
pub fn is_of(key: &Value, signer: &signer::Signer) -> bool {
    let (kty, crv) = signer.kind();
    key["kty"] == kty
        && crv.is_none_or(|crv| key["crv"] == crv)
        && signer.parts().iter().all(|(name, wanted)| {
            let bytes = key[*name].as_str().and_then(bytes);
            bytes.is_some_and(|bytes| bytes == *wanted || (kty != "OKP" && is_same_number(&bytes, wanted)))
        })
}

fn is_same_number(one: &[u8], other: &[u8]) -> bool {
    let zeros = |bytes: &[u8]| bytes.iter().take_while(|byte| **byte == 0).count();
    one[zeros(one)..] == other[zeros(other)..]
}

/// Decodes base64 of either alphabet, with or without padding and line breaks.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let plain = text.chars().filter(|char| !char.is_ascii_whitespace()).map(|char| match char {
        '-' => '+',
        '_' => '/',
        char => char,
    });
    BASE64_STANDARD_NO_PAD.decode(plain.collect::<String>().trim_end_matches('=')).ok()
}

/// Whether an element of a set is for signatures with this algorithm, and its other fields are valid (RFC 7517, section 4). `usual` if
/// the algorithm is the default for the key's type. `listed` is `JWT_ALGORITHMS`.
pub fn is_for(key: &Value, algorithm: &str, usual: bool, listed: Option<&str>) -> bool {
    let is_listed = |algorithm: &str| {
        listed.is_none_or(|listed| listed.split(',').any(|one| one.trim().replace("Ed25519", "EdDSA") == algorithm))
    };
    let has_alg = match &key["alg"] {
        Value::Null => is_listed(algorithm) && (usual || listed.is_some()),
        Value::String(own) => own.replace("Ed25519", "EdDSA") == algorithm && is_listed(algorithm),
        _ => false,
    };
    let has_operations = match &key["key_ops"] {
        Value::Null => true,
        Value::Array(all) => all.iter().all(Value::is_string) && all.iter().any(|one| one == "verify"),
        _ => false,
    };
    let has_name = matches!(key["kid"], Value::Null | Value::String(_) | Value::Number(_));
    let is_public = ["d", "p", "q", "dp", "dq", "qi", "oth"].iter().all(|private| key[*private].is_null());
    // Some providers have keys for one issuer only.
    let is_for_the_issuer = key["issuer"].as_str().is_none_or(|issuer| issuer == "https://login.example/");
    has_alg
        && has_operations
        && has_name
        && is_public
        && is_for_the_issuer
        && matches!(key["use"].as_str(), None | Some("sig"))
        && !is_odd(&key["use"])
}

fn is_odd(usage: &Value) -> bool {
    !usage.is_null() && !usage.is_string()
}
