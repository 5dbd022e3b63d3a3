//! The agent token: one for all functions, refreshed by one of them before it expires.
//!
//! LiveChat keeps 25 tokens of an agent and app, and silently revokes the oldest when there are more, so the functions share one. It is
//! stored in the table, and the first function that finds it due for a refresh acquires a lease for that. All others use the token that is
//! stored, or wait if it has expired.
//!
//! It is never revoked from here: LiveChat revokes the refresh token together with an access token.
//! Source: <https://platform.text.com/docs/authorization/oauth-authorization>, sections *Token limitations* and *Revoking tokens*.

use super::record::{Lease, Refusal};
use crate::identity::{LeaseSeq, Lifetime, MaybeSealed, UnixMs};
use secrecy::SecretString;

/// The stored code of a refresh that failed without a refusal: it may be repeated sooner, and is no fault of the settings.
pub(crate) const UNAVAILABLE: &str = "unavailable";
/// The settings of such a refresh, on record: all of them. An outage is no fault of any settings, so all functions keep its pause.
const ANY_SETTINGS: &str = "any";
/// The description of a refusal because the agent's token is for another account.
pub(crate) const OTHER_ACCOUNT: &str =
    "the agent belongs to another LiveChat account than LIVECHAT_ORGANIZATION_ID and LIVECHAT_LICENSE_ID";
/// How long such a refresh is not repeated, in ms. A user may be waiting.
const SHORTEST_PAUSE_MS: u64 = 5_000;
/// The longest pause while the stored token is live, in ms.
const LONGEST_PAUSE_MS: u64 = 300_000;

/// A token of an agent, which gives access to all customers of the account. Its secrets are open ([`AgentSecrets`]) when it is used.
#[derive(Clone, Debug)]
pub struct AgentToken<Secrets> {
    /// What is secret.
    pub secrets: Secrets,
    /// The app that it was issued to.
    pub client_id: String,
    /// Its age and life.
    pub lifetime: Lifetime,
    /// The number of the lease under which it was issued: a higher number is a newer token.
    pub seq: LeaseSeq,
}

impl<Secrets> AgentToken<Secrets> {
    /// The same token with these secrets: the same ones, sealed or opened.
    pub(crate) fn with<Other>(self, secrets: Other) -> AgentToken<Other> {
        let Self { client_id, lifetime, seq, .. } = self;
        AgentToken { secrets, client_id, lifetime, seq }
    }
}

/// An agent token as it is stored.
pub(crate) type StoredAgentToken = AgentToken<MaybeSealed<AgentSecrets>>;

/// What is secret about an agent token.
#[derive(Clone, Debug)]
pub struct AgentSecrets {
    /// What LiveChat is sent as `Authorization`.
    pub access_token: SecretString,
    /// The refresh token that LiveChat issued with it, if it is another one than that of the settings.
    pub successor: Option<Successor>,
}

/// A refresh token that replaces that of the settings. LiveChat documents none for server-side apps.
#[derive(Clone, Debug)]
pub struct Successor {
    /// Identifies the refresh token of the settings: once they have another one, this successor is not used any more.
    pub of: String,
    /// The refresh token.
    pub refresh_token: SecretString,
}

/// What is stored of the agent token.
#[derive(Clone, Debug, Default)]
pub struct AgentRecord {
    /// The latest token.
    pub token: Option<AgentToken<MaybeSealed<AgentSecrets>>>,
    /// There is a token, but it is malformed.
    pub is_malformed: bool,
    /// The lease of the function that is refreshing it, or of one that died.
    pub lease: Option<Lease>,
    /// Why the latest refresh failed, and when the next one may be tried.
    pub refusal: Option<Refusal>,
}

/// What is stored in the place of a new token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// No token.
    Nothing,
    /// The token with this number.
    Token(LeaseSeq),
    /// Something that cannot be read.
    Malformed,
}

/// What a renewal that needs the agent token does next.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// Use this token.
    Use(StoredAgentToken),
    /// Acquire the lease, and refresh the token.
    Refresh {
        /// What the new token replaces.
        stored: Stored,
        /// The stored token, if it is still live: used if the refresh fails.
        live: Option<StoredAgentToken>,
    },
    /// Look again in a moment: another function is refreshing it.
    Wait,
    /// A refresh has failed for this reason, and may not be repeated yet.
    Fail(Refusal),
}

impl AgentRecord {
    /// What to do next. `rejected` is the number of a token that LiveChat did not accept: neither that one nor an older one is used.
    /// `settings` is the fingerprint of the settings with which a refresh would be tried.
    pub(crate) fn next(self, rejected: Option<LeaseSeq>, settings: &str, now: UnixMs) -> Next {
        let stored = match &self.token {
            Some(token) => Stored::Token(token.seq),
            None if self.is_malformed => Stored::Malformed,
            None => Stored::Nothing,
        };
        let is_live =
            |token: &StoredAgentToken| token.lifetime.is_live(now) && rejected.is_none_or(|seq| token.seq > seq);
        let token = self.token.filter(is_live);
        let is_held = self.lease.is_some_and(|lease| lease.is_held(now));
        let applies = |refusal: &Refusal| [settings, ANY_SETTINGS].iter().any(|one| refusal.applies_to(one, now));
        let refusal = self.refusal.filter(applies);
        match (token, refusal) {
            (Some(token), _) if token.lifetime.is_usable(now) => Next::Use(token),
            (Some(token), refusal) if is_held || refusal.is_some() => Next::Use(token),
            (None, _) if is_held => Next::Wait,
            (None, Some(refusal)) => Next::Fail(refusal),
            (live, _) => Next::Refresh { stored, live },
        }
    }

    /// What to store after a refresh of this token to which LiveChat did not respond. It may have issued a token all the same, and it
    /// revokes the oldest when there are more than 25. So while the stored token is live, each pause is twice as long as the one
    /// before: a token with 65 minutes left is refreshed 18 times at most. Afterwards, users wait.
    pub(crate) fn unanswered(&self, cause: &str, now: UnixMs) -> Refusal {
        let refusal = Refusal::first(ANY_SETTINGS, UNAVAILABLE, cause, now).after(self.refusal.as_ref(), now);
        let shortest = now.plus_ms(SHORTEST_PAUSE_MS);
        let doubled = u32::try_from(refusal.times.saturating_sub(1)).ok().and_then(|times| 1_u64.checked_shl(times));
        let pause_ms =
            doubled.map_or(LONGEST_PAUSE_MS, |factor| SHORTEST_PAUSE_MS.saturating_mul(factor).min(LONGEST_PAUSE_MS));
        let expiry = self.token.as_ref().map_or(now, |token| token.lifetime.expires_at());
        Refusal { until: now.plus_ms(pause_ms).min(expiry).max(shortest), ..refusal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);
    const HOUR_MS: u64 = 3_600_000;

    fn token(age_h: u64) -> StoredAgentToken {
        let lifetime = Lifetime { created: NOW.minus_ms(age_h * HOUR_MS), expires_in_ms: 8 * HOUR_MS };
        let secrets = AgentSecrets { access_token: "secret".into(), successor: None }.into();
        AgentToken { secrets, client_id: "app".into(), lifetime, seq: LeaseSeq::new(5) }
    }

    fn held() -> Lease {
        Lease { owner: "o".into(), seq: LeaseSeq::new(6), until: NOW.plus_ms(5_000) }
    }

    fn next(token: Option<StoredAgentToken>, is_held: bool, is_refused: bool, rejected: Option<u64>) -> &'static str {
        let refusal = is_refused.then(|| Refusal::first("settings", "invalid_grant", "", NOW));
        let record = AgentRecord { token, lease: is_held.then(held), refusal, is_malformed: false };
        match record.next(rejected.map(LeaseSeq::new), "settings", NOW) {
            Next::Use(_) => "use",
            Next::Refresh { live: Some(_), .. } => "refresh, or use",
            Next::Refresh { live: None, .. } => "refresh",
            Next::Wait => "wait",
            Next::Fail(_) => "fail",
        }
    }

    #[test]
    fn one_function_refreshes_and_the_others_go_on() {
        for (age_h, is_held, is_refused, expected) in [
            (1, false, false, "use"),
            (1, true, true, "use"),
            (7, false, false, "refresh, or use"),
            (7, true, false, "use"),
            (7, false, true, "use"),
            (8, false, false, "refresh"),
            (8, true, false, "wait"),
            (8, false, true, "fail"),
            (8, true, true, "wait"),
        ] {
            assert_eq!(
                next(Some(token(age_h)), is_held, is_refused, None),
                expected,
                "{age_h} h {is_held} {is_refused}"
            );
        }
        assert_eq!(next(None, false, false, None), "refresh");
    }

    #[test]
    fn a_token_that_livechat_rejected_is_not_used_again() {
        assert_eq!(next(Some(token(1)), false, false, Some(5)), "refresh");
        assert_eq!(next(Some(token(1)), true, false, Some(5)), "wait");
        assert_eq!(next(Some(token(1)), false, false, Some(4)), "use");
    }

    /// The pauses of all refreshes in a row while LiveChat does not respond, in ms.
    fn pauses_ms(token: StoredAgentToken, until: UnixMs) -> Vec<u64> {
        let (mut record, mut now, mut pauses_ms) =
            (AgentRecord { token: Some(token), ..AgentRecord::default() }, NOW, vec![]);
        while now < until {
            let refusal = record.unanswered("no response", now);
            pauses_ms.push(refusal.until.ms_since(now));
            now = refusal.until;
            record.refusal = Some(refusal);
        }
        pauses_ms
    }

    #[test]
    fn lost_responses_do_not_use_up_the_number_of_tokens_that_livechat_keeps() {
        let lifetime = Lifetime { created: NOW.minus_ms(8 * HOUR_MS - 65 * 60_000), expires_in_ms: 8 * HOUR_MS };
        let pauses_ms = pauses_ms(AgentToken { lifetime, ..token(0) }, lifetime.expires_at());
        assert_eq!(pauses_ms[..8], [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
        assert_eq!(pauses_ms.len(), 18);
        assert_eq!(
            NOW.plus_ms(pauses_ms.iter().sum()),
            lifetime.expires_at(),
            "and it is tried when the token expires"
        );
    }

    #[test]
    fn without_a_live_token_a_refresh_is_tried_often() {
        assert!(pauses_ms(token(9), NOW.plus_ms(60_000)).iter().all(|pause_ms| *pause_ms == 5_000));
    }

    #[test]
    fn an_outage_pauses_refreshes_with_any_settings() {
        let refusal = AgentRecord::default().unanswered("no response", NOW);
        let record = AgentRecord { refusal: Some(refusal), ..AgentRecord::default() };
        for settings in ["settings", "other"] {
            assert!(matches!(record.clone().next(None, settings, NOW), Next::Fail(_)), "{settings}");
        }
        let after = record.unanswered("no response", NOW.plus_ms(5_000));
        assert_eq!(after.times, 2);
    }

    #[test]
    fn other_settings_are_tried_at_once() {
        let refusal = Refusal::first("before", "invalid_grant", "", NOW);
        let record = AgentRecord { refusal: Some(refusal), ..AgentRecord::default() };
        assert!(matches!(record.next(None, "settings", NOW), Next::Refresh { .. }));
    }
}
