//! Changes of a file with the stack's parameters: the values that change, and no others.
//!
//! The SAM CLI turns each value into a string, after YAML's rules: `yes`, `0x1` or `012` would become something else. So new values are in
//! single quotes, in which nothing but the quote itself has a meaning.

use super::sam_value::{decode, encode};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::{collections::BTreeMap, ops::Range};

/// A parameter, and what it must be.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) value: String,
    /// The template's default: a line that is not there already is not needed for it.
    pub(super) default: &'static str,
    /// Whether a person must fill in the line, so that it must be there.
    pub(super) is_to_be_filled_in: bool,
}

/// A line `Name: value` of the file.
struct Entry {
    name: String,
    value: Value,
    /// The number of its line.
    line: usize,
    /// Where the name ends, in bytes.
    name_end: usize,
}

enum Value {
    /// A string, and where it is in the text, in bytes.
    Scalar { text: String, style: ScalarStyle, place: Range<usize> },
    /// A list, a mapping or an alias.
    Other,
}

/// The parameters that the file has.
///
/// # Errors
/// Why it is invalid: the rest of a sentence that begins with the file's name.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, String>, String> {
    let entries = entries(text)?.into_iter();
    Ok(entries
        .filter_map(|entry| match entry.value {
            Value::Scalar { text, style: ScalarStyle::Plain, .. } if matches!(&*text, "~" | "null") => {
                Some((entry.name, String::new()))
            }
            Value::Scalar { text, .. } => Some((entry.name, decode(&text))),
            Value::Other => None,
        })
        .collect())
}

/// The text with these parameters.
///
/// # Errors
/// Why it cannot be changed: the rest of a sentence that begins with the file's name.
pub(super) fn set(text: &str, parameters: &[Parameter]) -> Result<String, String> {
    let entries = entries(text)?;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut added = Vec::new();
    for parameter in parameters {
        let Parameter { name, value, .. } = parameter;
        match entries.iter().find(|entry| entry.name == *name) {
            Some(Entry { value: Value::Other, line, .. }) => {
                return Err(format!(", line {line}: {name} must be one string, in quotes"));
            }
            Some(Entry { value: Value::Scalar { text: old, style, place }, name_end, .. }) => {
                if *style == ScalarStyle::Plain && old.is_empty() {
                    let colon = text[*name_end..].find(':').map_or(*name_end, |colon| name_end + colon + 1);
                    if !value.is_empty() {
                        edits.push((colon..colon, format!(" {}", quoted(value))));
                    }
                } else if decode(old) != *value || !is_string(old, *style) {
                    edits.push((place.clone(), quoted(value)));
                }
            }
            None if *value == parameter.default && !parameter.is_to_be_filled_in => {}
            None => match commented(text, name, value) {
                Some(edit) => edits.push(edit),
                None => added.push(parameter),
            },
        }
    }
    for parameter in added {
        edits.push(insertion(text, &entries, parameter));
    }
    // A stable order keeps insertions at one place in theirs.
    edits.sort_by_key(|(place, _)| place.start);
    let mut changed = text.to_owned();
    for (place, new) in edits.into_iter().rev() {
        changed.replace_range(place, &new);
    }
    check(&changed, parameters)?;
    Ok(changed)
}

/// A file of an unusual shape may not be what it was meant to become.
fn check(changed: &str, parameters: &[Parameter]) -> Result<(), String> {
    let all = read(changed).unwrap_or_default();
    let is_right = |one: &Parameter| all.get(&one.name).map_or(one.default, String::as_str) == one.value;
    if parameters.iter().all(is_right) {
        return Ok(());
    }
    Err(" cannot be changed: expected one line `Name: 'value'` for each parameter".into())
}

/// Uncomments the line `# Name: …`, which an unchanged file has for most parameters.
fn commented(text: &str, name: &str, value: &str) -> Option<(Range<usize>, String)> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        let place = start..start + content.len();
        start += line.len();
        let Some(uncommented) = content.strip_prefix('#').map(str::trim_start) else { continue };
        if !uncommented.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')) {
            continue;
        }
        if let Ok([Entry { value: Value::Scalar { place: old, .. }, .. }]) = entries(uncommented).as_deref() {
            let mut line = uncommented.to_owned();
            line.replace_range(old.clone(), &quoted(value));
            return Some((place, line));
        }
    }
    None
}

/// A new line after the last one of its kind.
fn insertion(text: &str, entries: &[Entry], parameter: &Parameter) -> (Range<usize>, String) {
    let is_of_livechat = |name: &str| name.starts_with("LiveChat");
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let line = format!("{}: {}", parameter.name, quoted(&parameter.value));
    let alike = entries.iter().rev().filter(|entry| is_of_livechat(&entry.name) == is_of_livechat(&parameter.name));
    let mut places = alike.filter_map(|entry| match &entry.value {
        Value::Scalar { place, style, .. } if !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) => {
            // The place of an empty value can be in another line.
            Some(if place.is_empty() { entry.name_end } else { place.end })
        }
        _ => None,
    });
    if let Some(place) = places.next() {
        let after = text[place..].find('\n').map_or(text.len(), |feed| place + feed);
        let after = if text[..after].ends_with('\r') { after - 1 } else { after };
        return (after..after, format!("{end}{line}"));
    }
    let before = if text.is_empty() || text.ends_with('\n') { "" } else { end };
    (text.len()..text.len(), format!("{before}{line}{end}"))
}

fn quoted(value: &str) -> String {
    format!("'{}'", encode(value).replace('\'', "''"))
}

/// Whether the SAM CLI reads this value as a string, in any version of YAML.
fn is_string(text: &str, style: ScalarStyle) -> bool {
    if style != ScalarStyle::Plain {
        return true;
    }
    let is_word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null"
    );
    let starts_as_word = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_number = text.len() <= 15 && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_uuid = text.len() == 36 && text.matches('-').count() == 4;
    !is_word && (starts_as_word || is_number || is_uuid)
}

/// The lines of the file, which must be one mapping.
fn entries(text: &str) -> Result<Vec<Entry>, String> {
    let mark = text.len() - text.trim_start_matches('\u{feff}').len();
    let offsets: Vec<_> = text[mark..].char_indices().map(|(offset, _)| mark + offset).chain([text.len()]).collect();
    let place = |span: Span| {
        let at = |index: usize| offsets.get(index).copied().unwrap_or(text.len());
        at(span.start.index())..at(span.end.index())
    };
    let whole = text;
    let mut entries: Vec<Entry> = Vec::new();
    let mut name: Option<(String, Span)> = None;
    let mut depth = 0;
    let mut documents = 0;
    for event in Parser::new_from_str(&text[mark..]) {
        let (event, span) =
            event.map_err(|error| format!(", line {} is invalid YAML: {}", error.marker().line(), error.info()))?;
        let line = span.start.line();
        let found = match event {
            Event::DocumentStart(_) => {
                documents += 1;
                None
            }
            Event::MappingStart(..) if depth == 0 => {
                depth = 1;
                None
            }
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                depth += 1;
                (depth == 2).then_some(Value::Other)
            }
            Event::MappingEnd | Event::SequenceEnd => {
                depth -= 1;
                None
            }
            Event::Scalar(text, style, ..) if depth == 1 => {
                let place = place(span);
                let place = place.start
                    ..end_of(&whole[place.start..], &text, style).map_or(place.end, |length| place.start + length);
                Some(Value::Scalar { text: text.into_owned(), style, place })
            }
            Event::Alias(_) if depth == 1 => Some(Value::Other),
            Event::Scalar(text, ..) if depth == 0 && text.is_empty() => None,
            Event::Scalar(..) | Event::Alias(_) if depth == 0 => {
                return Err(format!(", line {line}: expected `Name: 'value'`"));
            }
            _ => None,
        };
        let Some(value) = found else { continue };
        match (name.take(), value) {
            (None, Value::Scalar { text, .. }) => name = Some((text, span)),
            (None, Value::Other) => return Err(format!(", line {line}: a name is not a string")),
            (Some((name, span)), value) => {
                let line = span.start.line();
                if let Some(first) = entries.iter().find(|entry| entry.name == name) {
                    return Err(format!(" sets {name} twice, in lines {} and {line}", first.line));
                }
                entries.push(Entry { name, value, line, name_end: place(span).end });
            }
        }
    }
    if documents > 1 {
        return Err(" has several YAML documents: the SAM CLI reads one".into());
    }
    Ok(entries)
}

/// The length of a scalar in one line, in bytes: the parser counts a comment after it as well.
fn end_of(written: &str, value: &str, style: ScalarStyle) -> Option<usize> {
    let quote = match style {
        ScalarStyle::Plain => return written.starts_with(value).then_some(value.len()),
        ScalarStyle::SingleQuoted => '\'',
        ScalarStyle::DoubleQuoted => '"',
        ScalarStyle::Literal | ScalarStyle::Folded => return None,
    };
    let mut characters = written.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '"' {
            characters.next();
        } else if character == quote {
            // In single quotes, two of them are one.
            if quote == '"' || characters.next_if(|(_, next)| *next == quote).is_none() {
                return Some(at + 1);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, value: &str) -> Parameter {
        Parameter { name: name.into(), value: value.into(), default: "", is_to_be_filled_in: false }
    }

    const SHIPPED: &str = include_str!("../../parameters.yaml");

    #[test]
    fn a_new_value_changes_its_own_line_alone() {
        let changed = set(SHIPPED, &[parameter("LiveChatClientId", "0x1"), parameter("Auth", "jwt")]).expect("good");
        assert_eq!(changed, SHIPPED.replace("LiveChatClientId: ''", "LiveChatClientId: '0x1'"));
        assert_eq!(set(SHIPPED, &[parameter("JwtIssuer", "")]).as_deref(), Ok(SHIPPED));
    }

    #[test]
    fn a_comment_after_a_value_stays() {
        for old in ["''", "'it''s'", "\"a \\\" # b\"", "plain", "two words", "", "~", "'a' "] {
            let text = format!("Name: {old} # why: 'x'\nB: 'c' # d\n");
            let changed = set(&text, &[parameter("Name", "new")]).expect("good");
            let (line, rest) = changed.split_once('\n').expect("two lines");
            assert!(line.starts_with("Name: 'new'") && line.ends_with(" # why: 'x'"), "{changed}");
            assert_eq!(rest, "B: 'c' # d\n");
        }
    }

    #[test]
    fn a_line_that_is_a_comment_is_uncommented_with_its_remark() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-abcdef";
        let changed = set(SHIPPED, &[parameter("HmacSecretArn", arn)]).expect("good");
        assert!(changed.contains(&format!("\nHmacSecretArn: '{arn}' # the whole ARN, as above\n")), "{changed}");
        assert_eq!(changed.lines().count(), SHIPPED.lines().count());
    }

    #[test]
    fn another_parameter_gets_a_line_beside_those_of_its_kind() {
        let changed =
            set(SHIPPED, &[parameter("LiveChatLicenseId", "1"), parameter("JwtUserClaim", "oid")]).expect("good");
        let (_, after) = changed.split_once("\nLiveChatRedirectUri: ''").expect("there");
        assert_eq!(after.lines().nth(1), Some("LiveChatLicenseId: '1'"));
        assert!(changed.contains("JwtUserClaim: 'oid'\n"), "{changed}");
    }

    #[test]
    fn each_value_is_read_back_and_a_second_change_changes_nothing() {
        for value in [
            "12345678", "012", "yes", "0x1", "1e5", "a #b", "a: b", "it's", "\"", "''", "\\n", "~", "null", "{a}",
            "ä🦀", "&a", "- x",
        ] {
            for text in [
                "",
                "# nothing\n",
                "Name:\n",
                "Name: # why\nB: 2\n",
                "Name: old # why\r\nB: 2\r\n",
                "\u{feff}Name: \"old\"",
                "B: ä\nName: ~\n",
            ] {
                let changed = set(text, &[parameter("Name", value)]).expect(text);
                assert_eq!(read(&changed).expect("good")["Name"], value, "{changed}");
                assert_eq!(set(&changed, &[parameter("Name", value)]).as_ref(), Ok(&changed));
            }
        }
    }

    #[test]
    fn a_value_that_yaml_would_change_gets_quotes() {
        for plain in ["true", "0123", "0x1", "1e5", "yes", "1_000", "~"] {
            let changed = set(&format!("Name: {plain}\n"), &[parameter("Name", plain)]).expect("good");
            assert_eq!(changed, format!("Name: '{plain}'\n"));
        }
        for plain in ["jwt", "12345678", "https://a.example/", "390e44e6-f1e6-4368-8b6d-2b74614508c2"] {
            let text = format!("Name: {plain} # kept\n");
            assert_eq!(set(&text, &[parameter("Name", plain)]).as_ref(), Ok(&text));
        }
    }

    #[test]
    fn a_file_of_another_shape_is_refused_with_its_line() {
        for (text, words) in [
            ("A: 1\nName: [a, b]\n", "line 2: Name must be one string"),
            ("Name: 'x\n", "is invalid YAML"),
            ("Name: a\nName: b\n", "sets Name twice, in lines 1 and 2"),
            ("just text\n", "line 1: expected"),
            ("A: 1\n---\nB: 2\n", "several YAML documents"),
        ] {
            let why = set(text, &[parameter("Name", "new")]).expect_err(text);
            assert!(why.contains(words), "{why}");
        }
    }
}
