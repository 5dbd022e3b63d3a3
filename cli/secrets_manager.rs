//! Secrets in AWS Secrets Manager: whether one exists, its value, a new one, a new value, and the command that creates one.

use crate::{failure::Failure, refusal::refused};
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::{
    Client,
    operation::{describe_secret::DescribeSecretError, get_secret_value::GetSecretValueError},
};
use secrecy::SecretString;

/// The ARN of the secret with this name, if there is one.
///
/// # Errors
/// [`Failure::Service`] if AWS cannot be reached, or refuses.
pub(crate) async fn find(config: &SdkConfig, name: &str) -> Result<Option<String>, Failure> {
    match Client::new(config).describe_secret().secret_id(name).send().await {
        Ok(secret) => Ok(secret.arn),
        Err(error) if error.as_service_error().is_some_and(DescribeSecretError::is_resource_not_found_exception) => {
            Ok(None)
        }
        Err(error) => Err(refused("DescribeSecret", &error)),
    }
}

/// Creates a secret. Returns its ARN.
///
/// # Errors
/// As [`find`]; also if there is one of that name.
pub(crate) async fn create(config: &SdkConfig, name: &str, value: &str) -> Result<String, Failure> {
    let request = Client::new(config).create_secret().name(name).secret_string(value);
    let created = request.send().await.map_err(|error| refused("CreateSecret", &error))?;
    created.arn.ok_or_else(|| Failure::Service("CreateSecret: the response has no ARN".into()))
}

/// Gives a secret another value. The present one stays as the previous version.
///
/// # Errors
/// As [`find`].
pub(crate) async fn replace(config: &SdkConfig, arn: &str, value: &str) -> Result<(), Failure> {
    let request = Client::new(config).put_secret_value().secret_id(arn).secret_string(value);
    request.send().await.map(drop).map_err(|error| refused("PutSecretValue", &error))
}

/// Why the value of a secret is not known.
pub(crate) enum Unread {
    /// There is no such secret, or it has no value.
    Missing,
    /// AWS cannot be reached, or refuses.
    Failed(Failure),
}

/// The value of a secret that was stored as characters.
///
/// # Errors
/// Why a secret cannot be read or written.
pub(crate) async fn read(config: &SdkConfig, arn: &str) -> Result<SecretString, Unread> {
    match Client::new(config).get_secret_value().secret_id(arn).send().await {
        Ok(secret) => secret.secret_string.map(SecretString::from).ok_or(Unread::Missing),
        Err(error) if error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) => {
            Err(Unread::Missing)
        }
        Err(error) => Err(Unread::Failed(refused("secretsmanager:GetSecretValue", &error))),
    }
}

/// Whether AWS accepts this name.
///
/// # Errors
/// What is expected.
pub(crate) fn check_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
    if name.is_empty() || name.len() > 512 || !name.bytes().all(is_fit) {
        return Err("expected letters, digits and /_+=.@-".into());
    }
    Ok(name.to_owned())
}

/// The command that creates the secret, without the secret itself: neither a screen nor a shell's history gets it.
pub(crate) fn command(name: &str, from: &From) -> String {
    let create = format!("aws secretsmanager create-secret --name {name} --query ARN --output text --secret-string");
    match from {
        From::EnvFile(variable) => {
            format!("sed -n 's/^{variable}=//p' .env | tr -d '\\n' | {create} file:///dev/stdin")
        }
        From::Pasted => {
            format!(
                "read -rs SECRET && printf %s \"$SECRET\" | {create} file:///dev/stdin    # paste the secret, then Enter"
            )
        }
        From::New => format!("{create} \"$(openssl rand -base64 48)\""),
    }
}

/// Where the command has the secret from.
pub(crate) enum From {
    /// The line of this variable in `.env`, which has no quotation marks.
    EnvFile(&'static str),
    /// A person.
    Pasted,
    /// It is a new one, as no file has it.
    New,
}
