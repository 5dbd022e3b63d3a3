//! What AWS refused and why, in one line, with what to do about it.

use crate::failure::Failure;
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use std::{error::Error, fmt::Debug};

const NO_REGION: &str =
    "AWS's region is not known: give --region, or set AWS_REGION, or `region` in the profile, if the profile exists.";
const NO_CREDENTIALS: &str = "There are no AWS credentials. Sign in (aws sso login, aws configure) and give --profile if it is not the \
                              default one, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. AWS CloudShell has credentials.";
const NO_PERMISSION: &str =
    "The credentials lack a permission: docs/operations.md (Who may run cip) has a policy for each command.";
const EXPIRED: &str = "The AWS credentials have expired: sign in again, such as with aws sso login.";
const SIGN_IN: &str = "Sign in again, such as with aws sso login, or correct the profile.";
const INVALID: &str =
    "AWS does not know the credentials, or the secret key does not belong to the key id: aws sts get-caller-identity.";
pub(crate) const NO_CONNECTION: &str = "Check the network, the proxy, and --region.";
const CLOCK: &str = "This machine's clock is wrong: set it by NTP.";
const NO_TABLE: &str =
    "There is no such table, or no such log group, in this account and region: check --region and --profile.";
const TOO_MANY: &str = "AWS received too many requests from this account: try again in a minute.";

/// Whether requests can be sent: there are a region and credentials. AWS is not called, except where credentials come from it.
///
/// # Errors
/// [`Failure::Service`] that says what is missing.
pub(crate) async fn check(config: &SdkConfig, profile: Option<&str>) -> Result<(), Failure> {
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    if region.is_empty() {
        return Err(Failure::Service(NO_REGION.into()));
    }
    if !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Failure::Input(format!("{region:?} is not a region: expected a name such as eu-central-1.")));
    }
    let none = || {
        Failure::Service(profile.map_or_else(
            || NO_CREDENTIALS.to_owned(),
            |name| format!("The profile {name} has no credentials, or does not exist: aws configure list-profiles."),
        ))
    };
    match config.credentials_provider().ok_or_else(none)?.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(CredentialsError::CredentialsNotLoaded(_)) => Err(none()),
        Err(error) => {
            Err(Failure::Service(format!("The AWS credentials cannot be used: {}. {SIGN_IN}", innermost(&error))))
        }
    }
}

/// Why AWS did not do `operation`.
pub(crate) fn refused<E: ProvideErrorMetadata + Error + 'static, R: Debug>(
    operation: &str,
    error: &SdkError<E, R>,
) -> Failure {
    let said = match error {
        SdkError::ServiceError(response) => {
            let (code, message) = (response.err().code().unwrap_or("no code"), response.err().message());
            let said = message.map_or_else(|| code.to_owned(), |message| format!("{code}: {message}"));
            match advice(code) {
                Some(advice) => format!("{said}\n{advice}"),
                None => said,
            }
        }
        SdkError::TimeoutError(_) => format!("no response in time\n{NO_CONNECTION}"),
        SdkError::DispatchFailure(failure) => {
            let why = failure.as_connector_error().map_or_else(|| "no connection".into(), |error| innermost(error));
            format!("AWS cannot be reached: {why}\n{NO_CONNECTION}")
        }
        other => format!("the response is not AWS's, or the request is invalid: {}", innermost(other)),
    };
    Failure::Service(one_line(&format!("{operation}: {said}")))
}

/// What to do after this error code of AWS, or after a failure that the table's errors have in the place of a code, if that is known.
pub(crate) fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => NO_PERMISSION,
        "ExpiredToken" | "ExpiredTokenException" => EXPIRED,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => INVALID,
        "RequestExpired" | "RequestTimeTooSkewed" => CLOCK,
        "ResourceNotFoundException" => NO_TABLE,
        "Throttling" | "ThrottlingException" | "LimitExceededException" | "ProvisionedThroughputExceededException" => {
            TOO_MANY
        }
        "no connection" | "time-out" => NO_CONNECTION,
        _ => return None,
    })
}

/// The first cause, which names what happened. Those around it name layers of the SDK.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    one_line(&error.to_string()).trim_end_matches('.').to_owned()
}

/// Text of AWS's as one line that ends a sentence before the next one begins.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if !line.is_empty() {
            line.push_str(if line.ends_with(['.', ':', '?', '!']) { " " } else { ". " });
        }
        line.push_str(part);
    }
    if !line.ends_with(['.', '?', '!']) {
        line.push('.');
    }
    line
}
