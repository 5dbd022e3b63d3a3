//! A function that reads one item per request, with the AWS SDK as its documentation shows it.
//!
//! The item is that of the user in the last segment of the path. The response is the number of its attributes.

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use lambda_http::{Error, Request, RequestExt, run, service_fn};
use serde_json::{Value, json};

async fn count_attributes(client: &Client, table: &str, request: &Request) -> Result<Value, Error> {
    let user = request.raw_http_path().rsplit('/').next().unwrap_or_default();
    let response = client
        .get_item()
        .table_name(table)
        .key("pk", AttributeValue::S(format!("user#{user}")))
        .key("sk", AttributeValue::S("identity".to_owned()))
        .consistent_read(true)
        .send()
        .await?;
    Ok(json!({ "attributes": response.item.map_or(0, |item| item.len()) }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let table = std::env::var("TABLE_NAME")?;
    run(service_fn(async |request: Request| count_attributes(&client, &table, &request).await)).await
}
