//! What `cargo local` writes while it runs: for people, or as the functions write it on AWS.

use crate::calls::Steps;
use cip::settings::Lookup;
use std::io::stdout;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One short line for each call.
    Text,
    /// The lines that the functions write on AWS: JSON, with the metrics.
    Json,
}

/// Starts logging, with the settings for logs. The lines of calls in [`Format::Text`] are those of [`Calls`](crate::calls::Calls).
pub fn start(format: Format, settings: &Lookup) {
    let all = tracing_subscriber::registry().with(Steps::layer());
    match format {
        Format::Json => {
            all.with(cip::telemetry::events().with_filter(levels(settings))).init();
            cip::telemetry::write_calls(settings);
        }
        Format::Text => {
            let is_coloured = anstream::AutoStream::choice(&stdout()) != anstream::ColorChoice::Never;
            let lines = fmt::layer().compact().without_time().with_target(false).with_ansi(is_coloured);
            all.with(lines.with_filter(levels(settings))).init();
        }
    }
}

/// The embedded database warns of each condition that does not hold. For the functions, that is a normal result.
fn levels(settings: &Lookup) -> Targets {
    cip::telemetry::levels(settings).with_target("dynoxide", LevelFilter::ERROR)
}
