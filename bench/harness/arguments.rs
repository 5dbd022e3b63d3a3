//! The options.

use crate::{event::Operation, measures::Part};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measures Lambda functions beside their peers.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All measurements, or some parts of them.
    Measure(Measure),
    /// The instructions of one function at its start, on its first call and on later calls.
    Instructions(Single),
    /// The peak memory and the processor time of one function.
    Memory(Single),
    /// Prints a file of results.
    Table {
        /// The file of results.
        results: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Measure {
    /// The parts to measure; all if none is named.
    pub(crate) parts: Vec<Part>,
    /// Few repetitions: to try the programs out, not for figures to publish.
    #[arg(long)]
    pub(crate) quick: bool,
    /// The folder with the release binaries of the four functions.
    #[arg(long)]
    pub(crate) functions: PathBuf,
    /// The folder with the binaries `empty` and `get-item`.
    #[arg(long)]
    pub(crate) peer_binaries: PathBuf,
    /// The folder `bench/peers`, for the peers on Node.
    #[arg(long)]
    pub(crate) peers: PathBuf,
    /// Another DynamoDB than the embedded one, such as <http://127.0.0.1:8000> of Amazon's DynamoDB Local.
    #[arg(long)]
    pub(crate) dynamodb_url: Option<String>,
    /// The file of results. Parts that are not measured now stay as they are.
    #[arg(long)]
    pub(crate) results: PathBuf,
    /// The file of prices.
    #[arg(long)]
    pub(crate) prices: PathBuf,
    /// The commit of what is measured.
    #[arg(long, default_value = "unknown")]
    pub(crate) commit: String,
    /// The date of the measurement.
    #[arg(long, default_value = "unknown")]
    pub(crate) date: String,
}

impl Measure {
    pub(crate) fn parts(&self) -> Vec<Part> {
        if self.parts.is_empty() { Part::value_variants().to_vec() } else { self.parts.clone() }
    }

    /// A number of repetitions: `full`, or a tenth of it for a quick run, but at least three.
    pub(crate) fn times(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(3) } else { full }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Single {
    /// The function's binary.
    pub(crate) binary: PathBuf,
    /// Settings of the function, as NAME=VALUE.
    #[arg(value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// What is called; otherwise the binary's name says it.
    #[arg(long)]
    pub(crate) operation: Option<Operation>,
    /// The user who calls, without the characters `/` and `?`; otherwise a user who has not called before.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// A header of each event, as NAME=VALUE.
    #[arg(long = "header", value_parser = setting)]
    pub(crate) headers: Vec<(String, String)>,
    /// Connects to DynamoDB by TLS.
    #[arg(long)]
    pub(crate) tls: bool,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

fn setting(argument: &str) -> Result<(String, String), String> {
    let (name, value) = argument.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
