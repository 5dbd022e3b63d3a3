//! What was deleted: for the person at the terminal, and one line for the records.

use super::super::{Found, stored::Stored};
use crate::{
    failure::Failure,
    output::{Output, json_line, note},
    place::Place,
    when::rfc3339,
};
use cip::{store::operator::Attributes, time::now};
use serde::Serialize;

/// What was deleted, or would be. As JSON it has nothing that names the person, except for the ids with `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// When it ended; RFC 3339.
    at: String,
    action: &'static str,
    dry_run: bool,
    /// Where: `cargo local`, or the name of the stack or table.
    installation: String,
    /// The hash that stands for the user in the functions' log. `None` if its key is not known.
    subject: Option<String>,
    /// Nothing is stored any more.
    is_complete: bool,
    items_deleted: usize,
    tokens_revoked: usize,
    customers: usize,
    /// LiveChat's ids of the customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_ids: Option<Vec<String>>,
    #[serde(skip)]
    ids: Vec<String>,
    #[serde(skip)]
    tokens_that_work: usize,
    /// Items that cannot be read.
    #[serde(skip)]
    unreadable: usize,
}

impl Report {
    /// Before anything is deleted.
    pub(super) fn of(stored: &Stored, found: &Found, dry_run: bool, subject: Option<String>) -> Self {
        let ids = stored.customers();
        Self {
            at: rfc3339(now()),
            action: "forget",
            dry_run,
            installation: match &found.place {
                Place::Local(local) => format!("cargo local at {}", local.url),
                Place::Stack(stack) => format!("stack {}", stack.name),
                Place::Table { table, .. } => format!("table {table}"),
            },
            subject,
            is_complete: false,
            items_deleted: 0,
            tokens_revoked: 0,
            customers: ids.len(),
            entity_ids: dry_run.then(|| ids.clone()),
            ids,
            tokens_that_work: stored.tokens_that_work(),
            unreadable: stored.malformed.len(),
        }
    }

    /// What will be deleted.
    pub(super) fn plan(&self, items: &[Attributes]) -> String {
        let Self { installation, tokens_that_work, ids, unreadable, .. } = self;
        let kept = match unreadable {
            0 => String::new(),
            number => format!("{number} of the items cannot be read, and are kept without --keep-tokens.\n"),
        };
        format!(
            "In {installation}: {} items; {tokens_that_work} tokens that work, which LiveChat revokes first.\n{kept}{}",
            items.len(),
            list_of(ids)
        )
    }

    /// An item was deleted, which had these customers.
    pub(super) fn note_deleted(&mut self, customers: Vec<String>) {
        self.items_deleted += 1;
        for id in customers {
            if !self.ids.contains(&id) {
                self.ids.push(id);
            }
        }
    }

    /// `before` tokens worked before LiveChat was told to revoke them, and `after` after that.
    pub(super) fn note_revoked(&mut self, before: usize, after: usize) {
        self.tokens_revoked += before.saturating_sub(after);
    }

    /// Prints the ids for the person on stderr, and the line for the records on stdout.
    pub(super) fn print(mut self, output: Output, is_complete: bool) -> Result<(), Failure> {
        self.at = rfc3339(now());
        self.is_complete = is_complete;
        self.customers = self.ids.len();
        if output.json {
            self.entity_ids = Some(self.ids.clone());
            return output.print(&self, |_| String::new());
        }
        if is_complete {
            note(&format!("Deleted: {} items. Backups of the table have them for up to 35 days.", self.items_deleted));
        }
        if is_complete && !self.ids.is_empty() {
            note(&format!(
                "LiveChat keeps the customers and their chats. Have them deleted there by their ids, which are not stored here any more:\n\
                 https://www.livechat.com/help/prepare-chat-gdpr/ says how.\n{}",
                list_of(&self.ids)
            ));
        }
        let line = json_line(&self)?;
        output.print(&self, |_| line)
    }
}

fn list_of(ids: &[String]) -> String {
    let lines = ids.iter().map(|id| format!("  customer {id}"));
    lines.collect::<Vec<_>>().join("\n")
}
