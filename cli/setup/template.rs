//! A setting of a recipe, with places for what differs from site to site: `https://YOUR_DOMAIN/`.

use cip::auth::operator::is_safe;
use reqwest::Url;
use std::collections::BTreeMap;

/// The site in the recipes' examples (RFC 2606).
const SITE: &str = "https://www.example.com";
/// A second origin in a list of them.
pub(super) const SECOND_SITE: &str = "https://shop.example.com";

/// The value of a setting.
#[derive(Debug)]
pub(super) struct Template<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Literal(&'a str),
    /// A scheme and host: `https://YOUR_DOMAIN`.
    Base(&'a str),
    /// Anything else: `YOUR_CLIENT_ID`.
    Text(&'a str),
}

/// Whether a placeholder may stay empty. The entry of a list with it is then left out.
pub(super) fn is_optional(placeholder: &str) -> bool {
    placeholder.starts_with("YOUR_SECOND_")
}

impl<'a> Template<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = text;
        // A list of the site's origins has no placeholder.
        if text.contains(SECOND_SITE) {
            tokens.push(Token::Literal(text));
            rest = "";
        }
        while !rest.is_empty() {
            let site = rest.find(SITE).map(|at| (at, SITE.len(), "YOUR_SITE", true));
            let yours = rest.find("YOUR_").map(|at| {
                let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
                let length = rest[at..].find(|c| !is_part(c)).unwrap_or(rest.len() - at);
                let name = &rest[at..at + length];
                let is_whole_host = matches!(rest[at + length..].bytes().next(), None | Some(b'/' | b',' | b'|'));
                match rest[..at].strip_suffix("https://") {
                    Some(before) if is_whole_host => (before.len(), length + "https://".len(), name, true),
                    _ => (at, length, name, false),
                }
            });
            let Some((at, length, name, is_base)) = [site, yours].into_iter().flatten().min() else {
                tokens.push(Token::Literal(rest));
                break;
            };
            if at > 0 {
                tokens.push(Token::Literal(&rest[..at]));
            }
            tokens.push(if is_base { Token::Base(name) } else { Token::Text(name) });
            rest = &rest[at + length..];
        }
        Self { text, tokens }
    }

    pub(super) fn placeholders(&self) -> impl Iterator<Item = &'a str> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Base(name) | Token::Text(name) => Some(*name),
            Token::Literal(_) => None,
        })
    }

    /// The value with these answers. `origins` are those of the site's pages.
    pub(super) fn fill(&self, answers: &BTreeMap<String, String>, origins: &str) -> String {
        if self.text.contains(SECOND_SITE) {
            let entry = self.text.split(',').next().unwrap_or_default();
            return origins.split(',').map(|origin| entry.replace(SITE, origin)).collect::<Vec<_>>().join(",");
        }
        let without = |name: &&str| is_optional(name) && answers.get(*name).is_none_or(String::is_empty);
        if let Some(name) = self.placeholders().find(without) {
            let kept: Vec<_> = self.text.split(',').filter(|entry| !entry.contains(name)).collect();
            return Template::of(&kept.join(",")).fill(answers, origins);
        }
        let parts = self.tokens.iter().map(|token| match token {
            Token::Literal(text) => text,
            Token::Base(name) | Token::Text(name) => answers.get(*name).map_or("", String::as_str),
        });
        parts.collect()
    }

    /// The answers with which this template gives the value, if there are such.
    pub(super) fn find(&self, value: &str) -> Option<BTreeMap<String, String>> {
        if self.text.contains(SECOND_SITE) {
            return Some(BTreeMap::new());
        }
        let mut found = BTreeMap::new();
        let mut rest = value;
        for (index, token) in self.tokens.iter().enumerate() {
            let name = match token {
                Token::Literal(text) => {
                    rest = rest.strip_prefix(text)?;
                    continue;
                }
                Token::Base(name) | Token::Text(name) => name,
            };
            // The slashes after a scheme begin no path.
            let scheme = rest.find("://").filter(|_| matches!(token, Token::Base(_))).map_or(0, |at| at + 3);
            let end = match &self.tokens[index + 1..] {
                [Token::Literal(last)] => rest.strip_suffix(last)?.len(),
                [Token::Literal(next), ..] => scheme + rest[scheme..].find(next)?,
                _ => rest.len(),
            };
            let answer = rest[..end].to_owned();
            if answer.is_empty() || found.get(*name).is_some_and(|other| *other != answer) {
                return None;
            }
            found.insert((*name).to_owned(), answer);
            rest = &rest[end..];
        }
        rest.is_empty().then_some(found)
    }

    /// What may follow a scheme and host.
    fn continuations(&self, placeholder: &str) -> impl Iterator<Item = &'a str> {
        let follows = move |pair: &[Token<'a>]| match pair {
            [Token::Base(name), Token::Literal(text)] if *name == placeholder && text.len() > 1 => {
                text.split([',', '|']).next()
            }
            _ => None,
        };
        self.tokens.windows(2).filter_map(follows)
    }
}

/// A value for a placeholder as somebody typed or pasted it.
pub(super) fn clean(templates: &[&Template], placeholder: &str, typed: &str) -> Result<String, String> {
    let typed = typed.trim().trim_matches(['"', '\'']).trim();
    if typed.is_empty() {
        return Err("it is empty".into());
    }
    if templates.iter().any(|template| template.tokens.contains(&Token::Base(placeholder))) {
        let mut after: Vec<_> = templates.iter().flat_map(|template| template.continuations(placeholder)).collect();
        after.push("/.well-known/");
        return base_url(typed, &after);
    }
    let addresses = [typed.to_owned(), format!("https://{typed}")];
    let whole = addresses.iter().flat_map(|address| templates.iter().map(move |template| (address, template)));
    let within = whole.filter(|(_, template)| template.tokens.len() > 1).find_map(|(address, template)| {
        template.find(address)?.remove(placeholder).filter(|found| !found.contains('/'))
    });
    let value = within.or_else(|| label(templates, placeholder, typed)).unwrap_or_else(|| typed.to_owned());
    if value.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '|' | '\'' | '"')) {
        return Err("expected one value without spaces, commas and quotation marks".into());
    }
    Ok(value)
}

/// Scheme, host and perhaps a path, without what the recipe adds.
pub(super) fn base_url(typed: &str, after: &[&str]) -> Result<String, String> {
    const EXPECTED: &str = "expected a domain or address, such as login.example.com";
    let with_scheme = match typed.split_once("://") {
        Some(_) => typed.to_owned(),
        None if is_safe(&format!("http://{typed}")) => format!("http://{typed}"),
        None => format!("https://{typed}"),
    };
    let mut url = Url::parse(&with_scheme).map_err(|_| EXPECTED)?;
    if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() || url.password().is_some() {
        return Err(EXPECTED.into());
    }
    url.set_query(None);
    url.set_fragment(None);
    if !is_safe(url.as_str()) && url.set_scheme("https").is_err() {
        return Err(EXPECTED.into());
    }
    let is_host = url
        .host_str()
        .is_some_and(|host| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)));
    if !is_host {
        return Err(EXPECTED.into());
    }
    let path = url.path().to_owned();
    let end = after.iter().filter_map(|text| format!("{path}/").find(text)).min().unwrap_or(path.len());
    url.set_path(&path[..end.min(path.len())]);
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The part of a host name that the recipe has a place for: `example` of `https://example.supabase.co/`.
fn label(templates: &[&Template], placeholder: &str, typed: &str) -> Option<String> {
    let host = typed.split_once("://").map_or(typed, |(_, rest)| rest);
    let host = host.split('/').next()?;
    let suffixes = templates.iter().flat_map(|template| template.tokens.windows(2)).filter_map(|pair| match pair {
        [Token::Text(name), Token::Literal(text)] if *name == placeholder && text.starts_with('.') => {
            Some(text.split(['/', ',']).next().unwrap_or(text))
        }
        _ => None,
    });
    suffixes.filter_map(|suffix| host.strip_suffix(suffix)).find(|label| !label.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_found_in_what_people_paste() {
        let template = Template::of("https://YOUR_DOMAIN/.well-known/jwks.json");
        for typed in [
            "shop.auth0.com",
            " https://shop.auth0.com/ ",
            "http://shop.auth0.com",
            "SHOP.auth0.com/",
            "https://shop.auth0.com/.well-known/jwks.json",
            "https://shop.auth0.com/.well-known/openid-configuration?x=1#y",
            "\"shop.auth0.com\"",
        ] {
            let answer = clean(&[&template], "YOUR_DOMAIN", typed).expect(typed);
            assert_eq!(answer, "https://shop.auth0.com", "{typed}");
        }
        for typed in
            ["", " ", "two words", "ftp://a.example", "https://u:p@a.example", "https://", "a.example,b.example"]
        {
            assert!(clean(&[&template], "YOUR_DOMAIN", typed).is_err(), "{typed}");
        }
        for (typed, expected) in [
            ("http://localhost:8080/", "http://localhost:8080"),
            ("localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:9/tenant", "http://127.0.0.1:9/tenant"),
            ("https://kc.example/auth/realms/shop/account", "https://kc.example/auth"),
        ] {
            let keycloak = Template::of("https://YOUR_KEYCLOAK/realms/YOUR_REALM");
            assert_eq!(clean(&[&keycloak], "YOUR_KEYCLOAK", typed).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_part_of_an_address_is_found_in_the_whole() {
        let pool =
            Template::of("https://cognito-idp.YOUR_REGION.amazonaws.com/YOUR_USER_POOL_ID/.well-known/jwks.json");
        let issuer = Template::of("https://cognito-idp.YOUR_REGION.amazonaws.com/YOUR_USER_POOL_ID");
        let address = "cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab";
        let whole = format!("https://{address}");
        let of_pool = |name, typed| clean(&[&pool, &issuer], name, typed);
        assert_eq!(of_pool("YOUR_REGION", address).as_deref(), Ok("eu-central-1"));
        assert_eq!(of_pool("YOUR_USER_POOL_ID", &whole).as_deref(), Ok("eu-central-1_Ab"));
        assert_eq!(of_pool("YOUR_REGION", "eu-central-1").as_deref(), Ok("eu-central-1"));
        let project = Template::of("https://YOUR_PROJECT.supabase.co/auth/v1");
        for typed in [
            "abc",
            "abc.supabase.co",
            "https://abc.supabase.co/",
            "https://abc.supabase.co/auth/v1",
            "https://abc.supabase.co/x",
        ] {
            assert_eq!(clean(&[&project], "YOUR_PROJECT", typed).as_deref(), Ok("abc"), "{typed}");
        }
        let audience = Template::of("YOUR_API_IDENTIFIER");
        assert_eq!(
            clean(&[&audience], "YOUR_API_IDENTIFIER", "https://x.example/").as_deref(),
            Ok("https://x.example/")
        );
        assert!(clean(&[&audience], "YOUR_API_IDENTIFIER", "a,b").is_err());
    }

    #[test]
    fn the_answers_are_found_in_a_filled_template() {
        let template = Template::of("https://YOUR_KEYCLOAK/realms/YOUR_REALM|https://YOUR_KEYCLOAK/");
        let answers = [("YOUR_KEYCLOAK", "http://127.0.0.1:80/auth"), ("YOUR_REALM", "shop")];
        let answers: BTreeMap<_, _> = answers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let filled = template.fill(&answers, "");
        assert_eq!(filled, "http://127.0.0.1:80/auth/realms/shop|http://127.0.0.1:80/auth/");
        assert_eq!(template.find(&filled), Some(answers));
        assert_eq!(template.find("https://a/realms/b|https://c/"), None);
        assert_eq!(template.find("https://a/realm/b"), None);
    }
}
