//! A running function.

use crate::{
    Result,
    limit::Limit,
    runtime_api::{Handled, RuntimeApi},
    statistics::ms,
    subject::Subject,
};
use std::{
    collections::BTreeMap,
    fs,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    time::sleep,
};

/// How long a shell may take to start.
const SHELL_STARTS: Duration = Duration::from_millis(60);

/// The environment variables of a process.
pub(crate) type Environment = BTreeMap<String, String>;

/// A function's process. It is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pub(crate) api: RuntimeApi,
    pub(crate) started: Instant,
    /// What the shell used before the function started.
    shell_ms: f64,
}

impl Running {
    /// Starts a function. With a limit, it is limited from its first instruction.
    pub(crate) async fn start(subject: &Subject, environment: &Environment, limit: Option<&Limit>) -> Result<Self> {
        let api = RuntimeApi::start().await?;
        let mut environment = environment.clone();
        environment.insert("AWS_LAMBDA_RUNTIME_API".into(), api.address.to_string());
        let mut child = waiting_shell(subject, &environment)?;
        let pid = child.id().ok_or("the shell has ended")?;
        if let Some(limit) = limit {
            limit.add(pid)?;
        }
        // The shell must have come to the line that it waits for, and its part of a limited period must be over.
        sleep(SHELL_STARTS).await;
        let shell_ms = processor_ms(pid)?;
        let mut stdin = child.stdin.take().ok_or("no stdin")?;
        let started = Instant::now();
        stdin.write_all(b"start\n").await?;
        Ok(Self { child, api, started, shell_ms })
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
        Ok(processor_ms(self.pid()?)? - self.shell_ms)
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

/// A shell that waits for a line, and then becomes the program. So neither the creation of the process nor its move into a group counts.
fn waiting_shell(subject: &Subject, environment: &Environment) -> Result<Child> {
    let child = Command::new("sh")
        .args(["-c", r#"read -r start && exec "$@" < /dev/null"#, "sh"])
        .args(&subject.command)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

/// The processor time of all threads of a process, in ms.
fn processor_ms(pid: u32) -> Result<f64> {
    let mut all = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let Ok(statistics) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let on_processor_ns = statistics.split_whitespace().next().unwrap_or("0").parse()?;
        all += Duration::from_nanos(on_processor_ns);
    }
    Ok(ms(all))
}
