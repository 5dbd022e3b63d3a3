//! Changes of a file such as `.env`: the lines of settings that change, and no others.

use cip::settings::env_file::read_text;

const HIDDEN: &str = "(not shown)";
const HIDDEN_NEW: &str = "(new, not shown)";

/// A setting and its new value; `None` if it no longer applies.
pub(crate) type Change = (String, Option<String>);

/// A variable with all its lines, or a line without one.
struct Part<'a> {
    text: &'a str,
    variable: Option<(String, String)>,
}

/// Whether the value of a setting is secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let is_of_a_secret = name.contains("SECRET") || name == "LIVECHAT_AGENT_CREDENTIALS";
    is_of_a_secret && !name.ends_with("_ARN") && name != "JWT_SECRET_ENCODING"
}

/// The text with these changes. A line that no longer applies is removed; a secret becomes a comment, as no other place may have it.
pub(crate) fn set(text: &str, changes: &[Change]) -> String {
    let mut result = String::new();
    let mut missing: Vec<_> = changes.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))).collect();
    for part in parts(text) {
        let change = part.variable.as_ref().and_then(|(name, old)| {
            let (_, new) = changes.iter().find(|(changed, _)| changed == name)?;
            missing.retain(|(other, _)| *other != name);
            (new.as_deref().unwrap_or_default() != old.trim()).then_some((name, new))
        });
        match change {
            None => result.push_str(part.text),
            Some((_, Some(new))) => result.push_str(&with_value(part.text, new)),
            Some((name, None)) if is_secret(name) => {
                for line in part.text.split_inclusive('\n') {
                    result.push_str("# ");
                    result.push_str(line);
                }
            }
            Some((_, None)) => {}
        }
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    for (name, value) in missing {
        if !result.is_empty() && !result.ends_with('\n') {
            result.push_str(end);
        }
        result.extend([name, "=", &quoted(value), end]);
    }
    result
}

/// The text before and after these changes, as it may be shown.
pub(crate) fn shown(text: &str, changes: &[Change]) -> (String, String) {
    let all = read_text(text).unwrap_or_default();
    let secrets: Vec<_> = all.iter().filter(|(name, value)| is_secret(name) && !value.trim().is_empty()).collect();
    let hidden: Vec<_> = secrets.iter().map(|(name, _)| ((*name).clone(), Some(HIDDEN.to_owned()))).collect();
    let before = set(text, &hidden);
    let changes: Vec<_> = changes
        .iter()
        .map(|(name, value)| match value {
            Some(value) if is_secret(name) => {
                let is_same = secrets.iter().any(|(other, old)| *other == name && old.trim() == value);
                (name.clone(), Some(if is_same { HIDDEN } else { HIDDEN_NEW }.to_owned()))
            }
            value => (name.clone(), value.clone()),
        })
        .collect();
    let after = set(&before, &changes);
    (before, after)
}

/// The variables and other lines. The text must be valid: then a value in quotation marks ends.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut end) = (0, 0);
    for line in text.split_inclusive('\n') {
        end += line.len();
        if let Ok(variables) = read_text(&text[start..end]) {
            parts.push(Part { text: &text[start..end], variable: variables.into_iter().next() });
            start = end;
        }
    }
    if start < end {
        parts.push(Part { text: &text[start..end], variable: None });
    }
    parts
}

/// The line of a variable with another value. What is before the value stays, and so does a comment after it.
fn with_value(text: &str, value: &str) -> String {
    let content = text.trim_end_matches(['\r', '\n']);
    let after_sign = content.find('=').map_or(content.len(), |sign| sign + 1);
    let start = content.len() - content[after_sign..].trim_start().len();
    let comment = if content.contains('\n') { "" } else { comment(content, start) };
    format!("{}{}{comment}{}", &content[..start.min(content.len())], quoted(value), &text[content.len()..])
}

/// The comment at the end of a line, with the spaces before it: without it, the value is the same.
fn comment(line: &str, start: usize) -> &str {
    let value_of = |line: &str| read_text(line).ok().and_then(|all| all.into_values().next());
    let value = value_of(line);
    let marks = line.match_indices('#').map(|(mark, _)| mark);
    let starts = marks.filter(|mark| line[..*mark].ends_with([' ', '\t']));
    let before = starts.map(|mark| line[..mark].trim_end()).find(|before| value_of(before) == value);
    before.map_or("", |before| &line[before.len().max(start)..])
}

/// A value as the file's reader and a shell read it. A quote or backslash stands between two quoted parts: the reader takes a backslash before
/// a closing quote for an escaped quote when it looks for the end of the value.
pub(crate) fn quoted(value: &str) -> String {
    if is_bare(value) {
        return value.to_owned();
    }
    let parts = value.chars().map(|character| match character {
        '\'' => "'\\''".to_owned(),
        '\\' => "'\\\\'".to_owned(),
        other => other.to_string(),
    });
    format!("'{}'", parts.collect::<String>())
}

/// Whether a value needs no quotation marks.
pub(crate) fn is_bare(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:,=@{}+%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, value: &str) -> Change {
        (name.to_owned(), (!value.is_empty()).then(|| value.to_owned()))
    }

    #[test]
    fn each_value_is_read_back_as_it_was_given() {
        for value in [
            "plain",
            "two words",
            "#1",
            "a #b",
            "it's",
            "'",
            "''",
            "\"quoted\"",
            "$HOME",
            "${HOME}",
            "back\\slash",
            "\\",
            "\\n",
            "`id`",
            "a;b",
            "$(id)",
            "!x",
            "ä€🦀",
            "a=b",
            "{tid}",
            "a|b",
            "~",
            "*",
            "x'y\"z\\ $A #",
            "ends with \\'",
            "0x1",
        ] {
            for text in ["", "A=1\nNAME=old # why\nB='2'\n", "export NAME = 'old'\r\nB=2\r\n", "NAME=old"] {
                let changed = set(text, &[change("NAME", value)]);
                let all = read_text(&changed).unwrap_or_else(|why| panic!("{value}: {changed}{why}"));
                assert_eq!(all["NAME"], value, "{changed}");
                assert_eq!(all.get("B"), read_text(text).expect("good").get("B"));
                assert_eq!(set(&changed, &[change("NAME", value)]), changed, "a second time");
            }
        }
    }

    #[test]
    fn other_lines_and_comments_stay() {
        let text = "# mine\r\nPORT=1\r\nexport AUTH = 'none' # for now\r\n\r\nKEY=\"one\r\nAUTH=x\"\r\nGUESTS=true\r\n";
        let changed =
            set(text, &[change("AUTH", "jwt"), change("GUESTS", ""), change("JWT_ISSUER", "https://a.example/")]);
        let expected = "# mine\r\nPORT=1\r\nexport AUTH = jwt # for now\r\n\r\nKEY=\"one\r\nAUTH=x\"\r\nJWT_ISSUER=https://a.example/\r\n";
        assert_eq!(changed, expected);
    }

    #[test]
    fn a_secret_that_no_longer_applies_becomes_a_comment() {
        assert_eq!(set("JWT_SECRET='one\ntwo'\nA=1", &[change("JWT_SECRET", "")]), "# JWT_SECRET='one\n# two'\nA=1");
    }

    #[test]
    fn no_secret_is_shown() {
        let text = "JWT_SECRET=hunter2\nHMAC_SECRET='hunter 3'\nA=1\nJWT_SECRET_ENCODING=hex\n";
        let changes = [change("JWT_SECRET", "hunter4"), change("HMAC_SECRET", ""), change("A", "2")];
        let (before, after) = shown(text, &changes);
        assert_eq!(before, "JWT_SECRET='(not shown)'\nHMAC_SECRET='(not shown)'\nA=1\nJWT_SECRET_ENCODING=hex\n");
        assert_eq!(after, "JWT_SECRET='(new, not shown)'\n# HMAC_SECRET='(not shown)'\nA=2\nJWT_SECRET_ENCODING=hex\n");
        let (before, after) = shown(text, &[change("JWT_SECRET", "hunter2")]);
        assert_eq!(before, after);
    }
}
