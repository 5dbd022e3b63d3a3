//! Records of an input file: how its lines are read, why a record is left out, and where that is reported.
//!
//! | file | what it holds |
//! |---|---|
//! | `records/lines.rs` | the lines of a file or of stdin |
//! | `records/fields.rs` | the fields of a line of JSON |
//! | `records/skipped.rs` | a record that is left out, and why |
//! | `records/report.rs` | how many were left out, and the file that lists them |

pub(crate) mod fields;
pub(crate) mod lines;
pub(crate) mod report;
pub(crate) mod skipped;

use cip::{identity::UserId, settings::UserIds};
use skipped::Reason;
use std::sync::Arc;

/// The user with this id as a record has it, at the issuer if it is not the first one.
///
/// # Errors
/// [`Reason`] if the id or the issuer is invalid.
pub(crate) fn user(user_ids: UserIds, id: &str, issuer: Option<&str>) -> Result<UserId, Reason> {
    let user = user_ids.parse(id).map_err(|error| Reason::User(error.to_string()))?;
    if issuer.is_some_and(|issuer| issuer.is_empty() || issuer.contains('#')) {
        return Err(Reason::Issuer);
    }
    Ok(user.of_issuer(issuer.map(Arc::from)))
}
