//! The token in `Authorization: Bearer <token>` (RFC 6750).

use lambda_http::http::{HeaderMap, header::AUTHORIZATION};

/// The token, if there is one. Credentials of another scheme are ignored: browsers add `Basic` to every call to a host that is behind
/// a password. A token under another scheme is an error, not a missing credential.
///
/// # Errors
/// What is wrong, for the log.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut tokens = Vec::new();
    for value in headers.get_all(AUTHORIZATION) {
        let value = value.to_str().map_err(|_| "Authorization has characters that a token cannot have")?;
        if value.trim_matches(BLANKS).is_empty() {
            continue;
        }
        // A gateway joins two headers with a comma. Other schemes use commas too.
        for (nth, part) in value.split(',').map(|part| part.trim_matches(BLANKS)).enumerate() {
            let words = part.split_once(BLANKS).map(|(scheme, rest)| (scheme, rest.trim_matches(BLANKS)));
            match words {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => tokens.push(token),
                None if part.eq_ignore_ascii_case(SCHEME) => tokens.push(""),
                _ if looks_like_a_token(part) => {
                    return Err("Authorization has a token, but not as `Bearer <token>`");
                }
                Some((scheme, _)) if is_scheme(scheme) => {}
                None if nth > 0 && (part.is_empty() || part.contains('=')) => {}
                _ => return Err("Authorization has no scheme: it must be `Bearer <token>`"),
            }
        }
    }
    tokens.dedup();
    match tokens.as_slice() {
        [] => Ok(None),
        [token] => Ok(Some(token)),
        _ => Err("Authorization has two tokens"),
    }
}

const SCHEME: &str = "bearer";
const BLANKS: [char; 2] = [' ', '\t'];

/// Whether this can be a scheme or a parameter. RFC 9110, section 11.1, allows more characters than are in use.
fn is_scheme(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') || text.contains('=')
}

/// `JWT <token>`, `Token <token>`, `DPoP <token>`, `Bearer: <token>`: a token in the wrong format, not another credential.
fn looks_like_a_token(part: &str) -> bool {
    let is_token = |word: &str| word.contains("eyJ") && word.matches('.').count() >= 2;
    let small = part.to_ascii_lowercase();
    small.contains(SCHEME) || small.starts_with("bear") || part.split(BLANKS).any(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().expect("a header's value"));
        }
        token(&headers).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn credentials_of_another_scheme_are_ignored() {
        for value in [
            "Basic YWxpY2U6eA==",
            "Digest username=\"a\", realm=\"b\"",
            "Negotiate YII=",
            "AWS4-HMAC-SHA256 Credential=x, Signature=y",
            "Token x",
        ] {
            assert_eq!(read(&[value]), Ok(None), "{value}");
            assert_eq!(read(&[value, "Bearer a.b.c"]), Ok(Some("a.b.c".into())), "{value}");
            assert_eq!(read(&[&format!("{value}, bearer a.b.c")]), Ok(Some("a.b.c".into())), "{value}");
        }
        for nothing in [&[] as &[_], &[""], &[" "]] {
            assert_eq!(read(nothing), Ok(None), "{nothing:?}");
        }
    }

    #[test]
    fn a_malformed_credential_is_not_treated_as_missing() {
        assert_eq!(read(&["Bearer"]), Ok(Some(String::new())));
        assert_eq!(read(&["BEARER  "]), Ok(Some(String::new())));
        for value in [
            "a.b.c",
            "0123456789abcdef",
            "Bearer:a.b.c x",
            "Bearer a, Bearer b",
            "Basic x, eyJh.eyJz.c",
            "Basic x, 0123456789abcdef",
            "Basic eA==, Bearer:eyJh.eyJz.c",
            "Basic eA==, \"Bearer eyJh.eyJz.c\"",
            "Authorization Bearer eyJh.eyJz.c",
            "Bear er eyJh.eyJz.c",
            "Bearer-Token x",
            "JWT eyJh.eyJz.c",
            "Token eyJh.eyJz.c",
            "DPoP eyJh.eyJz.c",
            "x\teyJh.eyJz.c",
        ] {
            assert!(read(&[value]).is_err(), "{value}");
        }
        assert!(read(&["Bearer a", "Bearer b"]).is_err());
    }

    #[test]
    fn the_same_token_may_be_sent_twice_or_after_a_tab() {
        for values in [
            &["Bearer a, Bearer a"] as &[_],
            &["Bearer a", "bearer a"],
            &["Bearer\ta"],
            &["Basic eA==, Bearer\ta"],
            &[" Bearer a "],
        ] {
            assert_eq!(read(values), Ok(Some("a".into())), "{values:?}");
        }
    }
}
