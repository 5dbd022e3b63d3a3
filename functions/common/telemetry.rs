//! Logs and metrics: one JSON line for each call, from which CloudWatch takes the metrics too, and one for each event that an operator
//! must know about.
//!
//! | file | what it holds |
//! |---|---|
//! | `metrics.rs` | the metrics of a call, each listed once |
//! | `amounts.rs` | what a metric can hold: a count or a time |
//! | `line.rs` | the line of a call |
//! | `logged.rs` | reads such a line, for the operator's tool |
//! | `steps.rs` | the steps of a call, at the level `trace` |
//!
//! No line contains a cookie, a token, a credential or a user id. The libraries that we use log requests and responses at their finer
//! levels. So `RUST_LOG` sets the level of this crate alone; theirs stays at warnings.

mod amounts;
mod line;
#[cfg(feature = "operator")]
mod logged;
mod metrics;
pub mod steps;

pub(crate) use line::{Finished, Outcome, Success, write as call, write_update as customer_update};
#[cfg(feature = "operator")]
pub use logged::{LoggedCall, subject_hash};
pub(crate) use metrics::CallMetrics;
pub use metrics::metric_names;

use crate::settings::{Lookup, Telemetry};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, filter::Targets, fmt, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

/// Starts logging, at the level that `RUST_LOG` names (`error`, `warn`, `info`, `debug`, `trace`; default `info`). Calls are
/// logged at any level, as their lines are metrics too.
pub fn init() {
    let settings = Lookup::environment();
    tracing_subscriber::registry().with(events().with_filter(levels(&settings))).init();
    write_calls(&settings);
}

/// Writes each event to stdout, as a line of JSON.
pub fn events<S: Subscriber + for<'s> LookupSpan<'s>>() -> impl Layer<S> {
    fmt::layer().json().flatten_event(true).with_target(false).with_current_span(false)
}

/// The levels at which events are logged.
pub fn levels(settings: &Lookup) -> Targets {
    let level = Telemetry::from_lookup(settings).level;
    Targets::new().with_default(LevelFilter::WARN.min(level)).with_target("cip", level)
}

/// From now on, writes a line to stdout for each call.
pub fn write_calls(settings: &Lookup) {
    line::start(&Telemetry::from_lookup(settings));
}
