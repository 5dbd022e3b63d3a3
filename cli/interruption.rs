//! Ctrl-C, SIGTERM and SIGHUP: a command is dropped where it waits, which deletes its temporary files, and the process ends.

use crate::{failure::Failure, output::note, terminal::Terminal};
use std::{fs, future::pending, io::Result as IoResult, process::exit, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::sleep,
};

/// How long a command may take to stop. One that asks a question, or computes, does not notice.
const LONGEST_STOP: Duration = Duration::from_millis(500);

/// The signals that interrupt a command. From its creation on, they no longer end the process.
pub(crate) struct Interruptions {
    ctrl_c: Signal,
    termination: Signal,
    hangup: Option<Signal>,
}

impl Interruptions {
    /// # Errors
    /// Those of the system. Then the signals end the process.
    pub(crate) fn catch() -> IoResult<Self> {
        Ok(Self {
            ctrl_c: signal(SignalKind::interrupt())?,
            termination: signal(SignalKind::terminate())?,
            hangup: if hangup_ends_process() { Some(signal(SignalKind::hangup())?) } else { None },
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> SignalKind {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.ctrl_c.recv() => SignalKind::interrupt(),
            _ = self.termination.recv() => SignalKind::terminate(),
            _ = hangup => SignalKind::hangup(),
        }
    }
}

/// Whether the process ends with its terminal: with `nohup` it does not, and must not. This is known on Linux only; elsewhere the system's own
/// way to end the process stays.
fn hangup_ends_process() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|ignored| ignored & (1 << (SignalKind::hangup().as_raw_value() - 1)) == 0)
}

/// The result of the command. After a signal, this ends the process instead, with the exit code that shells use: 128 and its number.
pub(crate) async fn or(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let (stop, stopped) = oneshot::channel();
    let terminal = Arc::new(Terminal::save());
    let saved = Arc::clone(&terminal);
    // On another thread than the command, which may block.
    tokio::spawn(async move {
        let Ok(mut interruptions) = Interruptions::catch() else { return };
        let signal = interruptions.next().await;
        let _ = stop.send(signal);
        sleep(LONGEST_STOP).await;
        end(signal, saved.as_ref().as_ref());
    });
    let signal = tokio::select! {
        biased;
        Ok(signal) = stopped => signal,
        result = command => return result,
    };
    end(signal, terminal.as_ref().as_ref());
}

fn end(signal: SignalKind, terminal: Option<&Terminal>) -> ! {
    if let Some(terminal) = terminal {
        terminal.restore();
    }
    // The line may have a question, a progress bar, or ^C.
    note("\ncip: interrupted");
    exit(128 + signal.as_raw_value());
}
