//! Who a command is about: a user or a guest.

use crate::{failure::Failure, place::Place};
use cip::{
    identity::{GuestId, Principal, UserId},
    settings::{Lookup, UserIds},
    telemetry::subject_hash,
};
use clap::Args;
use std::{io::stdin, sync::Arc};

/// A user, or a guest.
#[derive(Clone, Debug, Args)]
pub(crate) struct Person {
    /// The user's id, as your site knows it. With --guest, the guest's secret, or - to read it from stdin.
    user: String,
    /// The user's issuer, if it is not in the first entry of `JWT_ISSUER`. If its entry has several, the first of them.
    #[arg(long, value_name = "URL", conflicts_with_all = ["guest", "guest_hash"])]
    issuer: Option<String>,
    #[command(flatten)]
    normalization: Normalization,
    /// USER is a guest's secret.
    #[arg(long)]
    guest: bool,
    /// USER is the SHA-256 of a guest's secret, as the table has it after `guest#`.
    #[arg(long, conflicts_with = "guest")]
    guest_hash: bool,
}

/// How user ids are normalized.
#[derive(Clone, Debug, Args)]
pub(crate) struct Normalization {
    /// How user ids are normalized [default: the setting of the installation; with --table, `USER_ID_NORMALIZATION` of the environment].
    #[arg(long, value_name = "HOW", value_parser = ["none", "nfc", "nfc-lowercase"])]
    normalize: Option<String>,
}

impl Normalization {
    /// What reads user ids as the functions of this installation do.
    ///
    /// # Errors
    /// [`Failure::Input`] if the setting is invalid.
    pub(crate) fn user_ids(&self, place: Option<&Place>) -> Result<UserIds, Failure> {
        let chosen = |name: &str| self.normalize.clone().or_else(|| setting(place, name));
        UserIds::from_lookup(&Lookup::new(chosen)).map_err(|error| Failure::Input(error.to_string()))
    }
}

impl Person {
    /// Who it is, by the rules of the functions.
    ///
    /// # Errors
    /// [`Failure::Input`] that says what is invalid.
    pub(crate) fn principal(&self, place: Option<&Place>) -> Result<Principal, Failure> {
        let invalid = |error: &dyn std::fmt::Display| Failure::Input(error.to_string());
        if self.guest_hash {
            return GuestId::of_hash(&self.user).map(Principal::Guest).ok_or_else(|| {
                Failure::Input("The hash of a guest's secret has 64 hexadecimal digits in lower case.".into())
            });
        }
        if self.guest {
            let secret = self.secret()?;
            return GuestId::of_secret(secret.as_bytes()).map(Principal::Guest).map_err(|error| invalid(&error));
        }
        let user = self.normalization.user_ids(place)?.parse(&self.user).map_err(|error| invalid(&error))?;
        Ok(Principal::User(self.with_issuer(user)?))
    }

    fn with_issuer(&self, user: UserId) -> Result<UserId, Failure> {
        match self.issuer.as_deref() {
            Some(issuer) if issuer.is_empty() || issuer.contains('#') => {
                Err(Failure::Input("An issuer is not empty, and contains no #.".into()))
            }
            issuer => Ok(user.of_issuer(issuer.map(Arc::from))),
        }
    }

    fn secret(&self) -> Result<String, Failure> {
        if self.user != "-" {
            return Ok(self.user.clone());
        }
        let mut secret = String::new();
        stdin().read_line(&mut secret).map_err(|error| Failure::Input(error.to_string()))?;
        Ok(secret.trim().to_owned())
    }
}

/// The hash that stands for `principal` in the log. `None` if its key is not known: outside a stack it is `SUBJECT_KEY` of the
/// environment.
pub(crate) fn hash(place: Option<&Place>, principal: &Principal) -> Option<String> {
    let key = setting(place, "SUBJECT_KEY").or_else(|| match place {
        // As the template has it.
        Some(Place::Stack(stack)) => stack.id.split('/').nth(2).map(str::to_owned),
        _ => None,
    })?;
    Some(subject_hash(&key, principal))
}

/// A setting of the stack or of `cargo local`, or of the environment if neither has it.
fn setting(place: Option<&Place>, name: &str) -> Option<String> {
    match place {
        Some(Place::Stack(stack)) => stack.variable(name),
        Some(Place::Local(local)) if name == "USER_ID_NORMALIZATION" => local.variable(name),
        _ => std::env::var(name).ok().filter(|value| !value.is_empty()),
    }
}
