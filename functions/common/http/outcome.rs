//! What the log line of a call says about its result.

use super::{problem::Problem, response::cache_status};
use crate::{
    error::Error,
    operation::Reply,
    renewal,
    telemetry::{CallMetrics, Outcome, Success},
};
use tracing::Level;

/// The outcome of a call with this result.
pub(super) fn of(result: &Result<Reply, Error>, metrics: &CallMetrics) -> Outcome {
    match result {
        Ok(reply) => Outcome {
            code: "ok",
            success: Success::Succeeded,
            level: Level::INFO,
            source: reply.source().map(cache_status),
            cause: None,
        },
        Err(error) => {
            let Problem { status, code, .. } = Problem::of(error);
            let is_failure = status.is_server_error() && !is_caused_by_caller(error, metrics);
            let success = if is_failure { Success::Failed } else { Success::Refused };
            Outcome { code, success, level: error.level(), source: None, cause: Some(error.to_string()) }
        }
    }
}

/// Whether any caller can cause this error, even if it has the status of a server error. A caller can make up a group or log out, and
/// must not trigger the site's alarms, which stop its deployments.
fn is_caused_by_caller(error: &Error, metrics: &CallMetrics) -> bool {
    match error {
        Error::Renewal(renewal::Error::LoggedOut) => true,
        Error::Renewal(renewal::Error::LiveChatUnavailable(_) | renewal::Error::LiveChatNotCalled(_)) => {
            metrics.is_unproven_group.is_set()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn success(result: &Result<Reply, Error>, is_unproven_group: bool) -> Success {
        let metrics = CallMetrics::default();
        metrics.is_unproven_group.set(is_unproven_group);
        of(result, &metrics).success
    }

    #[test]
    fn an_error_that_any_caller_can_cause_triggers_no_alarm() {
        let unavailable = || Err(renewal::Error::LiveChatUnavailable("status 503".into()).into());
        assert_eq!(success(&unavailable(), false), Success::Failed);
        assert_eq!(success(&unavailable(), true), Success::Refused);
        assert_eq!(success(&Err(renewal::Error::LoggedOut.into()), false), Success::Refused);
        assert_eq!(success(&Err(renewal::Error::Busy.into()), true), Success::Failed);
        assert_eq!(success(&Err(Error::NotFound), false), Success::Refused);
        assert_eq!(success(&Ok(Reply::Invalidated), false), Success::Succeeded);
    }
}
