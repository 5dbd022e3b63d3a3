use super::*;
use aws_sdk_dynamodb::{
    Client as DynamoDb,
    config::{Credentials, http::HttpRequest},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    result::ConnectorError,
};
use std::sync::{Arc, Mutex};

type Values = &'static [(&'static str, &'static str)];

const OF_DYNAMODB: &str = "AWS_ENDPOINT_URL_DYNAMODB";

fn value(values: Values, name: &str) -> Option<String> {
    values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

/// The configuration for DynamoDB with these variables, or what is wrong with them.
fn config(values: Values) -> Result<SdkConfig, String> {
    let variables = Variables(&|name: &str| value(values, name));
    let service = Service { endpoint_variable: OF_DYNAMODB, longest: Duration::from_secs(1), variables };
    service.config().map(|(config, _)| config).map_err(|error| error.to_string())
}

fn trusted(values: Values) -> Result<Roots, String> {
    let look_up = |name: &str| value(values, name);
    let variables = Variables(&look_up);
    Ok(roots(variables.region().as_deref(), variables.endpoint(OF_DYNAMODB)?.is_some()))
}

/// Remembers where the last request would have gone, and sends nothing.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<String>>);

impl HttpConnector for Recorder {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        request.uri().clone_into(&mut self.0.lock().expect("no panic"));
        HttpConnectorFuture::ready(Err(ConnectorError::user("not sent".into())))
    }
}

/// Where a request to DynamoDB goes.
async fn destination(values: Values) -> String {
    let config = config(values).expect("a configuration");
    let recorder = Recorder::default();
    let connector = SharedHttpConnector::new(recorder.clone());
    let config = config
        .into_builder()
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "secret", None, None, "test")))
        .build();
    let sent = DynamoDb::new(&config).list_tables().send().await;
    assert!(sent.is_err());
    recorder.0.lock().expect("no panic").clone()
}

#[tokio::test]
async fn requests_go_to_the_endpoint_that_the_variables_name() {
    let cases: [(Values, &str); 11] = [
        (&[("AWS_REGION", "eu-central-1")], "https://dynamodb.eu-central-1.amazonaws.com/"),
        (&[("AWS_DEFAULT_REGION", "us-east-1")], "https://dynamodb.us-east-1.amazonaws.com/"),
        (&[("AWS_REGION", "us-gov-west-1")], "https://dynamodb.us-gov-west-1.amazonaws.com/"),
        (&[("AWS_REGION", "cn-north-1")], "https://dynamodb.cn-north-1.amazonaws.com.cn/"),
        (&[("AWS_REGION", "eusc-de-east-1")], "https://dynamodb.eusc-de-east-1.amazonaws.eu/"),
        (
            &[("AWS_REGION", "us-east-1"), ("AWS_USE_FIPS_ENDPOINT", "true")],
            "https://dynamodb-fips.us-east-1.amazonaws.com/",
        ),
        (&[("AWS_REGION", "us-east-1"), ("AWS_USE_DUALSTACK_ENDPOINT", "True")], "https://dynamodb.us-east-1.api.aws/"),
        (
            &[("AWS_REGION", "us-gov-east-1"), ("AWS_USE_FIPS_ENDPOINT", "true")],
            "https://dynamodb.us-gov-east-1.amazonaws.com/",
        ),
        (&[("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:8000")], "http://127.0.0.1:8000/"),
        (
            &[
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL", "http://127.0.0.1:8000"),
                ("AWS_ENDPOINT_URL_DYNAMODB", "https://vpce-1.dynamodb.us-east-1.vpce.amazonaws.com"),
            ],
            "https://vpce-1.dynamodb.us-east-1.vpce.amazonaws.com/",
        ),
        (
            &[
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL", "http://127.0.0.1:8000"),
                ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
            ],
            "https://dynamodb.us-east-1.amazonaws.com/",
        ),
    ];
    for (variables, expected) in cases {
        assert_eq!(destination(variables).await, expected, "{variables:?}");
    }
}

#[test]
fn an_invalid_variable_is_named() {
    let error = |values| config(values).expect_err("an error");
    assert_eq!(error(&[("AWS_USE_FIPS_ENDPOINT", "yes")]), "AWS_USE_FIPS_ENDPOINT is invalid: expected true or false.");
    for name in ["AWS_USE_DUALSTACK_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_ACCOUNT_ID_ENDPOINT_MODE"] {
        let variables = vec![(name, "1")].leak();
        assert!(error(variables).starts_with(name), "{name}");
    }
}

#[test]
fn an_empty_variable_counts_as_missing() {
    let values: Values = &[("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", ""), ("AWS_USE_FIPS_ENDPOINT", " ")];
    let config = config(values).expect("a configuration");
    assert_eq!((config.endpoint_url(), config.use_fips()), (None, None));
}

#[test]
fn only_amazons_certificates_are_trusted_where_its_endpoints_have_them() {
    let cases: [(Values, Roots); 6] = [
        (&[("AWS_REGION", "eu-central-1")], Roots::Amazon),
        (&[("AWS_REGION", "us-gov-west-1")], Roots::Amazon),
        (&[("AWS_REGION", "cn-north-1")], Roots::Mozilla),
        (&[("AWS_REGION", "us-isob-east-1")], Roots::System),
        (&[("AWS_REGION", "eu-isoe-west-1")], Roots::System),
        (&[("AWS_REGION", "eu-central-1"), ("AWS_ENDPOINT_URL", "https://localhost")], Roots::System),
    ];
    for (variables, expected) in cases {
        assert_eq!(trusted(variables), Ok(expected), "{variables:?}");
    }
}
