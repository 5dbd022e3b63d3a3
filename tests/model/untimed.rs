//! Without time: to any caller, at any time, a lease may seem to have expired. This covers every way in which clocks can disagree
//! and every holder that is slow, and more. What holds here rests on the database's conditions alone.

use super::{
    explore, is_acyclic, is_deep,
    state::{Faults, Operation, Protocol, Secrets, Stored},
};
use crate::renewal::Grants;

/// All combinations of these numbers of callers, from every starting point.
fn callers(numbers: impl IntoIterator<Item = usize>) -> Protocol {
    Protocol::of(numbers.into_iter().flat_map(Operation::combinations).collect(), &Stored::ALL)
}

#[test]
fn concurrent_calls_share_a_renewal() {
    explore("no faults, 1 to 4 callers", &callers(1..=4), 12_000);
    let lost_writes = Faults { lost_writes: 2, ..Faults::default() };
    explore("2 lost writes, 3 callers", &Protocol { faults: lost_writes, ..callers([3]) }, 15_000);
    if is_deep() {
        explore("no faults, 6 callers", &callers([6]), 320_000);
        explore("2 lost writes, 4 callers", &Protocol { faults: lost_writes, ..callers([4]) }, 180_000);
    }
}

#[test]
fn all_holds_when_a_holder_dies_or_loses_its_lease() {
    let faults = Faults { crashes: 1, early_expiries: 1, ..Faults::default() };
    explore("1 crash, 1 early expiry, 3 callers", &Protocol { faults, ..callers([3]) }, 45_000);
    if is_deep() {
        explore("1 crash, 1 early expiry, 4 callers", &Protocol { faults, ..callers([4]) }, 650_000);
        let faults = Faults { crashes: 2, early_expiries: 2, ..Faults::default() };
        explore("2 crashes, 2 early expiries, 3 callers", &Protocol { faults, ..callers([3]) }, 270_000);
    }
}

#[test]
fn all_holds_when_writes_are_repeated_or_late() {
    let faults = Faults { crashes: 1, early_expiries: 1, lost_writes: 1, late_writes: 1, ..Faults::default() };
    explore(
        "1 crash, 1 early expiry, 1 lost and 1 late write, 2 callers",
        &Protocol { faults, ..callers([2]) },
        40_000,
    );
    let late = Faults { early_expiries: 1, late_writes: 1, ..Faults::default() };
    explore("1 early expiry, 1 late write, 3 callers", &Protocol { faults: late, ..callers([3]) }, 90_000);
    if is_deep() {
        explore(
            "1 crash, 1 early expiry, 1 lost and 1 late write, 3 callers",
            &Protocol { faults, ..callers([3]) },
            1_500_000,
        );
        let faults = Faults { crashes: 1, early_expiries: 2, lost_writes: 2, late_writes: 2, ..Faults::default() };
        explore(
            "1 crash, 2 early expiries, 2 lost and 2 late writes, 2 callers",
            &Protocol { faults, ..callers([2]) },
            1_500_000,
        );
    }
}

#[test]
fn all_holds_while_livechat_is_down() {
    let (most, at_least) = if is_deep() { (5, 350_000) } else { (3, 4_000) };
    let mut protocol = callers(1..=most);
    protocol.calls.retain(|calls| !calls.iter().any(|call| call.operation == Operation::Invalidate));
    protocol.faults.downs = 4;
    explore(&format!("LiveChat is down 4 times, 1 to {most} callers"), &protocol, at_least);
}

#[test]
fn all_holds_when_livechat_fails_in_any_way() {
    let faults = Faults {
        crashes: 1,
        early_expiries: 1,
        lost_responses: 1,
        downs: 1,
        time_shortages: 1,
        glitches: 1,
        expired_tokens: 1,
        ..Faults::default()
    };
    explore("1 crash, 1 early expiry, LiveChat fails, 2 callers", &Protocol { faults, ..callers([2]) }, 70_000);
    if is_deep() {
        explore("1 crash, 1 early expiry, LiveChat fails, 3 callers", &Protocol { faults, ..callers([3]) }, 5_000_000);
        let faults = Faults { lost_writes: 1, late_writes: 1, forgets: 1, ..faults };
        explore("each fault once, 2 callers", &Protocol { faults, ..callers([2]) }, 6_500_000);
    }
}

#[test]
fn all_holds_when_livechat_forgets_a_customer() {
    let faults = Faults { crashes: 1, early_expiries: 1, downs: 1, forgets: 1, ..Faults::default() };
    let forgets = |callers| Protocol { faults, ..callers };
    explore("1 crash, 1 early expiry, LiveChat forgets, 2 callers", &forgets(callers([2])), 15_000);
    explore("the same, and the site rejects that", &Protocol { rejects: true, ..forgets(callers([2])) }, 14_000);
    if is_deep() {
        explore("1 crash, 1 early expiry, LiveChat forgets, 3 callers", &forgets(callers([3])), 580_000);
        explore("the same, and the site rejects that", &Protocol { rejects: true, ..forgets(callers([3])) }, 520_000);
    }
}

/// An identity may change here, but only because a secret was lost. All ways to lose one are explored.
#[test]
fn all_holds_when_livechat_invalidates_secrets() {
    let faults = Faults { crashes: 1, early_expiries: 1, lost_responses: 1, late_requests: 1, ..Faults::default() };
    let strict = |callers| Protocol { faults, secrets: Secrets::Strict, ..callers };
    explore(
        "1 crash, 1 early expiry, secrets are invalidated, responses are lost, 2 callers",
        &strict(callers([2])),
        30_000,
    );
    explore(
        "secrets are invalidated, 3 callers",
        &Protocol { faults: Faults::default(), ..strict(callers([3])) },
        1_500,
    );
    if is_deep() {
        explore(
            "1 crash, 1 early expiry, secrets are invalidated, responses are lost, 3 callers",
            &strict(callers([3])),
            1_600_000,
        );
    }
}

/// With an agent's credentials, a lost secret changes no identity: only a customer that LiveChat forgets is replaced.
#[test]
fn no_lost_secret_changes_an_identity_if_there_is_an_agent_token() {
    let faults = Faults { early_expiries: 1, lost_responses: 1, ..Faults::default() };
    for grants in [Grants::CookieThenAgentToken, Grants::AgentToken] {
        let strict = |callers, faults| Protocol { faults, grants, secrets: Secrets::Strict, ..callers };
        explore(&format!("{grants:?}, secrets are invalidated, 2 callers"), &strict(callers([2]), faults), 4_000);
        let confused = Faults { lost_responses: 1, glitches: 1, late_requests: 1, ..Faults::default() };
        explore(&format!("{grants:?}, LiveChat is confused once, 1 caller"), &strict(callers([1]), confused), 100);
        if is_deep() {
            let faults = Faults { crashes: 1, early_expiries: 1, ..confused };
            explore(&format!("{grants:?}, each fault once, 2 callers"), &strict(callers([2]), faults), 150_000);
        }
    }
}

#[test]
fn all_holds_with_an_agent_token_when_livechat_fails_or_forgets_a_customer() {
    let forgets = Faults { crashes: 1, downs: 1, forgets: 1, glitches: 1, ..Faults::default() };
    for grants in [Grants::CookieThenAgentToken, Grants::AgentToken] {
        for rejects in [false, true] {
            let protocol = Protocol { faults: forgets, grants, rejects, secrets: Secrets::Strict, ..callers([2]) };
            explore(
                &format!("{grants:?}, LiveChat fails and forgets, 2 callers, rejects: {rejects}"),
                &protocol,
                5_000,
            );
        }
        if is_deep() {
            let faults = Faults { crashes: 1, early_expiries: 1, downs: 1, ..Faults::default() };
            let protocol = Protocol { grants, faults, ..with_logout([3]) };
            explore(&format!("{grants:?}, logouts, 3 callers"), &protocol, 40_000);
        }
    }
}

/// All combinations of these numbers of callers with a logout, from every starting point.
fn with_logout(numbers: impl IntoIterator<Item = usize>) -> Protocol {
    Protocol::of(numbers.into_iter().flat_map(Operation::combinations_with_logout).collect(), &Stored::ALL)
}

#[test]
fn all_holds_when_a_user_logs_out() {
    explore("logouts, 2 and 3 callers", &with_logout([2, 3]), 4_000);
    let faults = Faults { crashes: 1, early_expiries: 1, downs: 1, ..Faults::default() };
    explore(
        "1 crash, 1 early expiry, LiveChat is down, logouts, 3 callers",
        &Protocol { faults, ..with_logout([3]) },
        45_000,
    );
    let faults = Faults { crashes: 1, lost_writes: 1, late_writes: 1, downs: 1, ..Faults::default() };
    explore("1 crash, 1 lost and 1 late write, logouts, 3 callers", &Protocol { faults, ..with_logout([3]) }, 100_000);
    if is_deep() {
        let faults = Faults { early_expiries: 1, ..faults };
        explore("logouts, 4 callers", &with_logout([4]), 100_000);
        explore("each fault once, logouts, 3 callers", &Protocol { faults, ..with_logout([3]) }, 1_000_000);
    }
}

#[test]
fn runs_have_no_cycles() {
    let faults = Faults { crashes: 1, early_expiries: 1, downs: 1, expired_tokens: 1, ..Faults::default() };
    is_acyclic("1 crash, 1 early expiry, LiveChat fails, 2 callers", &Protocol { faults, ..callers([2]) });
    let faults = Faults { crashes: 1, early_expiries: 1, lost_writes: 1, late_writes: 1, ..Faults::default() };
    is_acyclic("1 crash, 1 early expiry, 1 lost and 1 late write, 2 callers", &Protocol { faults, ..callers([2]) });
    is_acyclic("the same with logouts", &Protocol { faults, ..with_logout([2]) });
}
