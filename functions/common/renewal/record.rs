//! What is stored for one subject.
//!
//! | file | what it holds |
//! |---|---|
//! | here | the whole record |
//! | `record/lease.rs` | the lease |
//! | `record/quota.rs` | the number of renewals that are left in a minute |
//! | `record/failure.rs` | the failure of a renewal, for the calls that waited for it |
//! | `record/refusal.rs` | LiveChat's refusal, for later calls |
//! | `record/logout.rs` | the latest logout |
//! | `record/outstanding.rs` | tokens that may still work at LiveChat |

mod failure;
mod lease;
mod logout;
mod outstanding;
mod quota;
mod refusal;

pub use failure::{FailedRenewal, Failure};
pub use lease::Lease;
pub use logout::LatestLogout;
pub use outstanding::{Outstanding, OutstandingToken, TokenOrigin};
pub use quota::Quota;
pub use refusal::Refusal;

use crate::identity::{DetailsUpdate, Identity, Issued, LeaseSeq, Token, UnixMs, Version};

/// Everything that is stored for one subject.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The customer, once LiveChat has created one.
    pub identity: Option<Identity>,
    /// The newest token, unless it was invalidated. After a logout it may be a token that must not be returned: [`issued`](Self::issued)
    /// leaves that one out.
    pub token: Option<Token>,
    /// All tokens that were issued and may still work at LiveChat, `token` included.
    pub outstanding: Outstanding,
    /// The latest logout: no token that it ended may be returned.
    pub latest_logout: LatestLogout,
    /// The latest update of the customer's details at LiveChat. It may be about a former customer.
    pub details: Option<DetailsUpdate>,
    /// A failed revocation is not tried again before this time.
    pub revoke_again: Option<UnixMs>,
    /// The lease of the renewal in progress, or of one whose process died.
    pub lease: Option<Lease>,
    /// The latest failed renewal since the latest successful one.
    pub failed: Option<FailedRenewal>,
    /// LiveChat's latest refusal since the latest successful renewal.
    pub refusal: Option<Refusal>,
    /// The number of the latest lease, even if it has ended; `None` if there was no lease.
    pub lease_seq: Option<LeaseSeq>,
    /// What is left of this minute's renewals, or was left of an earlier minute's.
    pub quota: Option<Quota>,
    /// The guest became a user, who has the identity now. Nothing is ever stored here again.
    pub is_adopted: bool,
    /// The number of times that the record was written.
    pub version: Version,
}

impl Record {
    /// How long a failed revocation is not tried again, in ms.
    pub const REVOKE_AGAIN_MS: u64 = 60_000;

    /// The token with its customer. `None` if either is missing, or if the token was issued before a logout.
    pub fn issued(&self) -> Option<Issued> {
        let token = self.token.as_ref().filter(|token| !self.latest_logout.ends(token.seq))?;
        let identity = self.identity.as_ref()?;
        Some(Issued { entity_id: identity.entity_id.clone(), token: token.clone(), details: self.details.clone() })
    }

    /// The tokens that LiveChat must be told to revoke now. Empty for a while after a revocation failed.
    pub fn due_revocations(&self, now: UnixMs) -> Vec<OutstandingToken> {
        // A later time comes from a wrong clock.
        let waits = now.plus_ms(1)..=now.plus_ms(Self::REVOKE_AGAIN_MS);
        if self.revoke_again.is_none_or(|again| !waits.contains(&again)) {
            self.outstanding.to_revoke(self.latest_logout, now)
        } else {
            Vec::new()
        }
    }

    /// The lease that nobody else may take over yet.
    pub fn held(&self, now: UnixMs) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| lease.is_held(now))
    }

    /// The quota of the current minute.
    pub fn running_quota(&self, now: UnixMs) -> Option<Quota> {
        self.quota.filter(|quota| quota.is_running(now))
    }

    /// LiveChat's refusal, if it applies to a call with these `settings`.
    pub fn refusal_of(&self, settings: &str, now: UnixMs) -> Option<&Refusal> {
        self.refusal.as_ref().filter(|refusal| refusal.applies_to(settings, now))
    }

    /// How long until the subject may renew again, in ms, if it has spent this minute's renewals.
    pub fn spent_for_ms(&self, now: UnixMs) -> Option<u64> {
        let latest = self.lease_seq.unwrap_or(LeaseSeq::BEFORE_FIRST);
        let quota = self.running_quota(now).filter(|quota| latest >= quota.last_seq)?;
        Some(quota.since.plus_ms(Quota::WINDOW_MS).ms_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Cookies, GuestId, Lifetime, UnixSeconds, UserId};
    use std::num::NonZeroU32;

    #[test]
    fn a_lease_expires_even_if_its_owners_clock_was_wrong() {
        let now = UnixMs::new(1_000_000);
        let lease = |until| Lease { owner: "o".into(), seq: LeaseSeq::new(1), until };
        for (until, held) in [
            (now.minus_ms(1), false),
            (now, true),
            (now.plus_ms(10_000), true),
            (now.plus_ms(20_000), true),
            (now.plus_ms(20_001), false),
        ] {
            assert_eq!(lease(until).is_held(now), held, "{until:?}");
            let record = Record { lease: Some(lease(until)), ..Record::default() };
            assert_eq!(record.held(now).is_some(), held, "{until:?}");
        }
        assert_eq!((Lease::expiry(now), Lease::latest_expiry(now)), (now.plus_ms(10_000), now.plus_ms(20_000)));
    }

    #[test]
    fn the_quota_is_spent_after_the_allowed_number_of_renewals() {
        let now = UnixMs::new(1_000_000);
        let first = Lease { owner: "o".into(), seq: LeaseSeq::new(7), until: now };
        let quota = Quota::beginning_with(&first, now, NonZeroU32::new(3).expect("3 is not 0"));
        assert_eq!(quota, Quota { since: now, last_seq: LeaseSeq::new(9) });
        let spent = |seq, now| {
            Record { lease_seq: Some(LeaseSeq::new(seq)), quota: Some(quota), ..Record::default() }.spent_for_ms(now)
        };
        assert_eq!(spent(8, now), None);
        assert_eq!(spent(9, now.plus_ms(1_000)), Some(59_000));
        assert_eq!(spent(10, now), Some(60_000));
        assert_eq!(spent(9, now.plus_ms(60_000)), None);
        assert_eq!(Record::default().spent_for_ms(now), None);
    }

    #[test]
    fn nothing_secret_can_be_printed() {
        let cookies = Cookies { cid: "cid-value".into(), cst: "cst-value".into() };
        let record = Record {
            identity: Some(Identity {
                entity_id: "e".into(),
                cookies: Some(cookies.into()),
                cookies_expire_at: UnixSeconds::new(0),
                former: vec![],
                awaits_first_token: false,
            }),
            outstanding: Outstanding(vec![OutstandingToken {
                key: "1".into(),
                access_token: "token-value".into(),
                expires_at: UnixMs::new(1),
                origin: TokenOrigin::Lease(LeaseSeq::new(1)),
            }]),
            token: Some(Token {
                access_token: "token-value".into(),
                lifetime: Lifetime { created: UnixMs::new(0), expires_in_ms: 1 },
                seq: LeaseSeq::new(1),
            }),
            ..Record::default()
        };
        let user = UserId::parse("alice@example.com").expect("a good id");
        let guest = GuestId::of_secret(b"0123456789abcdef0123456789abcdef").expect("a good secret");
        let printed = format!("{record:?} {guest:?} {user:?}");
        assert!(printed.contains("GuestId(…)") && !printed.contains(guest.as_str()));
        assert!(!printed.contains("-value") && !printed.contains("alice"), "{printed}");
        assert!(printed.ends_with("UserId(…)"), "the output shows that the id was left out: {printed}");
    }
}
