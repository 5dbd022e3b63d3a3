//! A histogram with fixed limits, and its plot.

use serde::{Serialize, Serializer, ser::SerializeMap};
use std::fmt::Write;

/// The width of the longest bar, in characters.
const WIDTH: u64 = 40;

/// How many values are below each limit and not below the one before.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    buckets: &'static [(&'static str, u64)],
    counts: Vec<u64>,
}

impl Histogram {
    /// A bucket has a name and a limit, which is not in it. The last one should have the limit [`u64::MAX`].
    pub(crate) fn new(buckets: &'static [(&'static str, u64)]) -> Self {
        Self { buckets, counts: vec![0; buckets.len()] }
    }

    /// Counts `value`.
    pub(crate) fn add(&mut self, value: u64) {
        let bucket = self.buckets.iter().position(|(_, limit)| value < *limit).unwrap_or(self.buckets.len() - 1);
        self.counts[bucket] += 1;
    }

    fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.buckets.iter().map(|(name, _)| *name).zip(self.counts.iter().copied())
    }

    /// A line for each bucket, with a bar. Empty if there is nothing to show.
    pub(crate) fn plot(&self, title: &str) -> String {
        let most = self.counts.iter().copied().max().unwrap_or_default();
        if most == 0 {
            return String::new();
        }
        let mut plot = format!("\n{title}\n");
        for (name, count) in self.iter() {
            let _ = writeln!(plot, "{}", format!("  {name:<18}{count:>12}  {}", bar(count, most)).trim_end());
        }
        plot
    }
}

/// A bar of block characters, each of which can show eighths. Whatever is not 0 can be seen.
fn bar(count: u64, most: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(count) * u128::from(WIDTH) * 8 / u128::from(most);
    let eighths = usize::try_from(eighths).unwrap_or_default().max(usize::from(count > 0));
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.counts.len()))?;
        for (name, count) in self.iter() {
            map.serialize_entry(name, &count)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_below_the_next_limit_and_the_longest_bar_is_full() {
        let mut histogram = Histogram::new(&[("a", 10), ("b", 20), ("c", u64::MAX)]);
        assert_eq!(histogram.plot("t"), "");
        for value in [0, 9, 10, 10, 10, 10, u64::MAX] {
            histogram.add(value);
        }
        assert_eq!(histogram.counts, [2, 4, 1]);
        let plot = histogram.plot("t");
        let bars: Vec<_> = plot.lines().skip(2).map(|line| line.chars().filter(|c| *c == '█').count()).collect();
        assert_eq!(bars, [20, 40, 10]);
        assert_eq!(bar(1, 1_000_000), "▏");
    }
}
