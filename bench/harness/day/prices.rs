//! The file of prices.

use crate::Result;
use serde::Deserialize;
use std::{fs, path::Path};

#[derive(Debug, Deserialize)]
pub(super) struct Prices {
    pub(super) api_gateway: ApiGateway,
    pub(super) lambda: Lambda,
    pub(super) dynamodb: DynamoDb,
    pub(super) livechat: LiveChat,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApiGateway {
    pub(super) per_million_requests: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Lambda {
    pub(super) per_million_requests: f64,
    pub(super) per_gb_second: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct DynamoDb {
    pub(super) per_million_reads: f64,
    pub(super) per_million_writes: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct LiveChat {
    pub(super) per_thousand_calls: f64,
}

impl Prices {
    pub(super) fn read(file: &Path) -> Result<Self> {
        Ok(toml::from_str(&fs::read_to_string(file)?)?)
    }
}
