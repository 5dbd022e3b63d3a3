//! The requests of each operation to DynamoDB and LiveChat, and the capacity that they consume.

use crate::{
    Result,
    bench::Bench,
    count::Counted,
    event::{Operation, new_user},
    process::Running,
    subject::Subject,
    world::{Transport, World},
};
use sandbox::Calls;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A call that follows others of the same user.
const CASES: [(&str, Operation, bool); 6] = [
    ("getToken, new user", Operation::GetToken, false),
    ("getToken, stored token", Operation::GetToken, true),
    ("getFreshToken", Operation::GetFreshToken, true),
    ("hasToken", Operation::HasToken, true),
    ("invalidate", Operation::Invalidate, true),
    ("invalidate as a logout", Operation::Logout, true),
];

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    implementation: &'static str,
    call: &'static str,
    #[serde(flatten)]
    counted: Counted,
    livechat: u64,
}

/// What the day needs of a row.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "DynamoDB's words")]
#[serde(rename_all = "camelCase")]
pub(crate) struct Units {
    pub(crate) implementation: String,
    pub(crate) call: String,
    pub(crate) requests: BTreeMap<String, u32>,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) livechat: f64,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let world = bench.world().await?;
    let mut rows = vec![];
    for (implementation, prefix) in [("livechat-cip", ""), ("node", "node ")] {
        for (call, operation, has_token) in CASES {
            let name = format!("{prefix}{}", binary(operation));
            let Some(subject) = bench.subject(&name) else { continue };
            // The peer on Node has no logout.
            if operation == Operation::Logout && implementation == "node" {
                continue;
            }
            let user = new_user();
            if has_token {
                bench.store_token(&world, &user).await?;
            }
            let (counted, livechat) = count(subject, &world, operation.event(&user)).await?;
            rows.push(Row { implementation, call, counted, livechat });
        }
    }
    Ok(rows)
}

fn binary(operation: Operation) -> &'static str {
    match operation {
        Operation::GetToken => "get-token",
        Operation::GetFreshToken => "get-fresh-token",
        Operation::HasToken => "has-token",
        Operation::Invalidate | Operation::Logout => "invalidate",
    }
}

/// What one call requests.
async fn count(subject: &Subject, world: &World, event: String) -> Result<(Counted, u64)> {
    let running = Running::start(subject, &world.environment(subject, Transport::Counted), None).await?;
    running.api.ready().await?;
    world.counter.take();
    let before = total(world.sandbox.calls());
    running.call(event).await?;
    // A function may write something after its response.
    running.api.polled(2).await?;
    Ok((world.counter.take(), total(world.sandbox.calls()) - before))
}

fn total(calls: Calls) -> u64 {
    let Calls { token, info, revoke, oauth, agent_revoke, update_customer, identity_transfer } = calls;
    token + info + revoke + oauth + agent_revoke + update_customer + identity_transfer
}
