//! What adoption does *not* promise. The test shows the shortest way to it. When it fails, adoption has become better than its
//! description.

use super::{properties::*, state::*};
use crate::{Explored, shortest};

/// The SDK gives up a copy of the transaction for lost and sends it again; that one meets another write and is refused, so
/// adoption looks at the guest once more. In between the first copy arrives after all. The guest has no identity then, which
/// is taken for nothing to take over: LiveChat makes a new customer, and `Store::finish` stores it over the one that has moved,
/// which is nowhere then, not even among the former ones. The lease is the user's own all the time, so no fence can help.
#[test]
fn a_late_copy_of_a_transaction_can_lose_what_it_moved() {
    let faults = Faults { conflicts: 1, late_moves: 1, ..Faults::default() };
    let call = Call::adopts(Who::User1, Operation::GetToken);
    let adoption = Adoption { faults, ..Adoption::of(vec![vec![call]], &[Stored::NoToken]) };
    println!("\"{NOTHING_LOST}\" does not hold:\n{}", adoption.in_words(shortest(&adoption, NOTHING_LOST)));
}
