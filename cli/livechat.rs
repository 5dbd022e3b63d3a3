//! An installation's account at LiveChat, and how the functions use it.

use crate::{failure::Failure, place::Place};
use cip::{
    http::remedy,
    settings::{ConfigError, Groups, LiveChat, Lookup, Renewals, Tenant, env_file},
};
use std::path::Path;

/// An agent's credentials.
const AGENT: [&str; 2] = ["LIVECHAT_AGENT_CREDENTIALS", "LIVECHAT_AGENT_CREDENTIALS_ARN"];

/// The settings for LiveChat: those of `cargo local`, of the stack's parameters or, with only a table, of the environment.
///
/// # Errors
/// [`Failure::Input`] that names the setting that is missing or invalid.
pub(crate) fn settings(place: &Place) -> Result<LiveChat, Failure> {
    LiveChat::from_lookup(&lookup(place)).map_err(invalid)
}

/// How tokens are renewed, and the groups that have customers. From the same place.
///
/// # Errors
/// [`Failure::Input`] that names the setting that is invalid.
pub(crate) fn rules(place: &Place) -> Result<(Renewals, Groups), Failure> {
    let lookup = lookup(place);
    Ok((Renewals::from_lookup(&lookup).map_err(invalid)?, Groups::from_lookup(&lookup).map_err(invalid)?))
}

/// The same as [`settings`] without an agent's credentials, which may be missing or wrong still.
///
/// # Errors
/// [`Failure::Input`] that names the setting that is missing or invalid.
pub(crate) fn settings_without_agent(value: impl Fn(&str) -> Option<String>) -> Result<LiveChat, Failure> {
    let is_of_agent = |name: &str| AGENT.contains(&name) || name == "LIVECHAT_GRANT";
    let lookup = Lookup::new(|name| if is_of_agent(name) { None } else { value(name) });
    LiveChat::from_lookup(&lookup).map_err(invalid)
}

fn lookup(place: &Place) -> Lookup<'_> {
    match place {
        Place::Local(local) => Lookup::new(|name| match name {
            // The agent of the sandbox is known, and that of a real account is the tool's own to find.
            _ if !AGENT.contains(&name) => of_environment(name).or_else(|| local.variable(name)),
            _ if local.livechat == "sandbox" => local.variable(name),
            _ => std::env::var(name).ok().or_else(|| of_env_file(name)),
        }),
        Place::Stack(stack) => Lookup::new(|name| stack.variable(name)),
        Place::Table { .. } => Lookup::environment(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn invalid(error: ConfigError) -> Failure {
    Failure::Input(error.to_string())
}

/// What `cargo local` does not say of itself. A real account has a redirect URI of its own; it only matters for new tokens.
fn of_environment(name: &str) -> Option<String> {
    const NAMES: [&str; 3] = ["LIVECHAT_REDIRECT_URI", "RENEWALS_PER_MINUTE", "ON_IDENTITY_CHANGE"];
    if NAMES.contains(&name) { std::env::var(name).ok() } else { None }
}

/// An agent's credentials for a real account, which `cargo local` never says: those of `.env` in the current folder, as it reads them.
fn of_env_file(name: &str) -> Option<String> {
    let all = env_file::read(Path::new(".env"));
    all.unwrap_or_default().remove(name).filter(|value| !value.trim().is_empty())
}

/// What to change if LiveChat refuses these settings, and where it is in LiveChat's console.
pub(crate) fn fix_refusal(exception: &str, settings: &LiveChat) -> String {
    let LiveChat { client_id, redirect_uri, tenant, .. } = settings;
    let account = match tenant {
        Tenant::Organization(id) => format!("the organization {id}"),
        Tenant::License(id) => format!("the licence {id}"),
    };
    let place = match exception {
        "invalid_request" | "unauthorized_client" | "invalid_client" | "access_denied" | "forbidden" => format!(
            "Apps, Your apps, the app, Blocks, App Authorization: is the Client Id {client_id}, and is {redirect_uri} in the Redirect URI \
             whitelist, with the slash at its end? Private installation: is the app installed on the account that has {account}?"
        ),
        "resource_not_found" => {
            format!(
                "is the account that you are signed in to the one with {account}? The console shows the organization's id."
            )
        }
        "unsupported_grant_type" | "invalid_grant" => {
            "Apps, Your apps, the app, Blocks, App Authorization: is its type JavaScript app?".to_owned()
        }
        _ => format!("Apps, Your apps: is there an app with the Client Id {client_id}, installed for {account}?"),
    };
    format!("{}\nIn LiveChat's console (https://platform.text.com/console): {place}", remedy(exception))
}
