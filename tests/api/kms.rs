//! A substitute for AWS KMS with two operations, `GenerateDataKey` and `Decrypt`, in the AWS JSON 1.1 protocol.

use crate::world::{World, serve};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555";
pub(crate) const OTHER_KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/99999999-2222-3333-4444-555555555555";

/// The substitute. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Kms(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    /// By its ciphertext, each data key, and the key that has encrypted it.
    data_keys: HashMap<String, (String, String)>,
    /// All requests, also those that failed.
    requests: usize,
    generated: usize,
    decrypted: usize,
    /// The keys that may not be used.
    denied: HashSet<String>,
    is_down: bool,
    latency: Duration,
}

impl Kms {
    /// Starts one, and lets the functions of `world` use it, without a key.
    pub(crate) async fn start(world: World) -> (Self, World) {
        let kms = Self::default();
        let url = serve(Router::new().route("/", post(respond)).with_state(kms.clone())).await;
        (kms, world.with("AWS_ENDPOINT_URL_KMS", &url))
    }

    /// Starts one, and lets the functions of `world` seal with [`KEY`].
    pub(crate) async fn with_key(world: World) -> (Self, World) {
        let (kms, world) = Self::start(world).await;
        (kms, world.with("COOKIES_KMS_KEY", KEY))
    }

    /// The numbers of data keys that were generated and decrypted.
    pub(crate) fn calls(&self) -> (usize, usize) {
        let inside = self.inside();
        (inside.generated, inside.decrypted)
    }

    /// The number of all requests, failed ones included.
    pub(crate) fn requests(&self) -> usize {
        self.inside().requests
    }

    /// Whether it responds with errors.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.inside().is_down = is_down;
    }

    /// How long it takes to respond.
    pub(crate) fn set_latency(&self, latency: Duration) {
        self.inside().latency = latency;
    }

    /// Refuses all use of a key.
    pub(crate) fn deny(&self, key: &str) {
        self.inside().denied.insert(key.to_owned());
    }

    /// The key that has encrypted the data key in this sealed secret.
    pub(crate) fn key_of(&self, envelope: &[u8]) -> String {
        let inside = self.inside();
        let of = |(encrypted, (_, arn)): (&String, &(String, String))| {
            let encrypted = BASE64_STANDARD.decode(encrypted).expect("base64");
            envelope.windows(encrypted.len()).any(|window| window == encrypted).then(|| arn.clone())
        };
        inside.data_keys.iter().find_map(of).expect("a data key")
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn generate(&self, key: &str) -> Response {
        let mut inside = self.inside();
        if inside.denied.contains(key) {
            return refused("AccessDeniedException");
        }
        inside.generated += 1;
        let bytes = |length| BASE64_STANDARD.encode((0..length).map(|_| fastrand::u8(..)).collect::<Vec<_>>());
        let (plaintext, encrypted) = (bytes(32), bytes(168));
        inside.data_keys.insert(encrypted.clone(), (plaintext.clone(), key.to_owned()));
        Json(json!({"KeyId": key, "Plaintext": plaintext, "CiphertextBlob": encrypted})).into_response()
    }

    fn decrypt(&self, encrypted: &str) -> Response {
        let mut inside = self.inside();
        let Some((plaintext, key)) = inside.data_keys.get(encrypted).cloned() else {
            return refused("InvalidCiphertextException");
        };
        if inside.denied.contains(&key) {
            return refused("AccessDeniedException");
        }
        inside.decrypted += 1;
        Json(json!({"KeyId": key, "Plaintext": plaintext, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})).into_response()
    }
}

async fn respond(State(kms): State<Kms>, headers: HeaderMap, body: String) -> Response {
    let request: Value = serde_json::from_str(&body).expect("JSON");
    let (latency, is_down) = {
        let mut inside = kms.inside();
        inside.requests += 1;
        (inside.latency, inside.is_down)
    };
    tokio::time::sleep(latency).await;
    if is_down {
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"__type": "KMSInternalException"}))).into_response();
    }
    assert_eq!(request["EncryptionContext"], json!({"application": "livechat-cip"}));
    match headers["x-amz-target"].to_str().expect("text") {
        "TrentService.GenerateDataKey" => {
            assert_eq!(request["KeySpec"], "AES_256");
            kms.generate(request["KeyId"].as_str().expect("an ARN"))
        }
        "TrentService.Decrypt" => kms.decrypt(request["CiphertextBlob"].as_str().expect("base64")),
        other => panic!("{other} is not needed"),
    }
}

fn refused(code: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"__type": code, "message": "test-secret"}))).into_response()
}
