//! Instructions and allocations of a function, counted by valgrind. Unlike times, they are nearly the same in each run.

use crate::{Result, process::Environment, runtime_api::RuntimeApi, subject::Subject};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::process::Stdio;
use tokio::process::Command;

/// A run of a function under valgrind.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) environment: &'a Environment,
    /// The events of its calls, one after the other.
    pub(crate) events: Vec<String>,
}

/// What a program allocated on the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allocated {
    pub(crate) bytes: u64,
    pub(crate) blocks: u64,
}

impl Run<'_> {
    /// The instructions from the start until the function waits for another event.
    pub(crate) async fn instructions(self) -> Result<u64> {
        let report = self.report(&["--tool=callgrind", "--callgrind-out-file=/dev/null"]).await?;
        collected(&report).ok_or_else(|| format!("callgrind reported no count:\n{report}").into())
    }

    /// The allocations from the start until the function waits for another event.
    pub(crate) async fn allocated(self) -> Result<Allocated> {
        let report = self.report(&["--tool=dhat", "--dhat-out-file=/dev/null"]).await?;
        total(&report).ok_or_else(|| format!("dhat reported no total:\n{report}").into())
    }

    async fn report(self, options: &[&str]) -> Result<String> {
        let api = RuntimeApi::start().await?;
        let child = Command::new("valgrind")
            .args(options)
            .args(&self.subject.command)
            .env_clear()
            .envs(self.environment)
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("valgrind cannot be started: {error}"))?;
        let pid = child.id().ok_or("valgrind has ended")?;
        api.ready().await?;
        let calls = self.events.len();
        for event in self.events {
            api.handle(event).await?.check()?;
        }
        api.polled(1 + calls).await?;
        kill(Pid::from_raw(pid.try_into()?), Signal::SIGTERM)?;
        Ok(String::from_utf8_lossy(&child.wait_with_output().await?.stderr).into_owned())
    }
}

fn collected(report: &str) -> Option<u64> {
    report.split_once("Collected : ")?.1.split_whitespace().next()?.parse().ok()
}

/// From a line such as `Total:     1,234 bytes in 56 blocks`.
fn total(report: &str) -> Option<Allocated> {
    let mut words = report.split_once("Total:")?.1.split_whitespace();
    let mut number = || words.next()?.replace(',', "").parse().ok();
    let bytes = number()?;
    let blocks = words.nth(2)?.replace(',', "").parse().ok()?;
    Some(Allocated { bytes, blocks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_read_from_valgrinds_reports() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 2412345\n"), Some(2_412_345));
        assert_eq!(collected("==1== killed"), None);
        let report = "==1== Total:     1,234 bytes in 56 blocks\n";
        assert_eq!(total(report), Some(Allocated { bytes: 1_234, blocks: 56 }));
    }
}
