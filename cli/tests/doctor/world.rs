//! A whole set-up: settings in a file, an identity provider with two tenants, an API, the sandbox and an embedded table.

use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
pub(crate) use sandbox::Fault;
use sandbox::{App, Sandbox, database};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::net::TcpListener;

pub(crate) const AUDIENCE: &str = "livechat";
const ORIGIN: &str = "http://localhost:5173";
const REDIRECT_URI: &str = "https://shop.example/";
const TABLE: &str = "livechat-cip";

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) tenant: Tenant,
    pub(crate) other_tenant: Tenant,
    pub(crate) database_url: String,
    pub(crate) api_url: String,
    settings: BTreeMap<String, String>,
    table: String,
    folder: PathBuf,
    allows_any_origin: Arc<AtomicBool>,
}

/// What `cip doctor` printed, and its exit code.
pub(crate) struct Found {
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Found {
    /// The checks that found something wrong, each once.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let report: Value = serde_json::from_str(&self.text).expect("JSON");
        let checks = report["checks"].as_array().expect("checks").iter();
        let wrong = checks.filter(|check| check["status"] == "wrong");
        let mut wrong: Vec<_> = wrong.map(|check| check["check"].as_str().expect("a name").to_owned()).collect();
        wrong.dedup();
        wrong
    }
}

impl World {
    /// A set-up with which nothing is wrong. `name` is the test's.
    pub(crate) async fn start(name: &str) -> Self {
        let listener = listener().await;
        let app = App { redirect_uris: vec![REDIRECT_URI.into()], ..App::for_page("") };
        let sandbox = Sandbox::start(listener, app, None).expect("a sandbox");
        let database_url = database::start(vec![self::listener().await], None).expect("a database");
        database::create_table(&database::client(&database_url), TABLE).await.expect("a table");
        let (tenant, other_tenant) = serve_tenants().await;
        let allows_any_origin = Arc::<AtomicBool>::default();
        let api = Router::new().fallback(any(api)).with_state(Arc::clone(&allows_any_origin));
        let api_url = serve(api).await;
        let app = sandbox.app();
        let settings = [
            ("LIVECHAT_CLIENT_ID", app.client_id.clone()),
            ("LIVECHAT_ORGANIZATION_ID", app.organization_id.clone()),
            ("LIVECHAT_REDIRECT_URI", REDIRECT_URI.into()),
            ("LIVECHAT_ACCOUNTS_URL", sandbox.url()),
            ("ALLOWED_ORIGINS", ORIGIN.into()),
            ("AUTH", "jwt".into()),
            ("JWT_JWKS_URL", tenant.jwks_url()),
            ("JWT_ISSUER", tenant.issuer.clone()),
            ("JWT_AUDIENCE", AUDIENCE.into()),
        ];
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("doctor-{name}"));
        fs::create_dir_all(&folder).expect("a folder");
        Self {
            settings: settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            table: TABLE.into(),
            sandbox,
            tenant,
            other_tenant,
            database_url,
            api_url,
            folder,
            allows_any_origin,
        }
    }

    /// The same with another value of a setting.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// The same with another name of the table.
    pub(crate) fn in_table(self, table: &str) -> Self {
        Self { table: table.into(), ..self }
    }

    pub(crate) async fn without_expiry(&self) {
        let client = database::client(&self.database_url);
        let off = TimeToLiveSpecification::builder().attribute_name("expiresAt").enabled(false).build();
        let request = client.update_time_to_live().table_name(TABLE);
        request.time_to_live_specification(off.expect("complete")).send().await.expect("turned off");
    }

    pub(crate) fn allow_any_origin(&self) {
        self.allows_any_origin.store(true, Ordering::Relaxed);
    }

    /// Runs `cip doctor` with these settings in a file, this table and this API.
    pub(crate) async fn doctor(&self, options: &[&str], stdin: &str) -> Found {
        let file = self.folder.join("settings.env");
        let lines: Vec<_> = self.settings.iter().map(|(name, value)| format!("{name}='{value}'")).collect();
        fs::write(&file, lines.join("\n")).expect("a file");
        let file = file.to_string_lossy().into_owned();
        let usual = ["--env-file", &file, "--table", &self.table, "--base-url", &self.api_url, "--call-livechat"];
        self.run(&[&usual, options].concat(), &[], stdin).await
    }

    /// Runs `cip doctor --json` with these options, in an environment of its own.
    pub(crate) async fn run(&self, options: &[&str], environment: &[(&str, &str)], stdin: &str) -> Found {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cip"));
        command.env_clear().envs(database::ENVIRONMENT).env("AWS_ENDPOINT_URL_DYNAMODB", &self.database_url);
        command.envs(environment.iter().copied()).args(["doctor", "--json"]).args(options).current_dir(&self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let stdin = stdin.to_owned();
        let output = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().expect("the program starts");
            child.stdin.take().expect("stdin").write_all(stdin.as_bytes()).expect("it reads");
            child.wait_with_output().expect("it ends")
        });
        let output = output.await.expect("it ran");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, "", "stderr");
        let text = String::from_utf8(output.stdout).expect("text");
        Found { code: output.status.code().expect("a code"), text }
    }
}

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

async fn serve_tenants() -> (Tenant, Tenant) {
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

/// Stands in for API Gateway with the functions behind it: CORS for one origin, or by mistake for any, and no caller is accepted.
async fn api(State(allows_any): State<Arc<AtomicBool>>, method: Method, headers: HeaderMap) -> Response {
    let origin = headers.get("origin").and_then(|origin| origin.to_str().ok()).unwrap_or_default().to_owned();
    let is_allowed = origin == ORIGIN || allows_any.load(Ordering::Relaxed);
    match (method, is_allowed) {
        (Method::OPTIONS, true) => {
            let allowed = [
                ("access-control-allow-origin", origin.as_str()),
                ("access-control-allow-headers", "authorization,content-type"),
            ];
            (StatusCode::NO_CONTENT, allowed).into_response()
        }
        (Method::OPTIONS, false) => StatusCode::NO_CONTENT.into_response(),
        _ => (StatusCode::UNAUTHORIZED, Json(json!({ "code": "unauthenticated" }))).into_response(),
    }
}

/// Serves in the background. Returns the URL.
pub(crate) async fn serve(router: Router) -> String {
    let listener = listener().await;
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a port")
}
