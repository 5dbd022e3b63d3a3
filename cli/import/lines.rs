//! JSON Lines: one identity in each line. docs/cip.md describes the fields.

use super::{
    input::{Input, Owner},
    unreadable,
};
use crate::{
    failure::Failure,
    records::{
        fields::{self, number, text},
        lines::{Line, Lines},
        skipped::Reason,
    },
};
use cip::{identity::UnixSeconds, livechat::imported::Imported};
use indicatif::ProgressBar;
use serde_json::{Map, Value};
use std::{fs::File, io::BufReader, path::Path};

const FIELDS: [&str; 9] =
    ["user", "issuer", "guestIdHash", "group", "entityId", "cid", "cst", "cookiesSetAt", "cookiesExpireAt"];
/// A later time is probably in ms by mistake; Unix time in s.
const LATEST: u64 = 100_000_000_000;

/// Reads `file`. Empty lines are ignored.
pub(super) fn read(file: &Path, bar: &ProgressBar, input: &mut Input) -> Result<(), Failure> {
    let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
    let mut lines = Lines::new(BufReader::new(bar.wrap_read(opened)));
    while let Some(Line { at, content }) = lines.next().map_err(|error| unreadable(file, &error))? {
        if let Err(reason) = content.and_then(|line| add(at, &fields::object(line, &FIELDS)?, input)) {
            input.skip(at, None, reason);
        }
    }
    Ok(())
}

fn add(at: u64, object: &Map<String, Value>, input: &mut Input) -> Result<(), Reason> {
    let owner = match (text(object, "user")?, text(object, "guestIdHash")?) {
        (Some(user), None) => Owner::User(user, text(object, "issuer")?),
        (None, Some(hash)) if !object.contains_key("issuer") => Owner::Guest(hash),
        (None, None) => return Err(Reason::Field("user")),
        _ => return Err(Reason::Field("guestIdHash")),
    };
    let group = fields::group(object)?;
    let required = |name| text(object, name)?.ok_or(Reason::Field(name));
    let customer = Imported {
        entity_id: required("entityId")?,
        cid: required("cid")?,
        cst: required("cst")?,
        set_at: time(object, "cookiesSetAt")?,
        expire_at: time(object, "cookiesExpireAt")?,
    };
    input.add(at, owner, group, customer);
    Ok(())
}

fn time(object: &Map<String, Value>, name: &'static str) -> Result<Option<UnixSeconds>, Reason> {
    let time = number(object, name)?;
    if time.is_some_and(|time| time >= LATEST) { Err(Reason::Field(name)) } else { Ok(time.map(UnixSeconds::new)) }
}
