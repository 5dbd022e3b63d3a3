//! `cip provision`: customers for users who have not come yet.
//!
//! | file | what it holds |
//! |---|---|
//! | here | the command: read, compare with the table, ask, create, report |
//! | `provision/input.rs` | the users of the file |
//! | `provision/plan.rs` | who has a customer already, and what the others cost |
//! | `provision/run.rs` | one user after the other, at a steady rate |
//! | `provision/customer.rs` | one user, by the functions' own `getToken` |
//! | `provision/backoff.rs` | pauses while LiveChat or DynamoDB fails |
//! | `provision/interrupts.rs` | Ctrl-C |
//! | `provision/entities.rs` | the file with the customers |
//! | `provision/summary.rs` | what was done |

mod backoff;
mod customer;
mod entities;
mod input;
mod interrupts;
mod plan;
mod run;
mod summary;

use crate::{
    failure::Failure,
    livechat,
    output::{Output, confirm, progress},
    person::user_ids,
    place::Place,
    records::report::ReportFile,
    scan::{Pace, Rate},
};
use clap::{Args, ValueEnum};
use customer::Customers;
use entities::Entities;
use indicatif::ProgressBar;
use input::{Rules, is_stdin};
use interrupts::Interrupts;
use plan::Plan;
use run::{Done, Limits, Run};
use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};
use summary::{Summary, UNIT};

const EXAMPLES: &str = "\
Examples:
  cip provision users.txt --dry-run                       who has no customer, and what it costs
  cip provision users.txt --output customers.jsonl        asks, then creates customers
  cip provision users.jsonl --yes --rate 5 --report skipped.jsonl
  psql --csv -t -c 'SELECT id FROM users' | cip provision - --yes
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
    file: PathBuf,
    /// The file's format; by default, its first line says it.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// How user ids are normalized [default: the setting of the installation; with --table, `USER_ID_NORMALIZATION` of the environment].
    #[arg(long, value_name = "HOW", value_parser = ["none", "nfc", "nfc-lowercase"])]
    normalize: Option<String>,
    /// The most calls of LiveChat a second. LiveChat documents no limit for them, and your pages call it too.
    #[arg(long, value_name = "N", default_value = "2")]
    rate: NonZeroU32,
    /// The most calls of LiveChat at the same time. With 6 that are late, the functions make no more calls.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// How long to try again while LiveChat or DynamoDB fails.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    patience: Duration,
    #[command(flatten)]
    pace: Pace,
    /// Write user and entity id of each user who has a customer to this file, as JSON Lines. It replaces the file at the end.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write each skipped record to this file, with the reason, as JSON Lines.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Create nothing: compare the file with the table, and say what it would cost.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// How users are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One user id in each line
    Text,
    /// JSON Lines, as docs/cip.md describes them
    Lines,
}

/// Runs the command.
pub(crate) async fn run(provision: Provision, place: &Place, output: Output) -> Result<(), Failure> {
    provision.check()?;
    let rules = livechat::rules(place)?;
    let customers = Customers::new(place.store()?, livechat::settings(place)?, rules.clone())?;
    let rules = Rules {
        user_ids: user_ids(provision.normalize.as_deref(), place)?,
        groups: rules.1,
        has_groups: customers.accounts().has_group_tokens(),
    };
    let mut report = provision.report.as_deref().map(ReportFile::create).transpose()?;

    let bar = progress(std::fs::metadata(&provision.file).ok().map(|file| file.len()), "Reading (bytes)");
    let (records, mut skipped) = input::read(&provision.file, provision.format, &rules, &bar)?;
    bar.finish_and_clear();
    let mut summary = Summary::new(records.len() + skipped.len(), provision.dry_run);
    let bar = progress(Some(records.len() as u64), "Comparing");
    let (plan, malformed) = Plan::make(records, &place.store()?, &Rate::new(provision.pace.read_units), &bar).await?;
    bar.finish_and_clear();
    skipped.extend(malformed);
    summary.skip(&skipped);
    if let Some(report) = &mut report {
        report.write(UNIT, &skipped)?;
    }
    (summary.existing, summary.not_done) = (plan.existing.len(), plan.missing.len());
    let estimate = plan.estimate(provision.rate);
    let is_sandbox = matches!(place, Place::Local(local) if local.livechat == "sandbox");
    summary.plan(estimate, estimate.text(provision.rate, is_sandbox));
    if !provision.dry_run && !plan.missing.is_empty() && !provision.yes {
        eprintln!("{}", summary.planned());
        let question = format!(
            "Create customers for {} users, the first of whom is {:?}?",
            plan.missing.len(),
            plan.missing[0].user()
        );
        confirm(&question, false)?;
    }

    let mut entities = provision.output.as_deref().map(Entities::create).transpose()?;
    if let Some(entities) = &mut entities {
        plan.existing.iter().try_for_each(|(record, entity_id)| entities.add(record, entity_id))?;
    }
    let mut failure = None;
    if !provision.dry_run {
        let bar = progress(Some(plan.missing.len() as u64), "Creating");
        let done = provision.create(customers.clone(), plan, entities.as_mut(), &bar).await?;
        bar.finish_and_clear();
        summary.created = done.created;
        summary.existing += done.existing;
        summary.not_done = done.left;
        summary.livechat_calls = customers.accounts().load().calls();
        summary.skip(&done.skipped);
        failure = done.failure;
        if let Some(report) = &mut report {
            report.write(UNIT, &done.skipped)?;
        }
    }
    output.print(&summary, Summary::text)?;
    let finished = entities.map_or(Ok(()), Entities::finish);
    match failure {
        Some(failure) => Err(failure),
        None if summary.skipped.is_empty() => finished,
        None => finished.and(Err(Failure::Found)),
    }
}

impl Provision {
    /// What can be said without reading anything.
    fn check(&self) -> Result<(), Failure> {
        if is_stdin(&self.file) && !self.yes && !self.dry_run {
            return Err(Failure::Input(
                "Stdin has the users, so it cannot have your answer: add --yes, or --dry-run first.".into(),
            ));
        }
        let is_same = |path: &Option<PathBuf>, other: &Path| {
            path.as_deref().is_some_and(|path| {
                path == other
                    || path.canonicalize().is_ok_and(|path| other.canonicalize().is_ok_and(|other| path == other))
            })
        };
        let is_twice = self.output.as_deref().is_some_and(|output| is_same(&self.report, output));
        if is_twice || is_same(&self.output, &self.file) || is_same(&self.report, &self.file) {
            return Err(Failure::Input("FILE, --output and --report must be different files.".into()));
        }
        Ok(())
    }

    async fn create(
        &self,
        customers: Customers,
        plan: Plan,
        entities: Option<&mut Entities>,
        bar: &ProgressBar,
    ) -> Result<Done, Failure> {
        let mut interrupts = Interrupts::catch().map_err(|error| Failure::Service(error.to_string()))?;
        let limits =
            Limits { rate: Rate::new(self.rate), concurrency: self.concurrency.into(), patience: self.patience };
        Ok(Run::new(customers, limits, entities, bar).run(plan.missing, &mut interrupts).await)
    }
}
