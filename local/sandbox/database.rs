//! An embedded DynamoDB. Also creates the table, in the embedded DynamoDB or in Amazon's DynamoDB Local.

use crate::{access, connector::http_client, folder};
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Config, Credentials, Region},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
    },
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use dynoxide::{Database, DynoxideError};
use serde::{Serialize, de::DeserializeOwned};
use std::{error::Error, path::Path};
use tokio::net::TcpListener;

/// DynamoDB's own limit for a request, in bytes.
const LONGEST_REQUEST: usize = 16 * 1024 * 1024;

/// Serves an embedded DynamoDB in the background. It is stored in `file`; without a file, in memory. Returns the URL of the first
/// listener. Proxies on this machine may call it.
///
/// # Errors
/// If the file cannot be opened.
pub fn start(listeners: Vec<TcpListener>, file: Option<&Path>) -> Result<String, Box<dyn Error>> {
    start_for(listeners, file, &[access::ON_ANY_PORT.into()])
}

/// Like [`start`], but accepts only requests whose `Host` is a listener's address or one of `hosts`.
///
/// # Errors
/// If the file cannot be opened.
pub fn start_for(listeners: Vec<TcpListener>, file: Option<&Path>, hosts: &[String]) -> Result<String, Box<dyn Error>> {
    let first = listeners.first().ok_or("a database needs a listener")?;
    let url = format!("http://{}", first.local_addr()?);
    let database = match file {
        Some(file) => {
            // SQLite gives its other files beside this one the same mode.
            folder::create(file)?;
            Database::new(&file.to_string_lossy())?
        }
        None => Database::memory()?,
    };
    for listener in listeners {
        let router = access::by_host(router(database.clone()), &listener, hosts)?;
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    Ok(url)
}

/// We do not use the library's own server: it lets pages of any origin read the data, and has no option to forbid this.
fn router(database: Database) -> Router {
    let router =
        Router::new().route("/", post(serve)).layer(DefaultBodyLimit::max(LONGEST_REQUEST)).with_state(database);
    // The database has LiveChat's cookies. No page needs it, and SDKs send no `Origin`.
    access::by_page(router, vec![])
}

async fn serve(State(database): State<Database>, headers: HeaderMap, body: String) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (status, body) = match run(&database, target.strip_prefix("DynamoDB_20120810.").unwrap_or_default(), &body) {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => {
            (StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error.to_json())
        }
    };
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], body).into_response()
}

/// The operations that the functions use, and those that developers need to look at the table.
fn run(database: &Database, operation: &str, body: &str) -> dynoxide::Result<String> {
    match operation {
        "BatchGetItem" => json(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => json(body, |request| database.batch_write_item(request)),
        "CreateTable" => json(body, |request| database.create_table(request)),
        "DeleteItem" => json(body, |request| database.delete_item(request)),
        "DeleteTable" => json(body, |request| database.delete_table(request)),
        "DescribeTable" => json(body, |request| database.describe_table(request)),
        "DescribeTimeToLive" => json(body, |request| database.describe_time_to_live(request)),
        "ExecuteStatement" => json(body, |request| database.execute_statement(request)),
        "GetItem" => json(body, |request| database.get_item(request)),
        "ListTables" => json(body, |request| database.list_tables(request)),
        "PutItem" => json(body, |request| database.put_item(request)),
        "Query" => json(body, |request| database.query(request)),
        "Scan" => json(body, |request| database.scan(request)),
        "TransactGetItems" => json(body, |request| database.transact_get_items(request)),
        "TransactWriteItems" => json(body, |request| database.transact_write_items(request)),
        "UpdateItem" => json(body, |request| database.update_item(request)),
        "UpdateTimeToLive" => json(body, |request| database.update_time_to_live(request)),
        _ => Err(DynoxideError::ValidationException("The embedded database does not have this operation.".into())),
    }
}

fn json<A: DeserializeOwned, B: Serialize>(
    body: &str,
    act: impl FnOnce(A) -> dynoxide::Result<B>,
) -> dynoxide::Result<String> {
    let request =
        serde_json::from_str(body).map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
    serde_json::to_string(&act(request)?).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// A region and keys that every local DynamoDB accepts.
pub const ENVIRONMENT: [(&str, &str); 3] =
    [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")];

/// A client for a local DynamoDB.
pub fn client(url: &str) -> Client {
    let [(_, region), (_, key), (_, secret)] = ENVIRONMENT;
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new(region))
        .credentials_provider(Credentials::new(key, secret, None, None, "local"))
        .http_client(http_client())
        .build();
    Client::from_conf(config)
}

/// Creates the table like the template does on AWS, unless it exists.
///
/// # Errors
/// DynamoDB's error.
pub async fn create_table(client: &Client, table: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    // The list comes first: creating a table that exists is an error.
    if client.list_tables().send().await?.table_names().iter().any(|name| name == table) {
        return Ok(());
    }
    let attribute =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    client
        .create_table()
        .table_name(table)
        .attribute_definitions(attribute("pk")?)
        .attribute_definitions(attribute("sk")?)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await?;
    let expiry = TimeToLiveSpecification::builder().attribute_name("expiresAt").enabled(true).build()?;
    client.update_time_to_live().table_name(table).time_to_live_specification(expiry).send().await?;
    Ok(())
}
