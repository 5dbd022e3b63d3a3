//! What one call costs and brings about: counted where it happens, and written with the call's line.
//!
//! The count travels with the task that serves the call, as a tracing span would, so that the rules need not pass it on. Counts
//! outside of a call are ignored.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

tokio::task_local! {
    static TALLY: RefCell<Tally>;
}

/// One call's count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Time spent waiting for DynamoDB, retries included. What is waited for at once counts for each.
    pub(crate) dynamodb: Duration,
    /// Time spent waiting for LiveChat, from connecting to the last byte of the answer.
    pub(crate) livechat: Duration,
    /// Requests to LiveChat.
    pub(crate) livechat_calls: u64,
    /// Those of them without a usable response, though LiveChat had the full time-out.
    pub(crate) livechat_failures: u64,
    /// Those of them that LiveChat refused, unless they were for a group.
    pub(crate) livechat_rejections: u64,
    /// Tokens that LiveChat issued and that are stored.
    pub(crate) renewals: u64,
    /// Subjects who had no customer and got a new one.
    pub(crate) identities_made: u64,
    /// Users who took over a guest's customer.
    pub(crate) identities_adopted: u64,
    /// Subjects for whom LiveChat answered with another customer, twice.
    pub(crate) identities_changed: u64,
    /// Subjects who got a new customer because their cookies had lapsed by their own date.
    pub(crate) identities_lapsed: u64,
    /// The call named a group that may be made up, so what LiveChat makes of it says nothing about LiveChat or the site.
    pub(crate) is_unproven_group: bool,
    /// 1 if the call waited for another one's renewal.
    pub(crate) lease_waits: u64,
}

/// Runs `work`, and returns what it counted.
pub(crate) async fn counted<T>(work: impl Future<Output = T>) -> (T, Tally) {
    let both = async { (work.await, TALLY.with(RefCell::take)) };
    TALLY.scope(RefCell::default(), both).await
}

/// Counts something for the call that is being served.
pub(crate) fn count(change: impl FnOnce(&mut Tally)) {
    let _ = TALLY.try_with(|tally| change(&mut tally.borrow_mut()));
}

/// Counts how long `step` takes.
pub(crate) async fn timed<T>(clock: fn(&mut Tally) -> &mut Duration, step: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let result = step.await;
    count(|tally| *clock(tally) += began.elapsed());
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_call_counts_for_itself() {
        let call = async |renewals| {
            for _ in 0..renewals {
                count(|tally| tally.renewals += 1);
                tokio::task::yield_now().await;
            }
            timed(|tally| &mut tally.dynamodb, tokio::time::sleep(Duration::from_millis(2))).await;
        };
        let (((), one), ((), three)) = tokio::join!(counted(call(1)), counted(call(3)));
        assert_eq!((one.renewals, three.renewals), (1, 3));
        assert!(one.dynamodb >= Duration::from_millis(2) && one.livechat.is_zero());
    }

    #[test]
    fn counting_outside_of_a_call_does_nothing() {
        count(|_| panic!("there is no call"));
    }
}
