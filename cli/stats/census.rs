//! What is counted. The size does not depend on the number of items.

use super::histogram::Histogram;
use cip::{
    identity::{Group, Principal, Subject, UnixMs},
    renewal::record::Record,
    store::operator::{Attributes, Entry},
};
use serde::Serialize;
use std::collections::BTreeMap;

const HOUR_MS: u64 = 3_600_000;
const DAY_S: u64 = 86_400;

const AGES: &[(&str, u64)] = &[
    ("under 1 hour", HOUR_MS),
    ("1 to 4 hours", 4 * HOUR_MS),
    ("4 to 8 hours", 8 * HOUR_MS),
    ("8 to 24 hours", 24 * HOUR_MS),
    ("1 to 7 days", 7 * 24 * HOUR_MS),
    ("7 to 30 days", 30 * 24 * HOUR_MS),
    ("30 to 90 days", 90 * 24 * HOUR_MS),
    ("90 to 365 days", 365 * 24 * HOUR_MS),
    ("over a year", u64::MAX),
];
const LEFT: &[(&str, u64)] = &[
    ("expired", 1),
    ("under 30 days", 30 * DAY_S),
    ("30 to 90 days", 90 * DAY_S),
    ("90 to 180 days", 180 * DAY_S),
    ("180 to 365 days", 365 * DAY_S),
    ("365 to 545 days", 545 * DAY_S),
    ("545 to 730 days", 730 * DAY_S + 1),
    ("over two years", u64::MAX),
];

/// The contents of the table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Census {
    #[serde(skip)]
    now: UnixMs,
    pub(super) items: u64,
    pub(super) identities: Identities,
    /// Items of users, guests and groups for which LiveChat has issued no token, or not yet.
    pub(super) without_identity: u64,
    pub(super) adopted_guests: u64,
    /// Items that count a principal's renewals in one minute.
    pub(super) renewal_counts: u64,
    pub(super) gate: u64,
    pub(super) agent_token: u64,
    pub(super) malformed: Malformed,
    pub(super) tokens: Tokens,
    pub(super) leases: Leases,
    /// Subjects for which LiveChat is not called at present, as it has refused.
    pub(super) refused: u64,
    /// Subjects who had another customer before.
    pub(super) changed_identities: u64,
    pub(super) former_identities: u64,
    /// Subjects with cookies that are not encrypted, those of former customers included.
    pub(super) open_cookies: u64,
    /// Items that DynamoDB is about to delete.
    pub(super) expired: u64,
    pub(super) token_ages: Histogram,
    pub(super) cookies_left: Histogram,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identities {
    pub(super) users: u64,
    pub(super) guests: u64,
    pub(super) users_in_groups: u64,
    pub(super) guests_in_groups: u64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Malformed {
    pub(super) items: u64,
    /// One for each attribute that can be wrong, so there are few.
    pub(super) reasons: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tokens {
    /// Stored, not expired, and not ended by a logout.
    pub(super) live: u64,
    /// So new that `getToken` returns them without a renewal.
    pub(super) usable: u64,
    pub(super) expired: u64,
    /// Of those that may still work at LiveChat, those that must be revoked.
    pub(super) to_revoke: u64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Leases {
    pub(super) held: u64,
    /// The call that had it died. The next call takes it over.
    pub(super) abandoned: u64,
}

impl Census {
    /// Nothing yet. `now` decides what is live, held and expired.
    pub(crate) fn new(now: UnixMs) -> Self {
        Self {
            now,
            items: 0,
            identities: Identities::default(),
            without_identity: 0,
            adopted_guests: 0,
            renewal_counts: 0,
            gate: 0,
            agent_token: 0,
            malformed: Malformed::default(),
            tokens: Tokens::default(),
            leases: Leases::default(),
            refused: 0,
            changed_identities: 0,
            former_identities: 0,
            open_cookies: 0,
            expired: 0,
            token_ages: Histogram::new(AGES),
            cookies_left: Histogram::new(LEFT),
        }
    }

    /// Counts an item.
    pub(crate) fn add(&mut self, item: Attributes) {
        self.items += 1;
        match Entry::of(item) {
            Entry::Subject(subject, record, expires_at_s) => {
                let is_expired = expires_at_s.is_some_and(|expiry| expiry <= self.now.in_seconds().as_u64());
                self.expired += u64::from(is_expired);
                self.add_record(&subject, &record);
            }
            Entry::Renewals => self.renewal_counts += 1,
            Entry::Gate => self.gate += 1,
            Entry::AgentToken => self.agent_token += 1,
            Entry::Malformed(reason) => {
                self.malformed.items += 1;
                *self.malformed.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    fn add_record(&mut self, subject: &Subject, record: &Record) {
        let now = self.now;
        match (&record.identity, record.is_adopted) {
            (Some(identity), _) => {
                *self.identities.of(subject) += 1;
                self.former_identities += identity.former.len() as u64;
                self.changed_identities += u64::from(!identity.former.is_empty());
                let former = identity.former.iter().map(|former| &former.cookies);
                let mut cookies = former.chain([&identity.cookies]).flatten();
                self.open_cookies += u64::from(cookies.any(|cookies| cookies.as_open().is_some()));
                let expiry = identity.cookies_expire_at.as_u64();
                self.cookies_left.add(expiry.saturating_sub(now.in_seconds().as_u64()));
            }
            (None, true) => self.adopted_guests += 1,
            (None, false) => self.without_identity += 1,
        }
        if let Some(lifetime) = record.issued().map(|issued| issued.token.lifetime) {
            self.tokens.live += u64::from(lifetime.is_live(now));
            self.tokens.usable += u64::from(lifetime.is_usable(now));
            self.tokens.expired += u64::from(!lifetime.is_live(now));
            self.token_ages.add(now.ms_since(lifetime.created));
        }
        self.tokens.to_revoke += record.outstanding.to_revoke(record.latest_logout, now).len() as u64;
        if record.lease.is_some() {
            let is_held = record.held(now).is_some();
            self.leases.held += u64::from(is_held);
            self.leases.abandoned += u64::from(!is_held);
        }
        let applies = |refusal: &cip::renewal::record::Refusal| refusal.applies_to(&refusal.settings, now);
        self.refused += u64::from(record.refusal.as_ref().is_some_and(applies));
    }
}

impl Identities {
    fn of(&mut self, subject: &Subject) -> &mut u64 {
        match (&subject.principal, subject.group) {
            (Principal::User(_), None) => &mut self.users,
            (Principal::Guest(_), None) => &mut self.guests,
            (Principal::User(_), Some(Group(_))) => &mut self.users_in_groups,
            (Principal::Guest(_), Some(Group(_))) => &mut self.guests_in_groups,
        }
    }
}
