//! The values of `JWT_PUBLIC_KEY` and `JWT_SECRET`. A key in a documented format must be accepted, and then only its tokens. Any other
//! value must be refused in one line that quotes nothing of it. The input is text: a public key; or a first line `secret text`,
//! `secret base64` or `secret hex`, and then a secret.
#![no_main]

use base64::{Engine, prelude::*};
use cip::{
    auth::{Auth, SHORTEST_SECRET, Sender},
    settings::Lookup,
    time::Deadline,
};
use fuzz::{
    function::{auth, headers, ready},
    log,
    signer::{self, with_secret},
};
use libfuzzer_sys::{Corpus, fuzz_target};
use std::{sync::LazyLock, time::Duration};

const CLAIMS: &str = r#"{"sub":"alice","exp":99999999999}"#;
const ALGORITHMS: &str = "HS256,RS256,ES256,ES384,EdDSA";

/// A token of each signer.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let token = |signer: &signer::Signer| {
        let algorithm = signer.algorithms()[0];
        signer.token(algorithm, &format!(r#"{{"alg":"{algorithm}"}}"#), CLAIMS)
    };
    signer::ALL.iter().map(token).collect()
});

fuzz_target!(init: log::capture(), |data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    // An environment variable cannot have a NUL.
    if text.contains('\0') {
        return Corpus::Reject;
    }
    let secret = text.split_once('\n').and_then(|(line, secret)| Some((line.strip_prefix("secret ")?, secret)));
    match secret {
        Some((encoding, secret)) => check_secret(encoding, secret),
        None => check_public_key(text),
    }
    Corpus::Keep
});

fn read(settings: &[(&str, &str)]) -> Result<Auth, String> {
    let lookup = Lookup::new(|name| match name {
        "AUTH" => Some("jwt".into()),
        "JWT_ALGORITHMS" => Some(ALGORITHMS.into()),
        _ => settings.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()),
    });
    log::take();
    let auth = ready(auth(&lookup)).map_err(|error| error.to_string());
    let words = format!("{} {}", auth.as_ref().err().map_or("", String::as_str), log::take());
    assert!(!settings.iter().any(|(_, value)| log::repeats(&words, value)), "{words}");
    assert!(auth.is_ok() || !words.trim().contains('\n'), "{words}");
    auth
}

fn accepts(auth: &Auth, token: &str) -> bool {
    let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
    let sender = Sender { headers: &headers, gateway: None, user_in_path: None };
    ready(auth.caller(sender, Deadline::after(Duration::from_secs(10)))).is_ok()
}

fn check_secret(encoding: &str, secret: &str) {
    let auth = read(&[("JWT_SECRET", secret), ("JWT_SECRET_ENCODING", encoding)]);
    let text = secret.trim();
    let bytes = match encoding.trim() {
        "" | "text" => Some(text.as_bytes().to_vec()),
        "base64" => from_base64(text),
        "hex" => hex::decode(text).ok(),
        _ => None,
    };
    let Some(bytes) = bytes.filter(|bytes| bytes.len() >= SHORTEST_SECRET) else {
        assert!(auth.is_err(), "a malformed or too short secret is accepted");
        return;
    };
    let auth = auth.expect("a good secret");
    let sign = |secret: &[u8]| with_secret("HS256", secret, r#"{"alg":"HS256"}"#, CLAIMS);
    assert!(accepts(&auth, &sign(&bytes)));
    for other in [&bytes[1..], text.as_bytes(), &[]] {
        assert_eq!(accepts(&auth, &sign(other)), other == bytes, "{other:?}");
    }
    assert!(!TOKENS.iter().any(|token| accepts(&auth, token)));
}

fn check_public_key(text: &str) {
    let auth = read(&[("JWT_PUBLIC_KEY", text)]);
    let known = signer::ALL.iter().map(|signer| is_documented_format(text, &signer.spki())).collect::<Vec<_>>();
    let Ok(auth) = auth else {
        assert!(!known.contains(&true), "a valid key is refused: {text:?}");
        return;
    };
    let label = text.split("-----BEGIN ").nth(1).and_then(|rest| rest.split("-----").next());
    assert!(!label.is_some_and(|label| label.contains("PRIVATE")), "a private key is accepted: {text:?}");
    for (nth, token) in TOKENS.iter().enumerate() {
        let is_accepted = accepts(&auth, token);
        assert!(is_accepted || !known[nth], "the token of a valid key is refused: {text:?}");
        assert!(!is_accepted || contains_key(text, nth), "a token of another key is accepted: {text:?}");
    }
    for secret in [text.as_bytes(), text.trim().as_bytes(), &[]] {
        let token = with_secret("HS256", secret, r#"{"alg":"HS256"}"#, CLAIMS);
        assert!(!accepts(&auth, &token), "a public key is used as a secret: {text:?}");
    }
}

/// Whether this is the key in PEM, as it can look after it was copied through consoles and files.
fn is_documented_format(text: &str, spki: &[u8]) -> bool {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    let text = text.trim_matches(SPACE).trim_matches('"').replace("\\r\\n", "\n").replace("\\n", "\n");
    let body = text
        .strip_prefix("-----BEGIN PUBLIC KEY-----")
        .and_then(|text| text.trim_matches(SPACE).strip_suffix("-----END PUBLIC KEY-----"));
    let body = body.unwrap_or(&text).split([' ', '\n', '\r']).collect::<String>();
    body == BASE64_STANDARD.encode(spki)
}

/// Whether the base64 in the text has all numbers of the signer's key, in any structure.
fn contains_key(text: &str, nth: usize) -> bool {
    let text = text.replace("\\\\", "\\").replace("\\r", "\n").replace("\\n", "\n");
    let parts = text.split("-----").filter_map(|part| from_base64(part.trim().trim_matches(['"', '\''])));
    let numbers = signer::ALL[nth].parts();
    parts
        .into_iter()
        .any(|bytes| numbers.iter().all(|(_, number)| bytes.windows(number.len()).any(|part| part == number)))
}

/// Decodes base64 in either alphabet, with or without padding and line breaks.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    fuzz::key_set::bytes(text)
}
