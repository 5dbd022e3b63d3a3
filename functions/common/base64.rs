//! Base64 (RFC 4648) as people and programs write it: in either alphabet, with or without padding, broken into lines.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// The bytes; `None` if this is not base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// In the format of JSON Web Keys (RFC 7515, section 2): the URL-safe alphabet, without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_padding_and_line_breaks_are_read() {
        for text in ["+/+/+g==", "-_-_-g", "-_-_-g==", "+/+/\r\n +g\n"] {
            assert_eq!(decode(text).as_deref(), Some(&[0xfb, 0xff, 0xbf, 0xfa][..]), "{text:?}");
        }
        for text in ["a", "é", "AA.A", "A=A=", "AB"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
