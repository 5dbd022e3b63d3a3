//! Which installation a command is about: that of `cargo local`, a stack, or a table by its name.

use crate::{
    arguments, aws,
    failure::Failure,
    http, parameters,
    refusal::{check, refused},
};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use cip::store::Store;
use serde::Deserialize;
use std::{collections::HashMap, time::Duration};

/// How long `cargo local` may take to say what it is.
const LONGEST_OF_LOCAL: Duration = Duration::from_secs(10);

/// An installation.
#[derive(Debug)]
pub(crate) enum Place {
    /// A running `cargo local`.
    Local(Local),
    /// A stack on AWS.
    Stack(Stack),
    /// Only a table.
    Table { config: SdkConfig, table: String },
}

/// A running `cargo local`, as its `/config.json` describes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Local {
    /// Where the four routes are.
    #[serde(skip)]
    pub(crate) url: String,
    pub(crate) dynamodb_url: String,
    pub(crate) table: String,
    pub(crate) accounts_url: String,
    pub(crate) client_id: String,
    /// `LIVECHAT_GRANT`.
    pub(crate) grant: Option<String>,
    /// `LIVECHAT_AGENT_CREDENTIALS`, if it is that of the sandbox's agent.
    pub(crate) sandbox_agent: Option<String>,
    pub(crate) organization_id: Option<String>,
    pub(crate) license_id: Option<u64>,
    /// `sandbox` or `real`.
    pub(crate) livechat: String,
    /// `AUTH`.
    pub(crate) auth: String,
    pub(crate) guests: bool,
    /// `USER_ID_NORMALIZATION`, unless it is `none`.
    pub(crate) normalization: Option<String>,
    /// `GROUPS`.
    pub(crate) groups: Option<String>,
    /// Whether it signs credentials for development itself.
    pub(crate) development_login: bool,
}

/// A stack, with its outputs and parameters.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) config: SdkConfig,
    pub(crate) name: String,
    /// The stack's id. Its last part is the default key of the hashes of users in log lines.
    pub(crate) id: String,
    pub(crate) outputs: HashMap<String, String>,
    pub(crate) parameters: HashMap<String, String>,
}

impl Place {
    /// Finds the installation of the command line.
    ///
    /// # Errors
    /// [`Failure::Service`] if it cannot be reached, or without credentials or a region. [`Failure::Input`] if there is no such stack.
    pub(crate) async fn find(place: &arguments::Place) -> Result<Self, Failure> {
        if let Some(url) = &place.local {
            return Ok(Self::Local(Local::at(url).await?));
        }
        let config = aws::config(place).await;
        check(&config, place.profile.as_deref()).await?;
        match &place.table {
            Some(table) => Ok(Self::Table { config, table: table.clone() }),
            None => Ok(Self::Stack(Stack::find(config, &place.stack).await?)),
        }
    }

    /// The name of the table.
    ///
    /// # Errors
    /// [`Failure::Input`] if the stack has no table.
    pub(crate) fn table(&self) -> Result<&str, Failure> {
        match self {
            Self::Local(local) => Ok(&local.table),
            Self::Table { table, .. } => Ok(table),
            Self::Stack(stack) => stack.output("TableName"),
        }
    }

    /// A client for DynamoDB.
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        match self {
            Self::Local(local) => local.dynamodb(),
            Self::Stack(Stack { config, .. }) | Self::Table { config, .. } => aws_sdk_dynamodb::Client::new(config),
        }
    }

    /// The table, as the functions use it.
    ///
    /// # Errors
    /// As [`table`](Self::table).
    pub(crate) fn store(&self) -> Result<Store, Failure> {
        Ok(Store::new(self.dynamodb(), self.table()?))
    }
}

impl Local {
    async fn at(url: &str) -> Result<Self, Failure> {
        http::address("--local", url)?;
        let url = url.trim_end_matches('/').to_owned();
        let unreachable = |error: reqwest::Error| {
            Failure::Service(format!("cargo local does not respond at {url} ({}). Is it running?", error.without_url()))
        };
        let client = http::client(&url).timeout(LONGEST_OF_LOCAL).build().map_err(unreachable)?;
        let response = client.get(format!("{url}/config.json")).send().await;
        let response = response.and_then(reqwest::Response::error_for_status).map_err(unreachable)?;
        let local: Self = serde_json::from_str(&response.text().await.map_err(unreachable)?)
            .map_err(|error| Failure::Service(format!("{url}/config.json is not that of cargo local: {error}")))?;
        Ok(Self { url, ..local })
    }

    /// A setting of the functions, as far as the program says it.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        match name {
            "TABLE_NAME" => Some(self.table.clone()),
            "AUTH" => Some(self.auth.clone()),
            "GUESTS" => Some(self.guests.to_string()),
            "LIVECHAT_CLIENT_ID" => Some(self.client_id.clone()),
            "LIVECHAT_ORGANIZATION_ID" => self.organization_id.clone(),
            "LIVECHAT_LICENSE_ID" => self.license_id.map(|id| id.to_string()),
            "LIVECHAT_ACCOUNTS_URL" => Some(self.accounts_url.clone()),
            "LIVECHAT_GRANT" => self.grant.clone(),
            "LIVECHAT_AGENT_CREDENTIALS" => self.sandbox_agent.clone(),
            // That of the sandbox's app.
            "LIVECHAT_REDIRECT_URI" => Some(format!("{}/", self.url)),
            "GROUPS" => self.groups.clone(),
            "USER_ID_NORMALIZATION" => self.normalization.clone(),
            _ => None,
        }
    }

    /// Any region and keys are accepted, but they must be those of the functions, as DynamoDB Local may keep tables of others apart.
    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.dynamodb_url)
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "local"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .timeout_config(aws::time_limits())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }
}

impl Stack {
    async fn find(config: SdkConfig, name: &str) -> Result<Self, Failure> {
        let client = aws_sdk_cloudformation::Client::new(&config);
        let none = || {
            let region = config.region().map(ToString::to_string).unwrap_or_default();
            Failure::Input(format!("There is no stack {name} in {region}: give --stack, --region or --profile."))
        };
        let stacks = match client.describe_stacks().stack_name(name).send().await {
            Ok(response) => response.stacks.unwrap_or_default(),
            // Its code is the same for a name that no stack can have.
            Err(error) if error.message().is_some_and(|said| said.contains("does not exist")) => return Err(none()),
            Err(error) => return Err(refused("cloudformation:DescribeStacks", &error)),
        };
        let stack = stacks.into_iter().next().ok_or_else(none)?;
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        Ok(Self {
            config,
            name: name.to_owned(),
            id: stack.stack_id.unwrap_or_default(),
            outputs: outputs.filter_map(|output| Some((output.output_key?, output.output_value?))).collect(),
            parameters: parameters.filter_map(|one| Some((one.parameter_key?, one.parameter_value?))).collect(),
        })
    }

    /// The parameter that the template gives to the functions as this variable. An empty one counts as not set.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.parameters.get(&parameters::of_variable(name)).filter(|value| !value.is_empty()).cloned()
    }

    /// An output.
    ///
    /// # Errors
    /// [`Failure::Input`] if the stack has no such output, so it is another kind of stack, or an old one.
    pub(crate) fn output(&self, name: &str) -> Result<&str, Failure> {
        self.outputs.get(name).map(String::as_str).ok_or_else(|| {
            Failure::Input(format!("The stack {} has no output {name}: is it one of livechat-cip?", self.name))
        })
    }
}
