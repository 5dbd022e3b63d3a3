//! The format of a sealed secret, and its encryption with AES-256-GCM.
//!
//! | bytes | hold |
//! |---|---|
//! | 1 | the version of this format: 1 |
//! | 8 | which key in AWS KMS has encrypted the data key: [`CookiesKey::fingerprint`](crate::settings::CookiesKey::fingerprint) |
//! | 2 | the length of the next field, most significant byte first |
//! | … | the encrypted data key, as AWS KMS returned it |
//! | 12 | the nonce: random, and new for each secret |
//! | … | the ciphertext, which ends with a tag of 16 bytes |
//!
//! All fields before the ciphertext, and the [`Binding`], are authenticated. With random nonces, a key may encrypt 2³² secrets
//! (NIST SP 800-38D, section 8.3); `sealing/keys.rs` says why it encrypts far fewer.

use crate::identity::Binding;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use std::fmt;

const VERSION: u8 = 1;

/// Which key in AWS KMS has encrypted a data key.
pub(super) type Fingerprint = [u8; 8];

/// A data key, ready for use.
pub(super) struct Cipher(LessSafeKey);

/// The parts of a sealed secret.
pub(super) struct Envelope<'a> {
    pub(super) of: Fingerprint,
    pub(super) encrypted_key: &'a [u8],
    nonce: [u8; NONCE_LEN],
    ciphertext: &'a [u8],
    /// All bytes before the ciphertext.
    header: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// `None` if it does not have the format above.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (of, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (encrypted_key, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        let header = bytes.strip_suffix(ciphertext)?;
        (*version == VERSION).then_some(Self { of: *of, encrypted_key, nonce: *nonce, ciphertext, header })
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(…)")
    }
}

impl Cipher {
    /// `None` if `key` does not have 256 bits.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new).map(Self)
    }

    /// The whole envelope of `secret`, whose place in memory is overwritten. `None` if the system has no random numbers.
    pub(super) fn seal(
        &self,
        mut secret: Vec<u8>,
        (of, encrypted_key): (Fingerprint, &[u8]),
        binding: &Binding,
    ) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let length = u16::try_from(encrypted_key.len()).ok()?.to_be_bytes();
        let mut envelope = [&[VERSION][..], &of, &length, encrypted_key, &nonce].concat();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(nonce, aad(binding, &envelope), &mut secret).ok()?;
        envelope.append(&mut secret);
        Some(envelope)
    }

    /// `None` if the secret was sealed with another key or binding, or changed since.
    pub(super) fn open(&self, envelope: &Envelope, binding: &Binding) -> Option<Vec<u8>> {
        let mut secret = envelope.ciphertext.to_vec();
        let nonce = Nonce::assume_unique_for_key(envelope.nonce);
        let length = self.0.open_in_place(nonce, aad(binding, envelope.header), &mut secret).ok()?.len();
        secret.truncate(length);
        Some(secret)
    }
}

fn aad(binding: &Binding, header: &[u8]) -> Aad<Vec<u8>> {
    // The header's length can be read from the header, so no two pairs have the same bytes.
    Aad::from([header, binding.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const OF: Fingerprint = [1; 8];

    fn cipher() -> Cipher {
        Cipher::new(&KEY).expect("256 bits")
    }

    fn sealed(binding: &Binding) -> Vec<u8> {
        cipher().seal(b"secret".to_vec(), (OF, b"encrypted"), binding).expect("an envelope")
    }

    fn opened(bytes: &[u8], cipher: &Cipher, binding: &Binding) -> Option<Vec<u8>> {
        Envelope::parse(bytes).and_then(|envelope| cipher.open(&envelope, binding))
    }

    #[test]
    fn a_sealed_secret_can_be_opened_only_where_it_belongs_and_with_its_key() {
        let (here, there) = (Binding::of(&["alice"]), Binding::of(&["mallory"]));
        let sealed = sealed(&here);
        let envelope = Envelope::parse(&sealed).expect("an envelope");
        assert_eq!((envelope.of, envelope.encrypted_key), (OF, &b"encrypted"[..]));
        assert_eq!(opened(&sealed, &cipher(), &here).as_deref(), Some(&b"secret"[..]));
        assert_eq!(opened(&sealed, &cipher(), &there), None);
        assert_eq!(opened(&sealed, &Cipher::new(&[8; 32]).expect("256 bits"), &here), None);
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn each_changed_bit_and_each_missing_byte_is_noticed() {
        let here = Binding::of(&["alice"]);
        let sealed = sealed(&here);
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&changed, &cipher(), &here), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(opened(&sealed[..length], &cipher(), &here), None, "{length} bytes");
        }
        assert_eq!(opened(&[&sealed[..], &[0]].concat(), &cipher(), &here), None);
    }

    #[test]
    fn a_secret_is_never_sealed_twice_in_the_same_way() {
        let here = Binding::of(&["alice"]);
        assert_ne!(sealed(&here), sealed(&here));
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert!(Cipher::new(&[7; 16]).is_none());
    }
}
