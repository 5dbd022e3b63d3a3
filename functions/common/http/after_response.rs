//! What a function does when its caller has the response. Lambda gives the caller the response as soon as it is posted, and the function's time
//! ends when it asks for the next event (*Building a custom runtime for AWS Lambda* in Lambda's developer guide).

use crate::{
    operation::{CustomerUpdate, Sent},
    telemetry::{self, CallMetrics, Finished, Outcome, Success},
    time::Deadline,
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tracing::Level;

/// Work that remains when the caller has the response. It ends before the invocation's deadline, and never fails.
pub struct Remaining(BoxFuture<'static, ()>);

impl Remaining {
    /// Does the work.
    pub async fn run(self) {
        // A bug must not end the process, which has served its caller.
        if AssertUnwindSafe(self.0).catch_unwind().await.is_err() {
            tracing::error!("panic after a response; its message is in the log before this line");
        }
    }

    /// Sends an update of a customer's details, and writes a line about it.
    pub(super) fn of(update: CustomerUpdate, request_id: String, deadline: Deadline) -> Self {
        Self(Box::pin(async move {
            let started = Instant::now();
            let principal = update.subject().principal.clone();
            let metrics = CallMetrics::default();
            let outcome = match update.send(deadline).await {
                Sent::Not => return,
                Sent::Accepted => {
                    metrics.customer_updates.increment();
                    Outcome { code: "ok", success: Success::Succeeded, level: Level::INFO, source: None, cause: None }
                }
                Sent::Failed(cause) => {
                    metrics.customer_update_failures.increment();
                    let (code, level) = ("failed", Level::WARN);
                    Outcome { code, success: Success::Failed, level, source: None, cause: Some(cause) }
                }
            };
            telemetry::customer_update(Finished {
                operation: "updateCustomer",
                request_id: &request_id,
                principal: Some(&principal),
                took: started.elapsed(),
                outcome,
                metrics: &metrics,
            });
        }))
    }
}

impl fmt::Debug for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remaining(…)")
    }
}

/// The work that remains of the latest call, until its response is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct AfterResponse(Arc<Mutex<Option<Remaining>>>);

impl AfterResponse {
    pub(super) fn put(&self, work: Option<Remaining>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = work;
    }

    /// Does the work, if there is any.
    pub(super) async fn run(self) {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work {
            work.run().await;
        }
    }
}
