//! The stack's secret in AWS Secrets Manager, with a stand-in for it.

use crate::setup::world::World;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:livechat-cip-AbCdEf";

/// The secrets that were created.
type Created = Arc<Mutex<Vec<Value>>>;

async fn serve_manager(exists: bool) -> (String, Created) {
    let created = Created::default();
    let respond = async move |State(created): State<Created>, headers: HeaderMap, body: String| {
        let operation = headers["x-amz-target"].to_str().expect("text").rsplit('.').next().map(str::to_owned);
        match operation.as_deref() {
            Some("DescribeSecret") if exists => (StatusCode::OK, Json(json!({ "ARN": ARN }))),
            Some("DescribeSecret") => (StatusCode::BAD_REQUEST, Json(json!({ "__type": "ResourceNotFoundException" }))),
            Some("CreateSecret") => {
                created.lock().expect("whole").push(serde_json::from_str(&body).expect("JSON"));
                (StatusCode::OK, Json(json!({ "ARN": ARN })))
            }
            other => panic!("{other:?}"),
        }
    };
    let router = Router::new().route("/", post(respond)).with_state(Arc::clone(&created));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, created)
}

fn run(world: &World, url: &str, options: &[&str]) -> crate::setup::world::Outcome {
    let answers: Vec<_> = world.answers().into_iter().take(8).collect();
    let usual = [
        "--provider",
        "own-token",
        "--set",
        "SITE=shop.example",
        "--secret",
        "create",
        "--stack-secret",
        "create",
        "--yes",
    ];
    let all =
        ["setup"].into_iter().chain(answers.iter().map(String::as_str)).chain(usual).chain(options.iter().copied());
    world.cip(&all.collect::<Vec<_>>(), &[("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)], "")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_is_the_one_in_env_and_its_arn_becomes_the_parameter() {
    let world = World::start("aws-new").await;
    let (url, created) = serve_manager(false).await;
    let dry = run(&world, &url, &["--dry-run"]);
    assert_eq!((dry.code, created.lock().expect("whole").len()), (0, 0), "{}", dry.stderr);
    let found = run(&world, &url, &[]);
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert!(world.read("parameters.yaml").contains(&format!("\nJwtSecretArn: '{ARN}' #")));
    let created = created.lock().expect("whole").clone();
    let secret = created[0]["SecretString"].as_str().expect("a secret").to_owned();
    assert_eq!((created.len(), created[0]["Name"].as_str()), (1, Some("livechat-cip")));
    assert!(world.read(".env").contains(&format!("JWT_SECRET={secret}\n")));
    assert!(!found.stdout.contains(&secret) && !found.stderr.contains(&secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_secret_is_used_and_not_changed() {
    let world = World::start("aws-there").await;
    let (url, created) = serve_manager(true).await;
    let found = run(&world, &url, &[]);
    assert_eq!((found.code, created.lock().expect("whole").len()), (0, 0), "{}", found.stderr);
    assert!(world.read("parameters.yaml").contains(&format!("\nJwtSecretArn: '{ARN}' #")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_if_aws_refuses() {
    let world = World::start("aws-away").await;
    let before = world.files();
    let found = run(&world, "http://127.0.0.1:9", &[]);
    assert_eq!((found.code, world.files() == before), (3, true), "{}", found.stderr);
}
