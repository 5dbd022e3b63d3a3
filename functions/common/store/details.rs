//! The updates of the details that agents see of a customer.

use super::{
    Outcome, Store, item,
    write::{Write, all, any, between, equals, member, not, not_equals},
};
use crate::{
    context::Context,
    identity::{DetailsUpdate, Subject, UnixMs},
    renewal::StoreError,
    time::now,
};

impl Store {
    /// Claims an update: of all calls that want to send it, one may. Returns whether this one may. None may if the subject has another
    /// customer by now. One `UpdateItem`.
    pub(crate) async fn claim_details(
        &self,
        subject: &Subject,
        update: &DetailsUpdate,
        context: &Context,
    ) -> Result<bool, StoreError> {
        let outcome = self.send(item::key(subject), claim(update, now()), context).await?;
        Ok(matches!(outcome, Outcome::Applied(_)))
    }

    /// Records that a claimed update need not be repeated. One `UpdateItem`, without effect after a later claim.
    pub(crate) async fn settle_details(
        &self,
        subject: &Subject,
        update: &DetailsUpdate,
        context: &Context,
    ) -> Result<(), StoreError> {
        self.send(item::key(subject), settle(update), context).await.map(|_| ())
    }
}

/// Claims `update` at `now`, if it is due: see [`DetailsUpdate::due`].
pub(crate) fn claim(update: &DetailsUpdate, now: UnixMs) -> Write {
    let stored = |name| member(item::DETAILS, name);
    let waits = between(stored(item::AGAIN_MS), now.plus_ms(1)..=now.plus_ms(DetailsUpdate::LONGEST_PAUSE_MS));
    let is_settled = all([equals(stored(item::HASH), update.hash.as_str()), equals(stored(item::FAILURES), 0)]);
    item::next_version()
        .set(item::DETAILS, item::of_details(update))
        .when(equals(item::ENTITY_ID, update.entity_id.as_str()))
        .when(any([not_equals(stored(item::ENTITY_ID), update.entity_id.as_str()), not(any([waits, is_settled]))]))
}

/// Ends the failures of the claimed `update`.
pub(crate) fn settle(update: &DetailsUpdate) -> Write {
    let stored = |name| member(item::DETAILS, name);
    item::next_version()
        .set(stored(item::FAILURES), 0)
        .when(equals(stored(item::HASH), update.hash.as_str()))
        .when(equals(stored(item::AGAIN_MS), update.again))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::write::in_memory;
    use aws_sdk_dynamodb::types::AttributeValue;

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    fn first() -> DetailsUpdate {
        DetailsUpdate::due(None, "e1", "a".into(), NOW).expect("it is due")
    }

    fn item(entity_id: &str, latest: Option<&DetailsUpdate>) -> item::Item {
        let mut attributes = vec![
            (item::VERSION, AttributeValue::N("1".into())),
            (item::ENTITY_ID, AttributeValue::S(entity_id.into())),
            (item::COOKIES_LAPSE_AT_S, AttributeValue::N("1".into())),
        ];
        attributes.extend(latest.map(|latest| (item::DETAILS, item::of_details(latest))));
        item::Item::new(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn is_claimed(update: &DetailsUpdate, stored: &mut Option<item::Item>) -> bool {
        matches!(in_memory::run(&claim(update, NOW), stored), Outcome::Applied(_))
    }

    /// All that can be stored, around the limits of what counts.
    fn stored() -> impl Iterator<Item = Option<DetailsUpdate>> {
        let times = [NOW, NOW.plus_ms(1), NOW.plus_ms(86_400_000), NOW.plus_ms(86_400_001)];
        let all = (0..2 * 2 * 2 * 4).map(move |number: usize| {
            let entity_id = ["e1", "e2"][number % 2];
            let hash = ["a", "b"][number / 2 % 2].into();
            let again = times[number / 8];
            Some(DetailsUpdate { entity_id: entity_id.into(), hash, again, failures: [0, 3][number / 4 % 2] })
        });
        all.chain([None])
    }

    #[test]
    fn an_update_is_claimed_exactly_when_it_is_due_and_by_one_call() {
        let mut claimed = 0;
        for latest in stored() {
            let due = DetailsUpdate::due(latest.as_ref(), "e1", "a".into(), NOW);
            let mut item = Some(item("e1", latest.as_ref()));
            let update = due.clone().unwrap_or_else(first);
            assert_eq!(is_claimed(&update, &mut item), due.is_some(), "{latest:?}");
            assert!(!is_claimed(&update, &mut item), "{latest:?}");
            claimed += u32::from(due.is_some());
        }
        assert!(claimed > 5);
    }

    #[test]
    fn an_update_of_a_customer_who_was_replaced_is_not_claimed() {
        let update = first();
        assert!(!is_claimed(&update, &mut Some(item("e2", None))));
        assert!(!is_claimed(&update, &mut None), "and no item is created");
    }

    #[test]
    fn only_the_latest_claim_is_settled() {
        let update = first();
        let other = DetailsUpdate { again: update.again.plus_ms(1), ..update.clone() };
        for (latest, failures) in [(update.clone(), 0), (other, 1)] {
            let mut item = Some(item("e1", Some(&latest)));
            in_memory::run(&settle(&update), &mut item);
            let record = item.expect("an item").into_record();
            let details = record.expect("a record").details.expect("an update");
            assert_eq!(details.failures, failures);
        }
    }
}
