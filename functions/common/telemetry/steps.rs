//! The steps of a call: each request to the table or LiveChat, and its result. Each step is two events, at the level `trace`.
//! `cargo local` draws them. In a function's log, `RUST_LOG=trace` shows them.

use crate::{identity::LeaseSeq, renewal::StoreError};
use std::borrow::Cow;
use tracing::Level;

/// The target of the events. Their fields: `step` is the step's name and `phase` is `begin` or `end`. At the end, `result` says what came
/// of it, and `lease` is the number of the lease that it was about, if there is one.
pub const TARGET: &str = "cip::steps";

/// What came of a step.
pub(crate) struct StepResult {
    what: Cow<'static, str>,
    lease: Option<LeaseSeq>,
}

impl StepResult {
    /// About this lease.
    pub(crate) fn with_lease(self, lease: LeaseSeq) -> Self {
        Self { lease: Some(lease), ..self }
    }
}

impl<T: Into<Cow<'static, str>>> From<T> for StepResult {
    fn from(what: T) -> Self {
        Self { what: what.into(), lease: None }
    }
}

/// A step begins.
pub(crate) fn begin(step: &str) {
    tracing::trace!(target: TARGET, step, phase = "begin");
}

/// A step ends. `result` is called only if the event is enabled.
pub(crate) fn end(step: &str, result: impl FnOnce() -> StepResult) {
    if tracing::enabled!(target: TARGET, Level::TRACE) {
        let StepResult { what, lease } = result();
        tracing::trace!(target: TARGET, step, phase = "end", result = &*what, lease = lease.map(LeaseSeq::as_u64));
    }
}

/// Sends a request to the table as a step.
pub(crate) async fn store<T>(
    step: &str,
    request: impl Future<Output = Result<T, StoreError>>,
    result: impl FnOnce(&T) -> &'static str,
) -> Result<T, StoreError> {
    begin(step);
    let response = request.await;
    end(step, || response.as_ref().map_or("failed", result).into());
    response
}
