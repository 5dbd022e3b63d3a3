//! The HTTP client, as the AWS SDK takes it. The SDK's own client would be a second one in each binary, with HTTP/2, which is of no use
//! for one request at a time.

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use lambda_http::http;
use reqwest::{Client, Error, Request, Url};
use std::{
    mem,
    sync::{Mutex, PoisonError},
};

/// Sends the SDK's requests with a client of `reqwest`.
///
/// The client's own time-out for connecting applies. The time-outs of an operation and of an attempt are the SDK's: it drops the future
/// of a request, and that closes the connection.
#[derive(Clone, Debug)]
pub(super) struct Http(SharedHttpConnector);

impl Http {
    pub(super) fn new(client: Client) -> Self {
        Self(SharedHttpConnector::new(Connector { client, last: Mutex::default() }))
    }
}

impl HttpClient for Http {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.0.clone()
    }
}

#[derive(Debug)]
struct Connector {
    client: Client,
    /// Where the last request went. All operations of a service use the same URL, and parsing it takes time.
    last: Mutex<Option<Url>>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = self.outgoing(request);
        let client = self.client.clone();
        HttpConnectorFuture::new(async move {
            let mut response = client.execute(request?).await.map_err(failed)?;
            let (status, headers) = (response.status(), mem::take(response.headers_mut()));
            // At most the megabyte of a page: DynamoDB returns no more at once.
            let mut incoming = http::Response::new(SdkBody::from(response.bytes().await.map_err(failed)?));
            (*incoming.status_mut(), *incoming.headers_mut()) = (status, headers);
            HttpResponse::try_from(incoming).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl Connector {
    fn outgoing(&self, request: HttpRequest) -> Result<Request, ConnectorError> {
        let url = self.url(request.uri())?;
        let (parts, body) = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?.into_parts();
        let body = body.bytes().ok_or_else(|| ConnectorError::user("a body that is not in memory".into()))?.to_vec();
        let mut request = Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    fn url(&self, uri: &str) -> Result<Url, ConnectorError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(url) = last.as_ref().filter(|url| url.as_str() == uri) {
            return Ok(url.clone());
        }
        let url = Url::parse(uri).map_err(|error| ConnectorError::user(error.into()))?;
        *last = Some(url.clone());
        Ok(url)
    }
}

fn failed(error: Error) -> ConnectorError {
    let (is_timeout, is_connect, is_builder) = (error.is_timeout(), error.is_connect(), error.is_builder());
    let error = error.into();
    match (is_timeout, is_connect) {
        _ if is_builder => ConnectorError::user(error),
        (true, true) => ConnectorError::timeout(error).never_connected(),
        (true, false) => ConnectorError::timeout(error),
        (false, true) => ConnectorError::io(error).never_connected(),
        (false, false) => ConnectorError::io(error),
    }
}
