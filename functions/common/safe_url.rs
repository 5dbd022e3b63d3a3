//! The URLs that secrets may be sent to, and that trusted data may come from.

use reqwest::Url;

/// The URL, if it is safe: `https`, or `http` on this machine, and without a fragment. `None` otherwise.
pub(crate) fn parse(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok().filter(|url| url.fragment().is_none());
    let is_safe = |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(url));
    url.filter(is_safe)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost" | "host.docker.internal") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        None => false,
    }
}
