//! What can happen next: the steps of the callers, and what can go wrong. One action is one operation of DynamoDB's or one event
//! of LiveChat's, together with what the caller makes of it before its next one.

use super::{caller, properties, state::*};
use crate::actions::Seen;
use stateright::{Model, Property};

/// One of them. Callers are told by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// `Store::read` of a `getToken` that has just come.
    Read(usize),
    /// `Store::take_lease` takes effect or is refused, and the caller sees which, or loses the answer.
    Take { caller: usize, lease: Seen, write: Write },
    /// `Store::read` of a caller that waits.
    Look { caller: usize, lease: Seen },
    /// `Store::read` of the guest's item, by a user's holder. The lease is the guest's.
    ReadGuest { caller: usize, lease: Seen },
    /// `Store::read` of the user's own item, by a user's holder who found that somebody has moved the guest's identity.
    ReadOwn(usize),
    /// `Store::adopt`.
    Move { caller: usize, write: Write },
    /// The guest's half of it. (`Broken::TwoWrites`.)
    MoveOut(usize),
    /// LiveChat gets a request, and the caller gets the answer or does not.
    Ask { caller: usize, is_lost: bool },
    /// `Store::finish`.
    Finish { caller: usize, write: Write },
    /// `Store::give_up`.
    GiveUp(usize),
    /// A copy of a transaction arrives that was held up.
    LateMove,
    /// A holder finds that it has too little time left.
    TooLate(usize),
    /// A holder dies.
    Crash(usize),
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// It arrives, and so does its answer.
    Once,
    /// It takes effect; its answer is lost, so the SDK will send it again.
    AnswerLost,
    /// It takes effect; its answer is lost for good, which is an error.
    AnswerNever,
    /// It takes effect, and the caller dies before it can answer.
    Last,
    /// It meets another write and is refused.
    Conflict,
    /// It is held up; the SDK gives it up for lost and will send it again.
    LateAndAgain,
    /// It is held up until the caller has given it up for lost, which is an error.
    LateAndNever,
}

impl Model for Adoption {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let starts = self.stored.iter().flat_map(|&stored| self.calls.iter().map(move |calls| (stored, calls)));
        starts.map(|(stored, calls)| self.start(stored, calls)).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        steps(state, actions);
        for caller in 0..state.callers.len() {
            self.faults_of(state, caller, actions);
        }
        actions.extend(state.late_move.map(|_| Action::LateMove));
    }

    /// What has no effect does not happen: such as one more look at a lease that is still taken.
    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        caller::act(self, &mut next, action)?;
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self)
    }
}

impl Adoption {
    fn start(&self, stored: Stored, calls: &[Call]) -> State {
        let mut guest = Item::default();
        let mut customers = Vec::new();
        let mut history = History::default();
        if stored != Stored::Nothing {
            guest.identity = Some(Cookies { entity: 0, secret: 0 });
            (guest.lease_seq, guest.version) = (1, 2);
            customers.push(0);
            history.stored.add(0);
            history.answered[Who::Guest as usize].add(0);
        }
        guest.token = matches!(stored, Stored::Token(_)).then_some(1);
        let callers = calls.iter().map(|&call| Caller { call, phase: Phase::Start });
        State {
            items: [guest, Item::default(), Item::default()],
            customers,
            callers: callers.collect(),
            late_move: None,
            left: self.faults,
            history,
        }
    }

    /// What can go wrong with a caller's next step.
    fn faults_of(&self, state: &State, caller: usize, actions: &mut Vec<Action>) {
        let (Caller { call, phase }, left) = (&state.callers[caller], state.left);
        let possible = |write: Write| match write {
            Write::Once => true,
            Write::AnswerLost | Write::AnswerNever => left.lost_writes > 0,
            Write::Last => left.crashes > 0,
            Write::Conflict => left.conflicts > 0,
            Write::LateAndAgain | Write::LateAndNever => left.late_moves > 0,
        };
        match phase {
            Phase::Start if !call.is_fresh() => {}
            Phase::Start | Phase::Renew { .. } | Phase::TakeAgain { .. } => {
                let writes = [Write::AnswerLost].into_iter().filter(|&write| possible(write));
                let leases = seen(state, call.who);
                actions.extend(
                    writes.flat_map(|write| leases.iter().map(move |&lease| Action::Take { caller, lease, write })),
                );
            }
            Phase::Holding(Holding { step: Step::Move(_), .. }) => {
                use Write::{AnswerLost, AnswerNever, Conflict, LateAndAgain, LateAndNever};
                let writes = [AnswerLost, AnswerNever, Conflict, LateAndAgain, LateAndNever];
                actions.extend(
                    writes.into_iter().filter(|&write| possible(write)).map(|write| Action::Move { caller, write }),
                );
            }
            Phase::Holding(Holding { step: Step::Ask, .. }) => {
                actions.extend((left.lost_answers > 0).then_some(Action::Ask { caller, is_lost: true }));
            }
            Phase::Holding(Holding { step: Step::Finish(_), .. }) => {
                let writes = [Write::AnswerLost, Write::Last].into_iter().filter(|&write| possible(write));
                actions.extend(writes.map(|write| Action::Finish { caller, write }));
            }
            _ => {}
        }
        if let Phase::Holding(Holding { step: Step::ReadGuest { .. } | Step::Move(_) | Step::Ask, .. }) = phase {
            actions.extend((left.too_lates > 0).then_some(Action::TooLate(caller)));
        }
        let holds = match phase {
            // A strict LiveChat's new secret would die too, adoption or not: the model of the renewal has that.
            Phase::Holding(Holding { step: Step::Finish(_), .. }) => self.secrets == Secrets::Lenient,
            Phase::Holding(_) | Phase::TakeAgain { .. } => true,
            // Who holds nothing and dies is as one that never goes on.
            _ => false,
        };
        actions.extend((holds && left.crashes > 0).then_some(Action::Crash(caller)));
    }
}

/// What the callers do by themselves, if nothing goes wrong any more.
pub(crate) fn steps(state: &State, actions: &mut Vec<Action>) {
    for caller in 0..state.callers.len() {
        let Caller { call, phase } = state.callers[caller];
        let write = Write::Once;
        let looks = |who, action: fn(usize, Seen) -> Action| {
            seen(state, who).into_iter().map(move |lease| action(caller, lease))
        };
        match phase {
            Phase::Start if !call.is_fresh() => actions.push(Action::Read(caller)),
            Phase::Start | Phase::Renew { .. } | Phase::TakeAgain { .. } => {
                actions.extend(looks(call.who, |caller, lease| Action::Take { caller, lease, write: Write::Once }));
            }
            Phase::Waiting { .. } => {
                actions.extend(looks(call.who, |caller, lease| Action::Look { caller, lease }));
            }
            Phase::Holding(Holding { step, .. }) => match step {
                Step::ReadGuest { .. } => {
                    actions.extend(looks(Who::Guest, |caller, lease| Action::ReadGuest { caller, lease }));
                }
                Step::Move(_) | Step::MoveAgain(_) => actions.push(Action::Move { caller, write }),
                Step::MoveOut(_) => actions.push(Action::MoveOut(caller)),
                Step::Ask => actions.push(Action::Ask { caller, is_lost: false }),
                Step::Finish(_) => actions.push(Action::Finish { caller, write }),
                Step::ReadOwn => actions.push(Action::ReadOwn(caller)),
                Step::GiveUp => actions.push(Action::GiveUp(caller)),
            },
            Phase::Answered | Phase::Gone => {}
        }
    }
}

/// How the lease can look.
fn seen(state: &State, who: Who) -> Vec<Seen> {
    if !state.item(who).is_leased {
        vec![Seen::Free]
    } else if state.has_live_holder(who) && state.left.lapses == 0 {
        vec![Seen::Held]
    } else {
        vec![Seen::Held, Seen::Lapsed]
    }
}
