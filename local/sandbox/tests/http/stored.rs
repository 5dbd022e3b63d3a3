//! The file with the sandbox's state.

use crate::lab::{Lab, refusal};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A file that is deleted at the end of the test.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("livechat-cip-{}.json", uuid::Uuid::new_v4())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn agent_tokens_and_details_survive_a_restart() {
    let file = File::new();
    let lab = Lab::with_file(Some(&file.0)).await;
    let agent = lab.agent_token().await;
    let new = lab.agent_grant(&agent, json!({})).await;
    lab.update(&new.field("access_token"), json!({"name": "Alice"})).await;
    let restarted = Lab::with_file(Some(&file.0)).await;
    assert_eq!(restarted.sandbox.live_agent_tokens(), 1);
    let id = new.field("entity_id");
    assert_eq!(restarted.agent_grant(&agent, json!({"entity_id": id})).await.field("entity_id"), id);
    assert_eq!(restarted.sandbox.details_of(&id).expect("the customer").name, Some("Alice".into()));
    restarted.sandbox.kill_refresh_token();
    let again = Lab::with_file(Some(&file.0)).await;
    assert_eq!(again.refresh("sandbox-refresh-token").await.refusal(), refusal(400, "invalid_grant"));
}

#[tokio::test]
async fn a_file_of_an_older_version_loads() {
    let file = File::new();
    let older = json!({
        "known": {"v2/e1": {"entity_id": "e1", "secrets": ["s1"], "latest": "s1"}},
        "tokens": {"sandbox:t1": {"entity_id": "e1", "realm": "V2", "ends_ms": u64::MAX}},
        "made": 1, "chats": {}
    });
    std::fs::write(&file.0, older.to_string()).expect("written");
    let lab = Lab::with_file(Some(&file.0)).await;
    let agent = lab.agent_token().await;
    assert_eq!(lab.agent_grant(&agent, json!({"entity_id": "e1"})).await.field("entity_id"), "e1");
    assert_eq!(lab.cookie_grant(Some("__lc_cid=e1; __lc_cst=s1")).await.0.field("entity_id"), "e1");
    assert_eq!(lab.update("sandbox:t1", json!({"name": "Alice"})).await.status, 200);
    assert_eq!(lab.admin("GET", "/sandbox/customers", Value::Null).await.json()[0]["name"], "Alice");
}
