//! The redirect URI of the app, and what the browser brings back to it.

use crate::failure::Failure;
use reqwest::Url;
use secrecy::SecretString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One of the app's redirect URIs.
#[derive(Clone, Debug)]
pub(super) struct Redirect {
    /// As it is in the app's list.
    pub(super) uri: String,
    pub(super) url: Url,
}

/// What LiveChat has sent the browser back with.
#[derive(Debug)]
pub(super) enum Answer {
    /// The authorization code.
    Code(SecretString),
    /// The error's code, such as `access_denied`.
    Refused(String),
}

impl Redirect {
    /// # Errors
    /// What is expected.
    pub(super) fn parse(typed: &str) -> Result<Self, String> {
        let uri = typed.trim().to_owned();
        let url = Url::parse(&uri).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        let url = url.ok_or("expected an address such as https://www.example.com/ or http://127.0.0.1:8976/")?;
        if url.query().is_some() || url.fragment().is_some() || uri.contains("..") {
            return Err("LiveChat accepts no redirect URI with a query, a fragment or `..`".into());
        }
        Ok(Self { uri, url })
    }

    /// The addresses and the port of this machine at which the browser's request can be received; `None` if the redirect URI is not of this
    /// machine. A machine may lack the second address.
    pub(super) fn of_this_machine(&self) -> Option<(Vec<IpAddr>, u16)> {
        let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
        let addresses = match self.url.host_str()? {
            "127.0.0.1" => vec![v4],
            "[::1]" => vec![v6],
            "localhost" => vec![v4, v6],
            _ => return None,
        };
        let port = self.url.port_or_known_default().filter(|_| self.url.scheme() == "http")?;
        Some((addresses, port))
    }
}

impl Answer {
    /// What an address has that LiveChat has sent the browser to.
    ///
    /// # Errors
    /// Why it does not belong to the login with this `state`.
    pub(super) fn of(address: &Url, state: &str) -> Result<Self, String> {
        let value = |name: &str| {
            let mut values =
                address.query_pairs().filter(|(other, _)| other == name).map(|(_, value)| value.into_owned());
            values.next().filter(|value| !value.is_empty())
        };
        let (code, error) = (value("code"), value("error").or_else(|| value("oauth_exception")));
        if code.is_none() && error.is_none() {
            return Err("the address has no code".into());
        }
        if value("state").as_deref() != Some(state) {
            return Err("the address belongs to another login: its state is not the one of the address above".into());
        }
        Ok(match (code, error) {
            (Some(code), None) => Self::Code(code.into()),
            (_, error) => {
                Self::Refused(error.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(64).collect())
            }
        })
    }

    /// What a person has pasted: the whole address, or the code alone, perhaps as it is in the address.
    ///
    /// # Errors
    /// Why it is neither.
    pub(super) fn pasted(text: &str, state: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains("://") {
            let address = Url::parse(text).map_err(|_| "that is not an address")?;
            return Self::of(&address, state);
        }
        // A code has no `&`; what is after one is another parameter.
        let code = text.trim_start_matches('?').split('&').find_map(|part| part.strip_prefix("code=")).unwrap_or(text);
        let is_code = |code: &str| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'&');
        if !is_code(code) {
            return Err("expected the whole address that the browser was sent to, or its code".into());
        }
        Ok(Self::Code(code.replace("%3A", ":").replace("%3a", ":").into()))
    }

    /// The code.
    ///
    /// # Errors
    /// [`Failure::Service`] if LiveChat has refused.
    pub(super) fn code(self) -> Result<SecretString, Failure> {
        match self {
            Self::Code(code) => Ok(code),
            Self::Refused(error) => Err(Failure::Service(format!(
                "LiveChat gave no code: {error}. Nothing was stored. Was the app allowed to act for the agent?"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn pasted(text: &str) -> Result<String, String> {
        match Answer::pasted(text, "the-state")? {
            Answer::Code(code) => Ok(code.expose_secret().to_owned()),
            Answer::Refused(error) => Ok(format!("refused: {error}")),
        }
    }

    #[test]
    fn a_code_is_found_in_what_people_paste() {
        for text in [
            "https://shop.example/?code=dal%3Aone-Two_3&state=the-state",
            "  https://shop.example/chat/?state=the-state&code=dal:one-Two_3#\n",
            "dal:one-Two_3\n",
            "dal%3Aone-Two_3",
            "dal%3aone-Two_3",
            "code=dal%3Aone-Two_3&state=the-state",
            "?code=dal%3Aone-Two_3",
        ] {
            assert_eq!(pasted(text).as_deref(), Ok("dal:one-Two_3"), "{text}");
        }
        let refused = pasted("https://shop.example/?error=access_denied&state=the-state");
        assert_eq!(refused.as_deref(), Ok("refused: access_denied"));
    }

    #[test]
    fn what_is_not_of_this_login_is_refused() {
        for text in [
            "",
            "https://shop.example/",
            "https://shop.example/?code=dal:x",
            "https://shop.example/?code=dal:x&state=",
            "https://shop.example/?code=dal:x&state=another",
            "https://shop.example/?code=&state=the-state",
            "two words",
            "dal:x&y",
        ] {
            assert!(pasted(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_redirect_uris_of_this_machine_are_listened_at() {
        let port = |uri: &str| {
            Redirect::parse(uri).expect(uri).of_this_machine().map(|(addresses, port)| (addresses.len(), port))
        };
        assert_eq!(port("http://127.0.0.1:8976/agent"), Some((1, 8976)));
        assert_eq!(port("http://[::1]:8976/"), Some((1, 8976)));
        assert_eq!(port("http://localhost:8976"), Some((2, 8976)));
        for uri in
            ["https://localhost:8976/", "http://localhost.example:1/", "http://10.0.0.1:1/", "https://shop.example/"]
        {
            assert_eq!(port(uri), None, "{uri}");
        }
        for uri in [
            "",
            "shop.example",
            "ftp://127.0.0.1:1/",
            "http://127.0.0.1:1/?a",
            "http://127.0.0.1:1/#a",
            "http://127.0.0.1:1/a/../b",
        ] {
            assert!(Redirect::parse(uri).is_err(), "{uri}");
        }
    }
}
