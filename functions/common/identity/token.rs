//! What LiveChat issues, and for how long it can be used.

use secrecy::SecretString;

/// When a token was issued and how long it lives: all that it takes to know whether it can still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Just before LiveChat was called; Unix time in ms.
    pub created_ms: u64,
    /// How long it lives from then on, in ms.
    pub expires_in_ms: u64,
}

impl Lifetime {
    /// The SDK renews a token that has under 60 minutes left, so a token is renewed here a little before that.
    const MARGIN_MS: u64 = 65 * 60 * 1000;
    /// A token from further in the future comes from a wrong clock, and its expiry means nothing; in ms.
    const SKEW_MS: u64 = 60 * 1000;

    /// LiveChat still accepts the token.
    pub fn is_live(self, now_ms: u64) -> bool {
        self.left_ms(now_ms) > 0
    }

    /// The token can be handed out without renewing it: more than 65 minutes are left, or more than a quarter of a life
    /// that is short itself.
    pub fn is_usable(self, now_ms: u64) -> bool {
        self.left_ms(now_ms) > Self::MARGIN_MS.min(self.expires_in_ms / 4)
    }

    /// When it expires; Unix time in ms.
    pub fn ends_ms(self) -> u64 {
        self.created_ms.saturating_add(self.expires_in_ms)
    }

    fn left_ms(self, now_ms: u64) -> u64 {
        if self.created_ms > now_ms.saturating_add(Self::SKEW_MS) {
            return 0;
        }
        self.ends_ms().saturating_sub(now_ms)
    }
}

/// A customer token.
#[derive(Clone, Debug)]
pub struct Token {
    /// What the widget sends to LiveChat.
    pub access_token: SecretString,
    /// Its age and life.
    pub lifetime: Lifetime,
    /// The sequence number of the lease under which LiveChat issued it: a higher number is a newer token.
    pub seq: u64,
}

/// A token and the customer whom it stands for: what a caller gets.
#[derive(Clone, Debug)]
pub struct Issued {
    /// LiveChat's id of the customer.
    pub entity_id: String,
    /// The token.
    pub token: Token,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn a_token_is_renewed_65_minutes_before_its_end() {
        let token = Lifetime { created_ms: 0, expires_in_ms: 8 * HOUR_MS };
        let renewal = 8 * HOUR_MS - 65 * 60_000;
        assert!(token.is_usable(renewal - 1));
        assert!(!token.is_usable(renewal));
        assert!(token.is_live(8 * HOUR_MS - 1));
        assert!(!token.is_live(8 * HOUR_MS));
    }

    #[test]
    fn a_short_token_is_renewed_in_its_last_quarter() {
        let token = Lifetime { created_ms: 0, expires_in_ms: HOUR_MS };
        assert!(token.is_usable(HOUR_MS * 3 / 4 - 1));
        assert!(!token.is_usable(HOUR_MS * 3 / 4));
    }

    #[test]
    fn a_clock_that_is_behind_the_issuer_does_not_break_the_token() {
        assert!(Lifetime { created_ms: 10_000, expires_in_ms: HOUR_MS }.is_usable(0));
        assert!(Lifetime { created_ms: 60_000, expires_in_ms: HOUR_MS }.is_live(0));
        assert!(!Lifetime { created_ms: 60_001, expires_in_ms: HOUR_MS }.is_live(0), "more than a minute is no clock");
    }
}
