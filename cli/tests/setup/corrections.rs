//! Answers that a check refuses, and their correction.

use crate::setup::world::World;

/// Guards against: the command line answers again, and again wrongly.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_that_cannot_be_read_is_explained_and_corrected() {
    let world = World::start("wrong-keys").await;
    let mut answers = world.answers();
    answers.retain(|answer| !answer.contains("YOUR_DOMAIN"));
    let answers: Vec<_> = answers.iter().map(String::as_str).filter(|answer| *answer != "--set").collect();
    let answers: Vec<_> = answers.into_iter().filter(|answer| !answer.contains("YOUR_")).collect();
    let options = [&answers[..], &["--set", "DOMAIN=http://127.0.0.1:9", "--set", "API_IDENTIFIER=livechat"]].concat();
    let mut terminal = world.terminal(&options);
    terminal.expect("http://127.0.0.1:9/.well-known/jwks.json cannot be read: no connection");
    terminal.answer("What now?", "").answer("YOUR_DOMAIN", &world.provider_url).answer("YOUR_API_IDENTIFIER", "");
    terminal.expect("names the same key set").answer("(guests)?", "").answer("Call LiveChat once", "");
    terminal.answer("agent tokens too?", "").answer("Type yes to continue:", "yes");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(world.read(".env").contains(&format!("JWT_ISSUER={}/\n", world.provider_url)));
}

#[tokio::test(flavor = "multi_thread")]
async fn livechats_refusal_is_explained_and_corrected() {
    let world = World::start("refused").await;
    let app = world.sandbox.app();
    let mut terminal = world.terminal(&[
        "--client-id",
        "wrong-client",
        "--account",
        &app.organization_id,
        "--redirect-uri",
        crate::setup::world::REDIRECT_URI,
        "--origins",
        "https://shop.example",
        "--provider",
        "none",
    ]);
    terminal.answer("(guests)?", "").answer("Call LiveChat once", "yes").expect("is the Client Id wrong-client");
    terminal.answer("What now?", "").answer("Client Id of your app", &app.client_id);
    terminal.answer("Organization id", "").answer("Redirect URI", "").answer("Origins", "");
    terminal
        .answer("Call LiveChat once", "yes")
        .expect("LiveChat issued a token")
        .answer("agent tokens too?", "")
        .answer("Type yes to continue:", "yes");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(world.read(".env").contains(&format!("LIVECHAT_CLIENT_ID={}\n", app.client_id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_answer_is_asked_for_again() {
    let world = World::start("invalid").await;
    let mut terminal = world.terminal(&["--provider", "openid"]);
    terminal
        .answer("Client Id of your app", "two words")
        .expect("without spaces")
        .answer("Client Id of your app", "abc");
    terminal.answer("Organization id", "acme").expect("a UUID, such as").answer("Organization id", "12345678");
    terminal
        .answer("Redirect URI", "https://shop.example/?a")
        .expect("without query")
        .answer("Redirect URI", "https://shop.example");
    terminal.answer("Which one is in the whitelist?", "");
    terminal
        .answer("Origins", "https://shop.example/x")
        .expect("must be written https://shop.example")
        .answer("Origins", "");
    terminal.answer("YOUR_ISSUER", "http://127.0.0.1:9").answer("cannot be read", "another");
    terminal.answer("YOUR_ISSUER", &world.provider_url).expect("gives the issuer");
    terminal.answer("YOUR_AUDIENCE", "livechat").answer("YOUR_USER_CLAIM", "").expect("names the same key set");
    terminal
        .answer("(guests)?", "")
        .answer("Call LiveChat once", "")
        .answer("agent tokens too?", "")
        .answer("Type yes to continue:", "yes");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    let settings = world.read(".env");
    for line in ["LIVECHAT_LICENSE_ID=12345678", "LIVECHAT_REDIRECT_URI=https://shop.example/"] {
        assert!(settings.lines().any(|other| other == line), "{line}: {settings}");
    }
    assert!(settings.contains(&format!("JWT_ISSUER={}/\n", world.provider_url)), "{settings}");
}
