//! API Gateway: an HTTP request becomes the event of an HTTP API (payload 2.0), goes through the very code that the
//! function of that route runs, and the answer becomes an HTTP response.

use crate::authorizer::Authorizer;
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use cip::{
    auth::Auth,
    event,
    http::{Route, handle},
    livechat::Accounts,
    operation::{Call, Operation},
    provider::{self, Provider},
    settings::{Account, Common, ConfigError, Groups},
    store::Store,
    time::now_ms,
};
use lambda_http::LambdaEvent;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json, value::to_raw_value};
use std::sync::Arc;

/// The time-out of the functions in the template, in ms.
const TIMEOUT_MS: u64 = 15_000;
/// API Gateway's own limit is 10 MB.
const LONGEST_BODY: usize = 10 * 1024 * 1024;

/// The four functions behind their routes.
#[derive(Clone, Debug)]
pub struct Gateway {
    authorizer: Option<Arc<Authorizer>>,
    auth: Auth,
    groups: Groups,
    account: Arc<Account>,
    provider: Provider,
    store: Store,
    accounts: Accounts,
}

impl Gateway {
    /// The functions, over this provider, its store and its LiveChat account.
    ///
    /// # Errors
    /// As [`Auth::connect`].
    pub async fn connect(
        common: Common,
        provider: Provider,
        store: Store,
        accounts: Accounts,
    ) -> Result<Self, ConfigError> {
        let Common { auth, groups, .. } = common;
        let (auth, account) = (Auth::connect(auth).await?, Arc::new(provider.account()));
        Ok(Self { authorizer: None, auth, groups, account, provider, store, accounts })
    }

    /// The same, with an authorizer before all routes.
    #[must_use]
    pub fn with_authorizer(self, authorizer: Option<Authorizer>) -> Self {
        Self { authorizer: authorizer.map(Arc::new), ..self }
    }

    /// One request, whatever its path.
    pub async fn serve(&self, request: Request) -> Response {
        let first = request.uri().path().split('/').nth(1).unwrap_or_default();
        // A path that has no route goes to any of the functions, which answers 404.
        let operation = Operation::ALL.into_iter().find(|operation| operation.name() == first);
        let claims = match &self.authorizer {
            None => None,
            Some(authorizer) => match authorizer.claims(request.headers()).await {
                Ok(claims) => claims,
                Err(refused) => return refused.into_response(),
            },
        };
        let Some(mut event) = to_event(request).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        if let Some(claims) = claims {
            event["requestContext"]["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
        }
        to_response(&self.invoke(operation.unwrap_or(Operation::GetToken), event).await)
            .unwrap_or_else(|| StatusCode::BAD_GATEWAY.into_response())
    }

    async fn invoke(&self, operation: Operation, event: Value) -> Value {
        let route =
            Route { operation, auth: self.auth.clone(), account: self.account.clone(), groups: self.groups.clone() };
        let (provider, store, accounts) = (self.provider.clone(), self.store.clone(), self.accounts.clone());
        let act = move |call: Call| {
            let (provider, store, accounts) = (provider.clone(), store.clone(), accounts.clone());
            async move {
                match operation {
                    Operation::GetToken => provider.get_token(&call).await,
                    Operation::GetFreshToken => provider.get_fresh_token(&call).await,
                    Operation::HasToken => provider::has_token(&store, &call).await,
                    Operation::Invalidate => provider::invalidate(&store, &accounts, &call).await,
                }
            }
        };
        let Ok(payload) = to_raw_value(&event) else { return Value::Null };
        let context = event::context(uuid::Uuid::new_v4().to_string(), now_ms() + TIMEOUT_MS);
        match handle(route, act, LambdaEvent { payload, context }).await {
            Ok(answer) => serde_json::to_value(answer).unwrap_or_default(),
            Err(never) => match never {},
        }
    }
}

async fn to_event(request: Request) -> Option<Value> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY).await.ok()?;
    // An HTTP API hands the path over decoded. One that cannot be is handed over as a function URL would.
    let (path, domain) = match percent_decode_str(parts.uri.path()).decode_utf8() {
        Ok(path) => (path.into_owned(), "local.execute-api.eu-central-1.amazonaws.com"),
        Err(_) => (parts.uri.path().to_owned(), "local.lambda-url.eu-central-1.on.aws"),
    };
    let mut headers = serde_json::Map::new();
    for name in parts.headers.keys() {
        let values: Vec<_> =
            parts.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.insert(name.as_str().to_owned(), json!(values.join(",")));
    }
    Some(json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "domainName": domain, "stage": "$default", "requestId": "local",
            "http": {
                "method": parts.method.as_str(), "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent").cloned().unwrap_or_default()
            }
        },
        "body": String::from_utf8_lossy(&body), "isBase64Encoded": false
    }))
}

fn to_response(answer: &Value) -> Option<Response> {
    let status = u16::try_from(answer["statusCode"].as_u64()?).ok()?;
    let mut response = Response::new(Body::from(answer["body"].as_str().unwrap_or_default().to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in answer["headers"].as_object()? {
        let name = HeaderName::try_from(name).ok()?;
        response.headers_mut().insert(name, HeaderValue::try_from(value.as_str()?).ok()?);
    }
    Some(response)
}
