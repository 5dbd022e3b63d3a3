//! What a trace says, in words.

use super::{
    actions::{Action, Write},
    state::*,
};
use crate::{Explored, actions::Seen};
use stateright::{Model, Path};

impl Explored for Adoption {
    fn representative(state: &State) -> State {
        state.representative()
    }

    fn in_words(&self, path: Path<State, Action>) -> String {
        let steps = path.into_vec();
        let mut lines = vec![format!("      before: {}", items(&steps[0].0))];
        for (number, (before, action)) in (1..).zip(&steps) {
            let Some(action) = *action else { break };
            let Some(after) = self.next_state(before, action) else { break };
            lines.push(format!("  {number:>3}. {}", step(before, action, &after)));
        }
        lines.push(format!("      after: {}", steps.last().map(|(last, _)| items(last)).unwrap_or_default()));
        lines.join("\n")
    }
}

fn items(state: &State) -> String {
    let one = |who: Who| {
        let item = state.item(who);
        let customer = item.identity.map_or("no customer".into(), |known| format!("customer {}", known.entity));
        let adopted = if item.is_adopted { ", adopted" } else { "" };
        let lease = if item.is_leased { "taken" } else { "free" };
        format!("{who}: {customer}{adopted}, lease {} {lease}", item.lease_seq)
    };
    Who::ALL.map(one).join("; ")
}

fn step(before: &State, action: Action, after: &State) -> String {
    let name = |caller: usize| {
        let Call { who, was_guest, operation } = before.callers[caller].call;
        let letter = char::from(b'A' + u8::try_from(caller).unwrap_or_default());
        format!("{letter} ({who}{}: {operation})", if was_guest { ", was the guest" } else { "" })
    };
    let seen = |lease| if lease == Seen::Lapsed { ", as the former seems to have lapsed" } else { "" };
    let (caller, what) = match action {
        Action::Read(caller) => (caller, "reads".into()),
        Action::Take { caller, lease, write } => {
            let who = before.callers[caller].call.who;
            let seq = after.item(who).lease_seq;
            let taken = seq > before.item(who).lease_seq;
            let what = if taken {
                format!("takes lease {seq} of {who}{}{}", seen(lease), words_of(write))
            } else {
                format!("is not given a new lease of {who}{}", words_of(write))
            };
            (caller, what)
        }
        Action::Look { caller, .. } => (caller, "looks again".into()),
        Action::ReadGuest { caller, lease } => {
            let lapsed = if lease == Seen::Lapsed { ", whose lease seems to have lapsed" } else { "" };
            (caller, format!("reads the guest's item{lapsed}"))
        }
        Action::Move { caller, write } => {
            let moved = before.item(Who::Guest).identity.is_some() && before.items != after.items;
            let what = if moved { "moves the guest's identity" } else { "tries to move the guest's identity" };
            (caller, format!("{what}{}", words_of(write)))
        }
        Action::MoveOut(caller) => (caller, "removes the identity from the guest".into()),
        Action::Ask { caller, is_lost } => {
            let lost = if is_lost { ", and its answer is lost" } else { "" };
            let new = if after.customers.len() > before.customers.len() { "makes a new customer" } else { "answers" };
            (caller, format!("asks, LiveChat {new}{lost}"))
        }
        Action::Finish { caller, write } => {
            let what = if before.items == after.items { "may not store its token" } else { "stores its token" };
            (caller, format!("{what}{}", words_of(write)))
        }
        Action::ReadOwn(caller) => (caller, "looks whether the identity has come to the user".into()),
        Action::GiveUp(caller) => (caller, "ends its lease if it is still its own".into()),
        Action::LateMove => return "a copy of the transaction that was held up arrives, and moves the identity".into(),
        Action::TooLate(caller) => (caller, "has too little time left".into()),
        Action::Crash(caller) => (caller, "dies".into()),
    };
    format!("{} {what}, {}", name(caller), outcome(before, after, caller))
}

fn words_of(write: Write) -> &'static str {
    match write {
        Write::Once => "",
        Write::AnswerLost => " and does not learn it",
        Write::AnswerNever => " and will never learn it",
        Write::Last => " and dies",
        Write::Conflict => ", which meets another write",
        Write::LateAndAgain => " with a transaction that is held up",
        Write::LateAndNever => " with a transaction that is held up for too long",
    }
}

/// What the caller makes of it.
fn outcome(before: &State, after: &State, caller: usize) -> String {
    let Caller { call: Call { who, .. }, phase } = after.callers[caller];
    let customer = |known: Option<Cookies>| match known {
        Some(known) => format!("customer {}", known.entity),
        None => "a new customer".into(),
    };
    match phase {
        Phase::Start => "begins".into(),
        Phase::Renew { .. } => "will try for the lease".into(),
        Phase::TakeAgain { .. } => "will send it again".into(),
        Phase::Waiting { .. } => format!("waits for lease {}", after.item(who).lease_seq),
        Phase::Gone => "is gone".into(),
        Phase::Holding(Holding { known, step, .. }) => match step {
            Step::ReadGuest { .. } => "will look at the guest".into(),
            Step::Move(transaction) => format!("will move {}", customer(Some(transaction.identity))),
            Step::MoveAgain(_) => "will send it again".into(),
            Step::MoveOut(_) => "will remove it from the guest".into(),
            Step::Ask => format!("will ask LiveChat for {}", customer(known)),
            Step::Finish(cookies) => format!("will store {}", customer(Some(cookies))),
            Step::ReadOwn => "will look at the user again".into(),
            Step::GiveUp => "will end its lease".into(),
        },
        Phase::Answered => {
            let customer_of = |phase: &Phase| match phase {
                Phase::Holding(Holding { step: Step::Finish(cookies), .. }) => Some(*cookies),
                Phase::Holding(_) => None,
                _ => after.item(who).issued().map(|(known, _)| known),
            };
            match customer_of(&before.callers[caller].phase) {
                Some(known) => format!("is answered {}", customer(Some(known))),
                None => "is answered an error".into(),
            }
        }
    }
}
