//! What LiveChat issues, and for how long it can be used.

use super::{DetailsUpdate, LeaseSeq, UnixMs};
use secrecy::SecretString;

/// When a token was issued and how long it lives. This decides whether it can still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Just before LiveChat was called.
    pub created: UnixMs,
    /// How long it lives from `created` on, in ms.
    pub expires_in_ms: u64,
}

impl Lifetime {
    /// The SDK renews a token that has under 60 minutes left, so a token is renewed here a little before that.
    const MARGIN_MS: u64 = 65 * 60 * 1000;
    /// The tolerance for clocks that differ, in ms. A token created further in the future comes from a wrong clock, and counts as expired.
    const SKEW_MS: u64 = 60 * 1000;

    /// LiveChat still accepts the token.
    pub fn is_live(self, now: UnixMs) -> bool {
        self.left_ms(now) > 0
    }

    /// The token can be handed out without renewing it: more than 65 minutes are left, or more than a quarter of a life
    /// that is shorter than that.
    pub fn is_usable(self, now: UnixMs) -> bool {
        self.left_ms(now) > Self::MARGIN_MS.min(self.expires_in_ms / 4)
    }

    /// When it expires.
    pub fn expires_at(self) -> UnixMs {
        self.created.plus_ms(self.expires_in_ms)
    }

    fn left_ms(self, now: UnixMs) -> u64 {
        if self.created > now.plus_ms(Self::SKEW_MS) {
            return 0;
        }
        self.expires_at().ms_since(now)
    }
}

/// A customer token.
#[derive(Clone, Debug)]
pub struct Token {
    /// What the widget sends to LiveChat.
    pub access_token: SecretString,
    /// Its age and life.
    pub lifetime: Lifetime,
    /// The number of the lease under which LiveChat issued it: a higher number is a newer token.
    pub seq: LeaseSeq,
}

/// A token and the customer whom it stands for: what a caller gets.
#[derive(Clone, Debug)]
pub struct Issued {
    /// LiveChat's id of the customer.
    pub entity_id: String,
    /// The token.
    pub token: Token,
    /// The latest update of the details that agents see, as it was stored when the token was.
    pub details: Option<DetailsUpdate>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMs = UnixMs::new(0);
    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn a_token_is_renewed_65_minutes_before_it_expires() {
        let token = Lifetime { created: START, expires_in_ms: 8 * HOUR_MS };
        let renewal = 8 * HOUR_MS - 65 * 60_000;
        assert!(token.is_usable(START.plus_ms(renewal - 1)));
        assert!(!token.is_usable(START.plus_ms(renewal)));
        assert!(token.is_live(START.plus_ms(8 * HOUR_MS - 1)));
        assert!(!token.is_live(START.plus_ms(8 * HOUR_MS)));
    }

    #[test]
    fn a_short_token_is_renewed_in_its_last_quarter() {
        let token = Lifetime { created: START, expires_in_ms: HOUR_MS };
        assert!(token.is_usable(START.plus_ms(HOUR_MS * 3 / 4 - 1)));
        assert!(!token.is_usable(START.plus_ms(HOUR_MS * 3 / 4)));
    }

    #[test]
    fn a_clock_that_is_behind_the_issuer_does_not_break_the_token() {
        assert!(Lifetime { created: START.plus_ms(10_000), expires_in_ms: HOUR_MS }.is_usable(START));
        assert!(Lifetime { created: START.plus_ms(60_000), expires_in_ms: HOUR_MS }.is_live(START));
        assert!(
            !Lifetime { created: START.plus_ms(60_001), expires_in_ms: HOUR_MS }.is_live(START),
            "a token created more than a minute ahead counts as expired"
        );
    }
}
