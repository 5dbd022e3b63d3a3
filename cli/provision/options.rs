//! The options of `cip provision`.

use super::input::is_stdin;
use crate::{
    failure::Failure,
    files::{check_distinct, replaceable},
    person::Normalization,
    scan::Pace,
};
use clap::{Args, ValueEnum};
use std::{num::NonZeroU32, path::PathBuf, time::Duration};

const EXAMPLES: &str = "\
Examples:
  cip provision users.txt --dry-run                       count the users without a customer, and the cost
  cip provision users.txt --output customers.jsonl        asks, then creates customers
  cip provision users.jsonl --yes --rate 5 --report skipped.jsonl
  psql -At -c 'SELECT id FROM users' | cip provision - --yes
  cip provision users.txt --local --yes --rate 100        in a running cargo local

Run it again at any time: users who have a customer are left alone. How it works, and what it costs: docs/cip.md.

Exit codes: 0 all users have a customer; 1 some were skipped; 2 the file or the command line is invalid; 3 LiveChat or DynamoDB refused, or \
could not be reached; 4 you said no; 130 interrupted.
Permissions: dynamodb:GetItem and dynamodb:UpdateItem on the table; cloudformation:DescribeStacks with --stack.";

/// Create LiveChat customers for users before they come for the first time.
///
/// A user who has a customer is left alone. Without --yes, it says what it costs and asks before it calls LiveChat.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Provision {
    /// The file with the users: one user id in each line, or JSON Lines. - is stdin.
    pub(super) file: PathBuf,
    /// The file's format; by default, its first line says it.
    #[arg(long, value_enum)]
    pub(super) format: Option<Format>,
    #[command(flatten)]
    pub(super) normalization: Normalization,
    /// The most calls of LiveChat a second. LiveChat documents no limit for them, and your pages call it too.
    #[arg(long, value_name = "N", default_value = "2")]
    pub(super) rate: NonZeroU32,
    /// The most calls of LiveChat at the same time. If 6 calls are slow at the same
    /// time, the circuit breaker stops the calls of your pages too.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(super) concurrency: u8,
    /// How long to try again while LiveChat or DynamoDB fails.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    pub(super) patience: Duration,
    #[command(flatten)]
    pub(super) pace: Pace,
    /// Write user and entity id of each user who has a customer to this file, as JSON Lines. It replaces the file at the end.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Write each skipped record to this file, with the reason, as JSON Lines.
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Create nothing: compare the file with the table, and say what it would cost.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    pub(super) yes: bool,
}

/// How users are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::provision) enum Format {
    /// One user id in each line
    Text,
    /// JSON Lines, as docs/cip.md describes them
    Lines,
}

impl Provision {
    /// What can be said without reading a file's content.
    ///
    /// # Errors
    /// [`Failure::Input`] that says what to change.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if is_stdin(&self.file) && !self.yes && !self.dry_run {
            return Err(Failure::Input(
                "Stdin has the users, so it cannot have your answer: add --yes, or --dry-run first.".into(),
            ));
        }
        let written = [self.output.as_deref(), self.report.as_deref()];
        let different = "FILE, --output and --report must be different files, and not that of stdout or stderr.";
        check_distinct(&self.file, &written, different)?;
        self.output.as_deref().map(replaceable).transpose()?;
        Ok(())
    }
}
