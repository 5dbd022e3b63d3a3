//! Logins without questions: options answer.

use super::{
    browser,
    manager::{ARN, Manager, serve_stack},
    world::{AgentWorld, FILE},
};
use sandbox::AgentScope;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

const INTO_FILE: &[&str] = &["--env-file", FILE];

/// The credentials in a file of settings.
fn credentials(world: &AgentWorld) -> Option<Value> {
    let all = cip::settings::env_file::read(&world.path(FILE)).expect("valid");
    all.get("LIVECHAT_AGENT_CREDENTIALS").map(|json| serde_json::from_str(json).expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_comes_to_this_machine_becomes_credentials_that_work() {
    let world = AgentWorld::start().await;
    let before = world.read(FILE);
    let login = world.begin(&world.login(&[INTO_FILE, &["--json"]].concat()), &[]);
    let (status, page) = browser::open(&login.address).await;
    assert!(status == 200 && page.contains("Go back to the terminal"), "{page}");
    let ended = login.end(&world);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let result: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&result["file"], &result["scopes"]), (&json!(FILE), &json!(["customers:own"])), "{result}");
    assert!(world.read(FILE).starts_with(&before), "other lines stay: {}", world.read(FILE));
    let mode = std::fs::metadata(world.path(FILE)).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let check = ["agent", "check", "--env-file", FILE, "--refresh", "--call-livechat"];
    let checked = world.run(&check, &[], "");
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("a token for a new customer"), "{checked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_others_do_not_end_the_login() {
    let world = AgentWorld::start().await;
    let login = world.begin(&world.login(INTO_FILE), &[]);
    let listens_at = &world.redirect_uri;
    for (address, expected) in [
        (format!("{listens_at}?code=theirs&state=guessed"), 400),
        (format!("{listens_at}?code=theirs"), 400),
        (format!("{listens_at}?error=access_denied&state="), 400),
        (format!("{listens_at}/other?code=theirs"), 404),
        (listens_at.replace("/agent", "/favicon.ico"), 404),
    ] {
        let (status, page) = browser::open(&address).await;
        assert!(status == expected && !page.contains("theirs"), "{address}: {page}");
    }
    assert_eq!(world.sandbox.calls().oauth, 0);
    browser::open(&login.address).await;
    let ended = login.end(&world);
    assert_eq!((ended.code, world.sandbox.calls().oauth), (Some(0), 1), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_address_is_taken_from_stdin_and_one_of_another_login_is_refused() {
    let world = AgentWorld::start().await;
    let options = [INTO_FILE, &["--paste"]].concat();
    for (is_own, code) in [(false, 2), (true, 0)] {
        let mut login = world.begin(&world.login(&options), &[]);
        let mut address = browser::sent_to(&login.address).await;
        if !is_own {
            let others = address.query().expect("a query").replace("state=", "state=x");
            address.set_query(Some(&others));
        }
        login.type_line(address.as_str());
        let ended = login.end(&world);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert_eq!(credentials(&world).is_some(), is_own);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_alone_is_enough_as_it_is_in_the_address_too() {
    let world = AgentWorld::start().await;
    let mut login = world.begin(&world.login(&[INTO_FILE, &["--paste"]].concat()), &[]);
    let address = browser::sent_to(&login.address).await;
    let code = address.query().expect("a query").split(['=', '&']).nth(1).expect("a code");
    assert!(code.contains("%3A"), "{code}");
    login.type_line(code);
    let ended = login.end(&world);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_is_created_and_a_second_login_gives_it_another_value() {
    let world = AgentWorld::start().await;
    let manager = Manager::default();
    let manager_url = manager.serve().await;
    let settings = world.settings();
    for (deployed, times, words) in [("", 1, "Set LiveChatAgentCredentialsArn"), (ARN, 2, "The stack has it already")] {
        let stack = serve_stack(&settings, &[("LiveChatAgentCredentialsArn", deployed)]).await;
        let variables =
            [("AWS_ENDPOINT_URL_SECRETS_MANAGER", manager_url.as_str()), ("AWS_ENDPOINT_URL_CLOUDFORMATION", &stack)];
        let login = world.begin(&world.login(&[]), &variables);
        browser::open(&login.address).await;
        let ended = login.end(&world);
        assert_eq!((ended.code, manager.values().len()), (Some(0), times), "{ended:?}");
        assert!(ended.stdout.contains(ARN) && ended.stdout.contains(words), "{ended:?}");
    }
    let values = manager.values();
    let value: Value = serde_json::from_str(&values[1]).expect("JSON");
    let names: Vec<_> = value.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["client_id", "client_secret", "refresh_token"]);
    assert_ne!(values[0], values[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_there_is_a_stack_the_account_is_that_of_the_environment() {
    let world = AgentWorld::start().await;
    let manager = Manager::default();
    let manager_url = manager.serve().await;
    let settings = world.settings();
    let mut variables: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.push(("AWS_ENDPOINT_URL_SECRETS_MANAGER", &manager_url));
    let login = world.begin(&world.login(&["--table", "cip"]), &variables);
    browser::open(&login.address).await;
    let ended = login.end(&world);
    assert_eq!((ended.code, manager.values().len()), (Some(0), 1), "{ended:?}");
}

/// Nothing is stored, and the tokens that LiveChat has issued are revoked.
#[track_caller]
fn assert_nothing_is_left(world: &AgentWorld, before: &str) {
    assert_eq!(world.read(FILE), before);
    assert_eq!(world.sandbox.live_agent_tokens(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_no_use_is_not_stored_and_its_tokens_are_revoked() {
    let world = AgentWorld::start().await;
    let good = world.read(FILE);
    let organization = world.sandbox.app().organization_id.clone();
    let other = good.replace(&organization, "99999999-2222-4333-8444-555555555555");
    for (settings, scope, words) in [
        (&other, AgentScope::CustomersOwn, "The agent belongs to the organization 11111111-"),
        (&good, AgentScope::CustomersRo, "lacks the scope customers:own: it has customers:ro"),
    ] {
        world.write(FILE, settings);
        world.sandbox.set(|settings| settings.agent_scope = scope);
        let login = world.begin(&world.login(INTO_FILE), &[]);
        browser::open(&login.address).await;
        let ended = login.end(&world);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(words) && ended.stderr.contains("Nothing was stored"), "{ended:?}");
        assert_nothing_is_left(&world, settings);
    }
    assert_eq!(world.sandbox.calls().agent_revoke, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_cannot_be_stored_are_revoked() {
    let world = AgentWorld::start().await;
    let before = world.read(FILE);
    let (manager, stack) = (Manager::refusing().serve().await, serve_stack(&world.settings(), &[]).await);
    let variables =
        [("AWS_ENDPOINT_URL_SECRETS_MANAGER", manager.as_str()), ("AWS_ENDPOINT_URL_CLOUDFORMATION", &stack)];
    let login = world.begin(&world.login(&[]), &variables);
    browser::open(&login.address).await;
    let ended = login.end(&world);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("CreateSecret: AccessDeniedException"), "{ended:?}");
    assert_nothing_is_left(&world, &before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_secret_is_named_as_a_cause() {
    let world = AgentWorld::start().await;
    let before = world.read(FILE);
    world.write("secret.txt", "wrong-secret\n");
    let login = world.begin(&world.login(INTO_FILE), &[]);
    browser::open(&login.address).await;
    let ended = login.end(&world);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("Is the client secret that of the app") && !ended.stderr.contains("wrong-secret"));
    assert_nothing_is_left(&world, &before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_does_not_come_back_and_an_interruption_store_nothing() {
    let world = AgentWorld::start().await;
    let before = world.read(FILE);
    let ended = world.run(&world.login(&[INTO_FILE, &["--wait", "200ms"]].concat()), &[], "");
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("did not come back within 200ms"), "{ended:?}");
    let login = world.begin(&world.login(INTO_FILE), &[]);
    let killed = std::process::Command::new("kill").args(["-INT", &login.id().to_string()]).status();
    assert!(killed.expect("kill").success());
    assert_eq!(login.end(&world).code, Some(130));
    assert_nothing_is_left(&world, &before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_and_invalid_options_call_nobody() {
    let world = AgentWorld::start().await;
    let before = world.read(FILE);
    let ended = world.run(&world.login(&[INTO_FILE, &["--dry-run"]].concat()), &[], "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("Would be stored: LIVECHAT_AGENT_CREDENTIALS in .env"), "{ended:?}");
    let taken =
        std::net::TcpListener::bind(world.redirect_uri.trim_start_matches("http://").trim_end_matches("/agent"));
    world.write("invalid.env", "A='b\n");
    world.write("empty.txt", "\n");
    for (options, words) in [
        (world.login(INTO_FILE), "cannot be listened at"),
        (world.login(&["--env-file", "invalid.env"]), "invalid.env, line 1 is invalid"),
        (world.login(&["--env-file", "none.env"]), "Run cip setup first"),
        (vec!["agent", "login", "--env-file", FILE, "--yes"], "--client-id is missing"),
        (vec!["agent", "login", "--env-file", FILE, "--yes", "--client-id", "a"], "--redirect-uri is missing"),
        (
            vec![
                "agent",
                "login",
                "--env-file",
                FILE,
                "--yes",
                "--client-id",
                "a",
                "--redirect-uri",
                "https://a.example/?b",
            ],
            "--redirect-uri: LiveChat accepts no redirect URI with a query",
        ),
        (
            vec![
                "agent",
                "login",
                "--env-file",
                FILE,
                "--yes",
                "--client-id",
                "a",
                "--redirect-uri",
                "https://a.example/",
                "--client-secret-file",
                "empty.txt",
            ],
            "The client secret is empty",
        ),
    ] {
        let ended = world.run(&options, &[], "");
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
    drop(taken);
    assert_eq!((world.read(FILE), world.sandbox.calls().oauth), (before, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_app_are_replaced_with_a_warning() {
    let world = AgentWorld::start().await;
    let client_id = world.sandbox.app().agent.client_id.clone();
    for (present, is_another) in [("another-app", true), (client_id.as_str(), false)] {
        let json = json!({ "client_id": present, "client_secret": "s", "refresh_token": "r" }).to_string();
        let before = world.read(FILE);
        world.write(FILE, &format!("{before}LIVECHAT_AGENT_CREDENTIALS='{json}'\n"));
        let into_file = world.run(&world.login(&[INTO_FILE, &["--dry-run"]].concat()), &[], "");
        assert_eq!(into_file.code, Some(0), "{into_file:?}");
        assert_eq!(into_file.stderr.contains("of the app another-app"), is_another, "{into_file:?}");
        world.write(FILE, &before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_compared_is_said_to_be_unchecked() {
    let world = AgentWorld::start().await;
    let license = format!("LIVECHAT_LICENSE_ID={}", world.sandbox.app().license_id);
    let organization = format!("LIVECHAT_ORGANIZATION_ID={}", world.sandbox.app().organization_id);
    world.write(FILE, &world.read(FILE).replace(&organization, &license));
    let login = world.begin(&world.login(INTO_FILE), &[]);
    browser::open(&login.address).await;
    let ended = login.end(&world);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stderr.contains("could not be compared") && ended.stderr.contains(&world.sandbox.app().organization_id),
        "{ended:?}"
    );
}
