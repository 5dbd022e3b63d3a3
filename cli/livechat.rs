//! An installation's account at LiveChat.

use crate::{failure::Failure, place::Place};
use cip::settings::{LiveChat, Lookup};

/// The settings for LiveChat: those of `cargo local`, of the stack's parameters or, with only a table, of the environment.
///
/// # Errors
/// [`Failure::Input`] that names the setting that is missing or invalid.
pub(crate) fn settings(place: &Place) -> Result<LiveChat, Failure> {
    let lookup = match place {
        // A real account has a redirect URI of its own. It only matters for new tokens.
        Place::Local(local) => Lookup::new(|name| redirect_uri(name).or_else(|| local.variable(name))),
        Place::Stack(stack) => Lookup::new(|name| stack.variable(name)),
        Place::Table { .. } => Lookup::environment(),
    };
    LiveChat::from_lookup(&lookup).map_err(|error| Failure::Input(error.to_string()))
}

fn redirect_uri(name: &str) -> Option<String> {
    const NAME: &str = "LIVECHAT_REDIRECT_URI";
    if name == NAME { std::env::var(NAME).ok() } else { None }
}
