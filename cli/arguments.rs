//! The command line.

use crate::{
    agent, backup, bench, doctor, failure::Failure, import, logs, output::Output, place, provision, restore, setup,
    stats, user,
};
use clap::{Args, Parser, Subcommand};

/// Set up, check and look after an installation of livechat-cip.
#[derive(Debug, Parser)]
#[command(name = "cip", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    // First: the heading of the other options would be its heading too.
    /// Print results as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

/// What a newcomer can do without risk: all of these only read.
const EXAMPLES: &str = "\
Examples:
  cip doctor --local         check a running `cargo local`
  cip doctor                 check the stack livechat-cip on AWS; another one: --stack NAME
  cip user show alice        what is stored for a user
  cip help import            all about a command

Exit codes: 0 success; 1 something is wrong, or not all was done; 2 an invalid command line or file; 3 AWS, the table or LiveChat could \
not be reached, or refused; 4 you said no.";

/// Which installation. One of `--local`, `--table` and `--stack`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Installation")]
pub(crate) struct Place {
    /// The installation of a running `cargo local`.
    #[arg(long, global = true, value_name = "URL", num_args = 0..=1, require_equals = true,
          default_missing_value = "http://127.0.0.1:3000", conflicts_with = "table")]
    pub(crate) local: Option<String>,
    /// The stack on AWS, whose outputs name the table.
    #[arg(long, global = true, value_name = "NAME", default_value = "livechat-cip", conflicts_with_all = ["local", "table"])]
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
    Setup(setup::Setup),
    Doctor(doctor::Doctor),
    /// Store the credentials of an agent, whose tokens act for customers, or check them.
    Agent(agent::Agent),
    Import(import::Import),
    Provision(provision::Provision),
    /// Show, export, restore or delete what is stored for one user or guest.
    User(user::User),
    Stats(stats::Stats),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Logs(logs::Logs),
    Bench(bench::Bench),
}

impl Arguments {
    /// The command reacts to Ctrl-C and other signals itself: it finishes what it has begun.
    pub(crate) fn handles_interruptions(&self) -> bool {
        matches!(self.command, Command::Provision(_))
    }

    /// Runs the command.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let output = Output { json: self.json };
        let find = async || place::Place::find(&self.place).await;
        // On the heap: the futures of some are deeply nested.
        match self.command {
            Command::Setup(options) => Box::pin(setup::run(&options, &self.place, output)).await,
            Command::Doctor(options) => Box::pin(doctor::run(&options, &self.place, output)).await,
            Command::Agent(agent) => Box::pin(agent::run(agent, &self.place, output)).await,
            Command::Import(import) => Box::pin(import::run(import, &self.place, output)).await,
            Command::Provision(provision) => Box::pin(provision::run(provision, &find().await?, output)).await,
            Command::User(user) => Box::pin(user::run(user, &self.place, output)).await,
            Command::Stats(stats) => Box::pin(stats::run(stats, &find().await?, output)).await,
            Command::Backup(backup) => Box::pin(backup::run(backup, &find().await?, output)).await,
            Command::Restore(restore) => Box::pin(restore::run(restore, &find().await?, output)).await,
            Command::Logs(logs) => Box::pin(logs::run(&logs, &self.place, output)).await,
            Command::Bench(bench) => Box::pin(bench::run(bench, &self.place, output)).await,
        }
    }
}
