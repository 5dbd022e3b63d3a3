//! Pauses while LiveChat or DynamoDB fails: longer and longer ones, and the end of patience.

use std::time::Duration;
use tokio::time::Instant;

/// What a run has seen of failures since the latest success.
#[derive(Debug)]
pub(super) struct Backoff {
    patience: Duration,
    /// The first failure since the latest success.
    since: Option<Instant>,
    /// The latest one that made the pause longer.
    latest: Option<Instant>,
    pauses: u32,
    until: Option<Instant>,
}

impl Backoff {
    const FIRST_PAUSE: Duration = Duration::from_secs(1);
    const LONGEST_PAUSE: Duration = Duration::from_mins(1);

    /// Gives up when failures have gone on for `patience`.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, since: None, latest: None, pauses: 0, until: None }
    }

    /// A call that began at `began` has failed at `now`. LiveChat may ask for no call before `not_before`.
    pub(super) fn failed(&mut self, began: Instant, now: Instant, not_before: Option<Instant>) {
        self.since.get_or_insert(now);
        // Calls that were sent before the pause say nothing new.
        if self.latest.is_none_or(|latest| began > latest) {
            let pause = Self::FIRST_PAUSE * (1 << self.pauses.min(6));
            self.until = self.until.max(Some(now + pause.min(Self::LONGEST_PAUSE)));
            self.latest = Some(now);
            self.pauses += 1;
        }
        self.until = self.until.max(not_before);
    }

    /// A call has succeeded.
    pub(super) fn succeeded(&mut self) {
        *self = Self::new(self.patience);
    }

    /// Whether the latest call that says something has failed. Then one call at a time is enough.
    pub(super) fn is_failing(&self) -> bool {
        self.since.is_some()
    }

    /// When the next call may be sent; `None` for at once.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Whether the next call would come after the end of patience.
    pub(super) fn is_over(&self) -> bool {
        match (self.since, self.until) {
            (Some(since), Some(until)) => until.duration_since(since) > self.patience,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Calls fail at once, one after the other, until patience ends. Returns the pauses in s.
    fn pauses(patience: Duration) -> Vec<u64> {
        let (mut backoff, mut now, mut pauses) = (Backoff::new(patience), Instant::now(), vec![]);
        loop {
            backoff.failed(now, now, None);
            if backoff.is_over() {
                return pauses;
            }
            let until = backoff.until().expect("a pause");
            pauses.push((until - now).as_secs());
            now = until;
        }
    }

    #[test]
    fn pauses_get_longer_until_patience_ends() {
        assert_eq!(pauses(5 * SECOND), [1, 2]);
        assert_eq!(pauses(300 * SECOND), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn calls_that_fail_together_are_one_failure() {
        let (mut backoff, now) = (Backoff::new(300 * SECOND), Instant::now());
        for later in 0..4 {
            backoff.failed(now, now + later * SECOND / 10, None);
        }
        assert_eq!(backoff.until(), Some(now + SECOND));
    }

    #[test]
    fn a_later_time_that_livechat_asks_for_is_kept() {
        let (mut backoff, now) = (Backoff::new(60 * SECOND), Instant::now());
        backoff.failed(now, now, Some(now + 30 * SECOND));
        assert_eq!((backoff.until(), backoff.is_over()), (Some(now + 30 * SECOND), false));
        backoff.failed(now, now, Some(now + 61 * SECOND));
        assert!(backoff.is_over());
    }

    #[test]
    fn a_success_ends_the_pauses() {
        let (mut backoff, now) = (Backoff::new(60 * SECOND), Instant::now());
        backoff.failed(now, now, None);
        assert!(backoff.is_failing());
        backoff.succeeded();
        assert!(!backoff.is_failing() && backoff.until().is_none() && !backoff.is_over());
    }
}
