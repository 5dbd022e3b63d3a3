//! What `cargo local` keeps is for its owner and their own page: not for other pages, not for other users who look into the folder, and
//! not for two processes at once.

use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode,
    header::{HOST, ORIGIN},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// How long this machine may take for what takes others a moment.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running `cargo local`.
struct Local {
    process: Child,
    api: String,
    database: String,
    sandbox: String,
}

impl Local {
    fn start(folder: &Path, options: &[&str]) -> Self {
        let lines = folder.join("lines");
        let mut process = command(folder, options)
            .stdout(fs::File::create(&lines).expect("a file for its lines"))
            .spawn()
            .expect("it can be started");
        let end = Instant::now() + PATIENCE;
        let lines = loop {
            let text = fs::read_to_string(&lines).expect("its lines");
            if text.contains("Real one") {
                break text;
            }
            let ended = process.try_wait().expect("it is ours");
            assert!(ended.is_none() && Instant::now() < end, "it does not start, it says: {text}");
            std::thread::sleep(Duration::from_millis(20));
        };
        let url = |name: &str| {
            let line = lines.lines().find(|line| line.starts_with(name)).expect("a line for each part");
            line.split_whitespace().nth(1).expect("its address").to_owned()
        };
        Self { process, api: url("API"), database: url("DynamoDB"), sandbox: url("LiveChat") }
    }

    fn all(&self) -> [&str; 3] {
        [&self.api, &self.database, &self.sandbox]
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // As a crash would end it.
        self.process.kill().and_then(|()| self.process.wait()).expect("it is ours");
    }
}

fn command(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_local"));
    command.args(["--port", "0"]).args(options).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if ["LIVECHAT_", "AUTH", "GUESTS", "JWT_", "HMAC_", "ALLOWED_"].iter().any(|mine| name.starts_with(mine)) {
            command.env_remove(name);
        }
    }
    command
}

/// A start that is refused.
fn refused(folder: &Path, options: &[&str]) -> Output {
    let output = command(folder, options).output().expect("it can be started");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    output
}

/// A folder of this test's own.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("livechat-cip-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("it is ours");
    }
}

fn client() -> Client {
    // A client wants to know how to do TLS, although nobody here has any.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().expect("a client")
}

/// What the AWS SDK sends to read everything.
fn scan(client: &Client, url: &str) -> RequestBuilder {
    client
        .post(url)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.Scan")
        .body(r#"{"TableName":"livechat-cip"}"#)
}

async fn answer(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

fn has_cors(response: &Response) -> bool {
    response.headers().keys().any(|name| name.as_str().starts_with("access-control"))
}

#[tokio::test]
async fn no_page_reads_the_database() {
    let place = Place::new();
    let local = Local::start(&place.0, &["--memory"]);
    let client = client();
    assert!(answer(client.get(format!("{}/getToken/alice", local.api))).await.status().is_success());
    let own = answer(scan(&client, &local.database)).await;
    assert!(!has_cors(&own));
    assert!(own.text().await.expect("a text").contains("cookies"), "programs read it");

    for origin in [&local.api, "http://localhost:5173", "https://evil.test", "null"] {
        let refused = answer(scan(&client, &local.database).header(ORIGIN, origin)).await;
        assert!(refused.status() == StatusCode::FORBIDDEN && !has_cors(&refused), "{origin}: {refused:?}");
        assert!(!refused.text().await.expect("a text").contains("cookies"), "{origin}");
        let preflight = client
            .request(Method::OPTIONS, &local.database)
            .header(ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-amz-target,content-type");
        let preflight = answer(preflight).await;
        assert!(!preflight.status().is_success() && !has_cors(&preflight), "{origin}: {preflight:?}");
    }
    for site in ["cross-site", "same-site"] {
        let refused = answer(scan(&client, &local.database).header("sec-fetch-site", site)).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{site}");
    }
}

#[tokio::test]
async fn only_its_own_page_uses_the_sandbox() {
    let place = Place::new();
    let local = Local::start(&place.0, &["--memory"]);
    let client = client();
    let reset = format!("{}/sandbox/reset", local.sandbox);
    let by_name = local.api.replace("127.0.0.1", "localhost");
    for origin in [&local.api, &by_name] {
        let allowed = answer(client.post(&reset).header(ORIGIN, origin)).await;
        assert_eq!(allowed.headers().get("access-control-allow-origin").expect("its own page"), origin);
        let chat = client
            .request(Method::OPTIONS, format!("{}/sandbox/chat", local.sandbox))
            .header(ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        assert!(has_cors(&answer(chat).await));
    }
    for origin in ["http://localhost:5173", "http://127.0.0.1:5173", "https://evil.test", "null"] {
        // No preflight comes before it.
        let refused = answer(client.post(&reset).header(ORIGIN, origin).body("{}")).await;
        assert!(refused.status() == StatusCode::FORBIDDEN && !has_cors(&refused), "{origin}: {refused:?}");
    }
    assert!(answer(client.post(&reset)).await.status().is_success(), "programs may");
}

#[tokio::test]
async fn a_name_that_leads_here_is_not_enough() {
    let place = Place::new();
    let local = Local::start(&place.0, &["--memory", "--allow-host", "shop.ngrok.test"]);
    let client = client();
    for url in local.all() {
        let (_, port) = url.rsplit_once(':').expect("a port");
        let with_host = |host: String| answer(client.get(url).header(HOST, host));
        for host in
            [format!("evil.test:{port}"), "evil.test".into(), format!("localhost.evil.test:{port}"), "127.0.0.1".into()]
        {
            let refused = with_host(host.clone()).await;
            assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST, "{url} {host}");
            let text = refused.text().await.expect("a text");
            assert!(text.contains("--allow-host") && text.contains(&format!("localhost:{port}")), "{text}");
        }
        for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "shop.ngrok.test".into()] {
            assert_ne!(with_host(host.clone()).await.status(), StatusCode::MISDIRECTED_REQUEST, "{url} {host}");
        }
        // `sam local` calls the database and the sandbox so.
        let of_container = with_host(format!("host.docker.internal:{port}")).await.status();
        assert_eq!(of_container == StatusCode::MISDIRECTED_REQUEST, url == local.api, "{url}");
    }
}

#[tokio::test]
async fn another_address_has_a_name_of_its_own() {
    let place = Place::new();
    // All of 127.0.0.0/8 is this machine on Linux and Windows; elsewhere there is none that a test could have.
    if tokio::net::TcpListener::bind("127.0.0.2:0").await.is_err() {
        return;
    }
    let local = Local::start(&place.0, &["--memory", "--also-on", "127.0.0.2"]);
    for url in [&local.database, &local.sandbox] {
        let there = url.replace("127.0.0.1", "127.0.0.2");
        assert_ne!(answer(client().get(&there)).await.status(), StatusCode::MISDIRECTED_REQUEST, "{there}");
        let by_name = there.replace("127.0.0.2", "evil.test").replace("http://", "");
        let refused = answer(client().get(&there).header(HOST, by_name)).await;
        assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST, "{there}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_on_the_machine_reads_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let folder = place.0.join(".local");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let check = || {
        assert_eq!(mode(&folder), 0o700);
        let files: Vec<_> =
            fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        for file in &files {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        for name in ["sandbox.sqlite", "sandbox.json", "development-secret"] {
            assert!(files.contains(&folder.join(name)), "{name}: {files:?}");
        }
        files
    };
    {
        let local = Local::start(&place.0, &["--auth", "hmac", "--guests"]);
        let guest = client().get(format!("{}/getToken", local.api)).header("x-guest-id", "0123456789".repeat(5));
        assert!(answer(guest).await.status().is_success());
        assert!(check().len() > 4, "also what SQLite has beside it");
    }
    // An earlier version made them so.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("ours");
    for entry in fs::read_dir(&folder).expect("a folder") {
        fs::set_permissions(entry.expect("an entry").path(), fs::Permissions::from_mode(0o644)).expect("ours");
    }
    let _local = Local::start(&place.0, &["--auth", "hmac"]);
    check();
}

#[tokio::test]
async fn one_process_at_a_time_uses_what_is_kept() {
    let place = Place::new();
    let local = Local::start(&place.0, &[]);
    let said = String::from_utf8(refused(&place.0, &[]).stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in [&format!("process {} ", local.process.id()), ".local", "--memory", "another folder"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // These keep nothing.
    drop(Local::start(&place.0, &["--memory"]));
    // A crash leaves no lock behind.
    drop(local);
    drop(Local::start(&place.0, &[]));
}
