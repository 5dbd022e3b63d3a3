//! How much LiveChat is called for tokens, and when it asks for a pause. Only the operator's tool calls it in bulk.

use aws_smithy_types::{DateTime, date_time::Format};
use reqwest::{
    Response,
    header::{HeaderMap, RETRY_AFTER},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The calls of one client, shared by its clones.
#[derive(Clone, Debug, Default)]
pub struct Load(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    calls: AtomicU64,
    not_before: Mutex<Option<Instant>>,
}

impl Load {
    /// The longest pause that is believed: a day.
    const LONGEST_S: u64 = 86_400;

    /// The number of requests for a token that were sent, or could not be sent.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Relaxed)
    }

    /// When LiveChat may be called again, by the latest `Retry-After` of a response (RFC 9110, section 10.2.3); `None` if there was none.
    pub fn not_before(&self) -> Option<Instant> {
        *self.0.not_before.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) {
        self.0.calls.fetch_add(1, Relaxed);
    }

    pub(super) fn note(&self, response: &Response) {
        let now_s = crate::time::now().in_seconds().as_u64();
        if let Some(pause) = pause(response.headers(), now_s) {
            *self.0.not_before.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + pause);
        }
    }
}

/// What `Retry-After` asks for at `now_s` (Unix time in s): a number of seconds, or a date.
fn pause(headers: &HeaderMap, now_s: u64) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = value.parse().ok().or_else(|| {
        let date = DateTime::from_str(value, Format::HttpDate).ok()?;
        Some(u64::try_from(date.secs()).ok()?.saturating_sub(now_s))
    })?;
    Some(Duration::from_secs(seconds.min(Load::LONGEST_S)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        // date --utc --date=@1700086400
        for (value, seconds) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("Wed, 15 Nov 2023 22:13:20 GMT", Some(400)),
            ("Tue, 14 Nov 2023 22:13:20 GMT", Some(0)),
            ("99999999999", Some(86_400)),
            ("-1", None),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().expect("a header"))]);
            assert_eq!(pause(&headers, 1_700_086_000), seconds.map(Duration::from_secs), "{value}");
        }
        assert_eq!(pause(&HeaderMap::new(), 0), None);
    }
}
