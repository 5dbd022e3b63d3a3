//! Whether the guarantees hold, decided only from a history and LiveChat's journal.
//!
//! There are no false alarms: no delay of packets, processes or this test causes a violation. A call
//! takes effect at some time between its start and its end, so the order of two overlapping calls is unknown. A call that was
//! killed or got no response may take effect at any time, or never.

mod agent;

use super::history::{Call, Grant, History, Journal, Look, Outcome, TokenObject, Who, seconds, short};
use crate::world::{GetFreshToken, Invalidate};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

/// A guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// A subject's entity changes only to one that LiveChat itself returned for the former one's cookies, and never back. With an agent's
    /// token, it changes only if LiveChat was made to forget the former one, which is on record.
    OneIdentity,
    /// No entity and no token is ever returned to two subjects, and each token belongs to its entity. Exception: a guest's entity may
    /// become that of one user, who named that guest as their former one; then it is no longer the guest's.
    KeptApart,
    /// A fresh token was requested after the call started, and no later call returns an older one.
    Fresh,
    /// A token that was known before an invalidation is not returned after it.
    Invalidated,
    /// After a complete logout, the tokens that were returned before it do not work. A logout is complete if LiveChat can be reached.
    Revoked,
    /// A returned token is live, and does not claim to live longer than it does.
    NeverExpired,
    /// `hasToken` returns whether a live token is stored.
    HasToken,
    /// What was returned is stored, and LiveChat accepts the stored cookies.
    NothingLost,
    /// Each call gets a documented response before its deadline.
    Responses,
    /// After the faults, every subject soon gets a token.
    Recovered,
    /// No more tokens are issued to the agent than there are leases for it, and no more than two that are stored are live at a time.
    AgentTokens,
}

/// A guarantee that did not hold.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) what: String,
    /// Descriptions of the calls concerned.
    pub(crate) concerned: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.what)?;
        self.concerned.iter().try_for_each(|call| write!(f, "\n    {call}"))
    }
}

/// The number of calls that a subject may need to get a token after the faults. Each call waits for the `Retry-After` of the one
/// before.
pub(crate) const MOST_TRIES: usize = 8;
/// The tolerance for clock errors and for the rounded expiry of tokens, in ms. The machine's clock may be adjusted during a run.
const TOLERANCE_MS: u64 = 50;

/// All violations.
pub(crate) fn check(history: &History, journal: &Journal) -> Vec<Violation> {
    let facts = Facts::new(history, journal);
    let mut found = Vec::new();
    kept_apart(&facts, &mut found);
    for subject in facts.subjects.values() {
        one_identity(&facts, subject, &mut found);
        fresh(&facts, subject, &mut found);
        invalidated(subject, &mut found);
        never_expired(&facts, subject, &mut found);
        has_token(&facts, subject, &mut found);
        nothing_lost(&facts, subject, &mut found);
        recovered(&facts, subject, &mut found);
    }
    agent::agent_tokens(history, &mut found);
    for call in &history.calls {
        responses(&facts, call, &mut found);
        revoked(&facts, call, &mut found);
    }
    found.extend(history.left_working.iter().map(|token| {
        let what = format!("{} still works after everybody has logged out", short(token));
        let callers = history
            .calls
            .iter()
            .filter(|call| matches!(&call.outcome, Outcome::Token(known) if known.access_token == *token));
        violation(Rule::Revoked, what, &callers.map(|call| -> &dyn fmt::Display { call }).collect::<Vec<_>>())
    }));
    found
}

/// History and journal, with indexes.
struct Facts<'a> {
    history: &'a History,
    journal: &'a Journal,
    /// By access token.
    grants: HashMap<&'a str, &'a Grant>,
    /// By entity: the call in which LiveChat created it.
    makers: HashMap<&'a str, &'a Grant>,
    /// By entity: the forgotten one before it, as it is on record. If an agent was told that a customer does not exist, the request for
    /// a new one names no former one.
    recorded: HashMap<&'a str, &'a str>,
    /// By entity: the subjects that had it.
    owners: HashMap<&'a str, BTreeSet<&'a Who>>,
    /// By guest: the users who named it as their former guest, and since when.
    heirs: BTreeMap<&'a Who, BTreeMap<&'a Who, u64>>,
    subjects: BTreeMap<&'a Who, Subject<'a>>,
}

/// What is known about a subject.
#[derive(Default)]
struct Subject<'a> {
    calls: Vec<&'a Call>,
    tokens: Vec<(&'a Call, &'a TokenObject)>,
    looks: Vec<&'a Look>,
    /// What was returned, and what was found stored.
    sights: Vec<Sight<'a>>,
}

/// An identity and perhaps its token, as seen at some time between `start_us` and `end_us`.
#[derive(Clone, Copy)]
struct Sight<'a> {
    who: &'a Who,
    start_us: u64,
    end_us: u64,
    entity: &'a str,
    access_token: Option<&'a str>,
    shown: &'a dyn fmt::Display,
}

impl<'a> Sight<'a> {
    fn of_response(call: &'a Call, token: &'a TokenObject) -> Self {
        let Call { who, start_us, end_us, .. } = call;
        let (entity, access_token) = (token.entity.as_str(), Some(token.access_token.as_str()));
        Self { who, start_us: *start_us, end_us: *end_us, entity, access_token, shown: call }
    }

    fn of_look(look: &'a Look) -> Option<Self> {
        let Look { who, start_us, end_us, .. } = look;
        let (entity, access_token) = (look.entity.as_deref()?, look.access_token.as_deref());
        Some(Self { who, start_us: *start_us, end_us: *end_us, entity, access_token, shown: look })
    }
}

impl<'a> Facts<'a> {
    fn new(history: &'a History, journal: &'a Journal) -> Self {
        let mut subjects = BTreeMap::<_, Subject<'_>>::new();
        for call in &history.calls {
            let subject = subjects.entry(&call.who).or_default();
            subject.calls.push(call);
            if let Outcome::Token(token) = &call.outcome {
                subject.tokens.push((call, token));
                subject.sights.push(Sight::of_response(call, token));
            }
        }
        for look in &history.looks {
            let subject = subjects.entry(&look.who).or_default();
            subject.looks.push(look);
            subject.sights.extend(Sight::of_look(look));
        }
        let sights = subjects.values().flat_map(|subject| &subject.sights);
        let mut owners = HashMap::<_, BTreeSet<_>>::new();
        for sight in sights {
            owners.entry(sight.entity).or_default().insert(sight.who);
        }
        let mut heirs = BTreeMap::<_, BTreeMap<_, _>>::new();
        for call in &history.calls {
            let Some(guest) = &call.was_guest else { continue };
            let since_us = heirs.entry(guest).or_default().entry(&call.who).or_insert(call.start_us);
            *since_us = call.start_us.min(*since_us);
        }
        let mut makers = HashMap::new();
        for grant in journal {
            makers.entry(grant.entity.as_str()).or_insert(grant);
        }
        let mut recorded = HashMap::new();
        for look in history.looks.iter().filter(|_| history.has_agent) {
            let line: Vec<_> = look.former.iter().chain(&look.entity).map(String::as_str).collect();
            let pairs = line.windows(2).filter(|pair| history.forgotten.contains(pair[0]));
            recorded.extend(pairs.map(|pair| (pair[1], pair[0])));
        }
        let grants = journal.iter().map(|grant| (grant.access_token.as_str(), grant)).collect();
        Self { history, journal, grants, makers, recorded, owners, heirs, subjects }
    }

    /// The entity, and then the earlier ones that LiveChat replaced, latest first.
    fn line(&self, entity: &'a str) -> Vec<&'a str> {
        let former = |entity: &&'a str| {
            let maker = self.makers.get(entity)?;
            maker.claimed.as_deref().or_else(|| self.recorded.get(entity).copied())
        };
        std::iter::successors(Some(entity), former).take(self.journal.len() + 1).collect()
    }

    /// The token's expiry, as the response states it.
    fn stated_end_us(&self, token: &TokenObject) -> u64 {
        (token.created_ms + token.expires_in_ms).saturating_sub(self.history.began_unix_ms) * 1000
    }

    /// Whether LiveChat must accept the cookies of `entity` that were sent at `sent_us` and reached it at `reached_us`. The
    /// evidence is an earlier call that returned the entity; if each call invalidates the former secret, it is one that returned
    /// the latest token. `None` if there is no such call, or if LiveChat was made to forget the customer.
    fn should_prove(&self, subject: &Subject<'a>, entity: &str, sent_us: u64, reached_us: u64) -> Option<&'a Call> {
        if self.history.forgotten.contains(entity) {
            return None;
        }
        let before = |grant: &&Grant| grant.entity == entity && grant.took_effect_us < reached_us;
        let latest = self.journal.iter().filter(before).max_by_key(|grant| grant.took_effect_us)?;
        let shows = |call: &Call, token: &TokenObject| {
            let is_latest = token.access_token == latest.access_token;
            token.entity == entity && call.end_us < sent_us && (is_latest || !self.history.secrets_expire)
        };
        subject.tokens.iter().find(|(call, token)| shows(call, token)).map(|(call, _)| *call)
    }

    fn skew_us(&self) -> u64 {
        self.history.skew_ms * 1000
    }
}

/// Two sights of which the later one has the lower rank.
fn fall<'a>(ranked: &[(u64, Sight<'a>)]) -> Option<[Sight<'a>; 2]> {
    let (mut by_start, mut by_end) = (ranked.to_vec(), ranked.to_vec());
    by_start.sort_by_key(|(_, sight)| sight.start_us);
    by_end.sort_by_key(|(_, sight)| sight.end_us);
    let mut before = by_end.into_iter().peekable();
    let mut highest: Option<(u64, Sight<'_>)> = None;
    for (rank, sight) in by_start {
        while let Some(ended) = before.next_if(|(_, ended)| ended.end_us < sight.start_us) {
            highest = highest.filter(|highest| highest.0 >= ended.0).or(Some(ended));
        }
        if let Some((_, highest)) = highest.filter(|highest| highest.0 > rank) {
            return Some([highest, sight]);
        }
    }
    None
}

fn violation(rule: Rule, what: impl Into<String>, concerned: &[&dyn fmt::Display]) -> Violation {
    Violation { rule, what: what.into(), concerned: concerned.iter().map(ToString::to_string).collect() }
}

fn kept_apart(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    let mut of_entities = BTreeMap::<&str, Vec<Sight<'_>>>::new();
    let mut of_tokens = HashMap::<&str, &Sight<'_>>::new();
    for sight in facts.subjects.values().flat_map(|subject| &subject.sights) {
        of_entities.entry(sight.entity).or_default().push(*sight);
        let Some(token) = sight.access_token else { continue };
        let first = of_tokens.entry(token).or_insert(sight);
        if first.who != sight.who {
            let what = format!("two subjects have {}", short(token));
            found.push(violation(Rule::KeptApart, what, &[first.shown, sight.shown]));
        }
        match facts.grants.get(token) {
            None => found.push(violation(Rule::KeptApart, "LiveChat never issued this token", &[sight.shown])),
            Some(grant) if grant.entity != sight.entity => {
                found.push(violation(Rule::KeptApart, "the token belongs to another customer", &[sight.shown, grant]));
            }
            Some(_) => {}
        }
    }
    for (entity, sights) in of_entities {
        let owners: Vec<_> = facts.owners[entity].iter().copied().collect();
        let may_share = match owners.as_slice() {
            [_] => continue,
            [one, other] if one.is_guest() != other.is_guest() => {
                let (guest, user) = if one.is_guest() { (one, other) } else { (other, one) };
                facts.heirs.get(guest).is_some_and(|heirs| heirs.contains_key(user))
            }
            _ => false,
        };
        if !may_share {
            let of = |who| sights.iter().find(|sight| sight.who == who).expect("it was seen").shown;
            let what = format!("two subjects have {}", short(entity));
            found.push(violation(Rule::KeptApart, what, &[of(owners[0]), of(owners[1])]));
            continue;
        }
        // The guest's sights have the lower rank: they must come before the user's.
        let ranked: Vec<_> = sights.into_iter().map(|sight| (u64::from(!sight.who.is_guest()), sight)).collect();
        if let Some([before, after]) = fall(&ranked) {
            found.push(violation(Rule::KeptApart, "a guest saw a user's identity", &[before.shown, after.shown]));
        }
    }
}

fn one_identity(facts: &Facts<'_>, subject: &Subject<'_>, found: &mut Vec<Violation>) {
    let sights = subject.sights.iter().copied();
    let ranked: Vec<_> = sights.map(|sight| (facts.line(sight.entity).len() as u64, sight)).collect();
    let first_sights: BTreeMap<_, _> =
        ranked.iter().rev().map(|(rank, sight)| ((*rank, sight.entity), sight)).collect();
    let entities: Vec<_> = first_sights.into_values().collect();
    for pair in entities.windows(2) {
        let [former, next] = pair else { continue };
        if !facts.line(next.entity).contains(&former.entity) {
            let what = format!("LiveChat did not replace {} by {}", short(former.entity), short(next.entity));
            let mut concerned = vec![former.shown, next.shown];
            let makers = [former, next].into_iter().filter_map(|sight| facts.makers.get(sight.entity).copied());
            concerned.extend(makers.map(|maker| -> &dyn fmt::Display { maker }));
            found.push(violation(Rule::OneIdentity, what, &concerned));
        }
    }
    if let Some([before, after]) = fall(&ranked) {
        found.push(violation(Rule::OneIdentity, "a former entity came back", &[before.shown, after.shown]));
    }
}

fn fresh(facts: &Facts<'_>, subject: &Subject<'_>, found: &mut Vec<Violation>) {
    for &(call, token) in subject.tokens.iter().filter(|(call, _)| call.operation == GetFreshToken) {
        match facts.grants.get(token.access_token.as_str()) {
            Some(grant) if grant.came_us < call.start_us => {
                found.push(violation(Rule::Fresh, "LiveChat was called before the call started", &[*grant, call]));
            }
            _ => {}
        }
    }
    // Tokens are stored in the order in which they were issued.
    let sights = subject.sights.iter().copied();
    let ranked: Vec<_> =
        sights.filter_map(|sight| Some((facts.grants.get(sight.access_token?)?.took_effect_us, sight))).collect();
    if let Some([before, after]) = fall(&ranked) {
        found.push(violation(Rule::Fresh, "an older token came back", &[before.shown, after.shown]));
    }
}

/// By token, the end of its first sight.
fn first_sights<'a>(subject: &Subject<'a>) -> HashMap<&'a str, u64> {
    let mut known = HashMap::new();
    for sight in &subject.sights {
        let Some(token) = sight.access_token else { continue };
        let known_us = known.entry(token).or_insert(sight.end_us);
        *known_us = sight.end_us.min(*known_us);
    }
    known
}

/// The invalidation after which a call that starts at `start_us` cannot see the token that was known at `known_us`.
fn gone<'a>(subject: &Subject<'a>, known_us: u64, start_us: u64) -> Option<&'a Call> {
    let done = |call: &&&Call| call.outcome == Outcome::Invalidated;
    let between = |call: &&&Call| known_us < call.start_us && call.end_us < start_us;
    subject.calls.iter().filter(done).find(between).copied()
}

fn invalidated(subject: &Subject<'_>, found: &mut Vec<Violation>) {
    let known = first_sights(subject);
    for sight in &subject.sights {
        let Some(token) = sight.access_token else { continue };
        if let Some(invalidation) = gone(subject, known[token], sight.start_us) {
            let what = format!("{} came back", short(token));
            found.push(violation(Rule::Invalidated, what, &[invalidation, sight.shown]));
        }
    }
}

fn never_expired(facts: &Facts<'_>, subject: &Subject<'_>, found: &mut Vec<Violation>) {
    for &(call, token) in &subject.tokens {
        let Some(grant) = facts.grants.get(token.access_token.as_str()) else { continue };
        // The function read its clock after the start of the call. At that time a token from the store had more than a
        // quarter of its lifetime left, and any other was live.
        let must_live_us = if token.source == "hit" { token.expires_in_ms * 1000 / 4 } else { 0 };
        if grant.ends_us + facts.skew_us() + TOLERANCE_MS * 1000 <= call.start_us + must_live_us {
            found.push(violation(Rule::NeverExpired, "the token had expired", &[call, grant]));
        }
        let says_us = facts.stated_end_us(token);
        if says_us > grant.ends_us + facts.skew_us() + TOLERANCE_MS * 1000 {
            let what = format!("it claims to expire at {}", seconds(says_us));
            found.push(violation(Rule::NeverExpired, what, &[call, grant]));
        }
    }
}

/// All tokens of a run have one lifetime. Otherwise a live token could have been replaced by an expired one.
fn has_token(facts: &Facts<'_>, subject: &Subject<'_>, found: &mut Vec<Violation>) {
    let known = first_sights(subject);
    let slack_us = facts.skew_us() + TOLERANCE_MS * 1000;
    for &call in &subject.calls {
        let Outcome::HasToken(has) = call.outcome else { continue };
        let invalidated = |other: &&Call| other.operation == Invalidate && other.start_us < call.end_us;
        let stored = subject.tokens.iter().find(|(before, token)| {
            before.end_us < call.start_us && facts.stated_end_us(token) > call.end_us + 2 * slack_us
        });
        if let (false, Some((before, _))) = (has, stored)
            && !subject.calls.iter().copied().any(|other| invalidated(&other))
            && !facts
                .history
                .calls
                .iter()
                .any(|other| other.logout.is_some() && other.who.name == call.who.name && invalidated(&other))
            && !has_heir(facts, call)
        {
            found.push(violation(Rule::HasToken, "a live token was stored", &[before, call]));
        }
        let possible = |grant: &&Grant| {
            let mine = facts.owners.get(grant.entity.as_str()).is_none_or(|owners| owners.contains(&call.who));
            let lived = grant.took_effect_us < call.end_us && grant.ends_us + slack_us > call.start_us;
            let gone = |known_us: &u64| gone(subject, *known_us, call.start_us).is_some();
            mine && lived && !known.get(grant.access_token.as_str()).is_some_and(gone)
        };
        if has && !facts.journal.iter().rev().any(|grant| possible(&grant)) {
            found.push(violation(Rule::HasToken, "no live token was stored", &[call]));
        }
    }
}

fn nothing_lost(facts: &Facts<'_>, subject: &Subject<'_>, found: &mut Vec<Violation>) {
    let Some((first, _)) = subject.tokens.iter().min_by_key(|(call, _)| call.end_us) else { return };
    let is_lost = |look: &&&Look| first.end_us < look.start_us && look.entity.is_none() && !look.is_adopted;
    if let Some(look) = subject.looks.iter().find(is_lost) {
        found.push(violation(Rule::NothingLost, "what was returned is not stored", &[*first, *look]));
    }
    let entities: BTreeSet<_> = subject.sights.iter().map(|sight| sight.entity).collect();
    for entity in entities {
        let Some(maker) = facts.makers.get(entity) else { continue };
        let Some(former) = maker.claimed.as_deref().filter(|_| !maker.slipped) else { continue };
        if let Some(call) = facts.should_prove(subject, former, maker.came_us, maker.took_effect_us) {
            let what = format!("LiveChat knew {}, and received no valid cookies", short(former));
            found.push(violation(Rule::NothingLost, what, &[call, *maker]));
        }
    }
    let Some((last, token)) = subject.tokens.iter().max_by_key(|(call, _)| call.start_us) else { return };
    if subject.looks.iter().any(|look| look.is_adopted) {
        inherited(facts, last, token, found);
        return;
    }
    let Some(probe) = facts.history.probes.iter().find(|probe| probe.who == last.who) else {
        found.push(violation(Rule::NothingLost, "nothing is stored at the end", &[*last]));
        return;
    };
    if probe.stored != token.entity {
        let what = format!("{} is stored at the end", short(&probe.stored));
        found.push(violation(Rule::NothingLost, what, &[*last]));
    } else if probe.returned != probe.stored
        && let Some(call) = facts.should_prove(subject, &probe.stored, probe.at_us, probe.at_us)
    {
        let what = format!("LiveChat returns {} for the stored cookies", short(&probe.returned));
        found.push(violation(Rule::NothingLost, what, &[call]));
    }
}

/// A guest's identity, or its replacement by LiveChat, belongs to a user who named that guest as their former one.
fn inherited(facts: &Facts<'_>, last: &Call, token: &TokenObject, found: &mut Vec<Violation>) {
    let mut heirs = facts.heirs.get(&last.who).into_iter().flat_map(BTreeMap::keys);
    let has_it = |heir: &Who| {
        let probe = facts.history.probes.iter().find(|probe| probe.who == *heir);
        probe.is_some_and(|probe| facts.line(&probe.stored).contains(&token.entity.as_str()))
    };
    if !heirs.any(|heir| has_it(heir)) {
        found.push(violation(Rule::NothingLost, "the guest was adopted, and no user has the identity", &[last]));
    }
}

fn responses(facts: &Facts<'_>, call: &Call, found: &mut Vec<Violation>) {
    let allowed = match &call.outcome {
        Outcome::Killed => return,
        Outcome::NoResponse => Err("no response by the deadline".to_owned()),
        Outcome::Undocumented(what) => Err(what.clone()),
        Outcome::Token(_) | Outcome::HasToken(_) | Outcome::Invalidated => Ok(()),
        Outcome::Problem { status, code, .. } => match (status, code.as_str()) {
            (503, "livechat_unavailable" | "store_unavailable" | "busy") | (429, "rate_limited") => Ok(()),
            (502, "livechat_rejected") if facts.history.rejections => Ok(()),
            (404, "unknown_group") if facts.history.rejections && call.who.group.is_some() => Ok(()),
            (410, "guest_gone") if has_heir(facts, call) => Ok(()),
            _ => Err(format!("{status} {code} is not allowed here")),
        },
    };
    let in_time = if call.end_us > call.deadline_us { Err("it came after the deadline".to_owned()) } else { Ok(()) };
    if let Err(what) = allowed.and(in_time) {
        found.push(violation(Rule::Responses, what, &[call]));
    }
}

fn revoked(facts: &Facts<'_>, call: &Call, found: &mut Vec<Violation>) {
    let Some(logout) = &call.logout else { return };
    for token in &logout.still_working {
        found.push(violation(Rule::Revoked, format!("{} still works", short(token)), &[call]));
    }
    // The tokens of an adopted guest are in the user's record.
    let is_another = facts.subjects.get(&call.who).is_some_and(|guest| guest.looks.iter().any(|look| look.is_adopted));
    if !logout.is_complete && call.start_us >= facts.history.calm_us && !is_another {
        found.push(violation(Rule::Revoked, "LiveChat could be reached, and the logout is pending", &[call]));
    }
}

/// Whether a guest can have been adopted before this call ended.
fn has_heir(facts: &Facts<'_>, call: &Call) -> bool {
    let heirs = facts.heirs.get(&call.who).into_iter().flat_map(BTreeMap::values);
    heirs.into_iter().any(|since_us| *since_us < call.end_us)
}

fn recovered(facts: &Facts<'_>, subject: &Subject<'_>, found: &mut Vec<Violation>) {
    let is_try = |call: &&&Call| call.start_us >= facts.history.calm_us && call.logout.is_none();
    let mut tries: Vec<_> = subject.calls.iter().filter(is_try).collect();
    // A subject that has only group identities has no call except the logout.
    if tries.is_empty() && subject.calls.iter().all(|call| call.logout.is_some()) {
        return;
    }
    tries.sort_by_key(|call| call.start_us);
    let is_settled = |outcome: &Outcome| matches!(outcome, Outcome::Token(_) | Outcome::Problem { status: 410, .. });
    let needed = tries.iter().position(|call| is_settled(&call.outcome));
    if needed.is_none_or(|needed| needed >= MOST_TRIES) {
        let who = subject.calls.first().map_or_else(String::new, |call| call.who.to_string());
        let what = format!("{who} got no token within {MOST_TRIES} calls");
        let concerned: Vec<_> = tries.iter().map(|&&call| -> &dyn fmt::Display { call }).collect();
        found.push(violation(Rule::Recovered, what, &concerned));
    }
}

#[cfg(test)]
mod tests;
