//! Responses of an identity provider to a request for its key set. A token must be accepted if its signer's key is in the set, for its
//! algorithm and under its name, whatever else is in the set. No other token may be accepted. The input is the text of a response. If it
//! does not begin like a response, its bytes choose the changes to a valid response.
#![no_main]

use cip::{
    auth::{Caller, Error, Sender},
    settings::Lookup,
    time::Deadline,
};
use fuzz::{
    function::{auth, headers},
    key_set::{Case, Keys, NAMES, PRIVATE, is_for, is_of, name, parse},
    log,
    provider::{PORT, Provider, Visit},
    signer::{self, Signer, with_secret},
};
use libfuzzer_sys::{Corpus, arbitrary::Unstructured, fuzz_target};
use serde_json::{Value, json};
use std::{cell::RefCell, collections::HashMap, time::Duration};

const CLAIMS: &str = r#"{"iss":"https://login.example/","aud":"livechat","sub":"alice","exp":99999999999}"#;
/// The number of possible keys that a function tries at least for a token.
const TRIED: usize = 10;

thread_local! {
    static PROVIDER: Provider = Provider::start();
    static SIGNED: RefCell<HashMap<Signed, String>> = RefCell::default();
}

/// A signer's index, the algorithm and the `kid` of a token.
type Signed = (usize, &'static str, Option<String>);

fuzz_target!(init: log::capture(), |data: &[u8]| -> Corpus {
    // The first character of a response in text.
    let case = match data.first() {
        Some(b'{' | b'[' | b'<' | b'"' | b' ' | b'\n' | 0xef) | None => Case::of_text(data),
        Some(_) => match Case::of_bytes(&mut Unstructured::new(data)) {
            Ok(case) => case,
            Err(_) => return Corpus::Reject,
        },
    };
    PROVIDER.with(|provider| check(provider, case))
});

fn check(provider: &Provider, case: Case) -> Corpus {
    let port = provider.port();
    let documents = case.documents.map(|document| replace(&document, PORT.as_bytes(), port.to_string().as_bytes()));
    let (keys, surely) = match parse(&documents, port) {
        Keys::None => (Vec::new(), false),
        Keys::Some { keys, surely } => (keys, surely),
        Keys::Unclear => return Corpus::Reject,
    };
    let url = provider.url();
    let lookup = Lookup::new(|name| match name {
        "AUTH" => Some("jwt".into()),
        "JWT_JWKS_URL" => Some(url.clone()),
        "JWT_ISSUER" => Some("https://login.example/".into()),
        "JWT_AUDIENCE" => Some("livechat".into()),
        "JWT_ALGORITHMS" => case.algorithms.map(str::to_owned),
        _ => None,
    });
    log::take();
    let tokens = tokens(&keys);
    let visit = provider.visit(documents, async {
        let auth = auth(&lookup).await.expect("good settings");
        let mut results = Vec::new();
        for token in &tokens {
            let headers = headers(&[("authorization", &format!("Bearer {}", token.text))]);
            let sender = Sender { headers: &headers, gateway: None, user_in_path: None };
            results.push(auth.caller(sender, Deadline::after(Duration::from_secs(10))).await);
        }
        results
    });
    let Visit { result: results, requests, is_late } = visit;
    if is_late {
        return Corpus::Reject;
    }
    assert!((1..=2).contains(&requests), "{requests} requests");
    let log = log::take();
    let one_accepted = results.iter().any(Result::is_ok);
    for (token, result) in tokens.iter().zip(&results) {
        let (may, must) = token.accepted_with(&keys, case.algorithms);
        check_result(token, result, may, must && surely);
        if matches!(result, Err(Error::KeysUnavailable(_))) {
            assert!(!one_accepted, "{token:?}: the keys were available for another token");
        }
        let message = result.as_ref().err().map(|error| format!("{error} {error:?}")).unwrap_or_default();
        assert!(!log::repeats(&message, &token.text), "{message}");
        assert!(!log::repeats(&log, &token.text), "{log}");
    }
    let is_a_name = keys.iter().filter_map(name).any(|name| log::repeats(&name, PRIVATE));
    assert!(is_a_name || !log::repeats(&log, PRIVATE), "a private key is in the log: {log}");
    Corpus::Keep
}

fn check_result(token: &Token, result: &Result<Caller, Error>, may: bool, must: bool) {
    match result {
        Ok(caller) => {
            assert!(may, "{token:?} is accepted, but its key is not in the set");
            assert_eq!(caller.principal.key(), "user#alice");
        }
        Err(Error::Unauthenticated { .. } | Error::KeysUnavailable(_)) => {
            assert!(!must, "{token:?} is refused, but its key is in the set: {result:?}");
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[derive(Debug)]
struct Token {
    /// The index of its signer; `None` for a forged token, which must be refused.
    signer: Option<usize>,
    algorithm: &'static str,
    kid: Option<String>,
    text: String,
}

impl Token {
    fn signed(nth: usize, algorithm: &'static str, kid: Option<String>) -> Self {
        let text = SIGNED.with_borrow_mut(|signed| {
            if signed.len() > 5_000 {
                signed.clear();
            }
            let sign = || {
                let header = json!({"alg": algorithm, "kid": kid});
                signer::ALL[nth].token(algorithm, &header.to_string(), CLAIMS)
            };
            signed.entry((nth, algorithm, kid.clone())).or_insert_with(sign).clone()
        });
        Self { signer: Some(nth), algorithm, kid, text }
    }

    fn forged(secret: &[u8], kid: Option<String>) -> Self {
        let header = json!({"alg": "HS256", "kid": kid}).to_string();
        Self { signer: None, algorithm: "HS256", kid, text: with_secret("HS256", secret, &header, CLAIMS) }
    }

    /// Whether the token may be accepted with these keys, and whether it must be accepted. `listed` is `JWT_ALGORITHMS`.
    fn accepted_with(&self, keys: &[Value], listed: Option<&str>) -> (bool, bool) {
        let Some(signer) = self.signer.map(|nth| &signer::ALL[nth]) else { return (false, false) };
        let usual = signer.algorithms()[0] == self.algorithm;
        let of_algorithm = |key: &&Value| is_for(key, self.algorithm, usual, listed);
        let own: Vec<_> = keys.iter().filter(of_algorithm).filter(|key| is_of(key, signer)).map(name).collect();
        let is_named = own.iter().any(|name| name.is_some() && *name == self.kid);
        let is_nameless = own.iter().any(Option::is_none);
        let may = is_named || is_nameless || (self.kid.is_none() && !own.is_empty());
        // Keys with the token's `kid` are tried before keys without a name.
        let others = keys.iter().any(|key| self.kid.is_some() && name(key) == self.kid);
        (may, may && keys.len() <= TRIED && (self.kid.is_none() || is_named || !others))
    }
}

/// For each signer, tokens with the name of its key in the set, with another key's name and without a name. Then forged tokens.
fn tokens(keys: &[Value]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let first = keys.iter().find_map(name);
    for (nth, signer) in signer::ALL.iter().enumerate() {
        let own = keys.iter().find(|key| is_of(key, signer)).map(name);
        // Signing takes long, so a signer whose key is not in the set only uses names whose tokens can be cached.
        let known = |name: &String| own.is_some() || NAMES.contains(&name.as_str());
        let mut names = vec![None];
        names.extend(own.clone().flatten().into_iter().chain(first.clone().filter(known)).map(Some));
        names.dedup();
        for algorithm in signer.algorithms() {
            tokens.extend(names.iter().map(|name| Token::signed(nth, algorithm, name.clone())));
        }
    }
    let public = signer::ALL.iter().find_map(|signer| match signer {
        Signer::Rsa(_) => Some(signer.parts()[0].1.clone()),
        _ => None,
    });
    tokens.push(Token::forged(&public.unwrap_or_default(), first));
    tokens.push(Token::forged(&[], None));
    for key in keys.iter().filter(|key| key["kty"] == "oct") {
        let secret = key["k"].as_str().unwrap_or_default();
        tokens.push(Token::forged(secret.as_bytes(), name(key)));
        tokens.push(Token::forged(&fuzz::key_set::bytes(secret).unwrap_or_default(), name(key)));
    }
    tokens
}

fn replace(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.windows(old.len()).position(|part| part == old) {
        replaced.extend_from_slice(&rest[..start]);
        replaced.extend_from_slice(new);
        rest = &rest[start + old.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}
