//! Secrets in AWS Secrets Manager. Most are fetched at init only.

use super::aws::Service;
use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};
use secrecy::{ExposeSecret, SecretString};
use std::{error::Error, time::Duration};
use tokio::sync::OnceCell;

/// The longest duration of reading one, retries included.
const LONGEST_READ: Duration = Duration::from_secs(3);

/// AWS Secrets Manager. The client is created once, when the first secret is fetched.
#[derive(Debug, Default)]
pub(crate) struct Manager(OnceCell<Client>);

/// The value of a secret in AWS Secrets Manager.
#[derive(Debug)]
pub(crate) enum Value {
    /// It was stored as characters (`SecretString`).
    Text(SecretString),
    /// It was stored as bytes (`SecretBinary`).
    Bytes(Vec<u8>),
}

impl Manager {
    /// The same with a client that exists already: that of the operator's tool.
    #[cfg(feature = "operator")]
    pub(crate) fn with(client: Client) -> Self {
        Self(OnceCell::new_with(Some(client)))
    }

    /// The value of the secret with this ARN. If it consists of key/value pairs, as AWS's console creates secrets, it is the value of
    /// `name`. Otherwise it is the whole string, or the bytes.
    ///
    /// # Errors
    /// Why it cannot be fetched: the rest of a sentence that begins with the name of the variable.
    pub(crate) async fn value(&self, arn: &str, name: &str) -> Result<Value, String> {
        let text = match self.fetch(arn).await? {
            Value::Text(text) => text.expose_secret().to_owned(),
            bytes @ Value::Bytes(_) => return Ok(bytes),
        };
        match serde_json::from_str(&text) {
            // The previous secret may still have the name that it had before the rotation.
            Ok(serde_json::Value::Object(mut values)) => {
                match values.remove(name).or_else(|| values.remove(name.trim_end_matches("_PREVIOUS"))) {
                    Some(serde_json::Value::String(secret)) => Ok(Value::Text(secret.trim().into())),
                    _ => Err(format!("names a secret of key/value pairs without a string {name}")),
                }
            }
            _ => Ok(Value::Text(text.trim().into())),
        }
    }

    /// The whole value of the secret with this ARN, which was stored as characters.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub(crate) async fn text(&self, arn: &str) -> Result<SecretString, String> {
        match self.fetch(arn).await? {
            Value::Text(text) => Ok(text),
            Value::Bytes(_) => Err("names a secret that is stored as bytes".into()),
        }
    }

    async fn fetch(&self, arn: &str) -> Result<Value, String> {
        let client = self.client().await.map_err(|error| format!("cannot be read: {error}"))?;
        let output = client.get_secret_value().secret_id(arn).send().await;
        let output = output.map_err(|error| format!("cannot be read: {}", why(&error)))?;
        match (output.secret_string, output.secret_binary) {
            (Some(text), _) => Ok(Value::Text(text.into())),
            (None, Some(bytes)) => Ok(Value::Bytes(bytes.into_inner())),
            (None, None) => Err("names a secret without a value".into()),
        }
    }

    async fn client(&self) -> Result<&Client, Box<dyn Error + Send + Sync>> {
        let connect = || {
            let secrets_manager = Service::new("AWS_ENDPOINT_URL_SECRETS_MANAGER", LONGEST_READ);
            Ok(Client::new(&secrets_manager.config()?.0))
        };
        self.0.get_or_try_init(async || connect()).await
    }
}

fn why<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &'static str {
    match error {
        SdkError::ServiceError(error) => match error.err().code().unwrap_or_default() {
            "ResourceNotFoundException" => "there is no such secret in this account and region",
            "AccessDeniedException" => {
                "the function's role lacks secretsmanager:GetSecretValue for it, or kms:Decrypt for its key"
            }
            "DecryptionFailure" => "the function's role lacks kms:Decrypt for its key",
            _ => "AWS Secrets Manager refused",
        },
        SdkError::TimeoutError(_) => "AWS Secrets Manager did not answer in time",
        _ => "AWS Secrets Manager could not be reached",
    }
}
