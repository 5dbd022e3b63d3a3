//! Clocks and deadlines. Points in time that leave the process are Unix time in milliseconds (`_ms`) or seconds (`_s`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout_at};

/// Unix time in ms.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A [`Duration`] in ms.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The moment by which a step must have ended. On the monotonic clock, so a clock that is set does not move it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

/// The deadline came before the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl Deadline {
    /// The time that Lambda needs to return a response before it kills the invocation.
    const ANSWER_RESERVE: Duration = Duration::from_millis(500);
    /// The longest that any invocation works; API Gateway gives up at 30 s.
    const LONGEST: Duration = Duration::from_secs(28);

    /// The moment by which an invocation must have its answer ready.
    ///
    /// `lambda_deadline_ms` is Unix time in ms, as Lambda states it with each event; 0 when it states none.
    pub fn of_invocation(lambda_deadline_ms: u64) -> Self {
        let left = match lambda_deadline_ms {
            0 => Self::LONGEST,
            at => Duration::from_millis(at.saturating_sub(now_ms())),
        };
        Self::after(left.min(Self::LONGEST).saturating_sub(Self::ANSWER_RESERVE))
    }

    /// `left` from now.
    pub fn after(left: Duration) -> Self {
        Self(Instant::now() + left)
    }

    /// Time left; zero once it is over.
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
    fn an_invocation_keeps_a_reserve_for_its_answer() {
        let left = Deadline::of_invocation(now_ms() + 3_000).left();
        assert!(left <= Duration::from_millis(2_500) && left > Duration::from_secs(2), "{left:?}");
    }

    #[test]
    fn a_deadline_that_has_passed_leaves_nothing() {
        assert_eq!(Deadline::of_invocation(1).left(), Duration::ZERO);
    }

    #[test]
    fn an_event_without_a_deadline_gets_the_longest_one() {
        assert!(Deadline::of_invocation(0).left() > Duration::from_secs(27));
    }

    #[tokio::test]
    async fn a_step_that_hangs_is_cut_at_the_deadline() {
        let cut = Deadline::after(Duration::from_millis(10)).bound(std::future::pending::<()>()).await;
        assert_eq!(cut, Err(Elapsed));
    }
}
