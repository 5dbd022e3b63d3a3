//! How many renewals a user or guest has had in a minute, in all groups together. A caller can name any group, and each group has an
//! own item and its own quota. This limit is for a caller that goes through many groups.
//!
//! One item for each minute, at the principal's `pk` and `sk` = `renewals#<minutes since 1970>`, which DynamoDB deletes a day later
//! (TTL). A process with a wrong clock counts in another minute, which does no harm to others.

use super::{
    Outcome, Store,
    item::{self, Key},
    write::{Write, any, less, more, not_exists, stored},
};
use crate::{
    context::Context,
    identity::{Principal, UnixMs},
    renewal::{GroupCount, StoreError},
};
use std::num::NonZeroU32;

const RENEWALS: &str = "renewals";
const MINUTE_MS: u64 = 60_000;
/// How long the item of a minute is kept, in s.
const KEPT_FOR_S: u64 = 86_400;

impl Store {
    /// Counts one more renewal in the minute of `at`, if there were fewer than `most`. One `UpdateItem`. If a try takes effect and
    /// its response is lost, the renewal counts twice.
    pub async fn count_in_groups(
        &self,
        principal: &Principal,
        at: UnixMs,
        most: NonZeroU32,
        context: &Context,
    ) -> Result<GroupCount, StoreError> {
        Ok(counted(&self.send(minute(principal, at), count(at, most), context).await?, at))
    }

    /// Undoes one [`count_in_groups`](Self::count_in_groups) in the minute of `at`. One `UpdateItem`.
    pub async fn uncount_in_groups(
        &self,
        principal: &Principal,
        at: UnixMs,
        context: &Context,
    ) -> Result<(), StoreError> {
        self.send(minute(principal, at), uncount(), context).await.map(|_| ())
    }
}

fn minute(principal: &Principal, at: UnixMs) -> Key {
    Key { pk: principal.key(), sk: format!("renewals#{}", at.as_u64() / MINUTE_MS) }
}

/// Counts one more renewal at `at`, if there were fewer than `most`.
pub(crate) fn count(at: UnixMs, most: NonZeroU32) -> Write {
    Write::new()
        .set(RENEWALS, stored(RENEWALS).or(0).plus(1))
        .set(item::EXPIRES_AT_S, at.in_seconds().plus_s(KEPT_FOR_S))
        .when(any([not_exists(RENEWALS), less(RENEWALS, u64::from(most.get()))]))
}

/// The result of a write that [`count`] returned for `at`.
pub(crate) fn counted(outcome: &Outcome, at: UnixMs) -> GroupCount {
    match outcome {
        Outcome::Applied(_) => GroupCount::Counted,
        Outcome::Rejected(_) => GroupCount::QuotaSpent { left_ms: MINUTE_MS - at.as_u64() % MINUTE_MS },
    }
}

/// Undoes one [`count`].
pub(crate) fn uncount() -> Write {
    Write::new().set(RENEWALS, stored(RENEWALS).minus(1)).when(more(RENEWALS, 0))
}
