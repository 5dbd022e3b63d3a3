//! Values in the file of parameters, as the SAM CLI reads them: after YAML's rules it applies its own, those of its command line. It removes
//! quotation marks around a value, and a backslash before a space or quotation mark. It does that twice: when it reads the file, and when it
//! merges it with the command line (version 1.170).

const ESCAPED: [char; 3] = [' ', '"', '\''];

/// What must be in the file, so that the SAM CLI reads this value.
pub(super) fn encode(value: &str) -> String {
    encode_once(&encode_once(value))
}

/// The value that the SAM CLI reads.
pub(super) fn decode(text: &str) -> String {
    decode_once(&decode_once(text))
}

fn encode_once(value: &str) -> String {
    let mut encoded = String::new();
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        encoded.push(character);
        if character == '\\' && characters.peek().is_some_and(|next| ESCAPED.contains(next)) {
            encoded.push('\\');
        }
    }
    match wrapped(&encoded) {
        Some(quote) => format!("{quote}{encoded}{quote}"),
        None => encoded,
    }
}

fn decode_once(text: &str) -> String {
    let inner = if wrapped(text).is_some() { text.get(1..text.len() - 1).unwrap_or_default() } else { text };
    // In this order, as the SAM CLI does it.
    ESCAPED
        .iter()
        .fold(inner.to_owned(), |text, character| text.replace(&format!("\\{character}"), &character.to_string()))
}

/// The quotation mark at both ends.
fn wrapped(text: &str) -> Option<char> {
    ['"', '\''].into_iter().find(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sam_cli_reads_each_value_as_it_was_given() {
        for value in [
            "plain", "\"x\"", "'x'", "\"", "'", "''", "a\\'b", "a\\ b", "\\\"", "\\", "\\\\", "\"a\\\"", "\\n", "it's",
            "\"x'",
        ] {
            assert_eq!(decode(&encode(value)), value, "{}", encode(value));
        }
        assert_eq!((decode("\""), decode("\"x\""), encode("it's")), (String::new(), "x".into(), "it's".into()));
    }
}
