//! What a metric can hold: a count or a time. Both change through a shared reference, because the parts of a call share its metrics.
//! A metric that is 0 is not written: most are 0, and each takes room in the line.

use metrique::{
    CloseValue,
    writer::unit::{AsCount, AsMilliseconds},
};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// A number of events.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Counts one event.
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// Counts one event if `condition` holds.
    pub(crate) fn increment_if(&self, condition: bool) {
        self.0.fetch_add(u64::from(condition), Relaxed);
    }

    /// Sets the number to 1, however often the event happens.
    pub(crate) fn set_to_one(&self) {
        self.0.store(1, Relaxed);
    }

    /// The number so far.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl CloseValue for &Count {
    type Closed = Option<AsCount<u64>>;

    fn close(self) -> Self::Closed {
        let count = self.get();
        (count > 0).then(|| count.into())
    }
}

impl CloseValue for Count {
    type Closed = Option<AsCount<u64>>;

    fn close(self) -> Self::Closed {
        (&self).close()
    }
}

/// A sum of durations, in ns. Written in ms, to a tenth.
#[derive(Debug, Default)]
pub(crate) struct TotalTime(AtomicU64);

impl TotalTime {
    /// Adds a duration.
    pub(crate) fn add(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(ns, Relaxed);
    }

    /// Waits for `step`, and adds how long that took.
    pub(crate) async fn measure<T>(&self, step: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let result = step.await;
        self.add(started.elapsed());
        result
    }

    /// The sum so far.
    pub(super) fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }
}

impl CloseValue for &TotalTime {
    type Closed = Option<AsMilliseconds<f64>>;

    fn close(self) -> Self::Closed {
        let time = self.get();
        (!time.is_zero()).then(|| ((time.as_secs_f64() * 10_000.0).round() / 10.0).into())
    }
}

impl CloseValue for TotalTime {
    type Closed = Option<AsMilliseconds<f64>>;

    fn close(self) -> Self::Closed {
        (&self).close()
    }
}

/// A fact about the call. Not a metric.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    /// Records whether the fact holds.
    pub(crate) fn set(&self, holds: bool) {
        self.0.store(holds, Relaxed);
    }

    /// Whether it holds. `false` until it is set.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}
