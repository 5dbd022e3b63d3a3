//! `cip logs`.
//!
//! | file | what it holds |
//! |---|---|
//! | `logs/cloudwatch.rs` | the lines in the stack's log group |
//! | `logs/file.rs` | the lines in a file |

mod cloudwatch;
mod file;

use crate::{
    arguments,
    failure::Failure,
    output::{Output, shown},
    person::{Person, hash},
    place::Place,
};
use cip::telemetry::LoggedCall;
use clap::Args;
use std::{path::PathBuf, time::Duration};

/// Show a user's calls, newest first.
///
/// A line of the log has a keyed hash in place of the user. It is computed here: the key is the stack's parameter `SubjectKey`, or
/// the last part of the stack's id. With --file it is `SUBJECT_KEY` of the environment, if that is set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cip logs alice
  cip logs alice --since 7d --limit 1000
  cip logs alice --json | jq '.[] | select(.outcome != \"ok\")'
  SUBJECT_KEY=a-key cargo local --log json | tee local.log
  SUBJECT_KEY=a-key cip logs alice --file local.log")]
pub(crate) struct Logs {
    #[command(flatten)]
    person: Person,
    /// How far back, such as 30m, 1h or 7d. All of a file by default.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    /// The number of calls that are shown at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// Read the lines from a file, or from stdin if it is -: the log of `cargo local --log json`, or an exported log group.
    #[arg(long)]
    file: Option<PathBuf>,
}

pub(crate) async fn run(logs: &Logs, place: &arguments::Place, output: Output) -> Result<(), Failure> {
    let calls = if let Some(file) = &logs.file {
        let found = if std::env::var_os("SUBJECT_KEY").is_some() { None } else { Some(Place::find(place).await?) };
        file::read(file, &logs.subject(found.as_ref())?, logs.since, usize::from(logs.limit))?
    } else {
        let found = Place::find(place).await?;
        let Place::Stack(stack) = &found else {
            return Err(Failure::Input(NO_LOG_GROUP.into()));
        };
        let query = cloudwatch::Query { since: logs.since.unwrap_or(DEFAULT_SINCE), limit: logs.limit };
        cloudwatch::read(stack, &logs.subject(Some(&found))?, query).await?
    };
    output.print(&calls, |calls| if calls.is_empty() { NOTHING.to_owned() } else { text(calls) })?;
    if calls.is_empty() { Err(Failure::Found) } else { Ok(()) }
}

const DEFAULT_SINCE: Duration = Duration::from_hours(1);
const NO_LOG_GROUP: &str =
    "Only a stack has a log group. For other lines give --file, such as the log of `cargo local --log json`.";
const NOTHING: &str =
    "No calls of this user were found. A longer --since looks further back; on AWS, lines appear after a few seconds.";

impl Logs {
    fn subject(&self, place: Option<&Place>) -> Result<String, Failure> {
        let principal = self.person.principal(place)?;
        hash(place, &principal).ok_or_else(|| {
            Failure::Input(
                "Lines have no hash of the user without a key: set SUBJECT_KEY, here and where the functions run."
                    .into(),
            )
        })
    }
}

/// A table with a call in each line.
fn text(calls: &[LoggedCall]) -> String {
    let longest = |of: fn(&LoggedCall) -> &str| calls.iter().map(|call| of(call).chars().count()).max().unwrap_or(0);
    let (outcomes, sources) = (longest(|call| &call.outcome), longest(source));
    let line = |call: &LoggedCall| {
        let mut rest = vec![format!("{:>6.0} ms", call.duration)];
        rest.extend(call.dynamo_db_time.map(|ms| format!("DynamoDB {ms:.0} ms")));
        rest.extend(call.live_chat_time.map(|ms| format!("LiveChat {ms:.0} ms")));
        rest.push(call.request_id.clone());
        rest.extend(call.cause.clone());
        let LoggedCall { timestamp, operation, outcome, .. } = call;
        let source = source(call);
        let rest = rest.join("  ");
        shown(&format!("{timestamp}  {operation:<13}  {outcome:<outcomes$}  {source:<sources$}  {rest}")).into_owned()
    };
    calls.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn source(call: &LoggedCall) -> &str {
    call.source.as_deref().unwrap_or_default()
}
