//! Adoption, without time. What holds here rests on the database's conditions alone, as in `untimed.rs`.

use super::{
    explore, is_acyclic, is_deep,
    state::{Call, Faults, Life, Operation, Protocol, Secrets, Stored},
    table::Who,
};
use Operation::{GetFreshToken, GetToken};
use Who::{User1, User2};

/// What can be stored for the guest.
const GUEST_HAS: [Stored; 3] = [Stored::Nothing, Stored::NoToken, Stored::Token(Life::Usable)];

/// Who can call.
const CALLS: [Call; 6] = [
    Call::guest(GetToken),
    Call::guest(GetFreshToken),
    Call::user(GetToken),
    Call::adopts(User1, GetToken),
    Call::adopts(User1, GetFreshToken),
    Call::adopts(User2, GetToken),
];

/// All combinations of `number` of them, with at least one user who was the guest.
fn callers(number: usize) -> Protocol {
    let all = (0..number).fold(vec![vec![]], |shorter: Vec<Vec<Call>>, _| {
        let longer = |some: &Vec<Call>| {
            let last = CALLS.iter().position(|call| some.last() == Some(call)).unwrap_or(0);
            CALLS[last..].iter().map(|&next| [some.as_slice(), &[next]].concat()).collect::<Vec<_>>()
        };
        shorter.iter().flat_map(longer).collect()
    });
    let calls = all.into_iter().filter(|calls| calls.iter().any(|call| call.was_guest));
    Protocol::of_adoption(calls.collect(), &GUEST_HAS)
}

/// The same, with a guest who has a customer and no token.
fn callers_and_known_guest(number: usize) -> Protocol {
    Protocol { stored: vec![Stored::NoToken], ..callers(number) }
}

#[test]
fn adoption_holds_without_faults() {
    explore("adoption, no faults, 2 callers", &callers(2), 1_000);
    explore("adoption, no faults, 3 callers", &callers(3), 13_000);
    let guest = Call::guest(GetToken);
    let [adopts, adopts_too] = [User1, User2].map(|user| Call::adopts(user, GetToken));
    let four = vec![
        vec![guest, Call::guest(GetFreshToken), adopts, adopts_too],
        vec![guest, Call::user(GetToken), adopts, adopts_too],
        vec![guest, adopts, Call::adopts(User1, GetFreshToken), adopts_too],
    ];
    explore("adoption, no faults, 4 callers, some", &Protocol::of_adoption(four, &GUEST_HAS), 2);
    if is_deep() {
        explore("adoption, no faults, 4 callers", &callers(4), 120_000);
    }
}

#[test]
fn adoption_holds_when_a_holder_dies_or_loses_its_lease() {
    let faults = Faults { crashes: 1, early_expiries: 2, ..Faults::default() };
    explore("adoption, 1 crash, 2 early expiries, 2 callers", &Protocol { faults, ..callers(2) }, 8_000);
    let faults = Faults { crashes: 1, early_expiries: 1, ..Faults::default() };
    let known = Protocol { faults, ..callers_and_known_guest(3) };
    explore("adoption, 1 crash, 1 early expiry, 3 callers, guest known", &known, 75_000);
    if is_deep() {
        explore("adoption, 1 crash, 1 early expiry, 3 callers", &Protocol { faults, ..callers(3) }, 180_000);
    }
}

/// The SDK sends the transaction again, or it does not; and it may take effect when its caller has ended the lease.
#[test]
fn adoption_holds_when_writes_are_lost_or_late() {
    let faults = Faults { crashes: 1, early_expiries: 1, lost_writes: 1, late_moves: 1, ..Faults::default() };
    let all = Protocol { faults, ..callers(2) };
    explore("adoption, 1 crash, 1 early expiry, 1 lost write, 1 late transaction, 2 callers", &all, 34_000);
    is_acyclic("adoption, the same, guest known", &Protocol { faults, ..callers_and_known_guest(2) });
    if is_deep() {
        let faults = Faults { lost_responses: 1, time_shortages: 1, ..faults };
        explore("adoption, each fault once, 2 callers", &Protocol { faults, ..callers(2) }, 90_000);
        let faults = Faults { early_expiries: 1, lost_writes: 1, late_moves: 1, ..Faults::default() };
        let three = Protocol { faults, ..callers(3) };
        explore("adoption, 1 early expiry, 1 lost write, 1 late transaction, 3 callers", &three, 700_000);
    }
}

#[test]
fn adoption_holds_without_a_response_or_time() {
    let faults = Faults { crashes: 1, early_expiries: 1, lost_responses: 1, time_shortages: 1, ..Faults::default() };
    let all = Protocol { faults, ..callers(2) };
    explore("adoption, 1 crash, 1 early expiry, 1 lost response, 1 shortage of time, 2 callers", &all, 14_000);
}

/// The transaction conflicts with another call's write, and a copy of it may arrive late.
#[test]
fn adoption_holds_when_its_transaction_is_refused() {
    let faults = Faults { crashes: 1, early_expiries: 1, conflicts: 1, ..Faults::default() };
    explore("adoption, 1 crash, 1 early expiry, 1 conflict, 2 callers", &Protocol { faults, ..callers(2) }, 7_000);
    let faults = Faults { late_moves: 1, ..faults };
    let known = Protocol { faults, ..callers_and_known_guest(2) };
    explore("adoption, the same, 1 late transaction, guest known", &known, 2);
}

/// No lease expires while its holder works, so each secret is stored before the next call to LiveChat, with or without adoption.
#[test]
fn adoption_holds_when_livechat_invalidates_secrets() {
    let strict = |adoption| Protocol { secrets: Secrets::Strict, ..adoption };
    let faults = Faults { crashes: 1, lost_writes: 1, time_shortages: 1, conflicts: 1, ..Faults::default() };
    explore(
        "adoption, secrets are invalidated, several faults, 2 callers",
        &strict(Protocol { faults, ..callers(2) }),
        16_000,
    );
    let faults = Faults { crashes: 1, late_moves: 1, time_shortages: 1, ..Faults::default() };
    explore(
        "adoption, secrets are invalidated, 1 late transaction, 2 callers",
        &strict(Protocol { faults, ..callers(2) }),
        9_000,
    );
    explore("adoption, secrets are invalidated, 3 callers", &strict(callers(3)), 13_000);
}
