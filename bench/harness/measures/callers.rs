//! Many callers at once, of one new user and of many. For one user there must be one call to LiveChat and one customer.

use super::{express, pool::Pool};
use crate::{
    Result,
    bench::Bench,
    event::new_user,
    statistics::{Times, ms},
    world::World,
};
use serde::Serialize;
use std::{future::Future, pin::Pin, sync::Arc, time::Instant};
use tokio::task::JoinSet;

const CALLERS: [usize; 4] = [1, 10, 50, 200];
/// The time that LiveChat's stand-in takes for a call. Without it, calls would hardly overlap.
const LIVECHAT_MS: u64 = 150;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    subject: String,
    callers: usize,
    users: &'static str,
    /// Calls with another response than a token.
    failed: usize,
    /// From the call to its response, which includes the wait for an idle process.
    ms: Times,
    livechat_calls: u64,
    customers: u64,
}

/// Handles a call of a user. Returns when the response was there.
type Handler = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<Instant>> + Send>> + Send + Sync>;

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = vec![];
    let names = ["get-token", "node get-token", express::NAME];
    for callers in CALLERS {
        for users in ["one", "many"] {
            for name in names {
                // Each has a world of its own, so that nothing is left over from others.
                let world = bench.world().await?;
                let Some(handler) = handler(bench, &world, (name, callers)).await? else { continue };
                rows.push(row(&world, (name, handler), (callers, users)).await?);
            }
        }
    }
    Ok(rows)
}

async fn handler(bench: &Bench, world: &World, (name, callers): (&str, usize)) -> Result<Option<Handler>> {
    if name == express::NAME {
        let Some(server) = express::Server::start(bench, world).await? else { return Ok(None) };
        let server = Arc::new(server);
        return Ok(Some(Arc::new(move |user| {
            let server = Arc::clone(&server);
            Box::pin(async move { server.get_token(&user).await })
        })));
    }
    let Some(subject) = bench.subject(name) else { return Ok(None) };
    let pool = Pool::start(subject, world, callers).await?;
    Ok(Some(Arc::new(move |user| {
        let pool = pool.clone();
        Box::pin(async move { pool.get_token(&user).await })
    })))
}

async fn row(world: &World, (name, handler): (&str, Handler), (callers, users): (usize, &'static str)) -> Result<Row> {
    world.sandbox.set(|settings| settings.latency_ms = LIVECHAT_MS);
    let one = new_user();
    let mut calls = JoinSet::new();
    for _ in 0..callers {
        let user = if users == "one" { one.clone() } else { new_user() };
        let (handler, started) = (Arc::clone(&handler), Instant::now());
        calls.spawn(async move { handler(user).await.map(|received| ms(received - started)) });
    }
    let (succeeded, failed): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
    let times: Vec<_> = succeeded.into_iter().flatten().collect();
    Ok(Row {
        subject: name.into(),
        callers,
        users,
        failed: failed.len(),
        ms: Times::of(&times),
        livechat_calls: world.sandbox.calls().token,
        customers: world.sandbox.customers(),
    })
}
