//! The HTTP client with which the AWS SDK calls a local database. The SDK's own client also has HTTP/2, which nothing here uses and
//! which takes long to build.

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use hyper_util::{
    client::legacy::{Client, connect},
    rt::TokioExecutor,
};

/// HTTP/1.1 without TLS.
pub(crate) fn http_client() -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(Client::builder(TokioExecutor::new()).build_http()));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Connector(Client<connect::HttpConnector, SdkBody>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.request(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
