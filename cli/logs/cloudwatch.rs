//! The lines of calls in the stack's log group, by CloudWatch Logs Insights.
//!
//! Insights sorts, and searches a gigabyte in seconds, for half a cent. `FilterLogEvents` costs nothing, but returns the oldest lines
//! first, reads the log one page after the other, and so takes minutes for a busy site.

use crate::{
    failure::Failure,
    output::{note, progress},
    place::Stack,
    refusal::refused,
};
use aws_sdk_cloudwatchlogs::{
    Client,
    operation::get_query_results::GetQueryResultsOutput,
    types::{QueryStatus, ResultField},
};
use cip::{telemetry::LoggedCall, time::now};
use indicatif::HumanBytes;
use std::time::Duration;

/// Which lines.
#[derive(Clone, Copy)]
pub(super) struct Query {
    pub(super) since: Duration,
    pub(super) limit: u16,
}

const PAUSE: Duration = Duration::from_millis(500);

/// The latest calls of `subject`, newest first.
pub(super) async fn read(stack: &Stack, subject: &str, query: Query) -> Result<Vec<LoggedCall>, Failure> {
    let client = Client::new(&stack.config);
    let seconds = |ms: u64| i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    let now = now();
    // The hash has hexadecimal digits only.
    let text = format!("fields @message | filter subject = '{subject}' | sort @timestamp desc | limit {}", query.limit);
    let started = client
        .start_query()
        .log_group_name(stack.output("LogGroup")?)
        .start_time(seconds(now.minus_ms(cip::time::millis(query.since)).as_u64()))
        .end_time(seconds(now.plus_ms(1000).as_u64()))
        .query_string(text)
        .send()
        .await
        .map_err(|error| refused("logs:StartQuery", &error))?;
    let bar = progress(None, "searching the log");
    let results = results(&client, started.query_id().unwrap_or_default()).await;
    bar.finish_and_clear();
    let results = results?;
    if let Some(statistics) = results.statistics() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of bytes, for people")]
        let bytes = HumanBytes(statistics.bytes_scanned() as u64);
        note(&format!("CloudWatch searched {bytes}. It bills searches by size."));
    }
    Ok(results.results().iter().filter_map(|fields| LoggedCall::read(message(fields)?)).collect())
}

async fn results(client: &Client, id: &str) -> Result<GetQueryResultsOutput, Failure> {
    loop {
        let results = client.get_query_results().query_id(id).send().await;
        let results = results.map_err(|error| refused("logs:GetQueryResults", &error))?;
        match results.status() {
            Some(QueryStatus::Complete) => return Ok(results),
            Some(QueryStatus::Scheduled | QueryStatus::Running) => tokio::time::sleep(PAUSE).await,
            other => {
                let status = other.map_or("unknown", QueryStatus::as_str);
                return Err(Failure::Service(format!("The search ended with the status {status}.")));
            }
        }
    }
}

fn message(fields: &[ResultField]) -> Option<&str> {
    fields.iter().find(|field| field.field() == Some("@message"))?.value()
}
