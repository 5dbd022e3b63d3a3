//! Clocks and deadlines.

use crate::identity::UnixMs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout_at};

/// Now, by this machine's clock.
pub fn now() -> UnixMs {
    UnixMs::new(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis))
}

/// A [`Duration`] in ms.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The moment by which a step must have ended. It uses the monotonic clock, so a change of the system clock does not move it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

/// The deadline came before the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl Deadline {
    /// The time that Lambda needs to return a response before it kills the invocation.
    const RESPONSE_RESERVE: Duration = Duration::from_millis(500);
    /// The longest that any invocation runs: API Gateway times out after 30 s.
    const LONGEST: Duration = Duration::from_secs(28);

    /// The moment by which an invocation must have its response ready. `stated` is the deadline that Lambda states with the event, if
    /// it states one.
    pub fn of_invocation(stated: Option<UnixMs>) -> Self {
        let left = stated.map_or(Self::LONGEST, |end| Duration::from_millis(end.ms_since(now())));
        Self::after(left.min(Self::LONGEST).saturating_sub(Self::RESPONSE_RESERVE))
    }

    /// `left` from now.
    pub fn after(left: Duration) -> Self {
        Self(Instant::now() + left)
    }

    /// The time left; zero once the deadline has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// This deadline moved earlier, so that `reserve` is left after it.
    #[must_use]
    pub fn minus(self, reserve: Duration) -> Self {
        Self(self.0.checked_sub(reserve).unwrap_or_else(Instant::now))
    }

    /// This deadline or `left` from now, whichever comes first.
    #[must_use]
    pub fn within(self, left: Duration) -> Self {
        Self(self.0.min(Instant::now() + left))
    }

    /// Runs `step` until the deadline at most.
    pub async fn bound<T>(self, step: impl Future<Output = T>) -> Result<T, Elapsed> {
        timeout_at(self.0, step).await.map_err(|_| Elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_keeps_a_reserve_for_its_response() {
        let left = Deadline::of_invocation(Some(now().plus_ms(3_000))).left();
        assert!(left <= Duration::from_millis(2_500) && left > Duration::from_secs(2), "{left:?}");
    }

    #[test]
    fn a_deadline_that_has_passed_leaves_nothing() {
        assert_eq!(Deadline::of_invocation(Some(UnixMs::new(1))).left(), Duration::ZERO);
    }

    #[test]
    fn an_event_without_a_deadline_gets_the_longest_one() {
        assert!(Deadline::of_invocation(None).left() > Duration::from_secs(27));
    }

    #[tokio::test]
    async fn a_step_that_hangs_is_cut_at_the_deadline() {
        let cut = Deadline::after(Duration::from_millis(10)).bound(std::future::pending::<()>()).await;
        assert_eq!(cut, Err(Elapsed));
    }
}
