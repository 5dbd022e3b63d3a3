//! An HTTP request to an operation, its result to a response.

use crate::{
    auth::Auth,
    error::Error,
    event::{self, Content, NotAnHttpEvent, RawEvent},
    identity::{Group, Subject, UserId},
    operation::{Call, Operation, Reply, Source},
    settings::{Account, Common, Groups},
    telemetry::{self, Finished, tally},
    time::Deadline,
};
use futures_util::FutureExt;
use lambda_http::{
    Adapter, Body, LambdaEvent, Request, RequestExt, Response, Service,
    http::{
        HeaderValue, Method, StatusCode,
        header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    request::LambdaRequest,
    service_fn,
};
use percent_encoding::percent_decode_str;
use problem_details::ProblemDetails;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
    time::Instant,
};

/// Serves one operation under Lambda's runtime, until Lambda ends the process.
///
/// # Errors
/// When Lambda's runtime API cannot be reached.
pub async fn run<A, F>(operation: Operation, common: Common, account: Account, act: A) -> Result<(), lambda_http::Error>
where
    A: Fn(Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    let Common { auth, groups, .. } = common;
    let route = Route { operation, auth: Auth::connect(auth).await?, groups, account: Arc::new(account) };
    lambda_runtime::run(service_fn(move |event| handle(route.clone(), act.clone(), event))).await
}

/// Says whether LiveChat has revoked all tokens of a user who logged out (`complete`), or will be told by a later call (`pending`).
const LOGOUT_HEADER: &str = "x-logout";

/// What a function knows of itself.
#[derive(Clone, Debug)]
pub struct Route {
    /// Which operation it is.
    pub operation: Operation,
    /// How it verifies callers.
    pub auth: Auth,
    /// Which groups callers may name.
    pub groups: Groups,
    /// Whose tokens it answers.
    pub account: Arc<Account>,
}

/// One event to one answer, both in API Gateway's form. Never fails: what goes wrong is an answer too.
pub async fn handle<A, F>(route: Route, act: A, event: RawEvent) -> Result<impl Serialize, Infallible>
where
    A: Fn(Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    let LambdaEvent { payload, context } = event;
    let serve = |event: Option<(LambdaRequest, Content)>| {
        let understood = event.is_some();
        let (payload, sent) = event.unwrap_or_else(|| (event::blank(), Content(None)));
        let (route, act, context) = (route.clone(), act.clone(), context.clone());
        let respond = service_fn(move |mut request: Request| {
            if !understood {
                request.extensions_mut().insert(NotAnHttpEvent);
            }
            request.extensions_mut().insert(sent.clone());
            let (route, act) = (route.clone(), act.clone());
            async move { Ok::<_, Infallible>(respond(route, request, act).await) }
        });
        AssertUnwindSafe(async move { Adapter::from(respond).call(LambdaEvent { payload, context }).await })
            .catch_unwind()
    };
    match serve(event::parse(&payload)).await {
        Ok(answer) => answer,
        // `lambda_http` could not make a request of it.
        Err(_) => serve(None).await.unwrap_or_else(|panic| resume_unwind(panic)),
    }
}

async fn respond<A, F>(route: Route, request: Request, act: A) -> Response<Body>
where
    A: Fn(Call) -> F,
    F: Future<Output = Result<Reply, Error>> + Send,
{
    let started = Instant::now();
    let context = request.lambda_context();
    let deadline = Deadline::of_invocation(context.deadline);
    let mut principal = None;
    let result = async {
        let call = read_call(&route, &request, deadline).await?;
        principal = Some(call.subject.principal.clone());
        act(call).await
    };
    // A bug in one call must not take the answer away from its caller.
    let (result, tally) = tally::counted(AssertUnwindSafe(result).catch_unwind()).await;
    let result =
        result.unwrap_or_else(|_| Err(Error::Internal("panic; its message is in the log before this line".into())));
    telemetry::call(&Finished {
        operation: route.operation.name(),
        request_id: &context.request_id,
        principal: principal.as_ref(),
        took: started.elapsed(),
        result: &result,
        tally,
    });
    match result {
        Ok(reply) => answer(&reply, &route.account),
        Err(error) => problem(&error, &context.request_id),
    }
}

async fn read_call(route: &Route, request: &Request, deadline: Deadline) -> Result<Call, Error> {
    if request.extensions().get::<NotAnHttpEvent>().is_some() {
        return Err(Error::InvalidRequest(
            "The event is none of an HTTP API (payload 2.0), a REST API (1.0) or a function URL.".into(),
        ));
    }
    let user = read_user(route.operation, request.raw_http_path())?;
    if let Some(in_route) = request.path_parameters().first("user") {
        check_same(user.as_ref(), in_route)?;
    }
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return Err(Error::MethodNotAllowed);
    }
    let query = request.query_string_parameters();
    let group = match query.all("group").as_deref() {
        None | Some([]) => None,
        Some([group]) => Some(Group::parse(group)?),
        Some(_) => return Err(Error::InvalidRequest("`group` must be given once.".into())),
    };
    let caller = route.auth.caller(request, user, deadline).await?;
    route.groups.check(group)?;
    let logout = route.operation == Operation::Invalidate && read_logout(request)?;
    Ok(Call { subject: Subject { principal: caller.principal, group }, was_guest: caller.was_guest, logout, deadline })
}

/// Whether an `invalidate` is a logout. The widget's own calls have no content, or none that is JSON.
fn read_logout(request: &Request) -> Result<bool, Error> {
    let content_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if *request.method() != Method::POST || !essence.eq_ignore_ascii_case(b"application/json") {
        return Ok(false);
    }
    let content = request.extensions().get::<Content>().and_then(|content| content.0.as_deref());
    if content.is_some_and(<[u8]>::is_empty) {
        return Ok(false);
    }
    let wanted: Option<Map<String, Value>> = content.and_then(|content| serde_json::from_slice(content).ok());
    match wanted.as_ref().map(|wanted| wanted.get("logout")) {
        Some(None) => Ok(false),
        Some(Some(Value::Bool(logout))) => Ok(*logout),
        _ => Err(Error::InvalidRequest("The content must be JSON such as {\"logout\": true}, or be left out.".into())),
    }
}

/// The `{user}` of `/getToken/{user}`, where the path is percent-encoded once. A stage or a base path may come before.
fn read_user(operation: Operation, path: &str) -> Result<Option<UserId>, Error> {
    let name = operation.name();
    let mut rest = path;
    while let Some(after) = rest.strip_prefix('/') {
        match after.strip_prefix(name) {
            Some("") => return Ok(None),
            Some(user) if user.starts_with('/') => {
                let user = percent_decode_str(&user[1..])
                    .decode_utf8()
                    .map_err(|_| Error::InvalidRequest("The user id is not percent-encoded UTF-8.".into()))?;
                return if user.is_empty() { Ok(None) } else { UserId::parse(&user).map(Some) };
            }
            _ => rest = after.find('/').map_or("", |slash| &after[slash..]),
        }
    }
    Err(Error::NotFound)
}

/// HTTP APIs are said to cut a decoded path at a `?`. Then `a%3Fb` would come as `a`, who is somebody else; where the
/// route's own parameter shows it, it is refused. That parameter is decoded or not, depending on the gateway.
fn check_same(user: Option<&UserId>, in_route: &str) -> Result<(), Error> {
    let same = user.is_some_and(|user| {
        user.as_str() == in_route
            || percent_decode_str(in_route).decode_utf8().is_ok_and(|in_route| user.as_str() == in_route)
    });
    if same {
        return Ok(());
    }
    Err(Error::InvalidRequest("The gateway did not pass the user id on whole; a `?` in it can be the reason.".into()))
}

fn answer(reply: &Reply, account: &Account) -> Response<Body> {
    match reply {
        Reply::Token { issued, source } => {
            let token = TokenObject {
                access_token: issued.token.access_token.expose_secret(),
                entity_id: &issued.entity_id,
                expires_in: issued.token.lifetime.expires_in_ms,
                token_type: "Bearer",
                creation_date: issued.token.lifetime.created_ms,
                license_id: account.license_id,
                organization_id: account.organization_id.as_deref(),
            };
            let mut response = json(&token, "application/json");
            if let Ok(status) = cache_status(source) {
                response.headers_mut().insert("cache-status", status);
            }
            response
        }
        Reply::HasToken(has) => json(has, "application/json"),
        Reply::Invalidated => json(&(), "application/json"),
        Reply::LoggedOut { is_complete } => {
            let mut response = json(&(), "application/json");
            let state = if *is_complete { "complete" } else { "pending" };
            response.headers_mut().insert(LOGOUT_HEADER, HeaderValue::from_static(state));
            response
        }
    }
}

/// `Cache-Status` (RFC 9211): the stored token is a cache in front of LiveChat.
fn cache_status(source: &Source) -> Result<HeaderValue, lambda_http::http::header::InvalidHeaderValue> {
    HeaderValue::from_str(&format!("livechat-cip; {source}"))
}

/// The token object of a Custom Identity Provider, exactly
/// (<https://platform.text.com/docs/extending-chat-widget/custom-identity-provider>): times in ms, and no cookie.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenObject<'a> {
    access_token: &'a str,
    entity_id: &'a str,
    expires_in: u64,
    token_type: &'static str,
    creation_date: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'a str>,
}

/// What RFC 9457 lets a problem have beside its own members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extensions<'a> {
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    livechat_code: Option<&'a str>,
}

fn problem(error: &Error, request_id: &str) -> Response<Body> {
    let status = error.status();
    let details = ProblemDetails::new()
        .with_status(status)
        .with_title(error.title())
        .with_detail(error.detail())
        .with_extensions(Extensions { code: error.code(), request_id, livechat_code: error.livechat_code() });
    let mut response = json(&details, "application/problem+json");
    *response.status_mut() = status;
    if let Some(seconds) = error.retry_after_s() {
        response.headers_mut().insert(RETRY_AFTER, spread(status, seconds).into());
    }
    match error {
        Error::MethodNotAllowed => {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        Error::Unauthenticated { expected, .. } => {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(expected.challenge()));
        }
        _ => {}
    }
    response
}

/// The pages that were sent away in one second should not all come back in one: `Retry-After` is up to two seconds later than the
/// earliest time that helps, by chance. LiveChat's refusal of one user ends when it says.
fn spread(status: StatusCode, seconds: u32) -> u32 {
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => seconds.saturating_add(fastrand::u32(0..=2)),
        _ => seconds,
    }
}

fn json(body: &impl Serialize, content_type: &'static str) -> Response<Body> {
    let body = serde_json::to_string(body).expect("an answer of ours is always JSON");
    let mut response = Response::new(Body::Text(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
