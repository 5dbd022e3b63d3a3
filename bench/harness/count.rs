//! A proxy before DynamoDB that counts requests, and the capacity that they consume.

use crate::Result;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{Request, Response, StatusCode, Uri},
};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::net::TcpListener;

/// The requests of some calls.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counted {
    /// The number of requests of each kind, such as `GetItem`.
    pub(crate) requests: BTreeMap<String, u32>,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    /// Responses without consumed capacity. DynamoDB does not state what a refused conditional write consumes: it counts here as one
    /// write unit, which is right for items of up to 1 KB.
    pub(crate) estimated: u32,
}

/// The proxy. It serves until the runtime ends.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub(crate) url: String,
    upstream: String,
    client: Client<HttpConnector, Body>,
    counted: Arc<Mutex<Counted>>,
}

impl Counter {
    /// A proxy before the database at this URL.
    pub(crate) async fn start(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let counter = Self {
            url: format!("http://{}", listener.local_addr()?),
            upstream: upstream.to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            counted: Arc::default(),
        };
        let router = Router::new().fallback(pass).with_state(counter.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(counter)
    }

    /// What was counted since the last call of this function.
    pub(crate) fn take(&self) -> Counted {
        std::mem::take(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Passes a request on. The signature is not right for the changed body; a local database does not verify it.
    async fn forward(&self, request: Request<Body>) -> Result<Response<Body>> {
        let (mut parts, body) = request.into_parts();
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let mut body: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
        body["ReturnConsumedCapacity"] = json!("TOTAL");
        let body = serde_json::to_vec(&body)?;
        parts.uri = Uri::try_from(format!("{}/", self.upstream))?;
        parts.headers.remove("host");
        parts.headers.insert("content-length", body.len().into());
        let response = self.client.request(Request::from_parts(parts, body.into())).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        self.count(&operation, &body);
        Ok(Response::from_parts(parts, body.into()))
    }

    fn count(&self, operation: &str, response: &Bytes) {
        let consumed = serde_json::from_slice::<Value>(response).ok().and_then(|response| consumed_units(&response));
        let is_read = ["GetItem", "Query", "Scan", "BatchGetItem"].contains(&operation);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        *counted.requests.entry(operation.to_owned()).or_default() += 1;
        counted.estimated += u32::from(consumed.is_none());
        let units = consumed.unwrap_or(1.0);
        if is_read { counted.read_units += units } else { counted.write_units += units }
    }
}

async fn pass(State(counter): State<Counter>, request: Request<Body>) -> Response<Body> {
    counter.forward(request).await.unwrap_or_else(|error| {
        let mut response = Response::new(Body::from(error.to_string()));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

/// The capacity in a response: one object, or a list with one for each table.
fn consumed_units(response: &Value) -> Option<f64> {
    match &response["ConsumedCapacity"] {
        Value::Array(tables) => Some(tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum()),
        one => one["CapacityUnits"].as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_read_from_one_table_and_from_several() {
        assert_eq!(consumed_units(&json!({ "ConsumedCapacity": { "CapacityUnits": 1.0 } })), Some(1.0));
        let two = json!({ "ConsumedCapacity": [{ "CapacityUnits": 2.0 }, { "CapacityUnits": 4.0 }] });
        assert_eq!(consumed_units(&two), Some(6.0));
        assert_eq!(consumed_units(&json!({ "Item": {} })), None);
    }
}
