//! `LIVECHAT_GRANT` without an agent's credentials: the sandbox's own agent.

use crate::helpers::{Local, TestFolder, client, send};
use serde_json::Value;
use std::fs;

async fn json(url: &str) -> Value {
    let text = send(client().get(url)).await.text().await.expect("a body");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url}: {error}: {text}"))
}

#[tokio::test]
async fn the_agent_of_the_sandbox_gets_the_tokens_of_users() {
    for (grant, agent_tokens) in [("", 0), ("LIVECHAT_GRANT=cookie", 0), ("LIVECHAT_GRANT=agent_token", 1)] {
        let folder = TestFolder::new();
        fs::write(folder.0.join(".env"), grant).expect("a new file");
        let local = Local::start(&folder.0, &["--memory"]);
        let token = json(&format!("{}/getToken/alice", local.api)).await;
        assert!(token["accessToken"].is_string(), "{grant}: {token}");
        let sandbox = json(&format!("{}/sandbox", local.sandbox)).await;
        assert_eq!(sandbox["calls"]["oauth"], agent_tokens, "{grant}: {sandbox}");
        let config = json(&format!("{}/config.json", local.api)).await;
        assert_eq!(config["sandboxAgent"].is_string(), !grant.is_empty(), "{grant}: {config}");
    }
}

#[tokio::test]
async fn credentials_of_ones_own_are_never_in_what_pages_can_read() {
    const OWN: &str =
        r#"LIVECHAT_AGENT_CREDENTIALS='{"client_id": "a", "client_secret": "hunter2", "refresh_token": "hunter3"}'"#;
    let folder = TestFolder::new();
    fs::write(folder.0.join(".env"), OWN).expect("a new file");
    let local = Local::start(&folder.0, &["--memory"]);
    let config = json(&format!("{}/config.json", local.api)).await;
    assert!(config["sandboxAgent"].is_null() && !config.to_string().contains("hunter"), "{config}");
    assert!(!local.output().contains("hunter"), "{}", local.output());
}
