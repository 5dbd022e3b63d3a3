//! Measures the functions and their peers. Everything runs on this machine: Lambda's runtime API, DynamoDB and LiveChat are
//! stand-ins in this process. `bench/run` builds what is needed and starts this program; [README.md](../README.md) says what the
//! figures mean.
//!
//! | file | what it does |
//! |---|---|
//! | `arguments.rs` | the options |
//! | `subject.rs` | what is measured: our functions, and the peers |
//! | `event.rs`, `runtime_api.rs`, `process.rs` | starts a function, gives it events, and takes its responses |
//! | `world.rs`, `tls.rs`, `count.rs` | DynamoDB and LiveChat: plain, over TLS, and with counted requests |
//! | `limit.rs` | the share of a processor that Lambda gives to a memory size |
//! | `valgrind.rs` | counts instructions and allocations |
//! | `measures/` | the measurements, one file for each |
//! | `day.rs` | a day of 10,000 users, and what it costs |
//! | `report.rs` | the results as a file and as tables |

#![expect(clippy::cast_precision_loss, reason = "counts and times of a day are far below 2^52")]

mod arguments;
mod bench;
mod count;
mod day;
mod event;
mod limit;
mod measures;
mod process;
mod report;
mod runtime_api;
mod single;
mod statistics;
mod subject;
mod tls;
mod valgrind;
mod world;

use arguments::{Arguments, Command};
use bench::Bench;
use clap::Parser;
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() {
    let result = match Arguments::parse().command {
        Command::Measure(options) => measure(options).await,
        Command::Instructions(options) => single::instructions(&options).await,
        Command::Memory(options) => single::resident(&options).await,
        Command::Table { results } => report::print(&results),
    };
    if let Err(error) = result {
        eprintln!("harness: {error}");
        std::process::exit(1);
    }
}

async fn measure(options: arguments::Measure) -> Result<()> {
    let mut results = report::read(&options.results)?;
    let bench = Bench::open(options)?;
    for part in bench.options.parts() {
        eprintln!("measuring: {}", part.name());
        let figures = part.measure(&bench, &results).await?;
        results.insert(part.name(), serde_json::json!({ "about": bench.about(), "rows": figures }));
        // Written after each part, so that a failure loses one part only.
        report::write(&bench.options.results, &results)?;
    }
    report::print(&bench.options.results)
}
