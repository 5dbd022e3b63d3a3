//! What a run has done.

use super::plan::Estimate;
use crate::records::{
    report::{Counts, records_read, write_count},
    skipped::Skipped,
};
use serde::Serialize;

/// What the numbers of records count.
pub(super) const UNIT: &str = "line";

/// The result of a run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    /// What the numbers in `skipped` count.
    unit: &'static str,
    records: usize,
    is_dry_run: bool,
    /// New customers. None in a dry run.
    pub(super) created: usize,
    /// Users who had a customer, or got one by another call meanwhile.
    pub(super) existing: usize,
    /// Users without a customer whom the run has not reached. In a dry run, all of them.
    pub(super) not_done: usize,
    /// Requests for a token to LiveChat.
    pub(super) livechat_calls: u64,
    pub(super) skipped: Counts,
    /// What the run takes, before it begins. `null` if it was not computed.
    pub(super) estimate: Option<Estimate>,
    #[serde(skip)]
    estimate_text: String,
}

impl Summary {
    pub(super) fn new(records: usize, is_dry_run: bool) -> Self {
        Self {
            unit: UNIT,
            records,
            is_dry_run,
            created: 0,
            existing: 0,
            not_done: 0,
            livechat_calls: 0,
            skipped: Counts::default(),
            estimate: None,
            estimate_text: String::new(),
        }
    }

    /// Adds skipped records.
    pub(super) fn skip(&mut self, skipped: &[Skipped]) {
        self.skipped.add(skipped);
    }

    /// Sets what the run takes.
    pub(super) fn plan(&mut self, estimate: Estimate, text: String) {
        self.estimate = Some(estimate);
        self.estimate_text = text;
    }

    /// The table before the run, and what the run takes.
    pub(super) fn planned(&self) -> String {
        let mut text = self.counts();
        text.push_str(&self.estimate_text);
        text
    }

    pub(super) fn text(&self) -> String {
        if self.is_dry_run { self.planned() } else { self.counts() }
    }

    fn counts(&self) -> String {
        let mut text = records_read(self.records);
        write_count(&mut text, self.created, "customers created");
        write_count(&mut text, self.existing, "have a customer already");
        write_count(&mut text, self.not_done, "have none yet");
        self.skipped.write(&mut text, self.unit);
        text
    }
}
