//! A circuit breaker before LiveChat, for all functions together: while LiveChat does not answer, only a handful of calls
//! wait for it, and all others fail at once or make do with the token that is stored.
//!
//! A function serves one call at a time, so what it sees of LiveChat alone is next to nothing. What counts is kept in the
//! table, in one [`Gate`] for all: how many calls were sent since LiveChat answered last. It is counted *before* a call
//! is sent, so that a LiveChat that swallows every call without a word has no more than [`Gate::MOST_UNANSWERED`] of them
//! to swallow.
//!
//! | the gate | a call |
//! |---|---|
//! | has room | is sent |
//! | is full since a moment ago | waits for room: many may have come at once, and the answers are on their way |
//! | is full, and nothing was sent for [`Gate::SILENCE_MS`] | fails: LiveChat is down |
//! | is full, and nothing was sent for [`Gate::PROBE_EVERY_MS`] | is sent, as the one that finds out whether LiveChat is back |
//!
//! An answer empties the gate. What a function has seen of a full one it remembers for as long as that is likely to last, so
//! that an outage costs no requests to the table either: until the next probe once LiveChat counts as down, and before that
//! only for calls that can do with the token that is stored. The breaker spares LiveChat and waiting users; no promise about
//! identities rests on it, so when the table does not answer in time, the call is simply sent.

use crate::{
    error::{Error, Failure},
    store::{Admission, Store},
    time::{Deadline, now_ms},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// What all functions know together of how LiveChat is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// How many calls were sent since LiveChat answered last; roughly, as an answer to one of the first few is not noted.
    pub unanswered: u64,
    /// When the latest call was sent; Unix time in ms, by its sender's clock.
    pub last_sent_ms: u64,
}

/// What a gate has to say to one more call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// There is room, or it is time to find out.
    Go,
    /// There may be room in a moment; if there is none in so many ms, LiveChat is down.
    Wait(u64),
    /// LiveChat is down; worth looking again after so many ms.
    Down(u64),
}

impl Gate {
    /// So many calls may be without an answer before LiveChat counts as down.
    pub const MOST_UNANSWERED: u64 = 6;
    /// An answer to a call is noted if at least so many were without one: most calls then need one write less.
    const WORTH_NOTING: u64 = 3;
    /// A full gate that nobody passed for so long is full because LiveChat is silent, in ms.
    pub const SILENCE_MS: u64 = 1_500;
    /// While LiveChat is down, one call is sent so often, in ms: the time that it has for its answer.
    pub const PROBE_EVERY_MS: u64 = 3_000;

    /// The times between which a latest call lies that is too young for a probe; Unix time in ms. One that is later than
    /// that is the work of a clock that is wrong.
    pub fn no_probe_between_ms(now_ms: u64) -> (u64, u64) {
        ((now_ms + 1).saturating_sub(Self::PROBE_EVERY_MS), now_ms + Self::PROBE_EVERY_MS)
    }

    fn word(self, now_ms: u64) -> Word {
        let (earliest, latest) = Self::no_probe_between_ms(now_ms);
        if self.unanswered < Self::MOST_UNANSWERED || !(earliest..=latest).contains(&self.last_sent_ms) {
            return Word::Go;
        }
        match now_ms.saturating_sub(self.last_sent_ms) {
            age_ms if age_ms < Self::SILENCE_MS => Word::Wait(Self::SILENCE_MS - age_ms),
            age_ms => Word::Down(Self::PROBE_EVERY_MS - age_ms),
        }
    }
}

/// The breaker, as one function sees it.
#[derive(Clone, Debug)]
pub struct Breaker {
    store: Store,
    /// Shared by the clones of all calls.
    memory: Arc<Mutex<Memory>>,
}

/// What this function has seen of a full gate.
#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    /// Until when it is too early to look whether LiveChat is back.
    down_until: Option<Instant>,
    /// Until when there may be room, but none is worth waiting for to who has something else.
    full_until: Option<Instant>,
}

/// The right to send one call to LiveChat.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    unanswered: u64,
}

impl Breaker {
    /// The longest that a call waits for room.
    pub const PATIENCE: Duration = Duration::from_secs(2);
    /// How long the table may take to say how LiveChat is doing.
    const LONGEST_LOOK: Duration = Duration::from_millis(500);
    /// How often a waiting call looks, in ms.
    const POLL_MS: std::ops::Range<u64> = 40..80;

    /// The breaker whose gate is in `store`.
    pub fn new(store: Store) -> Self {
        Self { store, memory: Arc::default() }
    }

    /// This function has seen that LiveChat is down, and it is too early to look again.
    pub fn knows_it_is_down(&self) -> bool {
        is_ahead(self.memory().down_until)
    }

    /// The same, or the gate was full a moment ago: who can do without LiveChat need not ask.
    pub fn knows_no_room(&self) -> bool {
        let Memory { down_until, full_until } = *self.memory();
        is_ahead(down_until) || is_ahead(full_until)
    }

    /// Waits for the right to send a call, no longer than `patience`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] while LiveChat is down, and [`Failure::OutOfTime`] if there is no room and it is too early to
    /// tell.
    pub async fn admit(&self, patience: Duration, deadline: Deadline) -> Result<Permit, Failure> {
        let wait_until = deadline.within(patience);
        let mut seen = None;
        loop {
            let word = match seen {
                None => Word::Go,
                Some(gate) => Gate::word(gate, now_ms()),
            };
            match word {
                Word::Go => match self.store.enter_gate(deadline.within(Self::LONGEST_LOOK)).await {
                    Ok(Admission::Granted { unanswered }) => return Ok(Permit { unanswered }),
                    Ok(Admission::Refused(gate)) => seen = Some(gate),
                    Err(error) => return Ok(unguarded(&error)),
                },
                Word::Down(left_ms) => {
                    self.memory().down_until = Some(Instant::now() + Duration::from_millis(left_ms));
                    return Err(Self::down());
                }
                Word::Wait(left_ms) if wait_until.left().is_zero() => {
                    self.memory().full_until = Some(Instant::now() + Duration::from_millis(left_ms));
                    return Err(Failure::OutOfTime);
                }
                Word::Wait(_) => {
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(Self::POLL_MS))).await;
                    match self.store.read_gate(deadline.within(Self::LONGEST_LOOK)).await {
                        Ok(gate) => seen = Some(gate),
                        Err(error) => return Ok(unguarded(&error)),
                    }
                }
            }
        }
    }

    /// LiveChat answered the call that `permit` was for.
    pub async fn answered(&self, permit: Permit, deadline: Deadline) {
        if permit.unanswered >= Gate::WORTH_NOTING
            && let Err(error) = self.store.empty_gate(deadline.within(Self::LONGEST_LOOK)).await
        {
            tracing::warn!(cause = %error, "that LiveChat answers again could not be noted; the next answer will be");
        }
    }

    /// The failure of a call that was not sent.
    pub fn down() -> Failure {
        Failure::Unavailable { cause: "not asked, as it does not answer".into() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_ahead(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() < until)
}

fn unguarded(error: &Error) -> Permit {
    tracing::warn!(cause = %error, "how LiveChat is doing could not be looked up; asking it all the same");
    Permit { unanswered: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn full(age_ms: i64) -> Gate {
        Gate { unanswered: Gate::MOST_UNANSWERED, last_sent_ms: NOW_MS.saturating_add_signed(-age_ms) }
    }

    #[test]
    fn a_gate_with_room_lets_every_call_pass() {
        let nearly = Gate { unanswered: Gate::MOST_UNANSWERED - 1, last_sent_ms: NOW_MS };
        assert_eq!(nearly.word(NOW_MS), Word::Go);
        assert_eq!(Gate::default().word(NOW_MS), Word::Go);
    }

    #[test]
    fn a_full_gate_is_waited_at_until_it_is_plain_that_livechat_is_silent() {
        assert_eq!(full(0).word(NOW_MS), Word::Wait(1_500));
        assert_eq!(full(1_499).word(NOW_MS), Word::Wait(1));
        assert_eq!(full(1_500).word(NOW_MS), Word::Down(1_500));
        assert_eq!(full(2_999).word(NOW_MS), Word::Down(1));
        assert_eq!(full(3_000).word(NOW_MS), Word::Go, "the probe");
    }

    #[test]
    fn a_clock_that_is_ahead_keeps_nobody_out_for_long() {
        assert_eq!(full(-2_000).word(NOW_MS), Word::Wait(1_500));
        assert_eq!(full(-3_000).word(NOW_MS), Word::Wait(1_500));
        assert_eq!(full(-3_001).word(NOW_MS), Word::Go);
    }

    #[test]
    fn a_full_gate_is_always_worth_noting() {
        const { assert!(Gate::WORTH_NOTING <= Gate::MOST_UNANSWERED) };
    }
}
