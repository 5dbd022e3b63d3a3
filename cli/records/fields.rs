//! The fields of a line of JSON.

use super::skipped::Reason;
use cip::identity::Group;
use serde_json::{Map, Value};

/// The object that a line holds, if it has no other fields than these.
///
/// # Errors
/// [`Reason`] if it is not such an object.
pub(crate) fn object(line: &[u8], fields: &[&str]) -> Result<Map<String, Value>, Reason> {
    let object: Map<String, Value> = serde_json::from_slice(line).map_err(|_| Reason::NotAnObject)?;
    let is_known = object.keys().all(|name| fields.contains(&name.as_str()));
    if is_known { Ok(object) } else { Err(Reason::UnknownField) }
}

/// A string; `None` if the field is missing.
pub(crate) fn text<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, Reason> {
    let value = |value: &'a Value| value.as_str().ok_or(Reason::Field(name));
    object.get(name).map(value).transpose()
}

/// An integer that is not negative; `None` if the field is missing.
pub(crate) fn number(object: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, Reason> {
    let value = |value: &Value| value.as_u64().ok_or(Reason::Field(name));
    object.get(name).map(value).transpose()
}

/// The field `group`; `None` if it is missing.
pub(crate) fn group(object: &Map<String, Value>) -> Result<Option<Group>, Reason> {
    let group = number(object, "group")?.map(|number| u32::try_from(number).map(Group));
    group.transpose().map_err(|_| Reason::Field("group"))
}
