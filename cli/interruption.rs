//! Ctrl-C and SIGTERM: a command is dropped where it waits, which deletes its temporary files, and the process ends.

use crate::{failure::Failure, output::note};
use std::{process::exit, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::sleep,
};

/// How long a command may take to stop. One that asks a question, or computes, does not notice.
const LONGEST_STOP: Duration = Duration::from_millis(500);

/// The result of the command. After a signal, this ends the process instead, with the exit code that shells use: 128 and its number.
pub(crate) async fn or(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let (stop, stopped) = oneshot::channel();
    // On another thread than the command, which may block.
    tokio::spawn(async {
        let signal = received().await;
        let _ = stop.send(signal);
        sleep(LONGEST_STOP).await;
        end(signal);
    });
    let signal = tokio::select! {
        biased;
        Ok(signal) = stopped => signal,
        result = command => return result,
    };
    end(signal);
}

async fn received() -> SignalKind {
    let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
    let (Ok(mut interrupts), Ok(mut terminations)) = (signal(interrupt), signal(terminate)) else {
        // Without a handler, the signal ends the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupts.recv() => interrupt,
        _ = terminations.recv() => terminate,
    }
}

fn end(signal: SignalKind) -> ! {
    // The line may have a question, a progress bar, or ^C.
    note("\ncip: interrupted");
    exit(128 + signal.as_raw_value());
}
