//! Reading variables: where their values come from, the few formats that they have in common, and the error for one that is
//! missing or invalid.

use super::names::NAMES;
use crate::safe_url;
use reqwest::Url;
use std::{fmt, sync::LazyLock};

/// Why a function cannot start: one line for the person who deploys it.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// Rust prints the error of a failed `main` with `Debug`, and this one is written for people.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ConfigError {
    pub(crate) fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }

    /// An invalid value. It may be a secret, so the line does not repeat it.
    pub(crate) fn invalid(name: &str, expected: &str) -> Self {
        Self(format!("{name} is invalid: expected {expected}."))
    }
}

/// The variables that settings are read from: the process's environment, or what a test or `cargo local` puts in its place.
pub struct Lookup<'a> {
    value: Box<Value<'a>>,
    names: Box<Names<'a>>,
}

type Value<'a> = dyn Fn(&str) -> Option<String> + 'a;
type Names<'a> = dyn Fn() -> Vec<String> + 'a;

/// The process's environment, copied once: the standard library searches and copies all of it for each variable. Variables that
/// are not Unicode are left out.
fn environment() -> &'static [(String, String)] {
    static VARIABLES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
        let all = std::env::vars_os();
        all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
    });
    &VARIABLES
}

impl Lookup<'static> {
    /// The process's environment.
    pub fn environment() -> Self {
        Self::new(|name| environment().iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()))
            .with_names(|| environment().iter().map(|(name, _)| name.clone()).collect())
    }
}

impl<'a> Lookup<'a> {
    /// Variables whose values `value` returns. Which other variables exist is unknown, so misspelt names are not found.
    pub fn new(value: impl Fn(&str) -> Option<String> + 'a) -> Self {
        Self { value: Box::new(value), names: Box::new(Vec::new) }
    }

    /// The same, with the names of all variables that exist.
    #[must_use]
    pub fn with_names(self, names: impl Fn() -> Vec<String> + 'a) -> Self {
        Self { names: Box::new(names), ..self }
    }

    /// The names of all variables, as far as they are known.
    pub(crate) fn names(&self) -> Vec<String> {
        (self.names)()
    }

    /// The value of a setting. An empty variable counts as not set: that is how templates leave one out.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        debug_assert!(NAMES.contains(&name), "{name} is missing in settings/names.rs");
        self.raw(name)
    }

    /// The value of any variable, also of one that is not a setting.
    pub(crate) fn raw(&self, name: &str) -> Option<String> {
        (self.value)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &str, expected: &str) -> Result<String, ConfigError> {
        self.optional(name).ok_or_else(|| ConfigError(format!("{name} is not set: expected {expected}.")))
    }

    /// The entries of a list with commas between; `None` if the variable is not set. Empty entries are left out.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        let list = self.optional(name)?;
        Some(list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
    }

    /// One of the named choices, of which the first is the default.
    pub(crate) fn choice<T: Copy, const N: usize>(
        &self,
        name: &str,
        choices: [(&str, T); N],
    ) -> Result<T, ConfigError> {
        let Some(value) = self.optional(name) else { return Ok(choices[0].1) };
        let chosen = choices.iter().find(|(word, _)| *word == value).map(|(_, choice)| *choice);
        chosen.ok_or_else(|| {
            let words = choices.map(|(word, _)| format!("`{word}`"));
            let (last, others) = words.split_last().expect("there is a default");
            ConfigError::invalid(name, &format!("{} or {last}", others.join(", ")))
        })
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, ConfigError> {
        let words = [("false", false), ("true", true)];
        self.choice(name, if default { [words[1], words[0]] } else { words })
    }
}

/// A URL that secrets may be sent to, or that trusted data may come from.
///
/// # Errors
/// [`ConfigError`] that names the variable, for a URL without encryption to another machine.
pub(super) fn safe_url(name: &str, address: &str) -> Result<Url, ConfigError> {
    let expected = "an https:// address (http:// only for this machine)";
    safe_url::parse(address).ok_or_else(|| ConfigError::invalid(name, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(value: &'static str) -> Lookup<'static> {
        Lookup::new(move |_| Some(value.to_owned()))
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        for empty in ["", " ", "\n"] {
            assert_eq!(value(empty).optional("AUTH"), None);
            assert_eq!(value(empty).list("GROUPS"), None);
            let line = value(empty).required("AUTH", "`none`").expect_err("refused").to_string();
            assert_eq!(line, "AUTH is not set: expected `none`.");
        }
        assert_eq!(value(" none\n").optional("AUTH").as_deref(), Some("none"));
    }

    #[test]
    fn empty_entries_of_a_list_are_left_out() {
        assert_eq!(value("a, b,,c ,").list("JWT_ISSUER"), Some(vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!(value(" , ").list("JWT_ISSUER"), Some(vec![]));
    }

    #[test]
    fn a_choice_is_one_of_its_words_and_by_default_the_first() {
        let choose = |word| value(word).choice("AUTH", [("one", 1), ("two", 2), ("three", 3)]);
        assert_eq!((choose("").ok(), choose("one").ok(), choose(" three ").ok()), (Some(1), Some(1), Some(3)));
        for bad in ["four", "ONE", "one,two"] {
            let line = choose(bad).expect_err("refused").to_string();
            assert_eq!(line, "AUTH is invalid: expected `one`, `two` or `three`.");
        }
        let flag = |word, default| value(word).flag("GUESTS", default).ok();
        assert_eq!((flag("", true), flag("", false)), (Some(true), Some(false)));
        assert_eq!((flag("true", false), flag("false", true), flag("1", true)), (Some(true), Some(false), None));
    }
}
