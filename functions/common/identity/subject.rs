//! Whose identity it is: a user or a guest, and the group if there is one.

use std::{borrow::Cow, fmt, sync::Arc};

/// A user id, guest secret or group is invalid. The message says what to change, and does not repeat a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub Cow<'static, str>);

/// The site's id of a user: 1 to 256 bytes of UTF-8 without control characters. All other characters are allowed: mail
/// addresses, slashes, spaces, emoji. Two ids are the same user if their bytes and their issuers are the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId {
    id: String,
    /// The issuer of the user's id; `None` for the first or only issuer.
    issuer: Option<Arc<str>>,
}

impl UserId {
    /// The longest id, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// # Errors
    /// [`InvalidId`] that says what to change.
    pub fn parse(id: &str) -> Result<Self, InvalidId> {
        if id.is_empty() {
            return Err(InvalidId("The user id is empty.".into()));
        }
        if id.len() > Self::MAX_BYTES {
            let most = Self::MAX_BYTES;
            return Err(InvalidId(format!("The user id has {} bytes; {most} is the most.", id.len()).into()));
        }
        if id.chars().any(char::is_control) {
            return Err(InvalidId("The user id contains a control character.".into()));
        }
        Ok(Self { id: id.to_owned(), issuer: None })
    }

    /// The user with this id at `issuer`. An issuer contains no `#`.
    #[must_use]
    pub fn of_issuer(self, issuer: Option<Arc<str>>) -> Self {
        Self { issuer, ..self }
    }

    /// The issuer of the user's id; `None` for the first or only issuer.
    #[cfg(feature = "operator")]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The id as the site knows it. It is personal data: not for logs.
    pub fn as_str(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(…)")
    }
}

/// A LiveChat group. If the licence keeps chats of groups apart, a user has a separate identity in each group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group(pub u32);

impl Group {
    /// # Errors
    /// [`InvalidId`] for anything but a plain decimal integer, so that one group has one spelling.
    pub fn parse(group: &str) -> Result<Self, InvalidId> {
        group
            .parse()
            .ok()
            .filter(|number: &u32| number.to_string() == group)
            .map(Self)
            .ok_or_else(|| InvalidId("`group` must be a LiveChat group's number, such as 3.".into()))
    }
}

/// A visitor who is not logged in. Their browser has a random secret; this is its SHA-256 in hexadecimal, so a reader of
/// the table cannot act as the guest.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GuestId(String);

impl GuestId {
    /// How long a secret can be, in characters: 32 hexadecimal digits have 128 bits.
    const SECRET_CHARS: std::ops::RangeInclusive<usize> = 32..=128;

    /// The guest who has this secret: 32 to 128 characters of `A`-`Z`, `a`-`z`, `0`-`9`, `-` and `_`, such as 32 random bytes
    /// in base64url. Whether they are random cannot be checked.
    ///
    /// # Errors
    /// [`InvalidId`] that says what to change, and does not repeat the secret.
    pub fn of_secret(secret: &[u8]) -> Result<Self, InvalidId> {
        let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !Self::SECRET_CHARS.contains(&secret.len()) || !secret.iter().all(is_fit) {
            return Err(InvalidId(
                "X-Guest-Id must be 32 to 128 characters of A-Z, a-z, 0-9, - and _: make it of 32 random bytes, in \
                 base64url."
                    .into(),
            ));
        }
        Ok(Self(hex::encode(ring::digest::digest(&ring::digest::SHA256, secret))))
    }

    /// The guest whose secret has this hash: 64 hexadecimal digits in lower case.
    #[cfg(feature = "operator")]
    pub fn of_hash(hash: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (hash.len() == 64 && hash.bytes().all(is_digit)).then(|| Self(hash.to_owned()))
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

/// Somebody who can have a LiveChat customer. Keys of users and guests never collide: each kind has its own prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Somebody whom the site knows, as verified by [`crate::auth`].
    User(UserId),
    /// Somebody who is not logged in.
    Guest(GuestId),
}

impl Principal {
    /// The unique key: `user#` and the user's id; with another issuer than the first, `issuer#`, the issuer, `#` and the
    /// user's id; or `guest#` and the hash of the guest's secret.
    pub fn key(&self) -> String {
        match self {
            Self::User(UserId { id, issuer: None }) => format!("user#{id}"),
            Self::User(UserId { id, issuer: Some(issuer) }) => format!("issuer#{issuer}#{id}"),
            Self::Guest(id) => format!("guest#{}", id.as_str()),
        }
    }
}

/// Whose token it is: a user or guest, and the group if there is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Who.
    pub principal: Principal,
    /// The group whose identity is requested; `None` for the identity that is common to the licence.
    pub group: Option<Group>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusual_user_ids_are_accepted() {
        for id in ["alice", "a@b.example", "a/b", "a b", "日本", "👩‍🚀", "%2F", "..", "x".repeat(256).as_str()]
        {
            assert_eq!(UserId::parse(id).map(|user| user.as_str().to_owned()).ok().as_deref(), Some(id));
        }
    }

    #[test]
    fn user_ids_that_are_empty_too_long_or_have_control_characters_are_refused() {
        for id in ["", "a\nb", "a\0", "\u{7f}", "\u{85}", "é".repeat(129).as_str()] {
            assert!(matches!(UserId::parse(id), Err(InvalidId(_))), "{id:?}");
        }
    }

    #[test]
    fn a_guest_id_is_the_hash_of_a_long_enough_secret() {
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
                Err(InvalidId(what)) => assert!(secret.is_empty() || !what.contains(secret)),
                other => panic!("{secret}: {other:?}"),
            }
        }
    }

    #[test]
    fn users_of_two_issuers_never_have_one_key() {
        let key = |issuer: Option<&str>, id: &str| {
            Principal::User(UserId::parse(id).expect("a good id").of_issuer(issuer.map(Arc::from))).key()
        };
        let keys = [
            key(None, "alice"),
            key(None, "issuer#https://b.example#alice"),
            key(None, "https://b.example#alice"),
            key(Some("https://b.example"), "alice"),
            key(Some("https://b.example"), "#alice"),
            key(Some("https://b.example"), "c#alice"),
            key(Some("https://b.example/c"), "alice"),
            key(Some("https://c.example"), "alice"),
        ];
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), keys.len(), "{keys:?}");
    }

    #[test]
    fn a_group_that_is_not_a_plain_decimal_number_is_refused() {
        assert_eq!(Group::parse("0").ok(), Some(Group(0)));
        assert_eq!(Group::parse("4294967295").ok(), Some(Group(u32::MAX)));
        for group in ["", "+1", "01", "-1", "1.0", "4294967296", " 1", "١", "1\0"] {
            assert!(Group::parse(group).is_err(), "{group:?}");
        }
    }
}
