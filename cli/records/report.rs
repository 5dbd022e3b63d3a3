//! How many records were left out and why, and the file that lists them.

use super::skipped::{Reason, Skipped};
use crate::{failure::Failure, output::json_line};
use serde::{Serialize, Serializer};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The numbers of records that were left out, by reason.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<Reason, Group>);

/// The records that were left out for one reason.
#[derive(Debug, Default, Serialize)]
struct Group {
    count: usize,
    /// Where the first ones are.
    first: Vec<u64>,
}

impl Counts {
    const SHOWN: usize = 5;

    /// Adds records.
    pub(crate) fn add<'a>(&mut self, skipped: impl IntoIterator<Item = &'a Skipped>) {
        for Skipped { at, reason, .. } in skipped {
            let group = self.0.entry(reason.clone()).or_default();
            group.count += 1;
            if group.first.len() < Self::SHOWN {
                group.first.push(*at);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a line for each reason to `text`. `unit` is what the numbers count, such as `line`.
    pub(crate) fn write(&self, text: &mut String, unit: &str) {
        for (reason, Group { count, first }) in &self.0 {
            let first: Vec<_> = first.iter().map(u64::to_string).collect();
            let more = if *count > first.len() { ", …" } else { "" };
            write_count(text, *count, &format!("skipped: {reason} ({unit} {}{more})", first.join(", ")));
        }
    }
}

/// The first line: how many records a file had.
pub(crate) fn records_read(count: usize) -> String {
    format!("{count} {} read\n", if count == 1 { "record" } else { "records" })
}

/// Adds a line with a number, unless it is 0.
pub(crate) fn write_count(text: &mut String, count: usize, what: &str) {
    if count > 0 {
        let _ = writeln!(text, "{count:>10} {what}");
    }
}

/// A list of the reasons with their numbers.
impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Entry<'a> {
            reason: String,
            #[serde(flatten)]
            group: &'a Group,
        }
        serializer.collect_seq(self.0.iter().map(|(reason, group)| Entry { reason: reason.to_string(), group }))
    }
}

/// The file with every record that was left out.
pub(crate) struct ReportFile {
    path: PathBuf,
    file: File,
}

impl ReportFile {
    /// Creates the file, before there is anything to report: a path that is wrong must not be found out at the end.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        // User ids are personal data.
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        Ok(Self { path: path.to_owned(), file: file.map_err(|error| unwritable(path, &error))? })
    }

    /// Appends records.
    pub(crate) fn write(&mut self, unit: &str, skipped: &[Skipped]) -> Result<(), Failure> {
        let mut file = BufWriter::new(&mut self.file);
        for Skipped { at, user, reason } in skipped {
            let line = json_line(&serde_json::json!({unit: at, "user": user, "reason": reason.to_string()}))?;
            writeln!(file, "{line}").map_err(|error| unwritable(&self.path, &error))?;
        }
        file.flush().map_err(|error| unwritable(&self.path, &error))
    }
}

/// The error of a file that cannot be written.
pub(crate) fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("{} cannot be written: {error}", path.display()))
}
