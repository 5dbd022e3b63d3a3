//! How long the steps of a renewal may take. The clients for LiveChat and DynamoDB keep to these limits, and the rules rely on them.

use std::time::Duration;

/// One call to LiveChat, from connecting to the last byte of the response.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// All calls to LiveChat for one renewal. A time-out is final, so a second call follows a quick failure.
pub const LONGEST_ATTEMPTS: Duration = Duration::from_millis(4_500);
/// With less time than this, LiveChat is not called: it could create a customer that is never stored.
pub const SHORTEST_ATTEMPT: Duration = Duration::from_millis(500);
/// One operation of the store, retries included.
pub const LONGEST_WRITE: Duration = Duration::from_secs(3);
/// The circuit breaker's request to the table before LiveChat is called. If it takes longer, LiveChat is called without it.
pub const LONGEST_LOOK: Duration = Duration::from_millis(500);
/// The time reserved for storing what LiveChat issues.
pub const STORE_RESERVE: Duration = Duration::from_millis(500);
/// What must be left of an invocation to start a renewal: with less, LiveChat could create a customer that is never stored.
pub const SHORTEST_RENEWAL: Duration = Duration::from_millis(1_500);
/// The longest pause between two looks at a record whose lease another call holds.
pub const LONGEST_PAUSE: Duration = Duration::from_millis(300);
/// The pause before a lost call to LiveChat is repeated, in ms.
pub const RETRY_PAUSE_MS: std::ops::Range<u64> = 50..150;
