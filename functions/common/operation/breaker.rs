//! A circuit breaker for LiveChat that all processes share: while LiveChat does not respond, only a few calls
//! wait for it. All others fail at once, or return the stored token.
//!
//! A process serves one call at a time, so it sees little of LiveChat. What all processes have seen is kept in the
//! table, in one [`Gate`]. While LiveChat responds in its usual time, nothing is written there. A call without a response
//! in [that time](Latency) is *late*: it is counted in the gate, and goes on waiting. From then on, calls are counted before
//! they are sent, until a response empties the gate. So if LiveChat stops responding, the calls that wait for it are those that
//! came in that short time, and at most [`Gate::MOST_UNANSWERED`] more.
//!
//! | circuit | the gate | a call without a live token | a call with one |
//! |---|---|---|---|
//! | closed | is empty | is sent | is sent |
//! | closed | has room | is counted and sent | returns the stored token, or is sent if no other was for [`Gate::PROBE_EVERY_MS`] |
//! | closed | is full | waits for room | returns the stored token |
//! | open | is full, and its latest call is older than [the time-out](Gate::TIME_OUT_MS) | fails | returns the stored token |
//! | half-open | the same, and no probe was sent for [`Gate::PROBE_EVERY_MS`] | is sent, as a probe | the same |
//!
//! Only calls without a response count. An immediate error delays nobody, so it counts as a response, and a
//! slow LiveChat is not down. Any response closes the circuit for all.
//!
//! The breaker protects LiveChat and waiting users. Identities are safe without it, so if the table does not respond in
//! time, the call is sent, unless it is waiting at a full gate. A process that has seen a gate without room remembers that for a while,
//! and reads the gate before it acquires a lease, so an outage costs few requests to the table.

mod watch;

pub(super) use watch::Watch;

use crate::{
    context::Context,
    renewal::{
        StoreError,
        circuit::{CircuitMemory, Decision, Gate, Urgency, latency::Latency},
        time_limits::LONGEST_LOOK,
    },
    store::{Admission, Store},
    time::{Deadline, now},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// The breaker, as one process sees it.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    store: Store,
    /// Shared by the clones of all calls.
    memory: Arc<Mutex<Memory>>,
}

/// What this process has seen.
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
pub(super) enum Permit {
    /// The gate was empty, or could not be read.
    Free,
    /// The call is counted in the gate.
    Counted,
    /// The call is a probe.
    Probe,
}

/// A wait for room at the gate.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoomWait {
    /// How much the call needs LiveChat.
    pub(super) urgency: Urgency,
    /// When it ends without room.
    pub(super) until: Deadline,
}

/// Why a call may not be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnedAway {
    /// There is no room, as this gate says.
    NoRoom(Gate),
    /// LiveChat is down.
    Down,
}

impl Breaker {
    /// The longest that a call waits for room: at a slow LiveChat, calls may need the whole time-out to make room.
    pub(super) const PATIENCE: Duration = Duration::from_secs(6);
    /// How long the gate is read before the lease is acquired, after there was no room.
    const DOUBTFUL_FOR: Duration = Duration::from_millis(Gate::STALE_AFTER_MS);
    /// The first pauses between two looks of a waiting call, in ms. They get longer.
    const POLL_MS: std::ops::Range<u64> = 40..80;
    /// The factor by which these pauses get longer at most.
    const SLOWEST_POLL: f64 = 6.0;
    /// How often a call tries to be counted, as the gate may change between a look and a write.
    const MOST_TRIES: usize = 3;

    /// The breaker whose gate is in `store`.
    pub(super) fn new(store: Store) -> Self {
        Self { store, memory: Arc::default() }
    }

    /// What this process remembers.
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
    pub(super) async fn look(&self, context: &Context) -> Gate {
        match self.store.read_gate(&context.within(LONGEST_LOOK)).await {
            Ok(gate) => gate,
            Err(error) => unguarded(&error),
        }
    }

    /// Requests a permit to send a call, from a gate `seen` a moment ago. Does not wait for room. While the gate is
    /// empty, this costs no request.
    ///
    /// # Errors
    /// [`TurnedAway`], if the call may not be sent now.
    pub(super) async fn enter(
        &self,
        mut seen: Gate,
        urgency: Urgency,
        context: &Context,
    ) -> Result<Permit, TurnedAway> {
        let within = &context.within(LONGEST_LOOK);
        for _ in 0..Self::MOST_TRIES {
            let (permit, admission) = match seen.decide(urgency, now()) {
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
    pub(super) fn turns_away(&self, seen: Gate, urgency: Urgency) -> Option<TurnedAway> {
        match seen.decide(urgency, now()) {
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
    /// not return the gate, the last known gate counts: otherwise all waiting calls would be sent at once.
    ///
    /// # Errors
    /// [`TurnedAway::Down`] once LiveChat is down, [`TurnedAway::NoRoom`] if there was no room in time.
    pub(super) async fn wait_for_room(
        &self,
        mut seen: Gate,
        wait: RoomWait,
        context: &Context,
    ) -> Result<Permit, TurnedAway> {
        let mut pause = 1.0;
        loop {
            let poll = Duration::from_millis(fastrand::u64(Self::POLL_MS)).mul_f64(pause);
            if wait.until.left() < poll {
                return Err(TurnedAway::NoRoom(seen));
            }
            sleep(poll).await;
            pause = f64::min(pause * 1.4, Self::SLOWEST_POLL);
            seen = self.store.read_gate(&context.within(LONGEST_LOOK)).await.unwrap_or(seen);
            match self.enter(seen, wait.urgency, context).await {
                Err(TurnedAway::NoRoom(gate)) => seen = gate,
                entry => return entry,
            }
        }
    }

    /// The call that `permit` was for is not sent.
    pub(super) async fn release(&self, permit: Permit, context: &Context) {
        if permit == Permit::Counted
            && let Err(error) = self.store.uncount_call(&context.within(LONGEST_LOOK)).await
        {
            tracing::warn!(cause = %error, "a call stays counted until the next response");
        }
    }

    /// Observes what is sent with `permit`. A group that may be made up is not `evidence`: a missing response to it does not
    /// count.
    pub(super) fn watch(&self, permit: Permit, evidence: bool, context: &Context) -> Watch {
        Watch::new(self.clone(), permit, evidence, context.clone())
    }

    /// Counts a call that is late, and says whether it is counted.
    async fn report(self, context: Context) -> bool {
        let counted = self.store.count_late_call(&context.within(LONGEST_LOOK)).await;
        counted.unwrap_or_else(|error| {
            tracing::warn!(cause = %error, "a late call could not be recorded");
            false
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_ahead(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() < until)
}

fn unguarded(error: &StoreError) -> Gate {
    tracing::warn!(cause = %error, "the circuit breaker could not be used; calling LiveChat anyway");
    Gate::default()
}

#[cfg(test)]
mod tests;
