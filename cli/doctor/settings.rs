//! The settings, as the functions read them: each group on its own, so that everything that is wrong is found at once.

use super::{report::Report, source::Source};
use crate::parameters;
use cip::settings::{
    AuthSettings, ConfigError, Groups, LiveChat, NAMES, Renewals, Tenant, allowed_origins, check_names,
};

/// The groups of settings that are good.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) livechat: Option<LiveChat>,
    pub(super) auth: Option<AuthSettings>,
}

pub(super) fn check(report: &mut Report, source: &Source) -> Read {
    let lookup = source.lookup();
    let mut good = true;
    let mut refuse = |report: &mut Report, error: ConfigError| {
        good = false;
        refuse(report, source, &error);
    };
    if let Err(error) = check_names(&lookup) {
        refuse(report, error);
    }
    let mut read = Read::default();
    match LiveChat::from_lookup(&lookup) {
        Ok(livechat) => read.livechat = Some(livechat),
        Err(error) => refuse(report, error),
    }
    if source.local().is_some_and(|local| local.development_login) {
        report.skipped("auth", "cargo local signs credentials for development itself, as the settings have no key.");
    } else {
        match AuthSettings::from_lookup(&lookup) {
            Ok(auth) => read.auth = Some(auth),
            Err(error) => refuse(report, error),
        }
    }
    for result in [Groups::from_lookup(&lookup).map(drop), Renewals::from_lookup(&lookup).map(drop)] {
        if let Err(error) = result {
            refuse(report, error);
        }
    }
    if good {
        report.ok("settings", "All are valid.");
    }
    if let Some(livechat) = &read.livechat {
        let account = match &livechat.tenant {
            Tenant::Organization(id) => format!("organization {id}"),
            Tenant::License(id) => format!("licence {id}"),
        };
        let LiveChat { client_id, redirect_uri, .. } = livechat;
        report.ok("livechat", format!("Client id {client_id}, {account}, redirect URI {redirect_uri}"));
    }
    check_restart(report, source);
    check_exposure(report, source);
    read
}

fn refuse(report: &mut Report, source: &Source, error: &ConfigError) {
    let error = error.to_string();
    let mut names: Vec<_> =
        error.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).filter(|word| NAMES.contains(word)).collect();
    names.dedup();
    if source.is_stack() && !names.is_empty() {
        let parameters: Vec<_> = names
            .into_iter()
            .map(|name| format!("{name} is the parameter {}", parameters::of_variable(name)))
            .collect();
        let fix = format!("Change parameters.yaml, where {}. Then: sam deploy", parameters.join(", "));
        report.wrong("settings", error, fix);
    } else {
        report.wrong_as_said("settings", source.locate(&error));
    }
}

/// A running `cargo local` has the settings that it was started with.
fn check_restart(report: &mut Report, source: &Source) {
    let Some(local) = source.local() else { return };
    let differs = |name: &str, running: &str| source.get(name).is_some_and(|value| value.trim() != running);
    let changed: Vec<_> =
        [("LIVECHAT_CLIENT_ID", local.client_id.as_str()), ("AUTH", &local.auth), ("TABLE_NAME", &local.table)]
            .into_iter()
            .filter_map(|(name, running)| differs(name, running).then_some(name))
            .collect();
    if !changed.is_empty() {
        let found = format!("cargo local runs with another {} than the settings have now.", changed.join(" and "));
        report.warning("settings", found, "Start cargo local again, in the folder of this .env.");
    }
}

/// What is valid, and yet hardly meant.
fn check_exposure(report: &mut Report, source: &Source) {
    if source.get("AUTH").is_some_and(|auth| auth.trim() == "none") && source.local().is_none() {
        let fix = "Set AUTH to jwt or hmac before real users come: docs/authentication.md";
        report.warning("auth", "AUTH=none: every caller can be any user.", fix);
    }
    // `cargo local` has a page of its own.
    if source.is_stack() && allowed_origins(&source.lookup()).is_ok_and(|origins| origins.is_empty()) {
        let fix = "Set AllowedOrigins in parameters.yaml to the origins of your pages, such as https://www.example.com";
        report.wrong("settings", "ALLOWED_ORIGINS is empty: no page can call from a browser.", fix);
    }
}
