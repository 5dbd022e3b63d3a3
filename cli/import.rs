//! `cip import`: identities of another server, so that its users keep their LiveChat customers.
//!
//! | file | what it holds |
//! |---|---|
//! | here | the command: read, check, ask, write, report |
//! | `import/input.rs` | a record of any format becomes an identity, or is skipped for a reason |
//! | `import/tutorial.rs`, `import/sqlite.rs`, `import/lines.rs` | the three formats |
//! | `import/conflicts.rs` | records that contradict each other |
//! | `import/writer.rs` | the writes: many at once, with pauses while DynamoDB throttles |
//! | `import/summary.rs` | what was done |

mod conflicts;
mod input;
mod lines;
mod sqlite;
mod summary;
mod tutorial;
mod writer;

use crate::{
    failure::Failure,
    files::check_distinct,
    output::{Output, confirm, note, progress},
    person::Normalization,
    place::Place,
    records::report::ReportFile,
};
use clap::{Args, ValueEnum};
use input::Input;
use std::{
    fs::{File, Metadata},
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};
use summary::Summary;
use writer::Writer;

const EXAMPLES: &str = "\
Examples:
  cip import myDataBase.json --dry-run              what would happen, without a write
  cip import myDataBase.json --report skipped.jsonl
  cip import database/db.sqlite --user email        users are known by their e-mail address
  cip import users.jsonl --local --yes              into a running cargo local

The formats, and how to move without losing a chat: docs/migration.md and docs/cip.md.";

/// Import the identities of another server.
///
/// Nothing that is stored is ever overwritten, so the command can be stopped and run again. Without --yes, it asks before it writes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// The file with the identities. - is stdin, which needs --format and --yes.
    file: PathBuf,
    /// The file's format. By default, it is recognised by its content and ending.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// In an SQLite file: the column of Users that is the user id.
    #[arg(long, value_enum, default_value_t = Column::Id)]
    user: Column,
    #[command(flatten)]
    normalization: Normalization,
    /// Write nothing: compare the file with the table, and say what would be written.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Write each skipped record to this file, with the reason, as JSON Lines. It has user ids, but no secrets.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The number of requests to DynamoDB at the same time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: u16,
}

/// The program that wrote the file.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// The JSON file of LiveChat's tutorial server (node-json-db)
    Tutorial,
    /// The SQLite file of LiveChat's identity-provider-example
    Sqlite,
    /// JSON Lines, as docs/cip.md describes them
    Lines,
}

/// A column of the table Users.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Column {
    /// `id`, the example's own user id
    Id,
    /// `email`
    Email,
}

impl Format {
    /// The format of `file`.
    fn of(file: &Path) -> Result<Self, Failure> {
        let unknown = || Failure::Input(format!("The format of {} is unknown: give --format.", file.display()));
        let kind = std::fs::metadata(file).map_err(|error| unreadable(file, &error))?.file_type();
        if !kind.is_file() && !kind.is_dir() {
            // What is read from a pipe is gone.
            return Err(unknown());
        }
        let mut start = Vec::new();
        let read = File::open(file).and_then(|file| file.take(16).read_to_end(&mut start));
        read.map_err(|error| unreadable(file, &error))?;
        if start == *b"SQLite format 3\0" {
            return Ok(Self::Sqlite);
        }
        match file.extension().and_then(|ending| ending.to_str()) {
            Some("json") => Ok(Self::Tutorial),
            Some("jsonl" | "ndjson") => Ok(Self::Lines),
            _ => Err(unknown()),
        }
    }

    /// What a record's number counts.
    fn unit(self) -> &'static str {
        match self {
            Self::Tutorial => "entry",
            Self::Sqlite => "row",
            Self::Lines => "line",
        }
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("{} cannot be read: {error}", file.display()))
}

/// Runs the command.
pub(crate) async fn run(mut import: Import, place: &crate::arguments::Place, output: Output) -> Result<(), Failure> {
    if import.file == Path::new("-") {
        import.file = "/dev/stdin".into();
    }
    let different = "FILE and --report must be different files, and not that of stdout or stderr.";
    check_distinct(&import.file, &[import.report.as_deref()], different)?;
    let format = import.format.map_or_else(|| Format::of(&import.file), Ok)?;
    let place = Place::find(place).await?;
    let mut report = import.report.as_deref().map(ReportFile::create).transpose()?;

    let mut input = Input::new(import.normalization.user_ids(Some(&place))?);
    let bar = progress(
        std::fs::metadata(&import.file).ok().filter(Metadata::is_file).map(|file| file.len()),
        "Reading (bytes)",
    );
    match format {
        Format::Tutorial => tutorial::read(&import.file, &bar, &mut input)?,
        Format::Sqlite => sqlite::read(&import.file, import.user, &mut input)?,
        Format::Lines => lines::read(&import.file, &bar, &mut input)?,
    }
    bar.finish_and_clear();
    let records = input.records();
    let (found, skipped) = conflicts::remove(input);

    let writer = Writer {
        store: place.store()?,
        concurrency: import.concurrency.into(),
        is_dry: import.dry_run,
        patience: Arc::default(),
    };
    if let Some(first) = found.first() {
        writer.check(first).await?;
    }
    let mut summary = Summary::new(format.unit(), records, import.dry_run);
    summary.skip(&skipped);
    if let Some(report) = &mut report {
        report.write(format.unit(), &skipped)?;
    }
    if !import.dry_run && !found.is_empty() {
        if !import.yes {
            note(&summary.text());
        }
        let question = format!("Write up to {} identities into the table {}?", found.len(), place.table()?);
        confirm(&question, import.yes)?;
    }
    let bar = progress(Some(found.len() as u64), if import.dry_run { "Comparing" } else { "Writing" });
    let written = writer.run(found, &bar).await;
    bar.finish_and_clear();
    summary.skip(&written.skipped);
    (summary.written, summary.unchanged, summary.not_done) = (written.inserted, written.same, written.not_done);
    if let Some(report) = &mut report {
        report.write(format.unit(), &written.skipped)?;
    }
    output.print(&summary, Summary::text)?;
    match written.error {
        Some(error) => Err(Failure::of_table(error, "Run the command again: it continues.")),
        None if summary.skipped.is_empty() => Ok(()),
        None => Err(Failure::Found),
    }
}
