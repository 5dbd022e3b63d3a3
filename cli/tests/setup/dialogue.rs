//! The dialogue on a terminal.

use crate::setup::world::{REDIRECT_URI, Terminal, World};
use std::os::unix::fs::PermissionsExt;

const CLIENT_ID: &str = "Client Id of your app";
const ACCOUNT: &str = "Organization id, or licence number";
const REDIRECT: &str = "Redirect URI";
const ORIGINS: &str = "Origins of your pages";
const PROVIDER: &str = "Who signs the tokens";
const GUESTS: &str = "(guests)?";
const CALL: &str = "Call LiveChat once";
const AGENT: &str = "Do you want agent tokens too?";
const WRITE: &str = "Type yes to continue:";

/// Answers all about the account.
#[track_caller]
fn answer_account(terminal: &mut Terminal, world: &World) {
    let app = world.sandbox.app();
    terminal.answer(CLIENT_ID, &app.client_id).answer(ACCOUNT, &app.organization_id);
    terminal.answer(REDIRECT, REDIRECT_URI).answer(ORIGINS, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_gives_settings_with_which_doctor_finds_nothing_wrong_and_a_second_changes_nothing() {
    let world = World::start("first").await;
    let mut terminal = world.terminal(&[]);
    answer_account(&mut terminal, &world);
    terminal.answer(PROVIDER, "Auth0").answer("YOUR_DOMAIN", &format!("{}/", world.provider_url));
    terminal.answer("YOUR_API_IDENTIFIER", "livechat").expect("names the same key set");
    terminal.answer(GUESTS, "yes").answer(CALL, "yes").expect("LiveChat issued a token");
    terminal.answer(AGENT, "yes").expect("JwtJwksUrl needs https").answer(WRITE, "yes");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Written: .env, parameters.yaml") && text.contains("sam build && sam deploy"), "{text}");
    assert!(text.contains("cip agent login --env-file .env"), "{text}");

    let app = world.sandbox.app();
    let url = &world.provider_url;
    let lines = [
        "# my settings".to_owned(),
        format!("LIVECHAT_ACCOUNTS_URL={}", world.sandbox.url()),
        format!("LIVECHAT_CLIENT_ID={}", app.client_id),
        format!("LIVECHAT_ORGANIZATION_ID={}", app.organization_id),
        format!("LIVECHAT_REDIRECT_URI={REDIRECT_URI}"),
        "ALLOWED_ORIGINS=https://shop.example".into(),
        "GUESTS=true".into(),
        "AUTH=jwt".into(),
        format!("JWT_JWKS_URL={url}/.well-known/jwks.json"),
        format!("JWT_ISSUER={url}/"),
        "JWT_AUDIENCE=livechat".into(),
    ];
    assert_eq!(world.read(".env").lines().collect::<Vec<_>>(), lines);
    let mode = std::fs::metadata(world.folder.join(".env")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let parameters = world.read("parameters.yaml");
    for line in
        [format!("JwtIssuer: '{url}/' # the tokens' iss"), "\nGuests: 'true' # visitors".into(), "\nAuth: jwt\n".into()]
    {
        assert!(parameters.contains(&line), "{line}: {parameters}");
    }
    let (is_good, found) = world.doctor();
    assert!(is_good, "{found}");

    let before = world.files();
    let mut again = world.terminal(&[]);
    for question in [CLIENT_ID, ACCOUNT, REDIRECT, ORIGINS, PROVIDER, GUESTS, CALL, AGENT] {
        again.answer(question, "");
    }
    let (code, text) = again.end();
    assert_eq!((code, world.files() == before), (0, true), "{text}");
    assert!(text.contains("Nothing changes."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_a_secret_resets_what_the_key_set_needed() {
    let world = World::start("to-secret").await;
    assert_eq!(world.setup(&["--yes"], "").code, 0);
    let mut terminal = world.terminal(&[]);
    for question in [CLIENT_ID, ACCOUNT, REDIRECT, ORIGINS] {
        terminal.answer(question, "");
    }
    terminal
        .answer(PROVIDER, "A token of your own")
        .answer("YOUR_SITE", "")
        .answer("The secret (JWT_SECRET)", "Create");
    terminal.expect("for HS256").answer(GUESTS, "").answer(CALL, "").answer("The secret of the stack", "Later");
    terminal.answer(AGENT, "").expect("- JWT_JWKS_URL=").expect("+ JWT_SECRET='(new, not shown)'").answer(WRITE, "yes");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("sed -n 's/^JWT_SECRET=//p' .env"), "{text}");
    let settings = world.read(".env");
    let secret = settings.lines().find_map(|line| line.strip_prefix("JWT_SECRET=")).expect("a secret");
    assert!(secret.len() >= 48 && !text.contains(secret), "{text}");
    assert!(!settings.contains("JWT_JWKS_URL") && settings.contains("JWT_ISSUER=https://shop.example\n"), "{settings}");
    let parameters = world.read("parameters.yaml");
    assert!(parameters.contains("JwtJwksUrl: '' #") && parameters.contains("\nJwtSecretArn: '' #"), "{parameters}");
    assert!(!parameters.contains(secret), "{parameters}");
    let (is_good, found) = world.doctor();
    assert!(is_good, "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_secret_is_not_shown_and_one_that_is_too_short_is_refused() {
    const SECRET: &str = "correct-horse-battery-staple-0123456789";
    let world = World::start("paste").await;
    let mut terminal = world.terminal(&["--provider", "hmac", "--stack-secret", "later"]);
    answer_account(&mut terminal, &world);
    terminal.answer("The secret (HMAC_SECRET)", "Paste").answer("Paste it: it is not shown", "correct-horse");
    terminal.expect("at least 32 bytes").answer("The secret (HMAC_SECRET)", "Paste");
    terminal
        .answer("Paste it: it is not shown", SECRET)
        .answer(GUESTS, "")
        .answer(CALL, "")
        .answer(AGENT, "")
        .answer(WRITE, "yes");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("correct-horse") && !terminal.seen.contains("correct-horse"), "{}", terminal.seen);
    assert!(terminal.seen.contains("HMAC_SECRET='(new, not shown)'"), "{}", terminal.seen);
    assert!(world.read(".env").contains(&format!("HMAC_SECRET={SECRET}\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_changes_nothing_and_leaves_the_terminal_as_it_was() {
    let world = World::start("ctrl-c").await;
    let before = world.files();
    for questions in 0..4 {
        let mut shell = world.other_command("sh");
        let script = format!("stty -g; {} setup; echo \"code $?\"; stty -g; echo done", env!("CARGO_BIN_EXE_cip"));
        shell.args(["-c", &script]);
        let mut terminal = Terminal::start(shell);
        let app = world.sandbox.app();
        let answers = [(CLIENT_ID, app.client_id.as_str()), (ACCOUNT, &app.organization_id), (REDIRECT, REDIRECT_URI)];
        for (question, answer) in answers.iter().take(questions) {
            terminal.answer(question, answer);
        }
        terminal.expect([CLIENT_ID, ACCOUNT, REDIRECT, ORIGINS][questions]).send("\x03").expect("nothing was changed");
        let (_, text) = terminal.expect("code 4").end();
        assert!(text.contains("done"), "{text}");
        assert_eq!(world.files(), before);
    }
    // At the last question, Ctrl-C is a signal.
    let answers = world.answers();
    let mut options: Vec<_> = answers.iter().map(String::as_str).collect();
    options.extend(["--guests=false", "--call-livechat"]);
    let mut terminal = world.terminal(&options);
    terminal.answer(AGENT, "").expect(WRITE).send("\x03");
    terminal.end_by_interrupt();
    assert_eq!(world.files(), before);
    // The line settings of the terminal, before and after.
    let mut shell = world.other_command("sh");
    let script = format!("stty -g > before.txt; {} setup; stty -g > after.txt", env!("CARGO_BIN_EXE_cip"));
    shell.args(["-c", &script]);
    Terminal::start(shell).expect(CLIENT_ID).send("\x03").end();
    assert_eq!(world.read("before.txt"), world.read("after.txt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_no_changes_nothing() {
    let world = World::start("no").await;
    let before = world.files();
    let mut terminal = world.terminal(&[]);
    answer_account(&mut terminal, &world);
    terminal.answer(PROVIDER, "Nobody").answer(GUESTS, "").answer(CALL, "").answer(AGENT, "").answer(WRITE, "no");
    let (code, text) = terminal.end();
    assert_eq!((code, world.files() == before), (4, true), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_has_parameters_and_a_stack_of_its_own() {
    let world = World::start("staging").await;
    let (env_file, parameters) = (world.read(".env"), world.read("parameters.yaml"));
    let mut terminal = world.terminal(&["--environment", "staging"]);
    answer_account(&mut terminal, &world);
    terminal.answer(PROVIDER, "Nobody").answer(GUESTS, "").answer(CALL, "");
    terminal.answer(AGENT, "").expect("parameters-staging.yaml (new)").expect("samconfig.toml").answer(WRITE, "yes");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("sam deploy --config-env staging"), "{text}");
    assert_eq!((world.read(".env"), world.read("parameters.yaml")), (env_file, parameters));
    let staging = world.read("parameters-staging.yaml");
    for line in ["Architecture: arm64", "Auth: 'none'", "AllowUnverifiedUsers: 'true'"] {
        assert!(staging.lines().any(|other| other == line), "{line}: {staging}");
    }
    assert!(world.read("samconfig.toml").contains("stack_name = \"livechat-cip-staging\""));

    let before = world.files();
    let again = world.cip(&["setup", "--environment", "staging", "--yes"], &[], "");
    assert_eq!((again.code, world.files() == before), (0, true), "{}", again.stderr);
}
