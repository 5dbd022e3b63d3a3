use crate::world::{TABLE, World, listener};
use axum::{Router, response::Redirect, routing::any};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_is_measured_and_livechats_calls_are_counted() {
    let world = World::new().await;
    let ran = world
        .cip_local(&["bench", "--user", "a/b c", "--calls", "8", "--renewals", "2", "--concurrency", "2", "--json"])
        .await;
    assert_eq!(ran.code, 0, "{} {}", ran.stdout, ran.stderr);
    let report = ran.json();
    let seen: Vec<_> = report["operations"]
        .as_array()
        .expect("operations")
        .iter()
        .map(|one| (one["operation"].as_str().expect("a name"), one["calls"].as_u64(), one["livechatCalls"].as_u64()))
        .collect();
    let expected = [
        ("hasToken", Some(8), Some(0)),
        ("getToken", Some(8), Some(1)),
        ("getFreshToken", Some(2), Some(2)),
        ("invalidate", Some(2), Some(0)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(report["cost"]["livechatCalls"], world.sandbox.calls().token, "as many as the sandbox has seen");
    for one in report["operations"].as_array().expect("operations") {
        let time = |name: &str| one[name].as_f64().expect("a time");
        assert!(time("firstMs") > 0.0 && time("p50Ms") <= time("p99Ms") && time("p99Ms") <= time("maxMs"), "{one}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_need_a_confirmation() {
    let world = World::new().await;
    for many in [["--calls", "200"], ["--concurrency", "11"]] {
        let ran = world.cip_local(&[&["bench", "--user", "alice"][..], &many].concat()).await;
        assert_eq!(ran.code, 2, "{many:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    }
    assert_eq!(world.sandbox.calls().token, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_named_and_no_credential_is_printed() {
    let world = World::new().await;
    let token = world.file("token", "secret-value\n");
    world.sandbox.fail(sandbox::Fault::OauthInvalidRequest, 10);
    let ran =
        world.cip_local(&["bench", "--user", "alice", "--calls", "2", "--renewals", "1", "--token-file", &token]).await;
    assert_eq!(ran.code, 1, "{} {}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("failed: 502 livechat_rejected"), "{}", ran.stdout);
    let ran = world.cip_local(&["bench", "--header", "secret-value"]).await;
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

/// Somebody else's server, and the number of calls that it has seen.
async fn stranger() -> (String, Arc<AtomicUsize>) {
    let listener = listener().await;
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let seen = Arc::new(AtomicUsize::new(0));
    let (counter, elsewhere) = (Arc::clone(&seen), format!("{url}/elsewhere"));
    let count = any(async move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Redirect::temporary(&elsewhere)
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback_service(count)).await });
    (url, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_go_to_no_other_server() {
    let world = World::new().await;
    let (url, seen) = stranger().await;
    let ran = world.cip_local(&["bench", &url, "--user", "alice", "--header", "X-User-Hash: secret-value"]).await;
    assert!(ran.code != 0, "{}", ran.stdout);
    assert_eq!(seen.load(Ordering::Relaxed), 1, "no redirect is followed, and no second call is sent");
    let ran = world.cip_local(&["bench", "http://cip.example", "--user", "alice"]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("https://"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_a_password_is_refused_without_repeating_it() {
    let world = World::new().await;
    let url = world.local_url.replace("http://", "http://user:secret-value@");
    let local = format!("--local={url}");
    for arguments in [&["bench", &url][..], &["user", "show", "alice", &local], &["doctor", "--base-url", &url]] {
        let ran = world
            .run(
                &[arguments, if arguments.contains(&local.as_str()) { &[] } else { &["--table", TABLE][..] }].concat(),
                &[],
            )
            .await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(!ran.stderr.contains("secret-value") && ran.stderr.contains("password"), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_reached_without_a_proxy() {
    let world = World::new().await;
    let local = format!("--local={}", world.local_url);
    let (nowhere, names) = ("http://127.0.0.1:1", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]);
    let proxies = names.map(|name| (name, nowhere));
    let ran = world.run(&[&local, "bench", "--user", "alice", "--calls", "1", "--renewals", "1"], &proxies).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = world.run(&[&local, "doctor", "--json"], &proxies).await;
    let checks = ran.json()["checks"].as_array().expect("checks").clone();
    for check in ["api", "clock"] {
        assert!(checks.iter().any(|one| one["check"] == check && one["status"] == "ok"), "{check}: {ran:?}");
    }
}
