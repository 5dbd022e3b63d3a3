//! DynamoDB: three items, on which the store's own writes run.
//!
//! What decides nothing about identities and tokens is removed after each write, as it would only multiply the states: the quota and
//! LiveChat's refusal (both only refuse), when LiveChat is told again, when an item expires, and the version of a user's item.

use super::{
    state::{Cookies, Life, Protocol, State, Stored},
    tamper,
};
use crate::{
    identity::{Identity, LeaseSeq, Lifetime, MaybeSealed, Token, UnixMs},
    renewal::{
        Bookkeeping,
        record::{Lease, Record},
    },
    store::{
        Commit, Outcome, item,
        write::{Write, in_memory},
    },
};
use aws_sdk_dynamodb::types::AttributeValue;
use secrecy::ExposeSecret;
use std::{
    collections::BTreeMap,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Now, by the true time. Untimed, it is always the same moment, at which every lease has just been acquired.
pub(super) const NOW: UnixMs = UnixMs::new(1_700_000_000_000);
/// A moment at which such a lease has expired.
pub(super) const AFTER_EXPIRY: UnixMs = NOW.plus_ms(Lease::LENGTH_MS + 1);
const HOUR_MS: u64 = 3_600_000;

/// Who has an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Who {
    Guest,
    User1,
    User2,
}

impl Who {
    pub(super) const ALL: [Self; 3] = [Self::Guest, Self::User1, Self::User2];
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guest => "guest",
            Self::User1 => "user 1",
            Self::User2 => "user 2",
        })
    }
}

/// One item, and the record that it holds. It is shared, as most steps change no item.
#[derive(Clone)]
pub(super) struct Item(Arc<Held>);

struct Held {
    item: Option<item::Item>,
    record: Record,
    /// All attributes, in order.
    text: String,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.text == other.0.text
    }
}

impl Eq for Item {}

impl Hash for Item {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.text.hash(hasher);
    }
}

impl Item {
    fn of(item: Option<item::Item>) -> Self {
        let text = item.as_ref().map_or(String::new(), |item| in_order(item.attributes()));
        let record = item.clone().map_or(Ok(Record::default()), item::Item::into_record).expect("a record");
        Self(Arc::new(Held { item, record, text }))
    }

    /// What is stored before the first call.
    pub(super) fn before(stored: Stored) -> Self {
        if stored == Stored::Nothing {
            return Self::of(None);
        }
        let cookies = Cookies { entity: 0, secret: 0 };
        let mut item = None;
        let write = crate::store::lease::acquire("L1", None, None, NOW);
        in_memory::run(&write, &mut item);
        let lease = Lease { owner: "L1".into(), seq: LeaseSeq::new(1), until: Lease::expiry(NOW) };
        let life = if let Stored::Token(life) = stored { life } else { Life::Usable };
        let token = Token { access_token: "0".into(), lifetime: lifetime(life), seq: LeaseSeq::new(1) };
        let write = crate::store::lease::commit(Commit {
            lease: &lease,
            identity: &identity(cookies),
            token: &token,
            bookkeeping: &Bookkeeping::default(),
        });
        in_memory::run(&write, &mut item);
        if stored == Stored::NoToken {
            // It expired long ago, so it is not listed as outstanding either.
            let mut attributes = item.take().expect("an item").into_attributes();
            attributes.remove(item::TOKEN);
            attributes.insert(item::OUTSTANDING.into(), AttributeValue::M([].into()));
            item = Some(item::Item::new(attributes));
        }
        Self::of(item.map(|item| normalized(item, &Normal::default())))
    }

    pub(super) fn record(&self) -> &Record {
        &self.0.record
    }

    /// The latest lease, whether or not it has ended.
    pub(super) fn lease(&self) -> Lease {
        let owner = self.attribute(item::LEASE_OWNER).and_then(|owner| owner.as_s().ok()).cloned().unwrap_or_default();
        Lease { owner, seq: LeaseSeq::new(self.leases()), until: UnixMs::new(0) }
    }

    /// The number of leases that there have been, which is the number of the latest one.
    pub(super) fn leases(&self) -> u64 {
        self.record().lease_seq.map_or(0, LeaseSeq::as_u64)
    }

    /// There is a lease that has not been committed or released.
    pub(super) fn is_leased(&self) -> bool {
        self.record().lease.is_some()
    }

    /// When that lease expires.
    pub(super) fn lease_until(&self) -> Option<UnixMs> {
        self.record().lease.as_ref().map(|lease| lease.until)
    }

    pub(super) fn exists(&self) -> bool {
        self.0.item.is_some()
    }

    pub(super) fn entity(&self) -> Option<u8> {
        self.record().identity.as_ref().map(|identity| number_in(&identity.entity_id))
    }

    /// The customers that it had before.
    pub(super) fn former(&self) -> Vec<u8> {
        let identity = self.record().identity.iter();
        identity.flat_map(|identity| &identity.former).map(|former| number_in(&former.entity_id)).collect()
    }

    /// The token that is stored, whether or not it may be returned.
    pub(super) fn token(&self) -> Option<u8> {
        self.record().token.as_ref().map(request_of)
    }

    fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        self.0.item.as_ref().and_then(|item| item.attributes().get(name))
    }

    /// The item with a lease that expires `by_ms` earlier, but not before `earliest`.
    pub(super) fn shifted(&self, by_ms: u64, earliest: UnixMs) -> Self {
        let Some(until) = self.lease_until() else { return self.clone() };
        let mut attributes = self.0.item.clone().expect("an item").into_attributes();
        let until = earliest.max(until.minus_ms(by_ms));
        attributes.insert(item::LEASE_UNTIL_MS.into(), AttributeValue::N(until.as_u64().to_string()));
        Self::of(Some(item::Item::new(attributes)))
    }
}

/// Which parts of an item are kept.
#[derive(Default)]
struct Normal {
    keeps_version: bool,
    keeps_outstanding: bool,
    keeps_time: bool,
}

impl Protocol {
    fn normal(&self, who: Who) -> Normal {
        Normal {
            keeps_version: who == Who::Guest,
            keeps_outstanding: self.logs_out() || self.adopts(),
            keeps_time: self.is_timed(),
        }
    }

    /// Runs `write` on an item.
    pub(super) fn write(&self, state: &mut State, who: Who, write: &Write) -> Outcome {
        let before = state.item(who).clone();
        let mut item = before.0.item.clone();
        let outcome = in_memory::run(write, &mut item);
        let normal = self.normal(who);
        let tidy = |item: Option<item::Item>, normal: &Normal| item.map(|item| normalized(item, normal));
        let after = Item::of(tidy(item, &normal));
        if after != before {
            if self.is(tamper::Tamper::EventuallyConsistentReads) && who == Who::User1 {
                state.item_before = Some(before);
            }
            state.items[who as usize] = after;
        }
        // A response contains everything that was stored at that moment, all tokens included.
        let normal = Normal { keeps_outstanding: true, ..normal };
        match outcome {
            Outcome::Applied(item) => Outcome::Applied(tidy(item, &normal)),
            Outcome::Rejected(item) => Outcome::Rejected(tidy(item, &normal)),
        }
    }
}

fn normalized(item: item::Item, normal: &Normal) -> item::Item {
    let mut attributes = item.into_attributes();
    for name in [item::QUOTA_SINCE_MS, item::QUOTA_LAST_SEQ, item::EXPIRES_AT_S, item::REVOKE_AGAIN_MS, item::REFUSED] {
        attributes.remove(name);
    }
    if !normal.keeps_version {
        attributes.insert(item::VERSION.into(), AttributeValue::N("1".into()));
    }
    if !normal.keeps_time && attributes.contains_key(item::LEASE_UNTIL_MS) {
        let until = Lease::expiry(NOW).as_u64();
        attributes.insert(item::LEASE_UNTIL_MS.into(), AttributeValue::N(until.to_string()));
    }
    let latest = attributes.get(item::TOKEN).and_then(|token| token.as_m().ok()?.get(item::SEQ).cloned());
    if let Some(AttributeValue::M(tokens)) = attributes.get_mut(item::OUTSTANDING)
        && !normal.keeps_outstanding
    {
        tokens.retain(|_, token| {
            latest.is_some() && token.as_m().ok().and_then(|token| token.get(item::SEQ)) == latest.as_ref()
        });
    }
    item::Item::new(attributes)
}

fn in_order(attributes: &std::collections::HashMap<String, AttributeValue>) -> String {
    let ordered: BTreeMap<_, _> = attributes.iter().collect();
    ordered.into_iter().map(|(name, value)| [name, "=", &in_order_too(value), ";"].concat()).collect()
}

fn in_order_too(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(map) => format!("{{{}}}", in_order(map)),
        AttributeValue::L(list) => format!("[{}]", list.iter().map(in_order_too).collect::<Vec<_>>().join(",")),
        AttributeValue::S(text) | AttributeValue::N(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

/// A customer as the store keeps it.
pub(super) fn identity(cookies: Cookies) -> Identity {
    Identity {
        entity_id: format!("e{}", cookies.entity),
        cookies: Some(MaybeSealed::Open(crate::identity::Cookies {
            cid: format!("e{}", cookies.entity).into(),
            cst: format!("s{}", cookies.secret).into(),
        })),
        cookies_expire_at: NOW.in_seconds().plus_s(63_072_000),
        former: vec![],
        awaits_first_token: false,
    }
}

/// The customer, and the secret in its cookies: 0 if it has none.
pub(super) fn cookies_of(identity: &Identity) -> Cookies {
    let secret = identity.open_cookies().map_or(0, |cookies| number_in(cookies.cst.expose_secret()));
    Cookies { entity: number_in(&identity.entity_id), secret }
}

/// The number of the LiveChat call that issued a token.
pub(super) fn request_of(token: &Token) -> u8 {
    number_in(token.access_token.expose_secret())
}

pub(super) fn number_in(text: &str) -> u8 {
    text.trim_start_matches(|char: char| !char.is_ascii_digit()).parse().expect("a number")
}

/// The lifetime of a token with this much left.
pub(super) fn lifetime(life: Life) -> Lifetime {
    let age_ms = match life {
        Life::Usable => 0,
        Life::Stale => 7 * HOUR_MS + HOUR_MS / 2,
        Life::Expired => 9 * HOUR_MS,
    };
    Lifetime { created: NOW.minus_ms(age_ms), expires_in_ms: 8 * HOUR_MS }
}

/// What is left of a token's life.
pub(super) fn life_of(token: &Token) -> Life {
    match token.lifetime {
        lifetime if lifetime.is_usable(NOW) => Life::Usable,
        lifetime if lifetime.is_live(NOW) => Life::Stale,
        _ => Life::Expired,
    }
}

impl State {
    /// The items at the start.
    pub(super) fn items_before(protocol: &Protocol, stored: Stored) -> [Item; 3] {
        let of = |who| if who == protocol.stored_for { stored } else { Stored::Nothing };
        Who::ALL.map(|who| Item::before(of(who)))
    }
}

/// Whether `write` would take effect.
pub(super) fn applies(state: &State, who: Who, write: &Write) -> bool {
    in_memory::apply(write, state.item(who).0.item.as_ref()).is_ok()
}
