//! A circuit breaker for LiveChat that all functions share: while LiveChat does not respond, only a few calls
//! wait for it. All others fail at once, or return the stored token.
//!
//! A process serves one call at a time, so it sees little of LiveChat. What all processes have seen is kept in the
//! table, in one [`Gate`]. While LiveChat responds in its usual time, nothing is written there. A call without a response
//! in [that time](Latency) is *late*: it is counted in the gate, and goes on waiting. From then on, calls are counted before
//! they are sent, until a response empties the gate. So if LiveChat stops responding, no more calls wait for it than
//! come in that short time, and [`Gate::MOST_UNANSWERED`].
//!
//! | circuit | the gate | a call without a live token | a call with one |
//! |---|---|---|---|
//! | closed | is empty | is sent | is sent |
//! | closed | has room | is counted and sent | returns the stored token, or is sent if no other was for [`Gate::PROBE_EVERY_MS`] |
//! | closed | is full | waits for room | returns the stored token |
//! | open | is full, and its latest call is older than [the time-out](Gate::TIME_OUT_MS) | fails | returns the stored token |
//! | half-open | the same, and no probe was sent for [`Gate::PROBE_EVERY_MS`] | is sent, as a probe | the same |
//!
//! Only calls without a response count. An error that comes at once delays nobody, so it counts as a response; and a
//! slow LiveChat is not down. Any response closes the circuit for all.
//!
//! The breaker protects LiveChat and waiting users. Identities are safe without it, so if the table does not respond in
//! time, the call is sent, unless it has seen a full gate. A process that has seen a gate without room remembers that until a
//! call may be sent, and then reads the gate before it acquires a lease, so an outage costs few requests to the table.

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
    /// Until when a call with a live token need not look.
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
    /// It gave another response or an error.
    Answer,
    /// It gave no response within its full time-out.
    Silence,
    /// There was no connection, or it broke. After a while, that counts as no response.
    Broken,
    /// Nothing: there was too little time.
    None,
}

impl Breaker {
    /// The longest that a call waits for room: a slow LiveChat may need all of its time-out to make some.
    pub const PATIENCE: Duration = Duration::from_secs(6);
    /// How long the table may take to return the gate, or to count a call.
    pub const LONGEST_LOOK: Duration = Duration::from_millis(500);
    /// How long to read the gate first, after there was no room.
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

    /// The gate as it is stored; an empty one if the table does not return it. Writes nothing.
    pub async fn look(&self, deadline: Deadline) -> Gate {
        match self.store.read_gate(deadline.within(Self::LONGEST_LOOK)).await {
            Ok(gate) => gate,
            Err(error) => unguarded(&error),
        }
    }

    /// Requests a permit to send a call, from a gate `seen` a moment ago. Does not wait for room. While the gate is
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
                // Only one call may be the probe, and only the table can decide which one.
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
    /// not return the gate, the last known gate counts: many may wait, and all would be sent at once.
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
            tracing::warn!(cause = %error, "a call stays counted until the next response");
        }
    }

    /// Observes what is sent with `permit`. A group that may be made up is not `evidence`: a missing response to it does not
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
            tracing::warn!(cause = %error, "a late call could not be recorded");
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
            // An error may be LiveChat's, or that of a proxy before it that does not know the group.
            Sign::Answer if !self.evidence => self.breaker.release(self.permit, deadline).await,
            Sign::Token | Sign::Answer => {
                let is_news = self.permit != Permit::Free || (self.is_late && self.evidence);
                if is_news
                    && let Err(error) = self.breaker.store.empty_gate(deadline.within(Breaker::LONGEST_LOOK)).await
                {
                    tracing::warn!(cause = %error, "LiveChat's response could not be recorded; the next one will be");
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
    tracing::warn!(cause = %error, "the circuit breaker could not be used; calling LiveChat anyway");
    Gate::default()
}
