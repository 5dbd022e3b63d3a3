//! The circuit breaker's rules: whether LiveChat is up, as all processes have seen it. They do no I/O; `operation/breaker.rs` does.
//!
//! | file | what it holds |
//! |---|---|
//! | here | what a renewal is told of the circuit, and what a call to LiveChat says about it |
//! | `circuit/gate.rs` | what all functions have recorded, and what one more call has to do |
//! | `circuit/latency.rs` | when a call is late |

pub mod gate;
pub mod latency;

pub use gate::{Decision, Gate, Urgency};

use super::record::Failure;

/// What a process remembers of the circuit breaker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CircuitMemory {
    /// LiveChat is down, and no probe is due.
    pub(crate) is_down: bool,
    /// There was no room a moment ago, or LiveChat is down.
    pub(crate) has_no_room: bool,
    /// There was no room a short time ago, so the gate is read before the lease is acquired.
    pub(crate) is_doubtful: bool,
}

impl CircuitMemory {
    /// Why a call that does not wait is not sent now, as far as this process knows.
    pub(crate) fn not_called(self) -> Option<NotCalled> {
        match (self.is_down, self.has_no_room) {
            (true, _) => Some(NotCalled::CircuitOpen),
            (false, true) => Some(NotCalled::GateFull),
            (false, false) => None,
        }
    }
}

/// The circuit breaker's state, for this call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// The call may be made.
    HasRoom,
    /// Too many calls wait for LiveChat.
    Full,
    /// LiveChat is down.
    Open,
}

/// Why a call was not sent to LiveChat. The message is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCalled {
    /// The circuit is open.
    #[error("it does not respond to other calls")]
    CircuitOpen,
    /// The gate is full: LiveChat is slow, and no call ended in time to make room.
    #[error("it is slow, and too many other calls wait for it")]
    GateFull,
}

impl From<NotCalled> for Failure {
    fn from(reason: NotCalled) -> Self {
        Self::Unavailable { cause: format!("not called: {reason}") }
    }
}

/// What an attempt to get a token shows about LiveChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It gave a token.
    Token,
    /// It gave another response or an error.
    Response,
    /// It gave no response within its full time-out.
    NoResponse,
    /// There was no connection, or it broke. After a while, that counts as no response.
    Broken,
    /// Nothing: there was too little time.
    None,
}
