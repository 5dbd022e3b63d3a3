//! `RUST_LOG`, `METRICS_NAMESPACE`, `SUBJECT_KEY`, `RELEASE`: logs and metrics.

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
    /// `RELEASE`: which release is running, for the line of a call. This package's version by default. The template adds the number of
    /// the deployment's attempt.
    pub(crate) release: String,
}

impl Telemetry {
    pub(crate) fn from_lookup(lookup: &Lookup) -> Self {
        let level = lookup.optional("RUST_LOG").and_then(|level| level.parse().ok());
        Self {
            level: level.unwrap_or(LevelFilter::INFO),
            namespace: lookup.optional("METRICS_NAMESPACE").unwrap_or_else(|| "livechat-cip".into()),
            subject_key: subject_key(lookup),
            release: lookup.optional("RELEASE").unwrap_or_else(|| env!("CARGO_PKG_VERSION").into()),
        }
    }
}

/// `SUBJECT_KEY`.
pub(super) fn subject_key(lookup: &Lookup) -> Option<SecretString> {
    lookup.optional("SUBJECT_KEY").map(SecretString::from)
}
