//! What tokens are verified with: whether it can be fetched and used, and whether it belongs to the issuer.

use super::{report::Report, source::Source};
use crate::aws;
use cip::{
    auth::{
        Auth,
        operator::{KeySource, ListedKey, key_set},
    },
    settings::{AuthSettings, ConfigError, NAMES},
};
use serde::Deserialize;
use std::time::Duration;

/// Where an issuer says what it has (OpenID Connect Discovery 1.0, section 4).
const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// The part of an OpenID configuration that is compared.
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

/// How callers are verified.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) auth: Auth,
    /// Where the key set is, if there is one and it can be read.
    pub(super) key_set: Option<String>,
}

/// Connects as a function does when it starts.
pub(super) async fn check(report: &mut Report, settings: AuthSettings, source: &Source) -> Option<Verifier> {
    let auth = match connect(settings, source).await {
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

async fn connect(settings: AuthSettings, source: &Source) -> Result<Auth, ConfigError> {
    let has_value = |name: &&str| source.get(name).is_some_and(|value| !value.trim().is_empty());
    // Without a stored secret, nobody is made to wait for AWS's configuration.
    if !NAMES.iter().filter(|name| name.ends_with("_ARN")).any(has_value) {
        return cip::connect_auth(settings).await;
    }
    let aws = match &source.aws {
        Some(config) => config.clone(),
        None => aws::usual().await,
    };
    cip::connect_auth_with(settings, aws_sdk_secretsmanager::Client::new(&aws)).await
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
    let configuration = format!("{}{CONFIGURATION}", issuer.trim_end_matches('/'));
    let Some(Configuration { issuer: own_name, jwks_uri }) = fetch(&configuration).await else {
        report.skipped("issuer", format!("{issuer} has no OpenID configuration to compare the key set with."));
        return;
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

async fn fetch(configuration: &str) -> Option<Configuration> {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().ok()?;
    let response = http.get(configuration).send().await.ok()?.error_for_status().ok()?;
    let text = response.text().await.ok()?;
    serde_json::from_str(&text).ok()
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
