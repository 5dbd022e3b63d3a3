//! What was found.

use crate::{
    failure::Failure,
    output::{shown, shown_lines},
};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::fmt::Write;

/// All findings.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// What was checked.
    of: String,
    checks: Vec<Finding>,
    /// The installation could not be reached, so most of it was not checked.
    #[serde(skip)]
    is_unreachable: bool,
}

/// The result of one check.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    /// What was found.
    found: String,
    /// What to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warning,
    Wrong,
    Skipped,
}

impl Report {
    pub(crate) fn of(what: String) -> Self {
        Self { of: what, checks: Vec::new(), is_unreachable: false }
    }

    pub(crate) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(check, Status::Ok, found, None);
    }

    /// Nothing stops working, but something should change.
    pub(crate) fn warning(&mut self, check: &'static str, found: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Status::Warning, found, Some(fix.into()));
    }

    pub(crate) fn wrong(&mut self, check: &'static str, found: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Status::Wrong, found, Some(fix.into()));
    }

    /// The installation cannot be reached.
    pub(crate) fn unreachable(&mut self, check: &'static str, found: impl Into<String>, fix: impl Into<String>) {
        self.is_unreachable = true;
        self.wrong(check, found, fix);
    }

    /// Something that says by itself what to change.
    pub(crate) fn wrong_as_said(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(check, Status::Wrong, found, None);
    }

    pub(crate) fn skipped(&mut self, check: &'static str, why: impl Into<String>) {
        self.add(check, Status::Skipped, why, None);
    }

    fn add(&mut self, check: &'static str, status: Status, found: impl Into<String>, fix: Option<String>) {
        self.checks.push(Finding { check, status, found: found.into(), fix });
    }

    /// The end of a command that has printed these findings.
    ///
    /// # Errors
    /// [`Failure::Service`] if the installation cannot be reached, and [`Failure::Found`] if something else is wrong.
    pub(crate) fn result(&self) -> Result<(), Failure> {
        match self.is_unreachable {
            true => Err(Failure::Service("The installation cannot be reached.".into())),
            false if self.is_wrong() => Err(Failure::Found),
            false => Ok(()),
        }
    }

    /// Whether something must change.
    pub(crate) fn is_wrong(&self) -> bool {
        self.number(Status::Wrong) > 0
    }

    /// Whether everything that was checked is good.
    pub(crate) fn is_good(&self) -> bool {
        self.number(Status::Wrong) + self.number(Status::Warning) == 0
    }

    fn number(&self, status: Status) -> usize {
        self.checks.iter().filter(|finding| finding.status == status).count()
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{}\n\n{}", shown(&self.of), self.findings());
        let (wrong, warnings) = (self.number(Status::Wrong), self.number(Status::Warning));
        let _ = writeln!(text, "\n{wrong} wrong, {warnings} to look at, {} skipped", self.number(Status::Skipped));
        text
    }

    /// The findings alone, as lines.
    pub(crate) fn findings(&self) -> String {
        let mut text = String::new();
        for Finding { check, status, found, fix } in &self.checks {
            let (word, style) = status.shown();
            let _ = writeln!(text, "{style}{word:<7}{style:#}  {check:<9}  {}", shown_lines(found));
            if let Some(fix) = fix {
                for line in fix.lines() {
                    let _ = writeln!(text, "{:20}{}", "", shown(line));
                }
            }
        }
        text
    }
}

impl Status {
    fn shown(self) -> (&'static str, Style) {
        match self {
            Self::Ok => ("ok", AnsiColor::Green.on_default()),
            Self::Warning => ("warning", AnsiColor::Yellow.on_default()),
            Self::Wrong => ("wrong", AnsiColor::Red.on_default().bold()),
            Self::Skipped => ("skipped", Style::new().dimmed()),
        }
    }
}
