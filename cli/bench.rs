//! `cip bench`: how long the four operations take from here, and what a page load costs.

mod caller;
mod timing;

use crate::{
    arguments,
    failure::Failure,
    output::{Output, confirm, progress},
    place::Place,
    prices::LIVECHAT_CALL,
};
use caller::{Caller, Credentials};
use clap::Args;
use reqwest::Method;
use serde::Serialize;
use std::fmt::Write;
use timing::Timing;

const EXAMPLES: &str = "\
Examples:
  cip bench --local --user alice
  cip bench https://cip.example.com --token-file alice.jwt
  cip bench https://cip.example.com --user alice --header \"X-User-Hash: $HASH\" --calls 100 --concurrency 4

Use a test user: the calls are real. If the user has no customer, LiveChat creates one. It issues a token for each getFreshToken, and \
bills these calls. The user's token is dropped at the end, and the next page gets a new one. Only call your own installation.

Exit code 1: calls failed.
Permissions: none with a URL, else cloudformation:DescribeStacks.";

/// More calls than this, or more of them at once, need a confirmation.
const MOST_CALLS: u32 = 200;
const MOST_AT_ONCE: u32 = 10;

/// AWS's part, as docs/operations.md explains it, at the prices of `prices.rs`.
const AWS_CALL: f64 = 2.13e-6;
const AWS_RENEWAL: f64 = 4.78e-6;

/// Measure the four operations from here, and what a page load costs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    /// The base URL. Without it, that of `cargo local` or of the stack.
    url: Option<String>,
    /// The calls of each of `getToken` and `hasToken`.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    calls: u32,
    /// The calls of each of `getFreshToken` and `invalidate`. A user may renew 10 times a minute.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    renewals: u32,
    /// The calls at the same time.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    concurrency: u32,
    #[command(flatten)]
    credentials: Credentials,
    /// Do not ask before many calls.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    url: String,
    concurrency: u32,
    operations: Vec<Timing>,
    cost: Cost,
}

/// In US dollars.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    /// For a million page loads of returning users.
    aws_million_page_loads: f64,
    aws_million_renewals: f64,
    livechat_thousand_renewals: (f64, f64),
    /// Of these calls.
    livechat_calls: usize,
    livechat_bill: (f64, f64),
}

pub(crate) async fn run(bench: Bench, place: &arguments::Place, output: Output) -> Result<(), Failure> {
    let url = match &bench.url {
        Some(url) => url.clone(),
        None => match Place::find(place).await? {
            Place::Local(local) => local.url,
            Place::Stack(stack) => stack.output("BaseUrl")?.to_owned(),
            Place::Table { .. } => return Err(Failure::Input("Give the URL: a table does not have one.".into())),
        },
    };
    let caller = Caller::new(&url, &bench.credentials)?;
    let (calls, at_once) = (2 * (bench.calls + bench.renewals), bench.concurrency);
    if calls > MOST_CALLS || at_once > MOST_AT_ONCE {
        confirm(&format!("Send {calls} calls to {url}, {at_once} at once?"), bench.yes)?;
    }
    let progress = progress(Some(calls.into()), "Calling");
    let mut operations = Vec::new();
    for (method, operation, calls) in [
        (Method::GET, "hasToken", bench.calls),
        (Method::GET, "getToken", bench.calls),
        (Method::POST, "getFreshToken", bench.renewals),
        (Method::POST, "invalidate", bench.renewals),
    ] {
        let first = caller.call(&method, operation).await;
        progress.inc(1);
        if operations.is_empty() {
            check(&url, &first)?;
        }
        let at_once = usize::try_from(at_once).unwrap_or(1);
        let later = caller.calls((&method, operation), calls - 1, at_once, &progress).await;
        operations.push(Timing::of(operation, &first, &later));
    }
    progress.finish_and_clear();
    let livechat_calls = operations.iter().map(|timing| timing.livechat_calls).sum();
    let has_failed = operations.iter().any(|timing| !timing.errors.is_empty());
    let report = Report { url, concurrency: bench.concurrency, operations, cost: Cost::of(livechat_calls) };
    output.print(&report, text)?;
    if has_failed { Err(Failure::Found) } else { Ok(()) }
}

/// Ends after one call to what is not this service, or refuses the credentials.
fn check(url: &str, first: &caller::Call) -> Result<(), Failure> {
    match &first.outcome {
        Ok(()) if first.is_ours => Ok(()),
        Err(error) if first.is_ours => {
            Err(Failure::Input(format!("{url} refuses hasToken: {error}. See docs/api.md.")))
        }
        Err(error) => Err(Failure::Service(format!("{url}: {error}."))),
        Ok(()) => Err(Failure::Input(format!("{url} is not an installation of livechat-cip."))),
    }
}

impl Cost {
    #[expect(clippy::cast_precision_loss, reason = "there are fewer calls than 2^52")]
    fn of(livechat_calls: usize) -> Self {
        let (least, most) = LIVECHAT_CALL;
        let calls = livechat_calls as f64;
        Self {
            aws_million_page_loads: AWS_CALL * 1e6,
            aws_million_renewals: AWS_RENEWAL * 1e6,
            livechat_thousand_renewals: (least * 1e3, most * 1e3),
            livechat_calls,
            livechat_bill: (least * calls, most * calls),
        }
    }
}

fn text(report: &Report) -> String {
    let mut text = format!("{}, {} at once; ms\n\n", report.url, report.concurrency);
    let _ =
        writeln!(text, "{:<15}{:>7}{:>9}{:>9}{:>9}{:>9}{:>10}", "", "calls", "first", "p50", "p99", "max", "LiveChat");
    for timing in &report.operations {
        let Timing { operation, calls, errors, livechat_calls, first_ms, p50_ms, p99_ms, max_ms } = timing;
        let [p50, p99, max] =
            [p50_ms, p99_ms, max_ms].map(|time| time.map_or("–".into(), |time| format!("{time:.1}")));
        let _ = writeln!(text, "{operation:<15}{calls:>7}{first_ms:>9.1}{p50:>9}{p99:>9}{max:>9}{livechat_calls:>10}");
        for (error, number) in errors {
            let _ = writeln!(text, "  {number} failed: {error}");
        }
    }
    let cost = &report.cost;
    let (least, most) = cost.livechat_thousand_renewals;
    let (cost_least, cost_most) = cost.livechat_bill;
    let _ = write!(
        text,
        "
first: with a cold start, if no instance was running, and for hasToken with the connection. From outside, a cold start cannot be told
from another delay: the log has lines of type platform.initStart. p50, p99, max: of the later calls. LiveChat: tokens that it issued.

A page load of a returning user is one getToken with livechat-cip.js. AWS: about ${:.2} for a million. LiveChat: 0.
A renewal, one for each user and eight hours of use. AWS: about ${:.2} for a million. LiveChat: ${least:.2} to ${most:.2} for a thousand.
These calls: {} of LiveChat, ${cost_least:.4} to ${cost_most:.4}.
Prices of June 2026, without free tiers: docs/operations.md, What it costs. The widget's own calls to LiveChat come on top.",
        cost.aws_million_page_loads, cost.aws_million_renewals, cost.livechat_calls,
    );
    text
}
