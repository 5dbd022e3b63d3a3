//! The browser of the person who logs in.

use reqwest::{Client, Url, header::LOCATION, redirect::Policy};

/// What a page showed: its status and its text.
pub(crate) type Page = (u16, String);

/// Opens an address, and follows redirects. The agent is signed in to LiveChat.
pub(crate) async fn open(address: &str) -> Page {
    let client = Client::builder().no_proxy().build().expect("a client");
    let response = client.get(address).send().await.expect("a page");
    (response.status().as_u16(), response.text().await.expect("text"))
}

/// Where LiveChat sends the browser to.
pub(crate) async fn sent_to(address: &str) -> Url {
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
    let response = client.get(address).send().await.expect("a page");
    let location = response.headers().get(LOCATION).expect("a redirect").to_str().expect("text").to_owned();
    Url::parse(&location).expect("an address")
}
