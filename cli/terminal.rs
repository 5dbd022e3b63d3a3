//! The terminal as it was when the command began: a question changes it, and a signal can end the process meanwhile.

use rustix::{
    process::getpgrp,
    termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};
use std::{fs::File, io::Write};

/// The process's terminal, and its settings.
pub(crate) struct Terminal {
    device: File,
    settings: Termios,
}

const SHOW_CURSOR: &[u8] = b"\x1b[?25h";

impl Terminal {
    /// Keeps the settings. `None` without a terminal, and in the background, where they are those of the shell's own command line.
    pub(crate) fn save() -> Option<Self> {
        let device = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let settings = tcgetattr(&device).ok()?;
        Some(Self { device, settings }).filter(Self::is_ours)
    }

    /// Restores the settings, if a question has changed them.
    pub(crate) fn restore(&self) {
        let is_changed = tcgetattr(&self.device).is_ok_and(|now| now.local_modes != self.settings.local_modes);
        // The system stops a process in the background that changes the terminal.
        if is_changed && self.is_ours() && tcsetattr(&self.device, OptionalActions::Now, &self.settings).is_ok() {
            let _ = (&self.device).write_all(SHOW_CURSOR);
        }
    }

    fn is_ours(&self) -> bool {
        tcgetpgrp(&self.device).is_ok_and(|foreground| foreground == getpgrp())
    }
}
