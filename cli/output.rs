//! What commands print: text for people, or JSON for programs with `--json`. Results go to stdout; progress and questions go to stderr.

use crate::failure::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::{
    io::{ErrorKind, IsTerminal, Write, stderr, stdin, stdout},
    time::Duration,
};

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Prints a result: as one JSON value, or as the text that `text` returns.
    pub(crate) fn print<T: Serialize>(self, result: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        let text = if self.json {
            serde_json::to_string_pretty(result).map_err(|error| Failure::Service(error.to_string()))?
        } else {
            text(result)
        };
        let mut out = anstream::AutoStream::auto(stdout().lock());
        match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
            // A reader such as `head` may have enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::Input(format!("The result cannot be printed: {error}")))
            }
            _ => Ok(()),
        }
    }
}

/// Prints lines for people to stderr. That nobody reads them is no error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// A progress bar on stderr for `length` steps, or a counter if the number is unknown. It is not drawn if stderr is not a terminal.
pub(crate) fn progress(length: Option<u64>, what: &'static str) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg} {pos} {per_sec} {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).expect("a good template");
    let bar = bar.with_style(style).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Asks a question on stderr. Without a terminal nobody can answer: then the option `--yes` is required.
///
/// # Errors
/// [`Failure::Declined`] after any answer but `yes`, and [`Failure::Input`] without a terminal.
pub(crate) fn confirm(question: &str, is_confirmed: bool) -> Result<(), Failure> {
    if is_confirmed {
        return Ok(());
    }
    if !stdin().is_terminal() {
        return Err(Failure::Input("There is no terminal to ask for confirmation: add --yes.".into()));
    }
    let _ = write!(stderr(), "{question} Type yes to continue: ");
    let mut answer = String::new();
    if stdin().read_line(&mut answer).map_err(|error| Failure::Input(error.to_string()))? == 0 {
        // Ctrl-D leaves the cursor behind the question.
        note("");
    }
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::Declined) }
}
