//! `cip stats`: what is in the table.

mod census;
mod histogram;

use crate::{
    failure::Failure,
    output::{Output, progress},
    place::Place,
    scan::{self, Pace},
};
use census::Census;
use cip::time::now;
use clap::Args;
use serde::Serialize;
use std::{fmt::Write, time::Instant};

const EXAMPLES: &str = "\
Examples:
  cip stats --local                    what a running cargo local has stored
  cip stats --read-units 2000          faster: 16,000 items a second, more or less
  cip stats --json | jq .identities

It reads the whole table once: about $0.02 for a million users, at half a read unit for each 4 KB. It prints numbers only, no ids.

Exit code 1: there are items that the functions cannot read.
Permissions: cloudformation:DescribeStacks (unless --table), dynamodb:Scan, dynamodb:DescribeTable.";

/// Count what is in the table: identities, tokens, leases, and what is malformed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Stats {
    #[command(flatten)]
    pace: Pace,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    table: String,
    #[serde(flatten)]
    census: Census,
    read_units: f64,
    seconds: f64,
}

pub(crate) async fn run(stats: Stats, place: &Place, output: Output) -> Result<(), Failure> {
    let store = place.store()?;
    let progress = progress(scan::estimate(&store).await?, "Reading");
    let started = Instant::now();
    let (mut census, mut read_units) = (Census::new(now()), 0.0);
    let mut pages = scan::pages(&store, stats.pace);
    while let Some(page) = pages.next().await {
        let page = page?;
        read_units += page.read_units;
        progress.inc(page.items.len() as u64);
        page.items.into_iter().for_each(|item| census.add(item));
    }
    progress.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    let report = Report { table: place.table()?.to_owned(), census, read_units, seconds };
    output.print(&report, text)?;
    if report.census.malformed.items > 0 { Err(Failure::Found) } else { Ok(()) }
}

fn text(report: &Report) -> String {
    let Census {
        items,
        identities,
        without_identity,
        adopted_guests,
        renewal_counts,
        gate,
        agent_token,
        malformed,
        tokens,
        leases,
        refused,
        changed_identities,
        former_identities,
        open_cookies,
        expired,
        token_ages,
        cookies_left,
        ..
    } = &report.census;
    let rows = [
        ("Items", *items, "of all kinds"),
        ("Users", identities.users, "with a LiveChat customer"),
        ("Guests", identities.guests, "with a LiveChat customer"),
        ("Users in groups", identities.users_in_groups, "customers of groups: a user has one in each"),
        ("Guests in groups", identities.guests_in_groups, ""),
        ("Adopted guests", *adopted_guests, "became users"),
        ("Without identity", *without_identity, "no token yet, or LiveChat refused"),
        ("Renewal counts", *renewal_counts, "deleted after a day"),
        ("Gate", *gate, "the circuit breaker's item"),
        ("Agent token", *agent_token, "the one that all functions share"),
        ("Malformed", malformed.items, "the functions cannot read them"),
        ("Expired", *expired, "DynamoDB is about to delete them"),
        ("Tokens alive", tokens.live, ""),
        ("  usable", tokens.usable, "getToken returns them without a renewal"),
        ("Tokens expired", tokens.expired, "renewed at the user's next visit"),
        ("Tokens to revoke", tokens.to_revoke, "a logout's revocation has not succeeded yet"),
        ("Leases held", leases.held, "renewals in progress"),
        ("  abandoned", leases.abandoned, "of calls that died; the next call takes over"),
        ("Refused", *refused, "LiveChat is not called for them now"),
        ("Changed", *changed_identities, "had another customer before"),
        ("  former", *former_identities, "former customers that are kept"),
        ("Open cookies", *open_cookies, "not encrypted, COOKIES_KMS_KEY encrypts them at the next renewal"),
    ];
    let mut text = format!("{}\n\n", report.table);
    for (name, count, note) in rows {
        let _ = writeln!(text, "{}", format!("  {name:<18}{count:>12}  {note}").trim_end());
    }
    for (reason, count) in &malformed.reasons {
        let _ = writeln!(text, "  malformed: {count} × {reason}");
    }
    text += &token_ages.plot("Age of stored tokens: when each user last came");
    text += &cookies_left.plot("Time until the cookies expire: without a visit, the user gets a new customer then");
    let _ = write!(text, "\n{:.0} read units, {:.1} s", report.read_units, report.seconds);
    text
}
