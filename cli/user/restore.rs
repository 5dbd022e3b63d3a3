//! `cip user restore`.

use super::{Found, NOTHING, context};
use crate::{arguments, failure::Failure, output::Output, person::Person};
use cip::{
    identity::{FormerIdentity, Group, Identity, Subject},
    store::former::FormerRestoration,
};
use clap::Args;
use serde::Serialize;

/// Make a former customer of a user the customer again. The present customer becomes a former one, so this can be undone.
///
/// For when LiveChat returned another customer by mistake. The next getToken asks LiveChat for a token of the restored customer. If
/// LiveChat does not know it, the user gets another customer again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cip user show alice                  # lists the former customers with their numbers
  cip user restore alice 0 --dry-run
  cip user restore alice 1c6a9ab0-5ca2-4e2a-8d33-6f6f5a4b2f11
  cip user restore alice 0 --group 3")]
pub(crate) struct Restore {
    #[command(flatten)]
    person: Person,
    /// The former customer: its number in `cip user show`, or LiveChat's id.
    #[arg(value_name = "N|ENTITY_ID")]
    which: String,
    /// The group, if the customer is one of a group.
    #[arg(long, value_name = "N")]
    group: Option<u32>,
    /// Only say what would change.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    entity_id: String,
    replaced: String,
    dry_run: bool,
}

pub(crate) async fn run(restore: &Restore, place: &arguments::Place, output: Output) -> Result<(), Failure> {
    let found = Found::find(&restore.person, place).await?;
    let subject = Subject { principal: found.principal.clone(), group: restore.group.map(Group) };
    let record = found.store.read(&subject, &context()).await?.unwrap_or_default();
    let identity = record.identity.as_ref().ok_or_else(|| Failure::Input(NOTHING.into()))?;
    let (index, former) = restore.find(identity)?;
    let restored = Restored {
        entity_id: former.entity_id.clone(),
        replaced: identity.entity_id.clone(),
        dry_run: restore.dry_run,
    };
    if !restore.dry_run {
        done(found.store.restore_former(&subject, &record, index, &context()).await?)?;
    }
    output.print(&restored, |Restored { entity_id, replaced, dry_run }| {
        if *dry_run {
            format!("{entity_id} would become the customer, and {replaced} a former one. Nothing was changed.")
        } else {
            format!(
                "The customer is {entity_id} now, and {replaced} is a former one.\nThe next getToken asks LiveChat for a \
                 token of {entity_id}. Pages that are open change to it when they renew their token."
            )
        }
    })
}

fn done(restoration: FormerRestoration) -> Result<(), Failure> {
    match restoration {
        FormerRestoration::Restored => Ok(()),
        FormerRestoration::Leased => Err(Failure::Service(
            "A token is being renewed for this user. Nothing was changed: try again in ten seconds.".into(),
        )),
        FormerRestoration::Changed | FormerRestoration::NoSuchIdentity => Err(Failure::Service(
            "What is stored for this user has just changed, but not by this command: look again with `cip user show`."
                .into(),
        )),
    }
}

impl Restore {
    /// The former customer that is meant. An id comes first: LiveChat may have ids that are numbers.
    fn find<'a>(&self, identity: &'a Identity) -> Result<(usize, &'a FormerIdentity), Failure> {
        let former = &identity.former;
        let by_id = former.iter().rposition(|former| former.entity_id == self.which);
        let index = by_id.or_else(|| self.which.parse().ok());
        index.and_then(|index| Some((index, former.get(index)?))).ok_or_else(|| {
            let known = match former.len() {
                0 => "This user has none.".to_owned(),
                1 => "The only one has the number 0.".to_owned(),
                number => format!("The numbers are 0 to {}.", number - 1),
            };
            Failure::Input(format!("There is no such former customer. {known}"))
        })
    }
}
