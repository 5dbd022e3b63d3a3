//! What the protocol does *not* promise: two ways in which a write for the lease that is delayed for very long does harm. Each
//! test shows the shortest path to it. If a test fails, the protocol has become better than its description.
//!
//! DynamoDB carries out a write whenever it arrives, with the time that it carried when it was sent. Neither way can
//! change an identity while secrets are lenient: that rests on the fence, and `untimed.rs` lets a write arrive
//! at any time. Each test says what its case costs.

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

/// The SDK sends a write for the lease twice, and the first copy arrives after another caller has held the lease. The item has
/// that caller's name by then, so the copy is not rejected. Callers wait until that lease expires: 10 s at most, less the delay of
/// the copy.
#[test]
fn a_late_copy_of_a_write_can_leave_a_lease_without_an_owner() {
    let faults = Faults { late_writes: 1, ..Faults::default() };
    let protocol = Protocol { faults, ..Protocol::of(vec![vec![GetFreshToken; 2]], &[Stored::NoToken]) };
    shows(STRAY_LEASE, &protocol);
}

/// A write is delayed for longer than `Lease::LENGTH_MS` less the skew of clocks. Another caller has acquired the lease since. To
/// the delayed write, the expiry of that lease is too far in the future, as if a wrong clock had set it, so it acquires the lease. The
/// former holder goes on calling LiveChat while the new one begins. The former holder's result is dropped. If LiveChat invalidates
/// secrets, that is a lost response: the identity changes, and the former one is on record.
#[test]
fn a_very_late_write_can_acquire_a_held_lease() {
    let faults = Faults { late_acquisitions: 1, ..Faults::default() };
    let clocks = Clocks::Timed { tick: Duration::from_secs(1), ahead: vec![0] };
    let protocol = Protocol { clocks, faults, ..Protocol::of(vec![vec![GetFreshToken; 3]], &[Stored::NoToken]) };
    shows(TWO_REQUESTS_AT_A_TIME, &protocol);
}
