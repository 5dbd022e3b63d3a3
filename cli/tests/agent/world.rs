//! A sandbox whose agent's app has a redirect URI of this machine, and `cip agent` in a folder of its own.

use crate::world::{REDIRECT_URI, listener};
use sandbox::{AgentApp, App, Sandbox, database};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
};

pub(crate) const FILE: &str = ".env";

pub(crate) struct AgentWorld {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: tempfile::TempDir,
    /// Where `cip` listens for the browser.
    pub(crate) redirect_uri: String,
}

/// What the command printed, and its exit code.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A login that has shown its address.
pub(crate) struct Waiting {
    child: Child,
    stderr: BufReader<ChildStderr>,
    seen: String,
    pub(crate) address: String,
}

impl AgentWorld {
    /// With a `.env` that has the account.
    pub(crate) async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Free again at once, for `cip`.
        let port = listener().await.local_addr().expect("an address").port();
        let redirect_uri = format!("http://127.0.0.1:{port}/agent");
        let app = App::for_page(REDIRECT_URI);
        let agent = AgentApp { redirect_uris: vec![REDIRECT_URI.into(), redirect_uri.clone()], ..app.agent.clone() };
        let sandbox = Sandbox::start(listener().await, App { agent, ..app }, None).expect("a sandbox");
        let world = Self { sandbox, folder: tempfile::tempdir().expect("a folder"), redirect_uri };
        let lines: Vec<_> = world.settings().into_iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        world.write(FILE, &format!("# mine\n{}", lines.concat()));
        world.write("secret.txt", &format!("{}\n", world.sandbox.app().agent.client_secret));
        world
    }

    /// The account, as settings.
    pub(crate) fn settings(&self) -> [(&'static str, String); 4] {
        let app = self.sandbox.app();
        [
            ("LIVECHAT_CLIENT_ID", app.client_id.clone()),
            ("LIVECHAT_ORGANIZATION_ID", app.organization_id.clone()),
            ("LIVECHAT_REDIRECT_URI", REDIRECT_URI.into()),
            ("LIVECHAT_ACCOUNTS_URL", self.sandbox.url()),
        ]
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }

    /// For a terminal.
    pub(crate) fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cip"));
        command.env_clear().envs(database::ENVIRONMENT).env("NO_COLOR", "1").env("TERM", "xterm");
        command.envs(variables.iter().copied()).args(arguments).current_dir(self.folder.path());
        command
    }

    fn start_with_pipes(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Child {
        let mut command = self.command(arguments, variables);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    /// The arguments of a login that asks nothing.
    pub(crate) fn login<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let client_id = self.sandbox.app().agent.client_id.as_str();
        let usual = ["agent", "login", "--yes", "--client-id", client_id, "--client-secret-file", "secret.txt"];
        [&usual, &["--redirect-uri", &self.redirect_uri][..], more].concat()
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, arguments: &[&str], variables: &[(&str, &str)], stdin: &str) -> Ended {
        let mut child = self.start_with_pipes(arguments, variables);
        // It may end without reading.
        let _ = child.stdin.take().expect("stdin").write_all(stdin.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let ended = Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        self.check_for_secrets(&ended);
        ended
    }

    /// Starts a login, and waits for the address that it shows.
    pub(crate) fn begin(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Waiting {
        let mut child = self.start_with_pipes(arguments, variables);
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr"));
        let (seen, address) = self.read_address(&mut stderr);
        Waiting { child, stderr, seen, address }
    }

    /// What is shown until the address, and the address.
    fn read_address(&self, stderr: &mut impl BufRead) -> (String, String) {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).expect("a line") > 0, "it has ended: {seen}");
            seen += &line;
            if line.starts_with(&self.sandbox.url()) {
                return (seen, line.trim().to_owned());
            }
        }
    }

    /// No credential that the command has had may be printed.
    fn check_for_secrets(&self, ended: &Ended) {
        let mut secrets =
            vec![self.sandbox.app().agent.client_secret.clone(), "refresh-".into(), "agent-".to_owned() + "0"];
        secrets.push("sandbox:token-".into());
        for secret in secrets {
            assert!(!ended.stdout.contains(&secret) && !ended.stderr.contains(&secret), "{secret}: {ended:?}");
        }
    }
}

impl Waiting {
    /// Types on stdin.
    pub(crate) fn type_line(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().expect("stdin"), "{line}").expect("typed");
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn end(mut self, world: &AgentWorld) -> Ended {
        drop(self.child.stdin.take());
        self.stderr.read_to_string(&mut self.seen).expect("text");
        let output = self.child.wait_with_output().expect("it ends");
        let stdout = String::from_utf8(output.stdout).expect("text");
        let ended = Ended { code: output.status.code(), stdout, stderr: self.seen };
        world.check_for_secrets(&ended);
        ended
    }
}
