//! The removal of a subject's token.

use super::{
    Outcome, Store, item,
    write::{Write, exists},
};
use crate::{
    context::Context,
    identity::Subject,
    renewal::{StoreError, record::Record},
};
use aws_sdk_dynamodb::types::ReturnValue;

impl Store {
    /// Removes the subject's token, and keeps everything else. Returns what was stored before. One `UpdateItem`, which does not create
    /// an item.
    pub async fn drop_token(&self, subject: &Subject, context: &Context) -> Result<Record, StoreError> {
        dropped(self.send(item::key(subject), drop(), context).await?)
    }
}

/// Removes the token.
pub(crate) fn drop() -> Write {
    item::next_version().remove(item::TOKEN).when(exists(item::TOKEN)).returning(ReturnValue::AllOld)
}

/// What was stored before a write that [`drop`] made.
pub(crate) fn dropped(outcome: Outcome) -> Result<Record, StoreError> {
    item::record(outcome.item())
}
