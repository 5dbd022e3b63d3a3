//! A stand-in for AWS Secrets Manager, with one secret or none.

use crate::{doctor::stack::stack, world::serve};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

pub(crate) const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:livechat-cip-agent-AbCdEf";

/// Its values, the latest last, and whether it refuses to store.
#[derive(Clone, Default)]
pub(crate) struct Manager {
    values: Arc<Mutex<Vec<String>>>,
    refuses: bool,
}

impl Manager {
    pub(crate) fn with(values: &[&str]) -> Self {
        Self { values: Arc::new(Mutex::new(values.iter().map(|&value| value.to_owned()).collect())), refuses: false }
    }

    pub(crate) fn refusing() -> Self {
        Self { refuses: true, ..Self::default() }
    }

    pub(crate) fn values(&self) -> Vec<String> {
        self.values.lock().expect("whole").clone()
    }

    pub(crate) async fn serve(&self) -> String {
        serve(Router::new().route("/", post(respond)).with_state(self.clone())).await
    }
}

async fn respond(State(manager): State<Manager>, headers: HeaderMap, body: String) -> (StatusCode, Json<Value>) {
    let mut values = manager.values.lock().expect("whole");
    let operation = headers["x-amz-target"].to_str().expect("text").rsplit('.').next().map(str::to_owned);
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let refusal = |kind: &str| (StatusCode::BAD_REQUEST, Json(json!({ "__type": kind })));
    match operation.as_deref() {
        Some("DescribeSecret" | "GetSecretValue") if values.is_empty() => refusal("ResourceNotFoundException"),
        Some("DescribeSecret") => (StatusCode::OK, Json(json!({ "ARN": ARN }))),
        Some("GetSecretValue") => (StatusCode::OK, Json(json!({ "ARN": ARN, "SecretString": values.last() }))),
        Some("CreateSecret" | "PutSecretValue") if manager.refuses => refusal("AccessDeniedException"),
        Some(operation @ ("CreateSecret" | "PutSecretValue")) => {
            assert_eq!(values.is_empty(), operation == "CreateSecret", "{operation}");
            values.push(body["SecretString"].as_str().expect("a string").to_owned());
            (StatusCode::OK, Json(json!({ "ARN": ARN })))
        }
        other => panic!("{other:?}"),
    }
}

/// A stand-in for AWS `CloudFormation`, with a stack of this account and these parameters.
pub(crate) async fn serve_stack(settings: &[(&str, String)], more: &[(&str, &str)]) -> String {
    let names = [
        ("LIVECHAT_CLIENT_ID", "LiveChatClientId"),
        ("LIVECHAT_ORGANIZATION_ID", "LiveChatOrganizationId"),
        ("LIVECHAT_REDIRECT_URI", "LiveChatRedirectUri"),
        ("LIVECHAT_ACCOUNTS_URL", "LiveChatAccountsUrl"),
    ];
    let parameter = |setting: &str| names.iter().find(|(name, _)| *name == setting).expect("a parameter").1;
    let parameters: Vec<_> = settings.iter().map(|(name, value)| (parameter(name), value.as_str())).collect();
    let outputs = [("TableName", "cip"), ("BaseUrl", "http://127.0.0.1:9")];
    let response = stack(&[&parameters, more].concat(), &outputs);
    serve(Router::new().route("/", post(async || response))).await
}
