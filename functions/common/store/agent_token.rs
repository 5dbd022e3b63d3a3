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
    write::{Write, any, at_most, member, not_equals, not_exists, stored},
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
        let write = end_of(lease).set(item::REFUSED, item::of_refusal(refusal));
        self.send(key(), write, context).await.map(|_| ())
    }
}

pub(super) fn key() -> Key {
    Key { pk: "livechat".into(), sk: "agentToken".into() }
}

fn acquire(owner: &str, of: Option<LeaseSeq>, now: UnixMs) -> Write {
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

fn commit(lease: &Lease, token: &StoredAgentToken) -> Write {
    end_of(lease).set(item::TOKEN, item::of_agent_token(token)).remove(item::REFUSED)
}

fn end_of(lease: &Lease) -> Write {
    fenced(lease).remove(item::LEASE_UNTIL_MS)
}

fn record(item: Option<Item>) -> Result<AgentRecord, StoreError> {
    item.map_or_else(|| Ok(AgentRecord::default()), Item::into_agent_record)
}
