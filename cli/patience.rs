//! Requests that DynamoDB throttles, fails or does not respond to are sent again, after longer and longer pauses.

use cip::{
    context::Context,
    renewal::StoreError,
    store::operator::{is_unconnected, may_pass},
    time::Deadline,
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// One try, with the SDK's own repetitions.
const TRY: Duration = Duration::from_secs(10);
/// From the first try to the start of the last one.
const LONGEST: Duration = Duration::from_mins(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The patience of one command with DynamoDB.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    has_responded: AtomicBool,
}

impl Patience {
    /// Sends a request until it succeeds, for a minute at most. An error that another try would not change is returned at once. So is a
    /// missing connection, if there never was one.
    pub(crate) async fn send<T, F>(&self, mut request: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let start = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        loop {
            let error = match request().await {
                Err(error) if may_pass(&error) && start.elapsed() < LONGEST => error,
                result => {
                    self.has_responded.fetch_or(result.is_ok(), Ordering::Relaxed);
                    return result;
                }
            };
            if !is_unconnected(&error) {
                self.has_responded.store(true, Ordering::Relaxed);
            } else if !self.has_responded.load(Ordering::Relaxed) {
                return Err(error);
            }
            // Of random length, so that not all requests come back at the same time.
            sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// A context for one try.
pub(crate) fn context() -> Context {
    Context::new(Deadline::after(TRY))
}
