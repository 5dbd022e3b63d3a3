//! The secret that the site's server signs with: a new one, or one that it has already.

use super::{Dialogue, recipes::Origin};
use crate::{ask::say, failure::Failure};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::ValueEnum;
use ring::rand::{SecureRandom, SystemRandom};
use std::io::{Read, stdin};

/// The longest secret that is read from stdin, in bytes. AWS Secrets Manager accepts no longer one.
const LONGEST: u64 = 64 * 1024;

/// Where the secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum How {
    /// It is created.
    Create,
    /// It is read from stdin.
    Stdin,
    /// It is the one in .env.
    Keep,
}

/// A secret that `check` accepts. `variable` is its setting.
///
/// # Errors
/// [`Failure::Declined`], or [`Failure::Input`] if no option says where it comes from, or if it is refused.
pub(super) fn ask(
    dialogue: &Dialogue,
    variable: &str,
    existing: Option<&str>,
    origin: Origin,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<String, Failure> {
    loop {
        let how = how(dialogue, variable, existing, origin)?;
        let secret = match (how, existing) {
            (How::Keep, Some(existing)) => existing.to_owned(),
            (How::Keep, None) => return Err(Failure::Input(format!("--secret keep: .env has no {variable}."))),
            (How::Create, _) => create()?,
            (How::Stdin, _) if dialogue.options.secret == Some(How::Stdin) => from_stdin()?,
            (How::Stdin, _) => dialogue.ask.secret(variable)?.trim().to_owned(),
        };
        match check(&secret) {
            Ok(()) => return Ok(secret),
            Err(why) if dialogue.options.secret.is_none() && dialogue.ask.can() => say(&format!("  {why}")),
            Err(why) => return Err(Failure::Input(why)),
        }
    }
}

fn how(dialogue: &Dialogue, variable: &str, existing: Option<&str>, origin: Origin) -> Result<How, Failure> {
    if let Some(how) = dialogue.options.secret {
        return Ok(how);
    }
    if !dialogue.ask.can() {
        let missing = "--secret is missing: create a new one (create), or read it from stdin (stdin)";
        return existing.map(|_| How::Keep).ok_or_else(|| Failure::Input(format!("{missing}. It becomes {variable}.")));
    }
    let mut choices = Vec::new();
    if existing.is_some() {
        choices.push((How::Keep, "Keep the one that is there"));
    }
    let paste = (How::Stdin, "Paste the one that the server signs with");
    match origin {
        Origin::New => choices.extend([(How::Create, "Create a new one"), paste]),
        Origin::Existing => choices.push(paste),
    }
    let words = choices.iter().map(|(_, words)| *words).collect();
    let help = "It is written to .env alone, and never shown. Your server needs the same one";
    let chosen = dialogue.ask.choose(&format!("The secret ({variable})"), help, words, 0)?;
    Ok(choices[chosen].0)
}

/// 36 random bytes in base64, which has no padding then.
///
/// # Errors
/// [`Failure::Service`] if the operating system gives none.
pub(super) fn create() -> Result<String, Failure> {
    let mut bytes = [0; 36];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Failure::Service("The operating system gives no random numbers.".into()))?;
    Ok(BASE64_STANDARD.encode(bytes))
}

fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = stdin().take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| Failure::Input(format!("stdin: {error}")))?;
    Ok(text.trim().to_owned())
}
