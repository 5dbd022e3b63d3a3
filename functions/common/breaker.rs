//! A circuit breaker before LiveChat, for all functions together: while LiveChat does not answer, only a handful of calls
//! wait for it, and all others fail at once or answer the token that is stored.
//!
//! A function serves one call at a time, so what it sees of LiveChat alone is next to nothing. What counts is kept in the
//! table, in one [`Gate`] for all. While LiveChat answers in its usual time nothing is written there. A call that gets no answer
//! in [that time](Latency) is *late*: it counts itself in the gate, and goes on waiting. From then on, calls are counted before
//! they are sent, until an answer empties the gate. So a LiveChat that swallows every call has no more of them to swallow than
//! come in that short time, and [`Gate::MOST_UNANSWERED`].
//!
//! | circuit | the gate | a call without a live token | a call with one |
//! |---|---|---|---|
//! | closed | is empty | is sent | is sent |
//! | closed | has room | is counted and sent | answers the stored token, or is sent if no other was for [`Gate::PROBE_EVERY_MS`] |
//! | closed | is full | waits for room | answers the stored token |
//! | open | is full, and the latest call in it has had its [time-out](Gate::TIME_OUT_MS) | fails | answers the stored token |
//! | half-open | the same, and no probe was sent for [`Gate::PROBE_EVERY_MS`] | is sent, as a probe | the same |
//!
//! Only calls without an answer count. An error that comes at once costs nobody time, so it is as good as any answer here; and a
//! slow LiveChat is none that is down. Any answer closes the circuit for all.
//!
//! The breaker spares LiveChat and waiting users; no promise about identities rests on it, so when the table does not answer in
//! time, the call is simply sent, unless it has seen a full gate. What a function has seen of a gate without room it remembers until a
//! call may be due to be sent, and then looks before it takes a lease, so that an outage costs few requests to the table.

pub mod gate;
pub mod latency;

pub use gate::{Decision, Gate, Urgency};

use crate::{
    error::{Error, Failure},
    renewal::CircuitMemory,
    store::{Admission, Store},
    time::{Deadline, now_ms},
};
use latency::Latency;
use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// The breaker, as one function sees it.
#[derive(Clone, Debug)]
pub struct Breaker {
    store: Store,
    /// Shared by the clones of all calls.
    memory: Arc<Mutex<Memory>>,
}

/// What this function has seen.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// Until when LiveChat is down and no probe is due.
    down_until: Option<Instant>,
    /// Until when a call that has a token to answer need not look.
    no_room_until: Option<Instant>,
    /// Until when the next look is likely to find no room either.
    doubtful_until: Option<Instant>,
    latency: Latency,
}

/// The right to send one call to LiveChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Permit {
    /// The gate was empty, or could not be read.
    Free,
    /// The call is counted in the gate.
    Counted,
    /// The call is a probe.
    Probe,
}

/// A wait for room at the gate.
#[derive(Clone, Copy, Debug)]
pub struct RoomWait {
    /// How much the call needs LiveChat.
    pub urgency: Urgency,
    /// When it ends without room.
    pub until: Deadline,
}

/// Why a call may not be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// There is no room, as this gate says.
    NoRoom(Gate),
    /// LiveChat is down.
    Down,
}

/// Why a call was not sent to LiveChat. Its text is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCalled {
    /// The circuit is open.
    #[error("it does not answer other calls")]
    CircuitOpen,
    /// The gate is full: LiveChat is slow, and no call ended in time to make room.
    #[error("it is slow, and too many other calls wait for it")]
    GateFull,
}

impl From<NotCalled> for Error {
    fn from(reason: NotCalled) -> Self {
        Self::LiveChatNotCalled(reason)
    }
}

impl From<NotCalled> for Failure {
    fn from(reason: NotCalled) -> Self {
        Self::Unavailable { cause: format!("not called: {reason}") }
    }
}

/// What an attempt to get an answer from LiveChat says about LiveChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It gave a token.
    Token,
    /// It gave another answer, be it an error.
    Answer,
    /// It gave no answer in all the time that it is due.
    Silence,
    /// The connection broke, or there was none. After a while that is as bad as no answer.
    Broken,
    /// Nothing: there was too little time.
    None,
}

impl Breaker {
    /// The longest that a call waits for room: a slow LiveChat may need all of its time-out to make some.
    pub const PATIENCE: Duration = Duration::from_secs(6);
    /// How long the table may take to say how LiveChat is doing, or to count a call.
    pub const LONGEST_LOOK: Duration = Duration::from_millis(500);
    /// How long a function looks first after it has seen no room.
    const DOUBTFUL_FOR: Duration = Duration::from_millis(Gate::STALE_AFTER_MS);
    /// How often a waiting call looks, in ms: at first.
    const POLL_MS: std::ops::Range<u64> = 40..80;
    /// How many times longer its pauses get at most.
    const SLOWEST_POLL: f64 = 6.0;
    /// How often a call tries to be counted, as the gate may change between a look and a write.
    const MOST_TRIES: usize = 3;

    /// The breaker whose gate is in `store`.
    pub fn new(store: Store) -> Self {
        Self { store, memory: Arc::default() }
    }

    /// What this function remembers.
    pub(crate) fn remembered(&self) -> CircuitMemory {
        let Memory { down_until, no_room_until, doubtful_until, .. } = *self.memory();
        let is_down = is_ahead(down_until);
        CircuitMemory {
            is_down,
            has_no_room: is_down || is_ahead(no_room_until),
            is_doubtful: is_ahead(doubtful_until),
        }
    }

    /// How the gate stands; an empty one if the table does not say. Reads, and writes nothing.
    pub async fn look(&self, deadline: Deadline) -> Gate {
        match self.store.read_gate(deadline.within(Self::LONGEST_LOOK)).await {
            Ok(gate) => gate,
            Err(error) => unguarded(&error),
        }
    }

    /// Asks for the right to send a call, to a gate that was `seen` a moment ago. Does not wait for room. While the gate is
    /// empty, this costs no request.
    ///
    /// # Errors
    /// [`TurnedAway`], if the call may not be sent now.
    pub async fn enter(&self, mut seen: Gate, urgency: Urgency, deadline: Deadline) -> Result<Permit, TurnedAway> {
        let within = deadline.within(Self::LONGEST_LOOK);
        for _ in 0..Self::MOST_TRIES {
            let (permit, admission) = match seen.decide(urgency, now_ms()) {
                Decision::Send => return Ok(Permit::Free),
                Decision::Count => (Permit::Counted, self.store.count_call(within).await),
                Decision::Probe => (Permit::Probe, self.store.note_probe(within).await),
                Decision::Wait(left_ms) => return Err(self.no_room_for(left_ms, seen)),
                Decision::Fail(left_ms) => return Err(self.down_for(left_ms)),
            };
            match admission {
                Ok(Admission::Granted) => return Ok(permit),
                Ok(Admission::Refused(gate)) => seen = gate,
                // The probe that is due is for one call, and which one only the table can say.
                Err(error) if permit == Permit::Probe => {
                    tracing::warn!(cause = %error, "a probe could not be noted and is not sent");
                    return Err(self.down_for(Gate::PROBE_EVERY_MS));
                }
                Err(error) => {
                    unguarded(&error);
                    return Ok(Permit::Free);
                }
            }
        }
        Err(TurnedAway::NoRoom(seen))
    }

    /// Whether a gate that was `seen` a moment ago turns a call away. Costs no request, and gives no right to send it.
    pub fn turns_away(&self, seen: Gate, urgency: Urgency) -> Option<TurnedAway> {
        match seen.decide(urgency, now_ms()) {
            Decision::Send | Decision::Count | Decision::Probe => None,
            Decision::Wait(left_ms) => Some(self.no_room_for(left_ms, seen)),
            Decision::Fail(left_ms) => Some(self.down_for(left_ms)),
        }
    }

    fn no_room_for(&self, left_ms: u64, gate: Gate) -> TurnedAway {
        let now = Instant::now();
        let mut memory = self.memory();
        memory.no_room_until = Some(now + Duration::from_millis(left_ms));
        memory.doubtful_until = Some(now + Self::DOUBTFUL_FOR);
        TurnedAway::NoRoom(gate)
    }

    fn down_for(&self, left_ms: u64) -> TurnedAway {
        let now = Instant::now();
        let mut memory = self.memory();
        memory.down_until = Some(now + Duration::from_millis(left_ms));
        memory.doubtful_until = Some(now + Self::DOUBTFUL_FOR);
        TurnedAway::Down
    }

    /// Waits for room in a gate that was `seen` without any, and takes it. The caller should hold no lease meanwhile. While the table does
    /// not say how the gate stands, what was seen last counts: many may wait, and would all go at once.
    ///
    /// # Errors
    /// [`TurnedAway::Down`] once LiveChat is down, [`TurnedAway::NoRoom`] if there was no room in time.
    pub async fn wait_for_room(
        &self,
        mut seen: Gate,
        wait: RoomWait,
        deadline: Deadline,
    ) -> Result<Permit, TurnedAway> {
        let mut pause = 1.0;
        loop {
            let poll = Duration::from_millis(fastrand::u64(Self::POLL_MS)).mul_f64(pause);
            if wait.until.left() < poll {
                return Err(TurnedAway::NoRoom(seen));
            }
            sleep(poll).await;
            pause = f64::min(pause * 1.4, Self::SLOWEST_POLL);
            seen = self.store.read_gate(deadline.within(Self::LONGEST_LOOK)).await.unwrap_or(seen);
            match self.enter(seen, wait.urgency, deadline).await {
                Err(TurnedAway::NoRoom(gate)) => seen = gate,
                entry => return entry,
            }
        }
    }

    /// The call that `permit` was for is not sent.
    pub async fn release(&self, permit: Permit, deadline: Deadline) {
        if permit == Permit::Counted
            && let Err(error) = self.store.uncount_call(deadline.within(Self::LONGEST_LOOK)).await
        {
            tracing::warn!(cause = %error, "a call that was not sent counts until the next answer");
        }
    }

    /// Watches over what is sent with `permit`. What a caller can make up is no `evidence`: that LiveChat does not answer it does not
    /// count.
    pub fn watch(&self, permit: Permit, evidence: bool) -> Watch {
        Watch { breaker: self.clone(), permit, evidence, is_late: false, report: None, sign: Sign::None }
    }

    /// The reason of a call that was not sent because the circuit is open.
    pub fn down() -> NotCalled {
        NotCalled::CircuitOpen
    }

    /// The reason of a call that was not sent because the gate is full.
    pub fn no_room() -> NotCalled {
        NotCalled::GateFull
    }

    /// Counts a call that is late, and says whether it is counted.
    async fn report(self) -> bool {
        let counted = self.store.count_late_call(Deadline::after(Self::LONGEST_LOOK)).await;
        counted.unwrap_or_else(|error| {
            tracing::warn!(cause = %error, "that LiveChat is late could not be noted");
            false
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches over the attempts of one renewal at LiveChat, which follow one another.
#[must_use]
pub struct Watch {
    breaker: Breaker,
    permit: Permit,
    evidence: bool,
    /// An attempt was late, so that an answer is news to others.
    is_late: bool,
    /// A report that was still on its way when the attempt ended.
    report: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
    /// Of the latest attempt.
    sign: Sign,
}

impl Watch {
    /// One attempt. Reports it when it is late, while it goes on: neither waits for the other.
    pub async fn over<T>(&mut self, attempt: impl Future<Output = T>, sign: impl FnOnce(&T) -> Sign) -> T {
        let began = Instant::now();
        let mut attempt = pin!(attempt);
        let late_after = self.breaker.memory().latency.late_after();
        let answer = tokio::select! {
            biased;
            answer = &mut attempt => answer,
            () = sleep(late_after), if !self.is_late => {
                self.is_late = true;
                // One that was counted before it was sent is not counted again.
                if self.evidence && self.permit == Permit::Free {
                    let mut report: Pin<Box<dyn Future<Output = bool> + Send>> = Box::pin(self.breaker.clone().report());
                    tokio::select! {
                        biased;
                        answer = &mut attempt => {
                            self.report = Some(report);
                            answer
                        }
                        counted = &mut report => {
                            self.reported(counted);
                            attempt.await
                        }
                    }
                } else {
                    attempt.await
                }
            }
        };
        self.sign = match sign(&answer) {
            Sign::Broken if began.elapsed() >= Latency::MOST => Sign::Silence,
            sign => sign,
        };
        if self.sign == Sign::Token {
            self.breaker.memory().latency.note(began.elapsed());
        }
        answer
    }

    fn reported(&mut self, counted: bool) {
        if counted {
            self.permit = Permit::Counted;
        }
    }

    /// After the last attempt: records in the gate what it showed, if other functions do not know that yet. Usually this does nothing.
    pub async fn settle(mut self, deadline: Deadline) {
        if let Some(report) = self.report.take() {
            let counted = report.await;
            self.reported(counted);
        }
        match self.sign {
            // An error is one of LiveChat's, or only of what stands before it, which knows no such group.
            Sign::Answer if !self.evidence => self.breaker.release(self.permit, deadline).await,
            Sign::Token | Sign::Answer => {
                let is_news = self.permit != Permit::Free || (self.is_late && self.evidence);
                if is_news
                    && let Err(error) = self.breaker.store.empty_gate(deadline.within(Breaker::LONGEST_LOOK)).await
                {
                    tracing::warn!(cause = %error, "that LiveChat answers could not be noted; the next answer will be");
                }
            }
            Sign::Silence if self.evidence => {}
            Sign::Silence | Sign::Broken | Sign::None => self.breaker.release(self.permit, deadline).await,
        }
    }
}

fn is_ahead(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() < until)
}

fn unguarded(error: &Error) -> Gate {
    tracing::warn!(cause = %error, "how LiveChat is doing could not be looked up; asking it all the same");
    Gate::default()
}
