//! All items of the table, read in parallel and at a bounded rate, so that the functions keep what they need.

use crate::{
    failure::Failure,
    patience::{Patience, context},
};
use cip::store::{
    Store,
    operator::{Attributes, Page, is_unconnected},
};
use clap::Args;
use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::{Instant, sleep_until},
};

/// The parts that are read at the same time.
const SEGMENTS: i32 = 8;

/// How fast the table is read.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Pace {
    /// The most read units a second. A unit reads about eight users.
    #[arg(long, value_name = "N", default_value = "500")]
    pub(crate) read_units: NonZeroU32,
}

/// Spends units evenly: a request waits until the former ones are paid for.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: NonZeroU32,
    next: Mutex<Instant>,
}

impl Rate {
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        Self { per_second, next: Mutex::new(Instant::now()) }
    }

    /// Waits until another request may be sent.
    pub(crate) async fn wait(&self) {
        let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
        sleep_until(next).await;
    }

    /// Records what a request has cost.
    pub(crate) fn spend(&self, units: f64) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = (*next).max(Instant::now()) + Duration::from_secs_f64(units / f64::from(self.per_second.get()));
    }
}

/// About how many items the table has, if that is known: it needs the permission for `DescribeTable`.
///
/// # Errors
/// If there is no connection to DynamoDB.
pub(crate) async fn estimate(store: &Store) -> Result<Option<u64>, Failure> {
    match store.size(&context()).await {
        Ok(size) => Ok(Some(size.items).filter(|items| *items > 0)),
        Err(error) if is_unconnected(&error) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// The pages of the table, in any order.
#[derive(Debug)]
pub(crate) struct Pages {
    pages: Receiver<Result<Page, Failure>>,
    /// The parts of which there are more pages.
    unfinished: i32,
}

impl Pages {
    /// The next page, unless the whole table was read. After an error, nothing is.
    pub(crate) async fn next(&mut self) -> Option<Result<Page, Failure>> {
        let page = self.pages.recv().await;
        self.note(page)
    }

    /// The same, on a thread that may block.
    pub(crate) fn blocking_next(&mut self) -> Option<Result<Page, Failure>> {
        let page = self.pages.blocking_recv();
        self.note(page)
    }

    fn note(&mut self, page: Option<Result<Page, Failure>>) -> Option<Result<Page, Failure>> {
        match &page {
            Some(Ok(Page { next: None, .. })) => self.unfinished -= 1,
            // A part of the table must not look like all of it.
            None if self.unfinished > 0 => {
                return Some(Err(Failure::Service("The table was not read to its end.".into())));
            }
            _ => {}
        }
        page
    }
}

/// Reads the table. Reading pauses while nobody takes the pages, and ends when they are dropped, or with the first error.
pub(crate) fn pages(store: &Store, pace: Pace) -> Pages {
    let (sender, receiver) = channel(1);
    let (rate, patience) = (Arc::new(Rate::new(pace.read_units)), Arc::<Patience>::default());
    // So small that all parts together read at most a second's units before they know what their pages cost, even of items of 8 KB.
    let limit = (i32::try_from(pace.read_units.get()).unwrap_or(i32::MAX) / SEGMENTS).clamp(1, 1000);
    for segment in 0..SEGMENTS {
        let segment = Segment {
            store: store.clone(),
            number: segment,
            limit,
            rate: Arc::clone(&rate),
            patience: Arc::clone(&patience),
        };
        tokio::spawn(segment.read(sender.clone()));
    }
    Pages { pages: receiver, unfinished: SEGMENTS }
}

/// A part of the table.
struct Segment {
    store: Store,
    number: i32,
    /// The most items of a page.
    limit: i32,
    rate: Arc<Rate>,
    patience: Arc<Patience>,
}

impl Segment {
    async fn read(self, pages: Sender<Result<Page, Failure>>) {
        let mut start: Option<Attributes> = None;
        loop {
            self.rate.wait().await;
            let request = || {
                let (store, start) = (self.store.clone(), start.clone());
                let (segment, limit) = ((self.number, SEGMENTS), self.limit);
                async move { store.scan(segment, start, limit, &context()).await }
            };
            let page = self.patience.send(request).await.map_err(Failure::from);
            start = page.as_ref().ok().and_then(|page| page.next.clone());
            self.rate.spend(page.as_ref().map_or(0.0, |page| page.read_units));
            if pages.send(page).await.is_err() || start.is_none() {
                return;
            }
        }
    }
}
