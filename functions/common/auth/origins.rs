//! `ALLOWED_ORIGINS`: the origins of the site's pages. The gateway's CORS uses the list too. Here it decides whether a session cookie
//! counts: browsers send it with a call from a page of any site.

use crate::settings::ConfigError;
use reqwest::Url;

const NAME: &str = "ALLOWED_ORIGINS";

/// The longest part of an origin that an error repeats, in characters.
const REPEATED: usize = 100;

/// A list of origins (RFC 6454), compared exactly.
#[derive(Clone, Debug)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// # Errors
    /// [`ConfigError`] for an entry that browsers never send as an `Origin`, with the right one if it can be told; and for `*`, which
    /// would let the pages of every site call as the user.
    pub(crate) fn parse(origins: Vec<String>) -> Result<Self, ConfigError> {
        origins.iter().try_for_each(|origin| check(origin))?;
        Ok(Self(origins))
    }

    /// The same if nobody is verified: then origins restrict nobody, and `*` is accepted too.
    ///
    /// # Errors
    /// As [`Origins::parse`].
    pub(crate) fn parse_with_wildcard(origins: Vec<String>) -> Result<Self, ConfigError> {
        origins.iter().filter(|origin| *origin != "*").try_for_each(|origin| check(origin))?;
        Ok(Self(origins))
    }

    pub(crate) fn into_inner(self) -> Vec<String> {
        self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request from a browser comes from a page of the site.
    ///
    /// `origin` is its `Origin`, which browsers leave out of a `GET` to the page's own origin; then `fetch_site`, its
    /// `Sec-Fetch-Site` (W3C *Fetch Metadata*), must say that it is one. No page can set either.
    pub(super) fn allow(&self, origin: Option<&[u8]>, fetch_site: Option<&[u8]>) -> bool {
        match origin {
            Some(origin) => self.0.iter().any(|allowed| allowed.as_bytes() == origin),
            None => fetch_site == Some(b"same-origin"),
        }
    }
}

fn check(text: &str) -> Result<(), ConfigError> {
    // The URL standard takes line feeds and tabs out of an address.
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

/// Whether a URL may be repeated in an error: user names, passwords and queries are nobody's business.
fn is_plain(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
}

/// What a browser sends as the `Origin` of a page with this URL.
fn origin_of(url: &Url) -> Option<String> {
    let origin = match url.scheme() {
        "https" | "http" => url.origin().ascii_serialization(),
        // Pages of these have no origin, or there are no pages of these.
        "file" | "data" | "blob" | "about" | "javascript" | "ftp" | "ws" | "wss" => return None,
        // Apps (`capacitor://localhost`, `tauri://localhost`) and extensions (`chrome-extension://<id>`). To the URL standard such
        // an origin is opaque; the programs that have these schemes send it nevertheless.
        scheme => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}://{}{port}", url.host_str()?)
        }
    };
    // To a URL, characters such as `*` and `;` are like others.
    let (_, host) = origin.split_once("://")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    (!host.is_empty() && host.bytes().all(fits)).then_some(origin)
}

/// The origin that was meant with a host alone, such as `localhost:8055`.
fn with_scheme(text: &str) -> Option<String> {
    if text == "null" || text.contains("//") || !text.contains(['.', ':']) && text != "localhost" {
        return None;
    }
    let url = Url::parse(&format!("https://{text}")).ok().filter(is_plain)?;
    let host = url.host_str()?;
    let local = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    if local { origin_of(&Url::parse(&format!("http://{text}")).ok()?) } else { origin_of(&url) }
}

/// An origin in an error: it is no secret, but it may be anything.
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

    fn entries(list: &str) -> Vec<String> {
        list.split(',').map(|entry| entry.trim().to_owned()).collect()
    }

    fn parse(list: &str) -> Result<Origins, ConfigError> {
        Origins::parse(entries(list))
    }

    fn parse_with_wildcard(list: &str) -> Result<Origins, ConfigError> {
        Origins::parse_with_wildcard(entries(list))
    }

    #[test]
    fn an_origin_is_compared_whole() {
        let origins =
            parse("https://shop.example, http://localhost:3000, capacitor://localhost").expect("good origins");
        assert!(origins.allow(Some(b"https://shop.example"), None));
        assert!(origins.allow(Some(b"http://localhost:3000"), Some(b"cross-site")));
        assert!(origins.allow(Some(b"capacitor://localhost"), Some(b"cross-site")));
        for other in [
            "https://shop.example.evil.test",
            "https://shop.example:8443",
            "http://shop.example",
            "https://shop.exampl",
            "https://SHOP.example",
            "https://shop.example/",
            "capacitor://localhost.evil.test",
            "capacitor://localhost:80",
            "ionic://localhost",
            "http://localhost",
            "null",
            "",
        ] {
            assert!(!origins.allow(Some(other.as_bytes()), Some(b"same-origin")), "{other}");
        }
    }

    #[test]
    fn without_an_origin_only_the_sites_own_pages_count() {
        let origins = parse("https://shop.example").expect("good origins");
        assert!(origins.allow(None, Some(b"same-origin")));
        for site in [None, Some("same-site"), Some("cross-site"), Some("none"), Some("")] {
            assert!(!origins.allow(None, site.map(str::as_bytes)), "{site:?}");
        }
    }

    #[test]
    fn what_browsers_and_apps_send_is_an_origin() {
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
            assert_eq!(parse(origin).map(|origins| origins.0).ok(), Some(vec![origin.to_owned()]), "{origin}");
        }
    }

    #[test]
    fn another_form_of_an_origin_is_refused_with_the_right_one() {
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
    fn what_is_no_origin_is_refused() {
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
    fn any_origin_is_for_unverified_users_only() {
        assert!(parse("*").is_err());
        for list in ["*", "https://shop.example, *"] {
            assert!(parse_with_wildcard(list).is_ok(), "{list}");
        }
    }

    #[test]
    fn no_more_of_a_long_origin_is_repeated_than_is_needed() {
        let line = parse(&format!("https://shop.example/{}", "x".repeat(5_000))).expect_err("refused").to_string();
        assert!(line.len() < 250 && line.ends_with("must be written https://shop.example."), "{line}");
    }
}
