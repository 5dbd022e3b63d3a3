//! Later calls with the share of a processor that Lambda gives to a memory size. There is a pause between two calls, as there is
//! between two visitors: calls without pauses would wait for a processor that the previous call has used up.

use crate::{
    Result,
    bench::{Bench, warm},
    event::{Operation, new_user},
    limit::Limit,
    process::Running,
    statistics::{Times, ms, rounded},
    subject::Subject,
    world::{Transport, World},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const MEMORY_MB: [u32; 3] = [128, 256, 512];
const CALLS: usize = 100;
/// Longer than the period in which a share is given.
const PAUSE: Duration = Duration::from_millis(50);

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Users {
    /// A user with a stored token.
    Stored,
    /// Another new user in each call, so that each call calls LiveChat.
    New,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) subject: String,
    pub(crate) users: Users,
    pub(crate) memory_mb: u32,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// The mean of what Lambda bills: each call rounded up to the next ms.
    pub(crate) billed_ms: f64,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    if let Err(error) = Limit::create() {
        eprintln!("calls are not measured with limits: {error}");
        return Ok(vec![]);
    }
    let world = bench.world().await?;
    let user = new_user();
    bench.store_token(&world, &user).await?;
    let mut rows = vec![];
    for memory_mb in MEMORY_MB {
        for subject in bench.subjects(&["empty", "get-item", "get-token", "node get-token"]) {
            rows.push(measure_one(bench, &world, (subject, memory_mb, Some(&user))).await?);
        }
        for subject in bench.subjects(&["get-token", "node get-token"]) {
            rows.push(measure_one(bench, &world, (subject, memory_mb, None)).await?);
        }
    }
    Ok(rows)
}

async fn measure_one(
    bench: &Bench,
    world: &World,
    (subject, memory_mb, user): (&Subject, u32, Option<&String>),
) -> Result<Row> {
    let environment = world.environment(subject, Transport::Tls);
    let running = warm(subject, &environment, user.unwrap_or(&new_user())).await?;
    let limit = Limit::create()?;
    limit.add(running.pid()?)?;
    limit.set(Some(memory_mb))?;
    let times = paced_calls(&running, user, bench.options.times(CALLS)).await?;
    drop(running);
    let quantiles = Times::of(&times);
    let billed: f64 = times.iter().map(|ms| ms.ceil()).sum();
    Ok(Row {
        subject: subject.name.clone(),
        users: if user.is_some() { Users::Stored } else { Users::New },
        memory_mb,
        p50_ms: quantiles.p50,
        p99_ms: quantiles.p99,
        billed_ms: rounded(billed / times.len() as f64),
    })
}

async fn paced_calls(running: &Running, user: Option<&String>, calls: usize) -> Result<Vec<f64>> {
    let mut times = vec![];
    for _ in 0..calls {
        tokio::time::sleep(PAUSE).await;
        let user = user.cloned().unwrap_or_else(new_user);
        times.push(ms(running.call(Operation::GetToken.event(&user)).await?.took()));
    }
    Ok(times)
}
