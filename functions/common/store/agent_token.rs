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
        agent_token::{AgentRecord, StoredAgentToken},
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
    /// Another caller does, or has done so. This is what is stored.
    Rejected(Box<AgentRecord>),
}

impl Store {
    /// What is stored of the agent token. One `GetItem`, strongly consistent.
    pub(crate) async fn read_agent_token(&self, context: &Context) -> Result<AgentRecord, StoreError> {
        let key = Some(key().into_attributes());
        let request = self.client.get_item().table_name(&self.table).set_key(key).consistent_read(true);
        let response = response(request.send(), context).await?.map_err(|error| failed(&error))?;
        record(response.item.map(Item::new))
    }

    /// Tries to acquire the lease for a refresh of the token with the number `of`, if there is one. It is rejected while another caller has
    /// the lease, and if there is a newer token. One `UpdateItem`.
    pub(crate) async fn acquire_agent_token(
        &self,
        owner: &str,
        of: Option<LeaseSeq>,
        context: &Context,
    ) -> Result<Acquisition, StoreError> {
        let record = record(self.send(key(), acquire(owner, of, now()), context).await?.item())?;
        // Also if the write was rejected: then an earlier try of the SDK's took effect, and the response was lost.
        let record = Box::new(record);
        Ok(match record.lease.clone().filter(|lease| lease.owner == owner) {
            Some(lease) => Acquisition::Acquired(lease, record),
            None => Acquisition::Rejected(record),
        })
    }

    /// Stores a token, and ends the lease under which it was issued. If the lease is lost, nothing is stored. One `UpdateItem`.
    pub(crate) async fn commit_agent_token(
        &self,
        lease: &Lease,
        token: &StoredAgentToken,
        context: &Context,
    ) -> Result<(), StoreError> {
        self.send(key(), commit(lease, token), context).await.map(|_| ())
    }

    /// Ends the lease without a token. One `UpdateItem`.
    pub(crate) async fn release_agent_token(
        &self,
        lease: &Lease,
        refusal: &Refusal,
        context: &Context,
    ) -> Result<(), StoreError> {
        self.send(key(), release(lease, refusal), context).await.map(|_| ())
    }

    /// Records that LiveChat does not accept the stored token, if it still has the number `seq`. One `UpdateItem`.
    pub(crate) async fn refuse_agent_token(
        &self,
        seq: LeaseSeq,
        refusal: &Refusal,
        context: &Context,
    ) -> Result<(), StoreError> {
        self.send(key(), refuse(seq, refusal), context).await.map(|_| ())
    }
}

pub(super) fn key() -> Key {
    Key { pk: "livechat".into(), sk: "agentToken".into() }
}

pub(super) fn acquire(owner: &str, of: Option<LeaseSeq>, now: UnixMs) -> Write {
    Write::new()
        .set(item::LEASE_OWNER, owner)
        .set(item::LEASE_UNTIL_MS, Lease::expiry(now))
        .set(item::LEASE_SEQ, stored(item::LEASE_SEQ).or(0).plus(1))
        .set(item::VERSION, stored(item::VERSION).or(0).plus(1))
        .when(is_free(now))
        .when(any([not_exists(item::LEASE_OWNER), not_equals(item::LEASE_OWNER, owner)]))
        .when(any([
            not_exists(item::TOKEN),
            at_most(member(item::TOKEN, item::SEQ), of.unwrap_or(LeaseSeq::BEFORE_FIRST)),
        ]))
        .returning(ReturnValue::AllNew)
}

pub(super) fn commit(lease: &Lease, token: &StoredAgentToken) -> Write {
    end_of(lease).set(item::TOKEN, item::of_agent_token(token)).remove(item::REFUSED)
}

pub(super) fn release(lease: &Lease, refusal: &Refusal) -> Write {
    end_of(lease).set(item::REFUSED, item::of_refusal(refusal))
}

pub(super) fn refuse(seq: LeaseSeq, refusal: &Refusal) -> Write {
    item::next_version().set(item::REFUSED, item::of_refusal(refusal)).when(equals(member(item::TOKEN, item::SEQ), seq))
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
    use crate::{
        identity::Lifetime,
        renewal::agent_token::{AgentSecrets, AgentToken},
        store::{Outcome, write::in_memory},
    };

    const NOW: UnixMs = UnixMs::new(1_700_000_000_000);

    /// The stored item.
    #[derive(Default)]
    struct Stored(Option<Item>);

    impl Stored {
        /// The lease of `owner`, if the owner gets it.
        fn acquire(&mut self, owner: &str, of: Option<u64>, now: UnixMs) -> Option<Lease> {
            let outcome = in_memory::run(&acquire(owner, of.map(LeaseSeq::new), now), &mut self.0);
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
        let mut stored = Stored::default();
        let lease = stored.acquire("a", None, NOW).expect("a lease");
        assert!(stored.acquire("b", None, NOW).is_none());
        assert!(stored.takes(&commit(&lease, &token(&lease))));
        assert!(stored.acquire("b", None, NOW).is_none(), "there is a token that b has not seen");
        let next = stored.acquire("b", Some(1), NOW).expect("b has seen it");
        assert_eq!((lease.seq, next.seq), (LeaseSeq::new(1), LeaseSeq::new(2)));
    }

    #[test]
    fn a_write_that_arrives_again_changes_nothing() {
        let mut stored = Stored::default();
        let lease = stored.acquire("a", None, NOW).expect("a lease");
        assert_eq!(stored.acquire("a", None, NOW.plus_ms(1)), Some(lease.clone()), "the response was lost");
        let write = commit(&lease, &token(&lease));
        assert!(stored.takes(&write) && !stored.takes(&write));
        assert!(stored.acquire("a", Some(1), NOW).is_none());
        assert!(stored.read().lease.is_none());
    }

    #[test]
    fn a_refresher_that_lost_its_lease_stores_nothing() {
        let mut stored = Stored::default();
        let lost = stored.acquire("a", None, NOW).expect("a lease");
        let later = NOW.plus_ms(Lease::LENGTH_MS + 1);
        let lease = stored.acquire("b", None, later).expect("the lease has expired");
        assert!(!stored.takes(&commit(&lost, &token(&lost))) && !stored.takes(&release(&lost, &refusal())));
        assert_eq!(stored.read().lease, Some(lease.clone()));
        assert!(stored.takes(&commit(&lease, &token(&lease))));
        assert!(!stored.takes(&commit(&lost, &token(&lost))));
        assert_eq!(stored.read().token.map(|token| token.seq), Some(lease.seq));
    }

    #[test]
    fn a_failed_refresh_keeps_the_token_and_a_new_token_ends_the_refusal() {
        let mut stored = Stored::default();
        let first = stored.acquire("a", None, NOW).expect("a lease");
        assert!(stored.takes(&commit(&first, &token(&first))));
        let failed = stored.acquire("a2", Some(1), NOW).expect("a lease");
        assert!(stored.takes(&release(&failed, &refusal())));
        let record = stored.read();
        assert_eq!((record.token.map(|token| token.seq), record.refusal), (Some(first.seq), Some(refusal())));
        let next = stored.acquire("a3", Some(1), NOW).expect("a lease");
        assert!(stored.takes(&commit(&next, &token(&next))));
        assert!(stored.read().refusal.is_none());
    }

    #[test]
    fn a_refusal_is_only_recorded_for_the_token_that_livechat_refused() {
        let mut stored = Stored::default();
        let lease = stored.acquire("a", None, NOW).expect("a lease");
        assert!(!stored.takes(&refuse(lease.seq, &refusal())), "there is no token");
        assert!(stored.takes(&commit(&lease, &token(&lease))));
        assert!(!stored.takes(&refuse(LeaseSeq::new(2), &refusal())));
        assert!(stored.takes(&refuse(lease.seq, &refusal())));
        assert_eq!(stored.read().refusal, Some(refusal()));
    }
}
