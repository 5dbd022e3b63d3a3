//! One item: the names of its attributes, and how they become a [`Record`].
//!
//! | attribute | type | holds |
//! |---|---|---|
//! | `pk`, `sk` | S | `user#<id>` or `guest#<SHA-256 of the guest's secret>`; `identity` or `group#<n>` |
//! | `version` | N | counts the writes |
//! | `expiresAt` | N | Unix time in s; DynamoDB deletes the item some time after (TTL) |
//! | `entityId` | S | the LiveChat customer |
//! | `cookies` | M | `cid`, `cst`, or both `sealed` (B); without them, the customer can only be asked for with an agent token |
//! | `cookiesLapseAt` | N | Unix time in s; if it is missing, the cookies count as valid |
//! | `formerIdentities` | L of M | `entityId`, the cookies as above or none, `until` (Unix time in ms) |
//! | `token` | M | `accessToken`, `created` (Unix time in ms), `expiresIn` (ms), `seq` |
//! | `outstanding` | M of M | by `leaseSeq`, each token that may still work at LiveChat: `accessToken`, `ends` (Unix time in ms), `seq` (0 if it was a guest's) |
//! | `loggedOutSeq` | N | the `leaseSeq` at the latest logout: tokens with this `seq` or a lower one must be revoked |
//! | `revokeAgain` | N | Unix time in ms: when to try a failed revocation again |
//! | `unproven` | BOOL | the identity was a guest's, and LiveChat has not issued a token for it to the user yet |
//! | `details` | M | the latest update of the details that agents see: `entityId`, `hash`, `again` (Unix time in ms), `failures` |
//! | `leaseSeq` | N | counts the leases |
//! | `leaseOwner` | S | who acquired the latest lease |
//! | `leaseUntil` | N | Unix time in ms; only while there is a lease |
//! | `failedRenewal` | M | `seq`, `kind`, and `exception`, `description` |
//! | `refused` | M | LiveChat's latest refusal: `until` (Unix time in ms), `times`, `settings`, `exception`, `description` |
//! | `quotaSince` | N | Unix time in ms: when the minute began in which renewals are counted |
//! | `quotaLastSeq` | N | the highest number that a lease may have in that minute |
//! | `adoptedAt` | N | Unix time in ms: when the guest became a user, whose item has the identity since |
//!
//! Two more kinds of item have a format of their own: `store/gate.rs` and `store/groups.rs`.
//!
//! What is `sealed` is encrypted, and bound to the item's key and the `entityId`: `sealing/envelope.rs` has the format.
//!
//! An item has about 1 KB, so reading it costs one read unit. Each string from LiveChat has a limit, and so have the numbers
//! of former identities and outstanding tokens: no item gets larger than 200 KB, half of DynamoDB's limit. With tokens of the usual
//! length (under 100 bytes), no item gets larger than 16 KB.

use super::write::{Write, stored};
use crate::{
    identity::{
        Binding, Cookies, DetailsUpdate, FormerIdentity, Group, Identity, LeaseSeq, Lifetime, MaybeSealed, Sealed,
        Subject, Token, UnixMs, UnixSeconds, Version,
    },
    renewal::{
        StoreError,
        agent_token::{AgentRecord, AgentSecrets, AgentToken, StoredAgentToken, Successor},
        record::{
            FailedRenewal, Failure, LatestLogout, Lease, Outstanding, OutstandingToken, Quota, Record, Refusal,
            TokenOrigin,
        },
    },
};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::HashMap, fmt};

pub(crate) const PK: &str = "pk";
pub(crate) const SK: &str = "sk";
pub(crate) const VERSION: &str = "version";
pub(crate) const EXPIRES_AT_S: &str = "expiresAt";
pub(crate) const ENTITY_ID: &str = "entityId";
pub(crate) const COOKIES: &str = "cookies";
pub(crate) const COOKIES_LAPSE_AT_S: &str = "cookiesLapseAt";
pub(crate) const FORMER: &str = "formerIdentities";
pub(crate) const TOKEN: &str = "token";
pub(crate) const CREATED_MS: &str = "created";
pub(crate) const EXPIRES_IN_MS: &str = "expiresIn";
pub(crate) const SEQ: &str = "seq";
pub(crate) const OUTSTANDING: &str = "outstanding";
pub(crate) const LOGGED_OUT_SEQ: &str = "loggedOutSeq";
pub(crate) const REVOKE_AGAIN_MS: &str = "revokeAgain";
pub(crate) const UNPROVEN: &str = "unproven";
pub(crate) const DETAILS: &str = "details";
pub(crate) const HASH: &str = "hash";
pub(crate) const AGAIN_MS: &str = "again";
pub(crate) const FAILURES: &str = "failures";
pub(crate) const LEASE_SEQ: &str = "leaseSeq";
pub(crate) const LEASE_OWNER: &str = "leaseOwner";
pub(crate) const LEASE_UNTIL_MS: &str = "leaseUntil";
pub(crate) const FAILED: &str = "failedRenewal";
pub(crate) const REFUSED: &str = "refused";
pub(crate) const SETTINGS: &str = "settings";
pub(crate) const QUOTA_SINCE_MS: &str = "quotaSince";
pub(crate) const QUOTA_LAST_SEQ: &str = "quotaLastSeq";
pub(crate) const ADOPTED_AT_MS: &str = "adoptedAt";
const CID: &str = "cid";
const CST: &str = "cst";
const SEALED: &str = "sealed";
const ACCESS_TOKEN: &str = "accessToken";
const CLIENT_ID: &str = "clientId";
const REFRESH_TOKEN: &str = "refreshToken";
const REPLACES: &str = "replaces";
const ENDS_MS: &str = "ends";
pub(crate) const UNTIL_MS: &str = "until";
const TIMES: &str = "times";
pub(super) const KIND: &str = "kind";
pub(super) const EXCEPTION: &str = "exception";
pub(super) const DESCRIPTION: &str = "description";

/// An item's partition and sort key.
pub(crate) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    /// What sealed cookies of the customer `entity_id` in this item belong to. A former customer's are bound in the same way, so that a
    /// customer can become a former one, and be put back, without being opened.
    fn cookies_binding(&self, entity_id: &str) -> Binding {
        Binding::of(&["cookies", &self.pk, &self.sk, entity_id])
    }

    pub(super) fn into_attributes(self) -> HashMap<String, AttributeValue> {
        HashMap::from([(PK.to_owned(), AttributeValue::S(self.pk)), (SK.to_owned(), AttributeValue::S(self.sk))])
    }
}

/// The subject's key. DynamoDB's limit for a partition key is 2,048 bytes, so every user id fits.
pub(super) fn key(subject: &Subject) -> Key {
    let sk = subject.group.map_or_else(|| "identity".to_owned(), |Group(number)| format!("group#{number}"));
    Key { pk: subject.principal.key(), sk }
}

/// What sealed cookies of the subject's customer `entity_id` belong to.
pub(crate) fn cookies_binding(subject: &Subject, entity_id: &str) -> Binding {
    key(subject).cookies_binding(entity_id)
}

/// What the sealed secrets of the agent token belong to.
pub(crate) fn agent_binding() -> Binding {
    let Key { pk, sk } = super::agent_token::key();
    Binding::of(&["agent token", &pk, &sk])
}

/// A write that counts itself in the version of an item that exists.
pub(super) fn next_version() -> Write {
    Write::new().set(VERSION, stored(VERSION).plus(1))
}

/// The record that `item` holds, which is empty if there is no item.
pub(super) fn record(item: Option<Item>) -> Result<Record, StoreError> {
    Ok(item.map(Item::into_record).transpose()?.unwrap_or_default())
}

pub(super) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn time(time: UnixMs) -> AttributeValue {
    number(time.as_u64())
}

fn seq(seq: LeaseSeq) -> AttributeValue {
    number(seq.as_u64())
}

fn secret(secret: &SecretString) -> AttributeValue {
    AttributeValue::S(secret.expose_secret().to_owned())
}

fn map<const N: usize>(fields: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn sealed(sealed: &Sealed) -> AttributeValue {
    AttributeValue::B(Blob::new(sealed.envelope.clone()))
}

pub(super) fn of_cookies(cookies: &MaybeSealed<Cookies>) -> AttributeValue {
    AttributeValue::M(cookie_fields(cookies))
}

fn cookie_fields(cookies: &MaybeSealed<Cookies>) -> HashMap<String, AttributeValue> {
    match cookies {
        MaybeSealed::Open(Cookies { cid, cst }) => {
            HashMap::from([(CID.to_owned(), secret(cid)), (CST.to_owned(), secret(cst))])
        }
        MaybeSealed::Sealed(one) => HashMap::from([(SEALED.to_owned(), sealed(one))]),
    }
}

pub(super) fn of_former(former: &[FormerIdentity]) -> AttributeValue {
    let one = |former: &FormerIdentity| {
        let mut fields = HashMap::from([
            (ENTITY_ID.to_owned(), AttributeValue::S(former.entity_id.clone())),
            (UNTIL_MS.to_owned(), time(former.until)),
        ]);
        fields.extend(former.cookies.iter().flat_map(cookie_fields));
        AttributeValue::M(fields)
    };
    AttributeValue::L(former.iter().map(one).collect())
}

pub(super) fn of_token(token: &Token) -> AttributeValue {
    map([
        (ACCESS_TOKEN, secret(&token.access_token)),
        (CREATED_MS, time(token.lifetime.created)),
        (EXPIRES_IN_MS, number(token.lifetime.expires_in_ms)),
        (SEQ, seq(token.seq)),
    ])
}

pub(super) fn of_agent_token(token: &StoredAgentToken) -> AttributeValue {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let mut fields = HashMap::from([
        (CLIENT_ID.to_owned(), text(&token.client_id)),
        (CREATED_MS.to_owned(), time(token.lifetime.created)),
        (EXPIRES_IN_MS.to_owned(), number(token.lifetime.expires_in_ms)),
        (SEQ.to_owned(), seq(token.seq)),
    ]);
    match &token.secrets {
        MaybeSealed::Sealed(one) => fields.extend([(SEALED.to_owned(), sealed(one))]),
        MaybeSealed::Open(AgentSecrets { access_token, successor }) => {
            fields.extend([(ACCESS_TOKEN.to_owned(), secret(access_token))]);
            if let Some(Successor { of, refresh_token }) = successor {
                fields.extend([(REFRESH_TOKEN.to_owned(), secret(refresh_token)), (REPLACES.to_owned(), text(of))]);
            }
        }
    }
    AttributeValue::M(fields)
}

pub(crate) fn of_outstanding(token: &OutstandingToken) -> AttributeValue {
    let seq = match token.origin {
        TokenOrigin::Guest => number(0),
        TokenOrigin::Lease(number) => seq(number),
    };
    map([(ACCESS_TOKEN, secret(&token.access_token)), (ENDS_MS, time(token.expires_at)), (SEQ, seq)])
}

pub(super) fn of_all_outstanding(tokens: &Outstanding) -> AttributeValue {
    AttributeValue::M(tokens.0.iter().map(|token| (token.key.clone(), of_outstanding(token))).collect())
}

pub(super) fn of_failed(failed: &FailedRenewal) -> AttributeValue {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let seq = (SEQ, seq(failed.seq));
    match &failed.failure {
        Failure::Refused { exception, description } => {
            map([seq, (KIND, text("rejected")), (EXCEPTION, text(exception)), (DESCRIPTION, text(description))])
        }
        Failure::Unavailable { cause } => map([seq, (KIND, text("unavailable")), (DESCRIPTION, text(cause))]),
        Failure::KmsUnavailable { cause } => map([seq, (KIND, text("kmsUnavailable")), (DESCRIPTION, text(cause))]),
        Failure::OutOfTime => map([seq, (KIND, text("outOfTime"))]),
        Failure::IdentityChanged => map([seq, (KIND, text("identityChanged"))]),
    }
}

pub(super) fn of_refusal(refusal: &Refusal) -> AttributeValue {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    map([
        (UNTIL_MS, time(refusal.until)),
        (TIMES, number(refusal.times)),
        (SETTINGS, text(&refusal.settings)),
        (EXCEPTION, text(&refusal.exception)),
        (DESCRIPTION, text(&refusal.description)),
    ])
}

pub(super) fn of_details(update: &DetailsUpdate) -> AttributeValue {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    map([
        (ENTITY_ID, text(&update.entity_id)),
        (HASH, text(&update.hash)),
        (AGAIN_MS, time(update.again)),
        (FAILURES, number(update.failures)),
    ])
}

/// A stored item, or a map inside one. Reading what does not have the format above is an error, never a guess: a guessed identity would
/// be another user's.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Item(pub(super) HashMap<String, AttributeValue>);

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl TryFrom<HashMap<String, AttributeValue>> for Record {
    type Error = StoreError;

    fn try_from(attributes: HashMap<String, AttributeValue>) -> Result<Self, StoreError> {
        Item::new(attributes).into_record()
    }
}

#[cfg(any(test, feature = "fuzzing"))]
impl TryFrom<HashMap<String, AttributeValue>> for AgentRecord {
    type Error = StoreError;

    fn try_from(attributes: HashMap<String, AttributeValue>) -> Result<Self, StoreError> {
        Item::new(attributes).into_agent_record()
    }
}

impl Item {
    pub(crate) fn new(attributes: HashMap<String, AttributeValue>) -> Self {
        Self(attributes)
    }

    #[cfg(test)]
    pub(crate) fn attributes(&self) -> &HashMap<String, AttributeValue> {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn into_attributes(self) -> HashMap<String, AttributeValue> {
        self.0
    }

    /// All that is stored for a subject.
    pub(crate) fn into_record(mut self) -> Result<Record, StoreError> {
        // Cookies without the customer's id are an error: without an identity, the user would become a new customer.
        let identity = if self.has(ENTITY_ID) || self.has(COOKIES) { Some(self.identity()?) } else { None };
        let token = self.take_map(TOKEN)?.map(Self::token).transpose()?;
        let lease = if self.has(LEASE_UNTIL_MS) { Some(self.lease()?) } else { None };
        // These are only hints: a malformed one, such as another version's, must not lock a user out.
        let failed = self.take_map(FAILED).ok().flatten().and_then(|failed| failed.failed().ok());
        let refusal = self.take_map(REFUSED).ok().flatten().and_then(|refusal| refusal.refusal().ok());
        let details = self.take_map(DETAILS).ok().flatten().and_then(|details| details.details().ok());
        let lease_seq = self.positive(LEASE_SEQ)?.map(LeaseSeq::new);
        let quota = if self.has(QUOTA_SINCE_MS) { Some(self.quota()?) } else { None };
        let version = Version::new(self.positive(VERSION)?.unwrap_or(0));
        let is_adopted = self.has(ADOPTED_AT_MS);
        let latest_logout = self.latest_logout()?;
        let revoke_again = self.positive(REVOKE_AGAIN_MS)?.map(UnixMs::new);
        let mut outstanding = self.outstanding()?;
        // An earlier version did not store the list of outstanding tokens.
        let is_listed =
            |token: &Token| outstanding.0.iter().any(|listed| listed.origin == TokenOrigin::Lease(token.seq));
        let unlisted = token.as_ref().filter(|token| !latest_logout.ends(token.seq) && !is_listed(token));
        outstanding.0.extend(unlisted.map(OutstandingToken::of));
        Ok(Record {
            identity,
            token,
            outstanding,
            latest_logout,
            details,
            revoke_again,
            lease,
            failed,
            refusal,
            lease_seq,
            quota,
            is_adopted,
            version,
        })
    }

    /// All that is stored of the agent token. What is malformed counts as missing: it can be refreshed.
    pub(super) fn into_agent_record(mut self) -> Result<AgentRecord, StoreError> {
        let is_stored = self.has(TOKEN);
        let token = self.take_map(TOKEN).ok().flatten().and_then(|token| token.agent_token().ok());
        let refusal = self.take_map(REFUSED).ok().flatten().and_then(|refusal| refusal.refusal().ok());
        let lease = if self.has(LEASE_UNTIL_MS) { Some(self.lease()?) } else { None };
        Ok(AgentRecord { is_malformed: is_stored && token.is_none(), token, lease, refusal })
    }

    fn agent_token(mut self) -> Result<StoredAgentToken, StoreError> {
        Ok(AgentToken {
            secrets: self.agent_secrets()?,
            client_id: self.string(CLIENT_ID)?,
            lifetime: self.token_lifetime()?,
            seq: self.seq(SEQ)?,
        })
    }

    fn agent_secrets(&mut self) -> Result<MaybeSealed<AgentSecrets>, StoreError> {
        if let Some(envelope) = self.envelope()? {
            return Ok(MaybeSealed::Sealed(Sealed { envelope, binding: agent_binding() }));
        }
        let successor = if self.has(REFRESH_TOKEN) { Some(self.successor()?) } else { None };
        Ok(AgentSecrets { access_token: self.string(ACCESS_TOKEN)?.into(), successor }.into())
    }

    fn successor(&mut self) -> Result<Successor, StoreError> {
        Ok(Successor { of: self.string(REPLACES)?, refresh_token: self.string(REFRESH_TOKEN)?.into() })
    }

    /// The lifetime of a token that may be returned. `self` need only have the attributes that `Store::read_lifetime` reads.
    pub(super) fn lifetime(mut self) -> Result<Option<Lifetime>, StoreError> {
        let latest_logout = self.latest_logout()?;
        let Some(mut token) = self.take_map(TOKEN)? else { return Ok(None) };
        let lifetime = token.token_lifetime()?;
        Ok((!latest_logout.ends(token.seq(SEQ)?)).then_some(lifetime))
    }

    fn latest_logout(&mut self) -> Result<LatestLogout, StoreError> {
        Ok(LatestLogout(self.positive(LOGGED_OUT_SEQ)?.map(LeaseSeq::new)))
    }

    fn outstanding(&mut self) -> Result<Outstanding, StoreError> {
        let Some(tokens) = self.take_map(OUTSTANDING)? else { return Ok(Outstanding::default()) };
        let one = |(key, value)| match value {
            AttributeValue::M(fields) => {
                let mut fields = Self(fields);
                Ok(OutstandingToken {
                    key,
                    access_token: fields.string(ACCESS_TOKEN)?.into(),
                    expires_at: fields.time(ENDS_MS)?,
                    origin: fields.origin()?,
                })
            }
            _ => Err(malformed(OUTSTANDING)),
        };
        tokens.0.into_iter().map(one).collect::<Result<_, _>>().map(Outstanding)
    }

    fn origin(&mut self) -> Result<TokenOrigin, StoreError> {
        Ok(match self.number(SEQ)? {
            0 => TokenOrigin::Guest,
            seq => TokenOrigin::Lease(LeaseSeq::new(seq)),
        })
    }

    fn lease(&mut self) -> Result<Lease, StoreError> {
        Ok(Lease { owner: self.string(LEASE_OWNER)?, seq: self.seq(LEASE_SEQ)?, until: self.time(LEASE_UNTIL_MS)? })
    }

    fn quota(&mut self) -> Result<Quota, StoreError> {
        Ok(Quota { since: self.time(QUOTA_SINCE_MS)?, last_seq: self.seq(QUOTA_LAST_SEQ)? })
    }

    fn identity(&mut self) -> Result<Identity, StoreError> {
        let entity_id = self.string(ENTITY_ID)?;
        let cookies = self.take_map(COOKIES)?;
        let own = self.own_key();
        Ok(Identity {
            cookies: cookies.map(|mut cookies| cookies.cookies(own.as_ref(), &entity_id)).transpose()?,
            cookies_expire_at: self.cookies_expiry()?,
            former: self.former(own.as_ref())?,
            awaits_first_token: self.has(UNPROVEN),
            entity_id,
        })
    }

    /// The item's own key, which DynamoDB returns with it.
    fn own_key(&self) -> Option<Key> {
        match (self.0.get(PK), self.0.get(SK)) {
            (Some(AttributeValue::S(pk)), Some(AttributeValue::S(sk))) => Some(Key { pk: pk.clone(), sk: sk.clone() }),
            _ => None,
        }
    }

    /// An item that a person has made may lack it. Then the cookies count as valid: LiveChat is called with them in any case, and with
    /// expired ones, another customer would be accepted without a second try. The first renewal stores the time.
    fn cookies_expiry(&mut self) -> Result<UnixSeconds, StoreError> {
        if self.has(COOKIES_LAPSE_AT_S) {
            self.number(COOKIES_LAPSE_AT_S).map(UnixSeconds::new)
        } else {
            Ok(UnixSeconds::NEVER)
        }
    }

    fn former(&mut self, own: Option<&Key>) -> Result<Vec<FormerIdentity>, StoreError> {
        let list = match self.0.remove(FORMER) {
            None => return Ok(Vec::new()),
            Some(AttributeValue::L(list)) => list,
            Some(_) => return Err(malformed(FORMER)),
        };
        let one = |value| match value {
            AttributeValue::M(fields) => {
                let mut fields = Self(fields);
                let entity_id = fields.string(ENTITY_ID)?;
                let has_cookies = [CID, CST, SEALED].iter().any(|name| fields.has(name));
                let cookies = if has_cookies { Some(fields.cookies(own, &entity_id)?) } else { None };
                Ok(FormerIdentity { entity_id, cookies, until: fields.time(UNTIL_MS)? })
            }
            _ => Err(malformed(FORMER)),
        };
        list.into_iter().map(one).collect()
    }

    fn token(mut self) -> Result<Token, StoreError> {
        Ok(Token {
            access_token: self.string(ACCESS_TOKEN)?.into(),
            lifetime: self.token_lifetime()?,
            seq: self.seq(SEQ)?,
        })
    }

    fn token_lifetime(&mut self) -> Result<Lifetime, StoreError> {
        Ok(Lifetime { created: self.time(CREATED_MS)?, expires_in_ms: self.number(EXPIRES_IN_MS)? })
    }

    fn failed(mut self) -> Result<FailedRenewal, StoreError> {
        let failure = match self.string(KIND)?.as_str() {
            "rejected" => Failure::Refused { exception: self.text(EXCEPTION)?, description: self.text(DESCRIPTION)? },
            "unavailable" => Failure::Unavailable { cause: self.text(DESCRIPTION)? },
            "kmsUnavailable" => Failure::KmsUnavailable { cause: self.text(DESCRIPTION)? },
            "outOfTime" => Failure::OutOfTime,
            "identityChanged" => Failure::IdentityChanged,
            _ => return Err(malformed(KIND)),
        };
        Ok(FailedRenewal { seq: self.seq(SEQ)?, failure })
    }

    fn refusal(mut self) -> Result<Refusal, StoreError> {
        Ok(Refusal {
            until: self.time(UNTIL_MS)?,
            times: self.number(TIMES)?,
            settings: self.string(SETTINGS)?,
            exception: self.string(EXCEPTION)?,
            description: self.text(DESCRIPTION)?,
        })
    }

    fn details(mut self) -> Result<DetailsUpdate, StoreError> {
        Ok(DetailsUpdate {
            entity_id: self.string(ENTITY_ID)?,
            hash: self.string(HASH)?,
            again: self.time(AGAIN_MS)?,
            failures: self.number(FAILURES)?,
        })
    }

    /// Cookies of the customer `entity_id`, in the item with the key `own`.
    fn cookies(&mut self, own: Option<&Key>, entity_id: &str) -> Result<MaybeSealed<Cookies>, StoreError> {
        match self.envelope()? {
            Some(envelope) => {
                let binding = own.ok_or_else(|| malformed(PK))?.cookies_binding(entity_id);
                Ok(MaybeSealed::Sealed(Sealed { envelope, binding }))
            }
            None => Ok(Cookies { cid: self.string(CID)?.into(), cst: self.string(CST)?.into() }.into()),
        }
    }

    fn envelope(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0.remove(SEALED) {
            None => Ok(None),
            Some(AttributeValue::B(envelope)) => Ok(Some(envelope.into_inner())),
            Some(_) => Err(malformed(SEALED)),
        }
    }

    fn take_map(&mut self, name: &str) -> Result<Option<Self>, StoreError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(AttributeValue::M(fields)) => Ok(Some(Self(fields))),
            Some(_) => Err(malformed(name)),
        }
    }

    /// A string that is not empty.
    fn string(&mut self, name: &str) -> Result<String, StoreError> {
        self.text(name).and_then(|text| if text.is_empty() { Err(malformed(name)) } else { Ok(text) })
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, StoreError> {
        match self.0.remove(name) {
            Some(AttributeValue::S(text)) => Ok(text),
            _ => Err(malformed(name)),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn number(&mut self, name: &str) -> Result<u64, StoreError> {
        match self.0.get(name) {
            Some(AttributeValue::N(digits)) => digits.parse().map_err(|_| malformed(name)),
            _ => Err(malformed(name)),
        }
    }

    pub(super) fn time(&mut self, name: &str) -> Result<UnixMs, StoreError> {
        self.number(name).map(UnixMs::new)
    }

    fn seq(&mut self, name: &str) -> Result<LeaseSeq, StoreError> {
        self.number(name).map(LeaseSeq::new)
    }

    /// A number that may be missing. 0 reads as missing.
    fn positive(&mut self, name: &str) -> Result<Option<u64>, StoreError> {
        let number = if self.has(name) { Some(self.number(name)?) } else { None };
        Ok(number.filter(|number| *number > 0))
    }
}

fn malformed(name: &str) -> StoreError {
    StoreError::Internal(format!("the stored item's `{name}` is missing or malformed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{GuestId, Principal, UserId};

    fn subject(user: &str, group: Option<u32>) -> Subject {
        Subject { principal: Principal::User(UserId::parse(user).expect("a good id")), group: group.map(Group) }
    }

    fn keys(subject: &Subject) -> (String, String) {
        let Key { pk, sk } = key(subject);
        (pk, sk)
    }

    #[test]
    fn no_two_subjects_share_a_key() {
        assert_eq!(keys(&subject("a", None)), ("user#a".into(), "identity".into()));
        assert_eq!(keys(&subject("a", Some(0))), ("user#a".into(), "group#0".into()));
        assert_ne!(keys(&subject("a#identity", None)), keys(&subject("a", None)));
        assert_ne!(keys(&subject("A", None)), keys(&subject("a", None)));
        let guest = GuestId::of_secret(&[b'a'; 32]).expect("a good secret");
        let as_guest = Subject { principal: Principal::Guest(guest.clone()), group: None };
        assert_eq!(keys(&as_guest), (format!("guest#{}", guest.as_str()), "identity".into()));
        assert_ne!(keys(&as_guest), keys(&subject(guest.as_str(), None)));
    }

    fn refusal() -> Refusal {
        let settings = "0123456789abcdef".into();
        Refusal {
            until: UnixMs::new(14),
            times: 15,
            settings,
            exception: "invalid_client".into(),
            description: String::new(),
        }
    }

    fn outstanding() -> OutstandingToken {
        OutstandingToken {
            key: "guest-7".into(),
            access_token: "g".into(),
            expires_at: UnixMs::new(17),
            origin: TokenOrigin::Guest,
        }
    }

    fn details() -> DetailsUpdate {
        DetailsUpdate { entity_id: "e1".into(), hash: "h".into(), again: UnixMs::new(18), failures: 19 }
    }

    fn full() -> HashMap<String, AttributeValue> {
        let cookies = MaybeSealed::from(Cookies { cid: "c".into(), cst: "s".into() });
        let former = FormerIdentity { entity_id: "e0".into(), cookies: Some(cookies.clone()), until: UnixMs::new(5) };
        let token = Token {
            access_token: "t".into(),
            lifetime: Lifetime { created: UnixMs::new(1), expires_in_ms: 2 },
            seq: LeaseSeq::new(3),
        };
        let failed =
            FailedRenewal { seq: LeaseSeq::new(4), failure: Failure::Unavailable { cause: "status 503".into() } };
        HashMap::from([
            (ENTITY_ID.into(), AttributeValue::S("e1".into())),
            (COOKIES.into(), of_cookies(&cookies)),
            (COOKIES_LAPSE_AT_S.into(), number(7)),
            (FORMER.into(), of_former(&[former])),
            (TOKEN.into(), of_token(&token)),
            (OUTSTANDING.into(), of_all_outstanding(&Outstanding(vec![OutstandingToken::of(&token), outstanding()]))),
            (LOGGED_OUT_SEQ.into(), number(2)),
            (REVOKE_AGAIN_MS.into(), number(16)),
            (DETAILS.into(), of_details(&details())),
            (UNPROVEN.into(), AttributeValue::Bool(true)),
            (LEASE_SEQ.into(), number(4)),
            (LEASE_OWNER.into(), AttributeValue::S("o".into())),
            (LEASE_UNTIL_MS.into(), number(9)),
            (FAILED.into(), of_failed(&failed)),
            (REFUSED.into(), of_refusal(&refusal())),
            (QUOTA_SINCE_MS.into(), number(10)),
            (QUOTA_LAST_SEQ.into(), number(11)),
            (VERSION.into(), number(12)),
            (ADOPTED_AT_MS.into(), number(13)),
        ])
    }

    #[test]
    fn what_is_written_is_read_back() {
        let record = Item::new(full()).into_record().expect("a record");
        let identity = record.identity.expect("an identity");
        assert_eq!((identity.entity_id.as_str(), identity.cookies_expire_at.as_u64()), ("e1", 7));
        assert_eq!(identity.open_cookies().expect("cookies").cst.expose_secret(), "s");
        assert_eq!((identity.former[0].entity_id.as_str(), identity.former[0].until.as_u64()), ("e0", 5));
        let token = record.token.expect("a token");
        assert_eq!((token.access_token.expose_secret(), token.seq.as_u64()), ("t", 3));
        assert_eq!(record.lease, Some(Lease { owner: "o".into(), seq: LeaseSeq::new(4), until: UnixMs::new(9) }));
        assert_eq!(record.failed.expect("a failure").failure, Failure::Unavailable { cause: "status 503".into() });
        assert_eq!(record.refusal, Some(refusal()));
        assert_eq!(
            (record.lease_seq, record.quota),
            (Some(LeaseSeq::new(4)), Some(Quota { since: UnixMs::new(10), last_seq: LeaseSeq::new(11) }))
        );
        assert_eq!((record.version, record.is_adopted), (Version::new(12), true));
        assert_eq!((record.latest_logout, identity.awaits_first_token), (LatestLogout(Some(LeaseSeq::new(2))), true));
        assert_eq!((record.revoke_again, record.details), (Some(UnixMs::new(16)), Some(details())));
        let mut tokens: Vec<_> = record
            .outstanding
            .0
            .iter()
            .map(|t| (t.key.as_str(), t.access_token.expose_secret(), t.expires_at.as_u64(), t.origin))
            .collect();
        tokens.sort_unstable();
        assert_eq!(
            tokens,
            [("3", "t", 3, TokenOrigin::Lease(LeaseSeq::new(3))), ("guest-7", "g", 17, TokenOrigin::Guest)]
        );
    }

    #[test]
    fn a_token_of_an_earlier_version_counts_as_outstanding() {
        let mut item = full();
        item.remove(OUTSTANDING);
        let record = Item::new(item).into_record().expect("a record");
        assert_eq!(
            record.outstanding.0.iter().map(|token| token.origin).collect::<Vec<_>>(),
            [TokenOrigin::Lease(LeaseSeq::new(3))]
        );
    }

    #[test]
    fn a_token_from_before_a_logout_is_not_returned() {
        for (logged_out_seq, is_there) in [(2, true), (3, false), (4, false)] {
            let mut item = full();
            item.insert(LOGGED_OUT_SEQ.into(), number(logged_out_seq));
            assert_eq!(Item::new(item.clone()).lifetime().expect("a lifetime").is_some(), is_there);
            assert_eq!(Item::new(item).into_record().expect("a record").issued().is_some(), is_there);
        }
    }

    #[test]
    fn a_record_is_read_from_attributes() {
        let record = Record::try_from(full()).expect("a record");
        assert_eq!(record.identity.map(|identity| identity.entity_id).as_deref(), Some("e1"));
        assert!(Record::try_from(HashMap::from([(TOKEN.to_owned(), number(1))])).is_err());
    }

    #[test]
    fn every_failure_is_read_back() {
        for failure in [
            Failure::Refused { exception: "invalid_client".into(), description: "no such app".into() },
            Failure::Refused { exception: "invalid_client".into(), description: String::new() },
            Failure::Unavailable { cause: "no connection".into() },
            Failure::KmsUnavailable { cause: "time-out".into() },
            Failure::OutOfTime,
            Failure::IdentityChanged,
        ] {
            let failed = FailedRenewal { seq: LeaseSeq::new(1), failure };
            let item = Item::new(HashMap::from([(FAILED.into(), of_failed(&failed))]));
            assert_eq!(item.into_record().expect("a record").failed, Some(failed));
        }
    }

    #[test]
    fn an_empty_item_is_an_empty_record() {
        let record = Item::new(HashMap::new()).into_record().expect("a record");
        assert!(record.identity.is_none() && record.token.is_none() && record.lease.is_none());
        assert!(record.failed.is_none() && record.refusal.is_none());
        assert_eq!(
            (record.lease_seq, record.quota, record.version, record.is_adopted),
            (None, None, Version::default(), false)
        );
    }

    #[test]
    fn a_failure_of_an_unknown_kind_is_ignored() {
        let unknown = map([(SEQ, number(1)), (KIND, AttributeValue::S("later".into()))]);
        for odd in [unknown, number(1)] {
            let mut item = full();
            item.insert(FAILED.into(), odd);
            let record = Item::new(item).into_record().expect("a record");
            assert!(record.failed.is_none() && record.token.is_some());
        }
    }

    #[test]
    fn a_malformed_refusal_is_ignored() {
        let odd = AttributeValue::Ss(vec!["odd".into()]);
        let mut forms = vec![odd.clone(), number(1), map([])];
        for name in [UNTIL_MS, TIMES, SETTINGS, EXCEPTION, DESCRIPTION] {
            let AttributeValue::M(mut fields) = of_refusal(&refusal()) else { panic!("a map") };
            fields.remove(name);
            forms.push(AttributeValue::M(fields.clone()));
            fields.insert(name.into(), odd.clone());
            forms.push(AttributeValue::M(fields));
        }
        for form in forms {
            let mut item = full();
            item.insert(REFUSED.into(), form.clone());
            let record = Item::new(item).into_record().expect("a record");
            assert!(record.refusal.is_none() && record.token.is_some(), "{form:?}");
        }
    }

    #[test]
    fn a_malformed_update_of_details_is_ignored() {
        for name in [ENTITY_ID, HASH, AGAIN_MS, FAILURES] {
            let AttributeValue::M(mut fields) = of_details(&details()) else { panic!("a map") };
            fields.insert(name.into(), AttributeValue::Ss(vec!["odd".into()]));
            for form in [AttributeValue::M(fields), number(1)] {
                let mut item = full();
                item.insert(DETAILS.into(), form);
                let record = Item::new(item).into_record().expect("a record");
                assert!(record.details.is_none() && record.token.is_some(), "{name}");
            }
        }
    }

    #[test]
    fn cookies_without_an_expiry_count_as_valid() {
        let mut item = full();
        item.remove(COOKIES_LAPSE_AT_S);
        let identity = Item::new(item).into_record().expect("a record").identity.expect("an identity");
        assert_eq!((identity.entity_id.as_str(), identity.has_expired(UnixMs::new(u64::MAX - 1))), ("e1", false));
    }

    #[test]
    fn cookies_without_a_customer_are_an_error_and_never_a_new_customer() {
        let mut item = full();
        item.remove(ENTITY_ID);
        assert_eq!(Item::new(item).into_record().map(drop), Err(malformed(ENTITY_ID)));
    }

    #[test]
    fn a_customer_without_cookies_is_one_that_an_agent_asks_for() {
        let mut item = full();
        item.remove(COOKIES);
        let identity = Item::new(item).into_record().expect("a record").identity.expect("an identity");
        assert!(identity.cookies.is_none());
        let former = FormerIdentity { entity_id: "e0".into(), cookies: None, until: UnixMs::new(5) };
        let mut item = full();
        item.insert(FORMER.into(), of_former(&[former]));
        let identity = Item::new(item).into_record().expect("a record").identity.expect("an identity");
        assert!(identity.former[0].cookies.is_none());
    }

    fn agent() -> StoredAgentToken {
        let lifetime = Lifetime { created: UnixMs::new(1), expires_in_ms: 2 };
        let successor = Some(Successor { of: "before".into(), refresh_token: "r".into() });
        let secrets = AgentSecrets { access_token: "t".into(), successor }.into();
        AgentToken { secrets, client_id: "app".into(), lifetime, seq: LeaseSeq::new(3) }
    }

    #[test]
    fn an_agent_token_is_read_back() {
        let item = HashMap::from([(TOKEN.into(), of_agent_token(&agent())), (REFUSED.into(), of_refusal(&refusal()))]);
        let record = AgentRecord::try_from(item).expect("a record");
        let token = record.token.expect("a token");
        let secrets = token.secrets.as_open().expect("in the clear");
        let access_token = secrets.access_token.expose_secret();
        assert_eq!((access_token, token.client_id.as_str(), token.seq.as_u64()), ("t", "app", 3));
        assert_eq!(token.lifetime, agent().lifetime);
        let successor = secrets.successor.as_ref().expect("a refresh token");
        assert_eq!((successor.of.as_str(), successor.refresh_token.expose_secret()), ("before", "r"));
        assert_eq!((record.lease, record.refusal), (None, Some(refusal())));
    }

    #[test]
    fn a_malformed_agent_token_counts_as_missing() {
        let AttributeValue::M(fields) = of_agent_token(&agent()) else { panic!("a map") };
        for name in fields.keys() {
            let mut fields = fields.clone();
            fields.insert(name.clone(), AttributeValue::Ss(vec!["odd".into()]));
            let record = AgentRecord::try_from(HashMap::from([(TOKEN.into(), AttributeValue::M(fields))]));
            assert!(record.expect("a record").token.is_none(), "{name}");
        }
    }

    #[test]
    fn a_malformed_item_is_an_error_that_quotes_no_values() {
        for name in [
            ENTITY_ID,
            COOKIES,
            COOKIES_LAPSE_AT_S,
            FORMER,
            TOKEN,
            LEASE_SEQ,
            LEASE_OWNER,
            LEASE_UNTIL_MS,
            QUOTA_SINCE_MS,
            QUOTA_LAST_SEQ,
            VERSION,
            OUTSTANDING,
            LOGGED_OUT_SEQ,
            REVOKE_AGAIN_MS,
        ] {
            let mut item = full();
            item.insert(name.into(), AttributeValue::Ss(vec!["secret".into()]));
            match Item::new(item).into_record() {
                Err(StoreError::Internal(what)) => assert!(what.contains(name) && !what.contains("secret"), "{what}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
