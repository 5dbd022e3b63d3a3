//! `cip user show`.

use super::{Found, NOTHING, stored::Stored};
use crate::{arguments, failure::Failure, output::Output, person::Person};
use cip::time::now;
use clap::Args;

/// Show what is stored for a user: customers, ages, groups. Never a cookie or token.
///
/// The exit code is 1 if nothing is stored.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cip user show alice
  cip user show alice --json | jq '.identities[].entityId'
  cip user show 'a/b@example.com' --issuer https://login.example.com/
  cip user show --guest - < secret.txt
  cip user show alice --local")]
pub(crate) struct Show {
    #[command(flatten)]
    person: Person,
}

pub(crate) async fn run(show: &Show, place: &arguments::Place, output: Output) -> Result<(), Failure> {
    let found = Found::find(&show.person, place).await?;
    let stored = Stored::of(&found.principal, &found.items().await?, now());
    output.print(&stored, |stored| if stored.is_empty() { NOTHING.to_owned() } else { stored.to_string() })?;
    if stored.is_empty() { Err(Failure::Found) } else { Ok(()) }
}
