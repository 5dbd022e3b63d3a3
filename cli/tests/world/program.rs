//! The binary, and what it printed.

use super::{TABLE, World};
use sandbox::database;
use serde_json::Value;
use std::process::{Output, Stdio};
use tokio::{io::AsyncWriteExt, process::Command};

/// What the binary has printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().expect("a code");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl World {
    /// The variables of the binary: nothing of the environment that the tests run in, but this database and this LiveChat account.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let app = self.sandbox.app();
        let aws = database::ENVIRONMENT.map(|(name, value)| (name, value.to_owned()));
        let parts = [
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb_url.clone()),
            ("LIVECHAT_CLIENT_ID", app.client_id.clone()),
            ("LIVECHAT_ORGANIZATION_ID", app.organization_id.clone()),
            ("LIVECHAT_REDIRECT_URI", super::REDIRECT_URI.into()),
            ("LIVECHAT_ACCOUNTS_URL", self.sandbox.url()),
        ];
        aws.into_iter().chain(parts).collect()
    }

    /// The binary with these arguments, in the test's folder, without a terminal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cip"));
        command.env_clear().envs(self.environment()).args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs the binary with this table. Nothing secret may be printed.
    pub(crate) async fn cip(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["--table", TABLE], arguments].concat(), &[]).await
    }

    /// Runs the binary with this `cargo local`.
    pub(crate) async fn cip_local(&self, arguments: &[&str]) -> Ran {
        let local = format!("--local={}", self.local_url);
        self.run(&[&[local.as_str()], arguments].concat(), &[]).await
    }

    /// Runs the binary with other variables too.
    pub(crate) async fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        self.finish(&mut command, "").await
    }

    /// Runs this command to its end, with this on stdin. Nothing secret may be printed.
    pub(crate) async fn finish(&self, command: &mut Command, stdin: &str) -> Ran {
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
        let mut pipe = child.stdin.take().expect("stdin");
        // It may end without reading.
        let _ = pipe.write_all(stdin.as_bytes()).await;
        drop(pipe);
        let output = child.wait_with_output().await.expect("it ends");
        self.check_for_secrets(&[&output.stdout[..], &output.stderr].concat()).await;
        output.into()
    }

    /// No token or cookie may be in what was printed or written.
    pub(crate) async fn check_for_secrets(&self, printed: &[u8]) {
        let printed = String::from_utf8_lossy(printed);
        for granted in self.sandbox.journal() {
            assert!(!printed.contains(&granted.access_token), "a token: {printed}");
        }
        for item in self.items().await {
            let cookies = item.get("cookies").and_then(|cookies| cookies.as_m().ok());
            let cst = cookies.and_then(|cookies| cookies.get("cst")?.as_s().ok());
            // One character can be found anywhere.
            assert!(!cst.is_some_and(|cst| cst.len() > 1 && printed.contains(cst)), "a cookie: {printed}");
        }
    }
}
