//! What can happen next: the steps of the callers, and what can go wrong. One action is one operation of DynamoDB's or one event of
//! LiveChat's, together with what the caller does until its next operation.

use super::{
    act,
    clock::Clock,
    history::History,
    properties,
    state::{Caller, Clocks, Doing, Faults, LateWrite, LiveChat, Operation, Protocol, Secrets, State, Stored},
    table::{NOW, Who},
};
use crate::{
    identity::UnixMs,
    renewal::{Action as Next, GrantType, Phase, record::Lease},
};
use stateright::{Model, Property};

/// One thing that can happen next. A caller is identified by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The caller reads the record that it wants.
    Read { caller: usize, lease: LeaseView, how: Read },
    /// A caller reads its clock, and sends the write that acquires the lease. (Timed; else a part of `Acquire`.)
    Send(usize),
    /// That write takes effect or is rejected, and the caller sees which.
    Acquire { caller: usize, lease: LeaseView, write: Write, is_short: bool },
    /// The circuit breaker lets a holder pass. (Timed; else a part of the step before.)
    Enter(usize),
    /// LiveChat is told to revoke old tokens before it is called; or it cannot be told.
    Revoke { caller: usize, is_told: bool },
    /// LiveChat receives a call, and the caller gets the response or does not.
    Call { caller: usize, response: Response },
    /// The result is stored, and the lease ends.
    Commit { caller: usize, write: Write },
    /// The lease ends without a result.
    Release { caller: usize, write: Write },
    /// `invalidate`, or a logout.
    Drop { caller: usize, write: Write },
    /// LiveChat is told to revoke tokens, and that is recorded; or it cannot be told.
    Tell { caller: usize, is_told: bool },
    /// The guest's identity moves to the user.
    Move { caller: usize, write: Write },
    /// The guest's half of it. ([`Tamper::TwoWrites`](super::tamper::Tamper::TwoWrites).)
    MoveOut(usize),
    /// A copy of a write arrives.
    LateWrite { index: usize, lease: LeaseView },
    /// A copy of a transaction arrives.
    LateMove,
    /// LiveChat receives a call for which no caller waits any more.
    LateRequest(usize),
    /// LiveChat forgets the customer on record.
    Forget,
    /// A caller dies.
    Crash(usize),
    /// A caller is stopped, to go on at any later moment. (Timed.)
    Pause(usize),
    /// Time passes, for all. (Timed.)
    Tick,
}

/// How an item's lease looks to the caller that looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeaseView {
    /// There is none.
    Free,
    Held,
    Expired,
}

/// The situation of a caller that reads a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Normal,
    /// It knows that LiveChat is down.
    WhileDown,
    /// It has too little time left to go on waiting.
    OutOfTime,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// It arrives, and so does its response.
    Once,
    /// It takes effect. Its response is lost, so the SDK will send it again.
    ResponseLost,
    /// It takes effect. Its response never arrives, which is an error.
    ResponseNeverComes,
    /// It arrives, and will arrive a second time.
    Twice,
    /// It takes effect, and the caller dies before it can return.
    Last,
    /// It never arrives, and the caller goes on without it.
    Never,
    /// It conflicts with another write and is rejected.
    Conflict,
    /// It is delayed. To the SDK it is lost, so the SDK will send it again.
    LateAndAgain,
    /// It is delayed beyond its time-out: the caller takes it for lost, and gets an error.
    LateAndNever,
}

/// What becomes of a call to LiveChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Response {
    Token,
    /// A token that has expired.
    ExpiredToken,
    /// The customer is not recognised, this once.
    Other,
    /// LiveChat says that it lost the customer, and does nothing.
    IdentityLost,
    /// LiveChat does nothing, and says so; or the circuit breaker holds the call back.
    Down,
    /// There is too little time left when the agent token is there, so LiveChat is not called.
    NotReady,
    /// LiveChat does what it is asked for, and the connection breaks.
    Broken,
    /// LiveChat does what it is asked for, and no response comes in time.
    Lost,
    /// The same, and the caller had too little time left for a full time-out.
    LostOutOfTime,
    /// LiveChat receives the call only after the caller has stopped waiting.
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

    /// What has no effect does not happen: such as one more look at a lease that is still held.
    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        act::act(self, &mut next, action)?;
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self)
    }

    /// A protocol that is tampered with may never end.
    fn within_boundary(&self, state: &State) -> bool {
        self.tamper.is_none() || state.livechat.requests < 10
    }
}

impl Protocol {
    /// All ways to give each caller one of the clocks.
    fn clocks_of(&self, callers: usize) -> Vec<Vec<i16>> {
        let Clocks::Timed { ahead, .. } = &self.clocks else { return vec![vec![0; callers]] };
        (0..callers).fold(vec![vec![]], |all, _| {
            all.iter().flat_map(|some| ahead.iter().map(|&clock| [some.as_slice(), &[clock]].concat())).collect()
        })
    }

    fn start(&self, stored: Stored, calls: &[super::state::Call], clocks: &[i16]) -> State {
        let Faults { lost_writes, late_writes, early_expiries, .. } = self.faults;
        let untimed = lost_writes + late_writes + early_expiries;
        assert!(!self.is_timed() || untimed == 0, "faults that are modelled without time only");
        let mut state = State {
            items: State::items_before(self, stored),
            livechat: LiveChat::default(),
            callers: calls.iter().zip(clocks).map(|(&call, &clock)| Caller::new(call, clock)).collect(),
            late_writes: Vec::new(),
            late_move: None,
            left: self.faults,
            history: History::default(),
            item_before: None,
        };
        if stored != Stored::Nothing && self.secrets == Secrets::Strict {
            state.livechat.secrets.push(super::state::Cookies { entity: 0, secret: 0 });
        }
        state.history = self.history_before(&state);
        state
    }

    /// What can happen next without a fault.
    pub(super) fn steps(&self, state: &State, actions: &mut Vec<Action>) {
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
        let how = Read::Normal;
        match &now.doing {
            Doing::Start if now.call.operation.ends_tokens() => actions.push(Action::Drop { caller, write }),
            Doing::Start if now.call.operation == Operation::GetToken => {
                actions.push(Action::Read { caller, lease: LeaseView::Held, how });
            }
            Doing::Start if self.is_timed() => actions.push(Action::Send(caller)),
            Doing::Start => self.acquisitions(state, caller, actions),
            Doing::DropAgain => actions.push(Action::Drop { caller, write }),
            Doing::Telling(_) => actions.push(Action::Tell { caller, is_told: true }),
            Doing::Renewing(renewing) if renewing.moves_out => actions.push(Action::MoveOut(caller)),
            Doing::Renewing(renewing) => match &renewing.next {
                Next::Read if matches!(renewing.renewal.phase, Phase::ReadingHeld) => {
                    let looks = self.seen(state, caller, now.call.who).into_iter();
                    actions.extend(looks.map(|lease| Action::Read { caller, lease, how }));
                }
                Next::Read => actions.push(Action::Read { caller, lease: LeaseView::Held, how }),
                Next::ReadGuest => {
                    let looks = self.seen(state, caller, Who::Guest).into_iter();
                    actions.extend(looks.map(|lease| Action::Read { caller, lease, how }));
                }
                Next::Acquire { .. } if self.is_timed() && renewing.age.is_none() => actions.push(Action::Send(caller)),
                Next::Acquire { .. } => self.acquisitions(state, caller, actions),
                Next::EnterCircuit => actions.push(Action::Enter(caller)),
                Next::Revoke(_) => actions.push(Action::Revoke { caller, is_told: true }),
                Next::Tell(_) => actions.push(Action::Tell { caller, is_told: true }),
                Next::Call(call) => {
                    let response = Response::Token;
                    actions.push(Action::Call { caller, response });
                    if call.known.as_ref().is_some_and(|known| !self.is_recognised(state, call.grant, known)) {
                        actions.push(Action::Call { caller, response: Response::IdentityLost });
                    }
                }
                Next::Commit(_) => actions.push(Action::Commit { caller, write }),
                Next::Release(_) => actions.push(Action::Release { caller, write }),
                Next::Move(_) => actions.push(Action::Move { caller, write }),
                other => unreachable!("{other:?} is a part of another step"),
            },
            Doing::Ended | Doing::Gone => {}
        }
    }

    fn is_recognised(&self, state: &State, grant: GrantType, known: &crate::identity::Identity) -> bool {
        super::livechat::recognises(self, state, grant, super::table::cookies_of(known))
    }

    fn acquisitions(&self, state: &State, caller: usize, actions: &mut Vec<Action>) {
        let looks = self.seen(state, caller, state.callers[caller].call.who).into_iter();
        actions.extend(looks.map(|lease| Action::Acquire { caller, lease, write: Write::Once, is_short: false }));
    }

    /// What can go wrong.
    fn faults(&self, state: &State, actions: &mut Vec<Action>) {
        for caller in 0..state.callers.len() {
            self.faults_of(state, caller, actions);
            self.ends_of(state, caller, actions);
        }
        for (index, write) in state.late_writes.iter().enumerate() {
            let lease = seen_by_late_write(state, write);
            actions.extend(lease.map(|lease| Action::LateWrite { index, lease }));
        }
        actions.extend(state.late_move.as_ref().map(|_| Action::LateMove));
        actions.extend((0..state.livechat.late_requests.len()).map(Action::LateRequest));
        if state.left.forgets > 0 {
            actions.push(Action::Forget);
        }
    }

    /// What can go wrong with a caller's next step.
    fn faults_of(&self, state: &State, caller: usize, actions: &mut Vec<Action>) {
        let (now, left) = (&state.callers[caller], state.left);
        let is_possible = |write: Write| match write {
            Write::Once => true,
            Write::ResponseLost | Write::ResponseNeverComes | Write::Never => left.lost_writes > 0,
            Write::Twice => left.late_writes > 0,
            Write::Last => left.crashes > 0,
            Write::Conflict => left.conflicts > 0,
            Write::LateAndAgain | Write::LateAndNever => left.late_moves > 0,
        };
        let mut writes = |writes: &[Write], action: fn(usize, Write) -> Action| {
            actions.extend(writes.iter().filter(|&&write| is_possible(write)).map(|&write| action(caller, write)));
        };
        match &now.doing {
            Doing::Start if now.call.operation.ends_tokens() => {
                writes(&[Write::ResponseLost, Write::Twice], |caller, write| Action::Drop { caller, write });
            }
            Doing::Start if now.call.operation == Operation::GetToken => {
                let how = Read::WhileDown;
                actions.extend((left.downs > 0).then_some(Action::Read { caller, lease: LeaseView::Held, how }));
            }
            Doing::Start => self.faulty_acquisitions(state, caller, actions),
            Doing::Telling(_) => {
                actions.extend((left.downs > 0).then_some(Action::Tell { caller, is_told: false }));
            }
            Doing::Renewing(renewing) if renewing.moves_out => {}
            Doing::Renewing(renewing) => match &renewing.next {
                Next::Commit(_) => {
                    writes(&[Write::ResponseLost, Write::Twice, Write::Last], |caller, write| Action::Commit {
                        caller,
                        write,
                    });
                }
                Next::Release(_) => {
                    writes(&[Write::Never, Write::Twice], |caller, write| Action::Release { caller, write });
                }
                Next::Move(_) if !renewing.has_moved => {
                    let all = [
                        Write::ResponseLost,
                        Write::ResponseNeverComes,
                        Write::Conflict,
                        Write::LateAndAgain,
                        Write::LateAndNever,
                    ];
                    writes(&all, |caller, write| Action::Move { caller, write });
                }
                Next::Acquire { .. } => self.faulty_acquisitions(state, caller, actions),
                Next::Revoke(_) => {
                    actions.extend((left.downs > 0).then_some(Action::Revoke { caller, is_told: false }));
                }
                Next::Tell(_) => {
                    actions.extend((left.downs > 0).then_some(Action::Tell { caller, is_told: false }));
                }
                Next::Call(call) => {
                    let responses = faulty_responses(left, call.grant, call.known.is_some());
                    actions.extend(responses.map(|response| Action::Call { caller, response }));
                }
                Next::Read if matches!(renewing.renewal.phase, Phase::ReadingHeld) => {
                    let early = self.seen_too_early(state, now.call.who);
                    actions.extend(early.map(|lease| Action::Read { caller, lease, how: Read::Normal }));
                    let gives_up = left.crashes > 0 && renewing.renewal.fallback.is_some();
                    let how = Read::OutOfTime;
                    actions.extend(gives_up.then_some(Action::Read { caller, lease: LeaseView::Held, how }));
                }
                Next::ReadGuest => {
                    let early = self.seen_too_early(state, Who::Guest);
                    actions.extend(early.map(|lease| Action::Read { caller, lease, how: Read::Normal }));
                    let how = Read::OutOfTime;
                    actions.extend((left.time_shortages > 0).then_some(Action::Read {
                        caller,
                        lease: LeaseView::Held,
                        how,
                    }));
                }
                _ => {}
            },
            Doing::DropAgain | Doing::Ended | Doing::Gone => {}
        }
    }

    fn faulty_acquisitions(&self, state: &State, caller: usize, actions: &mut Vec<Action>) {
        if self.is_timed() {
            return;
        }
        let left = state.left;
        let who = state.callers[caller].call.who;
        let early = self.seen_too_early(state, who);
        let write = Write::Once;
        actions.extend(early.map(|lease| Action::Acquire { caller, lease, write, is_short: false }));
        for lease in self.seen(state, caller, who).into_iter().chain(early) {
            let lost = (left.lost_writes > 0).then_some(Write::ResponseLost);
            let twice = (left.late_writes > 0).then_some(Write::Twice);
            let writes = [lost, twice].into_iter().flatten();
            actions.extend(writes.map(|write| Action::Acquire { caller, lease, write, is_short: false }));
            let short = (left.time_shortages > 0 && !state.callers[caller].call.was_guest).then_some(Action::Acquire {
                caller,
                lease,
                write,
                is_short: true,
            });
            actions.extend(short);
        }
    }

    /// How a caller can end, or stop for a while, in the middle.
    fn ends_of(&self, state: &State, caller: usize, actions: &mut Vec<Action>) {
        let (now, left) = (&state.callers[caller], state.left);
        let renewing = now.renewing();
        // A caller that holds nothing and dies is like one that never goes on.
        let holds = matches!(now.doing, Doing::Telling(_))
            || renewing.is_some_and(|renewing| renewing.lease().is_some() || renewing.owner.is_some());
        // A strict LiveChat's new secret would be lost with the caller. The configurations of one user cover that already.
        let loses_secret = self.adopts() && self.secrets == Secrets::Strict && now.commits().is_some();
        actions.extend((left.crashes > 0 && holds && !loses_secret).then_some(Action::Crash(caller)));
        let pauses = match renewing.map(|renewing| (&renewing.next, renewing.age)) {
            Some((Next::Acquire { .. }, Some(_))) => left.late_acquisitions,
            _ if renewing.is_some_and(|renewing| renewing.lease().is_some()) => left.pauses,
            _ => 0,
        };
        actions.extend((pauses > 0 && !now.paused).then_some(Action::Pause(caller)));
    }

    /// How the lease can look to a caller, without anything being wrong.
    fn seen(&self, state: &State, caller: usize, who: Who) -> Vec<LeaseView> {
        let item = state.item(who);
        let Some(until) = item.lease_until() else { return vec![LeaseView::Free] };
        if let Some(clock) = Clock::of(self) {
            let lease = Lease { until, ..item.lease() };
            let is_held = lease.is_held(clock.now(state.callers[caller].clock_of_its_write()));
            return vec![if is_held { LeaseView::Held } else { LeaseView::Expired }];
        }
        if state.has_live_holder(who) { vec![LeaseView::Held] } else { vec![LeaseView::Held, LeaseView::Expired] }
    }

    /// How the lease can look though its holder lives.
    fn seen_too_early(&self, state: &State, who: Who) -> Option<LeaseView> {
        (!self.is_timed() && state.left.early_expiries > 0 && state.has_live_holder(who)).then_some(LeaseView::Expired)
    }
}

/// How a call to LiveChat can go wrong.
fn faulty_responses(left: Faults, grant: GrantType, names_a_customer: bool) -> impl Iterator<Item = Response> {
    [
        (left.expired_tokens, Response::ExpiredToken, true),
        (left.glitches, Response::Other, names_a_customer),
        (left.downs, Response::Down, true),
        (left.downs, Response::NotReady, grant == GrantType::AgentToken),
        (left.lost_responses, Response::Broken, true),
        (left.lost_responses, Response::Lost, true),
        (left.lost_responses, Response::LostOutOfTime, true),
        (left.late_requests, Response::Late, names_a_customer),
    ]
    .into_iter()
    .filter_map(|(left, response, is_possible)| (left > 0 && is_possible).then_some(response))
}

/// What the caller's clock says when the lease looks like this.
pub(super) fn now(protocol: &Protocol, caller: &Caller, lease: LeaseView) -> UnixMs {
    match (Clock::of(protocol), lease) {
        (Some(clock), _) => clock.now(caller.clock_of_its_write()),
        (None, LeaseView::Expired) => super::table::AFTER_EXPIRY,
        (None, _) => NOW,
    }
}

/// How the lease can look to a write that was delayed. One that acquires the lease and finds it held has no effect.
fn seen_by_late_write(state: &State, write: &LateWrite) -> Option<LeaseView> {
    match write {
        LateWrite::Acquire { .. } if !state.item(Who::User1).is_leased() => Some(LeaseView::Free),
        LateWrite::Acquire { .. } => {
            (!state.has_live_holder(Who::User1) || state.left.early_expiries > 0).then_some(LeaseView::Expired)
        }
        // These writes do not check the lease.
        LateWrite::Other { .. } => Some(LeaseView::Held),
    }
}
