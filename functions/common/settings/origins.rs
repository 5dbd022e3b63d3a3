//! `ALLOWED_ORIGINS`: the origins of the site's pages, each written as browsers send it.

use super::{ConfigError, Lookup};
use reqwest::Url;

const NAME: &str = "ALLOWED_ORIGINS";

/// The longest part of an origin that an error repeats, in characters.
const REPEATED: usize = 100;

/// The origins; empty if the variable is not set.
///
/// # Errors
/// [`ConfigError`] for an entry that browsers never send as an `Origin`, with the right one if it can be told; and for `*`, which
/// would let the pages of every site call as the user.
pub fn allowed_origins(lookup: &Lookup) -> Result<Vec<String>, ConfigError> {
    let origins = origins(lookup);
    origins.iter().try_for_each(|origin| check(origin))?;
    Ok(origins)
}

/// The same if no caller is verified: then origins restrict no caller, and `*` is accepted too.
///
/// # Errors
/// As [`allowed_origins`].
pub(super) fn allowed_origins_or_any(lookup: &Lookup) -> Result<Vec<String>, ConfigError> {
    let origins = origins(lookup);
    origins.iter().filter(|origin| *origin != "*").try_for_each(|origin| check(origin))?;
    Ok(origins)
}

fn origins(lookup: &Lookup) -> Vec<String> {
    lookup.list(NAME).unwrap_or_default()
}

fn check(text: &str) -> Result<(), ConfigError> {
    // The URL standard removes line feeds and tabs from an address.
    let url = Url::parse(text).ok().filter(|url| is_plain(url) && !text.contains(char::is_whitespace));
    match url.as_ref().and_then(origin_of) {
        Some(origin) if origin == text => Ok(()),
        Some(origin) => Err(ConfigError::new(format!("{NAME}: {} must be written {origin}.", shown(text)))),
        None => Err(match with_scheme(text) {
            Some(origin) => ConfigError::new(format!("{NAME}: {} has no scheme. Write {origin}.", shown(text))),
            None => ConfigError::invalid(
                NAME,
                "a list of origins as browsers send them, such as https://www.example.com,https://shop.example.com: each with \
                 scheme and host, without a path or a slash at its end, commas between them, and none of them `*`",
            ),
        }),
    }
}

/// Whether a URL may be repeated in an error: it has no user name, password or query, which can be secret.
fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
}

/// What a browser sends as the `Origin` of a page with this URL.
fn origin_of(url: &Url) -> Option<String> {
    let origin = match url.scheme() {
        "https" | "http" => url.origin().ascii_serialization(),
        // Pages with these schemes have no origin, or there are no such pages.
        "file" | "data" | "blob" | "about" | "javascript" | "ftp" | "ws" | "wss" => return None,
        // Apps (`capacitor://localhost`, `tauri://localhost`) and extensions (`chrome-extension://<id>`). To the URL standard such
        // an origin is opaque; the programs that have these schemes send it nevertheless.
        scheme => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}://{}{port}", url.host_str()?)
        }
    };
    // A URL may have characters such as `*` and `;` in its host.
    let (_, host) = origin.split_once("://")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    (!host.is_empty() && host.bytes().all(fits)).then_some(origin)
}

/// The origin that a host without a scheme, such as `localhost:8055`, stands for.
fn with_scheme(text: &str) -> Option<String> {
    if text == "null" || text.contains("//") || !text.contains(['.', ':']) && text != "localhost" {
        return None;
    }
    let url = Url::parse(&format!("https://{text}")).ok().filter(is_plain)?;
    let host = url.host_str()?;
    let local = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    if local { origin_of(&Url::parse(&format!("http://{text}")).ok()?) } else { origin_of(&url) }
}

/// An origin as an error shows it. It is not secret, but it can contain any characters.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(REPEATED).flat_map(char::escape_debug).collect();
    if text.chars().count() > REPEATED {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &str) -> Result<Vec<String>, ConfigError> {
        allowed_origins(&Lookup::new(|_| Some(list.to_owned())))
    }

    fn parse_with_wildcard(list: &str) -> Result<Vec<String>, ConfigError> {
        allowed_origins_or_any(&Lookup::new(|_| Some(list.to_owned())))
    }

    #[test]
    fn origins_of_browsers_apps_and_extensions_are_accepted() {
        for origin in [
            "https://shop.example",
            "https://shop.example:8443",
            "https://xn--mnchen-3ya.example",
            "http://localhost",
            "http://localhost:5173",
            "http://127.0.0.1:8055",
            "http://[::1]:3000",
            "http://intranet",
            "https://my_shop.example",
            "http://shop.example:443",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "app://localhost:8080",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://0f9c8d7e-6b5a-4c3d-2e1f-0a9b8c7d6e5f",
            "safari-web-extension://0F9C8D7E-6B5A-4C3D-2E1F-0A9B8C7D6E5F",
        ] {
            assert_eq!(parse(origin).ok(), Some(vec![origin.to_owned()]), "{origin}");
        }
    }

    #[test]
    fn an_origin_in_another_format_is_refused_with_the_right_one() {
        for (given, right) in [
            ("HTTPS://Shop.Example:443/", "https://shop.example"),
            ("https://Shop.example", "https://shop.example"),
            ("https://shop.example/", "https://shop.example"),
            ("https://shop.example/cart", "https://shop.example"),
            ("https://shop.example:443", "https://shop.example"),
            ("https://shop.example:", "https://shop.example"),
            ("https:/shop.example", "https://shop.example"),
            ("http://shop.example:80", "http://shop.example"),
            ("http://shop.example:080", "http://shop.example"),
            ("https://münchen.example", "https://xn--mnchen-3ya.example"),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
            ("shop.example", "https://shop.example"),
            ("shop.example/", "https://shop.example"),
            ("shop.example:8443", "https://shop.example:8443"),
            ("Shop.example:443", "https://shop.example"),
            ("localhost", "http://localhost"),
            ("localhost:8055", "http://localhost:8055"),
            ("127.0.0.1:8055", "http://127.0.0.1:8055"),
            ("capacitor://localhost/", "capacitor://localhost"),
            ("Capacitor://localhost", "capacitor://localhost"),
            ("tauri://localhost/index.html", "tauri://localhost"),
        ] {
            let list = format!("https://www.example.com,{given}");
            for line in [parse(&list), parse_with_wildcard(&list)] {
                let line = line.expect_err(given).to_string();
                assert!(line.starts_with(&format!("ALLOWED_ORIGINS: {given} ")), "{line}");
                assert!(line.ends_with(&format!(" {right}.")), "{line}");
            }
            assert!(parse(right).is_ok(), "{right}");
        }
    }

    #[test]
    fn an_invalid_origin_is_refused() {
        for list in [
            "https://*.example",
            "https://*",
            "null",
            "shop",
            "file://",
            "file:///index.html",
            "data:x",
            "blob:https://shop.example/1",
            "javascript:alert(1)",
            "wss://shop.example",
            "https://",
            "//shop.example",
            "capacitor://",
            "capacitor:localhost-",
            "https://a.example https://b.example",
            "https://a.example;https://b.example",
            "https://a.example\nhttps://b.example",
            "\"https://a.example\"",
            "https://user:the-password@a.example",
            "https://a.example?key=the-password",
            "user:the-password@a.example",
        ] {
            for line in [parse(list), parse_with_wildcard(list)] {
                let line = line.expect_err(list).to_string();
                assert!(
                    line.starts_with("ALLOWED_ORIGINS is invalid: expected a list")
                        && line.contains("none of them `*`"),
                    "{line}"
                );
                assert!(!line.contains("the-password") && !line.contains('\n'), "{line}");
            }
        }
    }

    #[test]
    fn a_wildcard_is_accepted_for_unverified_users_only() {
        assert!(parse("*").is_err());
        for list in ["*", "https://shop.example, *"] {
            assert!(parse_with_wildcard(list).is_ok(), "{list}");
        }
    }

    #[test]
    fn only_the_beginning_of_a_long_origin_is_repeated() {
        let line = parse(&format!("https://shop.example/{}", "x".repeat(5_000))).expect_err("refused").to_string();
        assert!(line.len() < 250 && line.ends_with("must be written https://shop.example."), "{line}");
    }
}
