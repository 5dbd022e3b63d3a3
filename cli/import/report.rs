//! What was done, and what was skipped and why.

use super::input::{Reason, Skipped};
use crate::failure::Failure;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The result of an import.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    /// What the numbers in `skipped` count: lines, rows or entries.
    unit: &'static str,
    records: usize,
    is_dry_run: bool,
    /// New identities; in a dry run, those that would be.
    pub(super) written: usize,
    /// The table has them already.
    pub(super) unchanged: usize,
    /// Not reached, because of an error.
    pub(super) not_done: usize,
    #[serde(serialize_with = "as_list")]
    pub(super) skipped: BTreeMap<Reason, Group>,
}

/// The records that were skipped for one reason.
#[derive(Debug, Default, Serialize)]
pub(super) struct Group {
    count: usize,
    /// Where the first ones are.
    first: Vec<u64>,
}

impl Summary {
    const SHOWN: usize = 5;

    pub(super) fn new(unit: &'static str, records: usize, is_dry_run: bool) -> Self {
        Self { unit, records, is_dry_run, written: 0, unchanged: 0, not_done: 0, skipped: BTreeMap::new() }
    }

    /// Adds skipped records.
    pub(super) fn skip(&mut self, skipped: &[Skipped]) {
        for Skipped { at, reason, .. } in skipped {
            let group = self.skipped.entry(reason.clone()).or_default();
            group.count += 1;
            if group.first.len() < Self::SHOWN {
                group.first.push(*at);
            }
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{} {} read\n", self.records, if self.records == 1 { "record" } else { "records" });
        let mut line = |count: usize, what: &str| {
            if count > 0 {
                let _ = writeln!(text, "{count:>10} {what}");
            }
        };
        line(self.written, if self.is_dry_run { "would be written" } else { "written" });
        line(self.unchanged, "are in the table already");
        line(self.not_done, "not reached");
        for (reason, Group { count, first }) in &self.skipped {
            let first: Vec<_> = first.iter().map(u64::to_string).collect();
            let more = if *count > first.len() { ", …" } else { "" };
            line(*count, &format!("skipped: {reason} ({} {}{more})", self.unit, first.join(", ")));
        }
        text
    }
}

fn as_list<S: serde::Serializer>(skipped: &BTreeMap<Reason, Group>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Entry<'a> {
        reason: String,
        #[serde(flatten)]
        group: &'a Group,
    }
    serializer.collect_seq(skipped.iter().map(|(reason, group)| Entry { reason: reason.to_string(), group }))
}

/// The file with every skipped record.
pub(super) struct ReportFile {
    path: PathBuf,
    file: File,
}

impl ReportFile {
    /// Creates the file, before there is anything to report: a path that is wrong must not be found out at the end.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        // User ids are personal data.
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        Ok(Self { path: path.to_owned(), file: file.map_err(|error| unwritable(path, &error))? })
    }

    /// Appends skipped records.
    pub(super) fn write(&mut self, unit: &str, skipped: &[Skipped]) -> Result<(), Failure> {
        let mut file = BufWriter::new(&mut self.file);
        let written = skipped.iter().try_for_each(|Skipped { at, user, reason }| {
            let line = serde_json::json!({unit: at, "user": user, "reason": reason.to_string()});
            writeln!(file, "{line}")
        });
        written.and_then(|()| file.flush()).map_err(|error| unwritable(&self.path, &error))
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("{} cannot be written: {error}", path.display()))
}
