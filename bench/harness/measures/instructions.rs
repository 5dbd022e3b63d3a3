//! Instructions at start, on the first call and on later calls; allocations on later calls.

use crate::{
    Result,
    bench::Bench,
    event::new_user,
    process::Environment,
    subject::{Kind, Subject},
    valgrind::{Allocated, Run},
    world::{Transport, World},
};
use serde::Serialize;

/// Later calls whose mean is taken. Instructions vary less than allocations do.
const CALLS: usize = 10;
const CALLS_OF_ALLOCATIONS: usize = 100;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    subject: String,
    transport: Transport,
    #[serde(flatten)]
    counts: Counts,
}

/// The counts of one function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    /// Before the first event, without an endpoint for DynamoDB, as on AWS. DynamoDB cannot be reached then.
    pub(crate) start_on_aws: u64,
    /// The same with an endpoint, which lets a function open its connections.
    pub(crate) start: u64,
    /// The first call, by a user who has no token.
    pub(crate) first_new_user: u64,
    /// The first call, by a user who has a token.
    pub(crate) first: u64,
    /// Each call after that.
    pub(crate) later: u64,
    pub(crate) later_blocks: u64,
    pub(crate) later_bytes: u64,
}

/// A function under valgrind.
pub(crate) struct Counting<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) environment: Environment,
    pub(crate) on_aws: Environment,
    /// The event of the next call.
    pub(crate) event: Box<dyn Fn() -> String + Sync + 'a>,
}

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let world = bench.world().await?;
    let mut rows = vec![];
    for subject in bench.all().iter().filter(|subject| subject.kind != Kind::Node) {
        for transport in Transport::MEASURED {
            let user = new_user();
            if !subject.has_tokens() {
                bench.store_token(&world, &user).await?;
            }
            let counts = counts(&Counting::of(subject, &world, (transport, &user))).await?;
            rows.push(Row { subject: subject.name.clone(), transport, counts });
        }
    }
    Ok(rows)
}

impl<'a> Counting<'a> {
    fn of(subject: &'a Subject, world: &World, (transport, user): (Transport, &'a str)) -> Self {
        Self {
            subject,
            environment: world.environment(subject, transport),
            on_aws: world.on_aws(subject),
            event: Box::new(move || subject.event(user)),
        }
    }

    async fn instructions(&self, calls: usize) -> Result<u64> {
        self.run(calls).instructions().await
    }

    async fn allocated(&self, calls: usize) -> Result<Allocated> {
        self.run(calls).allocated().await
    }

    fn run(&self, calls: usize) -> Run<'_> {
        Run {
            subject: self.subject,
            environment: &self.environment,
            events: (0..calls).map(|_| (self.event)()).collect(),
        }
    }
}

/// The counts of a function. The very first call is by a user who has not called before.
pub(crate) async fn counts(counting: &Counting<'_>) -> Result<Counts> {
    let on_aws = Run { subject: counting.subject, environment: &counting.on_aws, events: vec![] };
    let start_on_aws = on_aws.instructions().await?;
    let start = counting.instructions(0).await?;
    let new_user = counting.instructions(1).await?;
    let first = counting.instructions(1).await?;
    let more = counting.instructions(1 + CALLS).await?;
    let few = counting.allocated(CALLS).await?;
    let many = counting.allocated(CALLS + CALLS_OF_ALLOCATIONS).await?;
    let each = |more: u64, few: u64, calls: usize| more.saturating_sub(few) / calls as u64;
    Ok(Counts {
        start_on_aws,
        start,
        first_new_user: new_user.saturating_sub(start),
        first: first.saturating_sub(start),
        later: each(more, first, CALLS),
        later_blocks: each(many.blocks, few.blocks, CALLS_OF_ALLOCATIONS),
        later_bytes: each(many.bytes, few.bytes, CALLS_OF_ALLOCATIONS),
    })
}
