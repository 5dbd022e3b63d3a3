//! `cip`: sets up, checks and looks after an installation of livechat-cip.
//!
//! | file | what it holds |
//! |---|---|
//! | `arguments.rs` | the options that all commands have, and the list of commands |
//! | `place.rs` | which table and which LiveChat account: `cargo local`, a stack, or a table by its name |
//! | `aws.rs` | AWS's configuration: profiles, SSO, environment |
//! | `parameters.rs` | the names of the template's parameters |
//! | `person.rs` | a user or guest, as the command line names one |
//! | `livechat.rs` | the account at LiveChat |
//! | `when.rs` | points in time |
//! | `refusal.rs` | what AWS refused, and what to do about it |
//! | `ask.rs` | questions on the terminal |
//! | `files.rs` | files that are written as a whole or not at all |
//! | `env_file.rs` | the text of a file such as `.env`, changed line by line |
//! | `secrets_manager.rs` | secrets in AWS Secrets Manager |
//! | `output.rs` | text for people, JSON for programs |
//! | `records.rs` | records of an input file, and why one is left out |
//! | `prices.rs` | list prices |
//! | `scan.rs` | all items of the table, at a bounded rate |
//! | `patience.rs` | requests to DynamoDB that are sent again |
//! | `passphrase.rs` | the passphrase of a backup |
//! | `failure.rs` | errors and exit codes |
//! | `interruption.rs` | Ctrl-C, SIGTERM and SIGHUP |
//! | `terminal.rs` | the terminal as it was before a question |
//! | `http.rs` | HTTP clients, and addresses of the command line |
//!
//! Each command is a file or folder of its name.

// These panic if nobody reads: `output.rs` has functions that do not.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod agent;
mod arguments;
mod ask;
mod aws;
mod backup;
mod bench;
mod doctor;
mod env_file;
mod failure;
mod files;
mod http;
mod import;
mod interruption;
mod livechat;
mod logs;
mod output;
mod parameters;
mod passphrase;
mod patience;
mod person;
mod place;
mod prices;
mod provision;
mod records;
mod refusal;
mod restore;
mod scan;
mod secrets_manager;
mod setup;
mod stats;
mod terminal;
mod user;
mod when;

use arguments::Arguments;
use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // Two TLS libraries could be the default, so one must be chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = Arguments::parse();
    let ends_itself = arguments.handles_interruptions();
    let command = Box::pin(arguments.run());
    let result = if ends_itself { command.await } else { interruption::or(command).await };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
