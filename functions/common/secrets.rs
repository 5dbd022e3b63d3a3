//! AWS Secrets Manager, so that no secret need stand in a template, a console or a function's settings. Read at init only.

use crate::{aws, config::ConfigError};
use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};
use secrecy::SecretString;
use serde_json::Value;
use std::time::Duration;

/// The longest that reading one takes, retries included.
const LONGEST_READ: Duration = Duration::from_secs(3);

/// The secret that the setting `arn_name` says the ARN of. The console makes secrets of names and values; then it is the value of
/// `name`. Otherwise it is the whole text.
///
/// # Errors
/// [`ConfigError`] if it cannot be had, with what to do.
pub(crate) async fn read(arn_name: &str, arn: &str, name: &str) -> Result<SecretString, ConfigError> {
    let client = Client::new(&aws::config("AWS_ENDPOINT_URL_SECRETS_MANAGER", LONGEST_READ).await);
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| ConfigError::new(format!("{arn_name} cannot be read: {}.", why(&error))))?;
    let Some(text) = answer.secret_string else {
        return Err(ConfigError::new(format!("{arn_name} names a secret that is no text: store it as plain text.")));
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(mut values)) => match values.remove(name) {
            Some(Value::String(secret)) => Ok(secret.trim().into()),
            _ => Err(ConfigError::new(format!("{arn_name} names a secret of names and values without a text {name}."))),
        },
        _ => Ok(text.trim().into()),
    }
}

fn why<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &'static str {
    match error {
        SdkError::ServiceError(answer) => match answer.err().code().unwrap_or_default() {
            "ResourceNotFoundException" => "there is no such secret in this account and region",
            "AccessDeniedException" => "the function's role lacks secretsmanager:GetSecretValue for it",
            "DecryptionFailure" => "the function's role lacks kms:Decrypt for its key",
            _ => "AWS Secrets Manager refused",
        },
        SdkError::TimeoutError(_) => "AWS Secrets Manager did not answer in time",
        _ => "AWS Secrets Manager could not be reached",
    }
}
