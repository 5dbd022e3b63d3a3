//! What a trace says, in words.

use crate::{
    actions::{Action, Answer, Seen, Write},
    state::*,
};
use stateright::{Model, Path};

/// The steps of `path`, a line each.
pub(crate) fn of(protocol: &Protocol, path: Path<State, Action>) -> String {
    let steps = path.into_vec();
    let mut lines = vec![format!("      before: {}", item(&steps[0].0.item))];
    for (number, (before, action)) in (1..).zip(&steps) {
        let Some(action) = *action else { break };
        let Some(after) = protocol.next_state(before, action) else { break };
        lines.push(format!("  {number:>3}. {}", step(before, action, &after)));
    }
    lines.push(format!("      after: {}", steps.last().map(|(last, _)| item(&last.item)).unwrap_or_default()));
    lines.join("\n")
}

fn item(item: &Item) -> String {
    let customer = item.identity.map_or("no customer".into(), |known| format!("customer {}", known.entity));
    let token = item.token.map_or("no token".into(), |token| format!("token {} ({:?})", token.request, token.life));
    let lease = if item.lease_until.is_some() { "taken" } else { "free" };
    format!("{customer}, {token}, lease {} {lease}", item.lease_seq)
}

fn step(before: &State, action: Action, after: &State) -> String {
    let who = |caller: usize| {
        let name = char::from(b'A' + u8::try_from(caller).unwrap_or_default());
        format!("{name} ({})", before.callers[caller].operation)
    };
    match action {
        Action::Read(caller) | Action::ReadWhileDown(caller) => {
            format!("{} reads, {}", who(caller), outcome(before, after, caller))
        }
        Action::Send(caller) => format!("{} sends a write for the lease", who(caller)),
        Action::Take { caller, lease, write } => {
            let write = write_words(write);
            if after.item.lease_seq > before.item.lease_seq {
                let how = match lease {
                    Seen::Free => "",
                    Seen::Held => ", though it is held",
                    Seen::Lapsed => ", as the former seems to have lapsed",
                };
                format!("{} takes lease {}{how}{write}", who(caller), after.item.lease_seq)
            } else {
                format!("{} is refused the lease{write}, {}", who(caller), outcome(before, after, caller))
            }
        }
        Action::Look { caller, .. } => format!("{} looks again, {}", who(caller), outcome(before, after, caller)),
        Action::Admit(caller) => format!("{} begins to ask LiveChat, {}", who(caller), outcome(before, after, caller)),
        Action::Ask { caller, answer } => {
            format!("{}: {}, {}", who(caller), answered(before, after, answer), outcome(before, after, caller))
        }
        Action::Finish { caller, write } => {
            let stored =
                if before.item.token == after.item.token { "may not store its token" } else { "stores its token" };
            format!("{} {stored}{}, {}", who(caller), write_words(write), outcome(before, after, caller))
        }
        Action::GiveUp { caller, write } => {
            let freed = before.item.lease_until.is_some() && after.item.lease_until.is_none();
            let ended = if freed { format!("ends lease {}", before.item.lease_seq) } else { "ends no lease".into() };
            format!("{} {ended}{}, {}", who(caller), write_words(write), outcome(before, after, caller))
        }
        Action::Drop { caller, write } if before.callers[caller].operation == Operation::Logout => {
            format!("{} logs out{}, {}", who(caller), write_words(write), outcome(before, after, caller))
        }
        Action::Tell { caller, told } => {
            let told = if told { "tells LiveChat to revoke" } else { "cannot tell LiveChat to revoke" };
            format!("{} {told}, {}", who(caller), outcome(before, after, caller))
        }
        Action::Drop { caller, write } => {
            format!("{} drops the token{}, {}", who(caller), write_words(write), outcome(before, after, caller))
        }
        Action::LateWrite { index, .. } => {
            let what = match before.late_writes[index] {
                LateWrite::Take { .. } => format!("takes lease {}", after.item.lease_seq),
                LateWrite::Finish(..) => "stores its token again".into(),
                LateWrite::GiveUp(..) => format!("ends lease {}", before.item.lease_seq),
                LateWrite::DropToken => "drops the token".into(),
                LateWrite::LogOut => "logs out".into(),
            };
            format!("a write that was held up arrives, and {what}")
        }
        Action::LateRequest(_) => {
            format!("LiveChat gets request {}, which nobody waits for any more", after.livechat.requests)
        }
        Action::Forget => "LiveChat forgets the customer".into(),
        Action::Crash(caller) => format!("{} dies", who(caller)),
        Action::Despite(caller) => format!("{} is out of time, {}", who(caller), outcome(before, after, caller)),
        Action::Pause(caller) => format!("{} is stopped for a while", who(caller)),
        Action::Tick => "time passes".into(),
    }
}

fn write_words(write: Write) -> &'static str {
    match write {
        Write::Once => "",
        Write::AnswerLost => " and does not learn it",
        Write::Twice => " with a write that will arrive once more",
        Write::Last => " and dies",
        Write::Never => " as its write gets lost",
    }
}

fn answered(before: &State, after: &State, answer: Answer) -> String {
    let request = after.livechat.requests;
    match answer {
        Answer::Token => format!("LiveChat answers token {request}"),
        Answer::DeadToken => format!("LiveChat answers token {request}, which is over"),
        Answer::Other => format!("LiveChat does not recognise the customer and answers token {request}"),
        Answer::Down => "LiveChat is down".into(),
        Answer::TooLate => "there is no time left to ask LiveChat".into(),
        Answer::LostThenRetry | Answer::Lost | Answer::LostOutOfTime => {
            format!("LiveChat issues token {request}, and its answer is lost")
        }
        Answer::Late => format!("no answer from LiveChat in time, not even to request {}", before.livechat.requests),
    }
}

/// What the caller makes of it.
fn outcome(before: &State, after: &State, caller: usize) -> String {
    match after.callers[caller].phase {
        Phase::Start => "begins".into(),
        Phase::Renew { .. } => "will try for the lease".into(),
        Phase::TakeSent { .. } => "waits for the write".into(),
        Phase::TakeAgain { .. } | Phase::DropAgain => "will send it again".into(),
        Phase::Waiting { .. } => format!("waits for lease {}", after.item.lease_seq),
        Phase::Telling(due) => format!("will tell LiveChat to revoke {} tokens", due.count()),
        Phase::Despite => "will look whether the stored token lives".into(),
        Phase::Gone => "is gone".into(),
        Phase::Holding(Holding { seq, known, step, .. }) => match step {
            Step::Admit => format!("holds lease {seq}"),
            Step::Ask(Attempt::First) => format!("asks LiveChat {}", customer(known)),
            Step::Ask(_) => format!("asks LiveChat once more {}", customer(known)),
            Step::Finish(grant) => format!("will store it for {}", customer(Some(grant.cookies))),
            Step::GiveUp(Some(_)) => format!("will end lease {seq} with word of the failure"),
            Step::GiveUp(None) => format!("will end lease {seq} without a word"),
        },
        Phase::Answered => match (before.callers[caller].phase, before.item_to_read().issued()) {
            (Phase::Holding(Holding { step: Step::Finish(grant), .. }), _) => {
                format!("is answered token {} of {}", grant.request, customer(Some(grant.cookies)))
            }
            (Phase::Holding(Holding { step: Step::Ask(_), .. }), _) => "is answered it".into(),
            (Phase::Holding(_), _) => "is answered an error".into(),
            _ if before.callers[caller].operation.ends_tokens() => "is answered".into(),
            (Phase::Start | Phase::Despite, Some((known, token))) => {
                format!("is answered token {} of {}", token.request, customer(Some(known)))
            }
            (
                Phase::Renew { need, .. } | Phase::TakeSent { need, .. } | Phase::Waiting { need, .. },
                Some((known, token)),
            ) if need.takes_token(token.seq) || before.item.failed.is_none() => {
                format!("is answered token {} of {}", token.request, customer(Some(known)))
            }
            _ => "is answered an error".into(),
        },
    }
}

fn customer(known: Option<Cookies>) -> String {
    known.map_or("a new customer".into(), |known| format!("customer {}", known.entity))
}
