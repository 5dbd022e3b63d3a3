//! What the protocol does *not* promise: two ways in which a write for the lease that is held up for very long does harm. Each
//! test shows the shortest way to it. When one fails, the protocol has become better than its description.
//!
//! DynamoDB carries out a write whenever it arrives, with the time that it carried when it was sent. Neither way can
//! change an identity while secrets are lenient: that rests on the fence, and `untimed.rs` lets a write arrive
//! at any time. What each costs is said at its test.

use super::{
    properties::{STRAY_LEASE, TWO_REQUESTS_AT_A_TIME},
    shortest,
    state::{Clocks, Faults, Operation, Protocol, Stored},
    words,
};
use Operation::GetFreshToken;
use std::time::Duration;

fn shows(limit: &'static str, protocol: &Protocol) {
    let protocol = Protocol { shows_limits: true, ..protocol.clone() };
    println!("{limit}:\n{}", words::of(&protocol, shortest(&protocol, limit)));
}

/// The SDK sends a write for the lease twice, and the first copy arrives when the lease has been through other hands: the
/// owner's name, which would have stopped it, is another's by then. Callers wait until that lease lapses: 10 s at most,
/// less the time for which the copy was held up.
#[test]
fn a_late_copy_of_a_write_can_leave_a_lease_that_is_nobodys() {
    let faults = Faults { late_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..Protocol::of(vec![vec![GetFreshToken; 2]], &[Stored::NoToken]) };
    shows(STRAY_LEASE, &protocol);
}

/// To a write that is held up for longer than `Lease::LENGTH_MS` less the skew of clocks, the end of a lease that somebody
/// else has acquired since is too far in the future, so it is taken for the error of a wrong clock. The one that held
/// it goes on calling LiveChat, and the next begins. Its result is dropped; if LiveChat invalidates secrets, it is
/// a lost response: the identity changes, on record.
#[test]
fn a_write_that_is_held_up_very_long_can_take_a_lease_that_is_held() {
    let faults = Faults { late_takes: 1, ..Faults::default() };
    let clocks = Clocks::Timed { tick: Duration::from_secs(1), ahead: vec![0] };
    let protocol = Protocol { clocks, faults, ..Protocol::of(vec![vec![GetFreshToken; 3]], &[Stored::NoToken]) };
    shows(TWO_REQUESTS_AT_A_TIME, &protocol);
}
