//! Later calls: the time from handing out an event to its response, and the processor time.

use super::express;
use crate::{
    Result,
    bench::{Bench, warm},
    event::new_user,
    process::Running,
    statistics::{Times, median_ratio, ms, rounded},
    subject::Subject,
    world::{Transport, World},
};
use serde::Serialize;

const SUBJECTS: [&str; 6] =
    ["empty", "get-item", "get-token", "get-fresh-token", "node get-token", "node get-fresh-token"];
/// Each round calls one subject after the other, so that a slow moment is everybody's.
const ROUNDS: usize = 40;
const CALLS_OF_ROUND: usize = 50;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(super) subject: String,
    pub(super) transport: Transport,
    pub(super) ms: Times,
    /// The median divided by that of `empty` in the same round; the median of all rounds.
    pub(super) ratio: Option<f64>,
    /// The same, divided by that of `get-item`.
    pub(super) ratio_to_get_item: Option<f64>,
    /// Processor time of a call.
    pub(super) processor_ms: Option<f64>,
}

/// A warm function, and what was measured so far.
struct Warm<'a> {
    subject: &'a Subject,
    running: Running,
    ms: Vec<f64>,
    medians: Vec<f64>,
    processor_ms: f64,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let world = bench.world().await?;
    let user = new_user();
    bench.store_token(&world, &user).await?;
    let mut rows = vec![];
    for transport in Transport::MEASURED {
        rows.extend(over(bench, &world, (transport, &user)).await?);
    }
    rows.extend(express::warm(bench, &world).await?);
    Ok(rows)
}

async fn over(bench: &Bench, world: &World, (transport, user): (Transport, &str)) -> Result<Vec<Row>> {
    let mut all = vec![];
    for subject in bench.subjects(&SUBJECTS) {
        let running = warm(subject, &world.environment(subject, transport), user).await?;
        all.push(Warm { subject, running, ms: vec![], medians: vec![], processor_ms: 0.0 });
    }
    for _ in 0..bench.options.times(ROUNDS) {
        for warm in &mut all {
            warm.round(user).await?;
        }
    }
    Ok(all.iter().map(|warm| warm.row(transport, &all)).collect())
}

impl Warm<'_> {
    async fn round(&mut self, user: &str) -> Result<()> {
        let before = self.running.processor_ms()?;
        let mut round = vec![];
        for _ in 0..CALLS_OF_ROUND {
            round.push(ms(self.running.call(self.subject.event(user)).await?.took()));
        }
        self.processor_ms += self.running.processor_ms()? - before;
        self.medians.push(crate::statistics::median(&round));
        self.ms.extend(round);
        Ok(())
    }

    fn row(&self, transport: Transport, all: &[Warm<'_>]) -> Row {
        let ratio_to = |name: &str| {
            let base = all.iter().find(|warm| warm.subject.name == name)?;
            Some(median_ratio(&self.medians, &base.medians))
        };
        Row {
            subject: self.subject.name.clone(),
            transport,
            ms: Times::of(&self.ms),
            ratio: ratio_to("empty"),
            ratio_to_get_item: ratio_to("get-item"),
            processor_ms: Some(rounded(self.processor_ms / self.ms.len() as f64)),
        }
    }
}
