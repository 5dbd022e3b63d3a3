//! The JSON file of LiveChat's tutorial server, which node-json-db writes.
//!
//! It is one object. The server stores each user's record at the path `/<user id>`, and node-json-db makes an object of each part of a
//! path, so a user id with a slash is nested. The record has the token that was returned to the browser, and the two `Set-Cookie` headers
//! that came with it:
//!
//! ```json
//! {"alice": {"creationDate": 1700000000000, "entityId": "…", "username": "alice",
//!            "__lc_cid": "__lc_cid=…; Max-Age=63072000; …", "__lc_cst": "__lc_cst=…; …"}}
//! ```
//!
//! Servers that were made from the tutorial differ in details, so the names `cid` and `cst`, lists of headers, and objects `token` and
//! `cookies` inside the record are read too. Other lists of objects are not: which user each object belongs to would be a guess.

use super::{
    input::{Input, Owner, in_seconds},
    unreadable,
};
use crate::{
    failure::Failure,
    records::{lines::BYTE_ORDER_MARK, skipped::Reason},
};
use cip::livechat::imported::Imported;
use indicatif::ProgressBar;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::{
    fmt,
    fs::File,
    io::{BufReader, Cursor, Read},
    path::Path,
};

/// Objects inside a record that belong to it.
const PARTS: [&str; 2] = ["token", "cookies"];
const CID: [&str; 3] = ["__lc_cid", "lc_cid", "cid"];
const CST: [&str; 3] = ["__lc_cst", "lc_cst", "cst"];
const ENTITY_ID: [&str; 2] = ["entityId", "entity_id"];

/// Reads `file`. A record's number is its place among all records, from 1 on.
pub(super) fn read(file: &Path, bar: &ProgressBar, input: &mut Input) -> Result<(), Failure> {
    let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
    let reader = without_byte_order_mark(bar.wrap_read(opened)).map_err(|error| unreadable(file, &error))?;
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(reader));
    let read = json.deserialize_map(Reader { input, at: 0 }).and_then(|()| json.end());
    // The parser's own message could quote a value.
    read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::Input(format!("{} is not one JSON object: line {line}, column {column}", file.display()))
    })
}

fn without_byte_order_mark(mut reader: impl Read) -> std::io::Result<impl Read> {
    let mut start = Vec::new();
    reader.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut start)?;
    if start == BYTE_ORDER_MARK {
        start.clear();
    }
    Ok(Cursor::new(start).chain(reader))
}

struct Reader<'a> {
    input: &'a mut Input,
    at: u64,
}

/// One member after the other: the whole file in memory would be several times as large.
impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match map.next_value()? {
                Value::Object(object) => self.object(&name, &object),
                _ => self.skip(&name),
            }
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// The object at `path`: a record, a part of the path to records, or both.
    fn object(&mut self, path: &str, object: &Map<String, Value>) {
        let is_inner = |(name, value): &(&String, &Value)| has_object(value) && !PARTS.contains(&name.as_str());
        let inner: Vec<_> = object.iter().filter(is_inner).collect();
        let is_record = [&CID[..], &CST, &ENTITY_ID].concat().iter().any(|name| object.contains_key(*name));
        if is_record || inner.is_empty() {
            self.at += 1;
            self.record(path, object);
        }
        for (name, value) in inner {
            let path = format!("{path}/{name}");
            match value {
                Value::Object(object) => self.object(&path, object),
                _ => self.skip(&path),
            }
        }
    }

    /// What is at `path` may be a record, or have some, but not as the tutorial's server stores them.
    fn skip(&mut self, path: &str) {
        self.at += 1;
        self.input.skip(self.at, Some(path), Reason::NotAnObject);
    }

    fn record(&mut self, path: &str, object: &Map<String, Value>) {
        let parts = PARTS.iter().filter_map(|name| object.get(*name)?.as_object());
        let members: Vec<_> = std::iter::once(object).chain(parts).flatten().collect();
        let of_names =
            |names: &[&str]| members.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, v)| *v);
        let cookie = |names: &[&str]| {
            let header = members.iter().flat_map(|(_, value)| texts(value)).find(|text| is_header(text, names[0]));
            header.or_else(|| of_names(names).and_then(Value::as_str)).unwrap_or_default()
        };
        let created = of_names(&["creationDate"]).and_then(Value::as_f64);
        let customer = Imported {
            entity_id: of_names(&ENTITY_ID).and_then(Value::as_str).unwrap_or_default(),
            cid: cookie(&CID),
            cst: cookie(&CST),
            set_at: created.filter(|time| *time > 0.0).map(whole).map(in_seconds),
            expire_at: None,
        };
        // A server for several sites stores its users below each site's name.
        let is_end_of_path = |user: &&str| {
            let before = path.strip_suffix(*user).filter(|_| !user.is_empty());
            before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        let named = object.get("username").and_then(Value::as_str).filter(is_end_of_path);
        self.input.add(self.at, Owner::User(named.unwrap_or(path), None), None, customer);
    }
}

/// Whether a value is an object, or a list with objects.
fn has_object(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(list) => list.iter().any(has_object),
        _ => false,
    }
}

/// The strings in a value: itself, or those of a list.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_header(text: &str, name: &str) -> bool {
    text.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
}

/// Without the fraction that a time may have.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating, and not negative")]
fn whole(time: f64) -> u64 {
    time as u64
}
