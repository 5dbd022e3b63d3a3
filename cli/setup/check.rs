//! Answers against the world: the same checks as those of `cip doctor`.

use super::{Dialogue, values::Values};
use crate::{
    ask::{say, say_styled},
    doctor::{
        keys::{self, Stored},
        livechat,
        report::Report,
    },
    failure::Failure,
};
use cip::settings::{AuthSettings, LiveChat};

/// What comes after a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Accept,
    /// The same questions again.
    Change,
    /// Another provider.
    Provider,
}

/// Whether callers can be verified with these settings. A secret in AWS Secrets Manager is left to `cip doctor`.
///
/// # Errors
/// [`Failure::Declined`]; without somebody to ask, [`Failure::Input`] for invalid settings and [`Failure::Found`] for keys that cannot be used.
pub(super) async fn verification(dialogue: &Dialogue<'_>, values: &Values, is_kept: bool) -> Result<Next, Failure> {
    let is_stored = values.iter().any(|(name, _)| name.ends_with("_ARN"));
    loop {
        let settings = match AuthSettings::from_lookup(&values.lookup()) {
            Ok(settings) => settings,
            Err(error) if dialogue.ask.can() => {
                say(&format!("  {error}"));
                return Ok(Next::Change);
            }
            Err(error) => return Err(Failure::Input(error.to_string())),
        };
        if is_stored {
            return Ok(Next::Accept);
        }
        let mut report = Report::of(String::new());
        keys::check(&mut report, settings, Stored::None).await;
        say_styled(&report.findings());
        if report.is_good() || is_kept {
            return Ok(Next::Accept);
        }
        if !dialogue.ask.can() {
            return accept_unchecked(dialogue, &report);
        }
        let choices = vec!["Change the answers", "Try again", "Choose another provider", "Keep the answers anyway"];
        match dialogue.ask.choose("What now?", "", choices, 0)? {
            0 => return Ok(Next::Change),
            1 => {}
            2 => return Ok(Next::Provider),
            _ => return Ok(Next::Accept),
        }
    }
}

/// One call to LiveChat, with consent.
///
/// # Errors
/// As [`verification`].
pub(super) async fn account(dialogue: &Dialogue<'_>, values: &Values) -> Result<Next, Failure> {
    let is_agreed =
        dialogue.options.call_livechat || (dialogue.ask.can() && dialogue.ask.yes(livechat::QUESTION, false)?);
    if !is_agreed {
        return Ok(Next::Accept);
    }
    loop {
        let settings = LiveChat::from_lookup(&values.lookup()).map_err(|error| Failure::Input(error.to_string()))?;
        let mut report = Report::of(String::new());
        livechat::check(&mut report, settings, true, false).await?;
        say_styled(&report.findings());
        if report.is_good() {
            return Ok(Next::Accept);
        }
        if !dialogue.ask.can() {
            return accept_unchecked(dialogue, &report);
        }
        let choices = vec!["Change the answers about LiveChat", "Try again", "Keep the answers anyway"];
        match dialogue.ask.choose("What now?", "", choices, 0)? {
            0 => return Ok(Next::Change),
            1 => {}
            _ => return Ok(Next::Accept),
        }
    }
}

/// Without somebody to ask, what is wrong is written only if the command line says so. A warning is not wrong.
fn accept_unchecked(dialogue: &Dialogue, report: &Report) -> Result<Next, Failure> {
    if dialogue.options.unchecked || !report.is_wrong() {
        return Ok(Next::Accept);
    }
    say("Nothing was written. --unchecked writes the answers all the same.");
    Err(Failure::Found)
}
