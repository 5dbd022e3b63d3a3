//! The dialogue on a terminal.

use super::{
    browser,
    world::{AgentWorld, FILE},
};
use crate::{setup::world::Terminal, world::REDIRECT_URI};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_pastes_the_address_and_no_secret_is_shown() {
    let world = AgentWorld::start().await;
    let agent = &world.sandbox.app().agent;
    let mut terminal = Terminal::start(world.command(&["agent", "login", "--env-file", FILE], &[]));
    terminal.answer("Client id", &agent.client_id).answer("Redirect URI", "shop.example").expect("expected an address");
    terminal.answer("Redirect URI", REDIRECT_URI).answer("Type yes to continue:", "yes");
    terminal.answer("Paste it: it is not shown", &agent.client_secret).expect("as the agent:").expect("http://");
    terminal.expect("\r\n\r\n");
    let query = terminal.seen.rsplit("/?response_type").next().expect("a query").trim();
    let address = format!("{}/?response_type{query}", world.sandbox.url());
    let pasted = browser::sent_to(&address).await.to_string();
    terminal.answer("The address of that page", "https://shop.example/?code=x&state=y").expect("another login");
    terminal.answer("The address of that page", &pasted);
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(!terminal.seen.contains(&agent.client_secret) && !text.contains(&agent.client_secret), "{}", terminal.seen);
    assert!(world.read(FILE).contains("LIVECHAT_AGENT_CREDENTIALS="), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_changes_nothing_and_calls_nobody() {
    let world = AgentWorld::start().await;
    let before = world.read(FILE);
    let agent = &world.sandbox.app().agent;
    let mut terminal = Terminal::start(world.command(&["agent", "login", "--env-file", FILE], &[]));
    terminal.answer("Client id", &agent.client_id).answer("Redirect URI", REDIRECT_URI);
    terminal.answer("Type yes to continue:", "no");
    let (code, text) = terminal.end();
    assert_eq!((code, world.sandbox.calls().oauth, world.read(FILE) == before), (4, 0, true), "{text}");
}
