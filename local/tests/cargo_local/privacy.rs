//! What `cargo local` stores is private: only its owner and its own page can read it. Other pages and other users of the machine
//! cannot, and two processes cannot use it at the same time.

use crate::helpers::{Local, TestFolder, client, command, send};
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode,
    header::{HOST, ORIGIN},
};
use std::{fs, path::Path, process::Output};

/// The output of a start that is refused.
fn refused(folder: &Path, options: &[&str]) -> Output {
    let output = command(folder, options).output().expect("it can be started");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    output
}

/// The request that the AWS SDK sends to scan the table.
fn scan(client: &Client, url: &str) -> RequestBuilder {
    client
        .post(url)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.Scan")
        .body(r#"{"TableName":"livechat-cip"}"#)
}

fn has_cors(response: &Response) -> bool {
    response.headers().keys().any(|name| name.as_str().starts_with("access-control"))
}

/// The pages that may show this one in a frame.
fn frame_ancestors(response: &Response) -> Vec<&str> {
    let policy = response.headers().get("content-security-policy").expect("a policy").to_str().expect("a string");
    let mut directives = policy.split(';').map(str::split_whitespace);
    let mut found =
        directives.find(|directive| directive.clone().next() == Some("frame-ancestors")).expect("frame-ancestors");
    found.next();
    found.collect()
}

#[tokio::test]
async fn no_page_can_read_the_database() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &["--memory"]);
    let client = client();
    assert!(send(client.get(format!("{}/getToken/alice", local.api))).await.status().is_success());
    let own = send(scan(&client, &local.database)).await;
    assert!(!has_cors(&own));
    assert!(own.text().await.expect("a body").contains("cookies"), "programs can read it");

    for origin in [&local.api, "http://localhost:5173", "https://evil.test", "null"] {
        let refused = send(scan(&client, &local.database).header(ORIGIN, origin)).await;
        assert!(refused.status() == StatusCode::FORBIDDEN && !has_cors(&refused), "{origin}: {refused:?}");
        assert!(!refused.text().await.expect("a body").contains("cookies"), "{origin}");
        let preflight = client
            .request(Method::OPTIONS, &local.database)
            .header(ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-amz-target,content-type");
        let preflight = send(preflight).await;
        assert!(!preflight.status().is_success() && !has_cors(&preflight), "{origin}: {preflight:?}");
    }
    for site in ["cross-site", "same-site"] {
        let refused = send(scan(&client, &local.database).header("sec-fetch-site", site)).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{site}");
    }
}

#[tokio::test]
async fn only_its_own_page_can_use_the_sandbox() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &["--memory"]);
    let client = client();
    let reset = format!("{}/sandbox/reset", local.sandbox);
    let by_name = local.api.replace("127.0.0.1", "localhost");
    for origin in [&local.api, &by_name] {
        let allowed = send(client.post(&reset).header(ORIGIN, origin)).await;
        assert_eq!(allowed.headers().get("access-control-allow-origin").expect("its own page"), origin);
        let chat = client
            .request(Method::OPTIONS, format!("{}/sandbox/chat", local.sandbox))
            .header(ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        assert!(has_cors(&send(chat).await));
    }
    for origin in ["http://localhost:5173", "http://127.0.0.1:5173", "https://evil.test", "null"] {
        // Browsers send this request without a preflight.
        let refused = send(client.post(&reset).header(ORIGIN, origin).body("{}")).await;
        assert!(refused.status() == StatusCode::FORBIDDEN && !has_cors(&refused), "{origin}: {refused:?}");
    }
    assert!(send(client.post(&reset)).await.status().is_success(), "programs can use it");
}

/// Guards against: an origin that may call the API may reset the sandbox too, or log in as anybody.
#[tokio::test]
async fn an_allowed_origin_may_call_the_api_and_show_the_chat_panel_but_nothing_else() {
    const ALLOWED: &str = "http://localhost:5173";
    let folder = TestFolder::new();
    let local = Local::start_for(ALLOWED, &folder.0, &["--memory", "--auth", "jwt"]);
    let client = client();
    let get = |url: String| send(client.get(url).header(ORIGIN, ALLOWED).header("sec-fetch-site", "cross-site"));
    assert!(has_cors(&get(format!("{}/getToken", local.api)).await));

    for url in [
        format!("{}/dev/credentials?user=alice", local.api),
        format!("{}/dev/calls", local.api),
        format!("{}/sandbox", local.sandbox),
        format!("{}/sandbox/chat", local.sandbox),
        local.database.clone(),
    ] {
        let refused = get(url.clone()).await;
        assert!(refused.status() == StatusCode::FORBIDDEN && !has_cors(&refused), "{url}: {refused:?}");
    }
    for path in ["/", "/device.html", "/panel.html", "/config.json", "/chat-panel.js"] {
        let response = get(format!("{}{path}", local.api)).await;
        assert!(response.status().is_success() && !has_cors(&response), "{path}: {response:?}");
        if path != "/config.json" {
            let expected = if path == "/panel.html" { &["'self'", ALLOWED] as &[_] } else { &["'self'"] };
            assert_eq!(frame_ancestors(&response), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn without_allowed_origins_no_other_page_can_show_the_chat_panel() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &["--memory"]);
    let panel = send(client().get(format!("{}/panel.html", local.api))).await;
    assert_eq!(frame_ancestors(&panel), ["'self'"]);
}

#[tokio::test]
async fn a_request_with_an_unknown_host_is_refused() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &["--memory", "--allow-host", "shop.ngrok.test"]);
    let client = client();
    for url in local.all() {
        let (_, port) = url.rsplit_once(':').expect("a port");
        let with_host = |host: String| send(client.get(url).header(HOST, host));
        for host in
            [format!("evil.test:{port}"), "evil.test".into(), format!("localhost.evil.test:{port}"), "127.0.0.1".into()]
        {
            let refused = with_host(host.clone()).await;
            assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST, "{url} {host}");
            let text = refused.text().await.expect("a body");
            assert!(text.contains("--allow-host") && text.contains(&format!("localhost:{port}")), "{text}");
        }
        for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "shop.ngrok.test".into()] {
            assert_ne!(with_host(host.clone()).await.status(), StatusCode::MISDIRECTED_REQUEST, "{url} {host}");
        }
        // The containers of `sam local` call the database and the sandbox under this name.
        let of_container = with_host(format!("host.docker.internal:{port}")).await.status();
        assert_eq!(of_container == StatusCode::MISDIRECTED_REQUEST, url == local.api, "{url}");
    }
}

#[tokio::test]
async fn the_address_of_also_on_is_accepted_as_host() {
    let folder = TestFolder::new();
    // On Linux and Windows, all of 127.0.0.0/8 is this machine. On other systems there is no second address for a test.
    if tokio::net::TcpListener::bind("127.0.0.2:0").await.is_err() {
        return;
    }
    let local = Local::start(&folder.0, &["--memory", "--also-on", "127.0.0.2"]);
    for url in [&local.database, &local.sandbox] {
        let there = url.replace("127.0.0.1", "127.0.0.2");
        assert_ne!(send(client().get(&there)).await.status(), StatusCode::MISDIRECTED_REQUEST, "{there}");
        let by_name = there.replace("127.0.0.2", "evil.test").replace("http://", "");
        let refused = send(client().get(&there).header(HOST, by_name)).await;
        assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST, "{there}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn other_users_of_the_machine_cannot_read_the_stored_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TestFolder::new();
    let stored = folder.0.join(".local");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let check = || {
        assert_eq!(mode(&stored), 0o700);
        let files: Vec<_> =
            fs::read_dir(&stored).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        for file in &files {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        for name in ["sandbox.sqlite", "sandbox.json", "development-secret"] {
            assert!(files.contains(&stored.join(name)), "{name}: {files:?}");
        }
        files
    };
    {
        let local = Local::start(&folder.0, &["--auth", "hmac", "--guests"]);
        let guest = client().get(format!("{}/getToken", local.api)).header("x-guest-id", "0123456789".repeat(5));
        assert!(send(guest).await.status().is_success());
        assert!(check().len() > 4, "SQLite has created files beside its database");
    }
    // An earlier version created them with these modes.
    fs::set_permissions(&stored, fs::Permissions::from_mode(0o755)).expect("its owner's");
    for entry in fs::read_dir(&stored).expect("a folder") {
        fs::set_permissions(entry.expect("an entry").path(), fs::Permissions::from_mode(0o644)).expect("its owner's");
    }
    let _local = Local::start(&folder.0, &["--auth", "hmac"]);
    check();
}

#[tokio::test]
async fn a_second_process_in_the_same_folder_is_refused() {
    let folder = TestFolder::new();
    let local = Local::start(&folder.0, &[]);
    let error = String::from_utf8(refused(&folder.0, &[]).stderr).expect("UTF-8");
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in [&format!("process {} ", local.process.id()), ".local", "--memory", "another folder"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // With `--memory`, nothing is stored.
    drop(Local::start(&folder.0, &["--memory"]));
    // A crash leaves no lock behind.
    drop(local);
    drop(Local::start(&folder.0, &[]));
}
