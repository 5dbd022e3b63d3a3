//! Requests to DynamoDB that are tried again while it throttles, fails or is too slow.

use cip::{context::Context, renewal::StoreError, store::operator::may_pass, time::Deadline};
use std::time::Duration;
use tokio::time::sleep;

/// One try, with the SDK's own repetitions.
const TRY: Duration = Duration::from_secs(10);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// About a minute.
const TRIES: usize = 16;

/// A context for one try.
pub(crate) fn context() -> Context {
    Context::new(Deadline::after(TRY))
}

/// Tries a request again after longer and longer pauses, of random length so that not all requests come back at the same time.
pub(crate) async fn for_a_minute<T, F>(mut request: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = SHORTEST_PAUSE;
    for _ in 1..TRIES {
        match request().await {
            Err(error) if may_pass(&error) => sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await,
            result => return result,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    request().await
}
