//! A whole set-up: settings in a file, an identity provider with two tenants, and an API, beside what all tests have.

use super::tenant::{Tenant, serve_tenants};
use crate::world::{REDIRECT_URI, TABLE, World, serve};
use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub(crate) const AUDIENCE: &str = "livechat";
const ORIGIN: &str = "http://localhost:5173";

pub(crate) struct SetUp {
    pub(crate) world: World,
    pub(crate) tenant: Tenant,
    pub(crate) other_tenant: Tenant,
    pub(crate) api_url: String,
    settings: BTreeMap<String, String>,
    table: String,
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

impl SetUp {
    /// A set-up with which nothing is wrong.
    pub(crate) async fn start() -> Self {
        let world = World::new().await;
        let (tenant, other_tenant) = serve_tenants().await;
        let allows_any_origin = Arc::<AtomicBool>::default();
        let api = Router::new().fallback(any(api)).with_state(Arc::clone(&allows_any_origin));
        let api_url = serve(api).await;
        let app = world.sandbox.app();
        let settings = [
            ("LIVECHAT_CLIENT_ID", app.client_id.clone()),
            ("LIVECHAT_ORGANIZATION_ID", app.organization_id.clone()),
            ("LIVECHAT_REDIRECT_URI", REDIRECT_URI.into()),
            ("LIVECHAT_ACCOUNTS_URL", world.sandbox.url()),
            ("ALLOWED_ORIGINS", ORIGIN.into()),
            ("AUTH", "jwt".into()),
            ("JWT_JWKS_URL", tenant.jwks_url()),
            ("JWT_ISSUER", tenant.issuer.clone()),
            ("JWT_AUDIENCE", AUDIENCE.into()),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { world, tenant, other_tenant, api_url, settings, table: TABLE.into(), allows_any_origin }
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
        let off = TimeToLiveSpecification::builder().attribute_name("expiresAt").enabled(false).build();
        let request = self.world.dynamodb.update_time_to_live().table_name(TABLE);
        request.time_to_live_specification(off.expect("complete")).send().await.expect("turned off");
    }

    pub(crate) fn allow_any_origin(&self) {
        self.allows_any_origin.store(true, Ordering::Relaxed);
    }

    /// Runs `cip doctor` with these settings in a file, this table and this API.
    pub(crate) async fn doctor(&self, options: &[&str], stdin: &str) -> Found {
        let options = [&["--call-livechat"], options].concat();
        self.run_with_file(&options, stdin).await
    }

    /// The same without a call to LiveChat.
    pub(crate) async fn doctor_without_call(&self, options: &[&str]) -> Found {
        self.run_with_file(options, "").await
    }

    async fn run_with_file(&self, options: &[&str], stdin: &str) -> Found {
        let file = self.env_file();
        let usual = ["--env-file", &file, "--table", &self.table, "--base-url", &self.api_url];
        self.run(&[&usual, options].concat(), &[], stdin).await
    }

    /// A file with these settings.
    pub(crate) fn env_file(&self) -> String {
        let lines: Vec<_> = self.settings.iter().map(|(name, value)| format!("{name}='{value}'")).collect();
        self.world.file("settings.env", lines.join("\n"))
    }

    /// Runs `cip doctor --json` with these options and, of the settings, only these variables.
    pub(crate) async fn run(&self, options: &[&str], variables: &[(&str, &str)], stdin: &str) -> Found {
        let mut command = self.world.command(&[&["doctor", "--json"], options].concat());
        for (name, _) in self.world.environment().iter().filter(|(name, _)| name.starts_with("LIVECHAT_")) {
            command.env_remove(name);
        }
        let ran = self.world.finish(command.envs(variables.iter().copied()), stdin).await;
        assert_eq!(ran.stderr, "", "stderr");
        Found { code: ran.code, text: ran.stdout }
    }
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
