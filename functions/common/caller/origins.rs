//! From which origins pages may call: `ALLOWED_ORIGINS`. Browsers are kept to it by the gateway's CORS; here it decides
//! whether a cookie, which a browser sends whoever asks it to, counts as its user's wish.

use crate::config::source::{ConfigError, Source};
use reqwest::Url;

/// A list of origins (RFC 6454), compared exactly.
#[derive(Clone, Debug)]
pub(super) struct Origins(Vec<String>);

impl Origins {
    /// # Errors
    /// [`ConfigError`] for anything in the list that is no origin, and for `*`: with users who are verified that is never
    /// meant.
    pub(super) fn read(source: &Source) -> Result<Self, ConfigError> {
        const NAME: &str = "ALLOWED_ORIGINS";
        let origins = source.list(NAME);
        if origins.iter().all(|origin| is_origin(origin)) {
            return Ok(Self(origins));
        }
        Err(ConfigError::bad(
            NAME,
            "a list of origins, such as https://www.example.com,https://shop.example.com: each with scheme and host, without \
             a path or a slash at its end, and none of them `*`",
        ))
    }

    pub(super) fn is_empty(&self) -> bool {
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

fn is_origin(text: &str) -> bool {
    // To a URL a star is a letter like others.
    !text.contains('*')
        && Url::parse(text).is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &'static str) -> Result<Origins, ConfigError> {
        Origins::read(&Source::new(move |_| Some(list.into())))
    }

    #[test]
    fn an_origin_is_compared_whole() {
        let origins = read("https://shop.example, http://localhost:3000").expect("good origins");
        assert!(origins.allow(Some(b"https://shop.example"), None));
        assert!(origins.allow(Some(b"http://localhost:3000"), Some(b"cross-site")));
        for other in [
            "https://shop.example.evil.test",
            "https://shop.example:8443",
            "http://shop.example",
            "https://shop.exampl",
            "https://SHOP.example",
            "https://shop.example/",
            "null",
            "",
        ] {
            assert!(!origins.allow(Some(other.as_bytes()), Some(b"same-origin")), "{other}");
        }
    }

    #[test]
    fn without_an_origin_only_the_sites_own_pages_count() {
        let origins = read("https://shop.example").expect("good origins");
        assert!(origins.allow(None, Some(b"same-origin")));
        for site in [None, Some("same-site"), Some("cross-site"), Some("none"), Some("")] {
            assert!(!origins.allow(None, site.map(str::as_bytes)), "{site:?}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for list in [
            "*",
            "https://*.example",
            "shop.example",
            "https://shop.example/",
            "https://a.example/b",
            "null",
            "https://A.example",
            "data:x",
        ] {
            let line = read(list).expect_err(list).to_string();
            assert!(line.contains("ALLOWED_ORIGINS"), "{line}");
        }
        assert!(read(" , ").expect("an empty list").is_empty());
    }
}
