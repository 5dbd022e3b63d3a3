//! `RUST_LOG`, `METRICS_NAMESPACE`, `SUBJECT_KEY`: logs and metrics.

use super::Lookup;
use secrecy::SecretString;
use tracing::level_filters::LevelFilter;

/// What is logged, and under which names.
#[derive(Clone, Debug)]
pub(crate) struct Telemetry {
    /// `RUST_LOG`: `error`, `warn`, `info` (the default), `debug` or `trace`. Anything else counts as the default, as other programs
    /// give the variable other formats.
    pub(crate) level: LevelFilter,
    /// `METRICS_NAMESPACE`: the namespace of the metrics in CloudWatch. `livechat-cip` by default.
    pub(crate) namespace: String,
    /// `SUBJECT_KEY`: the key of the hash that stands for a user in the line of a call. Without it, lines have no such hash.
    pub(crate) subject_key: Option<SecretString>,
}

impl Telemetry {
    pub(crate) fn from_lookup(lookup: &Lookup) -> Self {
        let level = lookup.optional("RUST_LOG").and_then(|level| level.parse().ok());
        Self {
            level: level.unwrap_or(LevelFilter::INFO),
            namespace: lookup.optional("METRICS_NAMESPACE").unwrap_or_else(|| "livechat-cip".into()),
            subject_key: lookup.optional("SUBJECT_KEY").map(SecretString::from),
        }
    }
}
