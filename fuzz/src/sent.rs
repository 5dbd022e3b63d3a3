//! Requests with tokens in their headers, and the expected caller of each.

use crate::{
    claims::Token,
    settings::{COOKIE, ORIGIN},
    verdict::{Is, User, Verdict},
};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// The headers of a request.
#[derive(Debug)]
pub struct Sent {
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The tokens in `Authorization`.
    bearers: Vec<usize>,
    authorization: Authorization,
    /// The tokens in cookies.
    cookies: Vec<usize>,
    /// Whether `Origin` and `Sec-Fetch-Site` allow cookies.
    is_allowed: bool,
    has_guest_id: bool,
}

/// What else is in `Authorization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Authorization {
    /// Nothing, or other schemes.
    Fine,
    /// An arbitrary value.
    Any,
    /// A value without a scheme.
    Bad,
}

/// The expected caller of a request.
#[derive(Debug)]
pub enum Expected {
    /// The request is refused.
    Refusal,
    /// A guest.
    Guest,
    /// This user.
    User(User),
    /// The request is refused, or the caller is one of these.
    Unclear {
        /// The users.
        users: Vec<User>,
        /// Whether a guest is possible too.
        or_guest: bool,
    },
}

impl Sent {
    /// Any request with some of these tokens.
    ///
    /// # Errors
    /// If there are no bytes left.
    pub fn any(u: &mut Unstructured, tokens: &[Token], has_guests: bool) -> Result<Self> {
        let mut sent = Self {
            headers: Vec::new(),
            bearers: Vec::new(),
            authorization: Authorization::Fine,
            cookies: Vec::new(),
            is_allowed: false,
            has_guest_id: has_guests && u.arbitrary()?,
        };
        if sent.has_guest_id {
            sent.headers.push(("x-guest-id", "0123456789abcdef0123456789abcdef".into()));
        }
        for _ in 0..u.int_in_range(0..=2)? {
            let value = sent.authorization(u, tokens)?;
            sent.headers.push(("authorization", value));
        }
        for _ in 0..u.int_in_range(0..=2)? {
            let value = sent.cookies(u, tokens)?;
            sent.headers.push(("cookie", value));
        }
        sent.add_origin(u)?;
        Ok(sent)
    }

    fn authorization(&mut self, u: &mut Unstructured, tokens: &[Token]) -> Result<String> {
        let nth = u.choose_index(tokens.len())?;
        let token = &tokens[nth].text;
        let (value, bearers) = match u.int_in_range(0..=8)? {
            0 => ("Basic YWxpY2U6eA==".to_owned(), vec![]),
            1 => ("Digest username=\"a\", realm=\"b\"".to_owned(), vec![]),
            2 => (format!("Basic YWxpY2U6eA==, Bearer {token}"), vec![nth]),
            3 => (format!("bEARER   {token} "), vec![nth]),
            4 => (format!("Bearer {token}, Bearer {token}"), vec![nth]),
            5 => {
                if !token.trim_matches([' ', '\t']).is_empty() {
                    self.authorization = Authorization::Bad;
                }
                (if token.contains(' ') { "x".to_owned() } else { token.clone() }, vec![])
            }
            6 => {
                self.authorization = self.authorization.max(Authorization::Any);
                (u.arbitrary::<&str>()?.replace(char::is_control, ""), vec![])
            }
            _ => (format!("Bearer {token}"), vec![nth]),
        };
        // The same token may be sent twice in a row.
        let text = |nth: &usize| tokens[*nth].text.trim_matches([' ', '\t']);
        self.bearers.extend(
            bearers.into_iter().filter(|nth| self.bearers.last().map(text) != Some(text(nth))).collect::<Vec<_>>(),
        );
        Ok(value)
    }

    fn cookies(&mut self, u: &mut Unstructured, tokens: &[Token]) -> Result<String> {
        let mut pairs = Vec::new();
        for _ in 0..u.int_in_range(0..=3)? {
            let nth = u.choose_index(tokens.len())?;
            let token = &tokens[nth].text;
            pairs.push(match u.int_in_range(0..=7)? {
                0 => format!("{COOKIE}="),
                1 => format!("Session={token}"),
                2 => format!("x{COOKIE}={token}"),
                3 => format!("x={}", u.arbitrary::<&str>()?.replace(char::is_control, "").replace([';', 's'], "")),
                4 => {
                    self.cookies.push(nth);
                    format!("{COOKIE}=\"{token}\"")
                }
                _ => {
                    self.cookies.push(nth);
                    format!("{COOKIE}={token}")
                }
            });
        }
        Ok(pairs.join(if u.arbitrary()? { "; " } else { ";" }))
    }

    fn add_origin(&mut self, u: &mut Unstructured) -> Result<()> {
        let evil = ["https://evil.example", "null", "https://shop.example/", "https://shop.example.evil.example", ""];
        let origins = match u.int_in_range(0..=7)? {
            0 => vec![],
            1 => vec![*u.choose(&evil)?],
            2 => vec![ORIGIN, *u.choose(&evil)?],
            _ => vec![ORIGIN],
        };
        let fetch_sites = match u.int_in_range(0..=3)? {
            0 => vec![*u.choose(&["cross-site", "same-site", "none", "same-origin, same-origin"])?],
            1 => vec!["same-origin"],
            2 => vec!["same-origin", "same-origin"],
            _ => vec![],
        };
        self.is_allowed = origins == [ORIGIN] || (origins.is_empty() && fetch_sites == ["same-origin"]);
        self.headers.extend(origins.into_iter().map(|origin| ("origin", origin.to_owned())));
        self.headers.extend(fetch_sites.into_iter().map(|site| ("sec-fetch-site", site.to_owned())));
        Ok(())
    }

    /// The expected caller, given the verdicts on the tokens.
    pub fn expected(&self, verdicts: &[Verdict], has_cookie: bool) -> Expected {
        let of = |nths: &[usize]| expected(&nths.iter().map(|nth| &verdicts[*nth]).collect::<Vec<_>>());
        match (self.authorization, self.bearers.as_slice()) {
            (Authorization::Bad, _) | (_, [_, _, ..]) => return Expected::Refusal,
            (Authorization::Any, bearers) => {
                let users = bearers.iter().chain(&self.cookies).filter_map(|nth| verdicts[*nth].user.clone());
                return Expected::Unclear { users: users.collect(), or_guest: self.has_guest_id };
            }
            (Authorization::Fine, [one]) => return of(&[*one]),
            (Authorization::Fine, []) => {}
        }
        if !has_cookie || self.cookies.is_empty() {
            return if self.has_guest_id { Expected::Guest } else { Expected::Refusal };
        }
        if self.is_allowed { of(&self.cookies) } else { Expected::Refusal }
    }
}

/// The expected caller for these tokens: all accepted tokens must be for the same user.
fn expected(verdicts: &[&Verdict]) -> Expected {
    let users = |least: Is| {
        let mut users: Vec<User> = Vec::new();
        for verdict in verdicts.iter().filter(|verdict| verdict.accepted >= least) {
            users.extend(verdict.user.iter().filter(|user| !users.contains(user)).cloned().collect::<Vec<_>>());
        }
        users
    };
    let (sure, possible) = (users(Is::Yes), users(Is::Unclear));
    match (sure.as_slice(), possible.as_slice()) {
        ([_, _, ..], _) | (_, []) => Expected::Refusal,
        ([one], [_]) => Expected::User(one.clone()),
        _ => Expected::Unclear { users: possible, or_guest: false },
    }
}
