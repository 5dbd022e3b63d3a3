//! Metrics and log lines of a renewal.

use crate::{
    error::Error,
    renewal::{AttemptError, Note},
    telemetry::CallMetrics,
};
use tracing::Level;

/// Counts one request to LiveChat for a token, and its error if there was one.
pub(in crate::operation) fn count_attempt(error: Option<&AttemptError>, metrics: &CallMetrics) {
    metrics.live_chat_calls.increment();
    // A caller can make up a group. Then LiveChat's refusal says nothing about the site's settings.
    let counts = !metrics.is_unproven_group.is_set();
    match error {
        None | Some(AttemptError::CutShort | AttemptError::IdentityLost) => {}
        Some(AttemptError::Refused { .. }) => metrics.live_chat_rejections.increment_if(counts),
        Some(_) => metrics.live_chat_failures.increment_if(counts),
    }
}

/// Logs and counts what happened.
pub(super) fn note(note: Note, metrics: &CallMetrics) {
    match note {
        Note::Waited => metrics.lease_waits.set_to_one(),
        Note::UnprovenGroup(awaits_first_token) => metrics.is_unproven_group.set(awaits_first_token),
        Note::Renewed => metrics.renewals.increment(),
        Note::IdentityCreated => metrics.identities_made.increment(),
        Note::IdentityAdopted => metrics.identities_adopted.increment(),
        Note::NotRecognised => {
            tracing::warn!("LiveChat did not recognise the customer on record; calling it once more");
        }
        Note::IdentityRecovered => {
            metrics.identities_recovered.increment();
            tracing::warn!("LiveChat found the customer on record only with the other grant");
        }
        Note::IdentityReplaced { on_record } => {
            metrics.identities_changed.increment();
            tracing::error!(on_record, "LiveChat no longer knows a customer: replaced, the former one is on record");
        }
        Note::ChangeRefused => metrics.identities_changed.increment(),
        Note::IdentityExpired { on_record } => {
            metrics.identities_lapsed.increment();
            tracing::warn!(on_record, "a customer's cookies had expired: a new customer, the former one is on record");
        }
        Note::NotRenewed(error) => not_renewed(&error.into()),
    }
}

/// Logs an error that the caller does not see, as it gets the stored token.
fn not_renewed(error: &Error) {
    const WHAT: &str = "not renewed; the stored token is still live";
    if error.level() == Level::ERROR {
        tracing::error!(cause = %error, "{WHAT}");
    } else {
        tracing::warn!(cause = %error, "{WHAT}");
    }
}
