//! What tokens are verified with: whether it can be fetched and used, and whether it belongs to the issuer.

use super::report::Report;
use crate::{aws, http, output::is_hidden};
use aws_config::SdkConfig;
use cip::{
    auth::{
        Auth,
        operator::{KeySource, ListedKey, key_set},
    },
    settings::{AuthSettings, ConfigError},
};
use serde::Deserialize;
use std::time::Duration;

/// Where an issuer says what it has (OpenID Connect Discovery 1.0, section 4).
const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// The part of an OpenID configuration that is compared.
#[derive(Debug, Deserialize)]
pub(crate) struct Configuration {
    /// The `iss` of the tokens.
    pub(crate) issuer: String,
    /// The address of the key set.
    pub(crate) jwks_uri: String,
}

/// How a secret in AWS Secrets Manager is reached, if the settings have the ARN of one.
#[derive(Debug)]
pub(crate) enum Stored<'a> {
    /// The settings have none, so nobody is made to wait for AWS's configuration.
    None,
    /// With this configuration; without one, with AWS's usual one.
    At(Option<&'a SdkConfig>),
}

/// How callers are verified.
#[derive(Debug)]
pub(crate) struct Verifier {
    pub(crate) auth: Auth,
    /// Where the key set is, if there is one and it can be read.
    pub(crate) key_set: Option<String>,
}

/// Connects as a function does when it starts.
pub(crate) async fn check(report: &mut Report, settings: AuthSettings, stored: Stored<'_>) -> Option<Verifier> {
    let auth = match connect(settings, stored).await {
        Ok(auth) => auth,
        Err(error) => {
            refuse(report, &error.to_string());
            return None;
        }
    };
    let mut key_set = None;
    match auth.key_source().await {
        None => {}
        Some(KeySource::Fixed(keys)) => {
            let algorithms: Vec<_> = keys.iter().map(shown).collect();
            report.ok("keys", format!("{} in the settings: {}", counted(keys.len()), algorithms.join("; ")));
        }
        Some(KeySource::Set(url, Err(why))) => {
            let fix = format!(
                "Set JWT_JWKS_URL (JwtJwksUrl in parameters.yaml) to the address that your identity provider names: open \
                 <issuer>{CONFIGURATION} in a browser, and copy jwks_uri. docs/authentication.md has it for each provider."
            );
            report.wrong("keys", format!("The key set {url} cannot be read: {why}."), fix);
        }
        Some(KeySource::Set(url, Ok(keys))) => {
            check_set(report, &auth, &url, &keys).await;
            key_set = Some(url);
        }
    }
    Some(Verifier { auth, key_set })
}

async fn connect(settings: AuthSettings, stored: Stored<'_>) -> Result<Auth, ConfigError> {
    let config = match stored {
        Stored::None => return cip::connect_auth(settings).await,
        Stored::At(Some(config)) => config.clone(),
        Stored::At(None) => aws::usual().await,
    };
    cip::connect_auth_with(settings, aws_sdk_secretsmanager::Client::new(&config)).await
}

/// A secret that cannot be fetched, or is malformed.
fn refuse(report: &mut Report, error: &str) {
    if !error.contains("cannot be read") {
        return report.wrong_as_said("keys", error);
    }
    let fix = "It was read with your own AWS credentials, not with the functions' role: they need secretsmanager:GetSecretValue. Is the \
               ARN complete, with the six characters at its end? aws secretsmanager list-secrets shows it.";
    report.wrong("keys", error, fix);
}

async fn check_set(report: &mut Report, auth: &Auth, url: &str, keys: &[ListedKey]) {
    let listed: Vec<_> = keys.iter().map(shown).collect();
    let found = format!("{url} has {}: {}", counted(keys.len()), listed.join("; "));
    if keys.iter().any(|key| key.algorithms.is_ok()) {
        report.ok("keys", found);
    } else {
        let fix = "Does your identity provider sign with a supported algorithm, and does JWT_ALGORITHMS name it? A shared secret (HS256) is \
                   never in a key set: set JWT_SECRET or JWT_SECRET_ARN instead of JWT_JWKS_URL.";
        report.wrong("keys", format!("No key can be used. {found}"), fix);
    }
    // An issuer with a placeholder for the tenant has no configuration at that address.
    for issuer in auth.issuers().into_iter().filter(|issuer| issuer.contains("://") && !issuer.contains('{')) {
        check_issuer(report, issuer, url, keys).await;
    }
}

/// Whether the issuer's own configuration names the same keys.
async fn check_issuer(report: &mut Report, issuer: &str, url: &str, keys: &[ListedKey]) {
    let Configuration { issuer: own_name, jwks_uri } = match configuration(issuer).await {
        Ok(configuration) => configuration,
        Err(why) => {
            let found = format!("{issuer} has no OpenID configuration to compare the key set with: {why}.");
            return report.skipped("issuer", found);
        }
    };
    if own_name != issuer && !own_name.contains('{') {
        let fix = "JWT_ISSUER must be exactly the iss of your tokens: cip doctor --token-stdin compares it with one.";
        report.warning("issuer", format!("{issuer} calls itself {own_name}."), fix);
    }
    if jwks_uri == url {
        report.ok("issuer", format!("{issuer} names the same key set."));
        return;
    }
    let theirs = key_set(&jwks_uri).await.unwrap_or_default();
    if theirs.iter().any(|key| key.kid.is_some() && keys.iter().any(|ours| ours.kid == key.kid)) {
        report.ok("issuer", format!("{issuer} names the key set {jwks_uri}, which has keys in common with {url}."));
        return;
    }
    let found = format!("The issuer {issuer} has other keys: its key set is {jwks_uri}, not {url}.");
    let fix = format!(
        "If JWT_ISSUER is right, set JWT_JWKS_URL={jwks_uri}. Otherwise set JWT_ISSUER to the iss of your tokens: the two are of \
         different tenants or environments."
    );
    report.wrong("issuer", found, fix);
}

/// The issuer's OpenID configuration.
///
/// # Errors
/// Why it cannot be read, with the address.
pub(crate) async fn configuration(issuer: &str) -> Result<Configuration, String> {
    let url = format!("{}{CONFIGURATION}", issuer.trim_end_matches('/'));
    let fetched = async || {
        let http = http::client(&url).timeout(Duration::from_secs(5)).build()?;
        http.get(&url).send().await?.error_for_status()?.text().await
    };
    let text = fetched().await.map_err(|error| format!("{url}: {}", why(&error)))?;
    let found: Configuration =
        serde_json::from_str(&text).map_err(|_| format!("{url} is not an OpenID configuration"))?;
    // They are shown, and written to files.
    if found.issuer.contains(is_hidden) || found.jwks_uri.contains(is_hidden) {
        return Err(format!("{url} has an issuer or a jwks_uri with a control character"));
    }
    Ok(found)
}

fn why(error: &reqwest::Error) -> String {
    match error.status() {
        Some(status) => format!("the response is {status}"),
        None if error.is_timeout() => "no response in time".into(),
        None if error.is_builder() => "it is not an address".into(),
        None => "no connection. Is the host's name right?".into(),
    }
}

fn counted(number: usize) -> String {
    if number == 1 { "1 key".into() } else { format!("{number} keys") }
}

fn shown(ListedKey { kid, algorithms }: &ListedKey) -> String {
    let name = kid.as_ref().map(|kid| format!("{} ", kid.escape_debug())).unwrap_or_default();
    match algorithms {
        Ok(algorithms) => format!("{name}for {}", algorithms.join(", ")),
        Err(why) => format!("{name}not used, as {why}"),
    }
}
