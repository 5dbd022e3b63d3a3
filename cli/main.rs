//! `cip`: sets up, checks and looks after an installation of livechat-cip.
//!
//! | file | what it holds |
//! |---|---|
//! | `arguments.rs` | the options that all commands have, and the list of commands |
//! | `place.rs` | which table and which LiveChat account: `cargo local`, a stack, or a table by its name |
//! | `aws.rs` | AWS's configuration: profiles, SSO, environment |
//! | `output.rs` | text for people, JSON for programs |
//! | `failure.rs` | errors and exit codes |
//!
//! Each command is a file or folder of its name.

mod arguments;
mod aws;
mod failure;
mod import;
mod output;
mod place;

use arguments::Arguments;
use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // Two TLS libraries could be the default, so one must be chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = Arguments::parse();
    match arguments.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
