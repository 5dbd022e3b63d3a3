//! Cold starts: from the start of the process to the request for the first event (init), and to the first response.

use crate::{
    Result,
    bench::Bench,
    event::new_user,
    limit::Limit,
    process::Running,
    statistics::{Times, median, median_ratio, ms, rounded},
    subject::Subject,
    world::{Transport, World},
};
use serde::{Deserialize, Serialize};

const SUBJECTS: [&str; 6] =
    ["empty", "get-item", "get-token", "get-fresh-token", "node get-token", "node get-fresh-token"];
const ROUNDS: usize = 15;
const MEMORY_MB: [u32; 3] = [128, 256, 512];

/// When a function gets the share of its memory size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Limited {
    /// From its first instruction.
    FromStart,
    /// When it requests its first event, as on Lambda.
    AfterInit,
}

/// The conditions of a cold start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Conditions {
    transport: Transport,
    /// `None`: a whole processor.
    memory_mb: Option<u32>,
    limited: Option<Limited>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    subject: String,
    #[serde(flatten)]
    conditions: Conditions,
    init_ms: Times,
    /// From the start to the first response.
    response_ms: Times,
    /// `response_ms` divided by that of `empty` in the same round; the median.
    ratio: Option<f64>,
    /// The first call alone.
    call_ms: f64,
    /// Processor time until the first response.
    processor_ms: f64,
}

/// What the day needs of a row.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Billed {
    subject: String,
    #[serde(flatten)]
    conditions: Conditions,
    init_ms: Times,
    call_ms: f64,
}

impl Billed {
    /// Whether this row is a cold start of this subject as on Lambda.
    pub(crate) fn is_as_on_lambda(&self, subject: &str, memory_mb: u32) -> bool {
        let on_lambda =
            Conditions { transport: Transport::Tls, memory_mb: Some(memory_mb), limited: Some(Limited::AfterInit) };
        self.subject == subject && self.conditions == on_lambda
    }

    /// Lambda bills init and call, rounded up to the next ms.
    pub(crate) fn billed_ms(&self) -> f64 {
        (self.init_ms.p50 + self.call_ms).ceil()
    }
}

/// One cold start, in ms.
#[derive(Clone, Copy, Debug)]
struct Start {
    init: f64,
    response: f64,
    call: f64,
    processor: f64,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let world = bench.world().await?;
    let user = new_user();
    bench.store_token(&world, &user).await?;
    let mut rows = vec![];
    for conditions in all_conditions() {
        let subjects = bench.subjects(&SUBJECTS);
        let mut starts = vec![vec![]; subjects.len()];
        for _ in 0..bench.options.times(ROUNDS) {
            for (subject, starts) in subjects.iter().zip(&mut starts) {
                starts.push(start(subject, &world, (conditions, &user)).await?);
            }
        }
        let base = subjects.iter().zip(&starts).find(|(subject, _)| subject.name == "empty");
        let base = base.map(|(_, starts)| starts.clone());
        rows.extend(
            subjects.iter().zip(&starts).map(|(subject, starts)| row(subject, conditions, (starts, base.as_deref()))),
        );
    }
    Ok(rows)
}

/// Without limits over both transports; with limits over TLS, as on AWS.
fn all_conditions() -> Vec<Conditions> {
    let whole = |transport| Conditions { transport, memory_mb: None, limited: None };
    let mut all = Transport::MEASURED.map(whole).to_vec();
    if let Err(error) = Limit::create() {
        eprintln!("cold starts are not measured with limits: {error}");
        return all;
    }
    for limited in [Limited::FromStart, Limited::AfterInit] {
        let limited = |size| Conditions { transport: Transport::Tls, memory_mb: Some(size), limited: Some(limited) };
        all.extend(MEMORY_MB.map(limited));
    }
    all
}

async fn start(subject: &Subject, world: &World, (conditions, user): (Conditions, &str)) -> Result<Start> {
    let limit = conditions.memory_mb.map(|_| Limit::create()).transpose()?;
    if let Some(limit) = limit.as_ref().filter(|_| conditions.limited == Some(Limited::FromStart)) {
        limit.set(conditions.memory_mb)?;
    }
    let environment = world.environment(subject, conditions.transport);
    let running = Running::start(subject, &environment, limit.as_ref()).await?;
    let ready = running.api.ready().await?;
    if let Some(limit) = &limit {
        limit.set(conditions.memory_mb)?;
    }
    let handled = running.call(subject.event(user)).await?;
    Ok(Start {
        init: ms(ready - running.started),
        response: ms(handled.received - running.started),
        call: ms(handled.took()),
        processor: running.processor_ms()?,
    })
}

fn row(subject: &Subject, conditions: Conditions, (starts, base): (&[Start], Option<&[Start]>)) -> Row {
    let all = |starts: &[Start], value: fn(&Start) -> f64| starts.iter().map(value).collect::<Vec<_>>();
    let responses = all(starts, |start| start.response);
    Row {
        subject: subject.name.clone(),
        conditions,
        init_ms: Times::of(&all(starts, |start| start.init)),
        ratio: base.map(|base| median_ratio(&responses, &all(base, |start| start.response))),
        response_ms: Times::of(&responses),
        call_ms: rounded(median(&all(starts, |start| start.call))),
        processor_ms: rounded(median(&all(starts, |start| start.processor))),
    }
}
