//! Faults that are built into the protocol, to show that the properties notice them. Each test explores the protocol first without
//! the fault and then with it, and prints the shortest path to what the fault breaks.

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

/// Shows that the fault breaks the property.
fn breaks(tamper: Tamper, property: &'static str, protocol: &Protocol) {
    explore(&format!("before {tamper:?}"), protocol, 2);
    let protocol = Protocol { tamper: Some(tamper), ..protocol.clone() };
    let path = shortest(&protocol, property);
    println!("{tamper:?} breaks \"{property}\":\n{}", words::of(&protocol, path));
}

fn calm(calls: &[Operation], stored: Stored) -> Protocol {
    Protocol::of(vec![calls.to_vec()], &[stored])
}

/// With a LiveChat that invalidates secrets, clocks that are as far apart as they may be, and a tick of a second.
fn timed(calls: &[Operation]) -> Protocol {
    let clocks = Clocks::Timed { tick: Duration::from_secs(1), ahead: vec![0, 2] };
    Protocol { secrets: Secrets::Strict, clocks, ..calm(calls, Stored::NoToken) }
}

#[test]
fn a_missing_fence_is_noticed() {
    let faults = Faults { early_expiries: 1, ..Faults::default() };
    breaks(Tamper::NoFence, ONE_IDENTITY, &Protocol { faults, ..calm(&[GetToken; 2], Stored::Nothing) });
}

#[test]
fn a_fence_without_the_number_is_noticed() {
    let faults = Faults { early_expiries: 1, late_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetFreshToken; 2], Stored::Nothing) };
    breaks(Tamper::FenceWithoutNumber, ONE_IDENTITY, &protocol);
}

#[test]
fn a_fence_without_the_lease_is_noticed() {
    let faults = Faults { lost_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetToken, GetFreshToken, Invalidate], Stored::NoToken) };
    breaks(Tamper::FenceWithoutLease, INVALIDATED_MEANS_GONE, &protocol);
}

#[test]
fn eventually_consistent_reads_are_noticed() {
    let usable = Stored::Token(Life::Usable);
    breaks(Tamper::EventuallyConsistentReads, NEVER_OLDER, &calm(&[GetToken, GetFreshToken], usable));
    breaks(Tamper::EventuallyConsistentReads, INVALIDATED_MEANS_GONE, &calm(&[GetToken, Invalidate], usable));
}

#[test]
fn acquiring_a_held_lease_is_noticed() {
    breaks(Tamper::NoLeaseCondition, ONE_REQUEST_AT_A_TIME, &timed(&[GetToken; 2]));
    breaks(Tamper::NoLeaseCondition, CALLS_SHARE, &calm(&[GetToken; 2], Stored::NoToken));
}

#[test]
fn acquiring_a_lease_despite_a_newer_token_is_noticed() {
    breaks(Tamper::NoTokenCondition, CALLS_SHARE, &calm(&[GetToken; 2], Stored::NoToken));
}

#[test]
fn releasing_another_callers_lease_is_noticed() {
    breaks(Tamper::ReleaseOfAnyLease, ONE_REQUEST_AT_A_TIME, &timed(&[GetFreshToken; 3]));
}

#[test]
fn removing_the_owner_at_release_is_noticed() {
    let faults = Faults { late_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetFreshToken], Stored::NoToken) };
    breaks(Tamper::OwnerRemovedAtRelease, NO_STRAY_LEASE, &protocol);
}

#[test]
fn not_recognising_ones_own_lease_is_noticed() {
    let faults = Faults { lost_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetFreshToken], Stored::NoToken) };
    breaks(Tamper::OwnLeaseNotRecognised, NO_STRAY_LEASE, &protocol);
}

#[test]
fn not_recognising_ones_own_result_is_noticed() {
    let faults = Faults { lost_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetFreshToken], Stored::NoToken) };
    breaks(Tamper::OwnResultNotRecognised, CALLS_SHARE, &protocol);
}

#[test]
fn a_fresh_token_from_a_call_in_progress_is_noticed() {
    let protocol = calm(&[GetFreshToken; 2], Stored::Token(Life::Usable));
    breaks(Tamper::FreshAcceptsCallInProgress, FRESH_MEANS_FRESH, &protocol);
}

#[test]
fn accepting_an_older_failure_is_noticed() {
    let faults = Faults { downs: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetFreshToken; 2], Stored::NoToken) };
    breaks(Tamper::AnyFailureCounts, FAILURES_OF_ONES_TIME, &protocol);
}

#[test]
fn not_sharing_a_failure_is_noticed() {
    let faults = Faults { downs: 2, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetToken; 2], Stored::NoToken) };
    breaks(Tamper::NoFailureCounts, FAILURES_ARE_SHARED, &protocol);
}

#[test]
fn accepting_a_stale_token_is_noticed() {
    breaks(Tamper::StaleTokenAccepted, STALE_IS_RENEWED, &calm(&[GetToken], Stored::Token(Life::Stale)));
}

#[test]
fn an_expired_token_that_blocks_a_renewal_is_noticed() {
    let faults = Faults { expired_tokens: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetToken; 2], Stored::NoToken) };
    breaks(Tamper::UnacceptedTokenBlocks, EVERY_CALL_ENDS, &protocol);
}

#[test]
fn returning_a_token_before_it_is_stored_is_noticed() {
    breaks(Tamper::ReturnedBeforeStored, NOTHING_LOST, &calm(&[GetToken], Stored::Nothing));
}

#[test]
fn not_storing_a_new_secret_is_noticed() {
    let protocol = Protocol { secrets: Secrets::Strict, ..calm(&[GetFreshToken; 2], Stored::NoToken) };
    breaks(Tamper::NewSecretNotStored, ONE_IDENTITY, &protocol);
}

#[test]
fn an_invalidate_that_removes_the_customer_is_noticed() {
    let protocol = calm(&[GetToken, Invalidate], Stored::Token(Life::Usable));
    breaks(Tamper::InvalidateRemovesCustomer, ONE_IDENTITY, &protocol);
}

#[test]
fn creating_a_customer_twice_is_noticed() {
    let faults = Faults { lost_responses: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetToken], Stored::Nothing) };
    breaks(Tamper::RetriesNewCustomer, NEW_CUSTOMER_ONCE, &protocol);
}

#[test]
fn accepting_another_customer_at_once_is_noticed() {
    let faults = Faults { glitches: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..calm(&[GetToken], Stored::NoToken) };
    breaks(Tamper::OtherCustomerAcceptedAtOnce, ONE_IDENTITY, &protocol);
}

#[test]
fn ignoring_the_expiry_of_the_lease_is_noticed() {
    breaks(Tamper::LeaseExpiryIgnored, ONE_IDENTITY, &timed(&[GetFreshToken; 2]));
    breaks(Tamper::LeaseExpiryIgnored, ONE_REQUEST_AT_A_TIME, &timed(&[GetFreshToken; 2]));
}

#[test]
fn ignoring_clock_skew_is_noticed() {
    breaks(Tamper::SkewIgnored, ONE_IDENTITY, &timed(&[GetFreshToken; 2]));
}

#[test]
fn listing_only_the_latest_token_is_noticed() {
    let protocol = calm(&[GetFreshToken, Logout], Stored::Token(Life::Usable));
    breaks(Tamper::OnlyLatestListed, NO_TOKEN_FORGOTTEN, &protocol);
    breaks(Tamper::OnlyLatestListed, TOLD_MEANS_REVOKED, &protocol);
}

#[test]
fn unlisting_tokens_before_they_are_revoked_is_noticed() {
    let protocol = calm(&[GetToken, Logout], Stored::Token(Life::Usable));
    breaks(Tamper::UnlistedBeforeRevoked, NO_TOKEN_FORGOTTEN, &protocol);
}

#[test]
fn a_logout_that_ignores_a_renewal_is_noticed() {
    let protocol = calm(&[GetFreshToken, Logout], Stored::NoToken);
    breaks(Tamper::LogoutIgnoresRenewal, LOGGED_OUT_MEANS_ENDED, &protocol);
}

#[test]
fn a_renewal_that_ignores_a_logout_is_noticed() {
    breaks(Tamper::RenewalIgnoresLogout, LOGGED_OUT_MEANS_ENDED, &calm(&[GetFreshToken, Logout], Stored::NoToken));
}

/// A guest who has a customer and no token, and these calls.
fn guest_and(calls: &[Call]) -> Protocol {
    Protocol::of_adoption(vec![calls.to_vec()], &[Stored::NoToken])
}

/// The guest renews while the user logs in.
fn meet() -> Protocol {
    guest_and(&[Call::guest(GetFreshToken), Call::adopts(User1, GetToken)])
}

/// The user also calls from another browser, without the guest's id.
fn from_elsewhere() -> Protocol {
    guest_and(&[Call::user(GetToken), Call::adopts(User1, GetToken)])
}

#[test]
fn moving_a_changed_guest_is_noticed() {
    breaks(Tamper::NoVersion, STAYS_KNOWN, &Protocol { secrets: Secrets::Strict, ..meet() });
}

#[test]
fn not_waiting_for_a_guests_renewal_is_noticed() {
    breaks(Tamper::GuestLeaseIgnored, STAYS_KNOWN, &Protocol { secrets: Secrets::Strict, ..meet() });
}

#[test]
fn moving_an_identity_without_the_users_lease_is_noticed() {
    let faults = Faults { early_expiries: 1, ..Faults::default() };
    breaks(Tamper::NoFenceInAdoption, NOTHING_LOST_BY_ADOPTION, &Protocol { faults, ..from_elsewhere() });
    breaks(Tamper::NoConditionOnUser, ONE_CUSTOMER, &Protocol { faults, ..from_elsewhere() });
}

#[test]
fn not_marking_an_adopted_guest_is_noticed() {
    breaks(Tamper::GuestNotMarked, GUEST_IS_GONE, &meet());
}

#[test]
fn renewing_for_an_adopted_guest_is_noticed() {
    breaks(Tamper::AdoptedAcquiresLease, GUEST_IS_GONE, &meet());
}

/// A holder that seemed dead continues and stores its token.
#[test]
fn keeping_an_adopted_guests_lease_is_noticed() {
    let faults = Faults { early_expiries: 1, ..Faults::default() };
    breaks(Tamper::GuestLeaseKept, ONE_OWNER, &Protocol { faults, ..meet() });
    breaks(Tamper::GuestLeaseKept, NOBODY_ELSES, &Protocol { faults, ..meet() });
}

/// The caller dies in between.
#[test]
fn moving_in_two_writes_is_noticed() {
    let faults = Faults { crashes: 1, ..Faults::default() };
    let adopts = Call::adopts(User1, GetToken);
    let adoption = Protocol { faults, ..guest_and(&[Call::guest(GetToken), adopts, adopts]) };
    breaks(Tamper::TwoWrites, ONE_OWNER, &adoption);
    breaks(Tamper::TwoWrites, NOBODY_ELSES, &adoption);
}

/// A first copy of the transaction arrives after the second one was refused.
#[test]
fn not_recognising_ones_own_adoption_is_noticed() {
    let faults = Faults { conflicts: 1, late_moves: 1, ..Faults::default() };
    let adoption = Protocol { faults, ..guest_and(&[Call::adopts(User1, GetToken)]) };
    breaks(Tamper::OwnLateCopyNotRecognised, NOTHING_LOST_BY_ADOPTION, &adoption);
}
