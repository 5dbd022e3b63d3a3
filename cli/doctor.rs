//! `cip doctor`: checks an installation, and names what is wrong and what to change.
//!
//! | file | what it checks |
//! |---|---|
//! | `settings.rs` | the settings, as the functions read them |
//! | `keys.rs` | what tokens are verified with, and whether that belongs to the issuer |
//! | `clock.rs` | this machine's clock |
//! | `table.rs` | the table's shape and protection |
//! | `api.rs` | the API's response, and which pages may call it |
//! | `token.rs` | a token, step by step |
//! | `livechat.rs` | LiveChat's response to one call |
//! | `agent.rs` | an agent's credentials |
//! | `transfer.rs` | what a leaked token of a customer is worth |
//!
//! `source.rs` finds the settings and the installation, `report.rs` has the findings.

pub(crate) mod agent;
mod api;
mod clock;
pub(crate) mod keys;
pub(crate) mod livechat;
pub(crate) mod report;
mod settings;
pub(crate) mod source;
mod table;
mod token;
mod transfer;

use crate::{
    arguments,
    failure::Failure,
    output::{Output, can_ask},
};
use agent::Consent;
use clap::Args;
use report::Report;
use source::Source;
use std::path::PathBuf;

/// Check an installation, and say what is wrong and what to change.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cip doctor --stack livechat-cip           the stack, its settings, table, keys and API
  cip doctor --local                        a running `cargo local`, with the environment and .env
  cip doctor --env-file .env                settings alone, before anything is deployed
  cip doctor --call-livechat                also one billed call to LiveChat
  cip doctor --identity-transfer            also whether a leaked token outlives a logout (SECURITY.md)
  cip doctor --token-stdin < token.txt      also why a token of your page is accepted or refused

Exit codes: 0 nothing is wrong, 1 something is wrong, 2 the command line is invalid, 3 the installation cannot be reached.")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct Doctor {
    /// Check the settings in this file, instead of those of the stack or of `cargo local`. Without --local or --table, no
    /// installation is looked at.
    #[arg(long, value_name = "FILE", conflicts_with = "stack")]
    env_file: Option<PathBuf>,
    /// The base URL of the API, if it is not that of the installation.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Read a token of your page from stdin, and verify it step by step.
    #[arg(long)]
    token_stdin: bool,
    /// Call LiveChat once, without a question. This creates a customer, and LiveChat bills the call.
    #[arg(long)]
    call_livechat: bool,
    /// Use the refresh token of an agent's credentials once, without a question: cip agent check does more.
    #[arg(long)]
    refresh_agent_token: bool,
    /// Try whether a leaked token of a customer outlives its eight hours and a logout, on a new customer. LiveChat bills up to four calls.
    #[arg(long)]
    identity_transfer: bool,
    /// Do not ask before --identity-transfer.
    #[arg(long, requires = "identity_transfer")]
    yes: bool,
}

/// Runs the command.
pub(crate) async fn run(options: &Doctor, place: &arguments::Place, output: Output) -> Result<(), Failure> {
    let token = if options.token_stdin { Some(token::read()?) } else { None };
    let source = Source::find(options.env_file.as_ref(), options.base_url.as_ref(), place).await?;
    let mut report = Report::of(source.describe());
    if source.has_settings() {
        let read = settings::check(&mut report, &source);
        let verifier = match read.auth {
            Some(auth) => keys::check(&mut report, auth, source.stored_secrets()).await,
            None => None,
        };
        let accounts_url = read.livechat.as_ref().map(|livechat| livechat.accounts_url.to_string());
        clock::check(&mut report, accounts_url, verifier.as_ref().and_then(|one| one.key_set.clone())).await;
        if let Some(token) = token {
            token::check(&mut report, verifier.as_ref().map(|one| &one.auth), &token).await;
        }
        table::check(&mut report, &source).await;
        api::check(&mut report, &source).await;
        if let Some(livechat) = read.livechat {
            let may_ask = can_ask() && !output.json;
            livechat::check(&mut report, livechat.clone(), options.call_livechat, may_ask).await?;
            let consent = Consent { refresh: options.refresh_agent_token, customer: None, may_ask };
            agent::check(&mut report, &source, livechat.clone(), &consent).await?;
            if options.identity_transfer {
                transfer::check(&mut report, livechat, options.yes).await?;
            }
        }
    } else {
        report.skipped("settings", "A table has none: use --stack, --local or --env-file.");
        table::check(&mut report, &source).await;
        api::check(&mut report, &source).await;
    }
    output.print_styled(&report, Report::to_text)?;
    report.result()
}
