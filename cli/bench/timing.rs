//! What the calls of one operation took.

use super::caller::Call;
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// The calls of one operation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Timing {
    pub(super) operation: &'static str,
    pub(super) calls: usize,
    pub(super) errors: BTreeMap<String, u64>,
    /// Calls for which LiveChat issued a token.
    pub(super) livechat_calls: usize,
    /// The first call: with a cold start if no instance was running, and, for the first operation, with the connection.
    pub(super) first_ms: f64,
    /// Of the calls after the first.
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) max_ms: Option<f64>,
}

impl Timing {
    pub(super) fn of(operation: &'static str, first: &Call, later: &[Call]) -> Self {
        let mut times: Vec<_> = later.iter().map(|call| call.took).collect();
        times.sort_unstable();
        let first_ms = in_ms(first.took);
        let all = || later.iter().chain([first]);
        let mut errors = BTreeMap::new();
        for error in all().filter_map(|call| call.outcome.as_ref().err()) {
            *errors.entry(error.clone()).or_default() += 1;
        }
        Self {
            operation,
            calls: all().count(),
            errors,
            livechat_calls: all().filter(|call| call.called_livechat).count(),
            first_ms,
            p50_ms: percentile(&times, 50),
            p99_ms: percentile(&times, 99),
            max_ms: times.last().copied().map(in_ms),
        }
    }
}

/// The nearest rank: the shortest time that this share of the calls did not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().map(in_ms)
}

fn in_ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_at_the_nearest_rank() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!((percentile(&times, 50), percentile(&times, 99)), (Some(100.0), Some(198.0)));
        assert_eq!((percentile(&times[..1], 50), percentile(&times[..3], 99)), (Some(1.0), Some(3.0)));
        assert_eq!(percentile(&[], 50), None);
    }
}
