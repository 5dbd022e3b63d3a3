//! Errors and exit codes.
//!
//! | code | means |
//! |---|---|
//! | 0 | done, and nothing is wrong |
//! | 1 | the command has found something wrong, or did only a part of its work; its output says what |
//! | 2 | the command line or an input file is invalid |
//! | 3 | AWS, the table or LiveChat could not be reached, or refused |
//! | 4 | the person said no |
//! | 129, 130, 143 | it was interrupted: see `interruption.rs` |

use crate::{
    output::note,
    refusal::{NO_CONNECTION, advice},
};
use std::process::ExitCode;

/// What the table's errors say if there was no response in time.
const TOO_LATE: [&str; 2] = ["no response before the invocation's deadline", "time-out"];

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The output has said it already.
    #[error("")]
    Found,
    /// What to change in the command line or the input.
    #[error("{0}")]
    Input(String),
    /// What could not be reached or refused, and what to do about it.
    #[error("{0}")]
    Service(String),
    /// Somebody said no when asked.
    #[error("nothing was changed")]
    Declined,
    /// Ctrl-C, or a signal to end. What was done, and how to continue.
    #[error("{0}")]
    Interrupted(String),
}

impl Failure {
    /// Prints the error to stderr, and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let code = match self {
            Self::Found => return ExitCode::from(1),
            Self::Input(_) => 2,
            Self::Service(_) => 3,
            Self::Declined => 4,
            Self::Interrupted(_) => 130,
        };
        note(&format!("cip: {self}"));
        ExitCode::from(code)
    }
}

impl Failure {
    /// A failure of the table, with what to do next.
    pub(crate) fn of_table(error: cip::renewal::StoreError, next: &str) -> Self {
        match Self::from(error) {
            Self::Service(why) => Self::Service(format!("{why}{} {next}", if why.ends_with('.') { "" } else { "." })),
            other => other,
        }
    }
}

impl From<cip::renewal::StoreError> for Failure {
    fn from(error: cip::renewal::StoreError) -> Self {
        let cip::renewal::StoreError::Unavailable(why) = &error else { return Self::Service(error.to_string()) };
        if TOO_LATE.contains(&why.as_str()) {
            return Self::Service(format!("DynamoDB did not respond in time. {NO_CONNECTION}"));
        }
        let advice = advice(why).map(|advice| format!(" {advice}")).unwrap_or_default();
        Self::Service(format!("The table cannot be read or changed: {why}.{advice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cip::renewal::StoreError;

    #[test]
    fn a_database_that_is_late_is_said_without_the_words_of_a_function() {
        for why in TOO_LATE {
            let said = Failure::of_table(StoreError::Unavailable(why.into()), "Run the command again.").to_string();
            assert!(said.starts_with("DynamoDB did not respond in time. Check the network"), "{said}");
            assert!(said.ends_with("--region. Run the command again."), "{said}");
        }
        let other = Failure::of_table(StoreError::Unavailable("an error".into()), "Run the command again.").to_string();
        assert_eq!(other, "The table cannot be read or changed: an error. Run the command again.");
    }
}
