//! The command line.

use crate::{failure::Failure, import, output::Output};
use clap::{Args, Parser, Subcommand};

/// Sets up, checks and looks after an installation of livechat-cip.
#[derive(Debug, Parser)]
#[command(name = "cip", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Print results as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// Which installation. One of `--local`, `--table` and `--stack`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Installation")]
pub(crate) struct Place {
    /// The installation of a running `cargo local`.
    #[arg(long, global = true, value_name = "URL", num_args = 0..=1, require_equals = true,
          default_missing_value = "http://127.0.0.1:3000", conflicts_with = "table")]
    pub(crate) local: Option<String>,
    /// The stack on AWS, whose outputs name the table.
    #[arg(long, global = true, value_name = "NAME", default_value = "livechat-cip")]
    pub(crate) stack: String,
    /// A table on AWS, without its stack.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) table: Option<String>,
    /// AWS's region, if it is not that of the environment or profile.
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// The profile in AWS's configuration files.
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Import),
}

impl Arguments {
    /// Runs the command.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let output = Output { json: self.json };
        match self.command {
            Command::Import(import) => import::run(import, &self.place, output).await,
        }
    }
}
