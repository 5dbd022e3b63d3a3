//! A second parser of a request's path and group, by the HTTP contract and without the code that it checks.

use cip::operation::Name;
use std::string::FromUtf8Error;

/// The user id in a path: everything after the first segment that is the operation's name. `None` if there is no such segment; an
/// error if the id is not UTF-8.
pub fn user_in(path: &str, operation: Name, is_decoded: bool) -> Option<Result<String, FromUtf8Error>> {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    segments.by_ref().find(|segment| *segment == operation.as_str())?;
    let user = segments.collect::<Vec<_>>().join("/");
    Some(if is_decoded { Ok(user) } else { decoded(&user) })
}

/// Whether a user id is valid: 1 to 256 bytes, no control characters.
pub fn is_user_id(user: &str) -> bool {
    (1..=256).contains(&user.len()) && !user.chars().any(|char| matches!(char, '\0'..='\x1f' | '\x7f'..='\u{9f}'))
}

/// The number of a group, which must be a plain decimal number: a group has only one spelling.
pub fn group_number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// Decodes percent-encoding once. A `%` without two hexadecimal digits stays as it is.
pub fn decoded(text: &str) -> Result<String, FromUtf8Error> {
    let hex = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, ..] if *first == b'%' => hex(high).zip(hex(low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push(high << 4 | low);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes)
}
