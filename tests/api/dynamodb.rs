//! DynamoDB with somebody in front of it.

use crate::world::*;
use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    response::{IntoResponse, Response},
};

/// The endpoint of a DynamoDB that is the world's, but asks `act` first, with the name of the operation: whatever that answers
/// takes the place of DynamoDB's answer.
pub(crate) async fn in_front<F, A>(world: &World, act: F) -> String
where
    F: Fn(String) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Option<Response>> + Send,
{
    in_front_of_requests(world, move |operation, _| act(operation)).await
}

/// The same, for an `act` that wants to see what was asked.
pub(crate) async fn in_front_of_requests<F, A>(world: &World, act: F) -> String
where
    F: Fn(String, Bytes) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Option<Response>> + Send,
{
    let upstream = world.setting("AWS_ENDPOINT_URL_DYNAMODB").expect("an endpoint");
    let http = http_client();
    let forward = move |request: Request| {
        let (act, http, upstream) = (act.clone(), http.clone(), upstream.clone());
        async move {
            let (parts, body) = request.into_parts();
            let target = parts.headers["x-amz-target"].to_str().expect("text");
            let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
            let body = to_bytes(body, 1_000_000).await.expect("a body");
            if let Some(answer) = act(operation, body.clone()).await {
                return answer;
            }
            let answer = http.post(&upstream).headers(parts.headers).body(body).send().await.expect("an answer");
            (answer.status(), answer.headers().clone(), answer.bytes().await.expect("a body")).into_response()
        }
    };
    serve(Router::new().fallback(forward)).await
}
