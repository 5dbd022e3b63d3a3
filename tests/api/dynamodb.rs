//! A proxy in front of DynamoDB, with which a test can change what happens to requests.

use crate::world::*;
use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};

/// What happens to a request to DynamoDB.
pub(crate) enum Action {
    /// DynamoDB gets it, and its response is returned.
    Forward,
    /// DynamoDB does not get it; this response is returned.
    Replace(Response),
    /// DynamoDB gets it, but its response is lost. An error takes its place.
    LoseResponse,
}

/// The URL of a proxy in front of the world's DynamoDB. `decide` gets the name of each operation. A response that it returns takes
/// the place of DynamoDB's.
pub(crate) async fn in_front<F, A>(world: &World, decide: F) -> String
where
    F: Fn(String) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Option<Response>> + Send,
{
    in_front_of_requests(world, move |operation, _| {
        let decision = decide(operation);
        async { decision.await.map_or(Action::Forward, Action::Replace) }
    })
    .await
}

/// The same with a `decide` that gets the request's body too.
pub(crate) async fn in_front_of_requests<F, A>(world: &World, decide: F) -> String
where
    F: Fn(String, Bytes) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Action> + Send,
{
    let upstream = world.setting("AWS_ENDPOINT_URL_DYNAMODB").expect("an endpoint");
    let http = http_client();
    let forward = move |request: Request| {
        let (decide, http, upstream) = (decide.clone(), http.clone(), upstream.clone());
        async move {
            let (parts, body) = request.into_parts();
            let target = parts.headers["x-amz-target"].to_str().expect("a string");
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let body = to_bytes(body, 1_000_000).await.expect("a body");
            let action = decide(operation, body.clone()).await;
            if let Action::Replace(response) = action {
                return response;
            }
            let response = http.post(&upstream).headers(parts.headers).body(body).send().await.expect("a response");
            if let Action::LoseResponse = action {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            (response.status(), response.headers().clone(), response.bytes().await.expect("a body")).into_response()
        }
    };
    serve(Router::new().fallback(forward)).await
}

/// DynamoDB's response to a function whose role does not allow an operation.
pub(crate) fn access_denied() -> Response {
    let body = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"not authorized"}"#;
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body).into_response()
}
