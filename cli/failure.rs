//! Errors and exit codes.
//!
//! | code | means |
//! |---|---|
//! | 0 | done, and nothing is wrong |
//! | 1 | the command has found something wrong, or did only a part of its work; its output says what |
//! | 2 | the command line or an input file is invalid |
//! | 3 | AWS, the table or LiveChat could not be reached, or refused |
//! | 4 | the person said no |
//! | 130, 143 | it was interrupted: see `interruption.rs` |

use crate::{output::note, refusal::advice};
use std::process::ExitCode;

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

impl From<cip::renewal::StoreError> for Failure {
    fn from(error: cip::renewal::StoreError) -> Self {
        let cip::renewal::StoreError::Unavailable(why) = &error else { return Self::Service(error.to_string()) };
        let advice = advice(why).map(|advice| format!(" {advice}")).unwrap_or_default();
        Self::Service(format!("The table cannot be read or changed: {why}.{advice}"))
    }
}
