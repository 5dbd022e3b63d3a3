//! The file with the customers of the users, for a CRM: JSON Lines without cookies and tokens.

use super::input::Record;
use crate::{
    failure::Failure,
    files::{folder_of, replaceable},
    output::json_line,
    records::report::unwritable,
};
use cip::identity::Principal;
use serde::Serialize;
use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// The file while it is written: it has a temporary name in the same folder, and only its owner may read it.
pub(super) struct Entities {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

/// A line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<u32>,
    entity_id: &'a str,
}

impl Entities {
    /// # Errors
    /// [`Failure::Input`] if there can be no file, or another thing than a file has this name.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let path = replaceable(path)?;
        let file = tempfile::Builder::new().prefix(".cip-output-").tempfile_in(folder_of(&path));
        let file = file.map_err(|error| unwritable(&path, &error))?;
        Ok(Self { file: BufWriter::new(file), path })
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`Failure::Input`] if the file cannot be written.
    pub(super) fn add(&mut self, record: &Record, entity_id: &str) -> Result<(), Failure> {
        let issuer = match &record.subject.principal {
            Principal::User(user) => user.issuer(),
            Principal::Guest(_) => None,
        };
        let group = record.subject.group.map(|group| group.0);
        let line = Line { user: record.user(), issuer, group, entity_id };
        let line = json_line(&line)?;
        writeln!(self.file, "{line}").map_err(|error| unwritable(&self.path, &error))
    }

    /// Gives the file its name. It replaces one of an earlier run, whose users are in this one too.
    ///
    /// # Errors
    /// [`Failure::Input`] if the file cannot be written, or if its name is no longer that of a file.
    pub(super) fn finish(self) -> Result<(), Failure> {
        replaceable(&self.path)?;
        let file = self.file.into_inner().map_err(|error| unwritable(&self.path, error.error()))?;
        file.persist(&self.path).map_err(|error| unwritable(&self.path, &error.error))?;
        Ok(())
    }
}
