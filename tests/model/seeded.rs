//! Faults that are built into the protocol, to see that the properties notice them: each test first explores the protocol as
//! it is, and then with the fault, and prints the shortest way to what the fault breaks.

use super::{
    explore,
    properties::*,
    shortest,
    state::{Call, Clocks, Faults, Life, Operation, Protocol, Secrets, Stored},
    table::Who::User1,
    tamper::Tamper,
    words,
};
use Operation::{GetFreshToken, GetToken, Invalidate, Logout};
use std::time::Duration;

/// The fault breaks the property.
fn breaks(tamper: Tamper, property: &'static str, protocol: &Protocol) {
    explore(&format!("before {tamper:?}"), protocol, 2);
    let protocol = Protocol { tamper: Some(tamper), ..protocol.clone() };
    let path = shortest(&protocol, property);
    println!("{tamper:?} breaks \"{property}\":\n{}", words::of(&protocol, path));
}

fn calm(calls: &[Operation], stored: Stored) -> Protocol {
    Protocol::of(vec![calls.to_vec()], &[stored])
}

/// With a LiveChat that kills secrets, clocks that are as far apart as they may be, and a tick of a second.
fn timed(calls: &[Operation]) -> Protocol {
    let clocks = Clocks::Timed { tick: Duration::from_secs(1), ahead: vec![0, 2] };
    Protocol { secrets: Secrets::Strict, clocks, ..calm(calls, Stored::NoToken) }
}

#[test]
fn no_fence() {
    let faults = Faults { lapses: 1, ..Faults::default() };
    breaks(Tamper::NoFence, ONE_IDENTITY, &Protocol { faults, ..calm(&[GetToken; 2], Stored::Nothing) });
}

#[test]
fn a_fence_without_the_number() {
    let faults = Faults { lapses: 1, late_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetFreshToken; 2], Stored::Nothing) };
    breaks(Tamper::FenceWithoutNumber, ONE_IDENTITY, &protocol);
}

#[test]
fn a_fence_without_the_lease() {
    let faults = Faults { lost_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetToken, GetFreshToken, Invalidate], Stored::NoToken) };
    breaks(Tamper::FenceWithoutLease, INVALIDATED_MEANS_GONE, &protocol);
}

#[test]
fn reads_that_are_not_strongly_consistent() {
    let usable = Stored::Token(Life::Usable);
    breaks(Tamper::EventuallyConsistentReads, NEVER_OLDER, &calm(&[GetToken, GetFreshToken], usable));
    breaks(Tamper::EventuallyConsistentReads, INVALIDATED_MEANS_GONE, &calm(&[GetToken, Invalidate], usable));
}

#[test]
fn a_lease_that_is_taken_though_it_is_held() {
    breaks(Tamper::NoLeaseCondition, ONE_REQUEST_AT_A_TIME, &timed(&[GetToken; 2]));
    breaks(Tamper::NoLeaseCondition, CALLS_SHARE, &calm(&[GetToken; 2], Stored::NoToken));
}

#[test]
fn a_lease_that_is_taken_though_there_is_a_token() {
    breaks(Tamper::NoTokenCondition, CALLS_SHARE, &calm(&[GetToken; 2], Stored::NoToken));
}

#[test]
fn a_late_holder_that_ends_the_lease_of_another() {
    breaks(Tamper::ReleaseOfAnyLease, ONE_REQUEST_AT_A_TIME, &timed(&[GetFreshToken; 3]));
}

#[test]
fn an_owner_that_is_forgotten_when_the_lease_ends() {
    let faults = Faults { late_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetFreshToken], Stored::NoToken) };
    breaks(Tamper::OwnerForgottenAtRelease, NO_STRAY_LEASE, &protocol);
}

#[test]
fn a_lease_of_ones_own_that_is_not_recognised() {
    let faults = Faults { lost_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetFreshToken], Stored::NoToken) };
    breaks(Tamper::OwnLeaseNotRecognised, NO_STRAY_LEASE, &protocol);
}

#[test]
fn a_result_of_ones_own_that_is_not_recognised() {
    let faults = Faults { lost_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetFreshToken], Stored::NoToken) };
    breaks(Tamper::OwnResultNotRecognised, CALLS_SHARE, &protocol);
}

#[test]
fn a_fresh_token_from_the_call_under_way() {
    let protocol = calm(&[GetFreshToken; 2], Stored::Token(Life::Usable));
    breaks(Tamper::FreshTakesTheCallUnderWay, FRESH_MEANS_FRESH, &protocol);
}

#[test]
fn a_failure_of_another_time() {
    let faults = Faults { downs: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetFreshToken; 2], Stored::NoToken) };
    breaks(Tamper::AnyFailureCounts, FAILURES_OF_ONES_TIME, &protocol);
}

#[test]
fn a_failure_that_nobody_shares() {
    let faults = Faults { downs: 2, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetToken; 2], Stored::NoToken) };
    breaks(Tamper::NoFailureCounts, FAILURES_ARE_SHARED, &protocol);
}

#[test]
fn a_stale_token_that_serves() {
    breaks(Tamper::StaleTokenServes, STALE_IS_RENEWED, &calm(&[GetToken], Stored::Token(Life::Stale)));
}

#[test]
fn a_dead_token_that_is_not_passed_over() {
    let faults = Faults { dead_tokens: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetToken; 2], Stored::NoToken) };
    breaks(Tamper::NoPassingOver, EVERY_CALL_ENDS, &protocol);
}

#[test]
fn a_token_that_is_answered_before_it_is_stored() {
    breaks(Tamper::AnsweredBeforeStored, NOTHING_LOST, &calm(&[GetToken], Stored::Nothing));
}

#[test]
fn a_secret_that_is_not_stored() {
    let protocol = Protocol { secrets: Secrets::Strict, ..calm(&[GetFreshToken; 2], Stored::NoToken) };
    breaks(Tamper::NewSecretNotStored, ONE_IDENTITY, &protocol);
}

#[test]
fn an_invalidate_that_forgets_the_customer() {
    let protocol = calm(&[GetToken, Invalidate], Stored::Token(Life::Usable));
    breaks(Tamper::InvalidateForgetsTheCustomer, ONE_IDENTITY, &protocol);
}

#[test]
fn a_new_customer_that_is_asked_for_again() {
    let faults = Faults { lost_answers: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetToken], Stored::Nothing) };
    breaks(Tamper::RetriesNewCustomer, NEW_CUSTOMER_ONCE, &protocol);
}

#[test]
fn another_customer_that_is_believed_at_once() {
    let faults = Faults { glitches: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetToken], Stored::NoToken) };
    breaks(Tamper::OtherCustomerTakenAtOnce, ONE_IDENTITY, &protocol);
}

#[test]
fn a_holder_that_does_not_watch_its_lease() {
    breaks(Tamper::LeaseNotWatched, ONE_IDENTITY, &timed(&[GetFreshToken; 2]));
    breaks(Tamper::LeaseNotWatched, ONE_REQUEST_AT_A_TIME, &timed(&[GetFreshToken; 2]));
}

#[test]
fn a_holder_that_takes_its_clock_for_everybodys() {
    breaks(Tamper::SkewIgnored, ONE_IDENTITY, &timed(&[GetFreshToken; 2]));
}

#[test]
fn a_list_of_the_latest_token_alone() {
    let protocol = calm(&[GetFreshToken, Logout], Stored::Token(Life::Usable));
    breaks(Tamper::OnlyTheLatestIsListed, NO_TOKEN_FORGOTTEN, &protocol);
    breaks(Tamper::OnlyTheLatestIsListed, TOLD_MEANS_REVOKED, &protocol);
}

#[test]
fn tokens_that_are_forgotten_before_livechat_is_told() {
    let protocol = calm(&[GetToken, Logout], Stored::Token(Life::Usable));
    breaks(Tamper::ForgottenBeforeRevoked, NO_TOKEN_FORGOTTEN, &protocol);
}

#[test]
fn a_logout_that_overlooks_the_renewal_under_way() {
    let protocol = calm(&[GetFreshToken, Logout], Stored::NoToken);
    breaks(Tamper::LogoutOverlooksTheRenewal, LOGGED_OUT_MEANS_OVER, &protocol);
}

#[test]
fn a_renewal_that_does_not_notice_a_logout() {
    breaks(Tamper::LogoutNotNoticed, LOGGED_OUT_MEANS_OVER, &calm(&[GetFreshToken, Logout], Stored::NoToken));
}

/// A guest who has a customer and no token, and these calls.
fn guest_and(calls: &[Call]) -> Protocol {
    Protocol::of_adoption(vec![calls.to_vec()], &[Stored::NoToken])
}

/// The guest renews while the user logs in.
fn meet() -> Protocol {
    guest_and(&[Call::guest(GetFreshToken), Call::adopts(User1, GetToken)])
}

/// The user calls from elsewhere, too.
fn from_elsewhere() -> Protocol {
    guest_and(&[Call::user(GetToken), Call::adopts(User1, GetToken)])
}

#[test]
fn a_guest_who_may_have_changed() {
    breaks(Tamper::NoVersion, STAYS_KNOWN, &Protocol { secrets: Secrets::Strict, ..meet() });
}

#[test]
fn a_guest_who_is_not_waited_for() {
    breaks(Tamper::GuestsLeaseIgnored, STAYS_KNOWN, &Protocol { secrets: Secrets::Strict, ..meet() });
}

#[test]
fn a_user_whose_lease_is_anothers() {
    let faults = Faults { lapses: 1, ..Faults::default() };
    breaks(Tamper::NoFenceInAdoption, NOTHING_LOST_BY_ADOPTION, &Protocol { faults, ..from_elsewhere() });
    breaks(Tamper::NothingAskedOfUser, ONE_CUSTOMER, &Protocol { faults, ..from_elsewhere() });
}

#[test]
fn a_guest_who_is_not_marked() {
    breaks(Tamper::Unmarked, GUEST_IS_GONE, &meet());
}

#[test]
fn an_adopted_guest_who_may_renew() {
    breaks(Tamper::AdoptedTakesLease, GUEST_IS_GONE, &meet());
}

/// Who was presumed dead wakes up and stores what it got.
#[test]
fn a_guests_lease_that_is_left_behind() {
    let faults = Faults { lapses: 1, ..Faults::default() };
    breaks(Tamper::LeaseLeftBehind, ONE_OWNER, &Protocol { faults, ..meet() });
    breaks(Tamper::LeaseLeftBehind, NOBODY_ELSES, &Protocol { faults, ..meet() });
}

/// The caller dies in between.
#[test]
fn two_writes() {
    let faults = Faults { crashes: 1, ..Faults::default() };
    let adopts = Call::adopts(User1, GetToken);
    let adoption = Protocol { faults, ..guest_and(&[Call::guest(GetToken), adopts, adopts]) };
    breaks(Tamper::TwoWrites, ONE_OWNER, &adoption);
    breaks(Tamper::TwoWrites, NOBODY_ELSES, &adoption);
}

/// A first copy of the transaction arrives after the second one was refused.
#[test]
fn an_adoption_of_ones_own_that_is_overlooked() {
    let faults = Faults { conflicts: 1, late_moves: 1, ..Faults::default() };
    let adoption = Protocol { faults, ..guest_and(&[Call::adopts(User1, GetToken)]) };
    breaks(Tamper::OwnLateCopyOverlooked, NOTHING_LOST_BY_ADOPTION, &adoption);
}
