//! The sandbox's customers, their cookies and their tokens.

use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fmt,
};
use uuid::Uuid;

/// What becomes of a customer's secret, `__lc_cst`, with each call. Nobody outside LiveChat knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CstMode {
    /// It stays the same.
    Constant,
    /// Each call gives another one, and all former ones go on working.
    #[default]
    Rotating,
    /// Each call gives another one, and the former one is dead at once.
    Strict,
}

/// What happens to cookies of a customer that LiveChat forgot or never knew. Nobody outside LiveChat knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgotten {
    /// A new customer, as if there were none.
    #[default]
    NewCustomer,
    /// The identity error `identity_lost`, and nothing else.
    IdentityLost,
}

/// What revoking a token does. Nobody outside LiveChat knows whether the customer's other tokens go on working.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    /// It ends this token.
    #[default]
    Token,
    /// It ends all tokens of the customer.
    Customer,
    /// Status 500, and nothing else.
    #[serde(rename = "http_500")]
    Http500,
}

/// Whose customers they are: cookies of one realm are worth nothing in another.
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
    secrets: HashSet<String>,
    latest: String,
}

/// What a token stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TokenDetails {
    /// The customer.
    pub(super) entity_id: String,
    /// Where.
    pub(super) realm: Realm,
    /// When it ends; Unix time in ms.
    pub(super) ends_ms: u64,
}

/// What a call of the token endpoint gives.
#[derive(Debug)]
pub(super) struct Issued {
    /// The token.
    pub(super) access_token: String,
    /// The customer.
    pub(super) entity_id: String,
    /// `__lc_cid`.
    pub(super) cid: String,
    /// `__lc_cst`.
    pub(super) cst: String,
}

/// All customers and tokens.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Customers {
    /// By realm and `__lc_cid`.
    known: HashMap<String, Customer>,
    tokens: HashMap<String, TokenDetails>,
    made: u64,
    /// Whose every `__lc_cst` was or is; for the journal only.
    #[serde(skip)]
    secrets: HashMap<String, String>,
}

impl Customers {
    /// How many were ever made.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// The customer whom the cookies prove.
    pub(super) fn proven(&self, realm: Realm, (cid, cst): (&str, &str)) -> Option<&str> {
        let customer = self.known.get(&key(realm, cid))?;
        customer.secrets.contains(cst).then_some(&customer.entity_id)
    }

    /// The customer whose cookies these are, or were until LiveChat forgot the customer or killed the secret.
    pub(super) fn claimed(&self, (cid, cst): (&str, &str)) -> Option<&str> {
        self.secrets.get(cst).map(String::as_str).filter(|entity_id| *entity_id == cid)
    }

    /// A token, until `ends_ms`, for the customer whom the cookies prove, or else for a new one.
    pub(super) fn issue(&mut self, realm: Realm, cookies: Option<(&str, &str)>, cst: CstMode, ends_ms: u64) -> Issued {
        let proven = cookies.and_then(|cookies| self.proven(realm, cookies)).map(str::to_owned);
        // In every example that LiveChat shows, the cookie's value is the entity id.
        let cid = proven.unwrap_or_else(|| self.make(realm));
        let customer = self.known.get_mut(&key(realm, &cid)).expect("it was found or made just now");
        if cst != CstMode::Constant {
            customer.latest = random("cst");
            if cst == CstMode::Strict {
                customer.secrets.clear();
            }
            customer.secrets.insert(customer.latest.clone());
        }
        let (entity_id, cst) = (customer.entity_id.clone(), customer.latest.clone());
        self.secrets.insert(cst.clone(), entity_id.clone());
        let access_token = format!("sandbox:{}", random("token"));
        self.tokens.insert(access_token.clone(), TokenDetails { entity_id: entity_id.clone(), realm, ends_ms });
        Issued { access_token, entity_id, cid, cst }
    }

    fn make(&mut self, realm: Realm) -> String {
        self.made += 1;
        let entity_id = Uuid::new_v4().to_string();
        let latest = random("cst");
        let secrets = HashSet::from([latest.clone()]);
        self.known.insert(key(realm, &entity_id), Customer { entity_id: entity_id.clone(), secrets, latest });
        entity_id
    }

    /// What a token stands for, while it lives.
    pub(super) fn details(&self, access_token: &str, now_ms: u64) -> Option<&TokenDetails> {
        self.tokens.get(access_token).filter(|details| details.ends_ms > now_ms)
    }

    /// Ends a token. Whether there was one.
    pub(super) fn revoke(&mut self, access_token: &str) -> bool {
        self.tokens.remove(access_token).is_some()
    }

    /// Ends all tokens of a token's customer. Whether there was such a token.
    pub(super) fn revoke_all(&mut self, access_token: &str) -> bool {
        let Some(TokenDetails { entity_id, .. }) = self.tokens.get(access_token).cloned() else { return false };
        self.tokens.retain(|_, token| token.entity_id != entity_id);
        true
    }

    /// Forgets a customer. What their cookies claim is still known.
    pub(super) fn forget(&mut self, entity_id: &str) {
        self.known.retain(|_, customer| customer.entity_id != entity_id);
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

    const END_MS: u64 = 1_000;

    fn cookies(issued: &Issued) -> (&str, &str) {
        (&issued.cid, &issued.cst)
    }

    #[test]
    fn the_same_cookies_are_the_same_customer() {
        for cst in [CstMode::Constant, CstMode::Rotating, CstMode::Strict] {
            let mut customers = Customers::default();
            let first = customers.issue(Realm::V2, None, cst, END_MS);
            let second = customers.issue(Realm::V2, Some(cookies(&first)), cst, END_MS);
            assert_eq!(first.entity_id, second.entity_id);
            assert_ne!(first.access_token, second.access_token);
            assert_eq!(first.cst == second.cst, cst == CstMode::Constant);
            let third = customers.issue(Realm::V2, Some(cookies(&first)), cst, END_MS);
            assert_eq!(third.entity_id == first.entity_id, cst != CstMode::Strict, "{cst:?}");
        }
    }

    #[test]
    fn anything_else_is_a_new_one() {
        let mut customers = Customers::default();
        let first = customers.issue(Realm::V2, None, CstMode::Rotating, END_MS);
        for (realm, cookies) in [
            (Realm::V1, Some(cookies(&first))),
            (Realm::Group(1), Some(cookies(&first))),
            (Realm::V2, Some((first.cid.as_str(), "other"))),
            (Realm::V2, Some(("other", first.cst.as_str()))),
            (Realm::V2, None),
        ] {
            assert_ne!(customers.issue(realm, cookies, CstMode::Rotating, END_MS).entity_id, first.entity_id);
        }
        assert_eq!(customers.made(), 6);
    }

    #[test]
    fn a_dead_secret_proves_nothing_and_still_claims() {
        let mut customers = Customers::default();
        let first = customers.issue(Realm::V2, None, CstMode::Strict, END_MS);
        assert_eq!(customers.proven(Realm::V2, cookies(&first)), Some(first.entity_id.as_str()));
        assert_eq!(customers.proven(Realm::V1, cookies(&first)), None);
        customers.issue(Realm::V2, Some(cookies(&first)), CstMode::Strict, END_MS);
        assert_eq!(customers.proven(Realm::V2, cookies(&first)), None);
        customers.forget(&first.entity_id);
        assert_eq!(customers.claimed(cookies(&first)), Some(first.entity_id.as_str()));
        assert_eq!(customers.claimed((&first.cid, "other")), None);
        assert_eq!(customers.claimed(("other", &first.cst)), None);
    }

    #[test]
    fn what_is_kept_comes_back() {
        let mut customers = Customers::default();
        let first = customers.issue(Realm::Group(3), None, CstMode::Rotating, END_MS);
        let kept = serde_json::to_string(&customers).expect("JSON");
        let mut customers: Customers = serde_json::from_str(&kept).expect("customers");
        assert_eq!(customers.details(&first.access_token, 0).map(|details| details.realm), Some(Realm::Group(3)));
        let again = customers.issue(Realm::Group(3), Some(cookies(&first)), CstMode::Rotating, END_MS);
        assert_eq!((again.entity_id, customers.made()), (first.entity_id, 1));
    }

    #[test]
    fn a_token_ends_when_it_is_over_or_revoked() {
        let mut customers = Customers::default();
        let token = customers.issue(Realm::V2, None, CstMode::Rotating, END_MS).access_token;
        assert!(customers.details(&token, END_MS).is_none());
        assert!(customers.details(&token, END_MS - 1).is_some());
        assert!(customers.revoke(&token));
        assert!(customers.details(&token, END_MS - 1).is_none());
        assert!(!customers.revoke(&token) && !customers.revoke_all(&token));
    }

    #[test]
    fn all_tokens_of_a_customer_can_end_at_once() {
        let mut customers = Customers::default();
        let other = customers.issue(Realm::V2, None, CstMode::Rotating, END_MS).access_token;
        let first = customers.issue(Realm::V2, None, CstMode::Rotating, END_MS);
        let second = customers.issue(Realm::V2, Some(cookies(&first)), CstMode::Rotating, END_MS);
        assert!(customers.revoke_all(&first.access_token));
        assert!(customers.details(&second.access_token, 0).is_none() && customers.details(&other, 0).is_some());
    }
}
