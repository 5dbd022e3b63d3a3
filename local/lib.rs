//! The whole service on one machine, for `cargo local`.
//!
//! | file | what it is |
//! |---|---|
//! | [`gateway`] | API Gateway: turns an HTTP request into an event, runs the function's own code, and turns its result into a response |
//! | [`authorizer`] | API Gateway's JWT authorizer, for `AUTH=authorizer` |
//! | [`calls`] | the calls as they happen, for the terminal and the page |
//! | [`cors`] | the origins whose pages may call, as in the template |
//! | [`credentials`] | a login for development: a secret, and the credentials that are signed with it |
//! | [`log`] | what is written to the terminal |
//! | [`page`] | the page with two devices, and the chat panel for other pages |
//! | [`settings`] | the settings from the environment, `.env` and the options; without a LiveChat account, the sandbox's account |
//!
//! The functions call accounts.livechat.com and DynamoDB. Their stand-ins are in the package [`sandbox`].

pub mod authorizer;
pub mod calls;
pub mod cors;
pub mod credentials;
pub mod gateway;
pub mod log;
pub mod page;
pub mod settings;
