//! What can happen next: the steps of the parts, and what can go wrong. One action is one operation of DynamoDB's or one event
//! of LiveChat's, together with what the caller makes of it before its next one.

use crate::{caller, clock::Clock, properties, state::*};
use stateright::{Model, Property};

/// One of them. Callers are told by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// `Store::read`: of a `getToken` that has just come, or in place of an error.
    Read(usize),
    /// The same, of a `getToken` whose function knows that LiveChat is down.
    ReadWhileDown(usize),
    /// A caller looks at its clock, and sends the write that takes the lease. (Timed; else a part of `Take`.)
    Send(usize),
    /// `Store::take_lease` takes effect or is refused, and the caller sees which.
    Take { caller: usize, lease: Seen, write: Write },
    /// `Store::read` of a caller that waits.
    Look { caller: usize, lease: Seen },
    /// The breaker lets a holder pass, and it looks how long it may ask. (Timed; else a part of `Ask`.)
    Admit(usize),
    /// LiveChat gets a request, and the caller gets the answer or does not.
    Ask { caller: usize, answer: Answer },
    /// `Store::finish`.
    Finish { caller: usize, write: Write },
    /// `Store::give_up`.
    GiveUp { caller: usize, write: Write },
    /// `Store::drop_token`, or `Store::log_out`.
    Drop { caller: usize, write: Write },
    /// `revocation::tell`: LiveChat revokes, and that is recorded; or it cannot be told.
    Tell { caller: usize, told: bool },
    /// A write arrives a second time.
    LateWrite { index: usize, lease: Seen },
    /// LiveChat gets a request that nobody waits for any more.
    LateRequest(usize),
    /// LiveChat forgets the customer on record.
    Forget,
    /// A caller dies, or ends with an error, without another write.
    Crash(usize),
    /// A `getToken` that found a token on record is refused, or out of time, and looks whether it can still answer that.
    Despite(usize),
    /// A caller is stopped, to go on at any later moment. (Timed.)
    Pause(usize),
    /// Time passes, for all. (Timed.)
    Tick,
}

/// How the item's lease looks to who looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// There is none.
    Free,
    Held,
    Lapsed,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// It arrives, and so does its answer.
    Once,
    /// It takes effect; its answer is lost, so it will be sent again.
    AnswerLost,
    /// It arrives, and will arrive a second time.
    Twice,
    /// It takes effect, and the caller dies before it can answer.
    Last,
    /// It never arrives, and the caller goes on without it.
    Never,
}

/// What becomes of a request to LiveChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Token,
    /// A token that is over.
    DeadToken,
    /// The customer is not recognised, this once.
    Other,
    /// LiveChat does nothing, and says so; or the breaker keeps the request back.
    Down,
    /// The holder finds that it has too little time left to ask.
    TooLate,
    /// LiveChat does what it is asked for, and the connection breaks.
    LostThenRetry,
    /// LiveChat does what it is asked for, and the answer is lost for good.
    Lost,
    /// The same, and the caller had less time than LiveChat is due.
    LostOutOfTime,
    /// LiveChat gets the request only after the caller has stopped waiting.
    Late,
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut states = Vec::new();
        for &stored in &self.stored {
            for calls in &self.calls {
                states.extend(self.clocks_of(calls.len()).iter().map(|clocks| self.start(stored, calls, clocks)));
            }
        }
        states
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.steps(state, actions);
        self.faults(state, actions);
    }

    /// What has no effect does not happen: such as one more look at a lease that is still taken.
    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        caller::act(self, &mut next, action)?;
        if self.is(Broken::EventuallyConsistentReads) && next.item != state.item {
            next.item_before = Some(state.item.clone());
        }
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self)
    }

    /// A protocol that is broken may go on for ever.
    fn within_boundary(&self, state: &State) -> bool {
        self.broken.is_none() || state.livechat.requests < 10
    }
}

impl Protocol {
    /// All ways to give each of so many callers one of the clocks.
    fn clocks_of(&self, callers: usize) -> Vec<Vec<i16>> {
        let Clocks::Timed { ahead, .. } = &self.clocks else { return vec![vec![0; callers]] };
        (0..callers).fold(vec![vec![]], |all, _| {
            all.iter().flat_map(|some| ahead.iter().map(|&clock| [some.as_slice(), &[clock]].concat())).collect()
        })
    }

    fn start(&self, stored: Stored, calls: &[Operation], clocks: &[i16]) -> State {
        let Faults { lost_writes, late_writes, lapses, .. } = self.faults;
        assert!(
            !self.is_timed() || lost_writes + late_writes + lapses == 0,
            "faults that are modelled without time only"
        );
        let mut item = Item::default();
        let mut livechat = LiveChat::default();
        let mut history = History::default();
        if stored != Stored::Nothing {
            let cookies = Cookies { entity: 0, secret: 0 };
            item.identity = Some(cookies);
            (item.lease_seq, item.lease_owner) = (1, Some(1));
            if self.secrets == Secrets::Strict {
                livechat.secrets.push(cookies);
            }
            history.answered.push(0);
        }
        if let Stored::Token(life) = stored {
            item.token = Some(Token { request: 0, life, seq: 1 });
            history.note_stored(0, calls.iter().any(|operation| operation.ends_tokens()));
            if calls.contains(&Operation::Logout) {
                item.outstanding.push((0, 1));
                history.given.add(0);
            }
        }
        let callers = calls.iter().zip(clocks).map(|(&operation, &clock)| Caller {
            operation,
            phase: Phase::Start,
            arrival: None,
            clock,
            paused: false,
        });
        history.leases_before = item.lease_seq;
        State {
            item,
            livechat,
            callers: callers.collect(),
            late_writes: Vec::new(),
            left: self.faults,
            history,
            item_before: None,
        }
    }

    /// What the parts do by themselves, if nothing goes wrong any more.
    pub(crate) fn steps(&self, state: &State, actions: &mut Vec<Action>) {
        for index in 0..state.callers.len() {
            self.steps_of(state, index, actions);
        }
        if let Some(clock) = Clock::of(self)
            && !state.callers.iter().any(|caller| clock.is_due(caller))
        {
            actions.push(Action::Tick);
        }
    }

    fn steps_of(&self, state: &State, caller: usize, actions: &mut Vec<Action>) {
        let now = &state.callers[caller];
        let write = Write::Once;
        match now.phase {
            Phase::Start if now.operation == Operation::GetToken => actions.push(Action::Read(caller)),
            Phase::Start if now.operation.ends_tokens() => actions.push(Action::Drop { caller, write }),
            Phase::Telling(_) => actions.push(Action::Tell { caller, told: true }),
            Phase::Start | Phase::Renew { .. } if self.is_timed() => actions.push(Action::Send(caller)),
            Phase::Start | Phase::Renew { .. } | Phase::TakeSent { .. } | Phase::TakeAgain { .. } => {
                actions.extend(self.seen(state, caller).iter().map(|&lease| Action::Take { caller, lease, write }));
            }
            Phase::Waiting { .. } => {
                actions.extend(self.seen(state, caller).iter().map(|&lease| Action::Look { caller, lease }));
            }
            Phase::Holding(holding) => actions.push(match holding.step {
                Step::Admit => Action::Admit(caller),
                Step::Ask(_) => Action::Ask { caller, answer: Answer::Token },
                Step::Finish(_) => Action::Finish { caller, write },
                Step::GiveUp(_) => Action::GiveUp { caller, write },
            }),
            Phase::DropAgain => actions.push(Action::Drop { caller, write }),
            Phase::Despite => actions.push(Action::Read(caller)),
            Phase::Answered | Phase::Gone => {}
        }
    }

    /// What can go wrong.
    fn faults(&self, state: &State, actions: &mut Vec<Action>) {
        for caller in 0..state.callers.len() {
            self.faults_of(state, caller, actions);
            ends_of(state, caller, actions);
        }
        for (index, write) in state.late_writes.iter().enumerate() {
            let lease = seen_by_late_write(state, write);
            actions.extend(lease.map(|lease| Action::LateWrite { index, lease }));
        }
        actions.extend((0..state.livechat.late_requests.len()).map(Action::LateRequest));
        if state.left.forgets > 0 {
            actions.push(Action::Forget);
        }
    }

    /// What can go wrong with a caller's next step.
    fn faults_of(&self, state: &State, caller: usize, actions: &mut Vec<Action>) {
        let (now, left) = (&state.callers[caller], state.left);
        let answer_lost = (left.lost_writes > 0).then_some(Write::AnswerLost);
        let never = (left.lost_writes > 0).then_some(Write::Never);
        let twice = (left.late_writes > 0).then_some(Write::Twice);
        let last = (left.crashes > 0).then_some(Write::Last);
        match now.phase {
            Phase::Start if now.operation == Operation::GetToken => {
                actions.extend((left.downs > 0).then_some(Action::ReadWhileDown(caller)));
            }
            Phase::Telling(_) => {
                actions.extend((left.downs > 0).then_some(Action::Tell { caller, told: false }));
            }
            Phase::Start if now.operation.ends_tokens() => {
                actions.extend([answer_lost, twice].into_iter().flatten().map(|write| Action::Drop { caller, write }));
            }
            Phase::Start | Phase::Renew { .. } if self.is_timed() => {}
            Phase::Start | Phase::Renew { .. } | Phase::TakeSent { .. } | Phase::TakeAgain { .. } => {
                let too_early = self.seen_too_early(state);
                let write = Write::Once;
                actions.extend(too_early.map(|lease| Action::Take { caller, lease, write }));
                for lease in self.seen(state, caller).into_iter().chain(too_early) {
                    let writes = [answer_lost, twice].into_iter().flatten();
                    actions.extend(writes.map(|write| Action::Take { caller, lease, write }));
                }
            }
            Phase::Waiting { .. } => {
                actions.extend(self.seen_too_early(state).map(|lease| Action::Look { caller, lease }));
            }
            Phase::Holding(holding) => match holding.step {
                Step::Admit => {}
                Step::Ask(attempt) => {
                    let answers = self.bad_answers(left, holding.known.is_some(), attempt);
                    actions.extend(answers.map(|answer| Action::Ask { caller, answer }));
                }
                Step::Finish(_) => {
                    let writes = [answer_lost, twice, last].into_iter().flatten();
                    actions.extend(writes.map(|write| Action::Finish { caller, write }));
                }
                Step::GiveUp(_) => {
                    let writes = [never, twice].into_iter().flatten();
                    actions.extend(writes.map(|write| Action::GiveUp { caller, write }));
                }
            },
            _ => {}
        }
    }

    fn bad_answers(&self, left: Faults, names_a_customer: bool, attempt: Attempt) -> impl Iterator<Item = Answer> {
        // `Miss::may_try_again`, and `Accounts::token` as against `token_at_once`.
        let may_try_again = (names_a_customer || self.is(Broken::RetriesNewCustomer)) && attempt == Attempt::First;
        [
            (left.dead_tokens, Answer::DeadToken, true),
            (left.glitches, Answer::Other, names_a_customer),
            (left.downs, Answer::Down, true),
            (left.too_lates, Answer::TooLate, attempt == Attempt::First),
            (left.lost_answers, Answer::LostThenRetry, may_try_again),
            (left.lost_answers, Answer::Lost, true),
            (left.lost_answers, Answer::LostOutOfTime, true),
            (left.late_requests, Answer::Late, names_a_customer),
        ]
        .into_iter()
        .filter_map(|(left, answer, possible)| (left > 0 && possible).then_some(answer))
    }

    /// How the lease can look to a caller, without anything being wrong.
    fn seen(&self, state: &State, caller: usize) -> Vec<Seen> {
        let Some(until) = state.item.lease_until else { return vec![Seen::Free] };
        if let Some(clock) = Clock::of(self) {
            let held = clock.is_held(until, state.callers[caller].clock_of_its_write());
            return vec![if held { Seen::Held } else { Seen::Lapsed }];
        }
        if state.has_live_holder() { vec![Seen::Held] } else { vec![Seen::Held, Seen::Lapsed] }
    }

    /// How the lease can look though its holder lives.
    fn seen_too_early(&self, state: &State) -> Option<Seen> {
        (!self.is_timed() && state.left.lapses > 0 && state.has_live_holder()).then_some(Seen::Lapsed)
    }
}

/// How a caller can end, or stop for a while, in the middle.
fn ends_of(state: &State, caller: usize, actions: &mut Vec<Action>) {
    let (now, left) = (&state.callers[caller], state.left);
    // Who holds nothing and dies is as one that never goes on.
    let holds =
        matches!(now.phase, Phase::Holding(_) | Phase::TakeSent { .. } | Phase::TakeAgain { .. } | Phase::Telling(_));
    if left.crashes > 0 {
        actions.extend(holds.then_some(Action::Crash(caller)));
        actions.extend(now.found_token().then_some(Action::Despite(caller)));
    }
    let pauses = match now.phase {
        Phase::Holding(_) => left.pauses,
        Phase::TakeSent { .. } => left.late_takes,
        _ => 0,
    };
    actions.extend((pauses > 0 && !now.paused).then_some(Action::Pause(caller)));
}

/// How the lease can look to a write that was held up. One that wants to take it and finds it held has no effect.
fn seen_by_late_write(state: &State, write: &LateWrite) -> Option<Seen> {
    match (write, state.item.lease_until) {
        (LateWrite::Take { .. }, None) => Some(Seen::Free),
        (LateWrite::Take { .. }, Some(_)) => {
            (!state.has_live_holder() || state.left.lapses > 0).then_some(Seen::Lapsed)
        }
        // These do not look.
        (LateWrite::Finish(..) | LateWrite::GiveUp(..) | LateWrite::DropToken | LateWrite::LogOut, _) => {
            Some(Seen::Held)
        }
    }
}
