//! `cip user export`.

use super::{Found, NOTHING, stored::Stored};
use crate::{
    arguments,
    failure::Failure,
    output::{Output, note},
    person::Person,
    when::rfc3339,
};
use cip::{store::person::redacted, time::now};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

/// Print what is stored about a user as JSON, with secrets redacted, for a request by that user.
///
/// LiveChat has the chats and the customer's name and e-mail address: export those there, by the ids of the customers.
///
/// The exit code is 1 if nothing is stored.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cip user export alice > alice.json
  cip user export --guest-hash 3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9")]
pub(crate) struct Export {
    #[command(flatten)]
    person: Person,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    at: String,
    table: String,
    /// LiveChat's ids of the customers.
    customers: Vec<String>,
    /// For reading.
    summary: Stored,
    /// The items as they are stored: times are Unix time.
    items: Vec<Value>,
}

pub(crate) async fn run(export: &Export, place: &arguments::Place, _output: Output) -> Result<(), Failure> {
    let found = Found::find(&export.person, place).await?;
    let (items, now) = (found.items().await?, now());
    let summary = Stored::of(&found.principal, &items, now);
    let exported = Exported {
        at: rfc3339(now),
        table: found.place.table()?.to_owned(),
        customers: summary.customers(),
        summary,
        items: items.iter().map(redacted).collect(),
    };
    let is_empty = items.is_empty();
    Output { json: true }.print(&exported, |_| String::new())?;
    if is_empty {
        note(NOTHING);
        return Err(Failure::Found);
    }
    Ok(())
}
