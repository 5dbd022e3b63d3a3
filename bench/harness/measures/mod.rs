//! The measurements. Each returns rows for its table.

mod callers;
mod cold;
mod express;
mod growth;
mod instructions;
mod limited;
mod memory;
mod pool;
mod requests;
mod size;
mod warm;

pub(crate) use cold::Billed as Cold;
pub(crate) use instructions::{Counting, counts};
pub(crate) use limited::{Row as Limited, Users};
pub(crate) use memory::memory;
pub(crate) use requests::Units;

use crate::{Result, bench::Bench, day};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Map, Value};

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Bytes of each program, and of its zip file.
    Size,
    /// Instructions and allocations, by valgrind.
    Instructions,
    /// From the start of a process to its first response.
    Cold,
    /// Later calls, with a whole processor.
    Warm,
    /// Later calls, with the share of a processor of a memory size.
    Limited,
    /// Resident memory after many calls.
    Memory,
    /// Requests to DynamoDB and LiveChat of each operation.
    Requests,
    /// Warm calls with more and more users in the table.
    Growth,
    /// Many callers at once.
    Callers,
    /// A day of 10,000 users, from the results of the other parts.
    Day,
}

impl Part {
    /// The name, as on the command line and in the results.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().expect("no part is hidden").get_name().to_owned()
    }

    /// The rows of this part. `results` are those of the earlier parts.
    pub(crate) async fn measure(self, bench: &Bench, results: &Map<String, Value>) -> Result<Value> {
        match self {
            Self::Size => json(size::measure(bench)?),
            Self::Instructions => json(instructions::measure(bench).await?),
            Self::Cold => json(cold::measure(bench).await?),
            Self::Warm => json(warm::measure(bench).await?),
            Self::Limited => json(limited::measure(bench).await?),
            Self::Memory => json(memory::measure(bench).await?),
            Self::Requests => json(requests::measure(bench).await?),
            Self::Growth => json(growth::measure(bench).await?),
            Self::Callers => json(callers::measure(bench).await?),
            Self::Day => json(day::measure(&bench.options.prices, results)?),
        }
    }
}

fn json(rows: impl Serialize) -> Result<Value> {
    Ok(serde_json::to_value(rows)?)
}
