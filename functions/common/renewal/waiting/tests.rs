//! Which results a waiting call accepts. What happens between processes is tested in `tests/api`.

use super::*;
use crate::{
    identity::{Cookies, Identity, LeaseSeq, Lifetime, Token, UnixSeconds, Version},
    renewal::record::{FailedRenewal, LatestLogout, Outstanding},
};

const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

fn record(token_seq: Option<u64>, failed_seq: Option<u64>) -> Record {
    let (token_seq, failed_seq) = (token_seq.map(LeaseSeq::new), failed_seq.map(LeaseSeq::new));
    let cookies = Cookies { cid: "c".into(), cst: "s".into() };
    Record {
        identity: Some(Identity {
            entity_id: "e".into(),
            cookies: Some(cookies.into()),
            cookies_expire_at: UnixSeconds::new(0),
            former: vec![],
            awaits_first_token: false,
        }),
        token: token_seq.map(|seq| Token {
            access_token: "t".into(),
            lifetime: Lifetime { created: NOW, expires_in_ms: 1000 },
            seq,
        }),
        outstanding: Outstanding::default(),
        latest_logout: LatestLogout::default(),
        details: None,
        revoke_again: None,
        lease: None,
        lease_seq: token_seq.max(failed_seq),
        quota: None,
        is_adopted: false,
        version: Version::new(1),
        failed: failed_seq.map(|seq| FailedRenewal { seq, failure: Failure::Unavailable { cause: "down".into() } }),
        refusal: None,
    }
}

const SETTINGS: &str = "0123456789abcdef";

/// The number of the token that the requirement accepts, or the error.
fn met(requirement: &TokenRequirement, record: &Record) -> Option<Result<u64, Error>> {
    result_for(requirement, record, SETTINGS, NOW).map(|result| result.map(|issued| issued.token.seq.as_u64()))
}

#[test]
fn a_usable_token_may_come_from_the_call_in_progress() {
    let mut requirement = TokenRequirement::usable(Some(LeaseSeq::new(6)));
    requirement.observe_holder(LeaseSeq::new(7));
    assert_eq!(met(&requirement, &record(Some(6), None)), None);
    assert_eq!(met(&requirement, &record(Some(7), None)), Some(Ok(7)));
}

#[test]
fn a_fresh_token_may_not_come_from_the_call_in_progress() {
    let mut requirement = TokenRequirement::fresh();
    assert_eq!(met(&requirement, &record(Some(7), None)), None);
    requirement.observe_holder(LeaseSeq::new(7));
    assert_eq!(met(&requirement, &record(Some(7), None)), None);
    assert_eq!(met(&requirement, &record(Some(8), None)), Some(Ok(8)));
}

#[test]
fn only_the_first_lease_that_was_found_held_counts() {
    let mut requirement = TokenRequirement::fresh();
    requirement.observe_holder(LeaseSeq::new(7));
    requirement.observe_holder(LeaseSeq::new(8));
    assert_eq!(met(&requirement, &record(Some(8), None)), Some(Ok(8)));
}

#[test]
fn only_calls_that_waited_for_a_failure_accept_it() {
    let down = Some(Err(Error::LiveChatUnavailable("down".into())));
    let mut usable = TokenRequirement::usable(None);
    assert_eq!(met(&usable, &record(None, Some(6))), None);
    usable.observe_holder(LeaseSeq::new(7));
    assert_eq!(met(&usable, &record(None, Some(6))), None);
    assert_eq!(met(&usable, &record(None, Some(7))), down);
    let mut fresh = TokenRequirement::fresh();
    fresh.observe_holder(LeaseSeq::new(7));
    assert_eq!(met(&fresh, &record(None, Some(7))), None);
    assert_eq!(met(&fresh, &record(None, Some(8))), down);
}

#[test]
fn only_calls_with_the_refused_settings_accept_a_refusal() {
    let rejected = Failure::Refused { exception: "invalid_client".into(), description: "no such app".into() };
    let of =
        |settings: &str, until| Refusal { until, ..Refusal::first(settings, "invalid_client", "no such app", NOW) };
    let told = |retry_after_s| {
        let (exception, description) = ("invalid_client".into(), "no such app".into());
        Some(Err(Error::LiveChatRejected { exception, description, retry_after_s }))
    };
    let mut requirement = TokenRequirement::usable(None);
    requirement.observe_holder(LeaseSeq::new(7));
    for (refusal, expected) in [
        (Some(of(SETTINGS, NOW.plus_ms(119_001))), told(120)),
        (Some(of("other settings", NOW.plus_ms(60_000))), None),
        // An older version stored no time, and a time from a wrong clock means nothing.
        (None, told(60)),
        (Some(of(SETTINGS, UnixMs::new(u64::MAX))), told(60)),
        (Some(of(SETTINGS, NOW)), told(60)),
    ] {
        let failed = Some(FailedRenewal { seq: LeaseSeq::new(7), failure: rejected.clone() });
        let record = Record { refusal: refusal.clone(), failed, ..record(None, Some(7)) };
        assert_eq!(met(&requirement, &record), expected, "{refusal:?}");
    }
    let record = Record { refusal: Some(of("other settings", NOW.plus_ms(60_000))), ..record(None, Some(7)) };
    assert_eq!(
        met(&requirement, &record),
        Some(Err(Error::LiveChatUnavailable("down".into()))),
        "an outage is a failure of every call, whatever its settings"
    );
}

#[test]
fn retry_after_is_in_whole_seconds_and_at_least_1() {
    for (left_ms, expected) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (59_001, 60), (u64::MAX, u32::MAX)] {
        assert_eq!(seconds(left_ms), expected, "{left_ms}");
    }
}

#[test]
fn a_token_is_preferred_to_a_failure() {
    let mut requirement = TokenRequirement::usable(None);
    requirement.observe_holder(LeaseSeq::new(7));
    assert_eq!(met(&requirement, &record(Some(7), Some(8))), Some(Ok(7)));
}

#[test]
fn an_expired_token_is_neither_accepted_nor_blocks_a_renewal() {
    let mut requirement = TokenRequirement::usable(None);
    let record = record(Some(7), None);
    assert!(result_for(&requirement, &record, SETTINGS, NOW.plus_ms(1000)).is_none());
    requirement.pass_over(LeaseSeq::new(7));
    assert_eq!(requirement.unless_newer_than(), Some(LeaseSeq::new(7)));
}

#[test]
fn a_token_that_was_issued_before_a_logout_is_not_accepted() {
    let requirement = TokenRequirement::usable(None);
    let logout = |seq| LatestLogout(Some(LeaseSeq::new(seq)));
    let before = Record { latest_logout: logout(4), ..record(Some(4), None) };
    assert_eq!(met(&requirement, &before), None);
    assert_eq!(met(&requirement, &Record { latest_logout: logout(3), ..before }), Some(Ok(4)));
}
