//! `cip user`: looks at one user or guest, deletes what is stored, exports it, and restores a former customer.
//!
//! | file | what it holds |
//! |---|---|
//! | `show.rs`, `export.rs`, `forget.rs`, `restore.rs` | the four commands |
//! | `stored.rs` | what is stored, as results show it |

mod export;
mod forget;
mod restore;
mod show;
mod stored;

use crate::{arguments, failure::Failure, output::Output, person::Person, place::Place};
use cip::{
    context::Context,
    identity::Principal,
    store::{Store, operator::Attributes},
    time::Deadline,
};
use clap::{Args, Subcommand};
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Show),
    Forget(forget::Forget),
    Export(export::Export),
    Restore(restore::Restore),
}

/// Runs `cip user`.
pub(crate) async fn run(user: User, place: &arguments::Place, output: Output) -> Result<(), Failure> {
    match user.command {
        Command::Show(show) => show::run(&show, place, output).await,
        Command::Forget(forget) => forget::run(&forget, place, output).await,
        Command::Export(export) => export::run(&export, place, output).await,
        Command::Restore(restore) => restore::run(&restore, place, output).await,
    }
}

/// A person, and where the data is.
struct Found {
    place: Place,
    store: Store,
    principal: Principal,
}

impl Found {
    async fn find(person: &Person, place: &arguments::Place) -> Result<Self, Failure> {
        let place = Place::find(place).await?;
        let (store, principal) = (place.store()?, person.principal(Some(&place))?);
        Ok(Self { place, store, principal })
    }

    async fn items(&self) -> Result<Vec<Attributes>, Failure> {
        Ok(self.store.items_of(&self.principal, &context()).await?)
    }
}

/// For one step.
fn context() -> Context {
    Context::new(Deadline::after(Duration::from_secs(20)))
}

/// Why there may be nothing under the id that was given.
const NOTHING: &str = "Nothing is stored for this user. Is the id spelt as in your site's credentials? A user of another issuer \
                       than the first needs --issuer; a guest, --guest.";
