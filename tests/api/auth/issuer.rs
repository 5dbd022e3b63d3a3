//! An identity provider: keys of every kind, tokens of any shape, and a key set that is served with or without faults.

use crate::world::serve;
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, USER_AGENT},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PSS_SHA256, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub(crate) const NAME: &str = "https://login.example/";
pub(crate) const AUDIENCE: &str = "livechat";

/// Created with openssl, for these tests only.
const RSA_PRIVATE_PEM: &[u8] = include_bytes!("issuer-rsa.pem");
pub(crate) const RSA_PUBLIC_PEM: &str = include_str!("issuer-rsa.pub.pem");

/// What a token is signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With<'a> {
    Rs256,
    Rs384,
    Ps256,
    Es256,
    Es384,
    EdDsa,
    Hs256(&'a [u8]),
    Hs512(&'a [u8]),
    Nothing,
}
pub(crate) use With::*;

impl With<'_> {
    pub(crate) fn algorithm(self) -> &'static str {
        match self {
            Rs256 => "RS256",
            Rs384 => "RS384",
            Ps256 => "PS256",
            Es256 => "ES256",
            Es384 => "ES384",
            EdDsa => "EdDSA",
            Hs256(_) => "HS256",
            Hs512(_) => "HS512",
            Nothing => "none",
        }
    }

    pub(crate) fn kid(self) -> &'static str {
        match self {
            Rs256 | Rs384 | Ps256 => "rsa-1",
            Es256 => "ec-1",
            Es384 => "p384-1",
            _ => "ed-1",
        }
    }
}

/// What the URL of the key set returns.
#[derive(Clone, Debug)]
pub(crate) enum KeysResponse {
    Keys(Value),
    Status(u16),
    Text(&'static str),
    Huge,
    Hang,
    Redirect(String),
}

pub(crate) struct Issuer {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    served: Arc<Served>,
    url: String,
    configuration_url: String,
}

struct Served {
    response: Mutex<KeysResponse>,
    fetched: AtomicUsize,
    user_agent: Mutex<String>,
    /// The URL of the keys in its OpenID configuration.
    jwks_uri: Mutex<String>,
}

impl Issuer {
    /// Serves keys of the three usual kinds.
    pub(crate) async fn start() -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let p384 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).expect("a key");
        let ed = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
        let rsa = EncodingKey::from_rsa_pem(RSA_PRIVATE_PEM).expect("PEM");
        let served = Arc::new(Served {
            response: Mutex::new(KeysResponse::Status(500)),
            fetched: AtomicUsize::new(0),
            user_agent: Mutex::default(),
            jwks_uri: Mutex::default(),
        });
        let router = Router::new()
            .route("/jwks.json", get(key_set))
            .route("/.well-known/openid-configuration", get(configuration))
            .with_state(served.clone());
        let host = serve(router).await;
        let (url, configuration_url) =
            (format!("{host}/jwks.json"), format!("{host}/.well-known/openid-configuration"));
        url.clone_into(&mut served.jwks_uri.lock().unwrap_or_else(PoisonError::into_inner));
        let issuer = Self {
            rsa: RsaKeyPair::from_der(rsa.as_bytes()).expect("a key"),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).expect("a key"),
            p384: EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, p384.as_ref(), &random).expect("a key"),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).expect("a key"),
            served,
            url,
            configuration_url,
        };
        issuer.serve(KeysResponse::Keys(issuer.key_set()));
        issuer
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The URL of its OpenID configuration.
    pub(crate) fn configuration_url(&self) -> &str {
        &self.configuration_url
    }

    /// Sets the URL of the keys in the OpenID configuration.
    pub(crate) fn lead_to(&self, jwks_uri: &str) {
        jwks_uri.clone_into(&mut self.served.jwks_uri.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The `User-Agent` of the latest request for the key set.
    pub(crate) fn user_agent(&self) -> String {
        self.served.user_agent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the keys of the key set.
    pub(crate) fn serve_keys(&self, keys: &Value) {
        self.serve(KeysResponse::Keys(json!({ "keys": keys })));
    }

    /// Sets what the URL of the key set returns.
    pub(crate) fn serve(&self, response: KeysResponse) {
        *self.served.response.lock().unwrap_or_else(PoisonError::into_inner) = response;
    }

    /// The number of requests for the key set.
    pub(crate) fn fetched(&self) -> usize {
        self.served.fetched.load(Ordering::SeqCst)
    }

    pub(crate) fn key_set(&self) -> Value {
        json!({"keys": [self.rsa_jwk(), self.ec_jwk(), self.ed_jwk()]})
    }

    pub(crate) fn rsa_jwk(&self) -> Value {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        json!({
            "kty": "RSA", "kid": "rsa-1", "use": "sig",
            "n": BASE64_URL_SAFE_NO_PAD.encode(public.n),
            "e": BASE64_URL_SAFE_NO_PAD.encode(public.e)
        })
    }

    pub(crate) fn ec_jwk(&self) -> Value {
        let (x, y) = self.ec.public_key().as_ref()[1..].split_at(32);
        json!({
            "kty": "EC", "kid": "ec-1", "crv": "P-256", "alg": "ES256",
            "x": BASE64_URL_SAFE_NO_PAD.encode(x), "y": BASE64_URL_SAFE_NO_PAD.encode(y)
        })
    }

    /// Not in the set that is served at first.
    pub(crate) fn p384_jwk(&self) -> Value {
        let (x, y) = self.p384.public_key().as_ref()[1..].split_at(48);
        json!({
            "kty": "EC", "kid": "p384-1", "crv": "P-384", "alg": "ES384",
            "x": BASE64_URL_SAFE_NO_PAD.encode(x), "y": BASE64_URL_SAFE_NO_PAD.encode(y)
        })
    }

    pub(crate) fn ed_jwk(&self) -> Value {
        json!({
            "kty": "OKP", "kid": "ed-1", "crv": "Ed25519", "key_ops": ["verify"],
            "x": BASE64_URL_SAFE_NO_PAD.encode(self.ed.public_key())
        })
    }

    /// The public key in PEM: the fixed beginning of a `SubjectPublicKeyInfo` (RFC 5480, RFC 8410), then the key.
    pub(crate) fn public_pem(&self, with: With) -> String {
        let (beginning, key) = match with {
            Es256 => ("3059301306072a8648ce3d020106082a8648ce3d030107034200", self.ec.public_key().as_ref()),
            EdDsa => ("302a300506032b6570032100", self.ed.public_key().as_ref()),
            _ => return RSA_PUBLIC_PEM.to_owned(),
        };
        let mut der = hex::decode(beginning).expect("hexadecimal");
        der.extend_from_slice(key);
        let text = base64::prelude::BASE64_STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    /// A valid token for this user.
    pub(crate) fn token(&self, with: With, user: &str) -> String {
        self.sign(with, &header(with), &claims(user))
    }

    /// A valid token for alice, except that it has these claims.
    pub(crate) fn token_with(&self, with: With, changed: &Value) -> String {
        let mut claims = claims("alice");
        claims.as_object_mut().expect("an object").extend(changed.as_object().expect("an object").clone());
        self.sign(with, &header(with), &claims)
    }

    /// A token with any header and claims, and a valid signature.
    pub(crate) fn sign(&self, with: With, header: &Value, claims: &Value) -> String {
        self.sign_text(with, &header.to_string(), &claims.to_string())
    }

    /// The same with any strings.
    pub(crate) fn sign_text(&self, with: With, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.signature(with, message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn signature(&self, with: With, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |padding| {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            self.rsa.sign(padding, &random, message, &mut signature).expect("a signature");
            signature
        };
        match with {
            Rs256 => rsa(&RSA_PKCS1_SHA256),
            Rs384 => rsa(&RSA_PKCS1_SHA384),
            Ps256 => rsa(&RSA_PSS_SHA256),
            Es256 => self.ec.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Es384 => self.p384.sign(&random, message).expect("a signature").as_ref().to_vec(),
            EdDsa => self.ed.sign(message).as_ref().to_vec(),
            Hs256(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec(),
            Hs512(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, secret), message).as_ref().to_vec(),
            Nothing => Vec::new(),
        }
    }
}

async fn configuration(State(served): State<Arc<Served>>) -> Response {
    let jwks_uri = served.jwks_uri.lock().unwrap_or_else(PoisonError::into_inner).clone();
    axum::Json(json!({"issuer": NAME, "jwks_uri": jwks_uri})).into_response()
}

async fn key_set(State(served): State<Arc<Served>>, headers: HeaderMap) -> Response {
    served.fetched.fetch_add(1, Ordering::SeqCst);
    let user_agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    user_agent.clone_into(&mut served.user_agent.lock().unwrap_or_else(PoisonError::into_inner));
    let response = served.response.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match response {
        KeysResponse::Keys(set) => ([(CONTENT_TYPE, "application/jwk-set+json")], set.to_string()).into_response(),
        KeysResponse::Status(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        KeysResponse::Text(text) => text.into_response(),
        KeysResponse::Huge => Body::from(vec![b' '; 10_000_000]).into_response(),
        KeysResponse::Hang => std::future::pending().await,
        KeysResponse::Redirect(to) => axum::response::Redirect::temporary(&to).into_response(),
    }
}

pub(crate) fn header(with: With) -> Value {
    json!({"typ": "JWT", "alg": with.algorithm(), "kid": with.kid()})
}

/// Claims that are valid for an hour.
pub(crate) fn claims(user: &str) -> Value {
    json!({"iss": NAME, "aud": AUDIENCE, "sub": user, "iat": now_s(), "exp": now_s() + 3600})
}

pub(crate) fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).expect("a time after 1970")
}

#[test]
fn algorithm_names_match_those_of_the_library() {
    for with in [Rs256, Rs384, Ps256, Es256, Es384, EdDsa, Hs256(b""), Hs512(b"")] {
        assert!(with.algorithm().parse::<Algorithm>().is_ok());
    }
    assert!(Nothing.algorithm().parse::<Algorithm>().is_err());
}
