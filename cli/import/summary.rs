//! What an import has done.

use crate::records::{
    report::{Counts, records_read, write_count},
    skipped::Skipped,
};
use serde::Serialize;

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
    pub(super) skipped: Counts,
}

impl Summary {
    pub(super) fn new(unit: &'static str, records: usize, is_dry_run: bool) -> Self {
        Self { unit, records, is_dry_run, written: 0, unchanged: 0, not_done: 0, skipped: Counts::default() }
    }

    /// Adds skipped records.
    pub(super) fn skip(&mut self, skipped: &[Skipped]) {
        self.skipped.add(skipped);
    }

    pub(super) fn text(&self) -> String {
        let mut text = records_read(self.records);
        write_count(&mut text, self.written, if self.is_dry_run { "would be written" } else { "written" });
        write_count(&mut text, self.unchanged, "are in the table already");
        write_count(&mut text, self.not_done, "not reached");
        self.skipped.write(&mut text, self.unit);
        text
    }
}
