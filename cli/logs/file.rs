//! The lines of calls in a file.

use crate::failure::Failure;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use cip::{telemetry::LoggedCall, time::now};
use std::{
    fs::File,
    io::{BufRead, BufReader, stdin},
    path::Path,
    time::Duration,
};

/// The latest calls of `subject`, newest first. Lines that are no calls are left out.
pub(super) fn read(
    file: &Path,
    subject: &str,
    since: Option<Duration>,
    limit: usize,
) -> Result<Vec<LoggedCall>, Failure> {
    let failed = |error: std::io::Error| Failure::Input(format!("{}: {error}", file.display()));
    let lines: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file).map_err(failed)?))
    };
    let mut calls = Vec::new();
    for line in lines.split(b'\n') {
        let line = line.map_err(failed)?;
        let call = LoggedCall::read(&String::from_utf8_lossy(&line));
        calls.extend(call.filter(|call| call.subject.as_deref() == Some(subject)).filter(|call| is_since(call, since)));
    }
    // All times have the same format, so the order of the strings is that of the times.
    calls.sort_by(|a, b| b.timestamp.cmp(&a.timestamp));
    calls.truncate(limit);
    Ok(calls)
}

fn is_since(call: &LoggedCall, since: Option<Duration>) -> bool {
    let Some(since) = since else { return true };
    let at = DateTime::from_str(&call.timestamp, DateTimeFormat::DateTime).ok().and_then(|at| at.to_millis().ok());
    let earliest = now().minus_ms(cip::time::millis(since)).as_u64();
    at.and_then(|at| u64::try_from(at).ok()).is_some_and(|at| at >= earliest)
}
