//! Logs and metrics: one JSON line for each call, which is where CloudWatch takes the metrics from too, and one for each thing
//! that an operator must know.
//!
//! No line ever has a cookie, a token, a credential or a user id in it. The libraries below us log requests and
//! answers at their finer levels, so `RUST_LOG` sets the level of this crate alone; theirs stays at warnings.

mod line;
pub(crate) mod tally;

pub use line::METRICS;
pub(crate) use line::{Finished, write as call};

use crate::{
    error::Error,
    settings::{Lookup, Telemetry},
};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging, at the level that `RUST_LOG` names (`error`, `warn`, `info`, `debug`, `trace`; default `info`). Calls are
/// logged at any level, as their lines are metrics too.
pub fn init() {
    let settings = Telemetry::from_lookup(&Lookup::environment());
    let level = settings.level;
    let levels = Targets::new().with_default(LevelFilter::WARN.min(level)).with_target("cip", level);
    let lines = fmt::layer().json().flatten_event(true).with_target(false).with_current_span(false);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
    line::start(&settings);
}

/// Logs an error that the caller was spared.
pub(crate) fn trouble(error: &Error, what: &str) {
    if error.level() == Level::ERROR {
        tracing::error!(cause = %error, "{what}");
    } else {
        tracing::warn!(cause = %error, "{what}");
    }
}
