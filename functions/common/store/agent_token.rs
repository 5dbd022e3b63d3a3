//! The agent token: one item for all subjects, at `pk` = `livechat`, `sk` = `agentToken`.
//!
//! | attribute | type | holds |
//! |---|---|---|
//! | `version` | N | counts the writes |
//! | `token` | M | `accessToken`, `clientId`, `created` (Unix time in ms), `expiresIn` (ms), `seq`; with a new refresh token `refreshToken`, `replaces`. In place of `accessToken`, `refreshToken` and `replaces`: all `sealed` (B) |
//! | `leaseSeq`, `leaseOwner`, `leaseUntil` | N, S, N | the lease of the function that is refreshing it, as in `store/item.rs` |
//! | `refused` | M | why the latest refresh failed, as in `store/item.rs` |

use super::{
    Store, failed,
    item::{self, Item, Key},
    lease::{fenced, is_free},
    response,
    write::{Write, any, at_most, equals, member, not_equals, not_exists, stored},
};
use crate::{
    context::Context,
    identity::{LeaseSeq, UnixMs},
    renewal::{
        StoreError,
        agent_token::{AgentRecord, Stored, StoredAgentToken},
        record::{Lease, Refusal},
    },
    time::now,
};
use aws_sdk_dynamodb::types::ReturnValue;

/// The result of a try to acquire the lease for a refresh.
#[derive(Debug)]
pub(crate) enum Acquisition {
    /// The caller refreshes the token. This is what is stored.
    Acquired(Lease, Box<AgentRecord>),
    /// Another caller does, or has done so.
    Rejected,
}

/// Why a token was refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There was none, or it was about to expire.
    Due,
    /// LiveChat did not accept it. The refusal on record stays, so that the next one counts as a repetition.
    Rejected,
}

/// What LiveChat did not accept a new token for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A request for one customer or one group, and it may be about these.
    OneRequest,
    /// Any request: the token is not used again.
    All,
}

impl Store {
    /// What is stored of the agent token. One `GetItem`, strongly consistent.
    pub(crate) async fn read_agent_token(&self, context: &Context) -> Result<AgentRecord, StoreError> {
        let key = Some(key().into_attributes());
        let request = self.client.get_item().table_name(&self.table).set_key(key).consistent_read(true);
        let response = response(request.send(), context).await?.map_err(|error| failed(&error))?;
        record(response.item.map(Item::new))
    }

    /// Tries to acquire the lease for a refresh of what is stored. It is rejected while another caller has the lease, and if there is a newer
    /// token. One `UpdateItem`.
    pub(crate) async fn acquire_agent_token(
        &self,
        owner: &str,
        stored: Stored,
        context: &Context,
    ) -> Result<Acquisition, StoreError> {
        let record = record(self.send(key(), acquire(owner, stored, now()), context).await?.item())?;
        // Also if the write was rejected: then an earlier try of the SDK's took effect, and the response was lost.
        let record = Box::new(record);
        Ok(match record.lease.clone().filter(|lease| lease.owner == owner) {
            Some(lease) => Acquisition::Acquired(lease, record),
            None => Acquisition::Rejected,
        })
    }

    /// Stores a token, and ends the lease under which it was issued. If the lease is lost, nothing is stored. One `UpdateItem`.
    pub(crate) async fn commit_agent_token(
        &self,
        lease: &Lease,
        token: &StoredAgentToken,
        reason: Reason,
        context: &Context,
    ) -> Result<(), StoreError> {
        self.send(key(), commit(lease, token, reason), context).await.map(|_| ())
    }

    /// Ends the lease without a token. One `UpdateItem`.
    pub(crate) async fn release_agent_token(
        &self,
        lease: &Lease,
        refusal: Option<&Refusal>,
        context: &Context,
    ) -> Result<(), StoreError> {
        self.send(key(), release(lease, refusal), context).await.map(|_| ())
    }

    /// Records that LiveChat does not accept the stored token, if it still has the number `seq`. One `UpdateItem`.
    pub(crate) async fn refuse_agent_token(
        &self,
        seq: LeaseSeq,
        refusal: &Refusal,
        scope: Scope,
        context: &Context,
    ) -> Result<(), StoreError> {
        self.send(key(), refuse(seq, refusal, scope), context).await.map(|_| ())
    }
}

pub(super) fn key() -> Key {
    Key { pk: "livechat".into(), sk: "agentToken".into() }
}

pub(super) fn acquire(owner: &str, seen: Stored, now: UnixMs) -> Write {
    let write = Write::new()
        .set(item::LEASE_OWNER, owner)
        .set(item::LEASE_UNTIL_MS, Lease::expiry(now))
        .set(item::LEASE_SEQ, stored(item::LEASE_SEQ).or(0).plus(1))
        .set(item::VERSION, stored(item::VERSION).or(0).plus(1))
        .when(is_free(now))
        .when(any([not_exists(item::LEASE_OWNER), not_equals(item::LEASE_OWNER, owner)]))
        .returning(ReturnValue::AllNew);
    match seen {
        Stored::Nothing => write.when(not_exists(item::TOKEN)),
        Stored::Token(seq) => write.when(any([not_exists(item::TOKEN), at_most(member(item::TOKEN, item::SEQ), seq)])),
        // Its number may not be one, so it cannot be compared.
        Stored::Malformed => write,
    }
}

pub(super) fn commit(lease: &Lease, token: &StoredAgentToken, reason: Reason) -> Write {
    let write = end_of(lease).set(item::TOKEN, item::of_agent_token(token));
    match reason {
        Reason::Due => write.remove(item::REFUSED),
        Reason::Rejected => write,
    }
}

pub(super) fn release(lease: &Lease, refusal: Option<&Refusal>) -> Write {
    let write = end_of(lease);
    match refusal {
        Some(refusal) => write.set(item::REFUSED, item::of_refusal(refusal)),
        None => write,
    }
}

pub(super) fn refuse(seq: LeaseSeq, refusal: &Refusal, scope: Scope) -> Write {
    let write = item::next_version()
        .set(item::REFUSED, item::of_refusal(refusal))
        .when(equals(member(item::TOKEN, item::SEQ), seq));
    match scope {
        Scope::OneRequest => write,
        Scope::All => write.set(member(item::TOKEN, item::EXPIRES_IN_MS), 1),
    }
}

fn end_of(lease: &Lease) -> Write {
    fenced(lease).remove(item::LEASE_UNTIL_MS)
}

fn record(item: Option<Item>) -> Result<AgentRecord, StoreError> {
    item.map_or_else(|| Ok(AgentRecord::default()), Item::into_agent_record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;

    use crate::{
        identity::Lifetime,
        renewal::agent_token::{AgentSecrets, AgentToken},
        store::{Outcome, write::in_memory},
    };

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    /// The stored item.
    #[derive(Default)]
    struct Table(Option<Item>);

    impl Table {
        /// The lease of `owner`, if the owner gets it.
        fn acquire(&mut self, owner: &str, of: Option<u64>, now: UnixMs) -> Option<Lease> {
            let seen = of.map_or(Stored::Nothing, |seq| Stored::Token(LeaseSeq::new(seq)));
            self.acquire_after(owner, seen, now)
        }

        fn acquire_after(&mut self, owner: &str, seen: Stored, now: UnixMs) -> Option<Lease> {
            let outcome = in_memory::run(&acquire(owner, seen, now), &mut self.0);
            let record = record(outcome.item()).expect("a record");
            record.lease.filter(|lease| lease.owner == owner)
        }

        fn takes(&mut self, write: &Write) -> bool {
            matches!(in_memory::run(write, &mut self.0), Outcome::Applied(_))
        }

        fn read(&self) -> AgentRecord {
            record(self.0.clone()).expect("a record")
        }
    }

    fn token(lease: &Lease) -> StoredAgentToken {
        let lifetime = Lifetime { created: NOW, expires_in_ms: 28_800_000 };
        let secrets = AgentSecrets { access_token: "secret".into(), successor: None }.into();
        AgentToken { secrets, client_id: "app".into(), lifetime, seq: lease.seq }
    }

    fn refusal() -> Refusal {
        Refusal::first("settings", "invalid_grant", "", NOW)
    }

    #[test]
    fn one_of_two_refreshers_gets_the_lease() {
        let mut stored = Table::default();
        let lease = stored.acquire("a", None, NOW).expect("a lease");
        assert!(stored.acquire("b", None, NOW).is_none());
        assert!(stored.takes(&commit(&lease, &token(&lease), Reason::Due)));
        assert!(stored.acquire("b", None, NOW).is_none(), "there is a token that b has not seen");
        let next = stored.acquire("b", Some(1), NOW).expect("b has seen it");
        assert_eq!((lease.seq, next.seq), (LeaseSeq::new(1), LeaseSeq::new(2)));
    }

    #[test]
    fn a_write_that_arrives_again_changes_nothing() {
        let mut stored = Table::default();
        let lease = stored.acquire("a", None, NOW).expect("a lease");
        assert_eq!(stored.acquire("a", None, NOW.plus_ms(1)), Some(lease.clone()), "the response was lost");
        let write = commit(&lease, &token(&lease), Reason::Due);
        assert!(stored.takes(&write) && !stored.takes(&write));
        assert!(stored.acquire("a", Some(1), NOW).is_none());
        assert!(stored.read().lease.is_none());
    }

    #[test]
    fn a_refresher_that_lost_its_lease_stores_nothing() {
        let mut stored = Table::default();
        let lost = stored.acquire("a", None, NOW).expect("a lease");
        let later = NOW.plus_ms(Lease::LENGTH_MS + 1);
        let lease = stored.acquire("b", None, later).expect("the lease has expired");
        assert!(
            !stored.takes(&commit(&lost, &token(&lost), Reason::Due))
                && !stored.takes(&release(&lost, Some(&refusal())))
        );
        assert_eq!(stored.read().lease, Some(lease.clone()));
        assert!(stored.takes(&commit(&lease, &token(&lease), Reason::Due)));
        assert!(!stored.takes(&commit(&lost, &token(&lost), Reason::Due)));
        assert_eq!(stored.read().token.map(|token| token.seq), Some(lease.seq));
    }

    #[test]
    fn a_failed_refresh_keeps_the_token_and_a_new_token_ends_the_refusal() {
        let mut stored = Table::default();
        let first = stored.acquire("a", None, NOW).expect("a lease");
        assert!(stored.takes(&commit(&first, &token(&first), Reason::Due)));
        let failed = stored.acquire("a2", Some(1), NOW).expect("a lease");
        assert!(stored.takes(&release(&failed, Some(&refusal()))));
        let record = stored.read();
        assert_eq!((record.token.map(|token| token.seq), record.refusal), (Some(first.seq), Some(refusal())));
        let next = stored.acquire("a3", Some(1), NOW).expect("a lease");
        assert!(stored.takes(&commit(&next, &token(&next), Reason::Due)));
        assert!(stored.read().refusal.is_none());
    }

    #[test]
    fn a_refusal_of_a_new_token_makes_the_next_pause_longer() {
        let mut stored = Table::default();
        let first = stored.acquire("a", None, NOW).expect("a lease");
        assert!(stored.takes(&commit(&first, &token(&first), Reason::Due)));
        assert!(stored.takes(&refuse(first.seq, &refusal(), Scope::OneRequest)));
        let next = stored.acquire("b", Some(1), NOW).expect("a lease");
        assert!(stored.takes(&commit(&next, &token(&next), Reason::Rejected)));
        assert_eq!(stored.read().refusal, Some(refusal()));
    }

    #[test]
    fn a_token_that_livechat_accepts_for_nobody_is_not_used_again() {
        for (scope, is_live) in [(Scope::OneRequest, true), (Scope::All, false)] {
            let mut stored = Table::default();
            let lease = stored.acquire("a", None, NOW).expect("a lease");
            assert!(stored.takes(&commit(&lease, &token(&lease), Reason::Due)));
            assert!(stored.takes(&refuse(lease.seq, &refusal(), scope)));
            let token = stored.read().token.expect("its refresh token may be needed");
            assert_eq!(token.lifetime.is_live(NOW.plus_ms(1_000)), is_live);
        }
    }

    #[test]
    fn a_malformed_token_can_be_replaced() {
        let lease = Lease { owner: "a".into(), seq: LeaseSeq::new(3), until: NOW };
        for without in [item::SEQ, item::CREATED_MS] {
            let mut fields = item::of_agent_token(&token(&lease)).as_m().expect("a map").clone();
            fields.remove(without);
            let attributes =
                [(item::TOKEN.to_owned(), AttributeValue::M(fields)), (item::LEASE_SEQ.to_owned(), item::number(3))];
            let mut stored = Table(Some(Item::new(attributes.into())));
            assert!(stored.read().token.is_none() && stored.read().is_malformed);
            assert!(stored.acquire("b", None, NOW).is_none());
            assert!(stored.acquire_after("b", Stored::Malformed, NOW).is_some(), "without {without}");
        }
    }

    #[test]
    fn a_refusal_is_only_recorded_for_the_token_that_livechat_refused() {
        let mut stored = Table::default();
        let lease = stored.acquire("a", None, NOW).expect("a lease");
        assert!(!stored.takes(&refuse(lease.seq, &refusal(), Scope::OneRequest)), "no token is stored");
        assert!(stored.takes(&commit(&lease, &token(&lease), Reason::Due)));
        assert!(!stored.takes(&refuse(LeaseSeq::new(2), &refusal(), Scope::OneRequest)));
        assert!(stored.takes(&refuse(lease.seq, &refusal(), Scope::OneRequest)));
        assert_eq!(stored.read().refusal, Some(refusal()));
    }
}
