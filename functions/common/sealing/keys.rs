//! The data keys that a process remembers, so that it need not call AWS KMS for each secret.

use super::{
    envelope::{Cipher, Fingerprint},
    failures::Failures,
};
use crate::identity::UnixMs;
use std::{collections::VecDeque, sync::Arc};

/// How long a data key is used, in ms: an hour. Who may no longer use the key in AWS KMS can go on for so long.
///
/// Only the process that got a data key seals with it, and before each secret LiveChat and DynamoDB respond. In an hour, this cannot come
/// near the 2³² secrets that a key may encrypt: that would be a million in a second.
const LONGEST_MS: u64 = 3_600_000;
/// The number of data keys that are remembered to open secrets.
const MOST_KEYS: usize = 64;

/// A data key to seal with.
#[derive(Debug)]
pub(super) struct DataKey {
    pub(super) cipher: Arc<Cipher>,
    /// The same, encrypted by AWS KMS.
    pub(super) encrypted: Vec<u8>,
    /// Which key in AWS KMS has encrypted it.
    pub(super) of: Fingerprint,
}

/// All data keys that the process remembers, and for which ones AWS KMS has failed.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// With the time when AWS KMS returned it.
    to_seal: Option<(Arc<DataKey>, UnixMs)>,
    /// The one that was used last is at the end.
    to_open: VecDeque<ToOpen>,
    pub(super) failures: Failures,
}

#[derive(Debug)]
struct ToOpen {
    encrypted: Vec<u8>,
    cipher: Arc<Cipher>,
    since: UnixMs,
}

impl Keys {
    pub(super) fn find_to_seal(&self, now: UnixMs) -> Option<Arc<DataKey>> {
        let (key, since) = self.to_seal.as_ref()?;
        since.is_recent(LONGEST_MS, now).then(|| Arc::clone(key))
    }

    pub(super) fn remember_to_seal(&mut self, key: Arc<DataKey>, now: UnixMs) {
        self.remember_to_open(&key.encrypted, Arc::clone(&key.cipher), now);
        self.to_seal = Some((key, now));
    }

    pub(super) fn find_to_open(&mut self, encrypted: &[u8], now: UnixMs) -> Option<Arc<Cipher>> {
        self.to_open.retain(|one| one.since.is_recent(LONGEST_MS, now));
        let index = self.to_open.iter().position(|one| one.encrypted == encrypted)?;
        let one = self.to_open.remove(index)?;
        let cipher = Arc::clone(&one.cipher);
        self.to_open.push_back(one);
        Some(cipher)
    }

    pub(super) fn remember_to_open(&mut self, encrypted: &[u8], cipher: Arc<Cipher>, now: UnixMs) {
        self.to_open.retain(|one| one.encrypted != encrypted);
        if self.to_open.len() == MOST_KEYS {
            self.to_open.pop_front();
        }
        self.to_open.push_back(ToOpen { encrypted: encrypted.to_owned(), cipher, since: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    fn cipher() -> Arc<Cipher> {
        Arc::new(Cipher::new(&[7; 32]).expect("256 bits"))
    }

    fn to_seal() -> Arc<DataKey> {
        Arc::new(DataKey { cipher: cipher(), encrypted: b"own".to_vec(), of: [0; 8] })
    }

    #[test]
    fn a_key_is_used_for_an_hour() {
        let mut keys = Keys::default();
        assert!(keys.find_to_seal(NOW).is_none() && keys.find_to_open(b"own", NOW).is_none());
        keys.remember_to_seal(to_seal(), NOW);
        for (now, is_remembered) in
            [(NOW, true), (NOW.plus_ms(3_599_999), true), (NOW.minus_ms(1), false), (NOW.plus_ms(3_600_000), false)]
        {
            assert_eq!(keys.find_to_seal(now).is_some(), is_remembered, "{now:?}");
        }
        assert!(keys.find_to_open(b"own", NOW).is_some() && keys.find_to_open(b"other", NOW).is_none());
        assert!(keys.find_to_open(b"own", NOW.plus_ms(3_600_000)).is_none());
    }

    #[test]
    fn of_the_keys_to_open_those_used_last_are_kept() {
        let mut keys = Keys::default();
        let names: Vec<_> = (0..=MOST_KEYS).map(|number| number.to_string()).collect();
        for name in &names[..MOST_KEYS] {
            keys.remember_to_open(name.as_bytes(), cipher(), NOW);
        }
        assert!(keys.find_to_open(b"0", NOW).is_some());
        keys.remember_to_open(names[MOST_KEYS].as_bytes(), cipher(), NOW);
        let kept = |name: &&String| keys.find_to_open(name.as_bytes(), NOW).is_some();
        let lost: Vec<_> = names
            .iter()
            .filter({
                let mut kept = kept;
                move |name| !kept(name)
            })
            .collect();
        assert_eq!(lost, ["1"]);
    }
}
