//! The writes: many at once, with pauses while DynamoDB throttles.

use super::input::Found;
use crate::{
    failure::Failure,
    patience::{Patience, context},
    records::skipped::{Reason, Skipped},
};
use cip::{
    renewal::StoreError,
    store::{Store, operator::Insertion},
};
use indicatif::ProgressBar;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Writes identities into a table, or only compares them with it.
pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) concurrency: usize,
    pub(super) is_dry: bool,
    pub(super) patience: Arc<Patience>,
}

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) inserted: usize,
    pub(super) same: usize,
    pub(super) skipped: Vec<Skipped>,
    /// Records that were not reached because of the error.
    pub(super) not_done: usize,
    pub(super) error: Option<StoreError>,
}

impl Writer {
    /// Checks that the table can be read, with a single request.
    pub(super) async fn check(&self, found: &Found) -> Result<(), Failure> {
        match self.patience.send(|| async { self.store.read(&found.subject, &context()).await }).await {
            Ok(_) | Err(StoreError::Internal(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes everything, unless DynamoDB fails for a minute.
    pub(super) async fn run(&self, found: Vec<Found>, bar: &ProgressBar) -> Written {
        let mut written = Written::default();
        let mut rest = found.into_iter();
        let mut running = JoinSet::new();
        loop {
            while running.len() < self.concurrency
                && written.error.is_none()
                && let Some(found) = rest.next()
            {
                let (store, is_dry, patience) = (self.store.clone(), self.is_dry, Arc::clone(&self.patience));
                running.spawn(async move {
                    let result = patience.send(|| insert(&store, &found, is_dry)).await;
                    (found, result)
                });
            }
            let Some(ended) = running.join_next().await else { break };
            let (found, result) = ended.expect("no write panics");
            bar.inc(1);
            match result {
                Ok(Insertion::Inserted) => written.inserted += 1,
                Ok(Insertion::Same) => written.same += 1,
                Ok(Insertion::Taken) => written.skipped.push(found.skip(Reason::Taken)),
                Err(StoreError::Internal(_)) => written.skipped.push(found.skip(Reason::MalformedItem)),
                Err(error) => {
                    written.not_done += 1;
                    written.error = Some(error);
                }
            }
        }
        written.not_done += rest.len();
        written
    }
}

/// One identity.
async fn insert(store: &Store, Found { subject, identity, .. }: &Found, is_dry: bool) -> Result<Insertion, StoreError> {
    if is_dry {
        store.try_insert(subject, identity, &context()).await
    } else {
        store.insert(subject, identity, &context()).await
    }
}
