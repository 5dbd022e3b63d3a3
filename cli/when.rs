//! Points in time, for people and for programs.

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use cip::identity::UnixMs;
use indicatif::HumanDuration;
use serde::{Serialize, Serializer};
use std::{fmt, time::Duration};

/// A point in time, seen at another one. As JSON: RFC 3339. As text: also how long ago or in how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    at: UnixMs,
    now: UnixMs,
}

impl When {
    pub(crate) fn new(at: UnixMs, now: UnixMs) -> Self {
        Self { at, now }
    }

    /// The same for Unix time in seconds.
    pub(crate) fn of_seconds(seconds: u64, now: UnixMs) -> Self {
        Self::new(UnixMs::new(seconds.saturating_mul(1000)), now)
    }
}

/// `at` in RFC 3339 format. A time that has no such format, as a broken item may have, stays a number.
pub(crate) fn rfc3339(at: UnixMs) -> String {
    let ms = at.as_u64();
    let date = i64::try_from(ms).ok().and_then(|ms| DateTime::from_millis(ms).fmt(DateTimeFormat::DateTime).ok());
    date.unwrap_or_else(|| ms.to_string())
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.at))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = UnixMs::new(self.at.as_u64() / 1000 * 1000);
        let (before, after) = (self.now.ms_since(self.at), self.at.ms_since(self.now));
        let duration = HumanDuration(Duration::from_millis(before.max(after)));
        let at = rfc3339(second);
        if before > 0 { write!(f, "{at} ({duration} ago)") } else { write!(f, "{at} (in {duration})") }
    }
}
