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
    let found = source.locate(&error);
    let name = error.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).find(|word| NAMES.contains(word));
    match name.filter(|_| source.is_stack()) {
        Some(name) => {
            let parameter = parameters::of_variable(name);
            report.wrong("settings", found, format!("Change {parameter} in parameters.yaml, then: sam deploy"));
        }
        None => report.wrong_as_said("settings", found),
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
    if allowed_origins(&source.lookup()).is_ok_and(|origins| origins.is_empty()) && source.local().is_none() {
        let fix = "Set ALLOWED_ORIGINS (AllowedOrigins in parameters.yaml) to the origins of your pages, such as https://www.example.com";
        report.wrong("settings", "ALLOWED_ORIGINS is empty: no page can call from a browser.", fix);
    }
}
