//! Secrets in AWS Secrets Manager: whether one exists, a new one, and the command that creates one.

use crate::{failure::Failure, refusal::refused};
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::{Client, operation::describe_secret::DescribeSecretError};

/// The ARN of the secret with this name, if there is one.
///
/// # Errors
/// [`Failure::Service`] if AWS cannot be reached, or refuses.
pub(super) async fn find(config: &SdkConfig, name: &str) -> Result<Option<String>, Failure> {
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
pub(super) async fn create(config: &SdkConfig, name: &str, value: &str) -> Result<String, Failure> {
    let request = Client::new(config).create_secret().name(name).secret_string(value);
    let created = request.send().await.map_err(|error| refused("CreateSecret", &error))?;
    created.arn.ok_or_else(|| Failure::Service("CreateSecret: the response has no ARN".into()))
}

/// Whether AWS accepts this name.
///
/// # Errors
/// What is expected.
pub(super) fn check_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte);
    if name.is_empty() || name.len() > 512 || !name.bytes().all(is_fit) {
        return Err("expected letters, digits and /_+=.@-".into());
    }
    Ok(name.to_owned())
}

/// The command that creates the secret, without the secret itself: neither a screen nor a shell's history gets it.
pub(super) fn command(name: &str, from: &From) -> String {
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
pub(super) enum From {
    /// The line of this variable in `.env`, which has no quotation marks.
    EnvFile(&'static str),
    /// A person.
    Pasted,
    /// It is a new one, as no file has it.
    New,
}
