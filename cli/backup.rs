//! `cip backup`: the table to an encrypted file.

pub(crate) mod format;
pub(crate) mod reader;
mod writer;

use crate::{
    failure::Failure,
    files::folder_of,
    output::{Output, progress},
    passphrase::Passphrase,
    patience::context,
    place::Place,
    scan::{self, Pace, Pages},
};
use cip::{
    store::{Store, operator::Entry},
    time::now,
};
use clap::Args;
use format::{End, Header, VERSION};
use indicatif::ProgressBar;
use reader::Reader;
use secrecy::SecretString;
use serde::Serialize;
use std::{
    fs::File,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;
use writer::Writer;

const EXAMPLES: &str = "\
Examples:
  cip backup livechat-2026-06-01.age              asks for a passphrase
  cip backup FILE --passphrase-file ~/.cip-backup   for a scheduled job
  cip backup FILE --dry-run                         how much there is to read
  age --decrypt FILE | gunzip                       look into it: it has secrets

The file has every identity, with cookies that work for two years. Only its owner may read it (mode 0600). It is not a picture of one \
moment: each item is as it was when it was read. DynamoDB's point-in-time recovery is exact, and stays the first choice.

Permissions: cloudformation:DescribeStacks (unless --table), dynamodb:Scan, dynamodb:DescribeTable.";

/// Write the table to a file, encrypted with a passphrase, and verify it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Backup {
    /// The file. It must not exist.
    file: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
    #[command(flatten)]
    pace: Pace,
    /// Only say how much there is to read.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    file: PathBuf,
    table: String,
    bytes: u64,
    #[serde(flatten)]
    end: End,
    read_units: f64,
}

#[derive(Debug, Serialize)]
struct Planned {
    table: String,
    items: u64,
    bytes: u64,
}

pub(crate) async fn run(backup: Backup, place: &Place, output: Output) -> Result<(), Failure> {
    let store = place.store()?;
    let table = place.table()?.to_owned();
    if backup.dry_run {
        let size = store.size(&context()).await?;
        let planned = Planned { table, items: size.items, bytes: size.bytes };
        return output.print(&planned, |Planned { table, items, bytes }| {
            format!("{table} has about {items} items, {bytes} bytes (DynamoDB counts every six hours).")
        });
    }
    // Also a link whose target does not exist.
    if backup.file.symlink_metadata().is_ok() {
        return Err(Failure::Input(format!("{} exists already.", backup.file.display())));
    }
    // Before anybody types a passphrase.
    drop(temporary(&backup.file)?);
    let estimate = scan::estimate(&store).await?;
    let passphrase = backup.passphrase.choose()?;
    let header = Header {
        version: VERSION,
        release: env!("CARGO_PKG_VERSION").into(),
        table: table.clone(),
        started_at: now().as_u64(),
    };
    let progress = progress(estimate, "Reading");
    let new = NewFile { file: backup.file.clone(), passphrase, header, progress };
    let (bytes, end, read_units) = new.write(&store, backup.pace).await?;
    let written = Written { file: backup.file, table, bytes, end, read_units };
    output.print(&written, |written| {
        let Written { file, bytes, end, read_units, .. } = written;
        let file = file.display();
        format!("{file}: {} items, {bytes} bytes, read back and verified ({read_units:.0} read units).", end.items)
    })
}

/// A file to be written.
struct NewFile {
    file: PathBuf,
    passphrase: SecretString,
    header: Header,
    progress: ProgressBar,
}

impl NewFile {
    /// Writes the file under a temporary name, reads it back, and gives it its name. Returns its size, contents and read units.
    async fn write(self, store: &Store, pace: Pace) -> Result<(u64, End, f64), Failure> {
        let target = self.file.clone();
        let failed = |error: io::Error| unwritable(&target, &error);
        // Whatever happens, also if this future is dropped, the path's `drop` deletes it.
        let (file, path) = temporary(&target)?.into_parts();
        let (pages, written_to) = (scan::pages(store, pace), path.to_path_buf());
        let written = tokio::task::spawn_blocking(move || self.write_pages(pages, file, &written_to)).await;
        let written = written.map_err(|error| Failure::Service(error.to_string()))??;
        path.persist_noclobber(&target).map_err(|error| failed(error.error))?;
        Ok(written)
    }

    fn write_pages(self, mut pages: Pages, new: File, path: &Path) -> Result<(u64, End, f64), Failure> {
        let failed = |error: io::Error| unwritable(&self.file, &error);
        let mut writer = Writer::new(BufWriter::new(new), self.passphrase.clone(), self.header).map_err(failed)?;
        let mut read_units = 0.0;
        while let Some(page) = pages.blocking_next() {
            let page = page?;
            read_units += page.read_units;
            self.progress.inc(page.items.len() as u64);
            for item in page.items.into_iter().filter(|item| !is_left_out(item)) {
                writer.item(item).map_err(failed)?;
            }
        }
        let (out, end) = writer.finish().map_err(failed)?;
        let new = out.into_inner().map_err(|error| failed(error.into_error()))?;
        new.sync_all().map_err(failed)?;
        self.progress.finish_and_clear();
        if Reader::open(path, self.passphrase)?.verify(drop)? != end {
            return Err(Failure::Service(format!("{}: what was read back differs.", self.file.display())));
        }
        let bytes = new.metadata().map_err(failed)?.len();
        Ok((bytes, end, read_units))
    }
}

/// A file beside `target`, which only its owner may read.
fn temporary(target: &Path) -> Result<NamedTempFile, Failure> {
    let file = tempfile::Builder::new().prefix(".cip-backup-").tempfile_in(folder_of(target));
    file.map_err(|error| unwritable(target, &error))
}

fn unwritable(file: &Path, error: &io::Error) -> Failure {
    Failure::Input(format!("{} cannot be written: {error}", file.display()))
}

/// What a restored table does not need: counts of renewals and the circuit breaker's gate, which are of no use a minute later, and the agent
/// token, which gives access to all customers and can be had again.
fn is_left_out(item: &cip::store::operator::Attributes) -> bool {
    matches!(Entry::of(item.clone()), Entry::Renewals | Entry::Gate | Entry::AgentToken)
}
