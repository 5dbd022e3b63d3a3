//! Single steps that the model does not tell apart. It explores all orders of steps: `tests/model`.

use super::*;
use crate::{
    identity::{LeaseSeq, UnixMs},
    renewal::{
        circuit::CircuitMemory,
        record::{FailedRenewal, Failure, LatestLogout, Lease},
    },
};
use std::time::Duration;

const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

fn with_left_ms(left_ms: u64) -> Moment {
    Moment { now: NOW, left: Duration::from_millis(left_ms), circuit: CircuitMemory::default() }
}

fn terms(was_guest: bool) -> Terms {
    Terms {
        settings: Arc::from("settings"),
        grants: Grants::Cookie,
        on_identity_change: OnIdentityChange::Replace,
        renewals_per_minute: NonZeroU32::MIN,
        group: None,
        is_listed_group: false,
        was_guest,
    }
}

fn lease() -> Lease {
    Lease { owner: "o".into(), seq: LeaseSeq::new(2), until: NOW.plus_ms(10_000) }
}

fn acquired(record: Record) -> Event {
    Event::Acquired(HeldLease::acquired(lease()), Box::new(record))
}

/// What the call does next if the guest is still renewing when it has `left_ms` left. It began with 1.6 s.
fn next_while_guest_renews(left_ms: u64) -> Action {
    let (mut renewal, _) = Renewal::fresh(terms(true), with_left_ms(1_600));
    renewal.step(acquired(Record::default()), with_left_ms(1_600));
    let action = renewal.step(Event::Circuit(Circuit::HasRoom), with_left_ms(1_600));
    assert!(matches!(action, Action::ReadGuest), "{action:?}");
    let guest = Record { lease: Some(lease()), ..Record::default() };
    renewal.step(Event::Record(Box::new(guest)), with_left_ms(left_ms))
}

#[test]
fn the_wait_for_a_guest_leaves_time_to_release_the_lease() {
    assert!(matches!(next_while_guest_renews(1_001), Action::Pause(Pause::ForGuest)));
    assert!(matches!(next_while_guest_renews(1_000), Action::Release(_)));
}

/// What a `getToken` does when it has the lease, if the record then has this logout. It saw none when it read the record.
fn next_after(latest_logout: LatestLogout) -> (Renewal, Action) {
    let (mut renewal, _) = Renewal::usable(terms(false));
    renewal.step(Event::Record(Box::default()), with_left_ms(10_000));
    let action = renewal.step(acquired(Record { latest_logout, ..Record::default() }), with_left_ms(10_000));
    (renewal, action)
}

#[test]
fn a_call_from_before_a_logout_gets_no_token_after_it() {
    let (mut renewal, action) = next_after(LatestLogout(Some(LeaseSeq::new(1))));
    assert!(matches!(action, Action::Release(_)), "{action:?}");
    let action = renewal.step(Event::Released, with_left_ms(10_000));
    assert!(matches!(action, Action::Finish(Err(Error::LoggedOut))), "{action:?}");
    let (_, action) = next_after(LatestLogout::default());
    assert!(matches!(action, Action::LookAtCircuit), "{action:?}");
}

/// The failure that waiting calls see if AWS KMS does not respond until `left_ms` are left of the call.
fn failure_of_kms(left_ms: u64) -> Option<FailedRenewal> {
    let (mut renewal, _) = Renewal::fresh(terms(false), with_left_ms(10_000));
    renewal.step(acquired(Record::default()), with_left_ms(10_000));
    renewal.step(Event::Circuit(Circuit::HasRoom), with_left_ms(10_000));
    let action = renewal.step(Event::Circuit(Circuit::HasRoom), with_left_ms(10_000));
    assert!(matches!(action, Action::Call(_)), "{action:?}");
    let failed = Event::StoreFailed(StoreError::KmsUnavailable("time-out".into()));
    match renewal.step(failed, with_left_ms(left_ms)) {
        Action::Release(release) => release.failed,
        action => panic!("{action:?}"),
    }
}

#[test]
fn calls_that_wait_learn_that_kms_does_not_respond_unless_the_call_itself_had_no_time() {
    let failure = failure_of_kms(1_000).map(|failed| failed.failure);
    assert_eq!(failure, Some(Failure::KmsUnavailable { cause: "time-out".into() }));
    assert_eq!(failure_of_kms(999), None);
}
