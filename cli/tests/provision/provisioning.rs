//! Each user gets one customer, however often and however many at once the command runs.

use crate::{
    provision::world::{World, result, said},
    world::{REDIRECT_URI, TABLE, serve},
};
use axum::{Router, routing::post};
use serde_json::{Value, json};
use std::{collections::HashSet, fmt::Write, os::unix::fs::PermissionsExt, time::Duration};

#[tokio::test]
async fn each_user_gets_one_customer_and_a_second_run_calls_nobody() {
    let world = World::new().await;
    let file = world.users(60);
    let (code, done) = world.provision(&[&file]).await;
    assert_eq!((code, &done["created"], &done["livechatCalls"]), (0, &json!(60), &json!(60)), "{done}");
    let stored = world.stored().await;
    assert_eq!((world.sandbox.customers(), stored.values().collect::<HashSet<_>>().len()), (60, 60));

    let before = world.items().await;
    let (code, again) = world.provision(&[&file]).await;
    assert_eq!((code, &again["created"], &again["existing"]), (0, &json!(0), &json!(60)), "{again}");
    assert_eq!((&again["livechatCalls"], world.items().await), (&json!(0), before));
    assert_eq!(world.get_token("user-7").await, stored["user#user-7"]);
    assert_eq!(world.sandbox.calls().token, 60, "the stored token is usable: the first page load needs no call");
}

#[tokio::test]
async fn an_identity_without_a_token_is_left_alone() {
    let world = World::new().await;
    let entity_id = world.get_token("user-0").await;
    reqwest::get(format!("{}/invalidate/user-0", world.local_url)).await.expect("invalidated");
    let before = world.items().await;
    let (code, done) = world.provision(&[&world.users(1)]).await;
    assert_eq!((code, &done["existing"], &done["livechatCalls"]), (0, &json!(1), &json!(0)), "{done}");
    assert_eq!((world.stored().await["user#user-0"].as_str(), world.items().await), (entity_id.as_str(), before));
}

#[tokio::test]
async fn the_customers_are_listed_for_the_owner_only_as_the_file_spells_the_users() {
    let world = World::new().await;
    let lines = [
        json!({"user": "Zoe\u{308}", "issuer": "https://b.example/"}),
        json!({"user": "ALICE", "group": 3}),
        json!({"user": "alice"}),
        json!({"user": "a/b c"}),
    ];
    let file = world.file("users.jsonl", lines.map(|line| line.to_string()).join("\n"));
    let there = world.get_token("alice").await;
    let output = world.path("customers.jsonl");
    std::fs::write(&output, "of an earlier run").expect("written");
    let path = output.to_str().expect("a path");
    let (code, done) = world.provision(&[&file, "--normalize", "nfc-lowercase", "--output", path]).await;
    assert_eq!((code, &done["created"], &done["existing"]), (0, &json!(3), &json!(1)), "{done}");

    assert_eq!(std::fs::metadata(&output).expect("a file").permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&output).expect("a file");
    world.check_for_secrets(text.as_bytes()).await;
    let mut listed: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    listed.sort_by_key(ToString::to_string);
    let stored = world.stored().await;
    let mut expected = vec![
        json!({"user": "Zoe\u{308}", "issuer": "https://b.example/", "entityId": stored["issuer#https://b.example/#zo\u{eb}"]}),
        json!({"user": "ALICE", "group": 3, "entityId": stored["user#alice group#3"]}),
        json!({"user": "alice", "entityId": there}),
        json!({"user": "a/b c", "entityId": stored["user#a/b c"]}),
    ];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn a_dry_run_says_what_it_costs_and_changes_nothing() {
    let world = World::new().await;
    let there = world.get_token("user-2").await;
    let (before, calls) = (world.items().await, world.sandbox.calls().token);
    let (file, output) = (world.users(2_003), world.path("customers.jsonl"));
    let output = output.to_str().expect("a path");
    let run = world.run(&[&file, "--dry-run", "--read-units", "100000", "--output", output]).await;
    let (code, plan) = result(&run);
    assert_eq!((code, &plan["existing"], &plan["notDone"]), (0, &json!(1), &json!(2_002)), "{plan}");
    assert_eq!((&plan["estimate"]["customers"], &plan["estimate"]["seconds"]), (&json!(2_002), &json!(1_001)));
    let bill = plan["estimate"]["livechatBill"].as_array().expect("the least and the most");
    let bill: Vec<_> = bill.iter().map(|price| format!("{:.4}", price.as_f64().expect("a price"))).collect();
    assert_eq!(bill, ["0.1703", "0.5405"]);
    assert_eq!((world.items().await, world.sandbox.calls().token), (before, calls));
    let listed: Value = serde_json::from_str(&std::fs::read_to_string(output).expect("a file")).expect("one line");
    assert_eq!(listed, json!({"user": "user-2", "entityId": there}));
}

#[tokio::test]
async fn without_a_terminal_and_without_yes_nobody_is_called() {
    let world = World::new().await;
    let run = world.run(&[&world.users(2)]).await;
    assert_eq!(run.status.code(), Some(2), "{}", said(&run));
    assert!(said(&run).contains("2 calls of LiveChat") && said(&run).contains("--yes"), "{}", said(&run));
    assert_eq!((world.sandbox.calls().token, world.items().await.len()), (0, 0));
}

#[tokio::test]
async fn two_runs_at_once_create_no_user_twice() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.jitter_ms = 20);
    let file = world.users(100);
    let arguments = [file.as_str()];
    let ((one, first), (other, second)) = tokio::join!(world.provision(&arguments), world.provision(&arguments));
    assert_eq!((one, other), (0, 0), "{first} {second}");
    let created = |done: &Value| done["created"].as_u64().expect("a number");
    assert_eq!((created(&first) + created(&second), world.sandbox.customers()), (100, 100), "{first} {second}");
    assert_eq!(world.stored().await.len(), 100);
}

#[tokio::test]
async fn users_who_come_meanwhile_get_the_same_customer() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.jitter_ms = 20);
    let local = format!("--local={}", world.local_url);
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cip"));
    command.args(["provision", &world.users(100), &local, "--yes", "--json", "--rate", "200"]);
    let users = async {
        let mut entity_ids = Vec::new();
        for number in (0..100).rev() {
            entity_ids.push((number, world.get_token(&format!("user-{number}")).await));
        }
        entity_ids
    };
    let (run, users) = tokio::join!(world.finish(command), users);
    let (code, done) = result(&run);
    assert_eq!((code, &done["records"]), (0, &json!(100)), "{done}");
    assert_eq!(world.sandbox.customers(), 100);
    let stored = world.stored().await;
    for (number, entity_id) in users {
        assert_eq!(stored[&format!("user#user-{number}")], entity_id);
    }
}

#[tokio::test]
async fn a_user_who_is_getting_a_token_is_waited_for() {
    let world = World::new().await;
    world.sandbox.set(|settings| settings.latency_ms = 2_500);
    let (file, url) = (world.users(1), world.local_url.clone());
    let page = tokio::spawn(async move { reqwest::get(format!("{url}/getToken/user-0")).await.expect("a response") });
    while world.items().await.iter().all(|item| !item.contains_key("leaseUntil")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (code, done) = world.provision(&[&file]).await;
    assert!(page.await.expect("a page").status().is_success());
    assert_eq!((code, &done["existing"], &done["livechatCalls"]), (0, &json!(1), &json!(0)), "{done}");
    assert_eq!(world.sandbox.customers(), 1);
}

#[tokio::test]
async fn livechat_is_called_no_faster_than_the_rate() {
    let world = World::new().await;
    let run = world.run(&[&world.users(20), "--yes", "--rate", "20", "--concurrency", "1"]).await;
    assert_eq!(result(&run).0, 0);
    let journal = world.sandbox.journal();
    let (first, last) = (journal[0].came, journal[journal.len() - 1].came);
    // The first and the last call may each be up to one interval late or early.
    assert!(last.duration_since(first) >= Duration::from_millis(18 * 50), "{:?}", last.duration_since(first));
}

/// The response of AWS `CloudFormation` to `DescribeStacks`.
fn stack(parameters: &[(&str, &str)]) -> String {
    let mut list = String::new();
    for (key, value) in parameters {
        let _ =
            write!(list, "<member><ParameterKey>{key}</ParameterKey><ParameterValue>{value}</ParameterValue></member>");
    }
    format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult><Stacks><member>\
         <StackName>shop</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>\
         <Parameters>{list}</Parameters><Outputs><member><OutputKey>TableName</OutputKey><OutputValue>{TABLE}</OutputValue></member>\
         </Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )
}

#[tokio::test]
async fn a_stacks_parameters_are_the_settings() {
    let world = World::new().await;
    let (app, accounts_url) = (world.sandbox.app(), world.sandbox.url());
    let response = stack(&[
        ("LiveChatClientId", &app.client_id),
        ("LiveChatOrganizationId", &app.organization_id),
        ("LiveChatRedirectUri", REDIRECT_URI),
        ("LiveChatAccountsUrl", &accounts_url),
        ("UserIdNormalization", "nfc-lowercase"),
        ("Groups", "3,7"),
    ]);
    let cloudformation = serve(Router::new().route("/", post(async || response))).await;
    let lines = [3, 4].map(|group| json!({"user": "ALICE", "group": group}).to_string());
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_cip"));
    command.env_clear().envs(sandbox::database::ENVIRONMENT).envs([
        ("AWS_ENDPOINT_URL_DYNAMODB", &world.dynamodb_url),
        ("AWS_ENDPOINT_URL_CLOUDFORMATION", &cloudformation),
    ]);
    let file = world.file("users.jsonl", lines.join("\n"));
    command.args(["provision", &file, "--stack", "shop", "--yes", "--json"]);
    let (code, done) = result(&world.finish(command).await);
    assert_eq!((code, &done["created"]), (1, &json!(1)), "{done}");
    assert_eq!(world.stored().await.into_keys().collect::<Vec<_>>(), ["user#alice group#3"]);
}
