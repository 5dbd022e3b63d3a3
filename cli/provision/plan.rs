//! What a run would do and cost: who has a customer already, by one read for each user.

use super::input::Record;
use crate::{
    failure::Failure,
    patience::{Patience, context},
    prices::{LIVECHAT_CALL, LIVECHAT_FREE_CALLS, READ, WRITE},
    records::skipped::{Reason, Skipped},
    scan::Rate,
};
use cip::{renewal::StoreError, store::Store};
use futures_util::{StreamExt, stream};
use indicatif::{HumanCount, HumanDuration, ProgressBar};
use serde::Serialize;
use std::{num::NonZeroU32, time::Duration};

/// The reads at the same time.
const AT_ONCE: usize = 32;

/// The users of the file, by what is stored.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// With the id of their customer.
    pub(super) existing: Vec<(Record, String)>,
    pub(super) missing: Vec<Record>,
}

/// What it takes to create the missing customers. Prices in US dollars.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Estimate {
    customers: usize,
    /// The least and the most.
    livechat_bill: (f64, f64),
    dynamodb_bill: f64,
    /// With the rate of the command line.
    seconds: u64,
}

impl Plan {
    /// Reads the table. Items that cannot be read are left out.
    ///
    /// # Errors
    /// [`Failure::Service`] if DynamoDB fails for a minute, or refuses.
    pub(super) async fn make(
        records: Vec<Record>,
        store: &Store,
        rate: &Rate,
        bar: &ProgressBar,
    ) -> Result<(Self, Vec<Skipped>), Failure> {
        let patience = Patience::default();
        let read = async |record: Record| {
            rate.wait().await;
            rate.spend(1.0);
            let stored = patience.send(|| async { store.read(&record.subject, &context()).await }).await;
            (record, stored)
        };
        let mut results = std::pin::pin!(stream::iter(records).map(read).buffer_unordered(AT_ONCE));
        let (mut plan, mut skipped) = (Self::default(), Vec::new());
        while let Some((record, stored)) = results.next().await {
            match stored {
                Ok(stored) => match stored.and_then(|stored| stored.identity) {
                    Some(identity) => plan.existing.push((record, identity.entity_id)),
                    None => plan.missing.push(record),
                },
                Err(StoreError::Internal(_)) => skipped.push(record.skip(Reason::MalformedItem)),
                Err(error) => return Err(error.into()),
            }
            bar.inc(1);
        }
        // Reads end in any order.
        plan.missing.sort_unstable_by_key(|record| record.at);
        Ok((plan, skipped))
    }

    /// What creating the missing customers takes at `per_second` calls a second.
    #[expect(clippy::cast_precision_loss, reason = "there are fewer users than 2^52")]
    pub(super) fn estimate(&self, per_second: NonZeroU32) -> Estimate {
        let customers = self.missing.len();
        let groups = self.missing.iter().filter(|record| record.subject.group.is_some()).count();
        let billed = customers.saturating_sub(LIVECHAT_FREE_CALLS);
        let (least, most) = LIVECHAT_CALL;
        // As architecture.md says; one read more is this command's own, and that of the circuit breaker's item counts as one.
        let (writes, reads) = (2 * customers + groups, 3 * customers);
        Estimate {
            customers,
            livechat_bill: (least * billed as f64, most * customers as f64),
            dynamodb_bill: WRITE * writes as f64 + READ * reads as f64,
            seconds: (customers as u64).div_ceil(per_second.get().into()),
        }
    }
}

impl Estimate {
    /// A sentence. The sandbox bills nothing.
    pub(super) fn text(&self, per_second: NonZeroU32, is_sandbox: bool) -> String {
        let Self { customers, livechat_bill: (least, most), dynamodb_bill, seconds } = *self;
        let number = HumanCount(customers as u64);
        let bill = if is_sandbox {
            "which the sandbox does not bill".to_owned()
        } else {
            let [least, most, dynamodb] = [least, cents_up(most), cents_up(dynamodb_bill)];
            format!(
                "billed with about ${least:.2} to ${most:.2} (prices of June 2026: $0.17 to $0.27 for 1,000, after the first 1,000). DynamoDB: \
                 about ${dynamodb:.2}"
            )
        };
        let time = HumanDuration(Duration::from_secs(seconds));
        format!(
            "To create: {number} customers, by {number} calls of LiveChat, {bill}. Time: {time} at least, at {per_second} a second."
        )
    }
}

/// A price in whole cents, rounded up.
fn cents_up(price: f64) -> f64 {
    (price * 100.0).ceil() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_it_costs_and_how_long_it_takes() {
        let estimate =
            Estimate { customers: 9_800, livechat_bill: (1.496, 2.646), dynamodb_bill: 0.015, seconds: 4_900 };
        let rate = NonZeroU32::new(2).expect("not 0");
        let text = estimate.text(rate, false);
        for part in ["9,800 calls", "$1.50 to $2.65", "$0.02", "82 minutes", "2 a second"] {
            assert!(text.contains(part), "{text}, and not {part}");
        }
        assert!(!estimate.text(rate, true).contains('$'));
    }
}
