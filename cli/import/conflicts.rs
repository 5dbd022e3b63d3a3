//! Records of one file that contradict each other. None of them is imported: which one is right would be a guess.

use super::input::{Found, Input};
use crate::records::skipped::{Reason, Skipped};
use cip::identity::{Principal, Subject};
use std::collections::{HashMap, HashSet, hash_map::Entry};

/// What remains to be imported, and everything that is skipped.
pub(super) fn remove(input: Input) -> (Vec<Found>, Vec<Skipped>) {
    let Input { found, mut skipped, .. } = input;
    let reasons = reasons(&found);
    let mut kept = Vec::with_capacity(found.len());
    for (found, reason) in found.into_iter().zip(reasons) {
        match reason {
            Some(reason) => skipped.push(found.skip(reason)),
            None => kept.push(found),
        }
    }
    (kept, skipped)
}

fn reasons(found: &[Found]) -> Vec<Option<Reason>> {
    let mut customers: HashMap<&Subject, &str> = HashMap::with_capacity(found.len());
    let mut owners: HashMap<&str, &Principal> = HashMap::with_capacity(found.len());
    let (mut split, mut shared, mut repeated) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (number, Found { subject, identity, .. }) in found.iter().enumerate() {
        let entity_id = identity.entity_id.as_str();
        match customers.entry(subject) {
            Entry::Occupied(known) if *known.get() == entity_id => drop(repeated.insert(number)),
            Entry::Occupied(_) => drop(split.insert(subject)),
            Entry::Vacant(free) => drop(free.insert(entity_id)),
        }
        // One user may have the same customer in several groups.
        if *owners.entry(entity_id).or_insert(&subject.principal) != &subject.principal {
            shared.insert(entity_id);
        }
    }
    let reason = |(number, Found { subject, identity, .. }): (usize, &Found)| {
        if split.contains(subject) {
            Some(Reason::SeveralCustomers)
        } else if shared.contains(identity.entity_id.as_str()) {
            Some(Reason::SharedCustomer)
        } else {
            repeated.contains(&number).then_some(Reason::Repeated)
        }
    };
    found.iter().enumerate().map(reason).collect()
}
