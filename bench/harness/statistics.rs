//! Medians and percentiles.

use serde::{Deserialize, Serialize};

/// The value that `share` (0 to 1) of the values do not exceed, by the nearest rank. 0 without values.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is a small positive number")]
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// The middle value; of an even number of values, the lower one of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// Three decimals: more would be noise.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A distribution of times in ms.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Times {
    pub(crate) p10: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
}

impl Times {
    pub(crate) fn of(ms: &[f64]) -> Self {
        let at = |share| rounded(percentile(ms, share));
        Self { p10: at(0.1), p50: at(0.5), p90: at(0.9), p99: at(0.99) }
    }
}

/// The median of the ratios of values that were measured in the same round: what slows a whole round down does not change it.
pub(crate) fn median_ratio(values: &[f64], base: &[f64]) -> f64 {
    let ratios: Vec<_> = values.iter().zip(base).map(|(value, base)| value / base).collect();
    rounded(median(&ratios))
}

pub(crate) fn ms(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the values are returned as they are")]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let values: Vec<_> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 50.0);
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile(&values, 1.0), 100.0);
        assert_eq!(percentile(&[7.0], 0.01), 7.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_slow_round_does_not_change_the_ratio() {
        assert_eq!(median_ratio(&[2.0, 20.0, 2.0], &[1.0, 10.0, 1.0]), 2.0);
    }
}
