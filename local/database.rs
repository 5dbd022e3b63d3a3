//! DynamoDB on this machine: an embedded one, and our table in it or in Amazon's DynamoDB Local.

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Config, Credentials, Region},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
    },
};
use std::{error::Error, path::Path};
use tokio::net::TcpListener;

/// Serves an embedded DynamoDB in the background, kept in `file` or, without one, in memory. Answers the first
/// listener's address.
///
/// # Errors
/// If the file cannot be opened.
pub fn start(listeners: Vec<TcpListener>, file: Option<&Path>) -> Result<String, Box<dyn Error>> {
    let first = listeners.first().ok_or("a database needs a listener")?;
    let url = format!("http://{}", first.local_addr()?);
    let database = match file {
        Some(file) => dynoxide::Database::new(&file.to_string_lossy())?,
        None => dynoxide::Database::memory()?,
    };
    for listener in listeners {
        tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
    }
    Ok(url)
}

/// What any local DynamoDB takes as region and keys.
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
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// Makes the table, as the template does on AWS, unless it is there.
///
/// # Errors
/// What DynamoDB says.
pub async fn create_table(client: &Client, table: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    // Asked first, as the embedded database warns of a table that is made twice.
    if client.list_tables().send().await?.table_names().iter().any(|there| there == table) {
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
