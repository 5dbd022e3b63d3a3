//! What commands print: text for people, or JSON for programs with `--json`. Results go to stdout; progress and questions go to stderr.

use crate::failure::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::{
    borrow::Cow,
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
        self.print_styled(result, |result| shown_lines(&text(result)))
    }

    /// The same for a text with colors: `text` must pass what is stored or remote through [`shown`] itself.
    pub(crate) fn print_styled<T: Serialize>(self, result: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        let text = if self.json { json(result, serde_json::to_string_pretty)? } else { text(result) };
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

/// A result as JSON on one line.
///
/// # Errors
/// [`Failure::Service`] if it has no JSON.
pub(crate) fn json_line<T: Serialize>(result: &T) -> Result<String, Failure> {
    json(result, serde_json::to_string)
}

/// JSON with escapes in place of the characters that its writer leaves as they are, and a terminal does not show.
fn json<T>(result: &T, write: impl FnOnce(&T) -> serde_json::Result<String>) -> Result<String, Failure> {
    let json = write(result).map_err(|error| Failure::Service(error.to_string()))?;
    let escaped = |character: char| match character {
        // Of the BMP, so one escape is enough.
        hidden if hidden != '\n' && is_hidden(hidden) => format!("\\u{:04x}", u32::from(hidden)),
        other => other.into(),
    };
    Ok(json.chars().map(escaped).collect())
}

/// Text for a line of a terminal: control characters, and those that change the direction of text, become escapes such as `\u{1b}`. What
/// is stored, or comes from another server, could otherwise move the cursor, hide lines or change their order.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return text.into();
    }
    let escaped =
        |character: char| if is_hidden(character) { character.escape_default().to_string() } else { character.into() };
    text.chars().map(escaped).collect::<String>().into()
}

/// [`shown`] for each line of a text.
pub(crate) fn shown_lines(text: &str) -> String {
    text.split('\n').map(shown).collect::<Vec<_>>().join("\n")
}

/// Whether a terminal reacts to this character, rather than showing it.
pub(crate) fn is_hidden(character: char) -> bool {
    // Unicode Standard Annex 9, section 2, and the separators of lines and paragraphs.
    let is_of_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || is_of_direction
}

/// Prints lines for people to stderr. That nobody reads them is no error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(stderr(), "{}", shown_lines(text));
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

/// Whether somebody can read a question, which is on stderr, and answer it.
pub(crate) fn can_ask() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Asks a question on stderr. Without a terminal nobody can answer: then the option `--yes` is required.
///
/// # Errors
/// [`Failure::Declined`] after any answer but `yes`, and [`Failure::Input`] without a terminal.
pub(crate) fn confirm(question: &str, is_confirmed: bool) -> Result<(), Failure> {
    if is_confirmed {
        return Ok(());
    }
    if !can_ask() {
        let why = "There is no terminal to ask for confirmation: stdin and stderr must be one. Otherwise add --yes.";
        return Err(Failure::Input(why.into()));
    }
    let _ = write!(stderr(), "{} Type yes to continue: ", shown_lines(question));
    let mut answer = String::new();
    if stdin().read_line(&mut answer).map_err(|error| Failure::Input(error.to_string()))? == 0 {
        // Ctrl-D leaves the cursor behind the question.
        note("");
    }
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::Declined) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_controlled_by_what_is_shown() {
        assert_eq!(shown("a\u{1b}]0;x\u{7}b\r\nc\u{9b}2J"), "a\\u{1b}]0;x\\u{7}b\\r\\nc\\u{9b}2J");
        assert_eq!(shown("\u{202e}eno\u{2066}\u{7f}"), "\\u{202e}eno\\u{2066}\\u{7f}");
        assert_eq!(shown("Zo\u{eb} – 日本 👋"), "Zo\u{eb} – 日本 👋");
        assert_eq!(shown_lines("a\tb\nc"), "a\\tb\nc");
    }

    #[test]
    fn json_has_the_same_value_without_control_characters() {
        let value = "a\u{1b}\u{7f}\u{9b}2J\u{202e}\n";
        let line = json_line(&value).expect("JSON");
        assert!(!line.contains(is_hidden), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).expect("JSON"), value);
    }
}
