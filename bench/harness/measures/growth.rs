//! Warm `getToken` with more and more users in the table.

use crate::{
    Result,
    bench::{Bench, warm},
    event::new_user,
    process::Running,
    statistics::{Times, ms},
    world::{Transport, World},
};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde::Serialize;
use std::collections::HashMap;

const USERS: [usize; 4] = [1, 1_000, 10_000, 100_000];
const CALLS: usize = 1_000;
/// DynamoDB's limit for one `BatchWriteItem`.
const BATCH: usize = 25;

type Item = HashMap<String, AttributeValue>;

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    users: usize,
    ms: Times,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let Some(subject) = bench.subject("get-token") else { return Ok(vec![]) };
    let world = bench.world().await?;
    let first = new_user();
    let running = warm(subject, &world.environment(subject, Transport::Plain), &first).await?;
    let item = item(&world, &first).await?;
    let mut stored = 1;
    let mut rows = vec![];
    for users in USERS.into_iter().filter(|users| !bench.options.quick || *users <= 10_000) {
        fill(&world, &item, stored..users).await?;
        stored = users;
        let ms = calls(&running, (&first, users), bench.options.times(CALLS)).await?;
        rows.push(Row { users, ms: Times::of(&ms) });
    }
    Ok(rows)
}

/// Calls for users at random. The first user has another name than the copies.
async fn calls(running: &Running, (first, users): (&str, usize), calls: usize) -> Result<Vec<f64>> {
    let mut times = vec![];
    for _ in 0..calls {
        let user = match fastrand::usize(..users) {
            0 => first.to_owned(),
            number => name(number),
        };
        times.push(ms(running.call(crate::event::Operation::GetToken.event(&user)).await?.took()));
    }
    Ok(times)
}

fn name(number: usize) -> String {
    format!("growth-{number}")
}

/// The item that our function has stored for this user.
async fn item(world: &World, user: &str) -> Result<Item> {
    let query = world.client.query().table_name(&world.table).key_condition_expression("pk = :pk");
    let found = query.expression_attribute_values(":pk", key(user)).send().await?;
    Ok(found.items().first().ok_or("the user has no item")?.clone())
}

fn key(user: &str) -> AttributeValue {
    AttributeValue::S(format!("user#{user}"))
}

/// Stores copies of the item for these users.
async fn fill(world: &World, item: &Item, users: std::ops::Range<usize>) -> Result<()> {
    let users: Vec<_> = users.collect();
    for batch in users.chunks(BATCH) {
        let puts = batch.iter().map(|number| {
            let mut item = item.clone();
            item.insert("pk".into(), key(&name(*number)));
            let put = PutRequest::builder().set_item(Some(item)).build()?;
            Ok(WriteRequest::builder().put_request(put).build())
        });
        let puts = puts.collect::<Result<Vec<_>>>()?;
        world.client.batch_write_item().request_items(&world.table, puts).send().await?;
    }
    Ok(())
}
