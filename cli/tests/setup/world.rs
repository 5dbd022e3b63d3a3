//! A new clone, an identity provider, the sandbox in place of LiveChat, and a terminal.

use axum::{Json, Router, routing::get};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rexpect::{
    process::WaitStatus,
    session::{Options, PtySession, spawn_with_options},
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use sandbox::{App, Sandbox, database};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tokio::net::TcpListener;

pub(crate) const REDIRECT_URI: &str = "https://shop.example/";
/// How long a question may take to come, in ms: the machine can be busy.
const TIMEOUT_MS: u64 = 60_000;

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    /// Where the identity provider is; its issuer has a slash at the end.
    pub(crate) provider_url: String,
    pub(crate) folder: PathBuf,
}

/// What the command printed, and its exit code.
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    /// A new clone, whose `.env` has nothing but the address of the sandbox. `name` is the test's.
    pub(crate) async fn start(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let app = App { redirect_uris: vec![REDIRECT_URI.into()], ..App::for_page("") };
        let sandbox = Sandbox::start(listener, app, None).expect("a sandbox");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("setup-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("functions/common")).expect("a folder");
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for file in ["template.yaml", "parameters.yaml", "samconfig.toml", "functions/common/lib.rs"] {
            fs::copy(repository.join(file), folder.join(file)).expect(file);
        }
        let world = Self { sandbox, provider_url: serve_provider().await, folder };
        world.write(".env", &format!("# my settings\nLIVECHAT_ACCOUNTS_URL={}\n", world.sandbox.url()));
        world
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).expect(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).expect(file);
    }

    /// All files of the folder with their content.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(&self.folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
        entries.filter(|path| path.is_file()).map(|path| (name(&path), fs::read(&path).expect("a file"))).collect()
    }

    /// The options that answer all questions, with the provider's recipe for Auth0.
    pub(crate) fn answers(&self) -> Vec<String> {
        let app = self.sandbox.app();
        let domain = format!("YOUR_DOMAIN={}", self.provider_url);
        let options = [
            ["--client-id", &app.client_id],
            ["--account", &app.organization_id],
            ["--redirect-uri", REDIRECT_URI],
            ["--origins", "https://shop.example"],
            ["--provider", "auth0"],
            ["--set", &domain],
            ["--set", "YOUR_API_IDENTIFIER=livechat"],
        ];
        options.concat().into_iter().map(str::to_owned).collect()
    }

    /// Runs `cip` without a terminal.
    pub(crate) fn cip(&self, options: &[&str], environment: &[(&str, &str)], stdin: &str) -> Outcome {
        let mut command = self.command();
        command.envs(environment.iter().copied()).args(options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        // A program that reads nothing may have ended.
        let _ = child.stdin.take().expect("stdin").write_all(stdin.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Outcome {
            code: output.status.code().expect("a code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs `cip setup` without a terminal, with the answers and these options.
    pub(crate) fn setup(&self, options: &[&str], stdin: &str) -> Outcome {
        let answers = self.answers();
        let all: Vec<_> =
            ["setup"].into_iter().chain(answers.iter().map(String::as_str)).chain(options.iter().copied()).collect();
        self.cip(&all, &[], stdin)
    }

    /// Starts `cip setup` on a terminal.
    pub(crate) fn terminal(&self, options: &[&str]) -> Terminal {
        let mut command = self.command();
        command.arg("setup").args(options);
        Terminal::start(command)
    }

    /// `cip`, or another program in its folder, with an environment of its own.
    pub(crate) fn command(&self) -> Command {
        self.other_command(env!("CARGO_BIN_EXE_cip"))
    }

    pub(crate) fn other_command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(database::ENVIRONMENT).env("TERM", "xterm").env("NO_COLOR", "1");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(&self.folder);
        command
    }

    /// Whether `cip doctor` finds nothing wrong with what was written, and what it found.
    pub(crate) fn doctor(&self) -> (bool, String) {
        let found = self.cip(&["doctor", "--json", "--env-file", ".env", "--call-livechat"], &[], "");
        (found.code == 0, found.stdout + &found.stderr)
    }
}

/// A terminal with the program.
pub(crate) struct Terminal {
    session: PtySession,
    /// All that was printed, also what was typed and shown.
    pub(crate) seen: String,
}

impl Terminal {
    pub(crate) fn start(command: Command) -> Self {
        let options = Options::new().timeout_ms(Some(TIMEOUT_MS)).strip_ansi_escape_codes(true);
        Self { session: spawn_with_options(command, options).expect("a terminal"), seen: String::new() }
    }

    /// Waits for these words.
    #[track_caller]
    pub(crate) fn expect(&mut self, words: &str) -> &mut Self {
        let before = self.session.exp_string(words).unwrap_or_else(|error| panic!("{words}: {error}"));
        self.seen.push_str(&before);
        self
    }

    /// Waits for a question, and types an answer and Enter.
    #[track_caller]
    pub(crate) fn answer(&mut self, question: &str, answer: &str) -> &mut Self {
        self.expect(question).send(&format!("{answer}\r"))
    }

    pub(crate) fn send(&mut self, keys: &str) -> &mut Self {
        self.session.send(keys).expect("typed");
        self.session.flush().expect("typed");
        self
    }

    /// Waits for the end, which Ctrl-C has caused.
    pub(crate) fn end_by_interrupt(&mut self) {
        self.session.exp_eof().expect("the end");
        let status = self.session.process().wait().expect("a status");
        assert!(matches!(status, WaitStatus::Exited(_, 130)), "{status:?}");
    }

    /// Waits for the end. Returns the exit code and what was printed last.
    pub(crate) fn end(&mut self) -> (i32, String) {
        let rest = self.session.exp_eof().expect("the end");
        match self.session.process().wait().expect("a status") {
            WaitStatus::Exited(_, code) => (code, rest),
            other => panic!("{other:?}: {rest}"),
        }
    }
}

/// An identity provider with one key, at the addresses that Auth0 has.
async fn serve_provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).expect("a key");
    let point = key.public_key().as_ref();
    let (x, y) = (BASE64_URL_SAFE_NO_PAD.encode(&point[1..33]), BASE64_URL_SAFE_NO_PAD.encode(&point[33..]));
    let jwks = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "kid": "one", "x": x, "y": y }] });
    let configuration = json!({ "issuer": format!("{url}/"), "jwks_uri": format!("{url}/.well-known/jwks.json") });
    let router = Router::new()
        .route("/.well-known/jwks.json", get(async || Json(jwks)))
        .route("/.well-known/openid-configuration", get(async || Json(configuration)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
