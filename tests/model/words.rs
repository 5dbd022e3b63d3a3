//! Traces as readable text.

use super::{
    actions::{Action, LeaseView, Read, Response, Write},
    state::{Doing, LateWrite, Protocol, State},
    table::{Item, Who, cookies_of, request_of},
};
use crate::renewal::{Action as Next, Phase};
use stateright::{Model, Path};

/// The steps of `path`, a line each.
pub(super) fn of(protocol: &Protocol, path: Path<State, Action>) -> String {
    let steps = path.into_vec();
    let mut lines = vec![format!("      before: {}", items(protocol, &steps[0].0))];
    for (number, (before, action)) in (1..).zip(&steps) {
        let Some(action) = *action else { break };
        let Some(after) = protocol.next_state(before, action) else { break };
        lines.push(format!("  {number:>3}. {}", step(before, action, &after)));
    }
    lines.push(format!("      after: {}", steps.last().map(|(last, _)| items(protocol, last)).unwrap_or_default()));
    lines.join("\n")
}

fn items(protocol: &Protocol, state: &State) -> String {
    if !protocol.adopts() {
        return item(state.item(Who::User1));
    }
    Who::ALL.map(|who| format!("{who}: {}", item(state.item(who)))).join("; ")
}

fn item(item: &Item) -> String {
    let customer = item.entity().map_or("no customer".into(), |entity| format!("customer {entity}"));
    let token = item.token().map_or("no token".into(), |token| format!("token {token}"));
    let lease = if item.is_leased() { "held" } else { "free" };
    let adopted = if item.record().is_adopted { ", adopted" } else { "" };
    format!("{customer}, {token}, lease {} {lease}{adopted}", item.leases())
}

fn step(before: &State, action: Action, after: &State) -> String {
    let (caller, what) = match action {
        Action::Read { caller, lease, how } => (caller, read(before, caller, lease, how)),
        Action::Send(caller) => (caller, "sends the write that acquires the lease".into()),
        Action::Acquire { caller, lease, write, is_short } => {
            (caller, acquire(before, after, (caller, lease, write, is_short)))
        }
        Action::Enter(caller) => (caller, "passes the circuit breaker".into()),
        Action::Revoke { caller, is_told } | Action::Tell { caller, is_told } => {
            let what =
                if is_told { "tells LiveChat to revoke tokens" } else { "cannot tell LiveChat to revoke tokens" };
            (caller, what.into())
        }
        Action::Call { caller, response } => (caller, call(after, response)),
        Action::Commit { caller, write } => {
            let is_stored = before.items != after.items;
            let what = if is_stored { "stores its token" } else { "does not store its token" };
            (caller, format!("{what}{}", of_write(write)))
        }
        Action::Release { caller, write } => {
            let is_released = before.items != after.items;
            let what = if is_released { "releases its lease" } else { "does not release its lease" };
            (caller, format!("{what}{}", of_write(write)))
        }
        Action::Drop { caller, write } => {
            let is_logout = before.callers[caller].call.operation == super::state::Operation::Logout;
            let what = if is_logout { "logs out" } else { "drops the token" };
            (caller, format!("{what}{}", of_write(write)))
        }
        Action::Move { caller, write } => {
            let what = if before.items == after.items { "tries to move" } else { "moves" };
            (caller, format!("{what} the guest's identity{}", of_write(write)))
        }
        Action::MoveOut(caller) => (caller, "removes the identity from the guest".into()),
        Action::Crash(caller) => (caller, "dies".into()),
        Action::Pause(caller) => (caller, "is paused".into()),
        Action::LateWrite { index, .. } => {
            let what = match &before.late_writes[index] {
                LateWrite::Acquire { .. } => "acquires a lease a second time",
                LateWrite::Other { what, .. } => what,
            };
            return format!("a copy of a write arrives late, and {what}");
        }
        Action::LateMove => return "a copy of the transaction arrives late, and moves the identity".into(),
        Action::LateRequest(_) => {
            return format!("LiveChat receives call {}, for which no caller waits any more", after.livechat.requests);
        }
        Action::Forget => return "LiveChat forgets the customer".into(),
        Action::Tick => return "time passes".into(),
    };
    format!("{} {what}, {}", name(before, caller), outcome(before, after, caller))
}

fn name(state: &State, caller: usize) -> String {
    let call = state.callers[caller].call;
    let letter = char::from(b'A' + u8::try_from(caller).unwrap_or_default());
    let who = if call.who == Who::User1 { String::new() } else { format!("{}: ", call.who) };
    let was_guest = if call.was_guest { ", was the guest" } else { "" };
    format!("{letter} ({who}{}{was_guest})", call.operation)
}

fn read(before: &State, caller: usize, lease: LeaseView, how: Read) -> String {
    let what = match before.callers[caller].next() {
        Some(Next::ReadGuest) => "reads the guest's record",
        Some(Next::Read) => "reads the record again",
        _ => "reads the record",
    };
    let expired = if lease == LeaseView::Expired { ", whose lease seems to have expired" } else { "" };
    let how = match how {
        Read::Normal => "",
        Read::WhileDown => ", and knows that LiveChat is down",
        Read::OutOfTime => ", and has no time left",
    };
    format!("{what}{expired}{how}")
}

fn acquire(before: &State, after: &State, (caller, lease, write, is_short): (usize, LeaseView, Write, bool)) -> String {
    let who = before.callers[caller].call.who;
    let seq = after.item(who).leases();
    if seq == before.item(who).leases() {
        return format!("acquires no lease{}", of_write(write));
    }
    let how = match lease {
        LeaseView::Free => "",
        LeaseView::Held => ", though it is held",
        LeaseView::Expired => ", as the one before seems to have expired",
    };
    let short = if is_short { ", with little time left" } else { "" };
    format!("acquires lease {seq}{how}{short}{}", of_write(write))
}

fn of_write(write: Write) -> &'static str {
    match write {
        Write::Once => "",
        Write::ResponseLost => " but gets no response",
        Write::ResponseNeverComes => " but will never get a response",
        Write::Twice => " with a write that will arrive a second time",
        Write::Last => " and dies",
        Write::Never => " as its write is lost",
        Write::Conflict => ", and conflicts with another write",
        Write::LateAndAgain => " with a transaction that is delayed",
        Write::LateAndNever => " with a transaction that is delayed for too long",
    }
}

fn call(after: &State, response: Response) -> String {
    let request = after.livechat.requests;
    match response {
        Response::Token => format!("calls LiveChat, which issues token {request}"),
        Response::ExpiredToken => format!("calls LiveChat, which issues token {request}, already expired"),
        Response::Other => format!("calls LiveChat, which does not recognise the customer and issues token {request}"),
        Response::IdentityLost => "calls LiveChat, which has lost the customer".into(),
        Response::Down => "calls LiveChat, which is down".into(),
        Response::NotReady => "has too little time to call LiveChat".into(),
        Response::Broken | Response::Lost | Response::LostOutOfTime => {
            format!("calls LiveChat, which issues token {request}, and the response is lost")
        }
        Response::Late => "calls LiveChat, which does not receive the call in time".into(),
    }
}

/// What the caller does next, or its result.
fn outcome(before: &State, after: &State, caller: usize) -> String {
    match &after.callers[caller].doing {
        Doing::Start => "begins".into(),
        Doing::DropAgain => "will send the write again".into(),
        Doing::Telling(due) => format!("will tell LiveChat to revoke {} tokens", due.len()),
        Doing::Gone => "has died".into(),
        Doing::Ended => given(before, after, caller),
        Doing::Renewing(renewing) => match (&renewing.next, &renewing.renewal.phase) {
            (Next::Read, Phase::ReadingHeld) => "waits".into(),
            (Next::Read, _) => "will read the record".into(),
            (Next::ReadGuest, _) => "will read the guest's record".into(),
            (Next::Acquire { .. }, _) => "will try to acquire the lease".into(),
            (Next::Call(call), _) => {
                let customer = call.known.as_ref().map(cookies_of).map(|known| known.entity);
                format!(
                    "will call LiveChat for {}",
                    customer.map_or("a new customer".into(), |entity| format!("customer {entity}"))
                )
            }
            (Next::Commit(commit), _) => format!("will store token {}", request_of(&commit.token)),
            (Next::Release(release), _) if release.failed.is_some() => {
                "will release its lease and record the failure".into()
            }
            (Next::Release(_), _) => "will release its lease".into(),
            (Next::Move(_), _) => "will move the guest's identity".into(),
            (Next::Revoke(_) | Next::Tell(_), _) => "will tell LiveChat to revoke tokens".into(),
            _ => "continues".into(),
        },
    }
}

fn given(before: &State, after: &State, caller: usize) -> String {
    let who = before.callers[caller].call.who;
    if before.callers[caller].call.operation.ends_tokens() {
        return "and ends".into();
    }
    let had_token = before.callers[caller].renewing().is_some_and(|renewing| renewing.renewal.fallback.is_some());
    let customers = |state: &State| (state.history.given_customers.len(), state.history.customers_of);
    let is_given = customers(before) != customers(after) || had_token || after.item(who).token().is_some();
    if is_given { format!("and ends, as {}", item(after.item(who))) } else { "and ends without a token".into() }
}
