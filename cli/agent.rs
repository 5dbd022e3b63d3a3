//! `cip agent`: the credentials of an agent, whose tokens act for customers (docs/agent-tokens.md).
//!
//! | file | what it holds |
//! |---|---|
//! | `login.rs` | from the login in the browser to credentials that are stored |
//! | `authorization.rs` | the authorization code, and its exchange |
//! | `done.rs` | what a login has done |
//! | `redirect.rs` | the redirect URI, and what the browser brings back to it |
//! | `listener.rs` | the page on this machine that receives the code |
//! | `proof.rs` | the random values that tie a code to this login |
//! | `oauth.rs` | LiveChat's OAuth server |
//! | `target.rs` | where the credentials are stored |
//! | `check.rs` | whether stored credentials work |

mod authorization;
mod check;
mod done;
mod listener;
mod login;
pub(crate) mod oauth;
pub(crate) mod proof;
mod redirect;
mod target;

use crate::{arguments::Place, failure::Failure, output::Output};
use clap::{Args, Subcommand};

/// What to do.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Agent {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Login(login::Login),
    Check(check::Check),
}

/// Runs the command.
pub(crate) async fn run(agent: Agent, place: &Place, output: Output) -> Result<(), Failure> {
    match agent.action {
        Action::Login(options) => login::run(&options, place, output).await,
        Action::Check(options) => check::run(&options, place, output).await,
    }
}
