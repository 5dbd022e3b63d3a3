//! Ctrl-C, and the signal with which systems end a process.

use std::io::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// From its creation on, these signals no longer end the process.
pub(super) struct Interrupts {
    ctrl_c: Signal,
    terminate: Signal,
}

impl Interrupts {
    pub(super) fn catch() -> Result<Self> {
        Ok(Self { ctrl_c: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.ctrl_c.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
