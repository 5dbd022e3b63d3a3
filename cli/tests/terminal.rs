//! What a person at a terminal sees and types.

mod passphrases;
mod progress;
mod questions;

use crate::world::World;
use rexpect::session::{PtySession, spawn_command};
use std::process::Command;

/// In ms. A backup derives its key from the passphrase, which takes some seconds on a busy machine.
const TIMEOUT_MS: u64 = 60_000;

/// The binary in a terminal.
struct Terminal {
    session: PtySession,
    shown: String,
}

/// What the terminal has shown until the binary ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    shown: String,
    /// Whether the terminal shows again what is typed.
    has_echo: bool,
}

impl World {
    /// Starts the binary in a terminal, with this table and these variables.
    fn terminal(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Terminal {
        self.terminal_of(r#""$0" "$@""#, arguments, variables)
    }

    /// The same with another line of the shell.
    fn terminal_of(&self, line: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Terminal {
        // As a shell does: with an echo, in the terminal's foreground. Then the exit code and the terminal's settings are printed.
        let script = format!("stty sane; trap : INT; {line}; echo \"[code $?]\"; stty -a");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_cip"), "--table", crate::world::TABLE]).args(arguments);
        command.env_clear().envs(self.environment()).env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
        command.envs(variables.iter().copied()).current_dir(self.folder.path());
        Terminal { session: spawn_command(command, Some(TIMEOUT_MS)).expect("a terminal"), shown: String::new() }
    }
}

impl Terminal {
    /// Waits until the terminal shows `text`.
    fn expect(&mut self, text: &str) -> &mut Self {
        let before = self.session.exp_string(text).unwrap_or_else(|error| panic!("no {text}: {error}"));
        self.shown += &(before + text);
        self
    }

    fn line(&mut self, line: &str) -> &mut Self {
        self.session.send_line(line).expect("typed");
        self
    }

    fn control(&mut self, key: char) -> &mut Self {
        self.session.send_control(key).expect("typed");
        self
    }

    fn end(&mut self) -> Ended {
        self.expect("[code ");
        let shown = self.shown.trim_end_matches("[code ").to_owned();
        let rest = self.session.exp_eof().expect("the end");
        let (code, settings) = rest.split_once(']').expect("a code");
        let has_echo = settings.split([' ', ';', '\r', '\n']).any(|setting| setting == "echo");
        Ended { code: code.parse().expect("a number"), shown, has_echo }
    }
}
