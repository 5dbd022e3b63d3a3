//! Adoption: a guest logs in, and the chat goes on.
//!
//! A user who has no identity yet takes over that of the guest who they were until now: both items change in one
//! transaction. It happens inside a renewal of the user's, between taking the lease and asking LiveChat, so that everything that
//! keeps two renewals from making two customers also keeps an adoption from making a second one. The guest's side is fenced
//! by the version of its item: while the guest's own renewal is under way the adoption waits for it, and one that
//! begins after the item was read makes the transaction fail and the adoption look again. Once adopted, a guest can take
//! no lease, so nobody who knows the guest's secret ever sees anything of the user's.
//!
//! The list of the guest's tokens that may still work moves with the identity. They belong to the same customer, and whoever has one
//! could go on reading the chat, so LiveChat is told to revoke each of them before it is called for the user's first token.
//!
//! LiveChat may have forgotten the guest's customer. An identity that is known to be dead is not adopted; and until LiveChat has issued
//! the user's first token for it, it can be replaced even with `ON_IDENTITY_CHANGE=reject`, as the user never had it.

use super::Provider;
use crate::{
    error::{Error, Failure},
    identity::{GuestId, Identity, Lease, Outstanding, Principal, Record, Subject},
    operation::Call,
    store::Adopted,
    telemetry::tally,
    time::now_ms,
};
use std::time::Duration;

/// What became of an adoption.
#[derive(Debug)]
pub(super) enum Adoption {
    /// The user has this identity now, and these tokens, which are to be revoked.
    Done(Identity, Outstanding),
    /// The guest has none that could be taken over.
    Needless,
    /// The user's lease is no longer ours.
    LeaseLost,
}

impl Provider {
    /// How long an adoption waits for the guest's own renewal: as long as leaves time to ask LiveChat under the same lease.
    const LONGEST_ADOPTION: Duration = Duration::from_secs(2);
    /// How often it looks, in ms.
    const ADOPTION_POLL_MS: std::ops::Range<u64> = 40..80;

    /// Moves the guest's identity to the user, under the user's `lease`.
    pub(super) async fn adopt(&self, call: &Call, lease: &Lease, guest: &GuestId) -> Result<Adoption, Error> {
        let guest = Subject { principal: Principal::Guest(guest.clone()), group: call.subject.group };
        let give_up_at = call.deadline.within(Self::LONGEST_ADOPTION);
        let mut has_tried = false;
        loop {
            let record = self.store.read(&guest, call.deadline).await?.unwrap_or_default();
            if record.is_adopted && has_tried {
                // Perhaps by us: by a copy of our transaction that was late. Then the user has the identity, and if not, nobody
                // can bring it to them any more.
                let user = self.store.read(&call.subject, call.deadline).await?.unwrap_or_default();
                tally::count(|tally| tally.identities_adopted += u64::from(user.identity.is_some()));
                let outstanding = user.outstanding;
                return Ok(user.identity.map_or(Adoption::Needless, |identity| Adoption::Done(identity, outstanding)));
            }
            if record.held(now_ms()).is_none() {
                if is_dead(&record) {
                    return Ok(Adoption::Needless);
                }
                let Some(identity) = record.identity else { return Ok(Adoption::Needless) };
                let identity = Identity { is_unproven: true, ..identity };
                let tokens = record.outstanding.into_adopted(now_ms());
                let version = record.version;
                match self.store.adopt(&call.subject, lease, &guest, version, &identity, &tokens, call.deadline).await?
                {
                    Adopted::Yes => {
                        tally::count(|tally| tally.identities_adopted += 1);
                        return Ok(Adoption::Done(identity, tokens));
                    }
                    Adopted::LeaseLost => return Ok(Adoption::LeaseLost),
                    Adopted::GuestChanged => has_tried = true,
                }
            }
            if give_up_at.left().is_zero() {
                return Err(Error::Busy);
            }
            tally::count(|tally| tally.lease_waits = 1);
            tokio::time::sleep(Duration::from_millis(fastrand::u64(Self::ADOPTION_POLL_MS))).await;
        }
    }
}

/// LiveChat said at the guest's latest renewal that it does not know the customer any more, and the site's settings refused another one.
fn is_dead(record: &Record) -> bool {
    record.failed.as_ref().is_some_and(|failed| failed.failure == Failure::IdentityChanged)
}
