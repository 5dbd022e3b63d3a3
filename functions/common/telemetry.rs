//! Logs: one JSON line for each call, and one for each thing that an operator must know.
//!
//! No line ever has a cookie, a token, a credential or a user id in it. The libraries below us log requests and
//! answers at their finer levels, so `RUST_LOG` sets the level of this crate alone; theirs stays at warnings.

use crate::{
    error::Error,
    operation::{Operation, Reply},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging, at the level that `RUST_LOG` names (`error`, `warn`, `info`, `debug`, `trace`; default `info`).
pub fn init() {
    let ours = std::env::var("RUST_LOG").ok().and_then(|level| level.trim().parse().ok()).unwrap_or(LevelFilter::INFO);
    let levels = Targets::new().with_default(LevelFilter::WARN.min(ours)).with_target("cip", ours);
    // CloudWatch stamps each line itself.
    let lines = fmt::layer().json().flatten_event(true).with_target(false).with_current_span(false).without_time();
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
}

/// Logs one call.
pub(crate) fn call(operation: Operation, request_id: &str, took: Duration, result: &Result<Reply, Error>) {
    static WARM: AtomicBool = AtomicBool::new(false);
    let cold_start = !WARM.swap(true, Ordering::Relaxed);
    let operation = operation.name();
    let duration_ms = (took.as_secs_f64() * 10_000.0).round() / 10.0;
    macro_rules! line {
        ($level:expr, $outcome:expr, $($fields:tt)*) => {
            tracing::event!($level, operation, request_id, outcome = $outcome, $($fields)* duration_ms, cold_start, "call")
        };
    }
    match result {
        Ok(reply) => line!(Level::INFO, "ok", source = reply.source().map(tracing::field::display),),
        Err(error) => {
            let (outcome, cause) = (error.code(), tracing::field::display(error));
            match error.level() {
                Level::ERROR => line!(Level::ERROR, outcome, cause,),
                Level::WARN => line!(Level::WARN, outcome, cause,),
                Level::INFO => line!(Level::INFO, outcome, cause,),
                _ => line!(Level::DEBUG, outcome, cause,),
            }
        }
    }
}

/// Logs an error that the caller was spared.
pub(crate) fn trouble(error: &Error, what: &str) {
    if error.level() == Level::ERROR {
        tracing::error!(cause = %error, "{what}");
    } else {
        tracing::warn!(cause = %error, "{what}");
    }
}
