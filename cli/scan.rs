//! All items of the table, read in parallel and at a bounded rate, so that the functions keep what they need.

use crate::failure::Failure;
use cip::{
    context::Context,
    renewal::StoreError,
    store::{
        Store,
        operator::{Attributes, Page, is_throttled},
    },
    time::Deadline,
};
use clap::Args;
use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::{Instant, sleep, sleep_until},
};

/// The parts that are read at the same time.
const SEGMENTS: i32 = 8;
/// One page, with the retries of the SDK.
const LONGEST_PAGE: Duration = Duration::from_mins(1);
/// The number of times that a page is tried when DynamoDB refuses it as one too many: about two minutes.
const TRIES: u32 = 10;

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

/// A context for one request.
pub(crate) fn context() -> Context {
    Context::new(Deadline::after(LONGEST_PAGE))
}

/// Tries a request again, later and later, while DynamoDB refuses it as one too many.
pub(crate) async fn patiently<T, F>(mut request: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for tries in 1..TRIES {
        match request().await {
            Err(error) if is_throttled(&error) => {
                sleep(Duration::from_millis(500 << tries.min(5)).mul_f64(fastrand::f64())).await;
            }
            result => return result,
        }
    }
    request().await
}

/// Reads the table. Each page is of one part; the parts end in any order. Reading pauses while nobody takes the pages, and ends with the
/// receiver, or with the first error.
pub(crate) fn pages(store: &Store, pace: Pace) -> Receiver<Result<Page, Failure>> {
    let (sender, receiver) = channel(1);
    let rate = Arc::new(Rate::new(pace.read_units));
    // So small that all parts together read at most a second's units before they know what their pages cost, even of items of 8 KB.
    let limit = (i32::try_from(pace.read_units.get()).unwrap_or(i32::MAX) / SEGMENTS).clamp(1, 1000);
    for segment in 0..SEGMENTS {
        tokio::spawn(read(store.clone(), segment, limit, Arc::clone(&rate), sender.clone()));
    }
    receiver
}

async fn read(store: Store, segment: i32, limit: i32, rate: Arc<Rate>, pages: Sender<Result<Page, Failure>>) {
    let mut start: Option<Attributes> = None;
    loop {
        rate.wait().await;
        let request = || {
            let (store, start) = (store.clone(), start.clone());
            async move { store.scan((segment, SEGMENTS), start, limit, &context()).await }
        };
        let page = patiently(request).await;
        let mut page = page.map_err(Failure::from);
        start = page.as_mut().ok().and_then(|page| page.next.take());
        rate.spend(page.as_ref().map_or(0.0, |page| page.read_units));
        if pages.send(page).await.is_err() || start.is_none() {
            return;
        }
    }
}
