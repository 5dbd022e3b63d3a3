//! Credentials with one fault each, which must be named.

use super::{
    manager::{ARN, Manager, serve_stack},
    world::{AgentWorld, Ended, FILE},
};
use sandbox::{AgentScope, RefreshRotation, Sandbox};
use serde_json::Value;

/// A `.env` with the account and the sandbox's agent.
async fn with_agent() -> AgentWorld {
    let world = AgentWorld::start().await;
    let credentials = world.sandbox.app().agent.credentials();
    world.write(FILE, &format!("{}LIVECHAT_AGENT_CREDENTIALS='{credentials}'\n", world.read(FILE)));
    world
}

fn check(world: &AgentWorld, more: &[&str]) -> Ended {
    world.run(&[&["agent", "check", "--env-file", FILE, "--json"], more].concat(), &[], "")
}

/// The findings with this status.
fn found(ended: &Ended, status: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let checks = report["checks"].as_array().expect("checks").iter();
    checks.filter(|check| check["status"] == status).map(|check| check["found"].to_string()).collect()
}

#[track_caller]
fn assert_named(ended: &Ended, words: &str) {
    let wrong = found(ended, "wrong");
    assert_eq!((ended.code, wrong.len()), (Some(1), 1), "{ended:?}");
    assert!(wrong[0].contains(words), "{words}: {wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn livechat_is_called_only_with_consent() {
    let world = with_agent().await;
    let calls = |sandbox: &Sandbox| (sandbox.calls().oauth, sandbox.calls().token);
    let ended = check(&world, &[]);
    assert_eq!((ended.code, calls(&world.sandbox), found(&ended, "skipped").len()), (Some(0), (0, 0), 1), "{ended:?}");
    let ended = check(&world, &["--refresh"]);
    assert_eq!((ended.code, calls(&world.sandbox)), (Some(0), (1, 0)), "{ended:?}");
    let ended = check(&world, &["--refresh", "--call-livechat"]);
    assert_eq!((ended.code, calls(&world.sandbox), world.sandbox.customers()), (Some(0), (2, 1), 1), "{ended:?}");
    assert_eq!(check(&world, &["--call-livechat"]).code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_credentials_is_named() {
    let world = AgentWorld::start().await;
    assert_named(&check(&world, &["--refresh"]), "The settings have no agent's credentials");
    let world = with_agent().await;
    let good = world.read(FILE);
    world.write(FILE, &good.replace("client_secret", "secret"));
    assert_named(&check(&world, &["--refresh"]), "LIVECHAT_AGENT_CREDENTIALS is invalid");
    world.write(FILE, &good.replace("11111111-", "99999999-"));
    assert_named(&check(&world, &["--refresh"]), "The agent belongs to another organization, 11111111-");
    world.write(FILE, &good);
    world.sandbox.set(|settings| settings.agent_scope = AgentScope::CustomersRo);
    assert_named(
        &check(&world, &["--refresh", "--call-livechat"]),
        "lacks the scope customers:own: it has customers:ro",
    );
    world.sandbox.set(|settings| settings.agent_scope = AgentScope::CustomersOwn);
    world.sandbox.kill_refresh_token();
    assert_named(&check(&world, &["--refresh"]), "LiveChat refuses the refresh token: invalid_grant");
    assert_eq!(world.sandbox.calls().token, 0);
    let world = with_agent().await;
    world.sandbox.set(|settings| settings.refresh_rotation = RefreshRotation::Strict);
    assert_named(&check(&world, &["--refresh"]), "LiveChat has replaced the refresh token");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_stack_is_read_and_doctor_says_the_same() {
    let world = AgentWorld::start().await;
    let stack = serve_stack(&world.settings(), &[("LiveChatAgentCredentialsArn", ARN)]).await;
    let good = world.sandbox.app().agent.credentials();
    for (values, words) in [
        (vec![], "There is no secret arn:aws:"),
        (vec!["{}"], "LIVECHAT_AGENT_CREDENTIALS_ARN is invalid"),
        (vec![good.as_str()], ""),
    ] {
        let manager = Manager::with(&values).serve().await;
        let variables =
            [("AWS_ENDPOINT_URL_SECRETS_MANAGER", manager.as_str()), ("AWS_ENDPOINT_URL_CLOUDFORMATION", &stack)];
        let ended = world.run(&["agent", "check", "--refresh", "--json"], &variables, "");
        if words.is_empty() {
            assert_eq!(ended.code, Some(0), "{ended:?}");
        } else {
            assert_named(&ended, words);
        }
        let doctor = world.run(&["doctor", "--refresh-agent-token", "--json"], &variables, "");
        let report: Value = serde_json::from_str(&doctor.stdout).expect("JSON");
        let checks = report["checks"].as_array().expect("checks").iter();
        let of_agent: Vec<_> =
            checks.filter(|check| check["check"] == "agent").map(|check| check["found"].to_string()).collect();
        assert!(!of_agent.is_empty() && of_agent.iter().any(|found| found.contains(words)), "{of_agent:?}");
    }
}
