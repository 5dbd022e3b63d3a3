//! `cip restore`: a backup back into a table.

use crate::{
    backup::{
        format::{End, Header},
        reader::Reader,
    },
    failure::Failure,
    output::{Output, confirm, progress},
    passphrase::Passphrase,
    patience::{Patience, context},
    place::Place,
    scan::Rate,
};
use cip::{
    store::{
        Store,
        operator::{Attributes, ItemRestoration, LeftOut, Restorable},
    },
    time::now,
};
use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use secrecy::SecretString;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt::Write,
    num::NonZeroU32,
    path::{Path, PathBuf},
};
use tokio::sync::mpsc::{Receiver, channel};

const EXAMPLES: &str = "\
Examples:
  cip restore livechat-2026-06-01.age --dry-run        verify the file, and say what it has
  cip restore FILE --table NEW                         into another table
  cip restore FILE --yes --passphrase-file ~/.cip-backup

It never replaces a customer: a user who has one in the table keeps it. So it can be repeated, also after it was interrupted. Tokens, \
leases and quotas are not restored: each user's next call gets a new token from LiveChat. It brings back users who were deleted since \
the backup: delete them again.

Exit code 1: there were items that could not be restored.
Permissions: cloudformation:DescribeStacks (unless --table), dynamodb:UpdateItem.";

/// The writes at the same time.
const AT_ONCE: usize = 32;

/// Write a backup into the table, without replacing anything.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Restore {
    /// A file that `cip backup` has written.
    file: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
    /// The most items a second.
    #[arg(long, value_name = "N", default_value = "500")]
    write_units: NonZeroU32,
    /// Verify the file and count what can be restored, but write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// What happened to the items of the file.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    restored: u64,
    /// The table has this customer.
    same: u64,
    /// The table has another customer for this user, or a newer item.
    taken: u64,
    no_identity: u64,
    expired: u64,
    malformed: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(flatten)]
    counts: Counts,
    dry_run: bool,
    file: PathBuf,
    backup: Header,
    table: String,
}

pub(crate) async fn run(restore: Restore, place: &Place, output: Output) -> Result<(), Failure> {
    let table = place.table()?.to_owned();
    if std::fs::metadata(&restore.file).is_ok_and(|file| !file.is_file()) {
        return Err(Failure::Input(format!("{} is not a file: it is read twice.", restore.file.display())));
    }
    // Before anybody types a passphrase.
    Reader::check(&restore.file)?;
    let passphrase = restore.passphrase.read()?;
    // The whole file is verified before anything is written.
    let reader = Reader::open(&restore.file, passphrase.clone())?;
    let (header, mut counts, started) = (reader.header.clone(), Counts::default(), now());
    let verified = reader.verify(|item| match Restorable::of(item, started) {
        Ok(_) => counts.restored += 1,
        Err(left_out) => counts.leave_out(left_out),
    })?;
    if !restore.dry_run {
        let many = counts.restored;
        let of = &header.table;
        confirm(&format!("Restore {many} items of the table {of} into the table {table}?"), restore.yes)?;
        let progress = progress(Some(verified.items), "Restoring");
        let items = read_again(&restore.file, passphrase, &verified);
        counts = write(&place.store()?, items, &Rate::new(restore.write_units), &progress).await?;
        progress.finish_and_clear();
    }
    let is_complete = counts.taken == 0 && counts.malformed.is_empty();
    let report = Report { counts, dry_run: restore.dry_run, file: restore.file, backup: header, table };
    output.print(&report, text)?;
    if is_complete { Ok(()) } else { Err(Failure::Found) }
}

/// The items once more, on a thread of their own. Ends with an error if the file has changed since it was verified.
fn read_again(file: &Path, passphrase: SecretString, verified: &End) -> Receiver<Result<Attributes, Failure>> {
    let (sender, receiver) = channel(AT_ONCE);
    let (file, verified) = (file.to_owned(), verified.clone());
    std::thread::spawn(move || {
        let read = || -> Result<(), Failure> {
            let mut reader = Reader::open(&file, passphrase)?;
            while let Some(item) = reader.next()? {
                if sender.blocking_send(Ok(item)).is_err() {
                    return Ok(());
                }
            }
            let is_same = reader.end == Some(verified);
            if is_same { Ok(()) } else { Err(Failure::Input(format!("{} has changed.", file.display()))) }
        };
        if let Err(failure) = read() {
            let _ = sender.blocking_send(Err(failure));
        }
    });
    receiver
}

async fn write(
    store: &Store,
    items: Receiver<Result<Attributes, Failure>>,
    rate: &Rate,
    progress: &ProgressBar,
) -> Result<Counts, Failure> {
    let items = stream::unfold(items, async |mut items| items.recv().await.map(|item| (item, items)));
    let patience = Patience::default();
    let one = async |item: Result<Attributes, Failure>| -> Result<Result<ItemRestoration, LeftOut>, Failure> {
        let item = match Restorable::of(item?, now()) {
            Ok(item) => item,
            Err(left_out) => return Ok(Err(left_out)),
        };
        rate.wait().await;
        rate.spend(1.0);
        let restored = patience.send(|| async { store.restore_item(&item, &context()).await }).await;
        let continues = |error| Failure::of_table(error, "Run the command again: it continues.");
        Ok(Ok(restored.map_err(continues)?))
    };
    let mut results = std::pin::pin!(items.map(one).buffer_unordered(AT_ONCE));
    let mut counts = Counts::default();
    while let Some(result) = results.next().await {
        match result? {
            Ok(ItemRestoration::Restored) => counts.restored += 1,
            Ok(ItemRestoration::Same) => counts.same += 1,
            Ok(ItemRestoration::Taken) => counts.taken += 1,
            Err(left_out) => counts.leave_out(left_out),
        }
        progress.inc(1);
    }
    Ok(counts)
}

impl Counts {
    fn leave_out(&mut self, why: LeftOut) {
        match why {
            LeftOut::NoIdentity => self.no_identity += 1,
            LeftOut::Expired => self.expired += 1,
            LeftOut::Malformed(reason) => *self.malformed.entry(reason).or_default() += 1,
        }
    }
}

fn text(report: &Report) -> String {
    let Counts { restored, same, taken, no_identity, expired, malformed } = &report.counts;
    let first = if report.dry_run { "to restore, unless the table has them" } else { "restored" };
    let mut text = format!("{} is complete: a backup of {}.\n", report.file.display(), report.backup.table);
    for (count, what) in [
        (restored, first),
        (same, "in the table already"),
        (taken, "not restored: the table has another customer, or a newer item"),
        (no_identity, "left out: no customer yet"),
        (expired, "left out: the cookies expired a month ago"),
    ] {
        if *count > 0 || what == first {
            let _ = writeln!(text, "{count:>12}  {what}");
        }
    }
    for (reason, count) in malformed {
        let _ = writeln!(text, "{count:>12}  not restored: {reason}");
    }
    text
}
