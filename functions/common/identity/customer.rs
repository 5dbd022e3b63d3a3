//! The LiveChat customer of a subject, and the cookies that prove it.

use super::{MaybeSealed, UnixMs, UnixSeconds};
use secrecy::SecretString;

/// The two cookies that prove a LiveChat customer: they give access to its tokens for two years. They never leave the
/// backend. Values only; LiveChat's documentation calls them `__lc_cid` and `__lc_cst`.
#[derive(Clone, Debug)]
pub struct Cookies {
    /// Customer id.
    pub cid: SecretString,
    /// Customer secret token.
    pub cst: SecretString,
}

/// One LiveChat customer, and what is needed to get tokens for it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// LiveChat's id of the customer.
    pub entity_id: String,
    /// What proves to LiveChat that we speak for the customer. `None` if only an agent token does: the customer was created with one, or
    /// LiveChat has ceased to accept the cookies.
    pub cookies: Option<MaybeSealed<Cookies>>,
    /// When the cookies expire, or two years after the latest token that an agent token was sent for, whichever is later. Each token that
    /// LiveChat issues before then extends it.
    pub cookies_expire_at: UnixSeconds,
    /// Customers that this subject had before and that LiveChat no longer knew, oldest first.
    pub former: Vec<FormerIdentity>,
    /// The identity was a guest's, and LiveChat has not issued a token for it to the user yet. If LiveChat no longer knows it, the user
    /// loses nothing.
    pub awaits_first_token: bool,
}

impl Identity {
    /// The number of former identities that are kept. The oldest are removed first.
    const MOST_FORMER: usize = 5;

    /// The cookies have expired by their own date, so LiveChat may have forgotten the customer.
    pub fn has_expired(&self, now: UnixMs) -> bool {
        self.cookies_expire_at <= now.in_seconds()
    }

    /// The cookies, if there are any and they are not sealed.
    pub fn open_cookies(&self) -> Option<&Cookies> {
        self.cookies.as_ref().and_then(MaybeSealed::as_open)
    }

    /// The list of former identities for the identity that replaces this one. It includes this one if the new identity `is_another`
    /// customer.
    #[must_use]
    pub fn into_former(self, is_another: bool, now: UnixMs) -> Vec<FormerIdentity> {
        let mut former = self.former;
        if is_another {
            former.push(FormerIdentity { entity_id: self.entity_id, cookies: self.cookies, until: now });
            former.drain(..former.len().saturating_sub(Self::MOST_FORMER));
        }
        former
    }
}

/// A customer that a subject had until LiveChat returned another one. Kept so that it can be found again.
#[derive(Clone, Debug)]
pub struct FormerIdentity {
    /// LiveChat's id of the customer.
    pub entity_id: String,
    /// The cookies that LiveChat no longer accepted, if there were any.
    pub cookies: Option<MaybeSealed<Cookies>>,
    /// When it was replaced.
    pub until: UnixMs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_identity_is_kept_among_the_latest_five() {
        let cookies = || Some(Cookies { cid: "c".into(), cst: "s".into() }.into());
        let identity = |entity_id: u64, former| Identity {
            entity_id: entity_id.to_string(),
            cookies: cookies(),
            cookies_expire_at: UnixSeconds::new(0),
            former,
            awaits_first_token: false,
        };
        let mut latest = identity(0, vec![]);
        for n in 1..=12 {
            latest = identity(n, latest.into_former(true, UnixMs::new(n)));
            latest = identity(n, latest.into_former(false, UnixMs::new(n)));
        }
        let former: Vec<_> =
            latest.former.iter().map(|former| (former.entity_id.as_str(), former.until.as_u64())).collect();
        assert_eq!(former, [("7", 8), ("8", 9), ("9", 10), ("10", 11), ("11", 12)]);
    }
}
