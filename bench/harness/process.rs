//! A running function.

use crate::{
    Result,
    limit::Limit,
    runtime_api::{Handled, RuntimeApi},
    statistics::ms,
    subject::Subject,
};
use std::{collections::BTreeMap, fs, process::Stdio, time::Instant};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

/// The environment variables of a process.
pub(crate) type Environment = BTreeMap<String, String>;

/// A function's process. It is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) api: RuntimeApi,
    pub(crate) started: Instant,
}

impl Running {
    /// Starts a function. With a limit, it is limited from its first instruction.
    pub(crate) async fn start(subject: &Subject, environment: &Environment, limit: Option<&Limit>) -> Result<Self> {
        let api = RuntimeApi::start().await?;
        let mut environment = environment.clone();
        environment.insert("AWS_LAMBDA_RUNTIME_API".into(), api.address.to_string());
        let (child, started) = spawn(subject, &environment, limit).await?;
        Ok(Self { child, api, started })
    }

    /// Calls the function, and checks that it was successful.
    pub(crate) async fn call(&self, event: String) -> Result<Handled> {
        self.api.handle(event).await?.check()
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.id().ok_or_else(|| "the function has ended".into())
    }

    /// The processor time of all its threads so far, in ms.
    pub(crate) fn processor_ms(&self) -> Result<f64> {
        processor_ms(self.pid()?)
    }

    /// Its resident memory now and at its peak, in MB.
    pub(crate) fn resident_mb(&self) -> Result<(f64, f64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let mb = |name: &str| -> Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line in the status")?;
            Ok(line.split_whitespace().next().unwrap_or_default().parse::<f64>()? / 1024.0)
        };
        Ok((mb("VmRSS:")?, mb("VmHWM:")?))
    }
}

/// Starts a program so that neither the creation of the process nor its move into a group counts: a shell waits in the group for a line,
/// and then becomes the program.
pub(crate) async fn spawn(
    subject: &Subject,
    environment: &Environment,
    limit: Option<&Limit>,
) -> Result<(Child, Instant)> {
    let mut child = Command::new("sh")
        .args(["-c", r#"read -r start && exec "$@" < /dev/null"#, "sh"])
        .args(&subject.command)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(limit) = limit {
        limit.add(child.id().ok_or("the function has ended")?)?;
    }
    let mut stdin = child.stdin.take().ok_or("no stdin")?;
    // The shell must have come to the line that it waits for.
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    let started = Instant::now();
    stdin.write_all(b"start\n").await?;
    Ok((child, started))
}

/// The processor time of all threads of a process, in ms.
fn processor_ms(pid: u32) -> Result<f64> {
    let mut all = std::time::Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let Ok(statistics) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let on_processor_ns = statistics.split_whitespace().next().unwrap_or("0").parse()?;
        all += std::time::Duration::from_nanos(on_processor_ns);
    }
    Ok(ms(all))
}
