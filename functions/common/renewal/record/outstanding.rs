//! The tokens that were issued for a subject and may still work at LiveChat.

use super::LatestLogout;
use crate::identity::{LeaseSeq, Token, UnixMs};
use secrecy::SecretString;

/// A token that LiveChat issued, and that works until it expires or LiveChat is told to revoke it.
#[derive(Clone, Debug)]
pub struct OutstandingToken {
    /// Its name in the record: the number of its lease, after `guest-` if it was a guest's before an adoption.
    pub key: String,
    /// The token itself, which LiveChat needs to revoke it.
    pub access_token: SecretString,
    /// When it expires.
    pub expires_at: UnixMs,
    /// For whom it was issued.
    pub origin: TokenOrigin,
}

/// For whom an outstanding token was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenOrigin {
    /// For the guest that the user was. It must be revoked.
    Guest,
    /// For the subject, under the lease with this number.
    Lease(LeaseSeq),
}

/// All outstanding tokens of a subject, so that a logout or an adoption can revoke each of them.
#[derive(Clone, Debug, Default)]
pub struct Outstanding(pub Vec<OutstandingToken>);

impl Outstanding {
    /// The number of tokens that may work at a time. If there are as many, LiveChat is told to revoke the oldest before it issues another.
    pub const MOST: usize = 20;
    /// The number that is never exceeded. It is reached only while LiveChat issues tokens and does not revoke any.
    pub const LIMIT: usize = 40;
    /// How long an expired token is kept, in ms. Clocks differ, and no token may be forgotten too early.
    const SKEW_MS: u64 = 60_000;

    /// Those that may still work.
    fn live(&self, now: UnixMs) -> impl Iterator<Item = &OutstandingToken> {
        self.0.iter().filter(move |token| !token.is_expired(now))
    }

    /// Those that LiveChat must be told to revoke: every one that `logout` ended, and every one that was a guest's.
    pub fn to_revoke(&self, logout: LatestLogout, now: UnixMs) -> Vec<OutstandingToken> {
        self.live(now).filter(|token| token.must_be_revoked(logout)).cloned().collect()
    }

    /// Those that LiveChat must be told to revoke before another one is issued: [`to_revoke`](Self::to_revoke), and the oldest of the
    /// others if there is no room for one more.
    pub fn to_revoke_before_another(&self, logout: LatestLogout, now: UnixMs) -> Vec<OutstandingToken> {
        let (mut due, mut rest): (Vec<_>, Vec<_>) =
            self.live(now).cloned().partition(|token| token.must_be_revoked(logout));
        rest.sort_unstable_by_key(|token| token.origin);
        rest.truncate((rest.len() + 1).saturating_sub(Self::MOST));
        due.extend(rest);
        due
    }

    /// Whether there is room for one more token, without those whose keys are in `revoked`.
    pub fn has_room(&self, revoked: &[String], now: UnixMs) -> bool {
        self.live(now).filter(|token| !revoked.contains(&token.key)).count() < Self::LIMIT
    }

    /// The keys of those that have expired, and can be forgotten.
    pub fn expired(&self, now: UnixMs) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |token| token.is_expired(now)).map(|token| token.key.as_str())
    }

    /// A guest's tokens, as they are stored for the user who adopts the guest's identity: all of them must be revoked.
    #[must_use]
    pub fn into_adopted(self, now: UnixMs) -> Self {
        let adopt = |token: OutstandingToken| OutstandingToken {
            key: format!("guest-{}", token.key),
            origin: TokenOrigin::Guest,
            ..token
        };
        Self(self.0.into_iter().filter(|token| !token.is_expired(now)).map(adopt).collect())
    }
}

impl OutstandingToken {
    /// A token that has just been issued.
    pub fn of(token: &Token) -> Self {
        Self {
            key: token.seq.to_string(),
            access_token: token.access_token.clone(),
            expires_at: token.lifetime.expires_at(),
            origin: TokenOrigin::Lease(token.seq),
        }
    }

    fn must_be_revoked(&self, logout: LatestLogout) -> bool {
        match self.origin {
            TokenOrigin::Guest => true,
            TokenOrigin::Lease(seq) => logout.ends(seq),
        }
    }

    fn is_expired(&self, now: UnixMs) -> bool {
        self.expires_at.plus_ms(Outstanding::SKEW_MS) <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    fn lease(seq: u64) -> TokenOrigin {
        TokenOrigin::Lease(LeaseSeq::new(seq))
    }

    fn logout(seq: u64) -> LatestLogout {
        LatestLogout(Some(LeaseSeq::new(seq)))
    }

    fn token(seq: u64, expires_at: UnixMs) -> OutstandingToken {
        OutstandingToken {
            key: seq.to_string(),
            access_token: format!("t{seq}").into(),
            expires_at,
            origin: lease(seq),
        }
    }

    fn keys(tokens: &[OutstandingToken]) -> Vec<&str> {
        tokens.iter().map(|token| token.key.as_str()).collect()
    }

    #[test]
    fn a_logout_revokes_what_was_issued_before_it_and_has_not_expired() {
        let expired = NOW.minus_ms(Outstanding::SKEW_MS);
        let tokens = [token(1, expired), token(2, expired.plus_ms(1)), token(3, NOW), token(4, NOW)];
        let outstanding = Outstanding(tokens.to_vec());
        assert_eq!(keys(&outstanding.to_revoke(logout(3), NOW)), ["2", "3"]);
        assert!(outstanding.to_revoke(LatestLogout::default(), NOW).is_empty());
        assert_eq!(outstanding.expired(NOW).collect::<Vec<_>>(), ["1"]);
    }

    #[test]
    fn every_token_that_was_a_guests_is_to_be_revoked() {
        let guests = Outstanding(vec![token(1, UnixMs::new(0)), token(2, NOW), token(3, NOW)]).into_adopted(NOW);
        assert_eq!(keys(&guests.to_revoke(LatestLogout::default(), NOW)), ["guest-2", "guest-3"]);
    }

    #[test]
    fn the_oldest_tokens_make_room_for_a_new_one() {
        let of = |number: usize| Outstanding((1..=number as u64).rev().map(|seq| token(seq, NOW)).collect());
        let revoked = |number, logout| {
            let mut origins: Vec<_> =
                of(number).to_revoke_before_another(logout, NOW).iter().map(|token| token.origin).collect();
            origins.sort_unstable();
            origins
        };
        assert!(revoked(Outstanding::MOST - 1, LatestLogout::default()).is_empty());
        assert_eq!(revoked(Outstanding::MOST, LatestLogout::default()), [lease(1)]);
        assert_eq!(revoked(Outstanding::MOST + 2, LatestLogout::default()), [1, 2, 3].map(lease));
        // Those that a logout revokes make room themselves.
        assert_eq!(revoked(Outstanding::MOST, logout(2)), [1, 2].map(lease));
        assert_eq!(revoked(Outstanding::MOST + 2, logout(2)), [1, 2, 3].map(lease));
        assert!(of(Outstanding::LIMIT - 1).has_room(&[], NOW));
        assert!(!of(Outstanding::LIMIT).has_room(&[], NOW));
        assert!(of(Outstanding::LIMIT).has_room(&["7".into()], NOW));
    }
}
