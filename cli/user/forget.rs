//! `cip user forget`.
//!
//! The tokens are revoked first, by the functions' own logout, as their list is in the items that are deleted afterwards. An item is
//! deleted only if it is still the one that was read, no token in it works any more and no renewal is in progress. An item that cannot be
//! read is kept. So no token that a page has got can be lost from sight. If a call changes an item meanwhile, all starts again, until a query finds nothing.

mod report;

use super::{
    Found, NOTHING, context,
    stored::{Stored, tokens_that_work},
};
use crate::{
    arguments,
    failure::Failure,
    livechat,
    output::{Output, confirm, note, progress},
    person::{Person, hash},
};
use cip::{
    error::Error,
    identity::Subject,
    livechat::Accounts,
    operation::{Call, Invalidate, Operation},
    renewal::StoreError,
    store::operator::{Attributes, Entry},
    time::now,
};
use clap::Args;
use indicatif::ProgressBar;
use report::Report;
use std::time::{Duration, Instant};

/// Revoke a user's tokens at LiveChat, then delete all that is stored for the user, in all groups.
///
/// LiveChat keeps the customers and their chats. Their ids are printed on stderr, with how to delete them. One line of JSON without ids
/// is printed on stdout, for your records.
///
/// First log the user out of your site, or block them there: a page that is still open and logged in gets a new customer with its next
/// call.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cip user forget alice --dry-run
  cip user forget alice
  cip user forget alice --yes >> forgotten.jsonl
  cip user forget --guest-hash 3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9

With --table, LiveChat's settings are those of the environment: LIVECHAT_CLIENT_ID and so on, as for the functions.")]
pub(crate) struct Forget {
    #[command(flatten)]
    person: Person,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Only say what would be deleted.
    #[arg(long)]
    dry_run: bool,
    /// Do not call LiveChat, and delete items that cannot be read too. Tokens that pages have got work until they expire, for up to eight
    /// hours.
    #[arg(long)]
    keep_tokens: bool,
}

/// The longest that all takes. A renewal in progress ends within ten seconds.
const LONGEST: Duration = Duration::from_secs(30);
/// The longest that LiveChat is told to revoke tokens. A failed revocation is tried again after five seconds.
const LONGEST_TELLING: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(500);

const UNREADABLE: &str = "of the user's items cannot be read, so they were kept: there may be tokens in them that work. cip user show says what is \
                          wrong with them. Correct them, or run the command with --keep-tokens: it deletes them too, and their tokens work until they \
                          expire, for up to eight hours.";

pub(crate) async fn run(forget: &Forget, place: &arguments::Place, output: Output) -> Result<(), Failure> {
    let found = Found::find(&forget.person, place).await?;
    let items = found.items().await?;
    let stored = Stored::of(&found.principal, &items, now());
    let mut report = Report::of(&stored, &found, forget.dry_run, hash(Some(&found.place), &found.principal));
    if forget.dry_run {
        return output.print(&report, |report| if stored.is_empty() { NOTHING.into() } else { report.plan(&items) });
    }
    let invalidate = if forget.keep_tokens { None } else { Some(connect(&found)?) };
    if stored.is_empty() {
        note(NOTHING);
    } else {
        note(&report.plan(&items));
        confirm("Delete this?", forget.yes)?;
    }
    let bar = progress(None, "items deleted");
    let eraser = Eraser { found: &found, invalidate, bar: &bar };
    let result = eraser.erase(&mut report).await;
    bar.finish_and_clear();
    report.print(output, matches!(result, Ok(0)))?;
    match result? {
        0 => Ok(()),
        kept => {
            note(&format!("{kept} {UNREADABLE}"));
            Err(Failure::Found)
        }
    }
}

fn connect(found: &Found) -> Result<Invalidate, Failure> {
    let accounts = Accounts::new(livechat::settings(&found.place)?);
    let accounts = accounts.map_err(|error| Failure::Service(format!("LiveChat's client: {error}")))?;
    Ok(Invalidate { store: found.store.clone(), accounts })
}

struct Eraser<'a> {
    found: &'a Found,
    /// What revokes tokens; `None` if they are kept.
    invalidate: Option<Invalidate>,
    bar: &'a ProgressBar,
}

/// Why an item is still there.
enum Kept {
    /// It has tokens that work: the subject, and the number.
    Tokens(Subject, usize),
    /// A renewal is in progress, or a call has changed it.
    InUse,
    /// It cannot be read, so there may be tokens in it that work.
    Unreadable,
}

impl Eraser<'_> {
    /// Deletes all items. Returns the number of those that were kept, as they cannot be read.
    async fn erase(&self, report: &mut Report) -> Result<usize, Failure> {
        let (start, mut first_told, mut told) = (Instant::now(), None, 0);
        loop {
            let (mut subjects, mut tokens, mut in_use) = (vec![], 0, 0);
            for item in self.found.items().await? {
                match self.delete(&item).await? {
                    Ok(customers) => {
                        report.note_deleted(customers);
                        self.bar.inc(1);
                    }
                    Err(Kept::Tokens(subject, number)) => {
                        subjects.push(subject);
                        tokens += number;
                    }
                    Err(Kept::InUse) => in_use += 1,
                    Err(Kept::Unreadable) => {}
                }
            }
            report.note_revoked(told, tokens);
            if tokens + in_use == 0 {
                let rest = self.found.items().await?;
                if rest.iter().all(|item| self.is_unreadable(item)) {
                    return Ok(rest.len());
                }
            }
            let is_in_vain = tokens > 0 && first_told.is_some_and(|told: Instant| told.elapsed() > LONGEST_TELLING);
            if is_in_vain || start.elapsed() > LONGEST {
                return Err(given_up(tokens, in_use));
            }
            if in_use > 0 || told > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            if tokens > 0 {
                first_told.get_or_insert_with(Instant::now);
                self.log_out(subjects).await?;
            }
            told = tokens;
        }
    }

    /// Deletes an item, if that loses no token. Returns the ids of the customers that it had.
    async fn delete(&self, item: &Attributes) -> Result<Result<Vec<String>, Kept>, Failure> {
        let now = now();
        match Entry::of(item.clone()) {
            Entry::Subject(subject, record, _) => {
                let tokens = tokens_that_work(&record, now);
                if record.held(now).is_some() {
                    return Ok(Err(Kept::InUse));
                }
                if tokens > 0 && self.invalidate.is_some() {
                    return Ok(Err(Kept::Tokens(subject, tokens)));
                }
            }
            Entry::Malformed(_) if self.invalidate.is_some() => return Ok(Err(Kept::Unreadable)),
            _ => {}
        }
        let customers = Stored::of(&self.found.principal, std::slice::from_ref(item), now).customers();
        let is_deleted = self.found.store.delete_unchanged(item, &context()).await?;
        Ok(if is_deleted { Ok(customers) } else { Err(Kept::InUse) })
    }

    /// Whether the item is kept because it cannot be read.
    fn is_unreadable(&self, item: &Attributes) -> bool {
        self.invalidate.is_some() && matches!(Entry::of(item.clone()), Entry::Malformed(_))
    }

    /// The functions' own logout, of all groups. An item that cannot be read makes it fail: then these `subjects` are logged out one by one.
    async fn log_out(&self, subjects: Vec<Subject>) -> Result<(), Failure> {
        let all = Subject { principal: self.found.principal.clone(), group: None };
        if self.log_out_of(all).await? {
            return Ok(());
        }
        for subject in subjects {
            self.log_out_of(subject).await?;
        }
        Ok(())
    }

    /// Returns whether all items could be read.
    async fn log_out_of(&self, subject: Subject) -> Result<bool, Failure> {
        let Some(invalidate) = &self.invalidate else { return Ok(true) };
        let call = Call { subject, was_guest: None, details: None, logout: true };
        match invalidate.call(&call, &context()).await {
            Ok(_) => Ok(true),
            Err(Error::Store(StoreError::Internal(_))) => Ok(false),
            Err(error) => Err(Failure::Service(error.to_string())),
        }
    }
}

fn given_up(tokens: usize, in_use: usize) -> Failure {
    Failure::Service(if tokens > 0 {
        format!(
            "LiveChat could not be told to revoke {tokens} of the user's tokens. They are not returned to pages any more, and what \
             is needed to revoke them is kept: run the command again when LiveChat can be reached. With --keep-tokens the rest is \
             deleted now, and the tokens work until they expire."
        )
    } else {
        format!(
            "{in_use} items are in use: pages of this user go on calling. Log the user out of your site, and run the command again."
        )
    })
}
