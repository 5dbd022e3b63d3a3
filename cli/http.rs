//! HTTP clients, and the addresses of the command line.

use crate::failure::Failure;
use reqwest::{Client, ClientBuilder, Url};
use std::net::IpAddr;

/// A client for requests to `url`. What is on this machine is reached without a proxy, whatever the environment says.
pub(crate) fn client(url: &str) -> ClientBuilder {
    let client = Client::builder();
    if Url::parse(url).is_ok_and(|url| is_loopback(&url)) { client.no_proxy() } else { client }
}

/// Whether a URL is one of this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

/// Reads an address of the command line. It is printed, so it must have no password.
///
/// # Errors
/// [`Failure::Input`], which does not repeat it.
pub(crate) fn address(option: &str, text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).map_err(|error| Failure::Input(format!("{option} is not a URL: {error}.")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Failure::Input(format!("{option} must begin with https:// or http://.")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Failure::Input(format!("{option} must not have a user name or password in it.")));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_password_and_errors_do_not_repeat_it() {
        for text in ["http://user:hunter2@127.0.0.1/", "https://hunter2@example.com/", "hunter2@x", "ftp://hunter2"] {
            let why = address("--local", text).expect_err("refused").to_string();
            assert!(why.starts_with("--local ") && !why.contains("hunter2"), "{why}");
        }
        assert!(address("--local", "http://127.0.0.1:3000").is_ok());
    }

    #[test]
    fn addresses_of_this_machine_are_recognised() {
        let is_here = |url: &str| is_loopback(&Url::parse(url).expect("a URL"));
        for url in ["http://127.0.0.1:3000", "http://127.8.0.1", "http://[::1]:1/x", "http://localhost"] {
            assert!(is_here(url), "{url}");
        }
        for url in ["http://127.0.0.1.example.com", "http://10.0.0.1", "http://[::2]", "https://localhost.example"] {
            assert!(!is_here(url), "{url}");
        }
    }
}
