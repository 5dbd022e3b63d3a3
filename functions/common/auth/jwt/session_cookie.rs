//! `JWT_COOKIE`: a token in the site's own session cookie. Browsers send a cookie with a call from any page, so it is accepted only in
//! calls from the site's own pages.

use crate::auth::{Origins, only};
use cookie::Cookie;
use lambda_http::http::{
    HeaderMap,
    header::{COOKIE, ORIGIN},
};

/// The cookie that may have a token, and the pages that may send it.
#[derive(Debug)]
pub(crate) struct SessionCookie {
    name: String,
    origins: Origins,
}

/// RFC 6265, section 5.2: nothing else is trimmed around a name.
const BLANKS: [char; 2] = [' ', '\t'];

impl SessionCookie {
    /// The most tokens in cookies of this name. A browser sends two cookies if a parent domain or another path set one too.
    const MOST: usize = 8;

    /// The cookie `name`, in calls from pages of these origins.
    pub(crate) fn new(name: String, origins: Origins) -> Self {
        Self { name, origins }
    }

    /// The different tokens in the cookies of this name; empty if the request has no such cookie.
    ///
    /// # Errors
    /// Why the cookie is not accepted, for the log.
    pub(super) fn tokens(&self, headers: &HeaderMap) -> Result<Vec<String>, &'static str> {
        let all: Vec<_> = headers
            .get_all(COOKIE)
            .iter()
            // Other cookies may contain any bytes.
            .map(|line| String::from_utf8_lossy(line.as_bytes()))
            .flat_map(|line| line.split(';').map(|cookie| cookie.trim_matches(BLANKS).to_owned()).collect::<Vec<_>>())
            .collect();
        let mut tokens: Vec<String> = Vec::new();
        for cookie in all.iter().filter_map(|text| self.parsed(text)) {
            let token = cookie.value_trimmed();
            if !token.is_empty() && !tokens.iter().any(|other| other == token) {
                tokens.push(token.to_owned());
            }
        }
        if tokens.is_empty() {
            if all.iter().any(|text| self.is_damaged(text)) {
                return Err("the cookie is damaged");
            }
            if all.iter().any(|text| self.is_part(text)) {
                return Err("the cookie comes in parts, which a signed token never does");
            }
            return Ok(tokens);
        }
        if tokens.len() > Self::MOST {
            return Err("too many cookies of that name");
        }
        let origin = only(headers, ORIGIN.as_str()).map_err(|_| "two origins")?;
        let fetch_site = only(headers, "sec-fetch-site").unwrap_or_default();
        if !self.origins.allow(origin, fetch_site) {
            return Err("the cookie came with a call from a page of another origin");
        }
        Ok(tokens)
    }

    /// The cookie, if it has exactly this name. The parser trims whitespace that browsers keep: with such a character before it,
    /// another host can set a cookie that the parser takes for `__Host-session`.
    fn parsed<'a>(&self, text: &'a str) -> Option<Cookie<'a>> {
        let (name, _) = text.split_once('=')?;
        Cookie::parse(text).ok().filter(|cookie| name == self.name && cookie.name() == self.name)
    }

    /// Whether this is the first part of a split cookie. Libraries that keep a whole session in a cookie split a long one into
    /// `<name>.0`, `<name>.1` and so on.
    fn is_part(&self, text: &str) -> bool {
        text.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with(".0="))
    }

    /// Whether this is a damaged session cookie: one without a value, or with U+FFFD in place of characters that a header cannot have.
    fn is_damaged(&self, text: &str) -> bool {
        if self.parsed(text).is_some() {
            return false;
        }
        let replaced = char::REPLACEMENT_CHARACTER;
        let name = text.split('=').next().unwrap_or_default();
        let beginning = name.split(replaced).next().unwrap_or_default();
        [name.replace(replaced, "").trim(), beginning.trim()].contains(&self.name.as_str())
    }
}
