//! The token in `Authorization: Bearer <token>` (RFC 6750).

use lambda_http::http::{HeaderMap, header::AUTHORIZATION};

/// The token; `None` if there is none. Another scheme's credentials are not for us: browsers add `Basic` to every call on a host that
/// is behind a password.
///
/// # Errors
/// What is wrong, for the log.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    let mut tokens = Vec::new();
    for value in headers.get_all(AUTHORIZATION) {
        let value = value.to_str().map_err(|_| "Authorization has characters that a token cannot have")?;
        if !has_scheme(value) {
            return Err("Authorization has no scheme: it must be `Bearer <token>`");
        }
        // A gateway makes one header of two, with a comma between.
        for part in value.split(',').map(str::trim) {
            let (scheme, token) = part.split_once(' ').unwrap_or((part, ""));
            if scheme.eq_ignore_ascii_case("bearer") {
                tokens.push(token.trim());
            }
        }
    }
    match tokens.as_slice() {
        [] => Ok(None),
        [token] => Ok(Some(token)),
        _ => Err("Authorization has two tokens"),
    }
}

/// A token alone must not pass for another scheme. (RFC 9110, section 11.1, allows more characters than any scheme has.)
fn has_scheme(value: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match value.split_once(' ') {
        Some((scheme, _)) => !scheme.is_empty() && scheme.bytes().all(is_fit),
        None => value.eq_ignore_ascii_case("bearer"),
    }
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
    fn another_schemes_credentials_are_none_of_ours() {
        for value in [
            "Basic YWxpY2U6eA==",
            "Digest username=\"a\", realm=\"b\"",
            "Negotiate YII=",
            "DPoP a.b.c",
            "AWS4-HMAC-SHA256 Credential=x, Signature=y",
            "Token x",
        ] {
            assert_eq!(read(&[value]), Ok(None), "{value}");
            assert_eq!(read(&[value, "Bearer a.b.c"]), Ok(Some("a.b.c".into())), "{value}");
            assert_eq!(read(&[&format!("{value}, bearer a.b.c")]), Ok(Some("a.b.c".into())), "{value}");
        }
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn a_bad_credential_is_not_the_absence_of_one() {
        assert_eq!(read(&["Bearer"]), Ok(Some(String::new())));
        assert_eq!(read(&["BEARER  "]), Ok(Some(String::new())));
        for values in [
            &["a.b.c"] as &[_],
            &[""],
            &["0123456789abcdef"],
            &["Bearer:a.b.c x"],
            &["Bearer a", "Bearer b"],
            &["Bearer a, Bearer a"],
        ] {
            assert!(read(values).is_err(), "{values:?}");
        }
    }
}
