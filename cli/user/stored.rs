//! What is stored for one person, without secrets.

use crate::{output::shown, when::When};
use cip::{
    identity::{LeaseSeq, Principal, Subject, UnixMs},
    renewal::record::Record,
    store::{
        operator::{Attributes, Entry},
        person::redacted,
    },
};
use serde::Serialize;
use serde_json::Value;
use std::fmt::{self, Display, Formatter};

/// What is stored for one person.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stored {
    /// The key of the person's items.
    key: String,
    /// The identity, and those in groups.
    pub(crate) identities: Vec<One>,
    /// The number of items that count renewals.
    minutes_with_renewals: usize,
    /// What is wrong with items that cannot be read.
    pub(crate) malformed: Vec<String>,
    /// LiveChat's ids in these items, as far as there are any.
    #[serde(skip)]
    customers_of_malformed: Vec<String>,
}

/// What is stored for a person in one group, or without a group.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct One {
    group: Option<u32>,
    entity_id: Option<String>,
    cookies_expire_at: Option<When>,
    /// When DynamoDB deletes the item.
    deleted_at: Option<When>,
    token: Option<Token>,
    tokens_that_work: usize,
    tokens_to_revoke: usize,
    lease_held_until: Option<When>,
    leases: u64,
    refusal: Option<Refusal>,
    former: Vec<Former>,
    /// The identity was a guest's, and LiveChat has not issued a token for it to the user yet.
    awaits_first_token: bool,
    /// The guest became a user, who has the identity now.
    became_user: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    created_at: When,
    expires_at: When,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    code: String,
    description: String,
    times: u64,
    until: When,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Former {
    entity_id: String,
    until: When,
}

impl Stored {
    /// What `items` of this person hold.
    pub(crate) fn of(principal: &Principal, items: &[Attributes], now: UnixMs) -> Self {
        let mut stored = Self {
            key: principal.key(),
            identities: vec![],
            minutes_with_renewals: 0,
            malformed: vec![],
            customers_of_malformed: vec![],
        };
        for item in items {
            match Entry::of(item.clone()) {
                Entry::Subject(subject, record, expires_at_s) => {
                    stored.identities.push(One::of(&subject, &record, expires_at_s, now));
                }
                Entry::Renewals => stored.minutes_with_renewals += 1,
                // These are nobody's.
                Entry::Gate | Entry::AgentToken => {}
                Entry::Malformed(reason) => {
                    stored.malformed.push(reason);
                    stored.customers_of_malformed.extend(customers_of_malformed(item));
                }
            }
        }
        stored.identities.sort_by_key(|one| one.group);
        stored
    }

    /// Nothing is stored.
    pub(crate) fn is_empty(&self) -> bool {
        self.identities.is_empty() && self.minutes_with_renewals == 0 && self.malformed.is_empty()
    }

    /// LiveChat's ids of all customers, present and former.
    pub(crate) fn customers(&self) -> Vec<String> {
        let mut all: Vec<String> = vec![];
        let present = |one: &'_ One| -> Vec<String> {
            one.entity_id.iter().chain(one.former.iter().map(|former| &former.entity_id)).cloned().collect()
        };
        for id in self.identities.iter().flat_map(present).chain(self.customers_of_malformed.iter().cloned()) {
            if !all.contains(&id) {
                all.push(id);
            }
        }
        all
    }

    /// The number of tokens that may still work at LiveChat.
    pub(crate) fn tokens_that_work(&self) -> usize {
        self.identities.iter().map(|one| one.tokens_that_work).sum()
    }
}

/// LiveChat's ids in an item that cannot be read as a whole: that of the customer, and those of former ones.
fn customers_of_malformed(item: &Attributes) -> Vec<String> {
    let item = redacted(item);
    let former = item["formerIdentities"].as_array().into_iter().flatten().map(|former| &former["entityId"]);
    std::iter::once(&item["entityId"]).chain(former).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The number of a record's tokens that may still work at LiveChat.
pub(crate) fn tokens_that_work(record: &Record, now: UnixMs) -> usize {
    record.outstanding.0.len() - record.outstanding.expired(now).count()
}

impl One {
    fn of(subject: &Subject, record: &Record, expires_at_s: Option<u64>, now: UnixMs) -> Self {
        let identity = record.identity.as_ref();
        let former = identity.map(|identity| identity.former.as_slice()).unwrap_or_default();
        let token = record.issued().map(|issued| issued.token.lifetime);
        Self {
            group: subject.group.map(|group| group.0),
            entity_id: identity.map(|identity| identity.entity_id.clone()),
            cookies_expire_at: identity.map(|one| When::of_seconds(one.cookies_expire_at.as_u64(), now)),
            deleted_at: expires_at_s.map(|seconds| When::of_seconds(seconds, now)),
            token: token.map(|lifetime| Token {
                created_at: When::new(lifetime.created, now),
                expires_at: When::new(lifetime.expires_at(), now),
            }),
            tokens_that_work: tokens_that_work(record, now),
            tokens_to_revoke: record.outstanding.to_revoke(record.latest_logout, now).len(),
            lease_held_until: record.held(now).map(|lease| When::new(lease.until, now)),
            leases: record.lease_seq.map_or(0, LeaseSeq::as_u64),
            refusal: record.refusal.as_ref().map(|refusal| Refusal {
                code: refusal.exception.clone(),
                description: refusal.description.clone(),
                times: refusal.times,
                until: When::new(refusal.until, now),
            }),
            former: former
                .iter()
                .map(|former| Former { entity_id: former.entity_id.clone(), until: When::new(former.until, now) })
                .collect(),
            awaits_first_token: identity.is_some_and(|identity| identity.awaits_first_token),
            became_user: record.is_adopted,
        }
    }
}

impl Display for Stored {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", shown(&self.key))?;
        for one in &self.identities {
            write!(f, "\n{one}")?;
        }
        if self.minutes_with_renewals > 0 {
            writeln!(f, "\nItems that count renewals in groups: {}", self.minutes_with_renewals)?;
        }
        for reason in &self.malformed {
            writeln!(f, "\nAn item cannot be read: {}", shown(reason))?;
        }
        Ok(())
    }
}

impl Display for One {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, value: &dyn Display| writeln!(f, "  {name:<20}{}", shown(&value.to_string()));
        match self.group {
            Some(group) => row("group", &group)?,
            None => row("group", &"none")?,
        }
        match &self.entity_id {
            Some(id) => row("customer", id)?,
            None if self.became_user => row("customer", &"none: the guest became a user, who has it now")?,
            None => row("customer", &"none yet")?,
        }
        if self.awaits_first_token {
            row("", &"was a guest's; the user has had no token for it yet")?;
        }
        let times = [("cookies expire", self.cookies_expire_at), ("item is deleted", self.deleted_at)];
        for (name, time) in times.iter().filter_map(|(name, time)| Some((name, (*time)?))) {
            row(name, &time)?;
        }
        match &self.token {
            Some(token) => {
                row("token issued", &token.created_at)?;
                row("token expires", &token.expires_at)?;
            }
            None => row("token", &"none")?,
        }
        row(
            "tokens that work",
            &format!("{}, of which {} must be revoked", self.tokens_that_work, self.tokens_to_revoke),
        )?;
        row("leases so far", &self.leases)?;
        if let Some(until) = self.lease_held_until {
            row("lease held until", &until)?;
        }
        if let Some(Refusal { code, description, times, until }) = &self.refusal {
            row("LiveChat refused", &format!("{code}: {description}; {times} in a row, remembered until {until}"))?;
        }
        for (number, former) in self.former.iter().enumerate() {
            row(&format!("former customer {number}"), &format!("{}, until {}", former.entity_id, former.until))?;
        }
        Ok(())
    }
}
