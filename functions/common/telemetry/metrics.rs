//! The metrics of a call.

use super::amounts::{Count, Flag, TotalTime};
use metrique::{CloseValue, RootEntry, unit_of_work::metrics, writer::Entry};

/// What one call costs and what it does. Counted where it happens, written with the call's line.
///
/// Each metric is listed only here. Its name is the field's in Pascal case, its unit is the type's; the template's alarms and
/// dashboard know it by that name.
#[metrics(subfield, rename_all = "PascalCase")]
#[derive(Debug, Default)]
pub(crate) struct CallMetrics {
    /// 1 for every call.
    pub(crate) calls: Count,
    /// 1 if the response's status is 500 or more, unless any caller can cause the error.
    pub(crate) errors: Count,
    /// 1 for every other error.
    pub(crate) refusals: Count,
    /// 1 if the call is the first of its process.
    pub(crate) cold_starts: Count,
    /// From the event to the result.
    pub(crate) duration: TotalTime,
    /// Time spent waiting for DynamoDB, retries included. Requests that run at the same time each count in full.
    pub(crate) dynamo_db_time: TotalTime,
    /// Time spent waiting for LiveChat, from connecting to the last byte of the response.
    pub(crate) live_chat_time: TotalTime,
    /// Requests to LiveChat.
    pub(crate) live_chat_calls: Count,
    /// Requests without a usable response, unless our deadline cut them short or they were for a group that may be made up.
    pub(crate) live_chat_failures: Count,
    /// Requests that LiveChat refused, unless they were for a group that may be made up.
    pub(crate) live_chat_rejections: Count,
    /// 1 if there was no renewal because AWS KMS refused to encrypt or decrypt cookies, also if it did so a moment ago.
    pub(crate) kms_refusals: Count,
    /// Tokens that LiveChat issued and that are stored.
    pub(crate) renewals: Count,
    /// Subjects who had no customer and for whom one was created.
    pub(crate) identities_made: Count,
    /// Users who took over a guest's customer.
    pub(crate) identities_adopted: Count,
    /// Subjects whose customer LiveChat did not recognise, in two calls.
    pub(crate) identities_changed: Count,
    /// Subjects for whom a customer was created because their cookies had expired.
    pub(crate) identities_lapsed: Count,
    /// Subjects whose customer LiveChat found only with the other of the two grants.
    pub(crate) identities_recovered: Count,
    /// Agent tokens that LiveChat issued.
    pub(crate) agent_tokens_refreshed: Count,
    /// Failures to get an agent token, or one that LiveChat accepts.
    pub(crate) agent_token_failures: Count,
    /// Updates of a customer's details that LiveChat has accepted. Not among the requests above: they are sent after the call.
    pub(crate) customer_updates: Count,
    /// Updates of a customer's details that failed.
    pub(crate) customer_update_failures: Count,
    /// 1 if the call waited for another one's renewal.
    pub(crate) lease_waits: Count,
    /// The call named a group that may be made up, so LiveChat's response says nothing about LiveChat or the site.
    #[metrics(ignore)]
    pub(crate) is_unproven_group: Flag,
}

/// The names of all metrics, as CloudWatch knows them.
pub fn metric_names() -> Vec<&'static str> {
    let metrics = RootEntry::new(CallMetrics::default().close());
    let mut names = Vec::new();
    for part in metrics.descriptors().into_available().into_iter().flatten() {
        names.extend(part.fields().map(|field| field.base_name()));
    }
    names
}
