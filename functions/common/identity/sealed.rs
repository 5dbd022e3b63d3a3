//! Secrets that may be sealed: encrypted, and bound to the place where they are stored.

use std::fmt;

/// A secret as it is stored.
#[derive(Clone, Debug)]
pub enum MaybeSealed<T> {
    /// In the clear.
    Open(T),
    /// Encrypted.
    Sealed(Sealed),
}

impl<T> MaybeSealed<T> {
    /// The secret, if it is in the clear.
    pub fn as_open(&self) -> Option<&T> {
        match self {
            Self::Open(secret) => Some(secret),
            Self::Sealed(_) => None,
        }
    }
}

impl<T> From<T> for MaybeSealed<T> {
    fn from(secret: T) -> Self {
        Self::Open(secret)
    }
}

/// An encrypted secret. `sealing.rs` seals and opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The ciphertext, and all that is needed to find its key.
    pub envelope: Vec<u8>,
    /// Where it was read from, or will be written to. It can be opened only with the binding that it was sealed with.
    pub binding: Binding,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// What a sealed secret belongs to: the additional authenticated data of its encryption (RFC 5116, section 2.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Binding(Vec<u8>);

impl Binding {
    /// What these `parts` identify. No two lists of parts have the same binding.
    pub fn of(parts: &[&str]) -> Self {
        let length = |part: &&str| u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes();
        Self(parts.iter().flat_map(|part| [&length(part), part.as_bytes()].concat()).collect())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Not its content: it has a user's id.
impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binding(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_places_have_the_same_binding() {
        assert_eq!(Binding::of(&["a", "bc"]), Binding::of(&["a", "bc"]));
        for other in [&["ab", "c"][..], &["a", "b", "c"], &["abc"], &["a", "bc", ""], &["bc", "a"]] {
            assert_ne!(Binding::of(&["a", "bc"]), Binding::of(other), "{other:?}");
        }
    }
}
