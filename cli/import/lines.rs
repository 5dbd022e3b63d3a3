//! JSON Lines: one identity in each line. docs/cip.md describes the fields.

use super::{
    input::{Input, Owner, Reason},
    unreadable,
};
use crate::failure::Failure;
use cip::{
    identity::{Group, UnixSeconds},
    livechat::imported::Imported,
};
use indicatif::ProgressBar;
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

const FIELDS: [&str; 9] =
    ["user", "issuer", "guestIdHash", "group", "entityId", "cid", "cst", "cookiesSetAt", "cookiesExpireAt"];
/// A later time is probably in ms by mistake; Unix time in s.
const LATEST: u64 = 100_000_000_000;

/// Reads `file`. Empty lines are ignored.
pub(super) fn read(file: &Path, bar: &ProgressBar, input: &mut Input) -> Result<(), Failure> {
    let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
    let mut reader = BufReader::new(bar.wrap_read(opened));
    let (mut line, mut at) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line).map_err(|error| unreadable(file, &error))? > 0 {
        at += 1;
        if !line.trim_ascii().is_empty() {
            let object = serde_json::from_slice(&line).map_err(|_| Reason::NotAnObject);
            if let Err(reason) = object.and_then(|object| add(at, &object, input)) {
                input.skip(at, reason);
            }
        }
        line.clear();
    }
    Ok(())
}

fn add(at: u64, object: &Map<String, Value>, input: &mut Input) -> Result<(), Reason> {
    if object.keys().any(|name| !FIELDS.contains(&name.as_str())) {
        return Err(Reason::UnknownField);
    }
    let owner = match (text(object, "user")?, text(object, "guestIdHash")?) {
        (Some(user), None) => Owner::User(user, text(object, "issuer")?),
        (None, Some(hash)) if !object.contains_key("issuer") => Owner::Guest(hash),
        (None, None) => return Err(Reason::Field("user")),
        _ => return Err(Reason::Field("guestIdHash")),
    };
    let group = number(object, "group")?.map(|number| u32::try_from(number).map(Group));
    let group = group.transpose().map_err(|_| Reason::Field("group"))?;
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

fn text<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, Reason> {
    let value = |value: &'a Value| value.as_str().ok_or(Reason::Field(name));
    object.get(name).map(value).transpose()
}

fn number(object: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, Reason> {
    let value = |value: &Value| value.as_u64().ok_or(Reason::Field(name));
    object.get(name).map(value).transpose()
}

fn time(object: &Map<String, Value>, name: &'static str) -> Result<Option<UnixSeconds>, Reason> {
    let time = number(object, name)?;
    if time.is_some_and(|time| time >= LATEST) { Err(Reason::Field(name)) } else { Ok(time.map(UnixSeconds::new)) }
}
