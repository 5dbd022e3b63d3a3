//! AWS Secrets Manager, so that no secret need stand in a template, a console or a function's settings. Read at init only.

use crate::clients::aws;
use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};
use secrecy::{SecretSlice, SecretString};
use serde_json::Value;
use std::time::Duration;
use tokio::sync::OnceCell;

/// The longest that reading one takes, retries included.
const LONGEST_READ: Duration = Duration::from_secs(3);

/// The service. Whoever reads two secrets connects once, and who reads none never.
#[derive(Debug, Default)]
pub(crate) struct Manager(OnceCell<Client>);

/// A secret as it is kept there.
#[derive(Debug)]
pub(crate) enum Stored {
    Text(SecretString),
    /// It was stored as bytes (`SecretBinary`).
    Bytes(SecretSlice<u8>),
}

impl Manager {
    /// The secret with this ARN. The console makes secrets of names and values; then it is the value of `name`. Otherwise it is the
    /// whole text, or the bytes.
    ///
    /// # Errors
    /// Why it cannot be had, as the end of a sentence that the setting's name begins.
    pub(crate) async fn read(&self, arn: &str, name: &str) -> Result<Stored, String> {
        let answer = self.client().await.get_secret_value().secret_id(arn).send().await;
        let answer = answer.map_err(|error| format!("cannot be read: {}", why(&error)))?;
        let text = match (answer.secret_string, answer.secret_binary) {
            (Some(text), _) => text,
            (None, Some(bytes)) => return Ok(Stored::Bytes(bytes.into_inner().into())),
            (None, None) => return Err("names a secret without a value".into()),
        };
        match serde_json::from_str(&text) {
            // The previous secret was the secret of that name once.
            Ok(Value::Object(mut values)) => {
                match values.remove(name).or_else(|| values.remove(name.trim_end_matches("_PREVIOUS"))) {
                    Some(Value::String(secret)) => Ok(Stored::Text(secret.trim().into())),
                    _ => Err(format!("names a secret of names and values without a text {name}")),
                }
            }
            _ => Ok(Stored::Text(text.trim().into())),
        }
    }

    async fn client(&self) -> &Client {
        let connect = async || Client::new(&aws::config("AWS_ENDPOINT_URL_SECRETS_MANAGER", LONGEST_READ).await);
        self.0.get_or_init(connect).await
    }
}

fn why<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &'static str {
    match error {
        SdkError::ServiceError(answer) => match answer.err().code().unwrap_or_default() {
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
