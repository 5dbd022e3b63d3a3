//! A token that the page would send, verified by the functions' own code.

use super::report::Report;
use crate::failure::Failure;
use cip::{
    auth::{Auth, operator::Step},
    time::Deadline,
};
use std::{
    io::{Read, stdin},
    time::Duration,
};

/// The longest input that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The token on stdin, also as a header has it.
///
/// # Errors
/// [`Failure::Input`] if stdin is empty.
pub(super) fn read() -> Result<String, Failure> {
    let mut text = String::new();
    stdin().take(LONGEST).read_to_string(&mut text).map_err(|error| Failure::Input(format!("stdin: {error}")))?;
    let text = text.trim();
    let text = text.strip_prefix("Authorization:").map_or(text, str::trim_start);
    let token = text.strip_prefix("Bearer ").unwrap_or(text).trim();
    if token.is_empty() {
        return Err(Failure::Input("No token was read from stdin.".into()));
    }
    Ok(token.to_owned())
}

pub(super) async fn check(report: &mut Report, auth: Option<&Auth>, token: &str) {
    let Some(auth) = auth else {
        report.skipped("token", "The settings of AUTH are not valid, or cargo local has its own.");
        return;
    };
    let Some(explanation) = auth.explain(token, Deadline::after(Duration::from_secs(20))).await else {
        report.skipped("token", "This AUTH does not verify tokens itself.");
        return;
    };
    for step in &explanation.steps {
        match &step.finding {
            Ok(found) => report.ok("token", format!("{}: {found}", step.about)),
            Err(found) => report.wrong("token", format!("{}: {found}", step.about), fix(step)),
        }
    }
    match explanation.verdict {
        Ok(()) => report.ok("token", "The functions accept it."),
        Err(why) => report.wrong_as_said("token", format!("The functions refuse it: {why}.")),
    }
}

fn fix(step: &Step) -> &'static str {
    match step.about {
        "format" => "Let the page send the signed token that docs/authentication.md names for your provider.",
        "signature" => {
            "Is the token of the tenant, and of the environment, whose key set JWT_JWKS_URL is? With a secret: is JWT_SECRET the one that \
             your server signs with, written as JWT_SECRET_ENCODING says?"
        }
        "time" => "Let the page ask its session for a new token at each call. If the token is new, look at the clocks.",
        "JWT_ISSUER" => {
            "Set JWT_ISSUER (JwtIssuer in parameters.yaml) to exactly that iss, if the token is of your own tenant."
        }
        "JWT_AUDIENCE" => {
            "Let the page ask your provider for a token with the expected audience, or set JWT_AUDIENCE (JwtAudience in parameters.yaml) to \
             what is in your tokens. If it is in another claim: JWT_AUDIENCE_CLAIM."
        }
        "JWT_REQUIRED_CLAIMS" => "Is it a token of another kind, such as an ID token in place of an access token?",
        _ => "Set JWT_USER_CLAIM (JwtUserClaim in parameters.yaml) to the claim that has the id of your user.",
    }
}
