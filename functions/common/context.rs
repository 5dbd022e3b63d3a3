//! What goes along with a call through all of its steps.

use crate::{telemetry::CallMetrics, time::Deadline};
use std::{sync::Arc, time::Duration};

/// By when a call's step must have ended, and where the call's metrics are counted.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) deadline: Deadline,
    /// Shared by all steps of the call.
    pub(crate) metrics: Arc<CallMetrics>,
}

impl Context {
    /// A call that must have its result by `deadline`. Nothing has been counted yet.
    pub fn new(deadline: Deadline) -> Self {
        Self { deadline, metrics: Arc::default() }
    }

    /// For a step that must end by the same deadline, or in `left` if that is earlier.
    #[must_use]
    pub(crate) fn within(&self, left: Duration) -> Self {
        Self { deadline: self.deadline.within(left), metrics: Arc::clone(&self.metrics) }
    }

    /// For a step that must leave the time `reserve` to the steps after it.
    #[must_use]
    pub(crate) fn minus(&self, reserve: Duration) -> Self {
        Self { deadline: self.deadline.minus(reserve), metrics: Arc::clone(&self.metrics) }
    }

    /// The time until the deadline; zero once it has passed.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.left()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_call_count_together_and_calls_count_apart() {
        let call = Context::new(Deadline::after(Duration::from_secs(2)));
        let step = call.minus(Duration::from_millis(500)).within(Duration::from_secs(1));
        step.metrics.renewals.increment();
        call.metrics.renewals.increment();
        assert_eq!(call.metrics.renewals.get(), 2);
        assert!(step.left() <= Duration::from_secs(1) && call.left() > step.left());
        assert_eq!(Context::new(call.deadline).metrics.renewals.get(), 0);
    }
}
