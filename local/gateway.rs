//! API Gateway: an HTTP request becomes the event of an HTTP API (payload format 2.0), the code of the route's function handles the
//! event, and the function's response becomes an HTTP response.

use crate::authorizer::Authorizer;
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use cip::{
    auth::Auth,
    error::Error,
    http::{Event, Function, Served},
    identity::Subject,
    livechat::Accounts,
    operation::{GetFreshToken, GetToken, HasToken, Invalidate, Name, Renewer},
    settings::{Common, ConfigError, Groups},
    store::Store,
    time::{Deadline, now},
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json, value::to_raw_value};
use std::sync::Arc;

/// The time-out of `getToken` and `getFreshToken` in the template, in ms. Here it applies to all four functions.
const TIMEOUT_MS: u64 = 15_000;
/// API Gateway's own limit for a body, in bytes.
const LONGEST_BODY: usize = 10 * 1024 * 1024;

/// What the terminal shows of a call, in addition to the response's status and headers.
#[derive(Clone, Debug)]
pub struct Insight {
    /// Whose token it was about, if that is known.
    pub subject: Option<Subject>,
    /// What went wrong.
    pub cause: Option<Error>,
    /// The code of the problem that the caller gets.
    pub code: Option<String>,
    /// What `hasToken` returns.
    pub has_token: Option<bool>,
}

/// The four functions behind their routes.
#[derive(Clone, Debug)]
pub struct Gateway {
    authorizer: Option<Arc<Authorizer>>,
    get_token: Function<GetToken>,
    get_fresh_token: Function<GetFreshToken>,
    has_token: Function<HasToken>,
    invalidate: Function<Invalidate>,
}

impl Gateway {
    /// The functions, over this renewer, its store and its LiveChat account.
    ///
    /// # Errors
    /// As [`cip::connect_auth`].
    pub async fn connect(
        common: Common,
        renewer: Renewer,
        store: Store,
        accounts: Accounts,
    ) -> Result<Self, ConfigError> {
        let Common { auth, groups, .. } = common;
        let auth = cip::connect_auth(auth).await?;
        Ok(Self {
            authorizer: None,
            get_token: function(GetToken { renewer: renewer.clone() }, &auth, &groups),
            get_fresh_token: function(GetFreshToken { renewer }, &auth, &groups),
            has_token: function(HasToken { store: store.clone() }, &auth, &groups),
            invalidate: function(Invalidate { store, accounts }, &auth, &groups),
        })
    }

    /// The same gateway, with an authorizer before all routes.
    #[must_use]
    pub fn with_authorizer(self, authorizer: Option<Authorizer>) -> Self {
        Self { authorizer: authorizer.map(Arc::new), ..self }
    }

    /// Serves one request to any path.
    pub async fn serve(&self, request: Request) -> Response {
        let operation = operation_of(request.uri().path());
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
        // A path without a route goes to any of the functions, which returns 404.
        let mut served = self.invoke(operation.unwrap_or(Name::GetToken), &event).await;
        if let Some(remaining) = served.as_mut().and_then(|served| served.remaining.take()) {
            tokio::spawn(remaining.run());
        }
        served.and_then(to_response).unwrap_or_else(|| StatusCode::BAD_GATEWAY.into_response())
    }

    async fn invoke(&self, operation: Name, event: &Value) -> Option<Served> {
        let event = Event {
            payload: to_raw_value(event).ok()?,
            request_id: uuid::Uuid::new_v4().to_string(),
            deadline: Deadline::of_invocation(Some(now().plus_ms(TIMEOUT_MS))),
        };
        Some(match operation {
            Name::GetToken => self.get_token.serve(event).await,
            Name::GetFreshToken => self.get_fresh_token.serve(event).await,
            Name::HasToken => self.has_token.serve(event).await,
            Name::Invalidate => self.invalidate.serve(event).await,
        })
    }
}

/// The operation whose name is the first segment of the path.
pub(crate) fn operation_of(path: &str) -> Option<Name> {
    let first = path.split('/').nth(1)?;
    Name::ALL.into_iter().find(|operation| operation.as_str() == first)
}

fn function<O>(operation: O, auth: &Auth, groups: &Groups) -> Function<O> {
    Function { operation, auth: auth.clone(), groups: groups.clone() }
}

async fn to_event(request: Request) -> Option<Value> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY).await.ok()?;
    // An HTTP API passes the path decoded. A path that cannot be decoded is passed as it is, like a function URL does.
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

/// The response, with an [`Insight`] among its extensions.
fn to_response(served: Served) -> Option<Response> {
    let result = serde_json::to_value(served.response).ok()?;
    let status = u16::try_from(result["statusCode"].as_u64()?).ok()?;
    let body = result["body"].as_str().unwrap_or_default();
    let content: Value = serde_json::from_str(body).unwrap_or_default();
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in result["headers"].as_object()? {
        let name = HeaderName::try_from(name).ok()?;
        response.headers_mut().insert(name, HeaderValue::try_from(value.as_str()?).ok()?);
    }
    response.extensions_mut().insert(Insight {
        subject: served.subject,
        cause: served.cause,
        code: content["code"].as_str().map(str::to_owned),
        has_token: content.as_bool(),
    });
    Some(response)
}
