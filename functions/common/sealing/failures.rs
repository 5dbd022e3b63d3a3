//! What AWS KMS has failed to do a moment ago. The same request fails at once for a while, so that not every call waits for it.

use crate::{identity::UnixMs, renewal::StoreError};
use std::collections::VecDeque;

/// How long no request is sent after AWS KMS was not reached, failed or was too slow, in s.
pub(crate) const UNAVAILABLE_S: u32 = 5;
/// How long a request that AWS KMS has refused is not sent again, in s. A change of the key or the role has no effect before that.
pub(crate) const REFUSED_S: u32 = 30;
/// The number of refused requests that are remembered.
const MOST_REFUSED: usize = 64;

/// What a request is for: to decrypt this data key, or to get a new one.
pub(super) type Wanted<'a> = Option<&'a [u8]>;

/// The failures that the process remembers.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// The latest one that says something about all requests.
    unavailable: Option<(StoreError, UnixMs)>,
    /// The latest refusal is at the end. A refusal is remembered for one data key only: the item that it is from may be damaged.
    refused: VecDeque<Refused>,
}

#[derive(Debug)]
struct Refused {
    wanted: Option<Vec<u8>>,
    error: StoreError,
    at: UnixMs,
}

impl Failures {
    /// Why this request would fail now.
    pub(super) fn of(&self, wanted: Wanted, now: UnixMs) -> Option<StoreError> {
        let unavailable = self.unavailable.iter().filter(|(_, at)| at.is_recent(in_ms(UNAVAILABLE_S), now));
        let refused = self.refused.iter().filter(|one| one.wanted.as_deref() == wanted);
        let refused = refused.filter(|one| one.at.is_recent(in_ms(REFUSED_S), now));
        unavailable.map(|(error, _)| error).chain(refused.map(|one| &one.error)).next().cloned()
    }

    pub(super) fn remember(&mut self, wanted: Wanted, error: StoreError, now: UnixMs) {
        if !matches!(error, StoreError::KmsRefused(_)) {
            self.unavailable = Some((error, now));
            return;
        }
        self.refused.retain(|one| one.wanted.as_deref() != wanted);
        if self.refused.len() == MOST_REFUSED {
            self.refused.pop_front();
        }
        self.refused.push_back(Refused { wanted: wanted.map(<[u8]>::to_vec), error, at: now });
    }
}

fn in_ms(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    #[test]
    fn an_outage_is_remembered_for_all_requests_for_5_s() {
        let mut failures = Failures::default();
        let error = StoreError::KmsUnavailable("time-out".into());
        failures.remember(None, error.clone(), NOW);
        for wanted in [None, Some(&b"key"[..])] {
            assert_eq!(failures.of(wanted, NOW.plus_ms(4_999)), Some(error.clone()));
            assert_eq!(failures.of(wanted, NOW.plus_ms(5_000)), None);
            assert_eq!(failures.of(wanted, NOW.minus_ms(1)), None);
        }
    }

    #[test]
    fn a_refusal_is_remembered_for_one_request_for_30_s() {
        let mut failures = Failures::default();
        let error = StoreError::KmsRefused("AccessDeniedException".into());
        failures.remember(Some(b"key"), error.clone(), NOW);
        assert_eq!(failures.of(Some(b"key"), NOW.plus_ms(29_999)), Some(error.clone()));
        assert_eq!(failures.of(Some(b"key"), NOW.plus_ms(30_000)), None);
        assert_eq!((failures.of(Some(b"other"), NOW), failures.of(None, NOW)), (None, None));
        failures.remember(None, error.clone(), NOW);
        assert_eq!((failures.of(None, NOW), failures.of(Some(b"other"), NOW)), (Some(error), None));
    }

    #[test]
    fn the_latest_refusals_are_remembered() {
        let mut failures = Failures::default();
        let names: Vec<_> = (0..=MOST_REFUSED).map(|number| number.to_string()).collect();
        for name in &names {
            failures.remember(Some(name.as_bytes()), StoreError::KmsRefused(name.clone()), NOW);
        }
        let forgotten = names.iter().filter(|name| failures.of(Some(name.as_bytes()), NOW).is_none());
        assert_eq!(forgotten.collect::<Vec<_>>(), ["0"]);
    }
}
