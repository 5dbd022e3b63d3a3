//! The words of the domain. Strings become types at the door; what is secret cannot be printed.

use crate::error::{Error, Failure};
use secrecy::SecretString;
use std::fmt;

/// Who a user is to the site: 1 to 256 bytes of UTF-8 without control characters. Everything else is welcome: mail
/// addresses, slashes, spaces, emoji. Two ids are the same user when their bytes are the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl UserId {
    /// The longest id, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// # Errors
    /// [`Error::InvalidRequest`] that says what to change.
    pub fn parse(id: &str) -> Result<Self, Error> {
        if id.is_empty() {
            return Err(Error::InvalidRequest("The user id is empty.".into()));
        }
        if id.len() > Self::MAX_BYTES {
            return Err(Error::InvalidRequest(format!(
                "The user id has {} bytes; {} is the most.",
                id.len(),
                Self::MAX_BYTES
            )));
        }
        if id.chars().any(char::is_control) {
            return Err(Error::InvalidRequest("The user id contains a control character.".into()));
        }
        Ok(Self(id.to_owned()))
    }

    /// The id as the site knows it. It is personal data: not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(…)")
    }
}

/// A LiveChat group, whose chats have an identity of their own when the licence keeps chats between groups apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group(pub u32);

impl Group {
    /// # Errors
    /// [`Error::InvalidRequest`] for anything but a plain decimal integer, so that one group has one spelling.
    pub fn parse(group: &str) -> Result<Self, Error> {
        group
            .parse()
            .ok()
            .filter(|number: &u32| number.to_string() == group)
            .map(Self)
            .ok_or_else(|| Error::InvalidRequest("`group` must be a LiveChat group's number, such as 3.".into()))
    }
}

/// A visitor who is not logged in. Their browser has a random secret; this is its SHA-256 in hexadecimal, so that who reads
/// the table cannot act as the guest.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GuestId(String);

impl GuestId {
    /// How long a secret can be, in characters: 32 hexadecimal digits have 128 bits.
    const SECRET_CHARS: std::ops::RangeInclusive<usize> = 32..=128;

    /// The guest who has this secret: 32 to 128 characters of `A`-`Z`, `a`-`z`, `0`-`9`, `-` and `_`, such as 32 random bytes
    /// in base64url. Whether they are random nobody can see here.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] that says what to change, and does not repeat the secret.
    pub fn of_secret(secret: &[u8]) -> Result<Self, Error> {
        let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !Self::SECRET_CHARS.contains(&secret.len()) || !secret.iter().all(is_fit) {
            return Err(Error::InvalidRequest(
                "X-Guest-Id must be 32 to 128 characters of A-Z, a-z, 0-9, - and _: make it of 32 random bytes, in \
                 base64url."
                    .into(),
            ));
        }
        Ok(Self(hex::encode(ring::digest::digest(&ring::digest::SHA256, secret))))
    }

    /// The hash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for GuestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuestId(…)")
    }
}

/// Somebody who can have a LiveChat customer. Users and guests never share one by their names: each kind has a key of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Somebody whom the site knows, as verified by [`crate::caller`].
    User(UserId),
    /// Somebody who is not logged in.
    Guest(GuestId),
}

impl Principal {
    /// What tells them from everybody else: `user#` and the user's id, or `guest#` and the hash of the guest's secret.
    pub fn key(&self) -> String {
        match self {
            Self::User(id) => format!("user#{}", id.as_str()),
            Self::Guest(id) => format!("guest#{}", id.as_str()),
        }
    }
}

/// Whose token it is: a user or guest, and the group if there is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Who.
    pub principal: Principal,
    /// The group identity that is asked for; `None` for the licence's common one.
    pub group: Option<Group>,
}

/// The two cookies that *are* a LiveChat customer: who has them can get tokens for two years. They never leave the
/// backend. Values only; LiveChat's documentation calls them `__lc_cid` and `__lc_cst`.
#[derive(Clone, Debug)]
pub struct Cookies {
    /// Customer id.
    pub cid: SecretString,
    /// Customer secret token.
    pub cst: SecretString,
}

/// One customer of LiveChat's, and what it takes to get tokens for it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// LiveChat's id of the customer.
    pub entity_id: String,
    /// What proves to LiveChat that we speak for the customer.
    pub cookies: Cookies,
    /// When the cookies lapse unless a token is asked for before; Unix time in s.
    pub cookies_lapse_at_s: u64,
    /// Customers that this subject had before and that LiveChat no longer knew, oldest first.
    pub former: Vec<FormerIdentity>,
}

impl Identity {
    /// How many former identities are kept; the oldest go first.
    const MOST_FORMER: usize = 5;

    /// The former identities of the one that follows this one: this one is the latest of them, if the next one `is_another`
    /// customer.
    #[must_use]
    pub fn into_former(self, is_another: bool, now_ms: u64) -> Vec<FormerIdentity> {
        let mut former = self.former;
        if is_another {
            former.push(FormerIdentity { entity_id: self.entity_id, cookies: self.cookies, until_ms: now_ms });
            former.drain(..former.len().saturating_sub(Self::MOST_FORMER));
        }
        former
    }
}

/// A customer that a subject had until LiveChat answered with another one. Kept so that it can be found again.
#[derive(Clone, Debug)]
pub struct FormerIdentity {
    /// LiveChat's id of the customer.
    pub entity_id: String,
    /// The cookies that LiveChat no longer took.
    pub cookies: Cookies,
    /// When it was replaced; Unix time in ms.
    pub until_ms: u64,
}

/// When a token was issued and how long it lives: all that it takes to know whether it can still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Just before LiveChat was asked for it; Unix time in ms.
    pub created_ms: u64,
    /// How long it lives from then on, in ms.
    pub expires_in_ms: u64,
}

impl Lifetime {
    /// The SDK renews a token that has under 60 minutes left, so a token is renewed here a little before that.
    const MARGIN_MS: u64 = 65 * 60 * 1000;
    /// A token from further in the future is the work of a clock that is wrong, and its end means nothing.
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

    fn left_ms(self, now_ms: u64) -> u64 {
        if self.created_ms > now_ms.saturating_add(Self::SKEW_MS) {
            return 0;
        }
        self.created_ms.saturating_add(self.expires_in_ms).saturating_sub(now_ms)
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

/// The exclusive right to renew one subject's token, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// A value that nobody else has, made anew for each lease.
    pub owner: String,
    /// Counts a subject's leases; each is higher than the one before.
    pub seq: u64,
    /// When others may take it over; Unix time in ms, by the owner's clock.
    pub until_ms: u64,
}

impl Lease {
    /// How long a lease keeps others out, in ms.
    pub const LENGTH_MS: u64 = 10_000;
    /// How far apart the clocks of two functions can be, in ms: others may see a lease end that much earlier.
    pub const SKEW_MS: u64 = 2_000;

    /// The end of a lease that is taken now, and the last moment that the end of one can lie at: a lease beyond that
    /// is the work of a clock that is wrong, and must not keep a user out for as long as the clock was.
    pub fn bounds_ms(now_ms: u64) -> (u64, u64) {
        (now_ms + Self::LENGTH_MS, now_ms + 2 * Self::LENGTH_MS)
    }

    /// How long nobody can have taken it over yet, whatever their clock, in ms.
    pub fn safe_for_ms(&self, now_ms: u64) -> u64 {
        self.until_ms.saturating_sub(now_ms).saturating_sub(Self::SKEW_MS)
    }

    /// Nobody else may take it over yet.
    pub fn is_held(&self, now_ms: u64) -> bool {
        (now_ms..=Self::bounds_ms(now_ms).1).contains(&self.until_ms)
    }
}

/// How many renewals a subject has left in this minute. Leases are numbered, so the number of the last one that is
/// allowed is all that has to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// When the minute began; Unix time in ms.
    pub since_ms: u64,
    /// The highest number that a lease may have in this minute.
    pub last_seq: u64,
}

impl Quota {
    /// How long a quota counts, in ms.
    pub const WINDOW_MS: u64 = 60_000;
    /// A beginning from further in the future is the work of a clock that is wrong, and counts as none; in ms.
    const SKEW_MS: u64 = 10_000;

    /// A minute that begins with `lease`.
    pub fn beginning_with(lease: &Lease, now_ms: u64, per_minute: u32) -> Self {
        Self { since_ms: now_ms, last_seq: lease.seq.saturating_sub(1).saturating_add(per_minute.into()) }
    }

    /// The earliest and the latest beginning of a minute that is not over; Unix time in ms.
    pub fn bounds_ms(now_ms: u64) -> (u64, u64) {
        ((now_ms + 1).saturating_sub(Self::WINDOW_MS), now_ms + Self::SKEW_MS)
    }

    /// The minute is not over.
    pub fn is_running(&self, now_ms: u64) -> bool {
        let (earliest, latest) = Self::bounds_ms(now_ms);
        (earliest..=latest).contains(&self.since_ms)
    }
}

/// How the renewal under a lease failed, for those who waited for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRenewal {
    /// The lease's sequence number.
    pub seq: u64,
    /// What happened.
    pub failure: Failure,
}

/// Everything that is stored for one subject.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The customer, once LiveChat has made one.
    pub identity: Option<Identity>,
    /// The newest token, unless it was invalidated.
    pub token: Option<Token>,
    /// Who is renewing the token right now, or was when they died.
    pub lease: Option<Lease>,
    /// The latest failed renewal since the latest good one.
    pub failed: Option<FailedRenewal>,
    /// The number of the latest lease, also when it is over; 0 if there never was one.
    pub lease_seq: u64,
    /// What is left of this minute's renewals, or was left of an earlier minute's.
    pub quota: Option<Quota>,
    /// The guest whose record this is became a user, who has the identity since. Nothing is ever stored here again.
    pub is_adopted: bool,
    /// Counts the writes.
    pub version: u64,
}

impl Record {
    /// The token with its customer; there is none without the other.
    pub fn issued(&self) -> Option<Issued> {
        let (identity, token) = (self.identity.as_ref()?, self.token.as_ref()?);
        Some(Issued { entity_id: identity.entity_id.clone(), token: token.clone() })
    }

    /// The lease that nobody else may take over yet.
    pub fn held(&self, now_ms: u64) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| lease.is_held(now_ms))
    }

    /// The quota of the minute that is not over.
    pub fn running_quota(&self, now_ms: u64) -> Option<Quota> {
        self.quota.filter(|quota| quota.is_running(now_ms))
    }

    /// How long until the subject may renew again, in ms, if it has spent this minute's renewals.
    pub fn spent_for_ms(&self, now_ms: u64) -> Option<u64> {
        let quota = self.running_quota(now_ms).filter(|quota| self.lease_seq >= quota.last_seq)?;
        Some((quota.since_ms + Quota::WINDOW_MS).saturating_sub(now_ms))
    }
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
    fn user_ids_may_be_anything_that_people_use() {
        for id in ["alice", "a@b.example", "a/b", "a b", "日本", "👩‍🚀", "%2F", "..", "x".repeat(256).as_str()]
        {
            assert_eq!(UserId::parse(id).map(|user| user.as_str().to_owned()).ok().as_deref(), Some(id));
        }
    }

    #[test]
    fn user_ids_that_nobody_can_mean_are_refused() {
        for id in ["", "a\nb", "a\0", "\u{7f}", "\u{85}", "é".repeat(129).as_str()] {
            assert!(matches!(UserId::parse(id), Err(Error::InvalidRequest(_))), "{id:?}");
        }
    }

    #[test]
    fn a_guest_is_known_by_the_hash_of_a_secret_that_is_long_enough() {
        let guest = GuestId::of_secret(b"0123456789abcdef0123456789abcdef").expect("a good secret");
        // printf 0123456789abcdef0123456789abcdef | sha256sum
        assert_eq!(guest.as_str(), "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9");
        assert!(GuestId::of_secret("x-_".repeat(42).as_bytes()).is_ok());
        for secret in [
            "",
            "0123456789abcdef0123456789abcde",
            &"x".repeat(129),
            "0123456789abcdef 123456789abcdef0",
            "é23456789abcdef0123456789abcdef0",
        ] {
            match GuestId::of_secret(secret.as_bytes()) {
                Err(Error::InvalidRequest(what)) => assert!(secret.is_empty() || !what.contains(secret)),
                other => panic!("{secret}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_group_has_one_spelling() {
        assert_eq!(Group::parse("0").ok(), Some(Group(0)));
        assert_eq!(Group::parse("4294967295").ok(), Some(Group(u32::MAX)));
        for group in ["", "+1", "01", "-1", "1.0", "4294967296", " 1", "١", "1\0"] {
            assert!(Group::parse(group).is_err(), "{group:?}");
        }
    }

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

    #[test]
    fn a_lease_lapses_and_a_wrong_clock_makes_no_endless_one() {
        let now_ms = 1_000_000;
        let lease = |until_ms| Lease { owner: "o".into(), seq: 1, until_ms };
        for (until_ms, held) in [
            (now_ms - 1, false),
            (now_ms, true),
            (now_ms + 10_000, true),
            (now_ms + 20_000, true),
            (now_ms + 20_001, false),
        ] {
            assert_eq!(lease(until_ms).is_held(now_ms), held, "{until_ms}");
            let record = Record { lease: Some(lease(until_ms)), ..Record::default() };
            assert_eq!(record.held(now_ms).is_some(), held, "{until_ms}");
        }
        assert_eq!(Lease::bounds_ms(now_ms), (now_ms + 10_000, now_ms + 20_000));
    }

    #[test]
    fn a_quota_lasts_for_a_minute_and_a_wrong_clock_makes_no_longer_one() {
        let now_ms = 1_000_000;
        for (since_ms, running) in [
            (now_ms - 60_000, false),
            (now_ms - 59_999, true),
            (now_ms, true),
            (now_ms + 10_000, true),
            (now_ms + 10_001, false),
        ] {
            assert_eq!(Quota { since_ms, last_seq: 1 }.is_running(now_ms), running, "{since_ms}");
        }
        assert_eq!(Quota::bounds_ms(0), (0, 10_000));
    }

    #[test]
    fn a_minute_has_as_many_renewals_as_it_may() {
        let now_ms = 1_000_000;
        let first = Lease { owner: "o".into(), seq: 7, until_ms: now_ms };
        let quota = Quota::beginning_with(&first, now_ms, 3);
        assert_eq!(quota, Quota { since_ms: now_ms, last_seq: 9 });
        let spent =
            |lease_seq, now_ms| Record { lease_seq, quota: Some(quota), ..Record::default() }.spent_for_ms(now_ms);
        assert_eq!(spent(8, now_ms), None);
        assert_eq!(spent(9, now_ms + 1_000), Some(59_000));
        assert_eq!(spent(10, now_ms), Some(60_000));
        assert_eq!(spent(9, now_ms + 60_000), None);
        assert_eq!(Record::default().spent_for_ms(now_ms), None);
    }

    #[test]
    fn nothing_secret_can_be_printed() {
        let cookies = Cookies { cid: "cid-value".into(), cst: "cst-value".into() };
        let record = Record {
            identity: Some(Identity { entity_id: "e".into(), cookies, cookies_lapse_at_s: 0, former: vec![] }),
            token: Some(Token {
                access_token: "token-value".into(),
                lifetime: Lifetime { created_ms: 0, expires_in_ms: 1 },
                seq: 1,
            }),
            ..Record::default()
        };
        let user = UserId::parse("alice@example.com").expect("a good id");
        let guest = GuestId::of_secret(b"0123456789abcdef0123456789abcdef").expect("a good secret");
        let printed = format!("{record:?} {guest:?} {user:?}");
        assert!(printed.contains("GuestId(…)") && !printed.contains(guest.as_str()));
        assert!(!printed.contains("-value") && !printed.contains("alice"), "{printed}");
        assert!(printed.ends_with("UserId(…)"), "and it can be seen that it was left out: {printed}");
    }

    #[test]
    fn a_replaced_identity_stays_on_record_and_the_list_stays_short() {
        let cookies = || Cookies { cid: "c".into(), cst: "s".into() };
        let identity = |entity_id: u64, former| Identity {
            entity_id: entity_id.to_string(),
            cookies: cookies(),
            cookies_lapse_at_s: 0,
            former,
        };
        let mut latest = identity(0, vec![]);
        for n in 1..=12 {
            latest = identity(n, latest.into_former(true, n));
            latest = identity(n, latest.into_former(false, n));
        }
        let former: Vec<_> = latest.former.iter().map(|former| (former.entity_id.as_str(), former.until_ms)).collect();
        assert_eq!(former, [("7", 8), ("8", 9), ("9", 10), ("10", 11), ("11", 12)]);
    }
}
