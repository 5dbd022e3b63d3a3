//! Resident memory after many calls, and the processor time of a call.

use crate::{
    Result,
    bench::Bench,
    event::new_user,
    process::{Environment, Running},
    statistics::rounded,
    subject::Subject,
    world::Transport,
};
use serde::Serialize;

const CALLS: usize = 2_000;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    subject: String,
    #[serde(flatten)]
    memory: Memory,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Memory {
    pub(crate) calls: usize,
    /// After the calls.
    pub(crate) resident_mb: f64,
    pub(crate) peak_mb: f64,
    /// Processor time from the start to the first request for an event.
    pub(crate) start_processor_ms: f64,
    /// Processor time of a later call.
    pub(crate) call_processor_ms: f64,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let world = bench.world().await?;
    let user = new_user();
    bench.store_token(&world, &user).await?;
    let mut rows = vec![];
    for subject in bench.all() {
        let environment = world.environment(subject, Transport::Tls);
        let calls = bench.options.times(CALLS);
        let memory = memory(subject, &environment, (calls, || subject.event(&user))).await?;
        rows.push(Row { subject: subject.name.clone(), memory });
    }
    Ok(rows)
}

/// Calls a function so often. The first call, which opens connections, is not one of them.
pub(crate) async fn memory(
    subject: &Subject,
    environment: &Environment,
    (calls, event): (usize, impl Fn() -> String),
) -> Result<Memory> {
    let running = Running::start(subject, environment, None).await?;
    running.api.ready().await?;
    let start = running.processor_ms()?;
    running.call(event()).await?;
    running.api.polled(2).await?;
    let before = running.processor_ms()?;
    for _ in 0..calls {
        running.call(event()).await?;
    }
    running.api.polled(2 + calls).await?;
    let after = running.processor_ms()?;
    let (resident, peak) = running.resident_mb()?;
    Ok(Memory {
        calls,
        resident_mb: rounded(resident),
        peak_mb: rounded(peak),
        start_processor_ms: rounded(start),
        call_processor_ms: rounded((after - before) / calls as f64),
    })
}
