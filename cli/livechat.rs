//! An installation's account at LiveChat, and how the functions use it.

use crate::{
    failure::Failure,
    place::{Local, Place},
};
use cip::{
    http::remedy,
    settings::{ConfigError, Groups, LiveChat, Lookup, Renewals, Tenant},
};

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

fn lookup(place: &Place) -> Lookup<'_> {
    match place {
        Place::Local(local) => Lookup::new(|name| of_local(local, name)),
        Place::Stack(stack) => Lookup::new(|name| stack.variable(name)),
        Place::Table { .. } => Lookup::environment(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn invalid(error: ConfigError) -> Failure {
    Failure::Input(error.to_string())
}

fn of_local(local: &Local, name: &str) -> Option<String> {
    match name {
        "LIVECHAT_CLIENT_ID" => Some(local.client_id.clone()),
        "LIVECHAT_ORGANIZATION_ID" => local.organization_id.clone(),
        "LIVECHAT_LICENSE_ID" => local.license_id.map(|id| id.to_string()),
        "LIVECHAT_ACCOUNTS_URL" => Some(local.accounts_url.clone()),
        // A real account has another one. It only matters for new tokens.
        "LIVECHAT_REDIRECT_URI" => Some(std::env::var(name).unwrap_or_else(|_| format!("{}/", local.url))),
        "GROUPS" => local.groups.clone(),
        "RENEWALS_PER_MINUTE" | "ON_IDENTITY_CHANGE" => std::env::var(name).ok(),
        _ => None,
    }
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
