//! The sandbox's customers, their cookies and their tokens.

use super::{CstMode, CustomerDetails, Grant};
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fmt,
};
use uuid::Uuid;

/// The account or group that a customer belongs to. Cookies of one realm are invalid in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Realm {
    /// The licence, in v1.
    V1,
    /// The organization, in v2.
    V2,
    /// One of its groups.
    Group(u64),
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1 => f.write_str("v1"),
            Self::V2 => f.write_str("v2"),
            Self::Group(number) => write!(f, "v2/{number}"),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Customer {
    entity_id: String,
    /// Empty if its cookies are no longer accepted.
    secrets: HashSet<String>,
    latest: String,
    /// Files of older versions have no details.
    #[serde(default)]
    details: CustomerDetails,
}

/// What the sandbox knows about a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TokenDetails {
    /// The customer.
    pub(super) entity_id: String,
    /// The realm of the customer.
    pub(super) realm: Realm,
    /// When it expires; Unix time in ms.
    #[serde(rename = "ends_ms")]
    pub(super) expires_ms: u64,
    /// How it was issued. Files of older versions do not say it.
    #[serde(default)]
    pub(super) grant: Grant,
}

/// The result of a call of the token endpoint.
#[derive(Debug)]
pub(super) struct Issued {
    /// The token.
    pub(super) access_token: String,
    /// The customer.
    pub(super) entity_id: String,
    /// `__lc_cid` and `__lc_cst`; only with the cookie grant.
    pub(super) cookies: Option<(String, String)>,
}

/// What the admin API shows about a customer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    entity_id: String,
    /// `v1`, `v2`, or `v2/7` for group 7.
    realm: String,
    cookies_accepted: bool,
    #[serde(flatten)]
    details: CustomerDetails,
}

/// All customers and tokens.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Customers {
    /// By realm and `__lc_cid`.
    known: HashMap<String, Customer>,
    tokens: HashMap<String, TokenDetails>,
    #[serde(rename = "made")]
    created: u64,
    /// The entity id for each `__lc_cst` that was ever issued; for the journal only.
    #[serde(skip)]
    secrets: HashMap<String, String>,
}

impl Customers {
    /// The number of customers that were created.
    pub(super) fn created(&self) -> u64 {
        self.created
    }

    /// The entity id of the customer, if the cookies are valid.
    pub(super) fn proven(&self, realm: Realm, (cid, cst): (&str, &str)) -> Option<&str> {
        let customer = self.known.get(&key(realm, cid))?;
        customer.secrets.contains(cst).then_some(&customer.entity_id)
    }

    /// The entity id of the customer for whom the cookies were issued, even if the customer was forgotten or the secret is no
    /// longer valid.
    pub(super) fn claimed(&self, (cid, cst): (&str, &str)) -> Option<&str> {
        self.secrets.get(cst).map(String::as_str).filter(|entity_id| *entity_id == cid)
    }

    /// Issues a token that expires at `expires_ms` (Unix time in ms): for the customer of the cookies if they are valid, or else
    /// for a new customer.
    pub(super) fn issue(
        &mut self,
        realm: Realm,
        cookies: Option<(&str, &str)>,
        cst: CstMode,
        expires_ms: u64,
    ) -> Issued {
        let proven = cookies.and_then(|cookies| self.proven(realm, cookies)).map(str::to_owned);
        // In every example that LiveChat shows, the cookie's value is the entity id.
        let cid = proven.unwrap_or_else(|| self.create(realm));
        let customer = self.known.get_mut(&key(realm, &cid)).expect("it was found or created just now");
        if cst != CstMode::Constant {
            customer.latest = random("cst");
            if cst == CstMode::Strict {
                customer.secrets.clear();
            }
            customer.secrets.insert(customer.latest.clone());
        }
        let (entity_id, cst) = (customer.entity_id.clone(), customer.latest.clone());
        self.secrets.insert(cst.clone(), entity_id.clone());
        let access_token = self.token_for(&entity_id, realm, expires_ms, Grant::Cookie);
        Issued { access_token, entity_id, cookies: Some((cid, cst)) }
    }

    /// Issues a token that expires at `expires_ms` (Unix time in ms) to an agent: for the customer `entity_id`, which must be
    /// known, or else for a new customer. The customer's cookies do not change.
    pub(super) fn issue_to_agent(&mut self, realm: Realm, entity_id: Option<&str>, expires_ms: u64) -> Issued {
        let entity_id = entity_id.map_or_else(|| self.create(realm), str::to_owned);
        let access_token = self.token_for(&entity_id, realm, expires_ms, Grant::AgentToken);
        Issued { access_token, entity_id, cookies: None }
    }

    /// Issues a token that expires at `expires_ms` (Unix time in ms) for the customer `entity_id`, which must be known, to the holder of
    /// an identity transfer token. The customer's cookies do not change.
    pub(super) fn issue_to_holder(&mut self, realm: Realm, entity_id: &str, expires_ms: u64) -> Issued {
        let access_token = self.token_for(entity_id, realm, expires_ms, Grant::IdentityToken);
        Issued { access_token, entity_id: entity_id.to_owned(), cookies: None }
    }

    fn token_for(&mut self, entity_id: &str, realm: Realm, expires_ms: u64, grant: Grant) -> String {
        let access_token = format!("sandbox:{}", random("token"));
        let details = TokenDetails { entity_id: entity_id.to_owned(), realm, expires_ms, grant };
        self.tokens.insert(access_token.clone(), details);
        access_token
    }

    /// Whether there is a customer with this entity id, however it was created.
    pub(super) fn knows(&self, realm: Realm, entity_id: &str) -> bool {
        // The `__lc_cid` of a customer is its entity id.
        self.known.contains_key(&key(realm, entity_id))
    }

    fn create(&mut self, realm: Realm) -> String {
        self.created += 1;
        let entity_id = Uuid::new_v4().to_string();
        let latest = random("cst");
        let secrets = HashSet::from([latest.clone()]);
        let customer = Customer { entity_id: entity_id.clone(), secrets, latest, details: CustomerDetails::default() };
        self.known.insert(key(realm, &entity_id), customer);
        entity_id
    }

    /// The details of a token that is valid at `now_ms`.
    pub(super) fn details(&self, access_token: &str, now_ms: u64) -> Option<&TokenDetails> {
        self.tokens.get(access_token).filter(|details| details.expires_ms > now_ms)
    }

    /// Revokes a token. Returns whether there was one.
    pub(super) fn revoke(&mut self, access_token: &str) -> bool {
        self.tokens.remove(access_token).is_some()
    }

    /// Revokes all tokens of a token's customer. Returns whether there was such a token.
    pub(super) fn revoke_all(&mut self, access_token: &str) -> bool {
        let Some(TokenDetails { entity_id, .. }) = self.tokens.get(access_token).cloned() else { return false };
        self.tokens.retain(|_, token| token.entity_id != entity_id);
        true
    }

    /// Forgets a customer. [`claimed`](Self::claimed) still recognises its cookies.
    pub(super) fn forget(&mut self, entity_id: &str) {
        self.known.retain(|_, customer| customer.entity_id != entity_id);
    }

    /// From now on, the customer's cookies are not valid. [`claimed`](Self::claimed) still recognises them.
    pub(super) fn kill_cookies(&mut self, entity_id: &str) {
        self.known.values_mut().filter(|customer| customer.entity_id == entity_id).for_each(|customer| {
            customer.secrets.clear();
        });
    }

    /// The details of the customer of a token that is valid at `now_ms`. `None` if there is no such token, or the customer was
    /// forgotten.
    pub(super) fn details_of_holder(&mut self, access_token: &str, now_ms: u64) -> Option<&mut CustomerDetails> {
        let TokenDetails { realm, entity_id, .. } = self.details(access_token, now_ms)?;
        let key = key(*realm, entity_id);
        self.known.get_mut(&key).map(|customer| &mut customer.details)
    }

    /// The details of a customer.
    pub(super) fn details_of(&self, entity_id: &str) -> Option<&CustomerDetails> {
        self.known.values().find(|customer| customer.entity_id == entity_id).map(|customer| &customer.details)
    }

    /// All customers, by entity id.
    pub(super) fn list(&self) -> Vec<Shown> {
        let realm = |key: &str, cid: &str| key.strip_suffix(cid).unwrap_or(key).trim_end_matches('/').to_owned();
        let shown = self.known.iter().map(|(key, customer)| Shown {
            entity_id: customer.entity_id.clone(),
            realm: realm(key, &customer.entity_id),
            cookies_accepted: !customer.secrets.is_empty(),
            details: customer.details.clone(),
        });
        let mut all: Vec<_> = shown.collect();
        all.sort_by(|one, other| one.entity_id.cmp(&other.entity_id));
        all
    }
}

fn key(realm: Realm, cid: &str) -> String {
    format!("{realm}/{cid}")
}

fn random(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRES_MS: u64 = 1_000;

    fn cookies(issued: &Issued) -> (&str, &str) {
        let (cid, cst) = issued.cookies.as_ref().expect("cookies");
        (cid, cst)
    }

    #[test]
    fn valid_cookies_get_the_same_customer() {
        for cst in [CstMode::Constant, CstMode::Rotating, CstMode::Strict] {
            let mut customers = Customers::default();
            let first = customers.issue(Realm::V2, None, cst, EXPIRES_MS);
            let second = customers.issue(Realm::V2, Some(cookies(&first)), cst, EXPIRES_MS);
            assert_eq!(first.entity_id, second.entity_id);
            assert_ne!(first.access_token, second.access_token);
            assert_eq!(cookies(&first) == cookies(&second), cst == CstMode::Constant);
            let third = customers.issue(Realm::V2, Some(cookies(&first)), cst, EXPIRES_MS);
            assert_eq!(third.entity_id == first.entity_id, cst != CstMode::Strict, "{cst:?}");
        }
    }

    #[test]
    fn invalid_or_missing_cookies_get_a_new_customer() {
        let mut customers = Customers::default();
        let first = customers.issue(Realm::V2, None, CstMode::Rotating, EXPIRES_MS);
        for (realm, cookies) in [
            (Realm::V1, Some(cookies(&first))),
            (Realm::Group(1), Some(cookies(&first))),
            (Realm::V2, Some((cookies(&first).0, "other"))),
            (Realm::V2, Some(("other", cookies(&first).1))),
            (Realm::V2, None),
        ] {
            assert_ne!(customers.issue(realm, cookies, CstMode::Rotating, EXPIRES_MS).entity_id, first.entity_id);
        }
        assert_eq!(customers.created(), 6);
    }

    #[test]
    fn a_former_secret_is_invalid_but_its_customer_is_still_recognised() {
        let mut customers = Customers::default();
        let first = customers.issue(Realm::V2, None, CstMode::Strict, EXPIRES_MS);
        assert_eq!(customers.proven(Realm::V2, cookies(&first)), Some(first.entity_id.as_str()));
        assert_eq!(customers.proven(Realm::V1, cookies(&first)), None);
        customers.issue(Realm::V2, Some(cookies(&first)), CstMode::Strict, EXPIRES_MS);
        assert_eq!(customers.proven(Realm::V2, cookies(&first)), None);
        customers.forget(&first.entity_id);
        assert_eq!(customers.claimed(cookies(&first)), Some(first.entity_id.as_str()));
        assert_eq!(customers.claimed((cookies(&first).0, "other")), None);
        assert_eq!(customers.claimed(("other", cookies(&first).1)), None);
    }

    #[test]
    fn customers_survive_a_restart() {
        let mut customers = Customers::default();
        let first = customers.issue(Realm::Group(3), None, CstMode::Rotating, EXPIRES_MS);
        let stored = serde_json::to_string(&customers).expect("JSON");
        let mut customers: Customers = serde_json::from_str(&stored).expect("customers");
        assert_eq!(customers.details(&first.access_token, 0).map(|details| details.realm), Some(Realm::Group(3)));
        let again = customers.issue(Realm::Group(3), Some(cookies(&first)), CstMode::Rotating, EXPIRES_MS);
        assert_eq!((again.entity_id, customers.created()), (first.entity_id, 1));
    }

    #[test]
    fn a_token_is_valid_until_it_expires_or_is_revoked() {
        let mut customers = Customers::default();
        let token = customers.issue(Realm::V2, None, CstMode::Rotating, EXPIRES_MS).access_token;
        assert!(customers.details(&token, EXPIRES_MS).is_none());
        assert!(customers.details(&token, EXPIRES_MS - 1).is_some());
        assert!(customers.revoke(&token));
        assert!(customers.details(&token, EXPIRES_MS - 1).is_none());
        assert!(!customers.revoke(&token) && !customers.revoke_all(&token));
    }

    #[test]
    fn all_tokens_of_a_customer_can_be_revoked_at_once() {
        let mut customers = Customers::default();
        let other = customers.issue(Realm::V2, None, CstMode::Rotating, EXPIRES_MS).access_token;
        let first = customers.issue(Realm::V2, None, CstMode::Rotating, EXPIRES_MS);
        let second = customers.issue(Realm::V2, Some(cookies(&first)), CstMode::Rotating, EXPIRES_MS);
        assert!(customers.revoke_all(&first.access_token));
        assert!(customers.details(&second.access_token, 0).is_none() && customers.details(&other, 0).is_some());
    }
}
