//! Starts `cargo local` in a temporary folder.

use reqwest::{Client, RequestBuilder, Response};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A temporary folder of one test. It is deleted when it is dropped.
pub(crate) struct TestFolder(pub(crate) PathBuf);

impl TestFolder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("livechat-cip-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder of this test");
    }
}

/// `cargo local` in this folder, on free ports, without the settings of the environment that the tests run in.
pub(crate) fn command(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["--port", "0"]).args(options).current_dir(folder).stdin(Stdio::null());
    // Nothing of the environment that the tests run in, except what every program needs.
    command.env_clear();
    command
        .envs(["PATH", "HOME", "TMPDIR", "SystemRoot"].iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
}

/// How long a start may take. Usually it takes much less than a second.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A running `cargo local`.
pub(crate) struct Local {
    pub(crate) process: Child,
    pub(crate) api: String,
    pub(crate) database: String,
    pub(crate) sandbox: String,
    output: PathBuf,
}

impl Local {
    pub(crate) fn start(folder: &Path, options: &[&str]) -> Self {
        Self::start_for("", folder, options)
    }

    /// With these `ALLOWED_ORIGINS`.
    pub(crate) fn start_for(origins: &str, folder: &Path, options: &[&str]) -> Self {
        let file = folder.join("output");
        let mut process = command(folder, options)
            .env("ALLOWED_ORIGINS", origins)
            .stdout(fs::File::create(&file).expect("a file for its output"))
            .spawn()
            .expect("it can be started");
        let end = Instant::now() + TIMEOUT;
        let output = loop {
            let output = fs::read_to_string(&file).expect("its output");
            if output.contains("Real one") {
                break output;
            }
            let exited = process.try_wait().expect("a child of this test");
            assert!(exited.is_none() && Instant::now() < end, "it does not start; its output: {output}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let url = |name: &str| {
            let line = output.lines().find(|line| line.starts_with(name)).expect("a line for each part");
            line.split_whitespace().nth(1).expect("its URL").to_owned()
        };
        Self { process, api: url("API"), database: url("DynamoDB"), sandbox: url("LiveChat"), output: file }
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.output).expect("its output")
    }

    pub(crate) fn all(&self) -> [&str; 3] {
        [&self.api, &self.database, &self.sandbox]
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // As a crash would end it.
        self.process.kill().and_then(|()| self.process.wait()).expect("a child of this test");
    }
}

pub(crate) fn client() -> Client {
    // A client needs a TLS provider, although these tests use no TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("a client")
}

pub(crate) async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("a response")
}
