//! `cip agent check`: whether the stored credentials work.

use crate::{
    arguments,
    doctor::{
        agent::{self, Consent},
        report::Report,
        source::Source,
    },
    failure::Failure,
    output::{Output, can_ask},
};
use cip::settings::LiveChat;
use clap::Args;
use std::path::PathBuf;

/// Check the credentials of an agent: whether they can be read, and whether LiveChat accepts them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cip agent check                           the secret of the stack livechat-cip, and questions before LiveChat is called
  cip agent check --env-file .env           the credentials in a file
  cip agent check --local                   those of a running `cargo local`
  cip agent check --refresh --call-livechat    all, without a question

Exit codes: 0 nothing is wrong, 1 something is wrong, 2 the command line is invalid, 3 the installation cannot be reached.")]
pub(super) struct Check {
    /// Check the credentials in this file, instead of those of the stack or of `cargo local`.
    #[arg(long, value_name = "FILE", conflicts_with = "stack")]
    env_file: Option<PathBuf>,
    /// Use the refresh token once, without a question. This creates one more agent token. LiveChat
    /// keeps at most 25 for each agent and app.
    #[arg(long)]
    refresh: bool,
    /// Then create a customer with the agent's token, without a question. LiveChat bills the call.
    #[arg(long, requires = "refresh")]
    call_livechat: bool,
}

/// Runs the command.
pub(super) async fn run(options: &Check, place: &arguments::Place, output: Output) -> Result<(), Failure> {
    let source = Source::find(options.env_file.as_ref(), None, place).await?;
    if !source.has_settings() {
        return Err(Failure::Input("A table has no settings: use --stack, --local or --env-file.".into()));
    }
    let mut report = Report::of(source.describe());
    match LiveChat::from_lookup(&source.lookup()) {
        Err(error) => report.wrong_as_said("settings", source.locate(&error.to_string())),
        Ok(settings) if settings.agent.is_none() => {
            report.wrong("agent", "The settings have no agent's credentials.", agent::LOGIN);
        }
        Ok(settings) => {
            let consent = Consent {
                refresh: options.refresh,
                customer: Some(options.call_livechat),
                may_ask: can_ask() && !output.json,
            };
            agent::check(&mut report, &source, settings, &consent).await?;
        }
    }
    output.print_styled(&report, Report::to_text)?;
    report.result()
}
