//! Functions as processes, each under a Lambda runtime API of its own.

use super::{Binary, GatewayResponse, Output, PATIENCE, World, http_api, wait_for};
use futures_util::future::join_all;
use lambda_simulator::{InvocationBuilder, InvocationStatus, Simulator, SimulatorPhase};
use serde_json::Value;
use std::{
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

/// A Lambda function: one process, one event at a time.
pub(crate) struct Function {
    binary: Binary,
    lambda: Simulator,
    process: Mutex<Child>,
    output: Output,
}

impl World {
    /// Starts a process of its own.
    pub(crate) async fn spawn(&self, binary: Binary) -> Function {
        self.spawn_with(binary, &[]).await
    }

    /// The same, which uses the DynamoDB at this URL.
    pub(crate) async fn spawn_with_dynamodb(&self, binary: Binary, url: String) -> Function {
        self.spawn_with(binary, &[("AWS_ENDPOINT_URL_DYNAMODB", url)]).await
    }

    /// Starts a process with additional settings, and waits until it is ready, so that no test measures the time to
    /// start it.
    pub(crate) async fn spawn_with(&self, binary: Binary, settings: &[(&str, String)]) -> Function {
        let (lambda, mut process) = self.command(binary).await;
        let mut process = process.envs(settings.iter().cloned()).spawn().expect("the binary starts");
        forward(process.stdout.take(), &self.output);
        forward(process.stderr.take(), &self.output);
        let function = Function { binary, lambda, process: Mutex::new(process), output: self.output.clone() };
        function.wait_until_ready().await;
        function
    }

    /// Starts a process of each binary, and waits until all are ready.
    pub(crate) async fn spawn_each(&self, binaries: impl IntoIterator<Item = Binary>) -> Vec<Function> {
        let mut functions = Vec::new();
        for binary in binaries {
            functions.push(self.spawn(binary).await);
        }
        functions
    }

    /// Starts a process of each binary, and then calls them for one user, all at the same time.
    pub(crate) async fn call_at_once(
        &self,
        binaries: impl IntoIterator<Item = Binary>,
        user: &str,
    ) -> Vec<GatewayResponse> {
        send_at_once(&self.spawn_each(binaries).await, |binary, _| http_api(binary, user, "")).await
    }

    /// Starts a binary that is expected to end at once. Returns what it wrote to its standard error.
    pub(crate) async fn init_error(&self, binary: Binary) -> String {
        let (_lambda, mut process) = self.command(binary).await;
        let ended = tokio::time::timeout(Duration::from_secs(20), process.output()).await.expect("it ends");
        let ended = ended.expect("the binary starts");
        assert!(!ended.status.success());
        String::from_utf8_lossy(&ended.stderr).into_owned()
    }

    async fn command(&self, binary: Binary) -> (Simulator, Command) {
        let lambda = Simulator::builder().function_name(binary.operation()).build().await.expect("a runtime API");
        let mut command = Command::new(binary.path());
        command.env_clear().envs(lambda.lambda_env_vars()).envs(&self.settings);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        (lambda, command)
    }
}

/// Sends each function an event, all at the same time. The responses have the order of the functions.
pub(crate) async fn send_at_once(
    functions: &[Function],
    event: impl Fn(Binary, usize) -> Value,
) -> Vec<GatewayResponse> {
    let events: Vec<_> = functions.iter().enumerate().map(|(n, function)| event(function.binary, n)).collect();
    join_all(functions.iter().zip(&events).map(|(function, event)| function.send(event))).await
}

impl Function {
    /// Calls its operation for a user.
    pub(crate) async fn call(&self, user: &str) -> GatewayResponse {
        self.send(&http_api(self.binary, user, "")).await
    }

    /// The same in the background.
    pub(crate) fn call_in_background(self, user: &str) -> JoinHandle<GatewayResponse> {
        let event = http_api(self.binary, user, "");
        self.send_in_background(event)
    }

    /// Sends an event in the background.
    pub(crate) fn send_in_background(self, event: Value) -> JoinHandle<GatewayResponse> {
        tokio::spawn(async move { self.send(&event).await })
    }

    /// Sends an event, with the template's time-out.
    pub(crate) async fn send(&self, event: &Value) -> GatewayResponse {
        self.send_within(event, Duration::from_secs(15)).await
    }

    /// Sends an event with this time-out, and checks that the duration measured by the function is shorter: delays of this machine
    /// do not count.
    pub(crate) async fn send_within(&self, event: &Value, timeout: Duration) -> GatewayResponse {
        let request_id = self.start(event, timeout).await;
        let response = self.response(&request_id, timeout + PATIENCE).await.expect("a response");
        let took_ms = self.duration_ms(&request_id).await;
        assert!(Duration::from_secs_f64(took_ms / 1000.0) < timeout, "{took_ms} ms, of {timeout:?}");
        response
    }

    /// Sends an event and does not wait. Returns the request id.
    pub(crate) async fn start(&self, event: &Value, timeout: Duration) -> String {
        let invocation = InvocationBuilder::new()
            .payload(event.clone())
            .timeout_ms(cip::time::millis(timeout))
            .build()
            .expect("an invocation");
        self.lambda.enqueue(invocation).await
    }

    /// Waits for the response to an event that was sent; `None` after the time-out.
    pub(crate) async fn response(&self, request_id: &str, timeout: Duration) -> Option<GatewayResponse> {
        let ended = tokio::time::timeout(timeout, async {
            loop {
                // The simulator misses a change that comes between its check and its wait, so let it check often.
                let look = self.lambda.wait_for_invocation_complete(request_id, Duration::from_millis(20)).await;
                if let Ok(state) = look {
                    return state;
                }
            }
        });
        let state = ended.await.ok()?;
        assert_eq!(state.status, InvocationStatus::Success, "{:?}", state.error);
        let response = state.response.expect("a response").payload;
        self.output.write_response(&response);
        Some(GatewayResponse::new(response))
    }

    /// The call's duration from its log line, which comes a moment later than the response.
    async fn duration_ms(&self, request_id: &str) -> f64 {
        let line = wait_for("the log line of a call", async || self.output.call_line(request_id)).await;
        line["Duration"].as_f64().expect("ms")
    }

    async fn wait_until_ready(&self) {
        wait_for("the start of a function", async || {
            let ended = self.process.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
            assert!(matches!(ended, Ok(None)), "the function does not start: {ended:?}");
            // In short steps, as above.
            self.lambda.wait_for_phase(SimulatorPhase::Ready, Duration::from_millis(20)).await.ok()
        })
        .await;
    }

    /// Ends the process at once, as when Lambda's host fails.
    pub(crate) fn kill(&self) {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).start_kill().expect("it was running");
    }

    /// The same, and ends its runtime API too, which would otherwise run until the test ends.
    pub(crate) async fn end(self) {
        self.kill();
        self.lambda.shutdown().await;
    }

    /// The process's id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).id()
    }
}

/// Copies each line of a process's output stream.
fn forward(stream: Option<impl AsyncRead + Unpin + Send + 'static>, output: &Output) {
    let (Some(stream), output) = (stream, output.clone()) else { return };
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            output.write(&line);
        }
    });
}
