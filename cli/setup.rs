//! `cip setup`: sets up an installation in the current folder, by a short dialogue.
//!
//! | file | what it holds |
//! |---|---|
//! | `account.rs` | questions about LiveChat and the site's pages |
//! | `provider.rs` | who signs the tokens, and what is asked for each provider |
//! | `recipes.rs`, `template.rs` | the settings of each provider, from docs/authentication.md |
//! | `openid.rs` | a provider by its issuer alone |
//! | `secret.rs`, `stack_secret.rs` | the secret that the site's server signs with: here, for the stack, and at AWS |
//! | `check.rs` | the answers against the world, with the checks of `cip doctor` |
//! | `values.rs` | settings by name |
//! | `stack.rs` | settings as parameters of the stack |
//! | `present.rs` | the files as they are |
//! | `plan.rs`, `done.rs` | which files change, and how; what was done |
//! | `yaml.rs`, `samconfig.rs` | the text of each file, changed line by line |
//! | `sam_value.rs` | how the SAM CLI reads a parameter |

mod account;
mod check;
mod done;
mod openid;
mod plan;
mod present;
mod provider;
mod recipes;
mod sam_value;
mod samconfig;
mod secret;
mod stack;
mod stack_secret;
mod template;
mod values;
mod yaml;

use crate::{
    arguments::Place,
    ask::{Ask, say, say_styled},
    failure::Failure,
    output::{Output, confirm},
};
use check::Next;
use clap::Args;
use done::Done;
use plan::Plan;
use present::Present;
use stack_secret::StackSecret;
use std::{cell::Cell, fs, path::Path};
use values::Values;

/// Set up an installation in this folder: ask for the settings, check them, and write .env and parameters.yaml.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cip setup                          ask, check each answer, show what changes, and write it
  cip setup --environment staging    another stack: parameters-staging.yaml, samconfig.toml
  cip setup --dry-run                write nothing
  cip setup --provider own-token --secret create
  cip setup --yes --client-id bb9e5b2f1ab480e4a715977b7b1b4279 \\
      --account 390e44e6-f1e6-4368-8b6d-2b74614508c2 \\
      --redirect-uri https://www.example.com/ --origins https://www.example.com \\
      --provider auth0 --set YOUR_DOMAIN=example.eu.auth0.com \\
      --set YOUR_API_IDENTIFIER=https://livechat.example.com

Exit codes: 0 the files are as you said; 1 a check has found something wrong; 2 an invalid
command line or file; 3 AWS could not be reached or refused; 4 you stopped it, so nothing was
changed.")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct Setup {
    /// The client id of your app in LiveChat's console.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The organization's id (a UUID), or the licence number.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// A redirect URI of the app's whitelist.
    #[arg(long, value_name = "URL")]
    redirect_uri: Option<String>,
    /// The origins of your pages, with commas between.
    #[arg(long, value_name = "LIST")]
    origins: Option<String>,
    /// Whether visitors who are not logged in can chat too.
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    guests: Option<bool>,
    /// Who signs: the name of a recipe in docs/authentication.md (such as auth0), or keep, openid, hmac, authorizer or none.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The value of a place in the provider's settings, such as `YOUR_DOMAIN`. For openid and authorizer: `YOUR_ISSUER`, `YOUR_AUDIENCE`.
    #[arg(long, value_name = "PLACE=VALUE", value_parser = place_and_value)]
    set: Vec<(String, String)>,
    /// Where the secret for .env comes from.
    #[arg(long, value_name = "HOW")]
    secret: Option<secret::How>,
    /// The stack's secret in AWS Secrets Manager: its ARN, `create` it now, or `later` by yourself.
    #[arg(long, value_name = "HOW")]
    stack_secret: Option<String>,
    /// The name of a secret to create [default: livechat-cip].
    #[arg(long, value_name = "NAME")]
    secret_name: Option<String>,
    /// Call LiveChat once, without a question. This creates a customer, and LiveChat bills the call.
    #[arg(long)]
    call_livechat: bool,
    /// Without a terminal: write the answers even if a check fails.
    #[arg(long)]
    unchecked: bool,
    /// An environment of the SAM CLI other than `default`: it has parameters and a stack of its own, and .env is not changed.
    #[arg(long, value_name = "NAME", value_parser = environment)]
    environment: Option<String>,
    /// Show what would change, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask. Settings without an option keep their values.
    #[arg(long)]
    yes: bool,
}

const AGENT: &str =
    "Do you want agent tokens too? Then no chat history is lost with a customer's cookies (docs/agent-tokens.md)";

fn place_and_value(text: &str) -> Result<(String, String), String> {
    let (place, value) = text.split_once('=').ok_or("expected PLACE=VALUE")?;
    let place = if place.starts_with("YOUR_") { place.to_owned() } else { format!("YOUR_{place}") };
    Ok((place, value.to_owned()))
}

fn environment(name: &str) -> Result<String, String> {
    let is_name = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_name || !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err("expected letters, digits and hyphens, with a letter first".into());
    }
    // `sam local` has the environment `local`, and the keys of the file are no environments.
    if matches!(name, "local" | "default" | "version") {
        return Err("choose another name: samconfig.toml has this one already".into());
    }
    Ok(name.to_owned())
}

/// The questions, and the options that answer them.
struct Dialogue<'a> {
    ask: Ask,
    options: &'a Setup,
    place: &'a Place,
    /// Whether an answer was wrong: then the options do not answer again.
    is_corrected: Cell<bool>,
}

impl Dialogue<'_> {
    /// An option's answer, until an answer must be corrected.
    fn given<'b>(&self, option: Option<&'b String>) -> Option<&'b str> {
        option.filter(|_| !self.is_corrected.get()).map(String::as_str)
    }

    /// From here on, everything is asked.
    fn correct(&self) {
        self.is_corrected.set(self.ask.can());
    }

    /// Whether `.env` is written, which has no environments.
    fn is_local(&self) -> bool {
        self.options.environment.is_none()
    }
}

/// Runs the command.
pub(crate) async fn run(options: &Setup, place: &Place, output: Output) -> Result<(), Failure> {
    if !Path::new("template.yaml").exists() {
        let help = "Run cip setup in a clone of the repository, or in the unpacked archive of a release: this folder has no template.yaml.";
        return Err(Failure::Input(help.into()));
    }
    let dialogue = Dialogue { ask: Ask::new(options.yes), options, place, is_corrected: Cell::new(false) };
    let present = Present::read(options)?;
    if dialogue.ask.can() {
        say("Enter keeps what is in parentheses. Ctrl-C stops, and nothing is changed.\n");
    }
    let (values, secret) = ask_all(&dialogue, &present).await?;
    let wants_agent = !present.has_agent() && dialogue.ask.yes(AGENT, false)?;
    let plan = Plan::of(&dialogue, present, &values, secret, wants_agent)?;
    for warning in plan.warnings() {
        say(&format!("Note: {warning}"));
    }
    if plan.is_needed() {
        say_styled(&format!("\n{}", plan.differences()));
        if !options.dry_run {
            confirm(plan.question(), options.yes)?;
        }
    }
    let done = if options.dry_run { plan.describe() } else { plan.write().await? };
    output.print(&done, Done::to_text)
}

async fn ask_all(dialogue: &Dialogue<'_>, present: &Present) -> Result<(Values, StackSecret), Failure> {
    let mut values = account::ask(dialogue, present.values())?;
    values = provider::ask(dialogue, &values, &present.verification()).await?;
    values = guests(dialogue, values)?;
    while check::account(dialogue, &values).await? == Next::Change {
        dialogue.correct();
        values = account::ask(dialogue, values)?;
    }
    let secret = stack_secret::ask(dialogue, &values, present.of_stack()).await?;
    Ok((values, secret))
}

/// `GUESTS`. It stays as it is written if its meaning does not change.
fn guests(dialogue: &Dialogue, values: Values) -> Result<Values, Failure> {
    let has_guests = values.get("GUESTS") == Some("true");
    let wanted = match dialogue.options.guests {
        Some(wanted) => wanted,
        None => dialogue.ask.yes("Can visitors who are not logged in chat too (guests)?", has_guests)?,
    };
    if wanted && values.get(values::AUTHORIZER_ISSUER).is_some() {
        return Err(Failure::Input(
            "API Gateway's authorizer accepts no guests: choose another provider, or no guests.".into(),
        ));
    }
    Ok(if wanted == has_guests { values } else { values.with("GUESTS", wanted.to_string()) })
}

/// Whether the folder has the sources, so that the functions are built first.
fn has_sources() -> bool {
    fs::exists("functions/common/lib.rs").unwrap_or(false)
}
