//! What is stored about the revocation of tokens.

use super::{
    Store, item,
    write::{Write, exists, member},
};
use crate::{
    context::Context,
    identity::Subject,
    renewal::{Bookkeeping, RevokeAgain, StoreError},
};

impl Store {
    /// Records the result of revocations. One `UpdateItem`, which does not create an item.
    pub async fn record_revocations(
        &self,
        subject: &Subject,
        bookkeeping: &Bookkeeping,
        context: &Context,
    ) -> Result<(), StoreError> {
        self.send(item::key(subject), record(bookkeeping), context).await.map(|_| ())
    }
}

/// Records the result of revocations. The quota is not stored.
pub(crate) fn record(bookkeeping: &Bookkeeping) -> Write {
    bookkeeping.add_to(item::next_version()).when(exists(item::OUTSTANDING))
}

impl Bookkeeping {
    /// `write`, which also stores the result of revocations.
    pub(super) fn add_to(&self, write: Write) -> Write {
        let forget = |write: Write, key: &String| write.remove(member(item::OUTSTANDING, key.clone()));
        let write = self.forget.iter().fold(write, forget);
        match self.revoke_again {
            RevokeAgain::Unchanged => write,
            RevokeAgain::WhenDue => write.set(item::REVOKE_AGAIN_MS, 0),
            RevokeAgain::NotBefore(again) => write.set(item::REVOKE_AGAIN_MS, again),
        }
    }
}
