//! The users of the file: one user id in each line, or JSON Lines.

use super::Format;
use crate::{
    failure::Failure,
    records::{
        self,
        fields::{self, text},
        lines::{Line, Lines},
        skipped::{Reason, Skipped},
    },
};
use cip::{
    identity::{Group, Principal, Subject},
    settings::{Groups, UserIds},
};
use indicatif::ProgressBar;
use std::{
    collections::HashSet,
    fs::File,
    io::{BufRead, BufReader, Error, stdin},
    path::Path,
};

const FIELDS: [&str; 4] = ["user", "issuer", "group", "guestIdHash"];

/// How the installation reads user ids and groups.
pub(super) struct Rules {
    pub(super) user_ids: UserIds,
    pub(super) groups: Groups,
    /// LiveChat's v1 API has none.
    pub(super) has_groups: bool,
}

/// A user of the file.
#[derive(Debug)]
pub(super) struct Record {
    /// The number of the line.
    pub(super) at: u64,
    pub(super) subject: Subject,
    /// The user's id as the file has it, if it was normalized.
    spelling: Option<Box<str>>,
}

impl Record {
    /// The user's id as the file has it.
    pub(super) fn user(&self) -> &str {
        match (&self.spelling, &self.subject.principal) {
            (Some(spelling), _) => spelling,
            (None, Principal::User(user)) => user.as_str(),
            (None, Principal::Guest(_)) => "",
        }
    }

    /// The same record, left out.
    pub(super) fn skip(&self, reason: Reason) -> Skipped {
        Skipped { at: self.at, user: Some(self.user().to_owned()), reason }
    }
}

/// Reads `file`, or stdin if it is `-`. Users who come more than once are kept once.
///
/// # Errors
/// [`Failure::Input`] if it cannot be read, or its format is unknown.
pub(super) fn read(
    file: &Path,
    format: Option<Format>,
    rules: &Rules,
    bar: &ProgressBar,
) -> Result<(Vec<Record>, Vec<Skipped>), Failure> {
    let reader: Box<dyn BufRead> = if is_stdin(file) {
        Box::new(bar.wrap_read(stdin().lock()))
    } else {
        Box::new(BufReader::new(bar.wrap_read(File::open(file).map_err(|error| unreadable(file, &error))?)))
    };
    let (mut records, mut skipped, mut chosen) = (Vec::new(), Vec::new(), format);
    let mut lines = Lines::new(reader);
    while let Some(Line { at, content }) = lines.next().map_err(|error| unreadable(file, &error))? {
        let line = match content {
            Ok(line) => line,
            Err(reason) => {
                skipped.push(Skipped { at, user: None, reason });
                continue;
            }
        };
        let format = match chosen {
            Some(format) => format,
            None => *chosen.insert(recognise(line).ok_or_else(|| unknown(file))?),
        };
        match rules.record(at, line, format) {
            Ok(record) => records.push(record),
            Err((user, reason)) => skipped.push(Skipped { at, user, reason }),
        }
    }
    Ok((remove_repeated(records, &mut skipped), skipped))
}

/// The format of a file with this first line.
fn recognise(line: &[u8]) -> Option<Format> {
    match line.trim_ascii_start().first()? {
        b'{' => Some(Format::Lines),
        // JSON of another form. UTF-16 and other files that are not text have zeros.
        b'[' | b'"' => None,
        _ if line.contains(&0) => None,
        _ => Some(Format::Text),
    }
}

impl Rules {
    /// The record of a line.
    ///
    /// # Errors
    /// Why a line has no valid record, and the user's id if the line has one.
    fn record(&self, at: u64, line: &[u8], format: Format) -> Result<Record, (Option<String>, Reason)> {
        let (id, issuer, group);
        match format {
            Format::Text => {
                id = plain(line).map_err(|reason| (None, reason))?.to_owned();
                (issuer, group) = (None, None);
            }
            Format::Lines => (id, issuer, group) = object(line).map_err(|reason| (None, reason))?,
        }
        let subject = self.subject(&id, issuer.as_deref(), group).map_err(|reason| (Some(id.clone()), reason))?;
        let is_normalized = matches!(&subject.principal, Principal::User(user) if user.as_str() != id);
        Ok(Record { at, subject, spelling: is_normalized.then(|| id.into()) })
    }

    fn subject(&self, id: &str, issuer: Option<&str>, group: Option<Group>) -> Result<Subject, Reason> {
        let user = records::user(self.user_ids, id, issuer)?;
        match group {
            Some(_) if !self.has_groups => Err(Reason::GroupInV1),
            Some(group) if !self.groups.allow(group) => Err(Reason::UnlistedGroup),
            group => Ok(Subject { principal: Principal::User(user), group }),
        }
    }
}

/// A line that is a user id. A space at its end is more likely a mistake than a part of the id, and each mistake is billed.
fn plain(line: &[u8]) -> Result<&str, Reason> {
    let id = str::from_utf8(line).map_err(|_| Reason::NotUtf8)?;
    if id.trim() == id { Ok(id) } else { Err(Reason::Spaces) }
}

fn object(line: &[u8]) -> Result<(String, Option<String>, Option<Group>), Reason> {
    let object = fields::object(line, &FIELDS)?;
    if object.contains_key("guestIdHash") {
        return Err(Reason::Guest);
    }
    let user = text(&object, "user")?.ok_or(Reason::Field("user"))?;
    let issuer = text(&object, "issuer")?.map(str::to_owned);
    Ok((user.to_owned(), issuer, fields::group(&object)?))
}

fn remove_repeated(records: Vec<Record>, skipped: &mut Vec<Skipped>) -> Vec<Record> {
    let mut seen = HashSet::with_capacity(records.len());
    let is_new: Vec<_> = records.iter().map(|record| seen.insert(&record.subject)).collect();
    let (mut kept, mut is_new) = (records, is_new.into_iter());
    kept.retain(|record| {
        let is_new = is_new.next().unwrap_or(true);
        if !is_new {
            skipped.push(record.skip(Reason::Repeated));
        }
        is_new
    });
    kept
}

/// Whether the file stands for stdin.
pub(super) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

fn unreadable(file: &Path, error: &Error) -> Failure {
    Failure::Input(format!("{} cannot be read: {error}", file.display()))
}

fn unknown(file: &Path) -> Failure {
    Failure::Input(format!(
        "{} is neither a list of user ids in UTF-8, one in each line, nor JSON Lines. If it is one of them all the same, give --format.",
        file.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_recognised_by_its_first_line() {
        for line in ["alice", "a b", "49", "{alice", " {"] {
            let format = if line.contains('{') && !line.starts_with('a') { Format::Lines } else { Format::Text };
            assert_eq!(recognise(line.as_bytes()), Some(format), "{line}");
        }
        for line in ["[", "[{\"user\": \"alice\"}]", "\"alice\"", "a\0l\0"] {
            assert_eq!(recognise(line.as_bytes()), None, "{line}");
        }
    }
}
