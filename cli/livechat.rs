//! An installation's account at LiveChat.

use crate::{
    failure::Failure,
    place::{Local, Place},
};
use cip::settings::{LiveChat, Lookup};

/// The settings for LiveChat: those of `cargo local`, of the stack's parameters or, with only a table, of the environment.
///
/// # Errors
/// [`Failure::Input`] that names the setting that is missing or invalid.
pub(crate) fn settings(place: &Place) -> Result<LiveChat, Failure> {
    let lookup = match place {
        Place::Local(local) => Lookup::new(|name| of_local(local, name)),
        Place::Stack(stack) => Lookup::new(|name| stack.variable(name)),
        Place::Table { .. } => Lookup::environment(),
    };
    LiveChat::from_lookup(&lookup).map_err(|error| Failure::Input(error.to_string()))
}

fn of_local(local: &Local, name: &str) -> Option<String> {
    match name {
        "LIVECHAT_CLIENT_ID" => Some(local.client_id.clone()),
        "LIVECHAT_ORGANIZATION_ID" => local.organization_id.clone(),
        "LIVECHAT_LICENSE_ID" => local.license_id.map(|id| id.to_string()),
        "LIVECHAT_ACCOUNTS_URL" => Some(local.accounts_url.clone()),
        // A real account has another one. It only matters for new tokens.
        "LIVECHAT_REDIRECT_URI" => Some(std::env::var(name).unwrap_or_else(|_| format!("{}/", local.url))),
        _ => None,
    }
}
