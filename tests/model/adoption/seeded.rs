//! Faults that are built into adoption, to see that the properties notice them: each test first explores adoption as it is,
//! and then with the fault, and prints the shortest way to what the fault breaks.

use super::{properties::*, state::*};
use crate::{Explored, explore, shortest};
use Operation::{GetFreshToken, GetToken};
use Who::User1;

/// The fault breaks the property.
fn breaks(broken: Broken, property: &'static str, adoption: &Adoption) {
    explore(&format!("before {broken:?}"), adoption, 2);
    let adoption = Adoption { broken: Some(broken), ..adoption.clone() };
    let path = shortest(&adoption, property);
    println!("{broken:?} breaks \"{property}\":\n{}", adoption.in_words(path));
}

/// A guest who has a customer and no token, and these calls.
fn calm(calls: &[Call]) -> Adoption {
    Adoption::of(vec![calls.to_vec()], &[Stored::NoToken])
}

/// The guest renews while the user logs in.
fn meet() -> Adoption {
    calm(&[Call::guest(GetFreshToken), Call::adopts(User1, GetToken)])
}

/// The user calls from elsewhere, too.
fn twice() -> Adoption {
    calm(&[Call::user(User1, GetToken), Call::adopts(User1, GetToken)])
}

#[test]
fn a_guest_who_may_have_changed() {
    breaks(Broken::NoVersion, STAYS_KNOWN, &Adoption { secrets: Secrets::Strict, ..meet() });
}

#[test]
fn a_guest_who_is_not_waited_for() {
    breaks(Broken::GuestsLeaseIgnored, STAYS_KNOWN, &Adoption { secrets: Secrets::Strict, ..meet() });
}

#[test]
fn a_user_whose_lease_is_anothers() {
    let faults = Faults { lapses: 1, ..Faults::default() };
    breaks(Broken::NoFence, NOTHING_LOST, &Adoption { faults, ..twice() });
    breaks(Broken::NothingAskedOfUser, ONE_CUSTOMER, &Adoption { faults, ..twice() });
}

#[test]
fn a_guest_who_is_not_marked() {
    breaks(Broken::Unmarked, GUEST_NO_MORE, &meet());
}

#[test]
fn an_adopted_guest_who_may_renew() {
    breaks(Broken::AdoptedTakesLease, GUEST_NO_MORE, &meet());
}

/// Who was presumed dead wakes up and stores what it got.
#[test]
fn a_guests_lease_that_is_left_behind() {
    let faults = Faults { lapses: 1, ..Faults::default() };
    breaks(Broken::LeaseLeftBehind, ONE_OWNER, &Adoption { faults, ..meet() });
    breaks(Broken::LeaseLeftBehind, NOBODY_ELSES, &Adoption { faults, ..meet() });
}

/// The caller dies in between.
#[test]
fn two_writes() {
    let faults = Faults { crashes: 1, ..Faults::default() };
    let adopts = Call::adopts(User1, GetToken);
    let adoption = Adoption { faults, ..calm(&[Call::guest(GetToken), adopts, adopts]) };
    breaks(Broken::TwoWrites, ONE_OWNER, &adoption);
    breaks(Broken::TwoWrites, NOBODY_ELSES, &adoption);
}

/// A first copy of the transaction arrives after the second one was refused.
#[test]
fn an_adoption_of_ones_own_that_is_overlooked() {
    let faults = Faults { conflicts: 1, late_moves: 1, ..Faults::default() };
    let adoption = Adoption { faults, ..calm(&[Call::adopts(User1, GetToken)]) };
    breaks(Broken::OwnLateCopyOverlooked, NOTHING_LOST, &adoption);
}
