//! Which results a waiting call takes. What happens between processes is tested in `tests/api`.

use super::*;
use crate::identity::{Cookies, Lifetime};

const NOW_MS: u64 = 1_700_000_000_000;

fn record(token_seq: Option<u64>, failed_seq: Option<u64>) -> Record {
    let cookies = Cookies { cid: "c".into(), cst: "s".into() };
    Record {
        identity: Some(Identity { entity_id: "e".into(), cookies, cookies_lapse_at_s: 0, former: vec![] }),
        token: token_seq.map(|seq| Token {
            access_token: "t".into(),
            lifetime: Lifetime { created_ms: NOW_MS, expires_in_ms: 1000 },
            seq,
        }),
        lease: None,
        lease_seq: token_seq.max(failed_seq).unwrap_or(0),
        quota: None,
        is_adopted: false,
        version: 1,
        failed: failed_seq.map(|seq| FailedRenewal { seq, failure: Failure::Unavailable { cause: "down".into() } }),
    }
}

/// The number of the token that the need takes, or the error.
fn met(need: &Need, record: &Record) -> Option<Result<u64, Error>> {
    met_by(need, record, NOW_MS).map(|result| result.map(|issued| issued.token.seq))
}

#[test]
fn a_usable_token_may_come_from_the_call_that_was_under_way() {
    let mut need = Need::usable(Some(6));
    need.found_taken(7);
    assert_eq!(met(&need, &record(Some(6), None)), None);
    assert_eq!(met(&need, &record(Some(7), None)), Some(Ok(7)));
}

#[test]
fn a_fresh_token_may_not() {
    let mut need = Need::fresh();
    assert_eq!(met(&need, &record(Some(7), None)), None);
    need.found_taken(7);
    assert_eq!(met(&need, &record(Some(7), None)), None);
    assert_eq!(met(&need, &record(Some(8), None)), Some(Ok(8)));
}

#[test]
fn only_the_first_lease_that_was_found_taken_counts() {
    let mut need = Need::fresh();
    need.found_taken(7);
    need.found_taken(8);
    assert_eq!(met(&need, &record(Some(8), None)), Some(Ok(8)));
}

#[test]
fn a_failure_is_shared_by_those_who_waited_for_it_and_nobody_else() {
    let down = Some(Err(Error::LiveChatUnavailable("down".into())));
    let mut usable = Need::usable(None);
    assert_eq!(met(&usable, &record(None, Some(6))), None);
    usable.found_taken(7);
    assert_eq!(met(&usable, &record(None, Some(6))), None);
    assert_eq!(met(&usable, &record(None, Some(7))), down);
    let mut fresh = Need::fresh();
    fresh.found_taken(7);
    assert_eq!(met(&fresh, &record(None, Some(7))), None);
    assert_eq!(met(&fresh, &record(None, Some(8))), down);
}

#[test]
fn a_token_is_better_than_a_failure() {
    let mut need = Need::usable(None);
    need.found_taken(7);
    assert_eq!(met(&need, &record(Some(7), Some(8))), Some(Ok(7)));
}

#[test]
fn a_dead_token_neither_serves_nor_blocks() {
    let mut need = Need::usable(None);
    let record = record(Some(7), None);
    assert!(met_by(&need, &record, NOW_MS + 1000).is_none());
    need.pass_over(7);
    assert_eq!(need.unless_newer_than(), Some(7));
}

#[test]
fn a_lease_outlives_what_is_done_under_it() {
    let work_ms = crate::time::millis(Accounts::LONGEST + Store::LONGEST_WRITE);
    assert!(work_ms + Lease::SKEW_MS < Lease::LENGTH_MS, "{work_ms}");
    // However long taking it took, what is left for asking ends early enough.
    let lease = Lease { owner: "o".into(), seq: 1, until_ms: NOW_MS + 10_000 };
    assert_eq!(lease.safe_for_ms(NOW_MS), 8_000);
    assert_eq!(lease.safe_for_ms(NOW_MS + 9_000), 0);
}
