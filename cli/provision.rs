//! `cip provision`: customers for users who have not come yet.
//!
//! | file | what it holds |
//! |---|---|
//! | here | the command: read, compare with the table, ask, create, report |
//! | `provision/options.rs` | its options |
//! | `provision/input.rs` | the users of the file |
//! | `provision/plan.rs` | who has a customer already, and what the others cost |
//! | `provision/run.rs` | one user after the other, at a steady rate |
//! | `provision/queue.rs` | who is next |
//! | `provision/customer.rs` | one user, by the functions' own `getToken` |
//! | `provision/backoff.rs` | pauses while LiveChat or DynamoDB fails |
//! | `provision/entities.rs` | the file with the customers |
//! | `provision/summary.rs` | what was done |

mod backoff;
mod customer;
mod entities;
mod input;
mod options;
mod plan;
mod queue;
mod run;
mod summary;

use crate::{
    failure::Failure,
    interruption::Interruptions,
    livechat,
    output::{Output, confirm, note, progress},
    place::Place,
    records::report::ReportFile,
    scan::Rate,
};
use customer::Customers;
use entities::Entities;
use indicatif::ProgressBar;
use input::Rules;
use options::Format;
pub(crate) use options::Provision;
use plan::Plan;
use run::{Done, Limits, Run};
use summary::{Summary, UNIT};

/// Runs the command.
pub(crate) async fn run(provision: Provision, place: &Place, output: Output) -> Result<(), Failure> {
    provision.check()?;
    let rules = livechat::rules(place)?;
    let customers = Customers::new(place.store()?, livechat::settings(place)?, rules.clone())?;
    let rules = Rules {
        user_ids: provision.normalization.user_ids(Some(place))?,
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
    if !provision.dry_run && !plan.missing.is_empty() {
        note(&summary.planned());
        let question = format!(
            "Create customers for {} users, the first of whom is {:?}?",
            plan.missing.len(),
            plan.missing[0].user()
        );
        confirm(&question, provision.yes)?;
    }

    let mut entities = provision.output.as_deref().map(Entities::create).transpose()?;
    if let Some(entities) = &mut entities {
        plan.existing.iter().try_for_each(|(record, entity_id)| entities.add(record, entity_id))?;
    }
    let (mut failure, mut reported) = (None, Ok(()));
    if !provision.dry_run {
        let bar = progress(Some(plan.missing.len() as u64), "Creating");
        let done = create(&provision, customers.clone(), plan, entities.as_mut(), &bar).await?;
        bar.finish_and_clear();
        summary.created = done.created;
        summary.existing += done.existing;
        summary.not_done = done.left;
        summary.livechat_calls = customers.accounts().load().calls();
        summary.skip(&done.skipped);
        failure = done.failure;
        if let Some(report) = &mut report {
            reported = report.write(UNIT, &done.skipped);
        }
    }
    // From here on, the customers exist: whatever goes wrong, the rest is done all the same.
    let printed = output.print(&summary, Summary::text);
    let finished = entities.map_or(Ok(()), Entities::finish);
    let complete = if summary.skipped.is_empty() { Ok(()) } else { Err(Failure::Found) };
    failure.map_or(Ok(()), Err).and(printed).and(finished).and(reported).and(complete)
}

async fn create(
    provision: &Provision,
    customers: Customers,
    plan: Plan,
    entities: Option<&mut Entities>,
    bar: &ProgressBar,
) -> Result<Done, Failure> {
    let mut interruptions = Interruptions::catch().map_err(|error| Failure::Service(error.to_string()))?;
    let limits = Limits {
        rate: Rate::new(provision.rate),
        concurrency: provision.concurrency.into(),
        patience: provision.patience,
    };
    Ok(Run::new(customers, limits, entities, bar).run(plan.missing, &mut interruptions).await)
}
