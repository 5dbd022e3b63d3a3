//! The agent token under chaos: it expires soon and is revoked, LiveChat's OAuth server fails, and processes die while they refresh it.

use super::{Run, subject};
use crate::{
    chaos::{
        history::{AgentTokens, Who},
        plan::Plan,
    },
    world::{http_client, number, read_number, string},
};
use cip::identity::Group;
use fastrand::Rng;
use serde_json::{Value, json};
use std::{convert::Infallible, time::Duration};
use tokio::time::sleep;

/// The key of the agent token.
const KEY: (&str, &str) = ("livechat", "agentToken");
/// The pause between two looks at it. A token is stored for much longer, unless it is revoked.
const PAUSE: Duration = Duration::from_millis(25);

impl Run {
    /// Records what is stored of the agent token, until it is dropped.
    pub(super) async fn watch_agent_token(&self) -> Infallible {
        loop {
            self.look_at_agent_token().await;
            sleep(PAUSE).await;
        }
    }

    /// Whether a process has the lease of the agent token.
    async fn look_at_agent_token(&self) -> bool {
        let item = self.world.item_with_key(KEY.0, KEY.1).await;
        let mut history = self.history();
        history.agent.leases = item.get("leaseSeq").map_or(0, read_number);
        let token = item.get("token").and_then(|token| token.as_m().ok()?.get("accessToken")?.as_s().ok());
        history.agent.stored.extend(token.cloned());
        item.contains_key("leaseUntil")
    }

    /// Revokes the agent's tokens, makes LiveChat's OAuth server fail, and kills all processes while one of them refreshes the token.
    pub(super) async fn agent_faults(&self) {
        let (mut rng, mut is_refreshed, mut planned_at) = (self.plan.generator("agent"), false, None);
        while !self.is_over() {
            self.rest(PAUSE).await;
            let was_refreshed = std::mem::replace(&mut is_refreshed, self.look_at_agent_token().await);
            match rng.u16(..1000) {
                0..=3 => {
                    self.sandbox().revoke_agent_tokens();
                    // A token that was stored at that moment is replaced soon.
                    self.look_at_agent_token().await;
                    self.count("revocations of all agent tokens");
                }
                // The next fault is planned when the last one has happened: none is left to come at the end.
                4..=9 if planned_at.is_none_or(|calls| calls < self.sandbox().calls().oauth) => {
                    planned_at = Some(self.sandbox().calls().oauth);
                    self.sandbox().fail_oauth(Plan::oauth_fault(&mut rng), 1);
                    self.count("faults of LiveChat's OAuth server");
                }
                10..=19 => self.end_agent_refusal().await,
                _ if is_refreshed && !was_refreshed && rng.u8(..8) == 0 => self.kill_all(&mut rng).await,
                _ => {}
            }
        }
    }

    async fn kill_all(&self, rng: &mut Rng) {
        self.rest(Duration::from_millis(rng.u64(..200))).await;
        self.purges.send_modify(|purges| *purges += 1);
        self.count("kills of all processes that serve a call, during a refresh of the agent token");
    }

    /// Ends LiveChat's refusal of the agent, which lasts for minutes. Any other failure ends by itself.
    pub(super) async fn end_agent_refusal(&self) {
        let item = self.world.item_with_key(KEY.0, KEY.1).await;
        let exception = item.get("refused").and_then(|refused| refused.as_m().ok()?.get("exception")?.as_s().ok());
        if exception.is_some_and(|exception| exception == "agent_token_refused") {
            // If there is another refusal or a token by now, no harm is done: `refused.until` of nothing cannot be set.
            let request = self.world.dynamodb.update_item().table_name(&self.world.table);
            let request = request.key("pk", string(KEY.0)).key("sk", string(KEY.1));
            let request = request
                .update_expression("SET refused.#until = :long_ago")
                .expression_attribute_names("#until", "until");
            let _ = request.expression_attribute_values(":long_ago", number(1)).send().await;
        }
    }

    /// What LiveChat has issued to the agent, and what became of it.
    pub(super) async fn conclude_agent_tokens(&self) {
        self.look_at_agent_token().await;
        let issued = self.sandbox().agent_journal();
        let repeated = u64::try_from(self.livechat.repeated("POST /v2/token ")).expect("a small number");
        let mut history = self.history();
        history.agent = AgentTokens { issued, repeated, ..std::mem::take(&mut history.agent) };
    }

    /// The customer that LiveChat returns to an agent who asks for this one; empty if it knows no such customer.
    pub(super) async fn ask_as_agent(&self, who: &Who, entity: &str) -> String {
        let (app, url) = (self.sandbox().app(), self.sandbox().url());
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &app.agent.refresh_token),
            ("client_id", &app.agent.client_id),
            ("client_secret", &app.agent.client_secret),
        ];
        let client = http_client();
        let refresh = async || {
            let response = client.post(format!("{url}/v2/token")).form(&form).send().await.ok()?;
            let body: Value = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
            Some(body["access_token"].as_str()?.to_owned())
        };
        // A planned fault may still be left.
        let token = match refresh().await {
            Some(token) => token,
            None => refresh().await.expect("LiveChat's OAuth server responds"),
        };
        let url = match subject(who).group {
            Some(Group(group)) => format!("{url}/v2/customer/{}/{group}/token", app.organization_id),
            None => format!("{url}/v2/customer/token"),
        };
        let body = json!({
            "grant_type": "agent_token", "response_type": "token", "client_id": app.agent.client_id, "entity_id": entity,
        });
        let request = client.post(url).bearer_auth(token).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await.expect("LiveChat responds");
        let body: Value = serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON");
        body["entity_id"].as_str().unwrap_or_default().to_owned()
    }
}
