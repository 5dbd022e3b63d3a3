//! The agent's tokens: how many there are at a time.
//!
//! The bound is exact. A stored token is replaced only when it has less than a quarter of its life left, or LiveChat does not accept it any
//! more. So the one before it has expired by then, and of all *stored* tokens at most [`MOST_STORED`] are live. A token that
//! LiveChat issued and nobody stored is live in addition: its process was killed or lost its lease, or LiveChat's response or the write
//! was lost. There is at most one of these for each lease, as a holder of the lease calls LiveChat once, and one for each request that the
//! network repeated.

use super::{History, Rule, Violation, violation};
use crate::chaos::history::AgentTokens;
use sandbox::AgentGranted;
use std::fmt;

/// The most tokens that are stored, one after the other, and live at the same time.
const MOST_STORED: usize = 2;

pub(super) fn agent_tokens(history: &History, found: &mut Vec<Violation>) {
    let AgentTokens { issued, leases, repeated, .. } = &history.agent;
    let number = u64::try_from(issued.len()).expect("a small number");
    if number > leases + repeated {
        let what = format!("{number} tokens were issued for {leases} leases and {repeated} repeated requests");
        found.push(violation(Rule::AgentTokens, what, &[]));
    }
    if let Some(live) = history.agent.most_live(|token| history.agent.stored.contains(&token.access_token))
        && live.len() > MOST_STORED
    {
        let shown: Vec<_> = live.iter().map(|token| format!("{} to {} ms", token.issued_ms, token.ends_ms)).collect();
        let shown: Vec<_> = shown.iter().map(|shown| -> &dyn fmt::Display { shown }).collect();
        found.push(violation(Rule::AgentTokens, format!("{} stored tokens are live at once", live.len()), &shown));
    }
}

impl AgentTokens {
    /// The tokens that are live at the moment at which the most of them are. Only those that are `meant` count.
    pub(crate) fn most_live(&self, is_meant: impl Fn(&AgentGranted) -> bool) -> Option<Vec<&AgentGranted>> {
        let meant: Vec<_> = self.issued.iter().filter(|token| is_meant(token)).collect();
        let live_at = |at_ms| {
            let is_live = move |token: &&&AgentGranted| (token.issued_ms..token.ends_ms).contains(&at_ms);
            meant.iter().filter(is_live).copied().collect::<Vec<_>>()
        };
        meant.iter().map(|token| live_at(token.issued_ms)).max_by_key(Vec::len)
    }
}
