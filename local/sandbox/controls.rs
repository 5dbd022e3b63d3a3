//! What tests read and change while a sandbox runs. The admin API in `admin.rs` has most of it for other programs.

use super::{
    AgentGranted, Calls, CustomerDetails, Fault, Granted, Sandbox, Settings, Share, State, Stored, Waiting,
    fault::Endpoint, pending::Planned,
};
use std::collections::HashMap;

impl Sandbox {
    /// Changes its settings.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state().settings);
    }

    /// Makes the next `times` calls of the token endpoint of customers fail in this way.
    pub fn fail(&self, fault: Fault, times: u32) {
        self.plan(Planned { fault, times, endpoint: Endpoint::Token, group: None });
    }

    /// Makes the next `times` calls of the token endpoint for this group fail in this way.
    pub fn fail_group(&self, fault: Fault, times: u32, group: u64) {
        self.plan(Planned { fault, times, endpoint: Endpoint::Token, group: Some(group) });
    }

    /// Makes the next `times` calls of `POST /v2/token`, for the agent, fail in this way.
    ///
    /// # Panics
    /// If these calls cannot fail in this way: the response has no cookies, and is for no group.
    pub fn fail_oauth(&self, fault: Fault, times: u32) {
        self.plan(Planned { fault, times, endpoint: Endpoint::Oauth, group: None });
    }

    /// Makes the next `times` updates of a customer fail in this way.
    ///
    /// # Panics
    /// If these calls cannot fail in this way: the response has no payload.
    pub fn fail_update(&self, fault: Fault, times: u32) {
        self.plan(Planned { fault, times, endpoint: Endpoint::UpdateCustomer, group: None });
    }

    fn plan(&self, planned: Planned) {
        if let Err(why) = planned.check() {
            panic!("{why}");
        }
        self.state().faults.add(planned);
    }

    /// Makes a share of the calls of the token endpoint of customers fail at random, from now on. It replaces the former share.
    pub fn fail_share(&self, share: Share) {
        self.state().faults.set_share(share);
    }

    /// The number of calls that each fault has affected.
    pub fn faults_hit(&self) -> HashMap<Fault, u64> {
        self.state().faults.hits().clone()
    }

    /// Every token that it issued since the start or the latest reset, in order. The journal is not stored in the file.
    pub fn journal(&self) -> Vec<Granted> {
        self.state().journal.clone()
    }

    /// The largest number of callers of the token endpoint that waited for its response at the same time.
    pub fn most_waiting(&self) -> usize {
        self.state().waiting.most
    }

    /// The number of customers that it has created.
    pub fn customers(&self) -> u64 {
        self.state().stored.customers.created()
    }

    /// The number of calls of each endpoint.
    pub fn calls(&self) -> Calls {
        self.state().calls
    }

    /// Forgets a customer and its chat, as LiveChat may do. From then on its cookies get the result of [`Settings::forgotten`].
    pub fn forget(&self, entity_id: &str) {
        {
            let Stored { customers, chats, .. } = &mut self.state().stored;
            customers.forget(entity_id);
            chats.forget(entity_id);
        }
        self.store();
    }

    /// From now on, the customer's cookies are not valid. The customer, its tokens and its chat remain, and the agent-token grant
    /// still finds it.
    pub fn kill_cookies(&self, entity_id: &str) {
        self.state().stored.customers.kill_cookies(entity_id);
        self.store();
    }

    /// Revokes all access tokens of the agent. Its refresh tokens stay valid.
    pub fn revoke_agent_tokens(&self) {
        {
            let mut state = self.state();
            let now_ms = state.now_ms();
            state.stored.agents.revoke_access_tokens(now_ms);
        }
        self.store();
    }

    /// Revokes every refresh token of the agent. Its access tokens stay valid until they expire.
    pub fn kill_refresh_token(&self) {
        self.state().stored.agents.revoke_refresh_tokens();
        self.store();
    }

    /// The number of the agent's access tokens that are valid.
    pub fn live_agent_tokens(&self) -> usize {
        let state = self.state();
        state.stored.agents.live(state.now_ms())
    }

    /// The largest number of the agent's access tokens that were valid at the same time, by the sandbox's clock, since the start
    /// of the process or the latest reset. LiveChat keeps at most 25.
    pub fn most_live_agent_tokens(&self) -> usize {
        self.state().stored.agents.most_live()
    }

    /// Every access token of the agent that it issued since the start of the process or the latest reset, in order.
    pub fn agent_journal(&self) -> Vec<AgentGranted> {
        self.state().stored.agents.journal().to_vec()
    }

    /// What `update_customer` has set for a customer; empty if there was no update. `None` if the customer is not known.
    pub fn details_of(&self, entity_id: &str) -> Option<CustomerDetails> {
        self.state().stored.customers.details_of(entity_id).cloned()
    }

    /// Restores the state at the start: no customers, no faults, the default settings, only the first refresh token.
    pub fn reset(&self) {
        {
            let mut state = self.state();
            let now = state.waiting.now;
            *state = State { waiting: Waiting { now, most: now }, ..State::default() };
            state.stored.agents.install(&self.app.agent.refresh_token);
        }
        self.store();
    }

    /// Whether a customer's token is valid: it was issued, has not expired and was not revoked.
    pub fn works(&self, access_token: &str) -> bool {
        let now_ms = self.now_ms();
        self.state().stored.customers.details(access_token, now_ms).is_some()
    }
}
