//! `USER_ID_NORMALIZATION`: which spellings of a user id are the same user. By default, ids are compared byte by byte.

use crate::identity::{InvalidId, UserId};
use icu_normalizer::ComposingNormalizerBorrowed;
use std::borrow::Cow;

/// How user ids are normalized before they are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalization {
    /// `none`, the default.
    None,
    /// `nfc`: Unicode Normalization Form C (Unicode Standard Annex 15).
    Nfc,
    /// `nfc-lowercase`: lower case (Unicode's default case conversion), then Form C.
    NfcLowercase,
}

impl Normalization {
    /// The same user, normalized.
    ///
    /// # Errors
    /// [`InvalidId`] if the normalized id is too long.
    pub(super) fn of(self, user: &UserId) -> Result<UserId, InvalidId> {
        if self == Self::None { Ok(user.clone()) } else { self.user_id(user.as_str()) }
    }

    /// The user with this id, normalized.
    ///
    /// # Errors
    /// [`InvalidId`] that says what to change.
    pub fn user_id(self, id: &str) -> Result<UserId, InvalidId> {
        let nfc = ComposingNormalizerBorrowed::new_nfc();
        let id: Cow<str> = match self {
            Self::None => id.into(),
            Self::Nfc => nfc.normalize(id),
            // Twice: lower case can be composed differently, and a composed character can have another lower case.
            Self::NfcLowercase => nfc.normalize(&nfc.normalize(id).to_lowercase()).into_owned().into(),
        };
        UserId::parse(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::Normalization::{self, Nfc, NfcLowercase, None};

    fn id(normalization: Normalization, id: &str) -> String {
        normalization.user_id(id).expect("a good id").as_str().to_owned()
    }

    #[test]
    fn ids_are_compared_byte_by_byte_unless_the_site_says_otherwise() {
        for (composed, decomposed) in
            [("zo\u{eb}", "zoe\u{308}"), ("\u{c5}", "\u{212b}"), ("\u{ac00}", "\u{1100}\u{1161}")]
        {
            assert_eq!(id(None, decomposed), decomposed);
            assert_eq!(id(Nfc, composed), composed);
            assert_eq!(id(Nfc, decomposed), composed);
            assert_eq!(id(NfcLowercase, decomposed), id(NfcLowercase, composed));
        }
        assert_eq!(id(Nfc, "Alice@Example.COM"), "Alice@Example.COM");
        assert_eq!(id(NfcLowercase, "Alice@Example.COM"), "alice@example.com");
        // Neither removes spaces, nor merges characters that only look alike.
        assert_eq!(id(NfcLowercase, " A\u{ff21} "), " a\u{ff41} ");
    }

    #[test]
    fn normalizing_twice_is_the_same_as_once() {
        for text in
            ["\u{130}", "\u{1e9e}", "\u{3a3}\u{3a3}", "A\u{30a}", "\u{1f88}\u{345}", "\u{0130}\u{0323}", "J\u{30c}"]
        {
            for normalization in [Nfc, NfcLowercase] {
                let once = id(normalization, text);
                assert_eq!(id(normalization, &once), once, "{text:?}");
            }
        }
    }
}
