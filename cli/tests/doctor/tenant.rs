//! An identity provider with two tenants.

use crate::world::listener;
use axum::{Json, Router, routing::get};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// A tenant of the identity provider, with one key.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) issuer: String,
    kid: String,
    key: Arc<EcdsaKeyPair>,
}

impl Tenant {
    fn new(base_url: &str, name: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key");
        Self { issuer: format!("{base_url}/{name}"), kid: format!("{name}-1"), key: Arc::new(key) }
    }

    pub(crate) fn jwks_url(&self) -> String {
        format!("{}/jwks", self.issuer)
    }

    fn jwks(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.kid, "x": x, "y": y }] })
    }

    /// A token of alice's.
    pub(crate) fn token(&self, audience: &str, exp_s: u64) -> String {
        let head = json!({ "alg": "ES256", "kid": self.kid });
        let claims = json!({ "iss": self.issuer, "aud": audience, "sub": "alice", "exp": exp_s });
        let signed = format!("{}.{}", encode(head.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", encode(signature.as_ref()))
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Unix time in s, this far from now.
pub(crate) fn shifted(seconds: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    now.saturating_add_signed(seconds)
}

pub(super) async fn serve_tenants() -> (Tenant, Tenant) {
    let listener = listener().await;
    let base_url = format!("http://{}", listener.local_addr().expect("an address"));
    let tenants = (Tenant::new(&base_url, "tenant-a"), Tenant::new(&base_url, "tenant-b"));
    let mut router = Router::new();
    for (name, tenant) in [("tenant-a", tenants.0.clone()), ("tenant-b", tenants.1.clone())] {
        let (jwks, configuration) = (tenant.jwks(), json!({ "issuer": tenant.issuer, "jwks_uri": tenant.jwks_url() }));
        router = router
            .route(&format!("/{name}/jwks"), get(async || Json(jwks)))
            .route(&format!("/{name}/.well-known/openid-configuration"), get(async || Json(configuration)));
    }
    tokio::spawn(async move { axum::serve(listener, router).await });
    tenants
}
