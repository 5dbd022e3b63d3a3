//! What a process remembers of the agent token, so that a renewal need not read it from the table.

use super::OpenAgentToken;
use crate::{
    identity::{LeaseSeq, UnixMs},
    store::agent_token::Reason,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by the clones of all calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    /// The token that was used last.
    token: Option<OpenAgentToken>,
    /// The number of a token that LiveChat accepts for no customer of this site. Neither that one nor an older one is used.
    useless: Option<LeaseSeq>,
    /// The number of a token that LiveChat issued in place of a rejected one, and has not accepted yet.
    unproven: Option<LeaseSeq>,
}

impl Memory {
    /// The token that was used last, if it is usable, and newer than one that was `rejected`.
    pub(super) fn token(&self, rejected: Option<LeaseSeq>, now: UnixMs) -> Option<OpenAgentToken> {
        let token = self.get().token.clone();
        token.filter(|token| token.lifetime.is_usable(now) && rejected.is_none_or(|seq| token.seq > seq))
    }

    /// The number of the newest useless token.
    pub(super) fn useless(&self) -> Option<LeaseSeq> {
        self.get().useless
    }

    /// Whether LiveChat has issued this token in place of a rejected one, and not accepted it yet.
    pub(super) fn is_unproven(&self, token: &OpenAgentToken) -> bool {
        self.get().unproven == Some(token.seq)
    }

    /// Remembers a token, and returns it.
    pub(super) fn remember(&self, token: OpenAgentToken) -> OpenAgentToken {
        self.get().token = Some(token.clone());
        token
    }

    /// Remembers a token that LiveChat has just issued for this reason.
    pub(super) fn remember_new(&self, token: &OpenAgentToken, reason: Reason) {
        let mut remembered = self.get();
        // If the table was emptied, the numbers start again.
        remembered.useless.take_if(|seq| *seq >= token.seq);
        remembered.unproven = (reason == Reason::Rejected).then_some(token.seq);
        remembered.token = Some(token.clone());
    }

    /// LiveChat has accepted this token.
    pub(super) fn prove(&self, token: &OpenAgentToken) {
        self.get().unproven.take_if(|seq| *seq == token.seq);
    }

    /// This token is not used again.
    pub(super) fn forget(&self, token: &OpenAgentToken) {
        let mut remembered = self.get();
        remembered.useless = remembered.useless.max(Some(token.seq));
    }

    fn get(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::Lifetime,
        renewal::agent_token::{AgentSecrets, AgentToken},
    };

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    fn token(seq: u64) -> OpenAgentToken {
        let lifetime = Lifetime { created: NOW, expires_in_ms: 28_800_000 };
        let secrets = AgentSecrets { access_token: "secret".into(), successor: None };
        AgentToken { secrets, client_id: "app".into(), lifetime, seq: LeaseSeq::new(seq) }
    }

    fn seq(memory: &Memory, rejected: Option<u64>) -> Option<u64> {
        memory.token(rejected.map(LeaseSeq::new), NOW).map(|token| token.seq.as_u64())
    }

    #[test]
    fn a_rejected_token_and_one_that_is_about_to_expire_are_not_used() {
        let memory = Memory::default();
        memory.remember(token(3));
        assert_eq!((seq(&memory, None), seq(&memory, Some(2)), seq(&memory, Some(3))), (Some(3), Some(3), None));
        assert!(memory.token(None, NOW.plus_ms(28_000_000)).is_none());
    }

    #[test]
    fn a_useless_token_stays_useless_until_the_numbers_start_again() {
        let memory = Memory::default();
        memory.forget(&token(3));
        memory.forget(&token(2));
        assert_eq!(memory.useless(), Some(LeaseSeq::new(3)));
        memory.remember_new(&token(4), Reason::Rejected);
        assert_eq!(memory.useless(), Some(LeaseSeq::new(3)));
        memory.remember_new(&token(1), Reason::Due);
        assert_eq!(memory.useless(), None);
    }

    #[test]
    fn a_token_in_place_of_a_rejected_one_is_unproven_until_it_is_accepted() {
        let memory = Memory::default();
        memory.remember_new(&token(3), Reason::Due);
        assert!(!memory.is_unproven(&token(3)));
        memory.remember_new(&token(4), Reason::Rejected);
        memory.prove(&token(3));
        assert!(memory.is_unproven(&token(4)));
        memory.prove(&token(4));
        assert!(!memory.is_unproven(&token(4)));
    }
}
