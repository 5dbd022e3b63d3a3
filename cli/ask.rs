//! Questions on the terminal. Each can be answered by an option instead; without a terminal it must be, unless there is a default.

use crate::{
    failure::Failure,
    output::{can_ask, shown_lines},
};
use inquire::{InquireError, Password, PasswordDisplayMode, Select, Text};
use std::{
    fmt::Display,
    io::{Write, stderr},
};

/// Asks, or does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    has_terminal: bool,
}

/// A question for a line of text.
pub(crate) struct Question<'a> {
    /// What is asked for.
    pub(crate) text: &'a str,
    /// More about it, below.
    pub(crate) help: &'a str,
    /// The option that answers it, for errors.
    pub(crate) option: &'a str,
    /// The answer of the command line.
    pub(crate) given: Option<&'a str>,
    /// The answer if nothing is typed.
    pub(crate) default: Option<&'a str>,
}

impl Ask {
    /// With `--yes`, nothing is asked.
    pub(crate) fn new(is_confirmed: bool) -> Self {
        Self { has_terminal: can_ask() && !is_confirmed }
    }

    /// Whether somebody can answer.
    pub(crate) fn can(self) -> bool {
        self.has_terminal
    }

    /// A text that `check` accepts, as `check` returns it. Otherwise the question is asked again, with the reason.
    ///
    /// # Errors
    /// [`Failure::Declined`] for Ctrl-C or Esc, and [`Failure::Input`] for an option that is missing or invalid.
    pub(crate) fn text<T>(self, question: &Question, check: impl Fn(&str) -> Result<T, String>) -> Result<T, Failure> {
        let Question { text, help, option, given, default } = *question;
        if let Some(given) = given {
            return check(given).map_err(|why| Failure::Input(format!("{option}: {why}")));
        }
        if !self.has_terminal {
            let default = default.ok_or_else(|| missing(question))?;
            return check(default).map_err(|why| Failure::Input(format!("{option} is needed: {why}")));
        }
        loop {
            let mut prompt = Text::new(text);
            if !help.is_empty() {
                prompt = prompt.with_help_message(help);
            }
            if let Some(default) = default {
                prompt = prompt.with_default(default);
            }
            match check(&prompt.prompt().map_err(stopped)?) {
                Ok(answer) => return Ok(answer),
                Err(why) => say(&format!("  {why}")),
            }
        }
    }

    /// One of these. Without a terminal, the one at `default`.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub(crate) fn choose<T: Display>(
        self,
        text: &str,
        help: &str,
        choices: Vec<T>,
        default: usize,
    ) -> Result<usize, Failure> {
        if !self.has_terminal {
            return Ok(default);
        }
        let prompt = Select::new(text, choices).with_starting_cursor(default).with_page_size(12);
        let prompt = if help.is_empty() { prompt } else { prompt.with_help_message(help) };
        Ok(prompt.raw_prompt().map_err(stopped)?.index)
    }

    /// Yes or no. Without a terminal, `default`.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub(crate) fn yes(self, text: &str, default: bool) -> Result<bool, Failure> {
        Ok(self.choose(text, "", vec!["yes", "no"], usize::from(!default))? == 0)
    }

    /// A secret, which is not shown while it is typed.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub(crate) fn secret(self, text: &str) -> Result<String, Failure> {
        debug_assert!(self.has_terminal, "nobody can type it");
        let prompt = Password::new(text).with_display_mode(PasswordDisplayMode::Hidden).without_confirmation();
        prompt.with_help_message("Paste it: it is not shown").prompt().map_err(stopped)
    }
}

/// Says something that is neither a question nor a result.
pub(crate) fn say(text: &str) {
    say_styled(&shown_lines(text));
}

/// The same for a text with colors: what is stored or remote must have passed through [`shown`](crate::output::shown).
pub(crate) fn say_styled(text: &str) {
    let _ = writeln!(anstream::AutoStream::auto(stderr().lock()), "{}", text.trim_end());
}

/// An option that must be given.
fn missing(Question { text, help, option, .. }: &Question) -> Failure {
    let help = if help.is_empty() { String::new() } else { format!(" {help}.") };
    Failure::Input(format!("{option} is missing: {text}.{help}"))
}

fn stopped(error: InquireError) -> Failure {
    match error {
        InquireError::OperationCanceled | InquireError::OperationInterrupted => Failure::Declined,
        error => {
            Failure::Input(format!("The terminal cannot be used: {error}. Give the answers as options, with --yes."))
        }
    }
}
