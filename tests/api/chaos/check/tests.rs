//! For each rule a minimal history without a violation, and one with a violation.

use super::{
    super::history::{AgentTokens, Logout, Name, Probe},
    *,
};
use crate::world::{Binary, GetToken, HasToken};
use sandbox::AgentGranted;

const LIFE_MS: u64 = 8_000;

/// A history of alice's calls, with times in ms.
#[derive(Default)]
struct Story {
    history: History,
    journal: Journal,
}

impl Story {
    /// LiveChat issues `token` of `entity`, for the cookies of `claimed`.
    fn grant(mut self, ms: std::ops::Range<u64>, token: &str, entity: &str, claimed: Option<&str>) -> Self {
        self.journal.push(Grant {
            came_us: ms.start * 1000,
            took_effect_us: ms.end * 1000,
            proved: claimed.filter(|claimed| *claimed == entity).map(str::to_owned),
            claimed: claimed.map(str::to_owned),
            slipped: false,
            entity: entity.into(),
            access_token: token.into(),
            ends_us: (ms.end + LIFE_MS) * 1000,
        });
        self
    }

    fn call(mut self, user: &str, operation: Binary, ms: std::ops::Range<u64>, outcome: Outcome) -> Self {
        self.history.calls.push(Call {
            who: who(user),
            was_guest: None,
            operation,
            start_us: ms.start * 1000,
            deadline_us: ms.start * 1000 + 15_000_000,
            end_us: ms.end * 1000,
            outcome,
            logout: None,
        });
        self
    }

    /// Alice logs out.
    fn logout(mut self, ms: std::ops::Range<u64>, is_complete: bool, still_working: &[&str]) -> Self {
        self = self.invalidate(ms);
        let still_working = still_working.iter().map(ToString::to_string).collect();
        self.history.calls.last_mut().expect("a call").logout = Some(Logout { is_complete, still_working });
        self
    }

    /// Alice gets `token` of `entity`.
    fn token(self, operation: Binary, ms: std::ops::Range<u64>, token: &str, entity: &str) -> Self {
        let created_ms = self.journal.iter().find(|grant| grant.access_token == token).map_or(0, |g| g.came_us / 1000);
        self.call("alice", operation, ms, token_outcome(token, entity, created_ms))
    }

    fn invalidate(self, ms: std::ops::Range<u64>) -> Self {
        self.call("alice", Invalidate, ms, Outcome::Invalidated)
    }

    /// The item has `entity` and `token`.
    fn look(mut self, ms: std::ops::Range<u64>, entity: Option<&str>, token: Option<&str>) -> Self {
        self.history.looks.push(Look {
            who: who("alice"),
            start_us: ms.start * 1000,
            end_us: ms.end * 1000,
            entity: entity.map(str::to_owned),
            former: Vec::new(),
            access_token: token.map(str::to_owned),
            is_adopted: false,
        });
        self
    }

    /// The guest's item says that it was adopted.
    fn adopted(mut self, ms: std::ops::Range<u64>) -> Self {
        self = self.look(ms, None, None);
        let look = self.history.looks.last_mut().expect("a look");
        (look.who, look.is_adopted) = (who("guest"), true);
        self
    }

    /// The latest call's user names this guest as their former one.
    fn was(mut self, guest: &str) -> Self {
        self.history.calls.last_mut().expect("a call").was_guest = Some(who(guest));
        self
    }

    fn change(mut self, change: impl FnOnce(&mut History)) -> Self {
        change(&mut self.history);
        self
    }

    /// The rules that are violated. There are no faults, and at the end all that was returned is stored.
    fn violated(mut self) -> Vec<Rule> {
        let owners: BTreeMap<_, _> =
            self.history.calls.iter().filter_map(|call| Some((&call.who, entity(call)?))).collect();
        let probe = |(who, stored): (&Who, &str)| Probe {
            who: who.clone(),
            at_us: u64::MAX,
            stored: stored.into(),
            returned: stored.into(),
        };
        self.history.probes = owners.into_iter().map(probe).collect();
        self.violated_as_it_is()
    }

    fn violated_as_it_is(self) -> Vec<Rule> {
        let mut violated: Vec<_> =
            check(&self.history, &self.journal).into_iter().map(|violation| violation.rule).collect();
        violated.dedup();
        violated
    }
}

fn entity(call: &Call) -> Option<&str> {
    match &call.outcome {
        Outcome::Token(token) => Some(&token.entity),
        _ => None,
    }
}

fn who(user: &str) -> Who {
    let name = if user.starts_with("guest") { Name::Guest(user.into()) } else { Name::User(user.into()) };
    Who { name, group: None }
}

fn token_outcome(token: &str, entity: &str, created_ms: u64) -> Outcome {
    Outcome::Token(TokenObject {
        entity: entity.into(),
        access_token: token.into(),
        created_ms,
        expires_in_ms: LIFE_MS,
        source: "fwd=miss".into(),
    })
}

fn problem(status: u64, code: &str) -> Outcome {
    Outcome::Problem { status, code: code.into(), retry_after: None }
}

/// Alice visits. Then LiveChat forgets her customer and creates another one.
fn replaced_customer() -> Story {
    let forget = |history: &mut History| history.forgotten.extend(["e1".to_owned(), "e2".to_owned()]);
    first_visit().grant(30..40, "t2", "e2", Some("e1")).change(forget)
}

/// Alice's first visit.
fn first_visit() -> Story {
    Story::default().grant(10..20, "t1", "e1", None).token(GetToken, 5..25, "t1", "e1")
}

#[test]
fn a_history_without_faults_has_no_violations() {
    let story = first_visit()
        .call("alice", HasToken, 30..35, Outcome::HasToken(true))
        .token(GetToken, 40..45, "t1", "e1")
        .grant(60..70, "t2", "e1", Some("e1"))
        .token(GetFreshToken, 50..80, "t2", "e1")
        .invalidate(90..100)
        .call("alice", HasToken, 101..105, Outcome::HasToken(false))
        .look(106..107, Some("e1"), None)
        .call("alice", GetToken, 108..109, problem(503, "busy"))
        .grant(120..130, "t3", "e1", Some("e1"))
        .token(GetToken, 110..140, "t3", "e1");
    assert_eq!(story.violated(), []);
}

#[test]
fn overlapping_calls_can_see_either_state() {
    let story = first_visit()
        .grant(40..50, "t2", "e1", Some("e1"))
        .token(GetFreshToken, 30..60, "t2", "e1")
        .token(GetToken, 59..70, "t1", "e1")
        .invalidate(30..80)
        .token(GetToken, 79..90, "t2", "e1");
    assert_eq!(story.violated(), []);
}

#[test]
fn a_second_customer_is_a_violation() {
    let story = first_visit().grant(30..40, "t2", "e2", None).token(GetFreshToken, 25..45, "t2", "e2");
    assert_eq!(story.violated(), [Rule::OneIdentity]);
}

#[test]
fn a_customer_that_livechat_replaced_is_not_a_violation() {
    assert_eq!(replaced_customer().token(GetFreshToken, 26..45, "t2", "e2").violated(), []);
    // The customer in between was never returned to anybody.
    let story = replaced_customer().grant(50..60, "t3", "e3", Some("e2")).token(GetFreshToken, 45..65, "t3", "e3");
    assert_eq!(story.violated(), []);
}

#[test]
fn two_replacements_of_one_customer_are_a_violation() {
    let story = replaced_customer()
        .grant(31..41, "t3", "e3", Some("e1"))
        .token(GetFreshToken, 26..45, "t2", "e2")
        .token(GetFreshToken, 26..46, "t3", "e3");
    assert_eq!(story.violated(), [Rule::OneIdentity]);
}

#[test]
fn losing_a_customer_that_livechat_still_knows_is_a_violation() {
    let story = || first_visit().grant(30..40, "t2", "e2", Some("e1")).token(GetFreshToken, 26..45, "t2", "e2");
    let secrets_expire = |history: &mut History| history.secrets_expire = true;
    assert_eq!(story().violated(), [Rule::NothingLost], "its secrets stay valid");
    assert_eq!(story().change(secrets_expire).violated(), [Rule::NothingLost], "its last secret had been stored");
    let mut slipped = story();
    slipped.journal[1].slipped = true;
    assert_eq!(slipped.violated(), [], "LiveChat's own fault");
    let lost = first_visit().grant(26..28, "lost", "e1", Some("e1")).grant(30..40, "t2", "e2", Some("e1")).token(
        GetFreshToken,
        26..45,
        "t2",
        "e2",
    );
    assert_eq!(lost.change(secrets_expire).violated(), [], "the last secret never arrived");
}

#[test]
fn the_return_of_a_former_customer_is_a_violation() {
    let replaced = || replaced_customer().token(GetFreshToken, 26..45, "t2", "e2");
    assert_eq!(replaced().token(GetToken, 44..50, "t1", "e1").violated_as_it_is(), [Rule::NothingLost], "it overlaps");
    let back = replaced().token(GetToken, 46..50, "t1", "e1").violated_as_it_is();
    assert_eq!(back, [Rule::OneIdentity, Rule::Fresh, Rule::NothingLost]);
    let stored_again = replaced().look(46..50, Some("e1"), None).violated();
    assert_eq!(stored_again, [Rule::OneIdentity]);
}

#[test]
fn another_subjects_token_or_customer_is_a_violation() {
    let story = first_visit().call("bob", GetToken, 30..40, token_outcome("t1", "e1", 10));
    assert_eq!(story.violated(), [Rule::KeptApart]);
    let story = first_visit().grant(30..35, "t2", "e1", Some("e1")).call(
        "bob",
        GetToken,
        30..40,
        token_outcome("t2", "e1", 30),
    );
    assert_eq!(story.violated(), [Rule::KeptApart], "another token of the same customer");
    let story = first_visit().token(GetToken, 30..40, "made-up", "e1");
    assert_eq!(story.violated(), [Rule::KeptApart], "a token that LiveChat never issued");
    let story = first_visit().grant(30..35, "t2", "e2", Some("e1")).token(GetToken, 36..40, "t2", "e1");
    assert_eq!(story.violated(), [Rule::KeptApart], "a token under another customer's name");
}

/// A guest visits, and logs in as alice.
fn login() -> Story {
    Story::default()
        .grant(10..20, "t1", "e1", None)
        .call("guest", GetToken, 5..25, token_outcome("t1", "e1", 10))
        .grant(40..50, "t2", "e1", Some("e1"))
        .token(GetToken, 30..60, "t2", "e1")
        .was("guest")
        .adopted(61..62)
}

#[test]
fn a_guests_customer_can_become_that_of_exactly_one_user() {
    assert_eq!(login().violated(), []);
    let gone = |ms| login().call("guest", GetToken, ms, problem(410, "guest_gone")).violated();
    assert_eq!(gone(26..31), []);
    assert_eq!(gone(26..30), [Rule::Responses], "nobody had logged in yet");
    let overlapping = login().call("guest", GetToken, 60..61, token_outcome("t1", "e1", 10));
    assert_eq!(overlapping.violated(), []);
    let after = login().call("guest", GetToken, 61..65, token_outcome("t1", "e1", 10));
    assert_eq!(after.violated(), [Rule::KeptApart], "a guest sees a user's chat");
    let two = login()
        .grant(80..90, "t3", "e1", Some("e1"))
        .call("bob", GetToken, 70..95, token_outcome("t3", "e1", 80))
        .was("guest");
    assert_eq!(two.violated(), [Rule::KeptApart], "two users have it");
    let has = |ms| login().call("guest", HasToken, ms, Outcome::HasToken(false)).violated();
    assert_eq!(has(26..30), [Rule::HasToken], "nobody had logged in yet");
    assert_eq!(has(70..75), []);
    let mut strangers = login();
    strangers.history.calls[1].was_guest = None;
    assert_eq!(strangers.violated(), [Rule::KeptApart, Rule::NothingLost], "alice did not name that guest");
    let token = login().call("alice", GetToken, 70..80, token_outcome("t1", "e1", 10));
    assert_eq!(token.violated(), [Rule::KeptApart, Rule::Fresh], "the guest's token");
}

#[test]
fn losing_a_guests_customer_at_login_is_a_violation() {
    let lost = Story::default()
        .grant(10..20, "t1", "e1", None)
        .call("guest", GetToken, 5..25, token_outcome("t1", "e1", 10))
        .grant(40..50, "t2", "e2", None)
        .token(GetToken, 30..60, "t2", "e2")
        .was("guest")
        .adopted(61..62);
    assert_eq!(lost.violated(), [Rule::NothingLost]);
}

#[test]
fn a_fresh_token_requested_before_the_call_is_a_violation() {
    let story =
        |starts_ms| first_visit().grant(30..40, "t2", "e1", Some("e1")).token(GetFreshToken, starts_ms..50, "t2", "e1");
    assert_eq!(story(30).violated(), []);
    assert_eq!(story(31).violated(), [Rule::Fresh]);
}

#[test]
fn the_return_of_an_older_token_is_a_violation() {
    let fresh = || first_visit().grant(30..40, "t2", "e1", Some("e1")).token(GetFreshToken, 26..50, "t2", "e1");
    assert_eq!(fresh().token(GetToken, 50..60, "t1", "e1").violated(), []);
    assert_eq!(fresh().token(GetToken, 51..60, "t1", "e1").violated(), [Rule::Fresh]);
    assert_eq!(fresh().look(51..60, Some("e1"), Some("t1")).violated(), [Rule::Fresh], "it is stored again");
}

#[test]
fn a_working_token_after_a_logout_is_a_violation() {
    assert_eq!(first_visit().logout(30..40, true, &[]).violated(), []);
    assert_eq!(first_visit().logout(30..40, true, &["t1"]).violated(), [Rule::Revoked]);
    let calm_from = |ms: u64| move |history: &mut History| history.calm_us = ms * 1000;
    let left = |history: &mut History| history.left_working.push("t1".into());
    assert_eq!(first_visit().change(left).violated(), [Rule::Revoked]);
    let incomplete = |calm_ms| {
        first_visit()
            .logout(30..40, false, &[])
            .token(GetToken, 50..60, "t1", "e1")
            .change(calm_from(calm_ms))
            .violated()
    };
    assert!(incomplete(30).contains(&Rule::Revoked));
    assert!(!incomplete(31).contains(&Rule::Revoked));
}

#[test]
fn the_return_of_an_invalidated_token_is_a_violation() {
    let story =
        |invalidation, starts_ms| first_visit().invalidate(invalidation).token(GetToken, starts_ms..90, "t1", "e1");
    assert_eq!(story(30..40, 41).violated(), [Rule::Invalidated]);
    assert_eq!(story(30..40, 40).violated(), [], "it overlaps with the invalidation");
    assert_eq!(story(25..40, 41).violated(), [], "the token was not known before");
    let stored_again = first_visit().invalidate(30..40).look(41..50, Some("e1"), Some("t1"));
    assert_eq!(stored_again.violated(), [Rule::Invalidated]);
    let story = first_visit().call("alice", Invalidate, 30..40, Outcome::Killed).token(GetToken, 41..50, "t1", "e1");
    assert_eq!(story.violated(), [], "its result is unknown");
}

#[test]
fn an_expired_token_is_a_violation() {
    let ends_ms = 20 + LIFE_MS;
    let late = |starts_ms, skew_ms| {
        let mut story = first_visit().token(GetToken, starts_ms..starts_ms + 5, "t1", "e1");
        story.history.skew_ms = skew_ms;
        story.violated()
    };
    assert_eq!(late(ends_ms + TOLERANCE_MS - 1, 0), []);
    assert_eq!(late(ends_ms + TOLERANCE_MS, 0), [Rule::NeverExpired]);
    assert_eq!(late(ends_ms + TOLERANCE_MS, 2_000), []);
}

#[test]
fn a_stored_token_with_less_than_a_quarter_of_its_lifetime_is_a_violation() {
    let due_ms = 20 + LIFE_MS * 3 / 4;
    let story = |starts_ms| {
        let mut story = first_visit().token(GetToken, starts_ms..starts_ms + 5, "t1", "e1");
        if let Some(Outcome::Token(token)) = story.history.calls.last_mut().map(|call| &mut call.outcome) {
            token.source = "hit".into();
        }
        story.violated()
    };
    assert_eq!(story(due_ms + TOLERANCE_MS - 1), []);
    assert_eq!(story(due_ms + TOLERANCE_MS), [Rule::NeverExpired]);
}

#[test]
fn a_token_that_claims_a_longer_lifetime_is_a_violation() {
    let story =
        |created_ms| first_visit().call("alice", GetToken, 30..40, token_outcome("t1", "e1", created_ms)).violated();
    assert_eq!(story(20 + TOLERANCE_MS), []);
    assert_eq!(story(21 + TOLERANCE_MS), [Rule::NeverExpired]);
}

#[test]
fn a_has_token_that_contradicts_the_store_is_a_violation() {
    let has = |ms: std::ops::Range<u64>, has| first_visit().call("alice", HasToken, ms, Outcome::HasToken(has));
    assert_eq!(has(30..35, true).violated(), []);
    assert_eq!(has(30..35, false).violated(), [Rule::HasToken]);
    assert_eq!(has(24..35, false).violated(), [], "it was not known to be stored yet");
    assert_eq!(has(1..19, true).violated(), [Rule::HasToken], "there was none yet");
    assert_eq!(has(9_000..9_001, true).violated(), [Rule::HasToken], "the token has expired");
    assert_eq!(has(9_000..9_001, false).violated(), []);
    let story =
        |starts_ms| first_visit().invalidate(30..40).call("alice", HasToken, starts_ms..50, Outcome::HasToken(true));
    assert_eq!(story(40).violated(), []);
    assert_eq!(story(41).violated(), [Rule::HasToken]);
}

#[test]
fn a_returned_token_that_is_not_stored_is_a_violation() {
    assert_eq!(first_visit().look(26..30, None, None).violated(), [Rule::NothingLost]);
    assert_eq!(first_visit().look(25..30, None, None).violated(), [], "it overlaps with the call");
    assert_eq!(first_visit().violated_as_it_is(), [Rule::NothingLost], "nothing at the end");
}

#[test]
fn stored_cookies_that_livechat_does_not_accept_are_a_violation() {
    let at_the_end = |mut story: Story, stored: &str, returned: &str| {
        let probe = Probe { who: who("alice"), at_us: 1_000_000, stored: stored.into(), returned: returned.into() };
        story.history.probes.push(probe);
        story.violated_as_it_is()
    };
    let secrets_expire = |history: &mut History| history.secrets_expire = true;
    let lost_response = || first_visit().grant(100..110, "lost", "e1", Some("e1"));
    assert_eq!(at_the_end(first_visit(), "e1", "e1"), []);
    assert_eq!(at_the_end(first_visit(), "e2", "e2"), [Rule::NothingLost], "another one is stored");
    assert_eq!(at_the_end(first_visit(), "e1", "e9"), [Rule::NothingLost]);
    assert_eq!(at_the_end(first_visit().change(|history| history.forgotten.extend(["e1".to_owned()])), "e1", "e9"), []);
    assert_eq!(
        at_the_end(first_visit().change(secrets_expire), "e1", "e9"),
        [Rule::NothingLost],
        "the response arrived"
    );
    assert_eq!(at_the_end(lost_response(), "e1", "e9"), [Rule::NothingLost], "former secrets stay valid");
    assert_eq!(at_the_end(lost_response().change(secrets_expire), "e1", "e9"), []);
}

#[test]
fn late_missing_and_undocumented_responses_are_violations() {
    let story = |outcome| first_visit().call("alice", GetToken, 30..40, outcome);
    for outcome in [
        problem(503, "busy"),
        problem(503, "livechat_unavailable"),
        problem(503, "store_unavailable"),
        problem(429, "rate_limited"),
        Outcome::Killed,
    ] {
        assert_eq!(story(outcome.clone()).violated(), [], "{outcome:?}");
    }
    for outcome in [
        problem(500, "internal"),
        problem(400, "invalid_request"),
        problem(502, "livechat_rejected"),
        problem(409, "identity_changed"),
        Outcome::NoResponse,
        Outcome::Undocumented("no JSON".into()),
    ] {
        assert_eq!(story(outcome.clone()).violated(), [Rule::Responses], "{outcome:?}");
    }
    let mut refused = story(problem(502, "livechat_rejected"));
    refused.history.rejections = true;
    assert_eq!(refused.violated(), []);
    for outcome in [problem(503, "busy"), Outcome::Invalidated] {
        let late = first_visit().call("alice", Invalidate, 30..15_031, outcome.clone());
        assert_eq!(late.violated(), [Rule::Responses], "{outcome:?}");
        let in_time = first_visit().call("alice", Invalidate, 30..15_030, outcome);
        assert_eq!(in_time.violated(), []);
    }
}

#[test]
fn a_subject_without_a_token_after_the_faults_is_a_violation() {
    let calm = |mut story: Story| {
        story.history.calm_us = 100_000;
        story.violated()
    };
    assert_eq!(calm(first_visit()), [Rule::Recovered]);
    let tries = |failures| {
        let failed = (0..failures).fold(first_visit(), |story, n| {
            story.call("alice", GetToken, 100 + 10 * n..105 + 10 * n, problem(503, "busy"))
        });
        calm(failed.token(GetToken, 1_000..1_010, "t1", "e1"))
    };
    assert_eq!(tries(MOST_TRIES as u64 - 1), []);
    assert_eq!(tries(MOST_TRIES as u64), [Rule::Recovered]);
}

/// Alice's customer `e2`, requested by an agent in place of `e1`.
fn replaced_by_an_agent() -> Story {
    let story = first_visit().grant(30..40, "t2", "e2", None).token(GetFreshToken, 26..45, "t2", "e2");
    let mut story = story.change(|history| history.has_agent = true).look(50..55, Some("e2"), Some("t2"));
    story.history.looks.last_mut().expect("a look").former = vec!["e1".into()];
    story
}

#[test]
fn a_customer_that_an_agent_replaces_must_have_been_forgotten() {
    let forgotten = replaced_by_an_agent().change(|history| history.forgotten.extend(["e1".to_owned()]));
    assert_eq!(forgotten.violated(), []);
    assert_eq!(replaced_by_an_agent().violated(), [Rule::OneIdentity]);
    let without_agent = replaced_by_an_agent().change(|history| {
        history.forgotten.extend(["e1".to_owned()]);
        history.has_agent = false;
    });
    assert_eq!(without_agent.violated(), [Rule::OneIdentity]);
    let mut unrecorded = replaced_by_an_agent().change(|history| history.forgotten.extend(["e1".to_owned()]));
    unrecorded.history.looks.clear();
    assert_eq!(unrecorded.violated(), [Rule::OneIdentity]);
}

#[test]
fn too_many_agent_tokens_are_a_violation() {
    let violated = |issued: &[(u64, u64)], stored: usize, leases, repeated| {
        let token = |(number, (issued_ms, ends_ms)): (usize, &(u64, u64))| AgentGranted {
            access_token: number.to_string(),
            issued_ms: *issued_ms,
            ends_ms: *ends_ms,
        };
        let issued = issued.iter().enumerate().map(token).collect();
        let stored = (0..stored).map(|number| number.to_string()).collect();
        let agent = AgentTokens { issued, stored, leases, repeated };
        !Story::default().change(|history| history.agent = agent).violated().is_empty()
    };
    assert!(!violated(&[(0, 20), (15, 35), (30, 50)], 3, 3, 0));
    assert!(!violated(&[(0, 20), (15, 35), (20, 40)], 3, 3, 0), "at the moment at which the first one expires");
    assert!(violated(&[(0, 20), (15, 35), (19, 39)], 3, 3, 0));
    assert!(!violated(&[(0, 20), (15, 35), (19, 39)], 2, 3, 0), "the third one was never stored");
    assert!(violated(&[(0, 20), (15, 35), (30, 50)], 3, 2, 0));
    assert!(!violated(&[(0, 20), (15, 35), (30, 50)], 3, 2, 1));
}
