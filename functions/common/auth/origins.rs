//! The origins of the site's pages: `ALLOWED_ORIGINS`. The gateway's CORS uses the list too. Here it decides whether a session cookie
//! is accepted: browsers send the cookie with a call from a page of any site.

/// A list of origins (RFC 6454), compared exactly.
#[derive(Clone, Debug)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// These origins, each as browsers send it.
    pub(crate) fn new(origins: Vec<String>) -> Self {
        Self(origins)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request from a browser comes from a page of the site.
    ///
    /// `origin` is the request's `Origin`. Browsers leave it out of a `GET` to the page's own origin. Then `fetch_site`, the request's
    /// `Sec-Fetch-Site` (W3C *Fetch Metadata*), must be `same-origin`. No page can set either header.
    pub(super) fn allow(&self, origin: Option<&[u8]>, fetch_site: Option<&[u8]>) -> bool {
        match origin {
            Some(origin) => self.0.iter().any(|allowed| allowed.as_bytes() == origin),
            None => fetch_site == Some(b"same-origin"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(list: &[&str]) -> Origins {
        Origins::new(list.iter().map(|origin| (*origin).to_owned()).collect())
    }

    #[test]
    fn an_origin_must_match_exactly() {
        let origins = origins(&["https://shop.example", "http://localhost:3000", "capacitor://localhost"]);
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
    fn without_an_origin_only_same_origin_requests_are_allowed() {
        let origins = origins(&["https://shop.example"]);
        assert!(origins.allow(None, Some(b"same-origin")));
        for site in [None, Some("same-site"), Some("cross-site"), Some("none"), Some("")] {
            assert!(!origins.allow(None, site.map(str::as_bytes)), "{site:?}");
        }
    }
}
