//! Waiting for what happens in another process.

use super::World;
use std::time::{Duration, Instant};

/// How long a test waits for what a fast machine does at once. It is not a limit of the product.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Calls `look` until it returns a value. The test fails if there is no value after [`PATIENCE`].
pub(crate) async fn wait_for<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "timed out after {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The same for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    wait_for(what, || {
        let holds = condition();
        async { holds.await.then_some(()) }
    })
    .await;
}

impl World {
    /// Waits until LiveChat has received this number of calls for a token.
    pub(crate) async fn until_livechat_is_called(&self, times: u64) {
        until("a call for a token", async || self.sandbox.calls().token >= times).await;
    }

    /// Waits until LiveChat has received a call to revoke a token.
    pub(crate) async fn until_livechat_is_told_to_revoke(&self) {
        until("a call to revoke", async || self.sandbox.calls().revoke > 0).await;
    }
}
