//! The metrics of the call that is being served, for the code that serves it.
//!
//! They travel with the task that serves the call, as a tracing span would. What is counted outside of a call is ignored.

use super::{CallMetrics, amounts::TotalTime};
use std::sync::Arc;

tokio::task_local! {
    static METRICS: Arc<CallMetrics>;
}

/// Runs `work`, and returns what it counted.
pub(crate) async fn counted<T>(work: impl Future<Output = T>) -> (T, Arc<CallMetrics>) {
    let metrics = Arc::new(CallMetrics::default());
    (METRICS.scope(Arc::clone(&metrics), work).await, metrics)
}

/// Counts something for the call that is being served.
pub(crate) fn count(change: impl FnOnce(&CallMetrics)) {
    let _ = METRICS.try_with(|metrics| change(metrics));
}

/// Counts how long `step` takes.
pub(crate) async fn timed<T>(clock: fn(&CallMetrics) -> &TotalTime, step: impl Future<Output = T>) -> T {
    match METRICS.try_with(Arc::clone) {
        Ok(metrics) => clock(&metrics).measure(step).await,
        Err(_) => step.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn each_call_counts_for_itself() {
        let call = async |renewals| {
            for _ in 0..renewals {
                count(|metrics| metrics.renewals.increment());
                tokio::task::yield_now().await;
            }
            timed(|metrics| &metrics.dynamo_db_time, tokio::time::sleep(Duration::from_millis(2))).await;
        };
        let (((), one), ((), three)) = tokio::join!(counted(call(1)), counted(call(3)));
        assert_eq!((one.renewals.get(), three.renewals.get()), (1, 3));
        assert!(one.dynamo_db_time.get() >= Duration::from_millis(2) && one.live_chat_time.get().is_zero());
    }

    #[test]
    fn counting_outside_of_a_call_does_nothing() {
        count(|_| panic!("there is no call"));
    }
}
